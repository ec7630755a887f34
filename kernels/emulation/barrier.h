// SPDX-License-Identifier: MIT
#pragma once
#include "scheduler.h"

#include <vector>

namespace mpad::emulation {

/// What the threads of a block said at a barrier.
struct Votes {
  int yes = 0, all = 0;
};

/// __syncthreads and its kin: threads that returned are not waited for; two that wait at different lines are reported.
class Barrier {
 public:
  explicit Barrier(Scheduler& scheduler) : scheduler_(scheduler) {}
  void reset() { waiting_ = 0; }
  /// Waits for all threads that have not returned.
  Votes arrive(bool vote, const char* operation, Location where);
  /// A thread returned: the others may all be here now.
  void thread_done();

 private:
  void release();

  Scheduler& scheduler_;
  unsigned waiting_ = 0, first_ = 0;
  Location where_;
  Votes votes_, result_;
  std::vector<unsigned> released_;  // as a member, for its memory
};

}  // namespace mpad::emulation
