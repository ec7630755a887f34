// SPDX-License-Identifier: MIT
#include "workers.h"

namespace mpad::emulation {

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  called_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::run(unsigned count, const std::function<void()>& work) {
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    wanted_ = running_ = count - 1;
    ++generation_;
    while (threads_.size() < wanted_)
      threads_.emplace_back(&Workers::serve, this, static_cast<unsigned>(threads_.size()));
  }
  called_.notify_all();
  work();
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return running_ == 0; });
}

void Workers::serve(unsigned self) {
  unsigned seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    called_.wait(lock, [&] { return stop_ || (generation_ != seen && self < wanted_); });
    if (stop_) return;
    seen = generation_;
    lock.unlock();
    (*work_)();
    lock.lock();
    if (--running_ == 0) finished_.notify_one();
  }
}

}  // namespace mpad::emulation
