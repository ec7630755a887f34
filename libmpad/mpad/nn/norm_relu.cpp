// SPDX-License-Identifier: MIT
#include <mpad/nn/norm_relu.h>

namespace mpad {

std::unique_ptr<Module> norm_relu(std::int64_t channels, bool batch_norm, double relu0) {
  if (batch_norm) return std::make_unique<BatchNorm2d>(channels, BatchNormOptions{.relu = true, .alpha = relu0});
  return std::make_unique<Relu>(ReluOptions{relu0});
}

std::unique_ptr<Module> norm(std::int64_t channels, bool batch_norm) {
  if (batch_norm) return std::make_unique<BatchNorm2d>(channels);
  return std::make_unique<Identity>();
}

}  // namespace mpad
