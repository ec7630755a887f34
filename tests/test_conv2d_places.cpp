// SPDX-License-Identifier: MIT
// Convolutions of many small images with padding, which is left out: CUDA multiplies them place by place.
#include "conv2d_support.h"

using namespace mpad;
using namespace mpad::test;
using namespace mpad::test::conv2d;

namespace {

// Tiles of one place, and of two, in a row or in two; a last one that is not whole; taps that some places reach, or no
// place; with stride, dilation, unequal in h and w; data gradients of windows without padding; tiles of columns of one
// tap, and of several.
const Case kPlaceCases[] = {
    {80, 2, 2, 32, 32, {5, 1, 2}},
    {64, 2, 2, 32, 40, {3, 1, 1}},
    {96, 2, 2, 32, 32, {3, 1, 1}},
    {80, 2, 1, 32, 32, {3, 1, 1}},
    {96, 3, 2, 64, 32, {3, 1, 1}},
    {64, 1, 1, 32, 32, {3, 1, 1}},
    {64, 4, 4, 32, 32, {3, 2, 1}},
    {64, 3, 3, 32, 32, {3, 1, 2, 2}},
    {64, 2, 2, 32, 32, {1, 1, 1}},
    {64, 5, 5, 8, 32, {4}},
    {64, 2, 3, 32, 32, {Pair(3, 1), 1, Pair(1, 0)}},
    {512, 2, 2, 64, 8, {3, 1, 1}},
    {128, 2, 2, 32, 72, {3, 1, 1}},
};

/// The least channels, of which the sums of 3x3 taps are in one part.
std::int64_t channels_of_slice(DType dtype) { return 64 / static_cast<std::int64_t>(size_of(dtype)); }

Tensor image(const Tensor& batch, std::int64_t i) {
  const Shape& all = batch.shape();
  const Shape one{1, all[1], all[2], all[3]};
  const std::vector<double> values = batch.values();
  const auto first = values.begin() + i * one.numel();
  return Tensor::from(std::vector<double>(first, first + one.numel()), one, batch.dtype());
}

}  // namespace

TEST_CASE("convolutions place by place are exact on small integers in every type") {
  for (const Case& c : kPlaceCases)
    for (DType dtype : real_dtypes) check_integers(c, dtype);
}

TEST_CASE("a batch of many small images has the bits of its images") {
  for (DType dtype : real_dtypes) {
    const std::int64_t channels = channels_of_slice(dtype);
    const Problem p = make({64, 3, 2, channels, channels, {3, 1, 1}}, dtype, false);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ": " << describe(p));
      const Computed batch = compute(where, p);
      for (const std::int64_t i : {std::int64_t{0}, std::int64_t{1}, p.geometry.n - 1}) {
        Problem one = p;
        one.geometry.n = 1;
        one.x = image(p.x, i);
        one.grad_y = image(p.grad_y, i);
        const Computed alone = compute(where, one);
        CHECK(same_bits(image(batch.y, i), alone.y));
        CHECK(same_bits(image(batch.grad_x, i), alone.grad_x));
      }
    });
  }
}

// The zeros of padding are not multiplied: an infinity they met would give NaN.
TEST_CASE("an infinite weight meets no padding of small images") {
  for (DType dtype : real_dtypes)
    for (const Case& g : {Case{64, 2, 2, 64, 8, {3, 1, 1}}, Case{96, 2, 2, channels_of_slice(dtype), 8, {3, 1, 1}},
                          Case{64, 3, 3, 256, 8, {3, 1, 1}}}) {
      Problem p = make(g, dtype, false);
      std::vector<double> weight = p.weight.values();
      for (std::int64_t k = 0; k < g.k; ++k)  // the first tap, which the first row and column do not reach
        for (std::int64_t c = 0; c < g.c; ++c)
          weight[static_cast<std::size_t>(k * g.window.taps() * g.c + c)] = INFINITY;
      p.weight = Tensor::from(weight, p.weight.shape(), dtype);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        const std::vector<bool> y = not_finite(compute(where, p).y);
        for (std::int64_t i = 0; i < p.grad_y.numel(); ++i) {
          const std::int64_t pixel = i / g.k;
          // On CUDA a tile of two places side by side leaves out what neither reaches: rows alone.
          if (pixel / g.w % g.h == 0) CHECK_FALSE(y[static_cast<std::size_t>(i)]);
          if (pixel % g.w == 0 && g.n % 64 == 0) CHECK_FALSE(y[static_cast<std::size_t>(i)]);
          if (pixel / g.w % g.h > 0 && pixel % g.w > 0) CHECK(y[static_cast<std::size_t>(i)]);
        }
      });
    }
}

// A tile's columns are of one tap here.
TEST_CASE("an infinite gradient meets no padding of small images") {
  const Case g{512, 2, 2, 64, 8, {3, 1, 1}};
  for (DType dtype : real_dtypes) {
    Problem p = make(g, dtype, false);
    std::vector<double> gradient = p.grad_y.values();
    for (std::int64_t k = 0; k < g.k; ++k) gradient[static_cast<std::size_t>(k)] = INFINITY;  // of the first pixel
    p.grad_y = Tensor::from(gradient, p.grad_y.shape(), dtype);
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ": " << describe(p));
      const std::vector<bool> grad_weight = not_finite(compute(where, p).grad_weight);
      for (std::size_t i = 0; i < grad_weight.size(); ++i) {
        const std::int64_t tap = static_cast<std::int64_t>(i) / g.c % g.window.taps();
        CHECK(grad_weight[i] == (tap / 3 > 0 && tap % 3 > 0));
      }
    });
  }
}

#ifdef MPAD_WITH_EMULATION

// Corners have fewer parts than edges, and these fewer than the middle: forward, in the data gradient or the weight
// gradient, of a few parts and of several clusters of them, in small tiles and in large ones.
TEST_CASE("parts of unequal number have the same bits by a cluster and by a kernel, for any alignment") {
  const std::pair<Case, DType> cases[] = {{{64, 3, 3, 256, 8, {3, 1, 1}}, DType::f16},
                                          {{64, 3, 3, 8, 128, {3, 1, 1}}, DType::f32},
                                          {{512, 3, 3, 64, 8, {3, 1, 1}}, DType::f16},
                                          {{128, 3, 3, 64, 72, {3, 1, 1}}, DType::f32}};
  for (const auto& [c, dtype] : cases) {
    const Problem p = make(c, dtype, false);
    INFO(describe(p));
    const auto with = [&](cuda::Sm90 what, bool ask) {
      const Asked asked(what, ask);
      return compute(current_cuda(), p);
    };
    const Computed want = with(cuda::Sm90::clusters, false);
    CHECK(same(with(cuda::Sm90::clusters, true), want));
    CHECK(same(with(cuda::Sm90::groups, true), want));
    const Sliding s = slide("conv2d", c.window, p.x.shape());
    const Shifted x(p.x, Device::cuda), weight(p.weight, Device::cuda), y(want.y, Device::cuda);
    const Tensor bias = p.bias.to(Device::cuda);
    kernels::conv2d_forward(current_cuda(), s, x.view(), weight.view(), bias.view(), false, y.view());
    CHECK(same_bits(y.take(), want.y));
  }
}

// A tile of a warpgroup would have two places here, side by side, of which one reaches the infinite tap.
TEST_CASE("an infinite weight meets the same of small images by warps and by warpgroups") {
  Problem p = make({64, 2, 2, 32, 64, {3, 1, 1}}, DType::f16, false);
  std::vector<double> weight = p.weight.values();
  for (std::int64_t k = 0; k < p.geometry.k; ++k)
    weight[static_cast<std::size_t>((k * 9 + 3) * p.geometry.c)] = INFINITY;
  p.weight = Tensor::from(weight, p.weight.shape(), DType::f16);
  const auto not_finite_by = [&](bool groups) {
    const Asked asked(cuda::Sm90::groups, groups);
    return not_finite(compute(current_cuda(), p).y);
  };
  CHECK(not_finite_by(true) == not_finite_by(false));
}

#endif
