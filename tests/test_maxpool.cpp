// SPDX-License-Identifier: MIT
#include "../bench/shapes.h"
#include "pool_geometries.h"

#include <mpad/core/parallel.h>
#include <mpad/ops.h>

#include <algorithm>
#include <cmath>
#include <utility>

using namespace mpad;
using namespace mpad::test;

namespace {

// A rule that only its functor knows, with weights that depend on the place and on the mask, for untied elements too:
// those are not asked for.
struct Ramp {
  double weight(std::uint64_t mask, int i) const { return (i + 1) / (0.3 + static_cast<double>(mask % 7)); }
};

std::vector<TieRule> every_rule() {
  std::vector<TieRule> rules;
  for (const char* name :
       {"native", "last", "minimal", "beta:0", "beta:0.3", "beta:1", "beta:10000", "random:5", "all"})
    rules.push_back(TieRule::parse(name));
  rules.push_back(TieRule::custom(Ramp{}, "ramp"));
  return rules;
}

}  // namespace

TEST_CASE("maximum, mask and gradient agree with a reference in double on many geometries") {
  for (const Geometry& g : geometries)
    for (DType dtype : real_dtypes) {
      const Sliding s = g.sliding();
      const Tensor x = random_integers(g.input, dtype, 11, 4);
      const Reference want = reference_pool(s, x.values());
      const Tensor grad_y = random_integers({s.n, s.oh, s.ow, s.c}, dtype, 12, 9);
      INFO(to_string(g) << ' ' << to_string(dtype));
      on_each_backend([&](auto where) {
        const Pooled pooled = pool(where, s, x);
        CHECK(pooled.y.values() == want.y);
        CHECK(masks_of(pooled.mask) == want.mask);
        // Sums of at most 64 integers below 9 are exact in every type.
        CHECK(unpool(where, pooled, grad_y, TieRule::native()).values() ==
              reference_unpool(s, want, grad_y.values(), 0));
        CHECK(unpool(where, pooled, grad_y, TieRule::native(), Accumulate::narrow).values() ==
              reference_unpool(s, want, grad_y.values(), 0));
        // Terms of one sign: each of up to 64 quotients and sums is off by half a place of the accumulation type, 32
        // places in all; for half that is below 0.01 of its own places, plus one half for the store.
        const double bound = dtype == DType::f16 ? 0.51 : 32;
        CHECK(max_ulps(unpool(where, pooled, grad_y, TieRule::minimal()),
                       reference_unpool(s, want, grad_y.values(), 1)) <= bound);
      });
    }
}

TEST_CASE("one NaN, wherever it is, wins its windows and no others; zeros of either sign tie and the first is stored") {
  for (const Window& window : {Window{2, 2}, Window{3, 2, 1}})
    for (DType dtype : real_dtypes) {
      const Sliding s = slide("test", window, {1, 6, 6, 40});
      std::vector<double> x = random_integers({1, 6, 6, 40}, dtype, 31, 2).values();
      for (std::size_t i = 0; i < x.size(); i += 3) x[i] = x[i] == 0 ? -0.0 : x[i];
      for (std::size_t pixel : {0, 7, 8, 14, 35})
        for (std::size_t channel : {0, 31, 39}) {
          const std::size_t at = pixel * 40 + channel;
          const double kept = std::exchange(x[at], std::nan(""));
          const Reference want = reference_pool(s, x);
          INFO(pixel << ' ' << channel << ' ' << to_string(dtype));
          on_each_backend([&](auto where) {
            const Pooled got = pool(where, s, Tensor::from(x, {1, 6, 6, 40}, dtype));
            CHECK(masks_of(got.mask) == want.mask);
            const std::vector<double> y = got.y.values();
            CHECK(std::ranges::equal(y, want.y, [](double a, double b) {
              return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b);
            }));
          });
          x[at] = kept;
        }
    }
}

TEST_CASE("every rule and accumulation gives the same bits on every backend") {
  for (const Geometry& g : geometries)
    for (DType dtype : real_dtypes) {
      const Sliding s = g.sliding();
      const Tensor x = random_integers(g.input, dtype, 21, 3);
      const Tensor grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 22);
      const CpuWith<Isa::portable> portable;
      const Pooled pooled = pool(portable, s, x);
      for (const TieRule& rule : every_rule())
        for (Accumulate accumulate : {Accumulate::wide, Accumulate::narrow}) {
          const Tensor want = unpool(portable, pooled, grad_y, rule, accumulate);
          INFO(to_string(g) << ' ' << to_string(dtype) << ' ' << rule.name());
          on_each_backend([&](auto where) {
            // CUDA knows a custom rule by a table of its weights, and has none for windows of more than 12 elements.
            if (rule.kind() == TieRule::Kind::custom && device_of(where) == Device::cuda && g.window.taps() > 12)
              return;
            CHECK(same_bits(unpool(where, pooled, grad_y, rule, accumulate), want));
          });
        }
    }
}

TEST_CASE("pools that are timed give the same bits on every backend, those of the reference forward", "[timed]") {
  for (const bench::Activation& it : bench::activations(Device::cuda))
    for (const DType dtype : {DType::f16, DType::f32}) {
      const Sliding s = slide("test", it.window, {1, it.shape[1], it.shape[2], it.shape[3]});
      const Tensor x = random_integers(input_of(s), dtype, 71, 4), grad_y = random_tensor(output_of(s), dtype, 72);
      const Reference reference = reference_pool(s, x.values());
      const CpuWith<Isa::portable> portable;
      const Pooled want = pool(portable, s, x);
      CHECK(want.y.values() == reference.y);
      CHECK(masks_of(want.mask) == reference.mask);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << it.name);
        const Pooled got = pool(where, s, x);
        CHECK(same_bits(got.y, want.y));
        CHECK(same_bits(got.mask, want.mask));
        for (const TieRule& rule : {TieRule::native(), TieRule::minimal()})
          CHECK(same_bits(unpool(where, got, grad_y, rule), unpool(portable, want, grad_y, rule)));
      });
    }
}

TEST_CASE("CUDA refuses a custom rule on windows of more than 12 elements") {
  const Sliding s = slide("test", {.kernel = 4}, {1, 4, 4, 1});
  const Tensor grad_y = Tensor::zeros(output_of(s));
  on_each_backend([&](auto where) {
    if (device_of(where) != Device::cuda) return;
    const Pooled pooled = pool(where, s, Tensor::zeros(input_of(s)));
    CHECK_THROWS_WITH(
        unpool(where, pooled, grad_y, TieRule::custom(Ramp{}, "ramp")),
        "maxpool_backward: expected a window of at most 12 elements for a custom tie rule on cuda, got 16");
  });
}

TEST_CASE("half and float are within half a place of double on rounded inputs, per window") {
  for (DType dtype : {DType::f16, DType::f32}) {
    const Tensor x = random_integers({4, 16, 16, 24}, dtype, 31, 3);
    const Sliding s = slide("test", {.kernel = 2, .stride = 2}, x.shape());
    const Tensor grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 32);
    const Reference want = reference_pool(s, x.values());
    on_each_backend([&](auto where) {
      const Pooled pooled = pool(where, s, x);
      for (double beta : {0.0, 1.0})  // one rounding
        CHECK(max_ulps(unpool(where, pooled, grad_y, TieRule::beta(beta)),
                       reference_unpool(s, want, grad_y.values(), beta)) <= 0.5);
      // Share, weight and product, each rounded once to float, then to half if that is the type.
      CHECK(max_ulps(unpool(where, pooled, grad_y, TieRule::beta(0.3)),
                     reference_unpool(s, want, grad_y.values(), 0.3)) <= (dtype == DType::f16 ? 0.51 : 3));
    });
  }
}

TEST_CASE("the gradient agrees with central differences away from ties") {
  std::vector<double> values;
  for (int i = 0; i < 2 * 7 * 6 * 3; ++i) values.push_back((i * 101 % 252) / 100.0 - 1);
  const Tensor x = Tensor::from(values, {2, 7, 6, 3}, DType::f64);
  for (const MaxPool2dOptions& options :
       {MaxPool2dOptions{}, MaxPool2dOptions{.window = 3, .stride = 2, .pad = 1},
        MaxPool2dOptions{.window = 2, .stride = 1, .dilation = 2, .ties = TieRule::minimal()},
        MaxPool2dOptions{.window = {3, 2}, .stride = 2, .ceil_mode = true, .ties = TieRule::beta(10)}})
    CHECK(gradient_error([&](const auto& in) { return maxpool2d(in[0], options); }, {x}) <= 1e-7);
}

TEST_CASE("views that are aligned to their elements only give the same bits") {
  // `tensor` without its first element, as a view of a shape.
  const auto shifted = [](View tensor, const Shape& shape) {
    return View{static_cast<char*>(tensor.data) + size_of(tensor.dtype), tensor.dtype, shape};
  };
  for (DType dtype : real_dtypes)
    for (const Window& window : {Window{2, 2}, Window{3, 2, 1}, Window{3, 1}}) {
      const Sliding s = slide("test", window, {1, 6, 6, 16});
      const Shape input = input_of(s), output = output_of(s);
      const Tensor x = random_integers({input.numel() + 1}, dtype, 61, 3);
      const Tensor grad_y = random_tensor({output.numel() + 1}, dtype, 62);
      const CpuWith<Isa::portable> portable;
      const Pooled want = pool(portable, s, x.slice(1, input).clone());
      const Tensor want_grad = unpool(portable, want, grad_y.slice(1, output).clone(), TieRule::minimal());
      on_each_backend([&](auto where) {
        const std::vector<Output> outputs{{output, dtype}, {output, mask_dtype(window.taps())}};
        const std::vector<Tensor> got = run_kernel(where, {x}, outputs, [&](auto in, auto out) {
          kernels::maxpool_forward(where, s, shifted(in[0], input), out[0], out[1]);
        });
        CHECK(same_bits(got[0], want.y));
        CHECK(same_bits(got[1], want.mask));
        const Tensor grad_x = run_kernel(where, {grad_y, want.mask}, {{input, dtype}}, [&](auto in, auto out) {
          kernels::maxpool_backward(where, s, TieRule::minimal(), Accumulate::wide, shifted(in[0], output), in[1],
                                    out[0]);
        })[0];
        CHECK(same_bits(grad_x, want_grad));
      });
    }
}

TEST_CASE("1, 2 and 4 threads give the same bits") {
  const int before = num_threads();
  for (DType dtype : real_dtypes) {
    const Tensor x = random_integers({8, 33, 31, 48}, dtype, 51, 5);
    const Sliding s = slide("test", {.kernel = 3, .stride = 2, .pad = 1}, x.shape());
    const Tensor grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 52);
    std::vector<Tensor> results;
    for (int threads : {1, 2, 4}) {
      set_num_threads(threads);
      on(Device::cpu, [&](auto where) {
        const Pooled pooled = pool(where, s, x);
        results.insert(results.end(), {pooled.y, pooled.mask});
        for (const char* name : {"native", "minimal", "beta:0.3", "random:1"})
          results.push_back(unpool(where, pooled, grad_y, TieRule::parse(name)));
      });
    }
    const std::size_t each = results.size() / 3;
    for (std::size_t i = each; i < results.size(); ++i) CHECK(same_bits(results[i], results[i % each]));
  }
  set_num_threads(before);
}

TEST_CASE("a pool without images or channels is empty") {
  CHECK(maxpool2d(Tensor::zeros({0, 4, 4, 3})).shape() == Shape{0, 2, 2, 3});
  CHECK(maxpool2d(Tensor::zeros({2, 4, 4, 0})).shape() == Shape{2, 2, 2, 0});
}
