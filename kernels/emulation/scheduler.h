// SPDX-License-Identifier: MIT
// Runs the threads of one block, one at a time, on fibers. One fiber calls the kernel for thread after thread; when a
// thread has to wait, that fiber becomes the thread's own and another goes on with the rest. A kernel that never
// synchronises is thus a plain loop.
#pragma once
#include "fiber.h"
#include "location.h"
#include "settings.h"

#include <vector_types.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mpad::emulation {

/// What a thread of the block is doing.
enum class ThreadState : unsigned char {
  unstarted,
  running,
  at_barrier,
  at_warp_operation,
  at_copy_barrier,
  at_cluster_barrier,
  done
};

struct Thread {
  Fiber* fiber = nullptr;
  uint3 index{};
  ThreadState state = ThreadState::unstarted;
  const char* operation = "";  // that it waits at
  Location where;
};

class Scheduler {
 public:
  /// Begins a block of `shape`, no thread of which has run yet.
  void prepare(dim3 shape);
  /// Calls `body` once for each thread, until all have returned or wait for the cluster; then continues those that do,
  /// if called again. Returns what went wrong, empty if nothing; all threads have returned then.
  std::string go_on(const std::function<void()>& body);
  /// Unwinds threads that wait for the cluster.
  void abandon();

  /// The thread that runs now, and all threads of the block.
  unsigned current() const { return current_; }
  unsigned size() const { return size_; }
  const Thread& thread(unsigned i) const { return threads_[i]; }
  /// Threads that returned from the kernel.
  unsigned done() const { return done_; }
  /// All threads, in the order in which they are to run.
  const std::vector<unsigned>& sequence() const { return sequence_; }

  /// Suspends the current thread until it is woken.
  void wait(ThreadState state, const char* operation, Location where);
  /// Queues threads, which run in this order; the current one may be among them and then has to wait() at once. They
  /// run after those that were woken before or, in reversed order, ahead of them, so that a warp gets as far as it can.
  void wake(std::span<const unsigned> threads);
  /// Ends the kernel with a diagnosis: the current thread unwinds, then every other one.
  [[noreturn]] void fail(std::string diagnosis);

  /// Called when a thread returns, for those who count the remaining ones.
  std::function<void()> on_thread_done;

 private:
  static void fiber_main();
  bool all_wait_for_cluster() const;
  void arrange(dim3 shape, Order order);
  void run_threads();
  void run_thread(unsigned thread);
  void park();
  void switch_to_next();
  unsigned take_ready();
  void switch_to(Fiber& fiber);
  Fiber& take_fiber();
  void cancel(std::string diagnosis);
  std::string describe_deadlock() const;

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_fibers_;
  Fiber host_;
  Fiber* fiber_ = nullptr;

  std::vector<Thread> threads_;
  std::vector<unsigned> sequence_;
  std::vector<unsigned> ready_;  // a queue: those before ready_front_ have run; or, in reversed order, a stack
  std::size_t ready_front_ = 0;
  const std::function<void()>* body_ = nullptr;
  dim3 shape_{0, 0, 0};  // that the threads are arranged for, in this order
  Order order_ = Order::forward;
  unsigned size_ = 0, started_ = 0, done_ = 0, current_ = 0;
  bool failed_ = false;
  std::string diagnosis_;
};

}  // namespace mpad::emulation
