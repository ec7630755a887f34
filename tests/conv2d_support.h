// SPDX-License-Identifier: MIT
// Convolutions to test, and their definition, computed in double.
#pragma once
#include "kernel_run.h"

#include <mpad/core/geometry.h>

#include <cuda/sm90.h>

namespace mpad::test::conv2d {

struct Case {
  std::int64_t n, h, w, c, k;
  Window window;
};

// Sizes below, at and beside the tiles' multiples; strides, padding and dilation, alone, together and unequal in h and
// w; kernels as large as the image; windows that reach into the padding from both sides; few outputs of long sums,
// which CUDA cuts into parts, few and many; channels that 16 bytes, 4 bytes and no run of bytes divide; none at all.
inline const Case kCases[] = {
    {1, 1, 1, 1, 1, {1}},
    {1, 5, 5, 1, 1, {3}},
    {5, 5, 5, 1, 1, {5}},
    {9, 14, 14, 1, 6, {5}},
    {5, 12, 12, 6, 16, {5}},
    {5, 8, 8, 3, 64, {3, 1, 1}},
    {5, 8, 8, 16, 17, {3, 1, 1}},
    {5, 7, 9, 17, 16, {3, 2, 1}},
    {5, 7, 9, 17, 33, {3, 3, 1}},
    {4, 6, 6, 64, 64, {3, 1, 1}},
    {9, 4, 4, 64, 17, {3, 1, 1}},
    {9, 2, 2, 64, 65, {3, 1, 1}},
    {3, 1, 1, 17, 6, {3, 1, 1}},
    {2, 9, 9, 3, 16, {7, 2, 3}},
    {2, 15, 14, 3, 17, {7, 2, 3}},
    {5, 9, 9, 6, 6, {3, 1, 0, 2}},
    {5, 9, 9, 6, 6, {3, 1, 2, 2}},
    {5, 9, 9, 6, 6, {3, 2, 2, 2}},
    {5, 9, 10, 3, 6, {3, 3, 2, 2}},
    {5, 11, 10, 3, 6, {4, 2, 1, 2}},
    {3, 3, 4, 8, 9, {3, 5, 1}},
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
    {1, 40, 40, 16, 3, {3, 1, 1}},
    {1, 5, 6, 16, 48, {3, 1, 3}},
    {130, 1, 1, 64, 10, {1}},
    {0, 5, 5, 3, 4, {3}},
    {2, 3, 4, 0, 8, {3, 1, 1}},
    {2, 3, 4, 8, 0, {3, 1, 1}},
    {2, 9, 7, 8, 8, {3, 1, 1}},
    {1, 11, 12, 24, 130, {3, 1, 1}},
    {1, 12, 11, 72, 136, {1}},
    {1, 8, 9, 65, 64, {3, 1, 1}},
    {2, 2, 2, 136, 72, {3, 1, 1}},
    {1, 3, 2, 24, 129, {3, 1, 1}},
    {1, 1, 1, 1032, 8, {1}},
    {1, 1, 1, 16400, 8, {1}},
    {2, 4, 4, 32, 40, {3, 1, 1}},
    {3, 5, 4, 10, 24, {3, 1, 1}},
    {1, 24, 24, 8, 16, {3, 1, 1}},
    {2, 9, 9, 16, 72, {3, 2, 1}},
    {2, 10, 8, 16, 24, {3, 3, 1}},
    {2, 9, 9, 8, 16, {3, 1, 2, 2}},
    {2, 11, 10, 8, 16, {Pair(4, 3), Pair(2, 3), 2, Pair(2, 1)}},
    {3, 4, 5, 16, 64, {Pair(4, 5)}},
    // Many small images (test_conv2d_places has more).
    {64, 2, 2, 32, 8, {3, 1, 1}},
    {1, 7, 7, 3, 40, {7, 1, 3}},
    {1, 9, 9, 3, 33, {9}},
    {1, 21, 20, 1, 2, {20}},
    // Stems, which have kernels of their own: taps of every extent to 11, in the image and beside it.
    {2, 7, 6, 3, 5, {1}},
    {2, 6, 7, 1, 66, {1, 2, 1}},
    {2, 7, 8, 3, 12, {2, 2}},
    {2, 9, 8, 1, 20, {4, 1, 2}},
    {1, 9, 10, 3, 66, {5, 1, 2}},
    {1, 9, 8, 3, 70, {6, 2, 2}},
    {1, 10, 11, 1, 33, {7, 2, 3}},
    {1, 9, 9, 1, 6, {8, 1, 4}},
    {1, 12, 11, 3, 9, {9, 2, 4}},
    {1, 12, 11, 3, 7, {10, 3, 1}},
    {2, 15, 16, 3, 10, {11, 4, 2}},
    {1, 12, 13, 1, 7, {11, 1, 5}},
    {2, 11, 12, 1, 8, {Pair(3, 5), Pair(2, 1), Pair(2, 4), Pair(2, 3)}},
    {2, 12, 11, 3, 4, {Pair(5, 3), Pair(1, 3), Pair(5, 2), Pair(3, 2)}},
    // As many taps as tensor cores' stems take, and a row more.
    {1, 16, 17, 1, 3, {Pair(15, 16)}},
    {1, 17, 17, 1, 3, {16}},
    {1, 14, 11, 3, 34, {Pair(13, 10)}},
    {1, 13, 12, 3, 8, {Pair(12, 11)}},
};

struct Problem {
  Case geometry;
  Tensor x, weight, bias, grad_y;
};

/// Small integers, so that every product and sum is exact in every type, or random values.
inline Problem make(const Case& c, DType dtype, bool integers) {
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
  std::vector<double> y, grad_x, grad_weight;
};

inline Results reference(const Problem& p, bool absolute) {
  const Case& g = p.geometry;
  const Sliding s = slide("conv2d", g.window, p.x.shape());
  const auto values = [&](const Tensor& t) {
    std::vector<double> v = t.values();
    if (absolute)
      for (double& e : v) e = std::abs(e);
    return v;
  };
  const std::vector<double> x = values(p.x), weight = values(p.weight), bias = values(p.bias), grad = values(p.grad_y);
  Results out{std::vector<double>(grad.size()), std::vector<double>(x.size()), std::vector<double>(weight.size())};
  // Pointers to rows of channels, because tests are compiled without optimisation under sanitizers.
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t oh = 0; oh < s.oh; ++oh)
      for (std::int64_t ow = 0; ow < s.ow; ++ow)
        for (std::int64_t k = 0; k < g.k; ++k) {
          const std::int64_t output = ((n * s.oh + oh) * s.ow + ow) * g.k + k;
          const double gradient = grad.data()[output];
          double sum = bias.data()[k];
          for (std::int64_t r = 0; r < g.window.kernel.h; ++r)
            for (std::int64_t q = 0; q < g.window.kernel.w; ++q) {
              const std::int64_t h = s.row(oh, r), w = s.column(ow, q);
              if (h < 0 || h >= s.h || w < 0 || w >= s.w) continue;
              const std::int64_t pixel = ((n * s.h + h) * s.w + w) * s.c;
              const std::int64_t tap = ((k * g.window.kernel.h + r) * g.window.kernel.w + q) * s.c;
              const double *in = x.data() + pixel, *filter = weight.data() + tap;
              double *grad_in = out.grad_x.data() + pixel, *grad_filter = out.grad_weight.data() + tap;
              for (std::int64_t c = 0; c < s.c; ++c) {
                sum += in[c] * filter[c];
                grad_in[c] += gradient * filter[c];
                grad_filter[c] += gradient * in[c];
              }
            }
          out.y.data()[output] = sum;
        }
  return out;
}

/// The kernels' results.
struct Computed {
  Tensor y, grad_x, grad_weight;
};

template <class Where>
Computed compute(Where where, const Problem& p) {
  const Sliding s = slide("conv2d", p.geometry.window, p.x.shape());
  const DType dtype = p.x.dtype();
  const auto run = [&](const std::vector<Tensor>& inputs, const Shape& output, const auto& kernel) {
    return run_kernel(where, inputs, {{output, dtype}}, kernel)[0];
  };
  return {run({p.x, p.weight, p.bias}, p.grad_y.shape(),
              [&](auto in, auto out) { kernels::conv2d_forward(where, s, in[0], in[1], in[2], false, out[0]); }),
          run({p.grad_y, p.weight}, p.x.shape(),
              [&](auto in, auto out) { kernels::conv2d_backward_data(where, s, in[0], in[1], out[0]); }),
          run({p.x, p.grad_y}, p.weight.shape(),
              [&](auto in, auto out) { kernels::conv2d_backward_weight(where, s, in[0], in[1], out[0]); })};
}

/// The tensor's elements so many elements behind where an allocation starts.
class Shifted {
 public:
  Shifted(const Tensor& t, Device device, std::int64_t by = 1)
      : by_(by), block_(Shape{t.numel() + by}, t.dtype(), device), view_(t.view()) {
    std::vector<double> values = t.values();
    values.insert(values.begin(), static_cast<std::size_t>(by), NAN);
    block_ = Tensor::from(values, block_.shape(), t.dtype()).to(device);
    view_.data = static_cast<char*>(block_.view().data) + static_cast<std::size_t>(by) * size_of(t.dtype());
  }
  const View& view() const { return view_; }
  Tensor take() const {
    std::vector<double> values = block_.values();
    values.erase(values.begin(), values.begin() + by_);
    return Tensor::from(values, view_.shape, view_.dtype);
  }

 private:
  std::int64_t by_;
  Tensor block_;
  View view_;
};

inline bool same(const Computed& a, const Computed& b) {
  return same_bits(a.y, b.y) && same_bits(a.grad_x, b.grad_x) && same_bits(a.grad_weight, b.grad_weight);
}

inline std::string describe(const Problem& p) {
  const Window& w = p.geometry.window;
  return to_string(p.x.dtype()) + " x " + to_string(p.x.shape()) + " weight " + to_string(p.weight.shape()) +
         " stride " + to_string(w.stride) + " pad " + to_string(w.pad) + " dilation " + to_string(w.dilation);
}

/// Small integers, on every backend, against the definition.
inline void check_integers(const Case& c, DType dtype) {
  const Problem p = make(c, dtype, true);
  const Results want = reference(p, false);
  // Sums of more than 2048 units leave half's integers: there the exact sum is rounded once.
  const auto rounded = [&](const std::vector<double>& v, const Tensor& like) {
    return Tensor::from(v, like.shape(), dtype).values();
  };
  on_each_backend([&](auto where) {
    INFO(name_of(where) << ": " << describe(p));
    const Computed got = compute(where, p);
    CHECK(got.y.values() == rounded(want.y, got.y));
    CHECK(got.grad_x.values() == rounded(want.grad_x, got.grad_x));
    CHECK(got.grad_weight.values() == rounded(want.grad_weight, got.grad_weight));
  });
}

inline std::vector<bool> not_finite(const Tensor& t) {
  std::vector<bool> marks;
  for (double value : t.values()) marks.push_back(!std::isfinite(value));
  return marks;
}

#ifdef MPAD_WITH_EMULATION
/// Whether convolutions use it, while it lives.
class Asked {
 public:
  Asked(cuda::Sm90 what, bool ask) : what_(what), before_(cuda::ask_for(what, ask)) {}
  ~Asked() { cuda::ask_for(what_, before_); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

 private:
  cuda::Sm90 what_;
  bool before_;
};
#endif

}  // namespace mpad::test::conv2d
