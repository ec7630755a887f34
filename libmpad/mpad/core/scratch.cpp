// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/scratch.h>

#include <array>
#include <cstdlib>
#include <memory>

namespace mpad {
namespace {

constexpr std::size_t kBlockAlignment = 64;

struct Free {
  void operator()(void* block) const { std::free(block); }
};

struct Block {
  std::unique_ptr<void, Free> memory{};
  std::size_t size = 0;
};

thread_local std::array<Block, detail::scratch_purposes> scratch_blocks;

}  // namespace

void* detail::scratch(Scratch purpose, std::size_t bytes) {
  Block& block = scratch_blocks[static_cast<std::size_t>(purpose)];
  if (bytes > block.size || !block.memory) {
    bytes = bytes / kBlockAlignment * kBlockAlignment + kBlockAlignment;
    block = {};
    block.memory.reset(std::aligned_alloc(kBlockAlignment, bytes));
    if (!block.memory) throw OutOfMemory(fmt::format("scratch: expected {} bytes on cpu, got none", bytes));
    block.size = bytes;
  }
  return block.memory.get();
}

}  // namespace mpad
