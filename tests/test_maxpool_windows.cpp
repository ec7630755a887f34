// SPDX-License-Identifier: MIT
// Every window of {-1, 0, 1}^4 and {-1, 0, 1}^9, one in each channel, against the definitions: each rule, dtype,
// accumulation and backend, exactly.
#include "pool_support.h"

using namespace mpad;
using namespace mpad::test;

namespace {

// Weights that depend on the place in the window and are zero for the last tied element.
struct Staircase {
  double weight(std::uint64_t mask, int i) const {
    return (mask >> i & 1) != 0 && (mask >> i) != 1 ? (i + 1) / 8.0 : 0;
  }
};

int count_of(std::uint64_t mask) {
  int count = 0;
  for (; mask; mask &= mask - 1) ++count;
  return count;
}

// The contract of each rule, in double, each operation rounded to `type`.
double expected(const TieRule& rule, double g, std::uint64_t mask, int i, DType type) {
  const auto r = [type](double x) { return round_to(x, type); };
  const bool tied = (mask >> i & 1) != 0, first = tied && (mask & ((std::uint64_t{1} << i) - 1)) == 0;
  const int k = count_of(mask);
  if (!tied) return 0;
  switch (rule.kind()) {
    case TieRule::Kind::native: return first ? g : 0;
    case TieRule::Kind::last: return mask >> i == 1 ? g : 0;
    case TieRule::Kind::minimal: return r(g / k);
    case TieRule::Kind::all: return g;
    case TieRule::Kind::custom: {
      const double weight = Staircase{}.weight(mask, i);
      return weight == 0 ? 0 : r(g * r(weight));
    }
    case TieRule::Kind::beta: {
      const double share = r(rule.beta() / k);
      if (rule.beta() == 0) return first ? g : 0;
      if (rule.beta() == 1) return r(g / k);
      return r(g * (first ? r(1 - r(share * (k - 1))) : share));
    }
    case TieRule::Kind::random: break;
  }
  FAIL("no expectation");
  return 0;
}

// n,side,side,windows: channel c holds window c, digit i of c in base 3 less 1 at tap i.
Tensor all_windows(int side, DType dtype) {
  std::int64_t windows = 1;
  for (int i = 0; i < side * side; ++i) windows *= 3;
  std::vector<double> values;
  std::int64_t power = 1;
  for (int i = 0; i < side * side; ++i, power *= 3)
    for (std::int64_t c = 0; c < windows; ++c) values.push_back(static_cast<double>(c / power % 3 - 1));
  return Tensor::from(values, {1, side, side, windows}, dtype);
}

DType sum_type(DType dtype, Accumulate accumulate) {
  return dtype == DType::f16 && accumulate == Accumulate::wide ? DType::f32 : dtype;
}

std::vector<TieRule> exact_rules() {
  std::vector<TieRule> rules{TieRule::custom(Staircase{}, "staircase")};
  for (const char* name :
       {"native", "last", "minimal", "beta:-1.5", "beta:0", "beta:0.5", "beta:1", "beta:10", "beta:10000", "all"})
    rules.push_back(TieRule::parse(name));
  return rules;
}

std::vector<double> expected_gradient(const TieRule& rule, const Reference& pooled, const std::vector<double>& g,
                                      int taps, DType dtype, Accumulate accumulate) {
  std::vector<double> want;
  for (int i = 0; i < taps; ++i)
    for (std::size_t c = 0; c < g.size(); ++c)
      want.push_back(round_to(expected(rule, g[c], pooled.mask[c], i, sum_type(dtype, accumulate)), dtype));
  return want;
}

void check_all_windows(int side) {
  for (DType dtype : real_dtypes) {
    const Tensor x = all_windows(side, dtype);
    const Sliding s = slide("test", {.kernel = side, .stride = side}, x.shape());
    const Reference want = reference_pool(s, x.values());
    const Tensor grad_y = random_tensor({1, 1, 1, s.c}, dtype, 3, -4, 4);
    on_each_backend([&](auto where) {
      const Pooled pooled = pool(where, s, x);
      CHECK(pooled.y.values() == want.y);
      CHECK(masks_of(pooled.mask) == want.mask);
      for (const TieRule& rule : exact_rules())
        for (Accumulate accumulate : {Accumulate::wide, Accumulate::narrow}) {
          INFO(to_string(dtype) << ' ' << rule.name() << ' ' << static_cast<int>(accumulate));
          CHECK(unpool(where, pooled, grad_y, rule, accumulate).values() ==
                expected_gradient(rule, want, grad_y.values(), side * side, dtype, accumulate));
        }
    });
  }
}

}  // namespace

TEST_CASE("all 81 windows of {-1, 0, 1}^4, exactly") { check_all_windows(2); }

TEST_CASE("all 19,683 windows of {-1, 0, 1}^9, exactly") { check_all_windows(3); }

TEST_CASE("random gives the whole gradient to one tied element, by seed and window") {
  for (DType dtype : real_dtypes) {
    const Tensor x = all_windows(3, dtype);
    const Sliding s = slide("test", {.kernel = 3}, x.shape());
    const Reference want = reference_pool(s, x.values());
    const Tensor grad_y = random_tensor({1, 1, 1, s.c}, dtype, 3, 1, 2);
    const std::vector<double> g = grad_y.values();
    on_each_backend([&](auto where) {
      const Pooled pooled = pool(where, s, x);
      const Tensor grad_x = unpool(where, pooled, grad_y, TieRule::random(7));
      const std::vector<double> values = grad_x.values();
      std::size_t wrong = 0;
      for (std::size_t c = 0; c < g.size(); ++c) {
        std::uint64_t winners = 0, others = 0;
        for (std::size_t i = 0; i < 9; ++i) {
          const double value = values[i * g.size() + c];
          (value == g[c] ? winners : others) |= std::uint64_t{value != 0} << i;
        }
        wrong += count_of(winners) != 1 || others != 0 || (winners & ~want.mask[c]) != 0;
      }
      CHECK(wrong == 0);
      CHECK(same_bits(grad_x, unpool(where, pooled, grad_y, TieRule::random(7), Accumulate::narrow)));
      CHECK_FALSE(same_bits(grad_x, unpool(where, pooled, grad_y, TieRule::random(8))));
    });
  }
}

TEST_CASE("random draws each window anew, uniformly") {
  const Tensor x = Tensor::zeros({1, 2, 2, 40000}), grad_y = Tensor::full({1, 1, 1, 40000}, 1);
  const Sliding s = slide("test", {.kernel = 2, .stride = 2}, x.shape());
  const CpuWith<Isa::portable> where;
  const std::vector<double> values = unpool(where, pool(where, s, x), grad_y, TieRule::random(1)).values();
  for (std::size_t i = 0; i < 4; ++i) {
    double wins = 0;
    for (std::size_t c = 0; c < 40000; ++c) wins += values[i * 40000 + c];
    CHECK(std::abs(wins - 10000) < 433);  // five standard deviations, sqrt(40000 * 3 / 16) each
  }
}
