// SPDX-License-Identifier: MIT
// Two programs on one forward: what differs over the reals, what only in floating-point numbers, and what does not.
#include "backends.h"

#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/study/recorded_loss.h>

#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

const Choices native{.ties = TieRule::native()}, minimal{.ties = TieRule::minimal()};
constexpr double infinity = std::numeric_limits<double>::infinity();

Tensor label() { return Tensor::from(std::vector<std::int32_t>{0}, {1}); }

// An image, times `scale`, `middle`, and a score of `weight` times the result against a score of 0. Where the result
// is 0, so are both scores, and the gradient of the first is -1/2 exactly.
template <class... Middle>
Sequential scaling(double scale, double weight, DType dtype, Middle... middle) {
  Sequential net{Conv2d({.in = 1, .out = 1, .kernel = 1}), std::move(middle)..., Flatten(),
                 Linear({.in = 1, .out = 2, .bias = false})};
  std::vector<NamedTensor> all = parameters(net);
  all.front().tensor.fill(scale);
  all[1].tensor.fill(0);
  all.back().tensor.copy_from(Tensor::from({weight, 0}, {2, 1}));
  net.to(dtype);
  return net;
}

Comparison compared(Module& net, const Tensor& image, const Choices& first = native, const Choices& second = minimal,
                    VectorNorm norm = VectorNorm::infinity) {
  RecordedLoss loss(net, {image, label().to(image.device())});
  return compare(loss.gradients(first), loss.gradients(second), norm);
}

// In the last place of 1.
double unit(DType dtype) { return dtype == DType::f16 ? 0x1p-10 : dtype == DType::f32 ? 0x1p-23 : 0x1p-52; }

Tensor ascending(DType dtype) { return Tensor::from({1, 2, 3, 4}, {1, 2, 2, 1}, dtype); }

// Random pixels, or rows of one random colour each, which tie in every window.
Tensor image_of(bool rows, DType dtype, std::uint64_t seed) {
  std::vector<double> values = random_tensor({14, 14}, dtype, seed).values();
  if (rows)
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = values[i / 14 * 14];
  return Tensor::from(values, {1, 14, 14, 1}, dtype);
}

}  // namespace

TEST_CASE("equal inputs of a tie compensate: nine ninths are one, but for rounding") {
  for (DType dtype : real_dtypes) {
    Sequential net = scaling(1, 1, dtype, MaxPool2d({.window = 3}));
    const Comparison got = compared(net, Tensor::full({1, 3, 3, 1}, 1.14, dtype));
    INFO(to_string(dtype));
    CHECK(got.difference > 0);
    CHECK(got.difference < unit(dtype));
    CHECK(got.residue < 0x1p-50);
    CHECK(got.zone == Zone::compensation);
  }
}

TEST_CASE("different inputs of a tie bifurcate") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      // All products are 0. The weight's derivative is -1/2 times 1, or times 2.5; that of the bias is the same.
      Sequential net = scaling(0, 1, dtype, MaxPool2d());
      net.to(device);
      const Comparison got = compared(net, ascending(dtype).to(device));
      CHECK(got.difference == 0.75);
      CHECK(got.residue == 0.6);
      CHECK(got.zone == Zone::bifurcation);
      RecordedLoss loss(net, {ascending(dtype).to(device), label().to(device)});
      CHECK(compare(loss, native, minimal, VectorNorm::infinity).difference == 0.75);
    }
}

TEST_CASE("ties at 0 behind ReLU are neither") {
  for (Device device : devices())
    for (DType dtype : real_dtypes)
      for (double scale : {-1.0, 0.0}) {
        Sequential apart = scaling(scale, 1, dtype, Relu(), MaxPool2d()),
                   fused = scaling(scale, 1, dtype, ReluMaxPool2d());
        for (Module* net : {&apart, &fused}) {
          net->to(device);
          const Tensor image = ascending(dtype).to(device);
          RecordedLoss loss(*net, {image, label().to(device)});
          CHECK(loss.ties()[0].zero_ties == 1);
          CHECK(loss.cannot_differ(native, minimal));
          const Comparison got = compared(*net, image);
          CHECK(got.difference == 0);
          CHECK(got.residue == 0);
          CHECK(got.zone == Zone::none);
        }
      }
}

TEST_CASE("ReLU'(0) bifurcates where ReLU sees 0") {
  for (DType dtype : real_dtypes) {
    Sequential zeros = scaling(0, 1, dtype, Relu(), MaxPool2d()), negative = scaling(-1, 1, dtype, Relu(), MaxPool2d());
    const Choices at0{.relu0 = 0}, at1{.relu0 = 1};
    // The first of the window gets -1/2, or nothing: so do its weight and the bias.
    const Comparison got = compared(zeros, ascending(dtype), at0, at1);
    CHECK(got.difference == 1);
    CHECK(got.residue == 1);
    CHECK(got.zone == Zone::bifurcation);
    CHECK(compared(negative, ascending(dtype), at0, at1).zone == Zone::none);
    // With derivative 1, what is tied at 0 does carry a gradient.
    const Choices minimal_at1{.ties = TieRule::minimal(), .relu0 = 1},
        native_at1{.ties = TieRule::native(), .relu0 = 1};
    CHECK(compared(zeros, ascending(dtype), native_at1, minimal_at1).zone == Zone::bifurcation);
    RecordedLoss loss(zeros, {ascending(dtype), label()});
    CHECK_FALSE(loss.cannot_differ(native_at1, minimal_at1));
    CHECK_FALSE(loss.cannot_differ(at0, at1));
  }
}

TEST_CASE("a norm pool's derivative at 0 bifurcates where a window is 0") {
  for (DType dtype : real_dtypes) {
    Sequential net = scaling(0, 1, dtype, NormPool2d());
    const Comparison got = compared(net, ascending(dtype), {.norm_at_zero = 0}, {.norm_at_zero = 1});
    // -1/2 times 1 + 2 + 3 + 4, and times 4 for the bias.
    CHECK(got.difference == 7);
    CHECK(got.zone == Zone::bifurcation);
  }
}

TEST_CASE("norms of the difference are those of each tensor, summed") {
  // Two channels of one window: weights of both differ by 0.75 and biases by nothing.
  for (DType dtype : real_dtypes) {
    Sequential net{Conv2d({.in = 1, .out = 2, .kernel = 1}), MaxPool2d(), Flatten(), Linear({2, 2})};
    for (const NamedTensor& p : parameters(net)) p.tensor.fill(0);
    parameters(net)[2].tensor.slice(0, {2}).fill(1);
    net.to(dtype);
    CHECK(compared(net, ascending(dtype)).difference == 0.75);
    CHECK(compared(net, ascending(dtype), native, minimal, VectorNorm::one).difference == 1.5);
  }
}

TEST_CASE("what a network's precision cannot show bifurcates all the same") {
  // Half has 2^-24 and nothing below: the gradient -2^-25 of the tie rounds to 0.
  Sequential net = scaling(0, 0x1p-24, DType::f16, MaxPool2d());
  const Comparison got = compared(net, ascending(DType::f16));
  CHECK(got.difference == 0);
  CHECK(got.residue == 0.6);
  CHECK(got.zone == Zone::bifurcation);
}

TEST_CASE("gradients that overflow are told apart in double") {
  // -1/2 * 6e4 * 1, against -1/2 * 6e4 * 15001.5, which is beyond half.
  Sequential net = scaling(0, 6e4, DType::f16, MaxPool2d());
  const Comparison got = compared(net, Tensor::from({1, 2, 3, 6e4}, {1, 2, 2, 1}, DType::f16));
  CHECK(got.difference == infinity);
  CHECK(got.zone == Zone::bifurcation);
  // Both are infinite, and the same.
  Sequential same = scaling(0, 6e4, DType::f16, MaxPool2d());
  const Comparison equal = compared(same, Tensor::full({1, 2, 2, 1}, 6e4, DType::f16));
  CHECK(equal.difference == 0);
  CHECK(equal.zone == Zone::none);
}

TEST_CASE("a forward that is not finite has no class") {
  const auto most = [](DType dtype) { return dtype == DType::f16 ? 6e4 : dtype == DType::f32 ? 3e38 : 1e308; };
  for (DType dtype : real_dtypes) {
    Sequential net = scaling(10, 1, dtype, MaxPool2d({.window = 1}));
    RecordedLoss loss(net, {Tensor::full({1, 1, 1, 1}, most(dtype), dtype), label()});
    CHECK_FALSE(std::isfinite(loss.value()));
    CHECK_FALSE(loss.cannot_differ(native, minimal));
    const Comparison got = compare(loss, native, minimal, VectorNorm::infinity);
    CHECK(got.difference == 0);
    CHECK(std::isnan(got.residue));
    CHECK(got.zone == Zone::nonfinite);
  }
}

TEST_CASE("a bias before a normalisation, whose gradient is 0 but for rounding, hides no compensation") {
  for (DType dtype : real_dtypes) {
    set_seed(2);
    Sequential net{Conv2d({.in = 2, .out = 4, .kernel = 1}), BatchNorm2d(4, {.relu = true}), MaxPool2d({.window = 3}),
                   Flatten(), Linear({4, 3})};
    net.to(dtype);
    // Each image is one colour: what ties has equal inputs.
    Tensor images({8, 3, 3, 2}, dtype);
    for (std::int64_t image = 0; image < 8; ++image)
      for (std::int64_t pixel = 0; pixel < 9; ++pixel)
        images.slice((9 * image + pixel) * 2, {2})
            .copy_from(random_tensor({2}, dtype, 3 + static_cast<std::uint64_t>(image)));
    RecordedLoss loss(net, {images, Tensor::from(std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1}, {8})});
    CHECK(loss.ties()[0].positive_ties > 0);
    const ProgramGradients first = loss.gradients(native), second = loss.gradients(minimal);
    const Comparison got = compare(first, second, VectorNorm::infinity);
    INFO(to_string(dtype) << " " << got.residue);
    CHECK(got.difference > 0);
    CHECK(got.zone == Zone::compensation);
    CHECK(got.residue < 0x1p-40);
  }
}

TEST_CASE("what cannot differ is what does not, when it is computed") {
  int skipped = 0, computed = 0;
  for (DType dtype : real_dtypes)
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      set_seed(seed);
      Sequential net{Conv2d({.in = 1, .out = 4, .kernel = 3}),
                     BatchNorm2d(4, {.relu = true}),
                     MaxPool2d(),
                     Conv2d({.in = 4, .out = 4, .kernel = 3}),
                     ReluMaxPool2d(),
                     Flatten(),
                     Linear({16, 2})};
      net.to(dtype);
      RecordedLoss loss(net, {image_of(seed % 2 == 0, dtype, seed), label()});
      const Comparison got = compare(loss.gradients(native), loss.gradients(minimal), VectorNorm::one);
      const Comparison brief = compare(loss, native, minimal, VectorNorm::one);
      CHECK(brief.difference == got.difference);
      CHECK(brief.zone == got.zone);
      const auto [one, other] = loss.gradients(native, minimal);
      CHECK(compare(one, other, VectorNorm::one).residue == got.residue);
      const bool skip = loss.cannot_differ(native, minimal);
      ++(skip ? skipped : computed);
      if (skip) CHECK(got.residue == 0);
      CHECK_FALSE(loss.cannot_differ(native, {.ties = TieRule::beta(10)}));
      CHECK_FALSE(loss.cannot_differ(native, {.ties = TieRule::minimal(), .summation_order = 1}));
    }
  CHECK(skipped > 0);
  CHECK(computed > 0);
}

TEST_CASE("ties at 0 behind a ReLU that lets gradients through are computed") {
  set_seed(5);
  Sequential net{Conv2d({.in = 1, .out = 4, .kernel = 3}), ReluMaxPool2d({.alpha = 1}), Flatten(), Linear({144, 2})};
  parameters(net)[0].tensor.fill(0);
  parameters(net)[1].tensor.fill(0);
  RecordedLoss loss(net, {image_of(false, DType::f32, 5), label()});
  CHECK_FALSE(loss.cannot_differ(native, minimal));
  CHECK(compare(loss, native, minimal, VectorNorm::one).zone == Zone::bifurcation);
}

TEST_CASE("tied windows of an image that the network is sure of bifurcate, however small their gradient") {
  // The loss of the first image has a gradient of the order of 10; the others are sure to exp(-3 * weight), which
  // double's sums of all images show or do not.
  const auto zone = [](std::initializer_list<double> sure, double weight, bool ninths, DType dtype, Device device) {
    Sequential net{Conv2d({.in = 2, .out = 1, .kernel = 1}), MaxPool2d({.window = 3}), Flatten(),
                   Linear({.in = 1, .out = 2, .bias = false})};
    const std::vector<NamedTensor> all = parameters(net);
    all[0].tensor.fill(1);
    all[1].tensor.fill(0);
    all[2].tensor.copy_from(Tensor::from({0, -weight}, {2, 1}));
    net.to(dtype);
    net.to(device);
    Tensor images = Tensor::zeros({2, 3, 3, 2}, dtype);
    if (ninths)
      images.slice(0, {18}).fill(1.14);
    else
      images.slice(0, {1}).fill(4);
    images.slice(18, {4}).copy_from(Tensor::from(sure, {4}, dtype));
    RecordedLoss loss(net, {images.to(device), Tensor::from(std::vector<std::int32_t>{1, 0}, {2}).to(device)});
    const Comparison got = compare(loss, native, minimal, VectorNorm::infinity);
    CHECK(got.residue <= largest_rounding_residue);
    CHECK((got.zone == Zone::bifurcation) == loss.differ(native, minimal));
    CHECK_FALSE(loss.differ(minimal, minimal));
    return got.zone;
  };
  for (Device device : devices())
    for (DType dtype : real_dtypes)
      for (double weight : {10.0, 20.0})
        for (bool ninths : {false, true}) {
          INFO(to_string(dtype) << " " << weight << " " << ninths);
          CHECK(zone({1, 2, 2, 1}, weight, ninths, dtype, device) == Zone::bifurcation);
          // Equal inputs do not.
          CHECK(zone({1, 2, 1, 2}, weight, ninths, dtype, device) != Zone::bifurcation);
        }
}

TEST_CASE("a difference that a prime divides is one") {
  // Two inputs of the largest are 65521 apart, in either channel.
  for (DType dtype : {DType::f32, DType::f64}) {
    Sequential net{Conv2d({.in = 2, .out = 1, .kernel = 1}), MaxPool2d(), Flatten(),
                   Linear({.in = 1, .out = 2, .bias = false})};
    parameters(net)[0].tensor.fill(1);
    parameters(net)[2].tensor.copy_from(Tensor::from({0, -0x1p-10}, {2, 1}));
    net.to(dtype);
    RecordedLoss loss(net, {Tensor::from({1, 65522, 65522, 1, 0, 0, 0, 0}, {1, 2, 2, 2}, dtype), label()});
    CHECK(loss.ties()[0].positive_ties == 1);
    CHECK(loss.differ(native, minimal));
  }
}

TEST_CASE("an order of summation is noise: of one program it is a compensation") {
  for (DType dtype : real_dtypes) {
    set_seed(1);
    Sequential net{Conv2d({.in = 1, .out = 4, .kernel = 3}), Relu(), Flatten(), Linear({64, 2})};
    net.to(dtype);
    const Tensor x = random_tensor({32, 6, 6, 1}, dtype, 4);
    RecordedLoss loss(net, {x, Tensor::from(std::vector<std::int32_t>(32, 1), {32})});
    const Comparison same = compare(loss.gradients(native), loss.gradients(native), VectorNorm::one);
    CHECK(same.difference == 0);
    CHECK(same.zone == Zone::none);
    const Comparison noise = compare(
        loss.gradients(native), loss.gradients({.ties = TieRule::native(), .summation_order = 3}), VectorNorm::one);
    CHECK(noise.residue == 0);
    INFO(to_string(dtype) << noise.difference);
    CHECK((noise.difference > 0) == (noise.zone == Zone::compensation));
    if (dtype != DType::f16) CHECK(noise.difference > 0);
  }
}
