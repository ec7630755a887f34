// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/nn/lenet.h>
#include <mpad/optim.h>

#include <thread>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;

namespace {

MemoryStatistics now() { return memory_statistics(Device::cpu); }

Tensor labels_for(std::int64_t n) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(static_cast<std::int32_t>(i % 10));
  return Tensor::from(labels, {n});
}

void train_epoch(Module& model, Optimizer& optimizer, DType dtype) {
  for (std::int64_t n : {16, 16, 16, 5}) {
    const Tensor images = random_tensor({n, 28, 28, 1}, dtype, 3);
    Tape tape;
    tape.backward(cross_entropy(model(images), labels_for(n)));
    optimizer.step();
  }
}

}  // namespace

TEST_CASE("training asks the system for memory in its first epochs only") {
  for (DType dtype : real_dtypes) {
    release_cached_memory(Device::cpu);
    Lenet model;
    model.to(dtype);
    Sgd sgd(model, {.lr = 0.01, .momentum = 0.9});
    for (int warm_up = 0; warm_up < 2; ++warm_up) train_epoch(model, sgd, dtype);
    const MemoryStatistics before = now();
    for (int epoch = 0; epoch < 3; ++epoch) train_epoch(model, sgd, dtype);
    CHECK(now().system_allocations == before.system_allocations);
    CHECK(now().in_use == before.in_use);
    CHECK(now().peak_in_use == before.peak_in_use);
  }
}

TEST_CASE("memory is counted, cached, reused and given back") {
  release_cached_memory(Device::cpu);
  const MemoryStatistics before = now();
  CHECK(before.cached == 0);
  Buffer buffer = allocate(1000, Device::cpu);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % 64 == 0);
  CHECK(now().in_use == before.in_use + 1024);
  CHECK(now().peak_in_use >= now().in_use);
  CHECK(now().system_allocations == before.system_allocations + 1);
  const std::byte* place = buffer.get();
  buffer.reset();
  CHECK(now().in_use == before.in_use);
  CHECK(now().cached == 1024);
  // A block serves a request down to four fifths of its size, and no smaller one.
  CHECK(allocate(820, Device::cpu).get() == place);
  const Buffer small = allocate(500, Device::cpu);
  CHECK(small.get() != place);
  CHECK(now().system_allocations == before.system_allocations + 2);
  release_cached_memory(Device::cpu);
  CHECK(now().cached == 0);
}

TEST_CASE("the peak is of all that was in use at once") {
  const std::size_t start = now().in_use;
  { const Buffer a = allocate(std::size_t{64} << 20, Device::cpu), b = allocate(std::size_t{64} << 20, Device::cpu); }
  const std::size_t peak = now().peak_in_use;
  CHECK(peak >= start + (std::size_t{128} << 20));
  const Buffer again = allocate(std::size_t{64} << 20, Device::cpu);
  CHECK(now().peak_in_use == peak);
}

TEST_CASE("a request beyond the machine is an error with the figures") {
  const std::int64_t elements = std::int64_t{1} << 57;
  CHECK_THROWS_WITH(Tensor({elements}),
                    ContainsSubstring("memory: expected 576460752303423488 bytes on cpu, got none") &&
                        ContainsSubstring("in use by tensors"));
  CHECK_THROWS_AS(allocate(SIZE_MAX, Device::cpu), Error);
}

TEST_CASE("threads share the cache") {
  const std::size_t before = now().in_use;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) {
        const Tensor x = Tensor::full({64 + i % 7 * 100}, t);
        if (x.values().back() != t) throw Error("another thread wrote here");
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(now().in_use == before);
}
