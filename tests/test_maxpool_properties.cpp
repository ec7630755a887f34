// SPDX-License-Identifier: MIT
#include "pool_support.h"

using namespace mpad;
using namespace mpad::test;

namespace {

Tensor expand(const Sliding& s, const std::vector<double>& values, DType dtype) {
  return Tensor::from(values, {s.n, s.oh, s.ow, s.c}, dtype);
}

}  // namespace

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
    on_each_backend([&](auto where) {
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
          worst = worse(worst, std::abs(mixed[i] - ((1 - beta) * native[i] + beta * minimal[i])));
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
    on_each_backend([&](auto where) {
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
    on_each_backend([&](auto where) {
      const Pooled pooled = pool(where, s, x);
      const Tensor want = unpool(where, pooled, grad_y, TieRule::native());
      for (const char* name : {"last", "minimal", "beta:0.5", "beta:10", "random:3", "all"}) {
        INFO("seed " << seed << ' ' << name);
        CHECK(same_bits(unpool(where, pooled, grad_y, TieRule::parse(name)), want));
      }
    });
  }
}
