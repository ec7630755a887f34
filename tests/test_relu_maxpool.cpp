// SPDX-License-Identifier: MIT
// The fused ReLU and max pool against the two kernels one after the other, bit for bit.
#include "pool_geometries.h"

#include <mpad/nn/layers.h>
#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), quiet = std::numeric_limits<double>::quiet_NaN();
constexpr CpuWith<Isa::portable> portable;

struct Setting {
  TieRule rule;
  double alpha = 0;
  Accumulate accumulate = Accumulate::wide;
};

// Every rule with every derivative at 0: 0.3 is no number of any type, 1e-300 is 0 in float, and 1e-6 subnormal in
// half.
std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const char* name : {"native", "last", "minimal", "beta:0.3", "beta:1000", "random:5", "all"})
    for (double alpha : {0.0, 0.5, 1.0, 0.3, 1e-300, 1e-6})
      for (Accumulate accumulate : {Accumulate::wide, Accumulate::narrow})
        all.push_back({TieRule::parse(name), alpha, accumulate});
  return all;
}

// Elements drawn from `choices`.
Tensor draw(const Shape& shape, DType dtype, std::uint64_t seed, const std::vector<double>& choices) {
  std::vector<double> values =
      random_integers(shape, DType::f64, seed, static_cast<std::uint32_t>(choices.size())).values();
  for (double& value : values) value = choices[static_cast<std::size_t>(value)];
  return Tensor::from(values, shape, dtype);
}

template <class Where>
std::vector<Tensor> fused(Where where, const Sliding& s, const Tensor& x) {
  const std::vector<Output> outputs{{output_of(s), x.dtype()}, {output_of(s), mask_dtype(s.window.taps() + 1)}};
  return run_kernel(where, {x}, outputs,
                    [&](auto in, auto out) { kernels::relu_maxpool_forward(where, s, in[0], out[0], out[1]); });
}

template <class Where>
Tensor fused_gradient(Where where, const Sliding& s, const Setting& with, const Tensor& code, const Tensor& grad_y) {
  return run_kernel(where, {grad_y, code}, {{input_of(s), grad_y.dtype()}}, [&](auto in, auto out) {
    kernels::relu_maxpool_backward(where, s, with.rule, with.accumulate, with.alpha, in[0], in[1], out[0]);
  })[0];
}

Pooled separate(const Sliding& s, const Tensor& x) {
  const Tensor positive = empty_like(x);
  kernels::relu_forward(portable, x.view(), positive.view());
  return pool(portable, s, positive);
}

Tensor separate_gradient(const Pooled& pooled, const Setting& with, const Tensor& x, const Tensor& grad_y) {
  const Tensor grad = unpool(portable, pooled, grad_y, with.rule, with.accumulate);
  kernels::relu_backward(portable, with.alpha, x.view(), grad.view(), grad.view());
  return grad;
}

// Forward, and backward with each setting, on every backend.
void check(const Sliding& s, const Tensor& x, const Tensor& grad_y, const std::vector<Setting>& all) {
  const Pooled pooled = separate(s, x);
  std::vector<Tensor> want;
  for (const Setting& with : all) want.push_back(separate_gradient(pooled, with, x, grad_y));
  on_each_backend([&](auto where) {
    const std::vector<Tensor> got = fused(where, s, x);
    CHECK(same_numbers(got[0], pooled.y));
    for (std::size_t i = 0; i < all.size(); ++i) {
      INFO(name_of(where) << ' ' << to_string(x.dtype()) << ' ' << all[i].rule.name() << " alpha " << all[i].alpha);
      CHECK(same_numbers(fused_gradient(where, s, all[i], got[1], grad_y), want[i]));
    }
  });
}

// 1,2,2,choices^4: every window of these values, one in each channel.
Tensor all_windows(const std::vector<double>& choices, DType dtype) {
  const std::size_t base = choices.size(), windows = base * base * base * base;
  std::vector<double> values;
  for (std::size_t i = 0, power = 1; i < 4; ++i, power *= base)
    for (std::size_t c = 0; c < windows; ++c) values.push_back(choices[c / power % base]);
  return Tensor::from(values, {1, 2, 2, static_cast<std::int64_t>(windows)}, dtype);
}

Tensor gradient_for(const Function& f, const Tensor& x, const Tensor& grad_y) {
  return gradients_of(f, {x}, grad_y)[0];
}

}  // namespace

TEST_CASE("all windows of {-1, 0, 1}^4 and of {-1, -0, 0, 1}^4: every rule, derivative at 0 and accumulation") {
  for (DType dtype : real_dtypes)
    for (const std::vector<double>& choices : {std::vector<double>{-1, 0, 1}, std::vector<double>{-1, -0.0, 0, 1}}) {
      const Tensor x = all_windows(choices, dtype);
      const Sliding s = slide("test", {2, 2}, x.shape());
      check(s, x, random_tensor(output_of(s), dtype, 3, -4, 4), settings());
    }
}

TEST_CASE("overlap, padding, dilation and gaps: the same bits as ReLU, then the pool") {
  std::size_t next = 0;  // settings go round, some for each geometry
  const std::vector<Setting> all = settings();
  for (const Geometry& g : geometries) {
    if (g.window.taps() > 63) continue;
    for (DType dtype : real_dtypes) {
      const Sliding s = g.sliding();
      const Tensor x = draw(g.input, dtype, 71, {-1, -1, -0.0, 0, 0, 1, 1, 2});
      std::vector<Setting> some;
      for (int i = 0; i < 11; ++i) some.push_back(all[next++ % all.size()]);
      INFO(to_string(g));
      check(s, x, random_tensor(output_of(s), dtype, 72, -4, 4), some);
    }
  }
}

TEST_CASE("elements of one sign, and elements without ties, in overlapping windows") {
  for (const Window& window : {Window{2, 2}, Window{3, 2, 1}, Window{3, 1, 1}, Window{2, 1, 1, 2}})
    for (DType dtype : real_dtypes) {
      const Sliding s = slide("test", window, {1, 7, 7, 8});
      const Tensor grad_y = random_tensor(output_of(s), dtype, 81, -4, 4);
      for (double low : {-2.0, -1.0, 0.0}) {
        check(s, random_tensor(input_of(s), dtype, 82, low, low + 2), grad_y, settings());
        check(s, draw(input_of(s), dtype, 83, {low, -0.0}), grad_y, {{TieRule::minimal(), 0.5}});
      }
    }
}

TEST_CASE("NaN, infinities and zeros of both signs in elements and gradients") {
  const std::vector<double> odd{quiet, inf, -inf, -1, -0.0, 0, 1};
  for (DType dtype : real_dtypes) {
    const Tensor x = all_windows(odd, dtype);
    const Sliding s = slide("test", {2, 2}, x.shape());
    const std::vector<Setting> some{{TieRule::native(), 0.5}, {TieRule::minimal(), 0}, {TieRule::beta(0.3), 1}};
    check(s, x, draw(output_of(s), dtype, 91, odd), some);
    for (const Window& window : {Window{3, 2, 1}, Window{2, 1, 1, 2}}) {
      const Sliding overlapping = slide("test", window, {2, 9, 9, 16});
      check(overlapping, draw(input_of(overlapping), dtype, 92, odd), draw(output_of(overlapping), dtype, 93, odd),
            some);
    }
  }
}

TEST_CASE("a negative derivative at 0 gives the same numbers, zeros of either sign") {
  const Sliding s = slide("test", {3, 2, 1}, {1, 9, 9, 16});
  const Tensor x = draw(input_of(s), DType::f32, 95, {-1, -0.0, 0, 1}),
               grad_y = random_tensor(output_of(s), DType::f32, 96);
  const Setting with{TieRule::minimal(), -0.5};
  const std::vector<double> want = separate_gradient(separate(s, x), with, x, grad_y).values();
  on_each_backend(
      [&](auto where) { CHECK(fused_gradient(where, s, with, fused(where, s, x)[1], grad_y).values() == want); });
}

namespace {

/// relu_maxpool_backward_sum_rows's gradient and sums, then relu_maxpool_backward's and sum_rows's.
template <class Where>
std::vector<Tensor> summed(Where where, const Sliding& s, const Setting& with, const Tensor& code,
                           const Tensor& grad_y) {
  const Output grad{input_of(s), grad_y.dtype()}, sums{{s.c}, grad_y.dtype()};
  return run_kernel(where, {grad_y, code}, {grad, sums, grad, sums}, [&](auto in, auto out) {
    kernels::relu_maxpool_backward_sum_rows(where, s, with.rule, with.accumulate, in[0], in[1], out[0], out[1]);
    kernels::relu_maxpool_backward(where, s, with.rule, with.accumulate, 0, in[0], in[1], out[2]);
    kernels::sum_rows(where, out[2], out[3]);
  });
}

/// Whether a sum of n terms in any order, each partial sum rounded, could give this: n u sum |term| from the exact one,
/// u of the type sums are formed in, and the store's rounding (Higham, Accuracy and Stability, 4.2).
void check_sums(const Tensor& sums, const Tensor& grad) {
  const std::vector<double> terms = grad.values(), got = sums.values();
  const std::size_t channels = got.size();
  const double u = std::ldexp(1.0, grad.dtype() == DType::f64 ? -53 : -24), n = static_cast<double>(terms.size());
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, magnitude = 0;
    for (std::size_t i = c; i < terms.size(); i += channels) {
      sum += terms[i];
      magnitude += std::abs(terms[i]);
    }
    const double store = grad.dtype() == DType::f16 ? std::ldexp(std::abs(sum), -11) + std::ldexp(1.0, -25) : 0;
    CHECK(std::abs(got[c] - sum) <= n / static_cast<double>(channels) * u * magnitude + store);
  }
}

// Windows that cover the image, in packs of every type, in one tile or two, in one chunk or several; an image that they
// do not cover, channels in no packs, other windows.
struct SummedPool {
  Shape shape;
  Window window;
};
const SummedPool summed_pools[] = {{{2, 4, 6, 8}, {2, 2}},  {{1, 2, 2, 24}, {2, 2}},   {{3, 8, 6, 64}, {2, 2}},
                                   {{40, 8, 8, 8}, {2, 2}}, {{1, 4, 2, 2056}, {2, 2}}, {{2, 5, 4, 8}, {2, 2}},
                                   {{2, 4, 6, 5}, {2, 2}},  {{2, 7, 7, 8}, {3, 2, 1}}};

}  // namespace

TEST_CASE("a custom rule is asked for the weights of tied elements alone, with a ReLU in front too") {
  struct Quarter {
    double weight(std::uint64_t, int) const { return 0.25; }
  };
  const std::vector<Setting> all{{TieRule::custom(Quarter{}, "quarter"), 0},
                                 {TieRule::custom(Quarter{}, "quarter"), 1}};
  for (DType dtype : real_dtypes) {
    const Sliding s = slide("test", {2, 2}, {1, 2, 2, 1});
    const Tensor x = Tensor::from({-1, 4, 3, 4}, input_of(s), dtype), grad_y = Tensor::full(output_of(s), 8, dtype);
    check(s, x, grad_y, all);
    CHECK(fused_gradient(portable, s, all[0], fused(portable, s, x)[1], grad_y).values() ==
          std::vector<double>{0, 2, 0, 2});
    check(s, Tensor::from({-1, 0, -3, 0}, input_of(s), dtype), grad_y, all);
  }
}

TEST_CASE("a gradient and its sums in one pass have the bits of one and the other") {
  for (const SummedPool& pool : summed_pools)
    for (DType dtype : real_dtypes) {
      const Sliding s = slide("test", pool.window, pool.shape);
      const Tensor x = draw(pool.shape, dtype, 91, {-1, -0.0, 0, 1, 1, 2}), code = fused(portable, s, x)[1];
      const Tensor grad_y = random_tensor(output_of(s), dtype, 92, -4, 4);
      for (const char* rule : {"native", "last", "minimal", "beta:0.3", "beta:1000", "random:5", "all"})
        on_each_backend([&](auto where) {
          const Accumulate accumulate = rule[0] == 'm' ? Accumulate::narrow : Accumulate::wide;
          INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << to_string(pool.shape) << ' ' << rule);
          const std::vector<Tensor> got = summed(where, s, {TieRule::parse(rule), 0, accumulate}, code, grad_y);
          CHECK(same_bits(got[0], got[2]));
          CHECK(same_bits(got[1], got[3]));
          check_sums(got[1], got[0]);
        });
    }
}

TEST_CASE("sums of integer gradients behind a pool are exact, and an infinity stays in its channel") {
  for (DType dtype : real_dtypes) {
    const Sliding s = slide("test", {2, 2}, {2, 4, 4, 8});
    const Tensor code = fused(portable, s, draw(input_of(s), dtype, 93, {-1, 0, 1, 1}))[1];
    // Multiples of 12, so that shares of 1 to 4 tied elements are integers too.
    std::vector<double> gradients = random_integers(output_of(s), DType::f64, 94, 9).values();
    for (double& value : gradients) value = 12 * (value - 4);
    const Tensor grad_y = Tensor::from(gradients, output_of(s), dtype);
    for (const char* rule : {"native", "minimal", "all"})
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << rule);
        const std::vector<Tensor> got = summed(where, s, {TieRule::parse(rule)}, code, grad_y);
        std::vector<double> want(8, 0.0);
        const std::vector<double> terms = got[2].values();
        for (std::size_t i = 0; i < terms.size(); ++i) want[i % 8] += terms[i];
        CHECK(got[1].values() == want);
      });
    const Tensor positive = fused(portable, s, Tensor::full(input_of(s), 1, dtype))[1];
    gradients[3] = inf;
    on_each_backend([&](auto where) {
      const std::vector<double> sums =
          summed(where, s, {TieRule::native()}, positive, Tensor::from(gradients, output_of(s), dtype))[1].values();
      for (std::size_t c = 0; c < 8; ++c) CHECK(std::isinf(sums[c]) == (c == 3));
    });
  }
}

TEST_CASE("a code is the mask of a positive maximum, or the flag and the zeros") {
  for (DType dtype : real_dtypes) {
    const Tensor x =
        Tensor::from({3, -1, -1, -1, 1, -0.0, -2, quiet, 3, 0, -1, quiet, -1, -2, -3, -4}, {1, 2, 2, 4}, dtype);
    on_each_backend([&](auto where) {
      const std::vector<Tensor> got = fused(where, slide("test", {2, 2}, x.shape()), x);
      const std::vector<double> y = got[0].values();
      CHECK(std::vector<double>(y.begin(), y.end() - 1) == std::vector<double>{3, 0, 0});
      CHECK_FALSE(std::signbit(y[1]));
      CHECK(std::isnan(y[3]));
      CHECK(masks_of(got[1]) == std::vector<std::uint64_t>{0b00101, 0b10110, 0b10000, 0b00110});
    });
  }
}

TEST_CASE("a window of padding only gives -inf, code 0 and no gradient") {
  const Sliding s = slide("test", {2, 2, 1, 2}, {1, 1, 1, 8});
  const Tensor x = Tensor::full({1, 1, 1, 8}, -3);
  on_each_backend([&](auto where) {
    const std::vector<Tensor> got = fused(where, s, x);
    CHECK(got[0].values() == std::vector<double>(8, -inf));
    CHECK(masks_of(got[1]) == std::vector<std::uint64_t>(8, 0));
    CHECK(fused_gradient(where, s, {TieRule::all(), 0.5}, got[1], Tensor::full({1, 1, 1, 8}, 1)).values() ==
          std::vector<double>(8, 0));
  });
}

TEST_CASE("the recorded operation is relu, then maxpool2d") {
  const Tensor x = draw({2, 7, 7, 3}, DType::f32, 97, {-1, -0.0, 0, 1, 2});
  for (const MaxPool2dOptions& options :
       {MaxPool2dOptions{.ties = TieRule::minimal()}, MaxPool2dOptions{.window = 3, .stride = 2, .pad = 1},
        MaxPool2dOptions{.ties = TieRule::all(), .backward = PoolBackward::standard},
        MaxPool2dOptions{.window = {3, 2}, .ceil_mode = true, .ties = TieRule::beta(3)}})
    for (double alpha : {0.0, 0.5, 1.0}) {
      const Function separately = [&](const auto& in) { return maxpool2d(relu(in[0], alpha), options); };
      const Function at_once = [&](const auto& in) { return relu_maxpool2d(in[0], alpha, options); };
      const Tensor y = separately({x}), grad_y = random_tensor(y.shape(), DType::f32, 98);
      CHECK(same_bits(at_once({x}), y));
      CHECK(same_bits(gradient_for(at_once, x, grad_y), gradient_for(separately, x, grad_y)));
      for (Device device : devices()) CHECK(same_bits(at_once({x.to(device)}).to(Device::cpu), y));
    }
}

TEST_CASE("the gradient agrees with central differences away from ties and zeros") {
  std::vector<double> values;
  for (int i = 0; i < 2 * 7 * 6 * 3; ++i) values.push_back((i * 101 % 252) / 100.0 - 1.205);
  const Tensor x = Tensor::from(values, {2, 7, 6, 3}, DType::f64);
  for (const MaxPool2dOptions& options : {MaxPool2dOptions{}, MaxPool2dOptions{.window = 3, .stride = 2, .pad = 1}})
    CHECK(gradient_error([&](const auto& in) { return relu_maxpool2d(in[0], 0.5, options); }, {x}) <= 1e-7);
}

TEST_CASE("what the fused operation does not do is refused") {
  const Tensor x = Tensor::zeros({1, 8, 8, 2});
  CHECK_THROWS_WITH(relu_maxpool2d(x, 0, {.window = 8}),
                    "relu_maxpool2d: expected a window of at most 63 elements, got 8x8");
  CHECK_THROWS_WITH(relu_maxpool2d(x, inf), "relu_maxpool2d: expected a finite derivative at 0, got inf");
  CHECK_THROWS_WITH(relu_maxpool2d(x, 0, {.forward = PoolForward::composed}),
                    "relu_maxpool2d: expected the exact forward and the fused or standard backward, got composed");
  CHECK_THROWS_WITH(relu_maxpool2d(Tensor::zeros({8, 8})),
                    "relu_maxpool2d: expected an input of shape n,h,w,c, got 8,8");
  for (const DType dtype : real_dtypes)  // half runs apart on the CPU
    CHECK_THROWS_WITH(ReluMaxPool2d({}, {.forward = PoolForward::composed})(x.to(dtype)),
                      "relu_maxpool2d: expected the exact forward and the fused or standard backward, got composed");
}
