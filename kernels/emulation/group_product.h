// SPDX-License-Identifier: MIT
// The matrix instructions of a warpgroup, "wgmma.mma_async" of the PTX ISA, with operands and sums laid out as in its
// sections "Register Fragments and Shared Memory Matrix Layouts" and "Matrix-Descriptor Format".
#pragma once
#include "location.h"

#include <span>
#include <vector>

namespace mpad::emulation {

/// An operand, as kernels::GroupMatrix says.
struct GroupOperand {
  const void* start;
  unsigned leading, stride;
  bool transposed;

  /// The place of an element.
  const void* at(unsigned along, unsigned depth) const;
};

/// The products of one thread, as late as the hardware may form them: at the wait, of what then lies in shared memory.
class GroupProducts {
 public:
  void reset();
  /// sums += its part of a * b, 64 x 16 by 16 x 2 sums. The sums of thread 32 w + l of a warpgroup: element 4 j + 2 e +
  /// i is at row 16 w + l / 4 + 8 e and column 8 j + 2 (l % 4) + i.
  void issue(std::span<float> sums, const GroupOperand& a, const GroupOperand& b, unsigned thread);
  /// What was issued since the last commit becomes a group.
  void commit() { ++committed_; }
  /// Forms all products of groups but the newest `remaining`.
  void wait(unsigned remaining);

 private:
  struct Product {
    std::span<float> sums;
    GroupOperand a, b;
    unsigned thread, group;
  };
  std::vector<Product> pending_;
  unsigned committed_ = 0;
};

/// Issues a product of the current thread, whose whole warp takes part; fails on what is not in shared memory.
void issue_group_product(std::span<float> sums, const GroupOperand& a, const GroupOperand& b, Location where);

}  // namespace mpad::emulation
