// SPDX-License-Identifier: MIT
// Convolution against the definition, computed in double.
#include "support.h"

#include <mpad/core/parallel.h>
#include <mpad/ops.h>

#include <kernels.h>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Case {
  std::int64_t n, h, w, c, k;
  Window window;
};

// Sizes below, at and beside the tiles' multiples; strides, padding and dilation, alone, together and unequal in h and
// w; kernels as large as the image; windows that reach into the padding from both sides.
const Case cases[] = {
    {1, 1, 1, 1, 1, {1}},
    {1, 5, 5, 1, 1, {3}},
    {5, 5, 5, 1, 1, {5}},
    {128, 28, 28, 1, 6, {5}},
    {128, 12, 12, 6, 16, {5}},
    {5, 8, 8, 3, 64, {3, 1, 1}},
    {5, 8, 8, 16, 17, {3, 1, 1}},
    {5, 7, 9, 17, 16, {3, 2, 1}},
    {5, 7, 9, 17, 33, {3, 3, 1}},
    {9, 6, 6, 64, 64, {3, 1, 1}},
    {9, 4, 4, 64, 17, {3, 1, 1}},
    {9, 2, 2, 64, 65, {3, 1, 1}},
    {3, 1, 1, 17, 6, {3, 1, 1}},
    {5, 9, 9, 3, 16, {7, 2, 3}},
    {5, 15, 14, 3, 17, {7, 2, 3}},
    {5, 9, 9, 6, 6, {3, 1, 0, 2}},
    {5, 9, 9, 6, 6, {3, 1, 2, 2}},
    {5, 9, 9, 6, 6, {3, 2, 2, 2}},
    {5, 9, 10, 3, 6, {3, 3, 2, 2}},
    {5, 11, 10, 3, 6, {4, 2, 1, 2}},
    {5, 8, 8, 16, 16, {1}},
    {5, 8, 8, 16, 16, {1, 2}},
    {5, 8, 7, 17, 3, {1, 3, 1}},
    {5, 7, 9, 6, 3, {Pair(1, 5)}},
    {5, 7, 9, 6, 3, {Pair(5, 1), Pair(1, 2), Pair(2, 0)}},
    {5, 7, 9, 6, 3, {Pair(2, 3), Pair(3, 1), Pair(0, 2), Pair(1, 3)}},
    {5, 9, 7, 3, 3, {Pair(3, 2), Pair(1, 2), Pair(3, 1), Pair(2, 1)}},
    {8, 6, 6, 1, 8, {2, 2}},
    {17, 6, 6, 3, 1, {2, 3}},
    {16, 3, 3, 33, 31, {3}},
    {2, 40, 40, 64, 3, {3, 1, 1}},
    {1, 5, 6, 16, 48, {3, 1, 3}},
    {130, 1, 1, 64, 10, {1}},
    {0, 5, 5, 3, 4, {3}},
};

struct Problem {
  Case geometry;
  Tensor x, weight, bias, grad_y;
};

/// Small integers, so that every product and sum is exact in every type, or random values.
Problem make(const Case& c, DType dtype, bool integers) {
  const Sliding s = slide("conv2d", c.window, {c.n, c.h, c.w, c.c});
  const auto tensor = [&](const Shape& shape, std::uint64_t seed, double range) {
    if (!integers) return random_tensor(shape, dtype, seed);
    std::vector<double> values = random_tensor(shape, DType::f64, seed, -range, range + 1).values();
    for (double& v : values) v = std::floor(v);
    return Tensor::from(values, shape, dtype);
  };
  const Pair kernel = c.window.kernel;
  return {c, tensor({c.n, c.h, c.w, c.c}, 1, 1), tensor({c.k, kernel.h, kernel.w, c.c}, 2, 1), tensor({c.k}, 3, 2),
          tensor({c.n, s.oh, s.ow, c.k}, 4, 1)};
}

/// What a convolution gives, and the same sums over absolute values: the scale of its rounding errors.
struct Results {
  std::vector<double> y, grad_x, grad_weight, grad_bias;
};

Results reference(const Problem& p, bool absolute) {
  const Case& g = p.geometry;
  const Sliding s = slide("conv2d", g.window, p.x.shape());
  const auto values = [&](const Tensor& t) {
    std::vector<double> v = t.values();
    if (absolute)
      for (double& e : v) e = std::abs(e);
    return v;
  };
  const std::vector<double> x = values(p.x), weight = values(p.weight), bias = values(p.bias), grad = values(p.grad_y);
  Results out{std::vector<double>(grad.size()), std::vector<double>(x.size()), std::vector<double>(weight.size()),
              std::vector<double>(bias.size())};
  const auto at = [](auto... i) { return static_cast<std::size_t>((i + ...)); };
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t oh = 0; oh < s.oh; ++oh)
      for (std::int64_t ow = 0; ow < s.ow; ++ow)
        for (std::int64_t k = 0; k < g.k; ++k) {
          const std::size_t o = at(((n * s.oh + oh) * s.ow + ow) * g.k, k);
          out.y[o] = bias[at(k)];
          out.grad_bias[at(k)] += grad[o];
          for (std::int64_t r = 0; r < g.window.kernel.h; ++r)
            for (std::int64_t q = 0; q < g.window.kernel.w; ++q) {
              const std::int64_t h = s.row(oh, r), w = s.column(ow, q);
              if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
              for (std::int64_t c = 0; c < s.c; ++c) {
                const std::size_t i = at(((n * s.h + h) * s.w + w) * s.c, c);
                const std::size_t f = at(((k * g.window.kernel.h + r) * g.window.kernel.w + q) * s.c, c);
                out.y[o] += x[i] * weight[f];
                out.grad_x[i] += grad[o] * weight[f];
                out.grad_weight[f] += grad[o] * x[i];
              }
            }
        }
  return out;
}

/// The kernels' results, into outputs that held NaN before.
struct Computed {
  Tensor y, grad_x, grad_weight, grad_bias;
};

template <class Where>
Computed compute(Where where, const Problem& p) {
  const Sliding s = slide("conv2d", p.geometry.window, p.x.shape());
  const DType dtype = p.x.dtype();
  const Computed out{Tensor::full(p.grad_y.shape(), NAN, dtype), Tensor::full(p.x.shape(), NAN, dtype),
                     Tensor::full(p.weight.shape(), NAN, dtype), Tensor::full(p.bias.shape(), NAN, dtype)};
  kernels::conv2d_forward(where, s, p.x.view(), p.weight.view(), p.bias.view(), out.y.view());
  kernels::conv2d_backward_data(where, s, p.grad_y.view(), p.weight.view(), out.grad_x.view());
  kernels::conv2d_backward_weight(where, s, p.x.view(), p.grad_y.view(), out.grad_weight.view());
  kernels::sum_rows(where, p.grad_y.view(), out.grad_bias.view());
  return out;
}

Computed compute(const Problem& p) {
  return on(Device::cpu, [&](auto where) { return compute(where, p); });
}

bool same(const Computed& a, const Computed& b) {
  return same_bits(a.y, b.y) && same_bits(a.grad_x, b.grad_x) && same_bits(a.grad_weight, b.grad_weight) &&
         same_bits(a.grad_bias, b.grad_bias);
}

std::string describe(const Problem& p) {
  const Window& w = p.geometry.window;
  return to_string(p.x.dtype()) + " x " + to_string(p.x.shape()) + " weight " + to_string(p.weight.shape()) +
         " stride " + to_string(w.stride) + " pad " + to_string(w.pad) + " dilation " + to_string(w.dilation);
}

/// Largest |got - want| / scale.
double worst_error(const Tensor& got, const std::vector<double>& want, const std::vector<double>& scale) {
  const std::vector<double> values = got.values();
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(values[i] - want[i]) <= worst * scale[i]))
      worst = scale[i] > 0 && !std::isnan(values[i]) ? std::abs(values[i] - want[i]) / scale[i] : INFINITY;
  return worst;
}

}  // namespace

TEST_CASE("convolutions of small integers are exact in every type") {
  for (const Case& c : cases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, true);
      INFO(describe(p));
      const Computed got = compute(p);
      const Results want = reference(p, false);
      // Sums of more than 2048 units leave half's integers: there the exact sum is rounded once.
      const auto rounded = [&](const std::vector<double>& v, const Tensor& like) {
        return Tensor::from(v, like.shape(), dtype).values();
      };
      CHECK(got.y.values() == rounded(want.y, got.y));
      CHECK(got.grad_x.values() == rounded(want.grad_x, got.grad_x));
      CHECK(got.grad_weight.values() == rounded(want.grad_weight, got.grad_weight));
      CHECK(got.grad_bias.values() == rounded(want.grad_bias, got.grad_bias));
    }
}

// A sum of m products in any order, each product and partial sum rounded, is within about m * u * sum |a * b| of the
// exact one (u = 2^-24 for float and half's sums, 2^-53 for double; Higham, Accuracy and Stability, 3.1); the bias and
// the sum of chunks add terms that the margin of 20 covers. half adds the rounding of the store, 2^-11 relative to the
// sum and 2^-25 below the normal numbers.
TEST_CASE("convolutions of random values stay within the bound of their sums") {
  for (const Case& c : cases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      INFO(describe(p));
      const Computed got = compute(p);
      const Results want = reference(p, false), scale = reference(p, true);
      const double unit = std::ldexp(1.0, dtype == DType::f64 ? -53 : -24);
      const double store = dtype == DType::f16 ? std::ldexp(1.0, -11) : 0;
      const auto within = [&](const Tensor& t, const std::vector<double>& w, std::vector<double> s, double terms) {
        for (std::size_t i = 0; i < s.size(); ++i)
          s[i] = (terms + 20) * unit * s[i] + store * std::abs(w[i]) + (store > 0 ? std::ldexp(1.0, -25) : 1e-300);
        return worst_error(t, w, s) <= 1;
      };
      const Window& w = c.window;
      const double pixels = static_cast<double>(p.grad_y.numel()) / static_cast<double>(c.k);
      CHECK(within(got.y, want.y, scale.y, static_cast<double>(w.taps() * c.c)));
      CHECK(within(got.grad_x, want.grad_x, scale.grad_x, static_cast<double>(w.taps() * c.k)));
      CHECK(within(got.grad_weight, want.grad_weight, scale.grad_weight, pixels));
      CHECK(within(got.grad_bias, want.grad_bias, scale.grad_bias, pixels));
    }
}

TEST_CASE("convolutions give the same bits for any number of threads and on every run") {
  for (const Case& c : cases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      INFO(describe(p));
      set_num_threads(1);
      const Computed want = compute(p);
      for (int threads : {1, 2, 4}) {
        set_num_threads(threads);
        CHECK(same(compute(p), want));
      }
      set_num_threads(0);
    }
}

#ifdef MPAD_ISA_LEVELS
TEST_CASE("convolutions give the same bits with avx2 and avx512") {
  if (current_isa() != Isa::avx512) {
    WARN("skipped: avx512 is not in use here");
    return;
  }
  for (const Case& c : cases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      INFO(describe(p));
      CHECK(same(compute(CpuWith<Isa::avx2>{}, p), compute(CpuWith<Isa::avx512>{}, p)));
    }
}

TEST_CASE("the portable convolutions of small integers equal the others") {
  for (const Case& c : cases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, true);
      INFO(describe(p));
      CHECK(same(compute(CpuWith<Isa::portable>{}, p), compute(p)));
    }
}
#endif

TEST_CASE("infinity, NaN and the sign of zero pass through a 1x1 convolution") {
  for (DType dtype : real_dtypes) {
    const Tensor x = Tensor::from({INFINITY, -INFINITY, NAN, 2}, {4, 1, 1, 1}, dtype);
    const std::vector<double> y = conv2d(x, Tensor::from({-1.0}, {1, 1, 1, 1}, dtype)).values();
    CHECK(y[0] == -INFINITY);
    CHECK(y[1] == INFINITY);
    CHECK(std::isnan(y[2]));
    CHECK(y[3] == -2);
  }
}

TEST_CASE("gradients of a convolution match central differences in double") {
  for (const Case& c : {Case{2, 5, 6, 3, 4, {3, 1, 1}}, Case{2, 7, 5, 2, 3, {Pair(3, 2), Pair(2, 1), 1, Pair(1, 2)}}}) {
    const Problem p = make(c, DType::f64, false);
    const Function f = [&](const std::vector<Tensor>& in) {
      return conv2d(in[0], in[1], in[2],
                    {.stride = c.window.stride, .pad = c.window.pad, .dilation = c.window.dilation});
    };
    CHECK(gradient_error(f, {p.x, p.weight, p.bias}) <= 1e-7);
  }
}

TEST_CASE("conv2d names what does not fit") {
  const Tensor x = Tensor::zeros({2, 5, 5, 3}), weight = Tensor::zeros({4, 3, 3, 3});
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros({4, 3, 3})), "conv2d: expected a weight of shape k,r,s,c, got 4,3,3");
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros({4, 3, 3, 2})),
                    "conv2d: expected an input of 2 channels for weight 4,3,3,2, got 2,5,5,3");
  CHECK_THROWS_WITH(conv2d(x, weight, Tensor::zeros({3})), "conv2d: expected a bias of shape 4, got 3");
  CHECK_THROWS_WITH(conv2d(x, weight.to(DType::f64)),
                    "conv2d: expected one real dtype, got input float and weight double");
  CHECK_THROWS_AS(conv2d(x, Tensor::zeros({4, 7, 7, 3})), Error);
  CHECK_THROWS_AS(conv2d(Tensor::zeros({5, 5, 3}), weight), Error);
}
