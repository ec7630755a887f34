// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>

#include <vector>

namespace mpad {

/// A copy of tensors, to which they can be set back.
class Snapshot {
 public:
  /// Copies of the tensors as they are, on a device.
  Snapshot(std::vector<NamedTensor> tensors, Device device);
  /// Copies them anew.
  void take() const;
  void restore() const;

 private:
  std::vector<NamedTensor> tensors_;
  std::vector<Tensor> copies_{};
};

}  // namespace mpad
