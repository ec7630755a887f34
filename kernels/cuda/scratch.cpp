// SPDX-License-Identifier: MIT
#include "scratch.h"

#include "check.h"
#include "graph.h"
#include "runtime.h"

#include <mpad/core/exact_memory.h>

#include <cuda_runtime_api.h>

#include <atomic>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace mpad::cuda {
namespace {

struct Release {
  void operator()(void* block) const { release(block); }
};

struct Block {
  std::unique_ptr<void, Release> memory{};
  std::size_t size = 0;
};

thread_local std::map<std::pair<void*, Scratch>, Block> blocks;
// Of streams whose blocks stay where they are: those that others took the place of.
thread_local std::map<void*, std::vector<Block>> held;

std::atomic<KeptMemory (*)()> reclaim{nullptr};

void spoil(Cuda where, const Block& block) {
  kernels::check_cuda("scratch",
                      cudaMemsetAsync(block.memory.get(), 0xFF, block.size, static_cast<cudaStream_t>(where.stream)));
}

void* allocate_or_throw(std::size_t bytes) {
  if (void* block = allocate(bytes); block != nullptr) return block;
  const KeptMemory kept = reclaim_memory();
  if (void* block = allocate(bytes); block != nullptr) return block;
  throw OutOfMemory("scratch: expected " + std::to_string(bytes) + " bytes on cuda, got none (" +
                    describe_memory(kept) + ")");
}

}  // namespace

void* scratch_bytes(Cuda where, Scratch purpose, std::size_t bytes) {
  Block& block = blocks[{where.stream, purpose}];
  const auto kept = held.find(where.stream);
  if (bytes > block.size || !block.memory || (bytes != block.size && has_exact_memory())) {
    if (kept != held.end() && block.memory) kept->second.push_back(std::move(block));
    block = {};
    block.memory.reset(allocate_or_throw(bytes > 0 ? bytes : 1));
    block.size = bytes;
  }
  if (has_exact_memory() && purpose != Scratch::workspace && kept == held.end() && !is_recording()) spoil(where, block);
  return block.memory.get();
}

void release_scratch() {
  std::erase_if(blocks, [](const auto& entry) { return held.count(entry.first.first) == 0; });
}

void hold_scratch(Cuda where) { held[where.stream]; }

void drop_scratch(Cuda where) noexcept {
  held.erase(where.stream);
  std::erase_if(blocks, [&](const auto& entry) { return entry.first.first == where.stream; });
}

std::string describe_memory(const KeptMemory& kept) {
  return std::to_string(kept.in_use) + " in use by tensors, " + std::to_string(kept.cached) + " cached for graphs, " +
         std::to_string(free_memory()) + " free";
}

void set_reclaim(KeptMemory (*give_back)()) {
  reclaim = give_back;
  kernels::memory_report = [] { return describe_memory(reclaim_memory()); };
}

KeptMemory reclaim_memory() {
  KeptMemory (*const give_back)() = reclaim;
  return give_back == nullptr ? KeptMemory() : give_back();
}

}  // namespace mpad::cuda
