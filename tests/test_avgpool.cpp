// SPDX-License-Identifier: MIT
// Average pools against the definition, computed in double, on every backend.
#include "kernel_run.h"
#include "sum_bound.h"

#include <mpad/core/parallel.h>
#include <mpad/nn/layers.h>

using namespace mpad;
using namespace mpad::test;

namespace {

// Windows of up to 4x4 taps, touching, overlapping and apart, with every padding that is allowed.
std::vector<Sliding> geometries() {
  std::vector<Sliding> found;
  const std::int64_t channels[] = {1, 3, 4, 6, 8, 16, 17};
  for (const Pair kernel : {Pair(1), Pair(2), Pair(3), Pair(4), Pair(1, 4), Pair(3, 2)})
    for (const Pair stride : {Pair(1), Pair(2), Pair(3, 1)})
      for (const Pair pad : {Pair(0), Pair(kernel.h / 2, kernel.w / 2), Pair(0, kernel.w / 2)})
        found.push_back(slide("test", {kernel, stride, pad}, {2, 5, 7, channels[found.size() % 7]}));
  found.push_back(slide("test", {{7, 7}}, {3, 7, 7, 24}));      // all of an image
  found.push_back(slide("test", {{2, 2}, 2}, {1, 4, 4, 300}));  // more channels than a block of the CPU's
  found.push_back(slide("test", {{2, 2}, 2}, {0, 4, 4, 8}));    // no image
  return found;
}

std::string describe(const Sliding& s) {
  return to_string(s.window.kernel) + " stride " + to_string(s.window.stride) + " pad " + to_string(s.window.pad) +
         " of " + to_string(Shape{s.n, s.h, s.w, s.c});
}

std::vector<double> divisors(const Sliding& s, bool count_padding) {
  std::vector<double> taps(static_cast<std::size_t>(s.n * s.oh * s.ow * s.c), 0);
  each_tap(s, [&](std::size_t o, int, std::size_t) { ++taps[o]; });
  if (count_padding) std::fill(taps.begin(), taps.end(), static_cast<double>(s.window.taps()));
  return taps;
}

Summed reference_forward(const Sliding& s, bool count_padding, const std::vector<double>& x) {
  const std::vector<double> taps = divisors(s, count_padding);
  Summed want(s.n * s.oh * s.ow * s.c);
  each_tap(s, [&](std::size_t o, int, std::size_t i) { want.add(o, x[i]); });
  for (std::size_t o = 0; o < taps.size(); ++o) want.y[o] /= taps[o], want.scale[o] /= taps[o];
  return want;
}

Summed reference_backward(const Sliding& s, bool count_padding, const std::vector<double>& grad_y) {
  const std::vector<double> taps = divisors(s, count_padding);
  Summed want(s.n * s.h * s.w * s.c);
  each_tap(s, [&](std::size_t o, int, std::size_t i) { want.add(i, grad_y[o] / taps[o]); });
  return want;
}

template <class Where>
Tensor forward(Where where, const Sliding& s, bool count_padding, const Tensor& x) {
  return run_kernel(where, {x}, {{{s.n, s.oh, s.ow, s.c}, x.dtype()}},
                    [&](auto in, auto out) { kernels::avgpool_forward(where, s, count_padding, in[0], out[0]); })[0];
}

template <class Where>
Tensor backward(Where where, const Sliding& s, bool count_padding, const Tensor& grad_y) {
  return run_kernel(where, {grad_y}, {{{s.n, s.h, s.w, s.c}, grad_y.dtype()}},
                    [&](auto in, auto out) { kernels::avgpool_backward(where, s, count_padding, in[0], out[0]); })[0];
}

/// Calls f(where, sliding, count_padding, dtype) for everything there is.
template <class F>
void for_each_case(const F& f) {
  for (const Sliding& s : geometries())
    for (DType dtype : real_dtypes)
      for (bool count_padding : {true, false})
        on_each_backend([&](auto where) {
          INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << count_padding << ' ' << describe(s));
          f(where, s, count_padding, dtype);
        });
}

}  // namespace

// The quotient of two short integers rounds alike from double and from float, whatever the type it is stored in:
// float has more than twice half's digits (Figueroa, When is double rounding innocuous?, 1995).
TEST_CASE("average pools of integers divide once and round once") {
  for_each_case([](auto where, const Sliding& s, bool count_padding, DType dtype) {
    const Tensor x = small_multiples({s.n, s.h, s.w, s.c}, dtype, 1);
    check_rounded(forward(where, s, count_padding, x), reference_forward(s, count_padding, x.values()).y);
  });
}

// Gradients are multiples of the number of taps, but for the window of 7x7, so that their terms are integers.
TEST_CASE("average pools pass integer gradients on exactly") {
  for_each_case([](auto where, const Sliding& s, bool count_padding, DType dtype) {
    const Tensor grad_y = small_multiples({s.n, s.oh, s.ow, s.c}, dtype, 2, s.window.taps() == 49 ? 49 : 144);
    check_rounded(backward(where, s, count_padding, grad_y), reference_backward(s, count_padding, grad_y.values()).y);
  });
}

TEST_CASE("average pools of random values stay within the bound of their sums") {
  for_each_case([](auto where, const Sliding& s, bool count_padding, DType dtype) {
    const Tensor x = random_tensor({s.n, s.h, s.w, s.c}, dtype, 3), g = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 4);
    check_bound(forward(where, s, count_padding, x), reference_forward(s, count_padding, x.values()),
                s.window.taps() + 2);
    check_bound(backward(where, s, count_padding, g), reference_backward(s, count_padding, g.values()),
                2 * s.window.taps() + 2);
  });
}

TEST_CASE("average pools give the same bits on every backend") {
  constexpr CpuWith<Isa::portable> portable;
  for_each_case([&](auto where, const Sliding& s, bool count_padding, DType dtype) {
    const Tensor x = random_tensor({s.n, s.h, s.w, s.c}, dtype, 3), g = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 4);
    CHECK(same_bits(forward(where, s, count_padding, x), forward(portable, s, count_padding, x)));
    CHECK(same_bits(backward(where, s, count_padding, g), backward(portable, s, count_padding, g)));
  });
}

TEST_CASE("average pools give the same bits for any number of threads") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({5, 31, 29, 7}, dtype, 5);
    const AvgPool2dOptions options{.window = 3, .stride = 2, .pad = 1, .count_padding = false};
    const Function f = [&](const std::vector<Tensor>& in) { return avgpool2d(in[0], options); };
    set_num_threads(1);
    const Tensor want = avgpool2d(x, options);
    const Tensor grad_y = random_tensor(want.shape(), dtype, 6), want_grad = gradients_of(f, {x}, grad_y)[0];
    for (int threads : {2, 4}) {
      set_num_threads(threads);
      CHECK(same_bits(avgpool2d(x, options), want));
      CHECK(same_bits(gradients_of(f, {x}, grad_y)[0], want_grad));
    }
    set_num_threads(0);
  }
}

TEST_CASE("sums of halves beyond the largest half do not overflow") {
  const Sliding s = slide("test", {.kernel = 2, .stride = 2}, {1, 2, 2, 8});
  on_each_backend([&](auto where) {
    const Tensor x = Tensor::full({1, 2, 2, 8}, 65504, DType::f16);
    CHECK(forward(where, s, true, x).values() == std::vector<double>(8, 65504));
  });
}

TEST_CASE("NaN and infinity reach the windows that hold them and no others") {
  const Sliding s = slide("test", {.kernel = 2, .stride = 2}, {1, 2, 6, 1});
  on_each_backend([&](auto where) {
    for (DType dtype : real_dtypes) {
      const Tensor x = Tensor::from({1, 2, NAN, 3, INFINITY, 1, 1, 2, 4, 4, 1, 1}, {1, 2, 6, 1}, dtype);
      const std::vector<double> y = forward(where, s, true, x).values();
      CHECK(y[0] == 1.5);
      CHECK(std::isnan(y[1]));
      CHECK(y[2] == INFINITY);
      const Tensor grad_y = Tensor::from({1, INFINITY, -4}, {1, 1, 3, 1}, dtype);
      const std::vector<double> row{0.25, 0.25, INFINITY, INFINITY, -1, -1};
      std::vector<double> want = row;
      want.insert(want.end(), row.begin(), row.end());
      CHECK(backward(where, s, true, grad_y).values() == want);
    }
  });
}

TEST_CASE("packs of channels are not read where the array is not aligned to them") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      const Tensor arena = random_tensor({1 + 4 * 4 * 16}, dtype, 8);
      const Tensor x = arena.slice(1, {1, 4, 4, 16});
      CHECK(same_bits(avgpool2d(arena.to(device).slice(1, x.shape())).to(Device::cpu), avgpool2d(x.clone())));
    }
}

TEST_CASE("the global average is the mean of each image") {
  const Tensor x = Tensor::from({1, 10, 2, 20, 3, 30, 6, 60, 0, 1, 0, 1, 0, 1, 0, 1}, {2, 2, 2, 2});
  for (Device device : devices()) {
    const Tensor y = GlobalAvgPool2d()(x.to(device));
    CHECK(y.shape() == Shape{2, 1, 1, 2});
    CHECK(y.to(Device::cpu).values() == std::vector<double>{3, 30, 0, 1});
  }
}

TEST_CASE("gradients of average pools match central differences in double") {
  const Tensor x = random_tensor({2, 5, 6, 3}, DType::f64, 9);
  const AvgPool2dOptions choices[] = {
      {}, {.window = 3, .stride = 2, .pad = 1}, {.window = {3, 2}, .stride = 1, .pad = 1, .count_padding = false}};
  for (const AvgPool2dOptions& options : choices)
    CHECK(gradient_error([&](const std::vector<Tensor>& in) { return avgpool2d(in[0], options); }, {x}) <= 1e-7);
  CHECK(gradient_error([](const std::vector<Tensor>& in) { return global_avgpool2d(in[0]); }, {x}) <= 1e-7);
}

TEST_CASE("average pools say what they are") {
  CHECK(AvgPool2d().describe() == "AvgPool2d(2x2, stride 2x2)");
  CHECK(AvgPool2d({.window = 3, .stride = 1, .pad = 1, .count_padding = false}).describe() ==
        "AvgPool2d(3x3, pad 1x1, padding not counted)");
  CHECK(GlobalAvgPool2d().describe() == "GlobalAvgPool2d()");
}

TEST_CASE("average pools name what does not fit") {
  const Tensor x = Tensor::zeros({1, 4, 4, 2});
  CHECK_THROWS_WITH(avgpool2d(Tensor::zeros({4, 4})), "avgpool2d: expected an input of shape n,h,w,c, got 4,4");
  CHECK_THROWS_WITH(avgpool2d(x, {.pad = 2}), "avgpool2d: expected a padding of at most half the window 2x2, got 2x2");
  CHECK_THROWS_WITH(avgpool2d(Tensor({1, 4, 4, 2}, DType::i32)), "avgpool2d: expected half, float or double, got i32");
  CHECK_THROWS_WITH(global_avgpool2d(Tensor::zeros({2, 0, 4, 1})),
                    "global_avgpool2d: expected an input of shape n,h,w,c with h and w above 0, got 2,0,4,1");
}
