// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/train/device_loss_scaler.h>

#include <kernels.h>

#include <algorithm>
#include <iterator>

namespace mpad {

DeviceLossScaler::DeviceLossScaler(Optimizer& optimizer, std::int64_t most)
    : optimizer_(&optimizer),
      scaler_({2}, DType::f64, optimizer.device()),
      scale_(scaler_.slice(0, {1})),
      taken_({1}, DType::i32, optimizer.device()),
      of_count_({most, std::ssize(optimizer.numbers_of_count(1))}, DType::f64, optimizer.device()),
      nonfinite_({1}, DType::i32, optimizer.device()),
      numbers_({std::ssize(optimizer.numbers(0, 1))}, DType::f64, optimizer.device()) {
  require(most > 0, "loss scaler: expected 1 step or more, got {}", most);
  begin({});
}

void DeviceLossScaler::begin(const LossScale& from) {
  scaler_.copy_from(Tensor::from({from.scale, static_cast<double>(from.good_steps)}, {2}, DType::f64));
  taken_.fill(0);
  std::vector<double> rows;
  for (std::int64_t i = 1; i <= of_count_.shape()[0]; ++i)
    std::ranges::copy(optimizer_->numbers_of_count(optimizer_->steps() + i), std::back_inserter(rows));
  of_count_.copy_from(Tensor::from(rows, of_count_.shape(), DType::f64));
}

void DeviceLossScaler::step(const Tensor& of_rate) const {
  const std::int64_t count = numbers_.numel() - of_count_.shape()[1];
  require(of_rate.dtype() == DType::f64 && of_rate.numel() == count && of_rate.device() == numbers_.device(),
          "loss scaler: expected numbers of a rate, double {} on {}, got {} {} on {}", count,
          to_string(numbers_.device()), of_rate.dtype(), of_rate.shape(), to_string(of_rate.device()));
  optimizer_->count_nonfinite_gradients(nonfinite_);
  on(numbers_.device(), [&](auto where) {
    kernels::scale_step(where, {nonfinite_.view(), of_rate.view(), of_count_.view()}, scaler_.view(), taken_.view(),
                        numbers_.view());
  });
  optimizer_->step_by(numbers_);
}

LossScale DeviceLossScaler::value() const {
  const std::vector<double> values = scaler_.values();
  return {values[0], static_cast<std::int64_t>(values[1])};
}

std::int64_t DeviceLossScaler::taken() const { return static_cast<std::int64_t>(taken_.item()); }

}  // namespace mpad
