// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/parallel.h>
#include <mpad/residues.h>

#include <array>
#include <cmath>

namespace mpad {
namespace {

constexpr std::int64_t grain = 1 << 14;

// f of the index and the element as a double, for all elements; in double, on x's device.
template <class F>
Tensor mapped(const Tensor& x, F&& f) {
  const Tensor from = x.to(Device::cpu).to(DType::f64), to = empty_like(from);
  const double* in = from.span<double>().data();
  double* out = to.span<double>().data();
  parallel_for(x.numel(), grain, [&, in, out](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) out[i] = static_cast<double>(f(i, in[i]));
  });
  return to.to(x.device());
}

// Of minimal and beta: the shares of the first maximum and of each other one, by the number of them.
struct ResidueShares {
  std::array<double, max_window + 1> first{}, other{};

  ResidueShares(const PrimeField& field, double beta) {
    for (std::int64_t count = 1; count <= max_window; ++count) {
      const std::int64_t share = field.reduced(field.residue(beta) * field.inverse(count));
      const auto i = static_cast<std::size_t>(count);
      first[i] = static_cast<double>(field.reduced(1 - share * (count - 1)));
      other[i] = static_cast<double>(share);
    }
  }
  double weight(std::uint64_t mask, int i) const {
    const auto count = static_cast<std::size_t>(ties::count(mask));
    return ties::is_first(mask, i) ? first[count] : other[count];
  }
};

// Of a rule that is known by its weights.
struct ResidueWeights {
  PrimeField field;
  TieRule rule;

  double weight(std::uint64_t mask, int i) const {
    return rule.visit([&](const auto& functor) { return static_cast<double>(field.residue(functor.weight(mask, i))); });
  }
};

}  // namespace

Tensor residues_of(const PrimeField& field, const char* op, const Tensor& numbers) {
  return mapped(numbers, [&](std::int64_t, double number) {
    require(std::isfinite(number), "{}: expected finite numbers in a pass modulo a prime, got {}", op, number);
    return field.residue(number);
  });
}

Tensor reduced(const PrimeField& field, const char* op, const Tensor& sums) {
  return mapped(sums, [&](std::int64_t, double sum) {
    require(std::abs(sum) < 0x1p53 && std::trunc(sum) == sum,
            "{}: expected whole numbers below 2^53 in a pass modulo a prime, got {} (products take what was saved from "
            "Gradients::factor)",
            op, sum);
    return field.reduced(static_cast<std::int64_t>(sum));
  });
}

Tensor times(const PrimeField& field, const Tensor& residues, const Tensor& factor) {
  const Tensor factors = factor.to(Device::cpu);
  const double* by = factors.span<double>().data();
  const bool one = factor.numel() == 1;
  return mapped(residues, [&](std::int64_t i, double residue) {
    return field.reduced(static_cast<std::int64_t>(residue * by[one ? 0 : i]));
  });
}

TieRule over(const PrimeField& field, const TieRule& rule) {
  switch (rule.kind()) {
    case TieRule::Kind::minimal:
    case TieRule::Kind::beta:
      return TieRule::custom(ResidueShares(field, rule.beta()), rule.name() + " modulo a prime");
    case TieRule::Kind::custom: return TieRule::custom(ResidueWeights{field, rule}, rule.name() + " modulo a prime");
    case TieRule::Kind::native:
    case TieRule::Kind::last:
    case TieRule::Kind::random:
    case TieRule::Kind::all: break;
  }
  return rule;  // moves gradients as they are
}

}  // namespace mpad
