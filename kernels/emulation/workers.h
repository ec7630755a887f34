// SPDX-License-Identifier: MIT
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace mpad::emulation {

/// OS threads that stay, so that their fibers are used again by the next kernel.
class Workers {
 public:
  ~Workers();
  /// Calls `work` on `count` OS threads at once, the calling one among them, and waits for all.
  void run(unsigned count, const std::function<void()>& work);

 private:
  void serve(unsigned self);

  std::mutex mutex_;
  std::condition_variable called_, finished_;
  const std::function<void()>* work_ = nullptr;
  unsigned wanted_ = 0, running_ = 0, generation_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mpad::emulation
