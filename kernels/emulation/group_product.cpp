// SPDX-License-Identifier: MIT
#include "group_product.h"

#include "block.h"

#include <cuda_fp16.h>

#include <cstdint>

namespace mpad::emulation {
namespace {

float half_at(const void* place) { return __half2float(*static_cast<const __half*>(place)); }

// Sums are formed in order of the depth.
void multiply(std::span<float> sums, const GroupOperand& a, const GroupOperand& b, unsigned thread) {
  const unsigned first_row = thread / 32 * 16 + thread % 32 / 4, first_column = thread % 4 * 2;
  for (unsigned e = 0; e < 2; ++e)
    for (unsigned j = 0; j < sums.size() / 4; ++j)
      for (unsigned i = 0; i < 2; ++i)
        for (unsigned k = 0; k < 16; ++k)
          sums[4 * j + 2 * e + i] += half_at(a.at(first_row + 8 * e, k)) * half_at(b.at(first_column + 8 * j + i, k));
}

}  // namespace

const void* GroupOperand::at(unsigned along, unsigned depth) const {
  const unsigned offset = transposed ? along / 64 * leading + depth / 8 * stride + depth % 8 * 128 + along % 64 * 2
                                     : along / 8 * stride + along % 8 * 64 + depth * 2;
  const auto address = reinterpret_cast<std::uintptr_t>(start) + offset;
  const std::uintptr_t permuted = transposed ? address >> 7 & 7 : address >> 7 & 3;
  return reinterpret_cast<const void*>(address ^ permuted << 4);
}

void GroupProducts::reset() {
  pending_.clear();
  committed_ = 0;
}

void GroupProducts::issue(std::span<float> sums, const GroupOperand& a, const GroupOperand& b, unsigned thread) {
  pending_.push_back({sums, a, b, thread, committed_});
}

void GroupProducts::wait(unsigned remaining) {
  const auto finished = [&](const Product& product) { return product.group + remaining < committed_; };
  for (const Product& product : pending_)
    if (finished(product)) multiply(product.sums, product.a, product.b, product.thread);
  std::erase_if(pending_, finished);
}

void issue_group_product(std::span<float> sums, const GroupOperand& a, const GroupOperand& b, Location where) {
  Block& block = Block::current();
  for (const GroupOperand* operand : {&a, &b})
    for (unsigned along = 0; along < (operand == &a ? 64U : 2 * sums.size()); along += 8)
      if (!block.shared().contains(operand->at(along, 15), 2))
        block.scheduler().fail("wgmma in " + to_string(where) + ": expected operands in shared memory");
  const auto all_here = [](int(&)[warp_size], LaneMask) { return std::string(); };
  block.warp().exchange(full_warp, 0, "wgmma", where, all_here);
  block.group_products().issue(sums, a, b, block.scheduler().current() % 128);
}

}  // namespace mpad::emulation
