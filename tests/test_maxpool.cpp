// SPDX-License-Identifier: MIT
#include "pool_support.h"

#include <mpad/core/parallel.h>
#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), quiet = std::numeric_limits<double>::quiet_NaN();

struct Geometry {
  Shape input;
  Window window;
  bool ceil_mode = false;
};

// Sizes 1 to 13, windows of each mask type, overlap, gaps, padding, dilation, and windows that hang over the end.
const Geometry geometries[] = {
    {{1, 1, 1, 1}, {.kernel = 1}},
    {{2, 1, 5, 3}, {.kernel = {1, 2}, .stride = {1, 2}}},
    {{2, 4, 4, 64}, {.kernel = 2, .stride = 2}},
    {{1, 5, 7, 6}, {.kernel = 2, .stride = 2}},
    {{1, 5, 7, 6}, {.kernel = 2, .stride = 2}, true},
    {{2, 6, 5, 17}, {.kernel = 2, .stride = 1}},
    {{1, 6, 6, 33}, {.kernel = 2, .stride = 3}},
    {{1, 7, 7, 5}, {.kernel = 2, .stride = 1, .dilation = 3}},
    {{1, 4, 4, 8}, {.kernel = 2, .stride = 2, .pad = 1}},
    {{2, 7, 7, 64}, {.kernel = 3, .stride = 2, .pad = 1}},
    {{1, 8, 8, 65}, {.kernel = 3, .stride = 2, .pad = 1}, true},
    {{1, 9, 8, 31}, {.kernel = 3, .stride = 1, .pad = 1}},
    {{1, 9, 9, 16}, {.kernel = 3, .stride = 3}},
    {{1, 9, 9, 7}, {.kernel = 3, .stride = 2, .dilation = 2}},
    {{1, 11, 11, 9}, {.kernel = 3, .stride = 2, .pad = 1, .dilation = 3}, true},
    {{1, 6, 9, 4}, {.kernel = {2, 3}, .stride = {1, 2}, .pad = {1, 0}}},
    {{1, 9, 6, 4}, {.kernel = {3, 2}, .stride = {2, 1}, .pad = {0, 1}}},
    {{3, 3, 3, 2}, {.kernel = 3, .stride = 1}},
    {{1, 13, 1, 5}, {.kernel = {5, 1}, .stride = {2, 1}, .pad = {2, 0}}},
    {{1, 1, 13, 5}, {.kernel = {1, 7}, .stride = {1, 3}, .pad = {0, 3}}},
    {{1, 8, 8, 20}, {.kernel = 4, .stride = 4}},
    {{1, 9, 9, 20}, {.kernel = 4, .stride = 2, .pad = 2}},
    {{1, 9, 9, 3}, {.kernel = 4, .stride = 1}},
    {{1, 10, 10, 5}, {.kernel = 5, .stride = 5}},
    {{1, 10, 10, 70}, {.kernel = 5, .stride = 2, .pad = 2}},
    {{1, 11, 11, 4}, {.kernel = 5, .stride = 3, .pad = 1, .dilation = 2}},
    {{1, 8, 8, 6}, {.kernel = {4, 8}, .stride = 2, .pad = {1, 3}}},
    {{1, 8, 8, 3}, {.kernel = 8, .stride = 8}},
    {{1, 12, 12, 66}, {.kernel = 8, .stride = 2, .pad = 4}},
    {{1, 13, 13, 2}, {.kernel = 8, .stride = 1, .pad = 3}, true},
    {{1, 1, 70, 2}, {.kernel = {1, 64}, .stride = 1}},
    {{1, 3, 3, 130}, {.kernel = 2, .stride = 2}, true},
    {{2, 3, 3, 1}, {.kernel = 1, .stride = 2}},
};

Tensor expand(const Sliding& s, const std::vector<double>& values, DType dtype) {
  return Tensor::from(values, {s.n, s.oh, s.ow, s.c}, dtype);
}

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

TEST_CASE("maximum, mask and gradient agree with a reference in double on many geometries") {
  for (const Geometry& g : geometries)
    for (DType dtype : real_dtypes) {
      const Sliding s = slide("test", g.window, g.input, g.ceil_mode);
      const Tensor x = random_integers(g.input, dtype, 11, 4);
      const Reference want = reference_pool(s, x.values());
      const Tensor grad_y = random_integers({s.n, s.oh, s.ow, s.c}, dtype, 12, 9);
      INFO(to_string(g.input) << " window " << to_string(g.window.kernel) << ' ' << to_string(dtype));
      on_each_isa([&](auto where) {
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

TEST_CASE("every rule and accumulation gives the same bits on every instruction set") {
  for (const Geometry& g : geometries)
    for (DType dtype : real_dtypes) {
      const Sliding s = slide("test", g.window, g.input, g.ceil_mode);
      const Tensor x = random_integers(g.input, dtype, 21, 3);
      const Tensor grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 22);
      const CpuWith<Isa::portable> portable;
      const Pooled pooled = pool(portable, s, x);
      for (const char* name : {"native", "last", "minimal", "beta:0.3", "beta:10000", "random:5", "all"})
        for (Accumulate accumulate : {Accumulate::wide, Accumulate::narrow}) {
          const TieRule rule = TieRule::parse(name);
          const Tensor want = unpool(portable, pooled, grad_y, rule, accumulate);
          INFO(to_string(g.input) << " window " << to_string(g.window.kernel) << ' ' << to_string(dtype) << ' '
                                  << name);
          on_each_isa([&](auto where) { CHECK(same_bits(unpool(where, pooled, grad_y, rule, accumulate), want)); });
        }
    }
}

TEST_CASE("half and float are within half a place of double on rounded inputs, per window") {
  for (DType dtype : {DType::f16, DType::f32}) {
    const Tensor x = random_integers({4, 16, 16, 24}, dtype, 31, 3);
    const Sliding s = slide("test", {.kernel = 2, .stride = 2}, x.shape());
    const Tensor grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 32);
    const Reference want = reference_pool(s, x.values());
    on_each_isa([&](auto where) {
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

TEST_CASE("properties of rules on 1,000 random geometries") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Sliding s = random_sliding(seed);
    const Tensor x = random_integers({s.n, s.h, s.w, s.c}, DType::f64, seed, 3);
    const Tensor grad_y = random_integers({s.n, s.oh, s.ow, s.c}, DType::f64, seed + 1, 9);
    const CpuWith<Isa::portable> portable;
    const Pooled pooled = pool(portable, s, x);
    const Reference want = reference_pool(s, x.values());
    const std::vector<double> g = grad_y.values();
    double mass = 0;
    for (std::size_t o = 0; o < g.size(); ++o) mass += want.mask[o] ? g[o] : 0;
    on_each_isa([&](auto where) {
      const auto gradient = [&](const TieRule& rule) { return unpool(where, pooled, grad_y, rule); };
      INFO("seed " << seed << " window " << to_string(s.window.kernel));
      CHECK(same_bits(gradient(TieRule::beta(0)), gradient(TieRule::native())));
      CHECK(same_bits(gradient(TieRule::beta(1)), gradient(TieRule::minimal())));
      const std::vector<double> native = gradient(TieRule::native()).values(),
                                minimal = gradient(TieRule::minimal()).values();
      for (double beta : {-1.5, 0.25, 10.0}) {
        const std::vector<double> mixed = gradient(TieRule::beta(beta)).values();
        double worst = 0;
        for (std::size_t i = 0; i < mixed.size(); ++i)
          worst = std::max(worst, std::abs(mixed[i] - ((1 - beta) * native[i] + beta * minimal[i])));
        CHECK(worst <= 16 * 8 * 6 * (1 + std::abs(beta)) * 0x1p-52);  // 16 terms of 8, six roundings each
      }
      for (const char* name : {"native", "last", "minimal", "beta:-1.5", "beta:0.5", "random:3"}) {
        double sum = 0;
        for (double value : gradient(TieRule::parse(name)).values()) sum += value;
        CHECK(std::abs(sum - mass) <= 0x1p-40 * (1 + mass));  // at most 2^10 terms, each off by few 2^-52
      }
    });
  }
}

TEST_CASE("one window's gradient sums to 1 and stays on its ties, on 1,000 random geometries") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Sliding s = random_sliding(seed);
    const Tensor x = random_integers({s.n, s.h, s.w, s.c}, DType::f64, seed, 3);
    const Reference want = reference_pool(s, x.values());
    const std::size_t chosen = uniform_below(Philox(seed, 9).word[0], static_cast<std::uint32_t>(want.y.size()));
    std::vector<double> one(want.y.size(), 0), tied(static_cast<std::size_t>(x.numel()), 0);
    one[chosen] = 1;
    each_tap(s, [&](std::size_t o, int tap, std::size_t i) {
      if (o == chosen && (want.mask[o] >> tap & 1)) tied[i] = 1;
    });
    const double total = want.mask[chosen] ? 1 : 0;
    on_each_isa([&](auto where) {
      const Pooled pooled = pool(where, s, x);
      for (const char* name : {"native", "last", "minimal", "beta:-1.5", "beta:0.5", "beta:10", "random:3"}) {
        const std::vector<double> grad =
            unpool(where, pooled, expand(s, one, DType::f64), TieRule::parse(name)).values();
        double sum = 0, outside = 0;
        for (std::size_t i = 0; i < grad.size(); ++i) sum += grad[i], outside += tied[i] == 0 && grad[i] != 0;
        INFO("seed " << seed << ' ' << name);
        CHECK(std::abs(sum - total) <= 1e-13);  // 16 weights of at most 10, each off by few 2^-52
        CHECK(outside == 0);
      }
      CHECK(unpool(where, pooled, expand(s, one, DType::f64), TieRule::all()).values() == tied);
    });
  }
}

TEST_CASE("without ties all rules agree, bit for bit, on 1,000 random geometries") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Sliding s = random_sliding(seed);
    const DType dtype = real_dtypes[seed % 3];
    const auto size = static_cast<std::uint64_t>(s.n * s.h * s.w * s.c);
    std::vector<double> values;  // 7919 is prime to every size here, so the values differ; half holds integers to 2048
    for (std::uint64_t i = 0; i < size; ++i) values.push_back(static_cast<double>(i * 7919 % size));
    const Tensor x = Tensor::from(values, {s.n, s.h, s.w, s.c}, dtype);
    const Tensor grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, seed);
    on_each_isa([&](auto where) {
      const Pooled pooled = pool(where, s, x);
      const Tensor want = unpool(where, pooled, grad_y, TieRule::native());
      for (const char* name : {"last", "minimal", "beta:0.5", "beta:10", "random:3", "all"}) {
        INFO("seed " << seed << ' ' << name);
        CHECK(same_bits(unpool(where, pooled, grad_y, TieRule::parse(name)), want));
      }
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
    on_each_isa([&](auto where) {
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
    on_each_isa([&](auto where) {
      const Tensor x = Tensor::from({1, 1, 0, 1}, {1, 2, 2, 1}, dtype);
      const Pooled pooled = pool(where, slide("test", {.kernel = 2, .stride = 2}, x.shape()), x);
      const Tensor grad_y = Tensor::full({1, 1, 1, 1}, -inf, dtype);
      CHECK(unpool(where, pooled, grad_y, TieRule::native()).values() == std::vector<double>{-inf, 0, 0, 0});
      CHECK(unpool(where, pooled, grad_y, TieRule::minimal()).values() == std::vector<double>{-inf, -inf, 0, -inf});
      CHECK(unpool(where, pooled, grad_y, TieRule::beta(0.5)).values() == std::vector<double>{-inf, -inf, 0, -inf});
    });
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

TEST_CASE("the composed pool rounds each operation of the study to half") {
  // beta = 1000 on 3 tied maxima of 1.5: 1500 - 1498.5 rounds to 1500 - 1498 = 2 in half.
  const Tensor x = Tensor::from({1.5, 1.5, 0, 1.5}, {1, 2, 2, 1}, DType::f16);
  const MaxPool2dOptions options{
      .ties = TieRule::beta(1000), .forward = PoolForward::composed, .backward = PoolBackward::composed};
  CHECK(maxpool2d(x, options).values() == std::vector<double>{2});
  // g = 1: 1000 / 3 = 333.33 rounds to 333.25; -999 + 333.25 = -665.75 rounds to -666. The weights sum to 0.5, not 1.
  const std::vector<double> gradient = gradients_of([&](const auto& in) { return maxpool2d(in[0], options); }, {x},
                                                    Tensor::full({1, 1, 1, 1}, 1, DType::f16))[0]
                                           .values();
  CHECK(gradient == std::vector<double>{-666, 333.25, 0, 333.25});
}

TEST_CASE("in double the composed pool is the pool") {
  const Tensor x = Tensor::from({2, 2, 1, 2}, {1, 2, 2, 1}, DType::f64);
  for (double beta : {0.0, 0.5, 1.0, 4.0}) {
    const MaxPool2dOptions options{
        .ties = TieRule::beta(beta), .forward = PoolForward::composed, .backward = PoolBackward::composed};
    CHECK(maxpool2d(x, options).values() == std::vector<double>{2});
    const std::vector<double> gradient = gradients_of([&](const auto& in) { return maxpool2d(in[0], options); }, {x},
                                                      Tensor::full({1, 1, 1, 1}, 3, DType::f64))[0]
                                             .values();
    const double share = beta * 3 / 3;
    CHECK(gradient == std::vector<double>{share + (1 - beta) * 3, share, 0, share});
  }
}

TEST_CASE("the composed backward has the same bits on every instruction set") {
  for (const Geometry& g : geometries)
    for (DType dtype : real_dtypes) {
      const Sliding s = slide("test", g.window, g.input, g.ceil_mode);
      const Tensor x = random_integers(g.input, dtype, 41, 3),
                   grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 42);
      const auto run = [&](auto where) {
        const Pooled pooled = pool(where, s, x);
        const Tensor grad_x(x.shape(), dtype), y = empty_like(pooled.y);
        kernels::maxpool_composed_forward(where, s, 3.7, x.view(), y.view(), pooled.mask.view());
        kernels::maxpool_composed_backward(where, s, 3.7, grad_y.view(), pooled.mask.view(), grad_x.view());
        return std::pair(y, grad_x);
      };
      const auto want = run(CpuWith<Isa::portable>{});
      on_each_isa([&](auto where) {
        const auto got = run(where);
        CHECK(same_bits(got.first, want.first));
        CHECK(same_bits(got.second, want.second));
      });
    }
}

TEST_CASE("`standard` differentiates by the native rule whatever the forward's") {
  const Tensor x = Tensor::from({1, 1, 1, 1}, {1, 2, 2, 1}, DType::f32);
  const MaxPool2dOptions options{.ties = TieRule::minimal(), .backward = PoolBackward::standard};
  CHECK(gradients_of([&](const auto& in) { return maxpool2d(in[0], options); }, {x}, Tensor::full({1, 1, 1, 1}, 1))[0]
            .values() == std::vector<double>{1, 0, 0, 0});
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
