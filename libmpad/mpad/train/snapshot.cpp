// SPDX-License-Identifier: MIT
#include <mpad/train/snapshot.h>

#include <utility>

namespace mpad {

Snapshot::Snapshot(std::vector<NamedTensor> tensors, Device device) : tensors_(std::move(tensors)) {
  for (const NamedTensor& named : tensors_) copies_.emplace_back(named.tensor.shape(), named.tensor.dtype(), device);
  take();
}

void Snapshot::take() const {
  for (std::size_t i = 0; i < tensors_.size(); ++i) copies_[i].copy_from(tensors_[i].tensor);
}

void Snapshot::restore() const {
  for (std::size_t i = 0; i < tensors_.size(); ++i) tensors_[i].tensor.copy_from(copies_[i]);
}

}  // namespace mpad
