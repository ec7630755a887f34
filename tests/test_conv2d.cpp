// SPDX-License-Identifier: MIT
// Convolution against the definition, computed in double, on every backend.
#include "../bench/shapes.h"
#include "conv2d_support.h"

#include <mpad/core/parallel.h>
#include <mpad/ops.h>

#ifdef MPAD_WITH_EMULATION
#include <emulation/tensor_copy.h>
#endif

using namespace mpad;
using namespace mpad::test;
using namespace mpad::test::conv2d;

namespace {

/// Largest |got - want| / scale.
double worst_error(const Tensor& got, const std::vector<double>& want, const std::vector<double>& scale) {
  const std::vector<double> values = got.values();
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i)
    if (!(std::abs(values[i] - want[i]) <= worst * scale[i]))
      worst = scale[i] > 0 && !std::isnan(values[i]) ? std::abs(values[i] - want[i]) / scale[i] : INFINITY;
  return worst;
}

template <class Where>
Tensor forward(Where where, const Problem& p) {
  const Sliding s = slide("conv2d", p.geometry.window, p.x.shape());
  return run_kernel(where, {p.x, p.weight, p.bias}, {{p.grad_y.shape(), p.x.dtype()}}, [&](auto in, auto out) {
    kernels::conv2d_forward(where, s, in[0], in[1], in[2], false, out[0]);
  })[0];
}

/// Marks the outputs that see element `at` of x, and the weights that it is multiplied by.
void mark_reached(const Problem& p, std::int64_t at, std::vector<bool>& outputs, std::vector<bool>& weights) {
  const Case& g = p.geometry;
  const Sliding s = slide("conv2d", g.window, p.x.shape());
  outputs.assign(static_cast<std::size_t>(p.grad_y.numel()), false);
  weights.assign(static_cast<std::size_t>(p.weight.numel()), false);
  const std::int64_t pixel = at / g.c, image = pixel / (g.h * g.w);
  for (std::int64_t oh = 0; oh < s.oh; ++oh)
    for (std::int64_t ow = 0; ow < s.ow; ++ow)
      for (std::int64_t r = 0; r < g.window.kernel.h; ++r)
        for (std::int64_t q = 0; q < g.window.kernel.w; ++q) {
          if (s.row(oh, r) != pixel / g.w % g.h || s.column(ow, q) != pixel % g.w) continue;
          for (std::int64_t k = 0; k < g.k; ++k) {
            outputs[static_cast<std::size_t>(((image * s.oh + oh) * s.ow + ow) * g.k + k)] = true;
            const std::int64_t tap = (k * g.window.kernel.h + r) * g.window.kernel.w + q;
            weights[static_cast<std::size_t>(tap * g.c + at % g.c)] = true;
          }
        }
}

}  // namespace

TEST_CASE("convolutions of small integers are exact in every type") {
  for (const Case& c : kCases)
    for (DType dtype : real_dtypes) check_integers(c, dtype);
}

TEST_CASE("layers that are timed are exact on small integers", "[timed]") {
  for (const bench::Layer& layer : bench::layers()) {
    const Case c{1, layer.size, layer.size, layer.c, layer.k, layer.window};
    check_integers(c, DType::f32);
    // The largest filters take the emulation seconds.
    if (c.k * c.c * c.window.taps() < 1 << 19) check_integers(c, DType::f16);
  }
}

// A sum of m products in any order, each product and partial sum rounded, is within about m * u * sum |a * b| of the
// exact one (u = 2^-24 for float and half's sums, 2^-53 for double; Higham, Accuracy and Stability, 3.1); the bias and
// the sum of chunks add terms that the margin of 20 covers. half adds the rounding of the store, 2^-11 relative to the
// sum and 2^-25 below the normal numbers.
TEST_CASE("convolutions of random values stay within the bound of their sums", "[values]") {
  for (const Case& c : kCases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      const Results want = reference(p, false), scale = reference(p, true);
      const double unit = std::ldexp(1.0, dtype == DType::f64 ? -53 : -24);
      const double store = dtype == DType::f16 ? std::ldexp(1.0, -11) : 0;
      const auto within = [&](const Tensor& t, const std::vector<double>& w, std::vector<double> s, double terms) {
        for (std::size_t i = 0; i < s.size(); ++i)
          s[i] = (terms + 20) * unit * s[i] + store * std::abs(w[i]) + (store > 0 ? std::ldexp(1.0, -25) : 1e-300);
        return worst_error(t, w, s) <= 1;
      };
      const auto taps = static_cast<double>(c.window.taps());
      const double pixels = static_cast<double>(p.grad_y.numel()) / static_cast<double>(std::max<std::int64_t>(c.k, 1));
      on_each_backend([&](auto where) {
        // Precision does not depend on the geometry: two thirds of the cases are enough where they may be emulated.
        if (device_of(where) == Device::cuda && (&c - kCases) % 3 == 1) return;
        INFO(name_of(where) << ": " << describe(p));
        const Computed got = compute(where, p);
        CHECK(within(got.y, want.y, scale.y, taps * static_cast<double>(c.c)));
        CHECK(within(got.grad_x, want.grad_x, scale.grad_x, taps * static_cast<double>(c.k)));
        CHECK(within(got.grad_weight, want.grad_weight, scale.grad_weight, pixels));
      });
    }
}

TEST_CASE("convolutions give the same bits for any number of threads") {
  for (const Case& c : kCases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      INFO(describe(p));
      on(Device::cpu, [&](auto where) {
        set_num_threads(1);
        const Computed want = compute(where, p);
        for (int threads : {2, 4}) {
          set_num_threads(threads);
          CHECK(same(compute(where, p), want));
        }
      });
      set_num_threads(0);
    }
}

#ifdef MPAD_ISA_LEVELS
TEST_CASE("convolutions give the same bits with avx2 and avx512") {
  if (current_isa() != Isa::avx512) {
    WARN("skipped: avx512 is not in use here");
    return;
  }
  for (const Case& c : kCases)
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      INFO(describe(p));
      CHECK(same(compute(CpuWith<Isa::avx2>{}, p), compute(CpuWith<Isa::avx512>{}, p)));
    }
}
#endif

TEST_CASE("convolutions without bias, and of arrays aligned to an element or to 16 bytes only, have the same bits") {
  for (const Case& c : {Case{2, 5, 4, 64, 72, {3, 1, 1}}, Case{2, 5, 4, 3, 16, {3, 2, 1}},
                        Case{2, 9, 8, 3, 64, {3, 1, 1}}, Case{2, 9, 8, 1, 6, {5}}, Case{2, 9, 8, 1, 16, {4}}})
    for (DType dtype : real_dtypes) {
      Problem p = make(c, dtype, false);
      p.bias.fill(0);
      const Sliding s = slide("conv2d", c.window, p.x.shape());
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        const Computed want = compute(where, p);
        const Device device = device_of(where);
        for (const std::int64_t by : {std::int64_t{1}, std::int64_t{16} / static_cast<std::int64_t>(size_of(dtype))}) {
          const Shifted x(p.x, device, by), weight(p.weight, device, by), grad_y(p.grad_y, device, by);
          const Shifted y(Tensor::full(want.y.shape(), NAN, dtype), device, by);
          const Shifted grad_x(Tensor::full(want.grad_x.shape(), NAN, dtype), device, by);
          const Shifted grad_weight(Tensor::full(want.grad_weight.shape(), NAN, dtype), device, by);
          kernels::conv2d_forward(where, s, x.view(), weight.view(), View{}, false, y.view());
          kernels::conv2d_backward_data(where, s, grad_y.view(), weight.view(), grad_x.view());
          kernels::conv2d_backward_weight(where, s, x.view(), grad_y.view(), grad_weight.view());
          CHECK(same({y.take(), grad_x.take(), grad_weight.take()}, want));
        }
      });
    }
}

TEST_CASE("infinity, NaN and the sign of zero pass through a 1x1 convolution") {
  for (DType dtype : real_dtypes)
    for (std::int64_t channels : {1, 2}) {
      std::vector<double> images(static_cast<std::size_t>(4 * channels)), filter(static_cast<std::size_t>(channels));
      const double values[] = {INFINITY, -INFINITY, NAN, 2};
      for (std::size_t i = 0; i < 4; ++i) images[i * static_cast<std::size_t>(channels)] = values[i];
      filter[0] = -1;
      const Tensor x = Tensor::from(images, {4, 1, 1, channels}, dtype);
      for (Device device : devices()) {
        const std::vector<double> y =
            ::mpad::conv2d(x.to(device), Tensor::from(filter, {1, 1, 1, channels}, dtype).to(device)).values();
        CHECK(y[0] == -INFINITY);
        CHECK(y[1] == INFINITY);
        CHECK(std::isnan(y[2]));
        CHECK(y[3] == -2);
      }
    }
}

// Behind all taps of a patch and all pixels of a tile there are zeros, which no infinity may meet.
TEST_CASE("infinity and NaN in an image reach the windows that see them, and no other") {
  for (const Case& c : {Case{2, 9, 8, 1, 10, {5, 1, 2}}, Case{1, 9, 8, 3, 70, {3, 1, 1}},
                        Case{1, 11, 11, 3, 6, {7, 2, 3}}, Case{1, 6, 7, 3, 5, {1}}, Case{1, 7, 6, 8, 9, {3, 1, 1}}})
    for (DType dtype : real_dtypes) {
      const Problem finite = make(c, dtype, false);
      const Shape& shape = finite.x.shape();
      const double special[] = {INFINITY, -INFINITY, NAN};
      for (const std::int64_t pixel : {std::int64_t{0}, c.w + 2, c.n * c.h * c.w / 2 + 1, c.n * c.h * c.w - 1}) {
        const std::int64_t at = pixel * c.c + pixel % c.c;
        std::vector<double> x = finite.x.values();
        x[static_cast<std::size_t>(at)] = special[pixel % 3];
        Problem p = finite;
        p.x = Tensor::from(x, shape, dtype);
        std::vector<bool> reached, weighed;
        mark_reached(p, at, reached, weighed);
        on_each_backend([&](auto where) {
          INFO(name_of(where) << ": " << describe(p) << " at " << at);
          const Computed got = compute(where, p);
          CHECK(not_finite(got.y) == reached);
          CHECK(not_finite(got.grad_weight) == weighed);
        });
      }
    }
}

// So it is where a slice of taps ends within a filter: the taps of the next are no part of it.
TEST_CASE("infinity in a weight meets the inputs of its tap, in its filter alone") {
  for (const Case& c : {Case{1, 6, 7, 3, 5, {4}}, Case{1, 8, 7, 1, 34, {6}}})
    for (DType dtype : real_dtypes) {
      Problem p = make(c, dtype, false);
      const std::vector<double> x = p.x.values(), finite = p.weight.values();
      const Sliding s = slide("conv2d", c.window, p.x.shape());
      const std::int64_t of_filter = c.window.taps() * c.c, spoilt = 2;
      for (std::int64_t at = 0; at < of_filter; ++at) {
        std::vector<double> weight = finite;
        weight[static_cast<std::size_t>(spoilt * of_filter + at)] = INFINITY;
        p.weight = Tensor::from(weight, p.weight.shape(), dtype);
        const std::int64_t r = at / c.c / c.window.kernel.w, q = at / c.c % c.window.kernel.w;
        on_each_backend([&](auto where) {
          INFO(name_of(where) << ": " << describe(p) << " at " << at);
          const std::vector<double> y = forward(where, p).values();
          for (std::int64_t i = 0; i < p.grad_y.numel(); ++i) {
            const double got = y[static_cast<std::size_t>(i)];
            const std::int64_t h = s.row(i / c.k / s.ow, r), w = s.column(i / c.k % s.ow, q);
            const double met = x[static_cast<std::size_t>((h * c.w + w) * c.c + at % c.c)];
            if (i % c.k != spoilt)
              CHECK(std::isfinite(got));
            else if (met == 0)
              CHECK(std::isnan(got));
            else
              CHECK(got == INFINITY * met);
          }
        });
      }
    }
}

TEST_CASE("infinity and NaN in a gradient reach the weights of their filter, and no other") {
  for (const Case& c : {Case{2, 9, 8, 1, 10, {5}}, Case{1, 9, 8, 3, 70, {3}}})
    for (DType dtype : real_dtypes) {
      Problem p = make(c, dtype, false);
      const Shape shape = p.grad_y.shape();
      std::vector<double> gradient = p.grad_y.values();
      gradient[2] = NAN;
      gradient[gradient.size() - 1] = INFINITY;
      p.grad_y = Tensor::from(gradient, shape, dtype);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ": " << describe(p));
        const std::vector<bool> spoilt = not_finite(compute(where, p).grad_weight);
        const auto of_filter = static_cast<std::size_t>(c.window.taps() * c.c);
        for (std::size_t i = 0; i < spoilt.size(); ++i)
          CHECK(spoilt[i] == (i / of_filter == 2 || i / of_filter == static_cast<std::size_t>(c.k - 1)));
      });
    }
}

TEST_CASE("a stem of more tiles than its kernels have blocks is exact on small integers") {
  const Problem p = make({1, 257, 257, 1, 1, {1}}, DType::f16, true);
  const std::vector<double> x = p.x.values();
  const double factor = p.weight.item(), bias = p.bias.item();
  on_each_backend([&](auto where) {
    INFO(name_of(where));
    const std::vector<double> y = forward(where, p).values();
    for (std::size_t i = 0; i < x.size(); ++i) REQUIRE(y[i] == x[i] * factor + bias);
  });
}

TEST_CASE("gradients of a convolution match central differences in double") {
  for (const Case& c : {Case{2, 5, 6, 3, 4, {3, 1, 1}}, Case{2, 7, 5, 2, 3, {Pair(3, 2), Pair(2, 1), 1, Pair(1, 2)}}}) {
    const Problem p = make(c, DType::f64, false);
    const Function f = [&](const std::vector<Tensor>& in) {
      return ::mpad::conv2d(in[0], in[1], in[2],
                            {.stride = c.window.stride, .pad = c.window.pad, .dilation = c.window.dilation});
    };
    CHECK(gradient_error(f, {p.x, p.weight, p.bias}) <= 1e-7);
  }
}

TEST_CASE("conv2d names what does not fit") {
  using ::mpad::conv2d;
  const Tensor x = Tensor::zeros({2, 5, 5, 3}), weight = Tensor::zeros({4, 3, 3, 3});
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros({4, 3, 3})), "conv2d: expected a weight of shape k,r,s,c, got 4,3,3");
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros({4, 3, 3, 2})),
                    "conv2d: expected an input of 2 channels for weight 4,3,3,2, got 2,5,5,3");
  CHECK_THROWS_WITH(conv2d(x, weight, Tensor::zeros({3})), "conv2d: expected a bias of shape 4, got 3");
  CHECK_THROWS_WITH(conv2d(x, weight.to(DType::f64)),
                    "conv2d: expected one real dtype, got input float, weight double");
  CHECK_THROWS_AS(conv2d(x, Tensor::zeros({4, 7, 7, 3})), Error);
  CHECK_THROWS_AS(conv2d(Tensor::zeros({5, 5, 3}), weight), Error);
}

#ifdef MPAD_WITH_CUDA
TEST_CASE("convolutions on CUDA name what 32 bits do not count") {
  const auto message = [](const Shape& x, std::int64_t k, const Window& window) {
    const Sliding s = slide("conv2d", window, x);
    const View images{nullptr, DType::f16, x}, weight{nullptr, DType::f16, {k, window.kernel.h, window.kernel.w, x[3]}};
    try {
      kernels::conv2d_forward(Cuda{}, s, images, weight, View{}, false, {nullptr, DType::f16, {x[0], s.oh, s.ow, k}});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const std::int64_t large = std::int64_t{1} << 31;
  CHECK(message({large, 1, 1, 8}, 8, {1}) == "conv2d: expected fewer than 2^31 pixels on cuda, got 2147483648");
  CHECK(message({1, large / 4, 1, 8}, 8, {1}) ==
        "conv2d: expected fewer than 2^29 padded rows and columns on cuda, got 536870912");
  CHECK(message({1, 1, 1, 8}, large / 4, {3, 1, 1}) ==
        "conv2d: expected fewer than 2^31 elements in a filter on cuda, got 4831838208");
}
#endif

#ifdef MPAD_WITH_EMULATION

// The order of a product's terms is the emulation's; tensor cores have their own.
TEST_CASE("products by warpgroups have the bits of products by warps under the emulation") {
  for (const Case& c :
       {Case{1, 12, 11, 72, 136, {1}}, Case{1, 10, 9, 72, 72, {3, 1, 1}}, Case{1, 15, 13, 56, 48, {1}}}) {
    const Problem p = make(c, DType::f16, false);
    INFO(describe(p));
    const auto by_groups = [&](bool ask) {
      const Asked groups(cuda::Sm90::groups, ask);
      return compute(current_cuda(), p);
    };
    CHECK(same(by_groups(true), by_groups(false)));
  }
}

/// Bits of the three products with and without the tensor memory accelerator; returns how many copies it made.
std::uint64_t check_copied(const Case& c) {
  const Problem p = make(c, DType::f16, false);
  INFO(describe(p));
  const Asked groups(cuda::Sm90::groups, true);
  const auto by_copies = [&](bool ask) {
    const Asked tma(cuda::Sm90::tma, ask);
    return compute(current_cuda(), p);
  };
  const std::uint64_t before = emulation::tensor_copies();
  const Computed want = by_copies(false);
  CHECK(emulation::tensor_copies() == before);
  CHECK(same(by_copies(true), want));
  return emulation::tensor_copies() - before;
}

// From image to image and place by place.
TEST_CASE("slices that the tensor memory accelerator copies have the bits of those that threads copy") {
  for (const Case& c : {Case{1, 12, 11, 64, 136, {1}}, Case{128, 1, 2, 64, 96, {3, 1, 1}}}) CHECK(check_copied(c) > 0);
}

// Strides, padding, dilation, unequal in h and w; sizes beside the tiles' multiples, slices that end in the middle; all
// three products or some.
TEST_CASE("so have slices of any convolution", "[values]") {
  for (const Case& c :
       {Case{1, 10, 9, 128, 96, {3, 1, 1}}, Case{3, 9, 10, 128, 96, {3, 2, 1}}, Case{1, 15, 13, 64, 64, {1}},
        Case{1, 9, 10, 64, 96, {3, 1, 2, 2}}, Case{2, 9, 11, 64, 96, {Pair(2, 3), Pair(1, 3), Pair(2, 1), Pair(3, 1)}},
        Case{1, 10, 14, 128, 96, {Pair(1, 4), Pair(1, 2), Pair(0, 3), Pair(1, 2)}}, Case{128, 2, 1, 128, 96, {3, 2, 1}},
        Case{1024, 1, 2, 128, 72, {3, 1, 1}},
        Case{1, 110, 1, 64, 96, {Pair(3, 1), Pair(1, 1), Pair(100, 0), Pair(100, 1)}}})
    CHECK(check_copied(c) > 0);
}

// Channels that 32 do not divide, padding and distances between taps beyond 128 and 255 pixels, strides beyond 8.
TEST_CASE("threads copy what the tensor memory accelerator has no room for") {
  CHECK(check_copied({1, 12, 11, 72, 136, {1}}) == 0);
  CHECK(check_copied({1, 1, 3, 96, 136, {Pair(1, 1), Pair(1, 1), Pair(0, 129)}}) == 0);
  CHECK(check_copied({1, 1, 400, 96, 136, {Pair(1, 2), Pair(1, 1), Pair(0, 0), Pair(1, 256)}}) == 0);
  CHECK(check_copied({9, 1, 100, 96, 136, {Pair(1, 1), Pair(1, 9)}}) == 0);
}

// Reductions of 2 to 32 parts and more in one of the three products, cut or not by an edge, one of them by parity.
TEST_CASE("parts that a cluster adds up have the bits of parts that a kernel adds up") {
  for (const Case& c : {Case{1, 4, 4, 512, 16, {3, 1, 1}}, Case{1, 9, 8, 72, 72, {3, 1, 1}},
                        Case{5, 40, 40, 8, 16, {1}}, Case{1, 6, 6, 40, 272, {3, 2, 1}}, Case{1, 3, 3, 1100, 3, {1}}})
    for (DType dtype : real_dtypes) {
      const Problem p = make(c, dtype, false);
      INFO(describe(p));
      const auto by_clusters = [&](bool ask) {
        const Asked clusters(cuda::Sm90::clusters, ask);
        return compute(current_cuda(), p);
      };
      CHECK(same(by_clusters(true), by_clusters(false)));
    }
}

#endif
