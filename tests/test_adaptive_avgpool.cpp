// SPDX-License-Identifier: MIT
// Adaptive average pools against PyTorch's definition, computed in double, on every backend.
#include "kernel_run.h"
#include "sum_bound.h"

#include <mpad/nn/layers.h>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Case {
  Shape from;
  Pair to;

  Shape output() const { return {from[0], to.h, to.w, from[3]}; }
};

// Sizes that divide and that do not, one window, as many windows as pixels and more, single pixels.
std::vector<Case> cases() {
  std::vector<Case> found;
  const std::int64_t channels[] = {1, 3, 4, 6, 8, 16, 17};
  for (const Pair from : {Pair(1), Pair(4), Pair(5, 7), Pair(8, 6), Pair(1, 9), Pair(10, 3)})
    for (const Pair to : {Pair(1), Pair(2), Pair(3), Pair(7), Pair(2, 5), Pair(6, 1)})
      found.push_back({{2, from.h, from.w, channels[found.size() % 7]}, to});
  found.push_back({{1, 7, 7, 7}, 7});
  found.push_back({{1, 13, 11, 8}, {5, 7}});
  found.push_back({{1, 4, 4, 300}, 3});  // more channels than a block of the CPU's
  found.push_back({{0, 4, 4, 8}, 2});
  found.push_back({{2, 4, 4, 0}, 2});
  return found;
}

/// Calls f(output index, taps of its window, input index), windows and taps in row-major order.
template <class F>
void each_tap(const Case& c, const F& f) {
  // Exact for these sizes: quotients of small integers are rounded past no integer.
  const auto begin = [](std::int64_t i, std::int64_t from, std::int64_t to) {
    return static_cast<std::int64_t>(std::floor(static_cast<double>(i * from) / static_cast<double>(to)));
  };
  const auto end = [](std::int64_t i, std::int64_t from, std::int64_t to) {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>((i + 1) * from) / static_cast<double>(to)));
  };
  std::size_t o = 0;
  for (std::int64_t n = 0; n < c.from[0]; ++n)
    for (std::int64_t oh = 0; oh < c.to.h; ++oh)
      for (std::int64_t ow = 0; ow < c.to.w; ++ow)
        for (std::int64_t channel = 0; channel < c.from[3]; ++channel, ++o) {
          const Pair first(begin(oh, c.from[1], c.to.h), begin(ow, c.from[2], c.to.w));
          const Pair last(end(oh, c.from[1], c.to.h), end(ow, c.from[2], c.to.w));
          const auto taps = static_cast<double>((last.h - first.h) * (last.w - first.w));
          for (std::int64_t h = first.h; h < last.h; ++h)
            for (std::int64_t w = first.w; w < last.w; ++w)
              f(o, taps, static_cast<std::size_t>(((n * c.from[1] + h) * c.from[2] + w) * c.from[3] + channel));
        }
}

Summed reference_forward(const Case& c, const std::vector<double>& x) {
  Summed want(c.output().numel());
  std::vector<double> count(want.y.size(), 1);
  each_tap(c, [&](std::size_t o, double taps, std::size_t i) {
    want.add(o, x[i]);
    count[o] = taps;
  });
  for (std::size_t o = 0; o < count.size(); ++o) want.y[o] /= count[o], want.scale[o] /= count[o];
  return want;
}

Summed reference_backward(const Case& c, const std::vector<double>& grad_y) {
  Summed want(c.from.numel());
  each_tap(c, [&](std::size_t o, double taps, std::size_t i) { want.add(i, grad_y[o] / taps); });
  return want;
}

template <class Where>
Tensor forward(Where where, const Case& c, const Tensor& x) {
  return run_kernel(where, {x}, {{c.output(), x.dtype()}},
                    [&](auto in, auto out) { kernels::adaptive_avgpool_forward(where, in[0], out[0]); })[0];
}

template <class Where>
Tensor backward(Where where, const Case& c, const Tensor& grad_y) {
  return run_kernel(where, {grad_y}, {{c.from, grad_y.dtype()}},
                    [&](auto in, auto out) { kernels::adaptive_avgpool_backward(where, in[0], out[0]); })[0];
}

template <class F>
void for_each_case(const F& f) {
  for (const Case& c : cases())
    for (DType dtype : real_dtypes)
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(c.from) << " to " << to_string(c.to));
        f(where, c, dtype);
      });
}

}  // namespace

// The quotient of two short integers rounds alike from double and from float (test_avgpool.cpp says why).
TEST_CASE("adaptive pools of integers divide once and round once") {
  for_each_case([](auto where, const Case& c, DType dtype) {
    const Tensor x = small_multiples(c.from, dtype, 1);
    check_rounded(forward(where, c, x), reference_forward(c, x.values()).y);
  });
}

TEST_CASE("adaptive pools of random values stay within the bound of their sums, on every backend with the same bits") {
  constexpr CpuWith<Isa::portable> portable;
  for_each_case([&](auto where, const Case& c, DType dtype) {
    const Tensor x = random_tensor(c.from, dtype, 3), grad_y = random_tensor(c.output(), dtype, 4);
    const Tensor y = forward(where, c, x), grad_x = backward(where, c, grad_y);
    const std::int64_t taps = (c.from[1] / c.to.h + 2) * (c.from[2] / c.to.w + 2);
    const std::int64_t windows = (c.to.h / c.from[1] + 2) * (c.to.w / c.from[2] + 2);
    check_bound(y, reference_forward(c, x.values()), taps + 1);
    check_bound(grad_x, reference_backward(c, grad_y.values()), windows + 1);
    CHECK(same_bits(y, forward(portable, c, x)));
    CHECK(same_bits(grad_x, backward(portable, c, grad_y)));
  });
}

TEST_CASE("where sizes divide, adaptive pools are average pools, bit for bit") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({2, 6, 8, 5}, dtype, 5);
    for (const Pair window : {Pair(1), Pair(2), Pair(3, 4), Pair(6, 8)}) {
      const Pair size(6 / window.h, 8 / window.w);
      const Function adaptive = [&](const auto& in) { return adaptive_avgpool2d(in[0], size); };
      const Function average = [&](const auto& in) { return avgpool2d(in[0], {.window = window}); };
      CHECK(same_bits(adaptive({x}), average({x})));
      const Tensor grad_y = random_tensor({2, size.h, size.w, 5}, dtype, 6);
      CHECK(same_bits(gradients_of(adaptive, {x}, grad_y)[0], gradients_of(average, {x}, grad_y)[0]));
    }
    CHECK(same_bits(adaptive_avgpool2d(x, 1), global_avgpool2d(x)));
  }
}

// Five pixels in three windows: 0-1, 1-3 and 3-4, as PyTorch has it.
TEST_CASE("windows overlap where sizes do not divide") {
  const Tensor x = Tensor::from({1, 3, 5, 10, 20}, {1, 1, 5, 1});
  for (Device device : devices()) {
    const Tensor y = AdaptiveAvgPool2d({1, 3})(x.to(device));
    CHECK(y.values() == std::vector<double>{2, 6, 15});
    CHECK(AdaptiveAvgPool2d({2, 10})(x.to(device)).shape() == Shape{1, 2, 10, 1});
  }
  const Function f = [](const auto& in) { return adaptive_avgpool2d(in[0], {1, 3}); };
  const Tensor grad_y = Tensor::from({2, 6, 4}, {1, 1, 3, 1});
  CHECK(gradients_of(f, {x}, grad_y)[0].values() == std::vector<double>{1, 3, 2, 4, 2});
}

TEST_CASE("NaN and infinity reach the windows that hold them and no others") {
  for (DType dtype : real_dtypes) {
    const Case c{{1, 1, 5, 1}, {1, 3}};
    on_each_backend([&](auto where) {
      const std::vector<double> y = forward(where, c, Tensor::from({NAN, 1, 1, 1, INFINITY}, c.from, dtype)).values();
      CHECK(std::isnan(y[0]));
      CHECK(y[1] == 1);
      CHECK(y[2] == INFINITY);
      const Tensor grad_y = Tensor::from({INFINITY, 3, 2}, c.output(), dtype);
      CHECK(backward(where, c, grad_y).values() == std::vector<double>{INFINITY, INFINITY, 1, 2, 1});
    });
  }
}

TEST_CASE("1, 2 and 4 threads give the same adaptive pool") {
  const Case c{{3, 31, 29, 7}, {6, 9}};
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor(c.from, dtype, 7), grad_y = random_tensor(c.output(), dtype, 8);
    on(Device::cpu, [&](auto where) {
      const Tensor want = forward(where, c, x), want_grad = backward(where, c, grad_y);
      with_threads([&] {
        CHECK(same_bits(forward(where, c, x), want));
        CHECK(same_bits(backward(where, c, grad_y), want_grad));
      });
    });
  }
}

TEST_CASE("packs of channels are not read where the array is not aligned to them") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      const Tensor arena = random_tensor({1 + 5 * 5 * 16}, dtype, 8);
      const Tensor x = arena.to(device).slice(1, {1, 5, 5, 16});
      const Tensor want = adaptive_avgpool2d(arena.slice(1, x.shape()).clone(), 3);
      CHECK(same_bits(adaptive_avgpool2d(x, 3).to(Device::cpu), want));
    }
}

TEST_CASE("gradients of adaptive pools match central differences in double") {
  const Tensor x = random_tensor({2, 5, 6, 3}, DType::f64, 9);
  for (const Pair size : {Pair(1), Pair(3, 4), Pair(5, 6), Pair(7, 2)})
    CHECK(gradient_error([&](const auto& in) { return adaptive_avgpool2d(in[0], size); }, {x}) <= 1e-7);
}

TEST_CASE("adaptive pools say what they are and name what does not fit") {
  CHECK(AdaptiveAvgPool2d({7, 6}).describe() == "AdaptiveAvgPool2d(7x6)");
  CHECK_THROWS_WITH(adaptive_avgpool2d(Tensor::zeros({4, 4}), 1),
                    "adaptive_avgpool2d: expected an input of shape n,h,w,c with h and w above 0, got 4,4");
  CHECK_THROWS_WITH(adaptive_avgpool2d(Tensor::zeros({1, 0, 4, 1}), 1),
                    "adaptive_avgpool2d: expected an input of shape n,h,w,c with h and w above 0, got 1,0,4,1");
  CHECK_THROWS_WITH(adaptive_avgpool2d(Tensor::zeros({1, 4, 4, 1}), {2, 0}),
                    "adaptive_avgpool2d: expected an output of 1x1 or more, got 2x0");
  CHECK_THROWS_WITH(adaptive_avgpool2d(Tensor({1, 4, 4, 2}, DType::i32), 2),
                    "adaptive_avgpool2d: expected half, float or double, got i32");
}
