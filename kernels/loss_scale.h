// SPDX-License-Identifier: MIT
// How a step of mixed precision is decided, on every device. Internal linkage: cpu/isa.h says why.
#pragma once
#include <mpad/core/loss_scale.h>

#include <kernels.h>
#include <optimizer.h>

namespace mpad::kernels {
namespace {

/// scale_step's arguments as pointers.
struct Decision {
  Decision(const ScaledStep& step, const View& the_scaler, const View& steps_taken, const View& the_numbers)
      : nonfinite(step.nonfinite.as<const std::int32_t>()),
        of_rate{step.of_rate.as<const double>(), step.of_rate.numel()},
        of_count{step.of_count.as<const double>(), the_numbers.numel() - step.of_rate.numel()},
        rows(step.of_count.numel() / of_count.size),
        scaler(the_scaler.as<double>()),
        taken(steps_taken.as<std::int32_t>()),
        numbers(the_numbers.as<double>()) {}

  const std::int32_t* nonfinite;
  Numbers of_rate, of_count;  // of_count of the first row
  std::int64_t rows;
  double* scaler;
  std::int32_t* taken;
  double* numbers;
};

MPAD_HD inline void decide(const Decision& d) {
  const bool finite = *d.nonfinite == 0;
  LossScale scale{d.scaler[0], static_cast<std::int64_t>(d.scaler[1])};
  const std::int64_t row = *d.taken < d.rows ? *d.taken : d.rows - 1;
  join_numbers(d.of_rate, {d.of_count.data + row * d.of_count.size, d.of_count.size}, finite ? 1 / scale.scale : 0,
               d.numbers);
  scale.update(finite);
  d.scaler[0] = scale.scale;
  d.scaler[1] = static_cast<double>(scale.good_steps);
  *d.taken += finite ? 1 : 0;
}

}  // namespace
}  // namespace mpad::kernels
