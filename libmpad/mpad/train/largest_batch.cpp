// SPDX-License-Identifier: MIT
#include <mpad/memory.h>
#include <mpad/ops.h>
#include <mpad/tape.h>
#include <mpad/train/largest_batch.h>

namespace mpad {
namespace {

void drop_gradients(Module& model) {
  for (const NamedTensor& parameter : parameters(model)) parameter.tensor.clear_grad();
}

bool fits(Module& model, const Dataset& dataset, std::int64_t images) {
  drop_gradients(model);
  release_cached_memory(dataset.labels.device());
  try {
    const Batches batches = dataset.batches(images);  // which holds memory too
    const Batch batch = batches[0];
    Tape tape;
    tape.backward(cross_entropy(model(batch.images), batch.labels));
    return true;
  } catch (const OutOfMemory&) {
    return false;
  }
}

}  // namespace

std::int64_t largest_batch(Module& model, const Dataset& dataset, std::int64_t too_many) {
  const std::vector<NamedTensor> kept = state(model);
  std::vector<Tensor> copies;
  for (const NamedTensor& named : kept) copies.push_back(named.tensor.to(Device::cpu).clone());
  std::int64_t most = 0;
  while (too_many - most > 1) {
    const std::int64_t middle = most + (too_many - most) / 2;
    (fits(model, dataset, middle) ? most : too_many) = middle;
  }
  drop_gradients(model);
  // Running statistics have moved.
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i].tensor.copy_from(copies[i]);
  return most;
}

}  // namespace mpad
