// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/ops/common_device.h>

namespace mpad {

Device common_device(const char* op, std::span<const Tensor> inputs) {
  const Device device = inputs.front().device();
  for (std::size_t i = 1; i < inputs.size(); ++i)
    require(!inputs[i] || inputs[i].device() == device,
            "{}: expected all inputs on {}, as the first, got input {} on {}", op, to_string(device), i,
            to_string(inputs[i].device()));
  return device;
}

}  // namespace mpad
