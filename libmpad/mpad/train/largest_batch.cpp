// SPDX-License-Identifier: MIT
#include <mpad/memory.h>
#include <mpad/train/largest_batch.h>

namespace mpad {
namespace {

void drop_gradients(Module& model) {
  for (const NamedTensor& parameter : parameters(model)) parameter.tensor.clear_grad();
}

bool fits(Module& model, const Dataset& dataset, std::int64_t images, const TryBatch& try_batch) {
  drop_gradients(model);
  release_cached_memory(dataset.labels.device());
  try {
    const Batches batches = dataset.batches(images);  // which holds memory too
    try_batch(batches[0]);
    return true;
  } catch (const OutOfMemory&) {
    return false;
  }
}

}  // namespace

std::int64_t largest_batch(Module& model, const Dataset& dataset, std::int64_t too_many, const TryBatch& try_batch) {
  const std::vector<NamedTensor> kept = state(model);
  std::vector<Tensor> copies;
  for (const NamedTensor& named : kept) copies.push_back(named.tensor.to(Device::cpu).clone());
  std::int64_t most = 0;
  while (too_many - most > 1) {
    const std::int64_t middle = most + (too_many - most) / 2;
    (fits(model, dataset, middle, try_batch) ? most : too_many) = middle;
  }
  drop_gradients(model);
  // Running statistics have moved.
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].tensor.copy_from(copies[i]);
  return most;
}

}  // namespace mpad
