// SPDX-License-Identifier: MIT
#include "barrier.h"

namespace mpad::emulation {

Votes Barrier::arrive(bool vote, const char* operation, Location where) {
  const unsigned self = scheduler_.current();
  if (waiting_ == 0) {
    where_ = where;
    first_ = self;
    votes_ = {};
  } else if (where != where_) {
    scheduler_.fail("divergent barrier: thread " + std::to_string(first_) + " waits in " + to_string(where_) +
                    ", thread " + std::to_string(self) + " in " + to_string(where));
  }
  ++waiting_;
  votes_.yes += vote;
  ++votes_.all;
  if (waiting_ + scheduler_.done() == scheduler_.size()) release();
  scheduler_.wait(ThreadState::at_barrier, operation, where);
  return result_;
}

void Barrier::thread_done() {
  if (waiting_ > 0 && waiting_ + scheduler_.done() == scheduler_.size()) release();
}

void Barrier::release() {
  result_ = votes_;
  waiting_ = 0;
  const unsigned last = scheduler_.current();
  released_.clear();
  for (const unsigned thread : scheduler_.sequence()) {
    const ThreadState state = scheduler_.thread(thread).state;
    if (state == ThreadState::at_barrier || (thread == last && state == ThreadState::running))
      released_.push_back(thread);
  }
  scheduler_.wake(released_);
}

}  // namespace mpad::emulation
