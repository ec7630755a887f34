// SPDX-License-Identifier: MIT
// Internal: tensors of residues, as backward passes modulo a prime compute with them. Elements are in double, so
// kernels for double form exact sums of their products; what is no such sum is computed here, on the CPU.
#pragma once
#include <mpad/core/axis.h>
#include <mpad/core/jacobian.h>
#include <mpad/core/prime_field.h>
#include <mpad/tensor.h>

namespace mpad {

/// The residues of numbers of any real dtype, on their device. Throws Error, naming `op`, if one is not finite.
Tensor residues_of(const PrimeField& field, const char* op, const Tensor& numbers);

/// The residues of sums of products of residues. Throws Error, naming `op`, if one is no integer below 2^53: something
/// else was computed.
Tensor reduced(const PrimeField& field, const char* op, const Tensor& sums);

/// Products of residues, element by element; `factor` has the elements of `residues` or one.
Tensor times(const PrimeField& field, const Tensor& residues, const Tensor& factor);

/// The rule with residues of its weights; those of minimal and beta are the quotients themselves, not rounded.
TieRule over(const PrimeField& field, const TieRule& rule);

/// Given residues n,oh,ow,c of the gradient of averages: multiples of each window's divisor d that are d times the
/// residue's quotient by d, so that a kernel's division by d leaves that quotient exactly. Without a field, the
/// gradient.
template <class Along>
Tensor divisible(const PrimeField* field, const Averages<Along>& averages, const Tensor& grad_y) {
  if (!field) return grad_y;
  const Tensor of_y = grad_y.to(Device::cpu).clone();
  const Shape& shape = of_y.shape();
  double* at = of_y.span<double>().data();
  for (std::int64_t n = 0; n < shape[0]; ++n)
    for (std::int64_t oh = 0; oh < shape[1]; ++oh)
      for (std::int64_t ow = 0; ow < shape[2]; ++ow) {
        const std::int64_t divisor = averages.divisor(averages.rows.under(oh), averages.columns.under(ow));
        const std::int64_t inverse = field->inverse(divisor);
        for (std::int64_t c = 0; c < shape[3]; ++c, ++at)
          *at = static_cast<double>(field->reduced(static_cast<std::int64_t>(*at) * inverse) * divisor);
      }
  return of_y.to(grad_y.device());
}

}  // namespace mpad
