// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops/common_device.h>

namespace mpad {

Device common_device(const char* op, std::span<const Tensor> inputs) {
  const Device device = inputs.front().device();
  for (std::size_t i = 1; i < inputs.size(); ++i)
    if (const Tensor& input = inputs[i]; input && input.device() != device)
      fail("{}: expected all inputs on {}, as the first, got input {} on {}", op, to_string(device), i,
           to_string(input.device()));
  return device;
}

}  // namespace mpad
