// SPDX-License-Identifier: MIT
// How parameters start: the statistics of each distribution, and which tensors a scheme draws.
#include "support.h"

#include <mpad/nn/init.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/vgg.h>
#include <mpad/random.h>

#include <algorithm>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Moments {
  double mean = 0, square = 0, fourth = 0, largest = 0;
};

Moments moments_of(const Tensor& tensor) {
  Moments m;
  for (const double v : tensor.values()) {
    m.mean += v;
    m.square += v * v;
    m.fourth += v * v * v * v;
    m.largest = std::max(m.largest, std::abs(v));
  }
  const auto n = static_cast<double>(tensor.numel());
  return {m.mean / n, m.square / n, m.fourth / n, m.largest};
}

// Mean 0 and this deviation, to five deviations of each estimate; `kurtosis` is the fourth moment over deviation^4, and
// that of the estimate of the fourth moment is below 12 of its own for both distributions here.
void check_moments(const Tensor& tensor, double deviation, double kurtosis) {
  const auto n = static_cast<double>(tensor.numel());
  const double variance = deviation * deviation;
  const Moments m = moments_of(tensor);
  CHECK(std::abs(m.mean) < 5 * deviation / std::sqrt(n));
  CHECK(std::abs(m.square - variance) < 5 * variance * std::sqrt((kurtosis - 1) / n));
  CHECK(std::abs(m.fourth / (variance * variance) - kurtosis) < 5 * 12 / std::sqrt(n));
}

constexpr double normal = 3, uniform = 9.0 / 5;  // kurtosis

bool is_constant(const Tensor& tensor, double value) {
  const std::vector<double> values = tensor.values();
  return std::all_of(values.begin(), values.end(), [=](double v) { return v == value; });
}

Tensor named(Module& module, const std::string& path) {
  for (const NamedTensor& found : parameters(module))
    if (found.path == path) return found.tensor;
  FAIL("no parameter " << path);
  return {};
}

}  // namespace

TEST_CASE("the default is uniform in +-1 / sqrt(fan_in)") {
  set_seed(3);
  const Tensor tensor({20000});
  init_default(tensor, 25);
  check_moments(tensor, 0.2 / std::sqrt(3), uniform);
  // The largest of 20,000 lies within a thousandth of the bound but with a chance of e^-20.
  CHECK(moments_of(tensor).largest <= 0.2);
  CHECK(moments_of(tensor).largest > 0.2 * 0.999);
}

TEST_CASE("Kaiming's distributions have deviation gain / sqrt(fan), by fan-in and fan-out") {
  set_seed(4);
  const Tensor convolution({32, 3, 5, 64}), layer({100, 300});
  for (const auto& [fan, of_convolution, of_layer] :
       {std::tuple(Fan::in, 960.0, 300.0), std::tuple(Fan::out, 480.0, 100.0)}) {
    CHECK(fan_of(convolution, fan) == of_convolution);
    CHECK(fan_of(layer, fan) == of_layer);
    for (const auto& [tensor, size] : {std::pair(convolution, of_convolution), std::pair(layer, of_layer)}) {
      kaiming_normal(tensor, fan);
      check_moments(tensor, std::sqrt(2 / size), normal);
      CHECK(moments_of(tensor).largest > 3.5 * std::sqrt(2 / size));  // of 30,000: a chance of e^-14
      kaiming_uniform(tensor, fan);
      check_moments(tensor, std::sqrt(2 / size), uniform);
      CHECK(moments_of(tensor).largest <= std::sqrt(6 / size));
      kaiming_normal(tensor, fan, 0.5);
      check_moments(tensor, 0.5 / std::sqrt(size), normal);
      kaiming_uniform(tensor, fan, 0.5);
      check_moments(tensor, 0.5 / std::sqrt(size), uniform);
    }
  }
  CHECK_THROWS_WITH(fan_of(Tensor({3}), Fan::in), "fan: expected a weight of shape k,r,s,c or o,i, got 3");
}

TEST_CASE("a normal has its mean") {
  set_seed(5);
  const Tensor tensor({20000}, DType::f64);
  init_normal(tensor, 2, 0.5);
  CHECK(std::abs(moments_of(tensor).mean - 2) < 5 * 0.5 / std::sqrt(20000));
}

TEST_CASE("every precision starts from the same numbers, rounded once") {
  for (const DType dtype : real_dtypes) {
    const Tensor rounded({7, 3, 3, 5}, dtype), exact({7, 3, 3, 5}, DType::f64);
    for (const auto draw : {kaiming_normal, kaiming_uniform}) {
      set_seed(6);
      draw(rounded, Fan::in, 1);
      set_seed(6);
      draw(exact, Fan::in, 1);
      CHECK(same_bits(rounded, exact.to(dtype)));
    }
  }
}

TEST_CASE("a scheme draws weights and biases by layer, and normalisations start neutral") {
  Vgg model({.batch_norm = true});
  for (const NamedTensor& parameter : parameters(model)) parameter.tensor.fill(7);
  std::vector<std::string> drawn;
  const auto note = [&](const Tensor& weight, const Tensor& bias) {
    drawn.push_back(to_string(weight.shape()) + ' ' + to_string(bias.shape()));
  };
  init_layers(model, note, note);
  CHECK(drawn == std::vector<std::string>{"64,3,3,3 64", "128,3,3,64 128", "256,3,3,128 256", "256,3,3,256 256",
                                          "512,3,3,256 512", "512,3,3,512 512", "512,3,3,512 512", "512,3,3,512 512",
                                          "10,512 10"});
  CHECK(is_constant(named(model, "features.1.weight"), 1));
  CHECK(is_constant(named(model, "features.1.bias"), 0));
  CHECK(is_constant(named(model, "features.0.weight"), 7));
  init_layers(model, {}, draw_default);
  CHECK(is_constant(named(model, "features.0.weight"), 7));
  CHECK(moments_of(named(model, "classifier.weight")).largest <= 1 / std::sqrt(512));
}

TEST_CASE("the study's scheme for volumes") {
  set_seed(7);
  Vgg model({.batch_norm = true});
  init_volume(model);
  check_moments(named(model, "features.4.weight"), std::sqrt(2.0 / 576), uniform);
  check_moments(named(model, "classifier.weight"), 0.01, normal);
  for (const NamedTensor& parameter : parameters(model))
    if (parameter.path.ends_with("bias")) CHECK(is_constant(parameter.tensor, 0));
  CHECK(is_constant(named(model, "features.5.weight"), 1));
}

TEST_CASE("ResNet's convolutions start Kaiming normal by fan-out, its classifier by default") {
  set_seed(8);
  Resnet model;
  check_moments(named(model, "conv1.weight"), std::sqrt(2.0 / (9 * 64)), normal);
  check_moments(named(model, "layer2.0.downsample.0.weight"), std::sqrt(2.0 / 128), normal);
  check_moments(named(model, "layer2.0.conv1.weight"), std::sqrt(2.0 / (9 * 128)), normal);
  check_moments(named(model, "fc.weight"), 1 / std::sqrt(3 * 512), uniform);
  CHECK(moments_of(named(model, "fc.bias")).largest <= 1 / std::sqrt(512));
}
