// SPDX-License-Identifier: MIT
#include <mpad/core/error.h>
#include <mpad/core/parallel.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include <sched.h>

namespace mpad {
namespace {

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// One parallel loop: threads take pieces off a shared counter until none is left. It lives on the caller's stack, so
// the caller leaves only when no helper is inside.
struct Loop {
  std::int64_t count, grain, pieces;
  detail::RangeFunction function;
  void* context;
  std::atomic<std::int64_t> next{0};
  std::atomic<int> inside{0};
  std::mutex error_mutex{};
  std::int64_t failed_piece = 0;
  std::exception_ptr error{};

  void work() {
    for (std::int64_t piece; (piece = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      try {
        function(context, piece * grain, std::min(count, (piece + 1) * grain));
      } catch (...) {
        // The first piece's exception, not the first in time: it must not depend on the number of threads.
        std::lock_guard lock(error_mutex);
        if (error && failed_piece < piece) continue;
        error = std::current_exception();
        failed_piece = piece;
      }
    }
  }
};

thread_local bool in_parallel_region = false;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

class Pool {
 public:
  ~Pool() { resize(1); }

  int size() const { return size_.load(std::memory_order_relaxed); }

  void resize(int threads) {
    std::unique_lock no_loop_runs(resize_mutex_);
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    for (std::thread& helper : helpers_) helper.join();
    helpers_.clear();
    stop_ = false;
    size_ = 1;
    try {
      for (int i = 1; i < threads; ++i) {
        helpers_.emplace_back([this, seen = generation_.load()] { help(seen); });
        ++size_;
      }
    } catch (const std::exception& error) {
      throw Error("threads: cannot start " + std::to_string(threads) + ": " + error.what());
    }
  }

  void run(Loop& loop) {
    std::shared_lock not_resized(resize_mutex_);
    {
      std::lock_guard lock(mutex_);
      loops_.push_back(&loop);
      generation_.fetch_add(1);
    }
    if (sleeping_.load() > 0) wake_.notify_all();
    loop.work();
    {
      std::lock_guard lock(mutex_);
      std::erase(loops_, &loop);
    }
    for (unsigned spins = 1; loop.inside.load(std::memory_order_acquire) > 0; ++spins) pause_or_yield(spins);
  }

 private:
  // A helper looks for the next loop for some microseconds, because kernels follow each other closely, then sleeps.
  static constexpr auto kPatience = std::chrono::microseconds(30);

  void help(std::uint64_t seen) {
    in_parallel_region = true;
    for (;;) {
      wait_for_change(seen);
      while (Loop* loop = enter_loop(seen)) {
        loop->work();
        loop->inside.fetch_sub(1, std::memory_order_release);
      }
      if (stop_) return;
    }
  }

  // The oldest loop that has pieces left, with this helper inside; null if there is none.
  Loop* enter_loop(std::uint64_t& seen) {
    std::lock_guard lock(mutex_);
    seen = generation_.load();
    const auto found = std::find_if(loops_.begin(), loops_.end(), [](const Loop* loop) {
      return loop->next.load(std::memory_order_relaxed) < loop->pieces;
    });
    if (found == loops_.end()) return nullptr;
    (*found)->inside.fetch_add(1);
    return *found;
  }

  void wait_for_change(std::uint64_t seen) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      if (generation_.load(std::memory_order_acquire) != seen) return;
      for (int i = 0; i < 16; ++i) pause_cpu();
    }
    std::unique_lock lock(mutex_);
    sleeping_.fetch_add(1);
    wake_.wait(lock, [&] { return generation_.load() != seen; });
    sleeping_.fetch_sub(1);
  }

  static void pause_or_yield(unsigned spins) {
    for (int i = 0; i < 16; ++i) pause_cpu();
    if (spins % 64 == 0) std::this_thread::yield();
  }

  std::vector<std::thread> helpers_{};
  std::atomic<int> size_{1};
  std::mutex mutex_{};
  std::shared_mutex resize_mutex_{};  // shared by the loops that run
  std::condition_variable wake_{};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> sleeping_{0};
  std::vector<Loop*> loops_{};  // those at work, the oldest first
  std::atomic<bool> stop_{false};
};

Pool& pool() {
  static Pool instance;
  static const bool sized = (instance.resize(available_cores()), true);
  (void)sized;
  return instance;
}

}  // namespace

int num_threads() { return pool().size(); }

void set_num_threads(int threads) {
  if (threads < 0 || threads > 1024)
    throw Error("threads: expected 1 to 1024, or 0 for one per core, got " + std::to_string(threads));
  if (in_parallel_region) throw Error("threads: expected set_num_threads outside parallel loops, got a call in one");
  if (threads == 0) threads = available_cores();
  if (threads != pool().size()) pool().resize(threads);
}

void detail::run_parallel(std::int64_t count, std::int64_t grain, RangeFunction function, void* context) {
  if (count <= 0) return;
  grain = std::max<std::int64_t>(1, grain);
  Loop loop{count, grain, (count + grain - 1) / grain, function, context};
  if (loop.pieces == 1 || in_parallel_region || pool().size() == 1) {
    loop.work();
  } else {
    in_parallel_region = true;
    pool().run(loop);
    in_parallel_region = false;
  }
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace mpad
