// SPDX-License-Identifier: MIT
#include "each_isa.h"
#include "pool_support.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), quiet = std::numeric_limits<double>::quiet_NaN();

// The gradient of one window of four values, gradient 1.
std::vector<double> gradient_of_window(std::initializer_list<double> window, const TieRule& rule, DType dtype) {
  const Tensor x = Tensor::from(window, {1, 2, 2, 1}, dtype);
  return gradients_of([&](const auto& in) { return maxpool2d(in[0], {.ties = rule}); }, {x},
                      Tensor::full({1, 1, 1, 1}, 1, dtype))[0]
      .values();
}

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("NaN beats every number, and NaNs tie") {
  for (DType dtype : real_dtypes) {
    const Tensor x = Tensor::from({inf, quiet, 3, quiet}, {1, 2, 2, 1}, dtype);
    CHECK(std::isnan(maxpool2d(x).values()[0]));
    CHECK(masks_of(maxpool2d_ties(x)) == std::vector<std::uint64_t>{0b1010});
    CHECK(gradient_of_window({inf, quiet, 3, quiet}, TieRule::minimal(), dtype) == std::vector<double>{0, 0.5, 0, 0.5});
    CHECK(gradient_of_window({quiet, 1, inf, -inf}, TieRule::minimal(), dtype) == std::vector<double>{1, 0, 0, 0});
    CHECK(gradient_of_window({1, 2, 2, quiet}, TieRule::native(), dtype) == std::vector<double>{0, 0, 0, 1});
  }
}

TEST_CASE("zeros of both signs tie, and the maximum is the first of them") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor x = Tensor::from({-0.0, 0.0, 0.0, -0.0, -1, -0.0, -1, -2}, {1, 2, 2, 2}, dtype);
      const Pooled pooled = pool(where, slide("test", {.kernel = 2, .stride = 2}, x.shape()), x);
      const std::vector<double> y = pooled.y.values();
      CHECK(y == std::vector<double>{0, 0});
      CHECK(std::signbit(y[0]));
      CHECK_FALSE(std::signbit(y[1]));
      CHECK(masks_of(pooled.mask) == std::vector<std::uint64_t>{0b0011, 0b0111});
    });
}

TEST_CASE("infinities are numbers: a window of -inf ties everywhere") {
  for (DType dtype : real_dtypes) {
    CHECK(gradient_of_window({-inf, -inf, -inf, -inf}, TieRule::minimal(), dtype) ==
          std::vector<double>{0.25, 0.25, 0.25, 0.25});
    CHECK(gradient_of_window({-inf, inf, 1, inf}, TieRule::last(), dtype) == std::vector<double>{0, 0, 0, 1});
    const Tensor x = Tensor::full({1, 2, 2, 1}, -inf, dtype);
    CHECK(maxpool2d(x).values() == std::vector<double>{-inf});
  }
}

TEST_CASE("an infinite gradient stays off the taps of weight 0") {
  for (DType dtype : real_dtypes)
    on_each_backend([&](auto where) {
      const Tensor x = Tensor::from({1, 1, 0, 1}, {1, 2, 2, 1}, dtype);
      const Pooled pooled = pool(where, slide("test", {.kernel = 2, .stride = 2}, x.shape()), x);
      const Tensor grad_y = Tensor::full({1, 1, 1, 1}, -inf, dtype);
      CHECK(unpool(where, pooled, grad_y, TieRule::native()).values() == std::vector<double>{-inf, 0, 0, 0});
      CHECK(unpool(where, pooled, grad_y, TieRule::minimal()).values() == std::vector<double>{-inf, -inf, 0, -inf});
      CHECK(unpool(where, pooled, grad_y, TieRule::beta(0.5)).values() == std::vector<double>{-inf, -inf, 0, -inf});
    });
}

// Rules that give a window's gradient to one element whole may copy it.
TEST_CASE("every half is added to 0 on its way to an element: -0 becomes 0, a NaN quiet, the rest keep their bits") {
  for (std::int64_t channels : {6, 16, 40}) {  // few ones, as many as are copied at a time, and some left over
    const std::int64_t windows = 65536 / channels + 1;
    Tensor grad_y = Tensor::zeros({1, 1, windows, channels}, DType::f16);
    std::uint16_t next = 0;
    for (half& g : grad_y.span<half>()) g = std::bit_cast<half>(next++);
    // The last of four is the only maximum.
    std::vector<double> elements;
    for (std::int64_t i = 0; i < 4 * windows * channels; ++i)
      elements.push_back(i >= 2 * windows * channels && i / channels % 2 == 1 ? 1 : 0);
    const Tensor x = Tensor::from(elements, {1, 2, 2 * windows, channels}, DType::f16);
    on_each_isa([&](auto where) {
      const Pooled pooled = pool(where, slide("test", {.kernel = 2, .stride = 2}, x.shape()), x);
      for (const TieRule& rule : {TieRule::native(), TieRule::last(), TieRule::all(), TieRule::minimal()}) {
        const Tensor grad_x = unpool(where, pooled, grad_y, rule);
        const auto got = grad_x.span<half>();
        std::size_t wrong = 0;
        for (std::size_t i = 0, o = 0; i < got.size(); ++i) {
          const auto bits = std::bit_cast<std::uint16_t>(got[i]);
          if (elements[i] == 0) {
            wrong += bits != 0;
            continue;
          }
          const auto g = static_cast<std::uint16_t>(o++);
          const int magnitude = g & 0x7fff;
          wrong += bits != (magnitude == 0 ? 0 : magnitude > 0x7c00 ? g | 0x200 : g);
        }
        INFO(channels << " channels, " << rule.name());
        CHECK(wrong == 0);
      }
    });
  }
}

TEST_CASE("a maximum without a tie takes the whole gradient, however large B is") {
  for (DType dtype : real_dtypes)
    for (Accumulate accumulate : {Accumulate::wide, Accumulate::narrow})
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype));
        const Tensor x = Tensor::from({1, 7, 2, 3, 4, 7, 0, 2}, {1, 2, 2, 2}, dtype);
        const Pooled pooled = pool(where, slide("test", {.kernel = 2, .stride = 2}, x.shape()), x);
        const Tensor grad_y = Tensor::from({3, 1}, {1, 1, 1, 2}, dtype);
        const bool half_weights = dtype == DType::f16 && accumulate == Accumulate::narrow;
        const auto gradient = [&](double beta) {
          return unpool(where, pooled, grad_y, TieRule::beta(beta), accumulate).values();
        };
        // Channel 0 has one maximum; channel 1 has two, and 1 - B / 2 is no half: those lie 4 apart there.
        const double first = dtype == DType::f16 ? -5000 : -4999;
        CHECK(gradient(1e4) == std::vector<double>{0, first, 0, 0, 3, 5000, 0, 0});
        for (double beta : {65504.0, -3000.0, half_weights ? 2050.0 : 16777218.0, half_weights ? 0.1 : 1e38}) {
          const std::vector<double> got = gradient(beta);
          CHECK(std::vector<double>{got[0], got[2], got[4], got[6]} == std::vector<double>{0, 0, 3, 0});
        }
      });
}

TEST_CASE("a B that is not finite in the type of the weights is refused") {
  CHECK(error_of([] { TieRule::beta(quiet); }) == "ties: expected a finite B in 'beta:B', got 'nan'");
  const Tensor half = Tensor::zeros({1, 2, 2, 1}, DType::f16), single = Tensor::zeros({1, 2, 2, 1});
  const MaxPool2dOptions narrow{.ties = TieRule::beta(65520), .accumulate = Accumulate::narrow};
  const std::string of_half = ": expected a B that is finite in half, in which weights are formed, got beta:65520";
  CHECK(error_of([&] { maxpool2d(half, narrow); }) == "maxpool2d" + of_half);
  CHECK(error_of([&] { relu_maxpool2d(half, 0, narrow); }) == "relu_maxpool2d" + of_half);
  CHECK(error_of([&] { maxpool2d(single, {.ties = TieRule::beta(1e39)}); }) ==
        "maxpool2d: expected a B that is finite in float, in which weights are formed, got beta:1e+39");
  CHECK(maxpool2d(half, {.ties = TieRule::beta(65520)}).values() == std::vector<double>{0});

  const Tensor leaf = Tensor::zeros({1, 2, 2, 1}).set_requires_grad();
  Tape tape(Tape::Keep::choices);
  const Tensor y = maxpool2d(leaf);
  const std::vector<Tensor> leaves{leaf};
  CHECK(error_of([&] { tape.gradients(y, leaves, {.choices = {.ties = TieRule::beta(1e39)}}); }) ==
        "maxpool2d: expected a B that is finite in float, in which weights are formed, got beta:1e+39");
}

TEST_CASE("padding is never a tap, and a window of padding alone gives -inf and no tie") {
  const Tensor x = Tensor::full({1, 2, 2, 1}, -5, DType::f32);
  CHECK(maxpool2d(x, {.window = 2, .stride = 2, .pad = 1}).values() == std::vector<double>{-5, -5, -5, -5});
  CHECK(masks_of(maxpool2d_ties(x, {.window = 2, .stride = 2, .pad = 1})) == std::vector<std::uint64_t>{8, 4, 2, 1});
  const Tensor dot_image = Tensor::full({1, 1, 1, 1}, 3, DType::f32);
  const MaxPool2dOptions around{.window = 2, .stride = 2, .pad = 1, .dilation = 2};
  CHECK(maxpool2d(dot_image, around).values() == std::vector<double>{-inf});
  CHECK(masks_of(maxpool2d_ties(dot_image, around)) == std::vector<std::uint64_t>{0});
}

TEST_CASE("`standard` differentiates by the native rule whatever the forward's") {
  const Tensor x = Tensor::from({1, 1, 1, 1}, {1, 2, 2, 1}, DType::f32);
  const MaxPool2dOptions options{.ties = TieRule::minimal(), .backward = PoolBackward::standard};
  CHECK(gradients_of([&](const auto& in) { return maxpool2d(in[0], options); }, {x}, Tensor::full({1, 1, 1, 1}, 1))[0]
            .values() == std::vector<double>{1, 0, 0, 0});
}

TEST_CASE("options that do not fit say what was expected and what came") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  CHECK(error_of([&] {
          maxpool2d(Tensor::zeros({4, 4}));
        }) == "maxpool2d: expected an input of shape n,h,w,c, got 4,4");
  CHECK(error_of([&] { maxpool2d(x, {.window = 0}); }) == "maxpool2d: expected a window of 1x1 or more, got 0x0");
  CHECK(error_of([&] { maxpool2d(x, {.stride = -1}); }) == "maxpool2d: expected a stride of 1 or more, got -1x-1");
  CHECK(error_of([&] { maxpool2d(x, {.pad = 2}); }) ==
        "maxpool2d: expected a padding of at most half the window 2x2, got 2x2");
  CHECK(error_of([&] { maxpool2d(x, {.dilation = 0}); }) == "maxpool2d: expected a dilation of 1 or more, got 0x0");
  constexpr std::int64_t huge = std::int64_t{1} << 32;
  CHECK(error_of([&] { maxpool2d(x, {.window = huge, .pad = huge / 2}); }) ==
        "maxpool2d: expected a window, stride, padding and dilation below 2^30, got 4294967296x4294967296, "
        "4294967296x4294967296, 2147483648x2147483648 and 1x1");
  CHECK(error_of([&] {
          maxpool2d(Tensor::zeros({1, 9, 9, 1}), {.window = 9});
        }) == "maxpool2d: expected a window of at most 64 elements, got 9x9");
  CHECK(error_of([&] { maxpool2d(x, {.window = 5}); }) ==
        "maxpool2d: expected an input that a 5x5 window (dilation 1x1, padding 0x0) fits into, got 1,4,4,2");
  CHECK(error_of([&] { maxpool2d(x, {.ties = TieRule::last(), .backward = PoolBackward::composed}); }) ==
        "ties: expected a rule of the beta family (native, minimal or beta:B) for the composed pool, got 'last'");
  CHECK(error_of([&] {
          maxpool2d(Tensor::from(std::vector<std::int32_t>{1}, {1, 1, 1, 1}), {.window = 1});
        }) == "maxpool2d: expected half, float or double, got i32");
}
