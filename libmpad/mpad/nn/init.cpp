// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/nn/init.h>
#include <mpad/random.h>

#include <kernels.h>

#include <cmath>
#include <utility>

namespace mpad {
namespace {

void init_uniform(const Tensor& tensor, double bound) {
  const Rng rng = next_rng();
  on(tensor.device(),
     [&](auto where) { kernels::fill_uniform(where, tensor.view(), -bound, bound, rng.seed(), rng.stream()); });
}

// Draws what a module itself holds once both tensors are known, then what its children hold.
class Drawing final : public Visitor {
 public:
  Drawing(const DrawLayer& convolution, const DrawLayer& linear) : convolution_(convolution), linear_(linear) {}

  void visit(Module& module) {
    weight_ = bias_ = {};
    module.visit(*this);
    draw();
  }
  void parameter(std::string_view name, Tensor& tensor) override {
    if (name == "weight") weight_ = tensor;
    if (name == "bias") bias_ = tensor;
  }
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module& module) override {
    draw();
    visit(module);
  }

 private:
  void draw() {
    if (!weight_) return;
    const Tensor weight = std::exchange(weight_, {}), bias = std::exchange(bias_, {});
    if (weight.shape().rank() == 1) {
      weight.fill(1);
      if (bias) bias.fill(0);
      return;
    }
    const DrawLayer& draw_layer = weight.shape().rank() == 4 ? convolution_ : linear_;
    if (draw_layer) draw_layer(weight, bias);
  }
  const DrawLayer &convolution_, &linear_;
  Tensor weight_{}, bias_{};
};

}  // namespace

double fan_of(const Tensor& weight, Fan fan) {
  const Shape& s = weight.shape();
  require(s.rank() == 4 || s.rank() == 2, "fan: expected a weight of shape k,r,s,c or o,i, got {}", s);
  const std::int64_t taps = s.rank() == 4 ? s[1] * s[2] : 1;
  return static_cast<double>(taps * (fan == Fan::in ? s[s.rank() - 1] : s[0]));
}

void kaiming_normal(const Tensor& weight, Fan fan, double gain) {
  init_normal(weight, 0, gain / std::sqrt(fan_of(weight, fan)));
}

void kaiming_uniform(const Tensor& weight, Fan fan, double gain) {
  init_uniform(weight, gain * std::sqrt(3 / fan_of(weight, fan)));
}

void init_normal(const Tensor& tensor, double mean, double deviation) {
  const Rng rng = next_rng();
  on(tensor.device(),
     [&](auto where) { kernels::fill_normal(where, tensor.view(), mean, deviation, rng.seed(), rng.stream()); });
}

void init_default(const Tensor& tensor, double fan_in) { init_uniform(tensor, 1 / std::sqrt(fan_in)); }

void draw_default(const Tensor& weight, const Tensor& bias) {
  const double fan_in = fan_of(weight, Fan::in);
  init_default(weight, fan_in);
  if (bias) init_default(bias, fan_in);
}

void init_layers(Module& module, const DrawLayer& convolution, const DrawLayer& linear) {
  Drawing(convolution, linear).visit(module);
}

void init_volume(Module& module) {
  const auto zero = [](const Tensor& bias) {
    if (bias) bias.fill(0);
  };
  init_layers(
      module,
      [&](const Tensor& weight, const Tensor& bias) {
        kaiming_uniform(weight, Fan::in);
        zero(bias);
      },
      [&](const Tensor& weight, const Tensor& bias) {
        init_normal(weight, 0, 0.01);
        zero(bias);
      });
}

}  // namespace mpad
