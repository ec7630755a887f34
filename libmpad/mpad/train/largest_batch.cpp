// SPDX-License-Identifier: MIT
#include <mpad/memory.h>
#include <mpad/train/largest_batch.h>
#include <mpad/train/snapshot.h>

namespace mpad {
namespace {

void drop_gradients(Module& model) {
  for (const NamedTensor& parameter : parameters(model)) parameter.tensor.clear_grad();
}

bool fits(Module& model, const Dataset& dataset, std::int64_t images, const TryBatch& try_batch) {
  drop_gradients(model);
  release_cached_memory(dataset.labels.device());
  try {
    try_batch(dataset.batches(images));
    return true;
  } catch (const OutOfMemory&) {
    return false;
  }
}

}  // namespace

std::int64_t largest_batch(Module& model, const Dataset& dataset, std::int64_t too_many, const TryBatch& try_batch) {
  const Snapshot kept(state(model), Device::cpu);
  std::int64_t most = 0;
  while (too_many - most > 1) {
    const std::int64_t middle = most + (too_many - most) / 2;
    (fits(model, dataset, middle, try_batch) ? most : too_many) = middle;
  }
  drop_gradients(model);
  kept.restore();  // running statistics have moved
  return most;
}

}  // namespace mpad
