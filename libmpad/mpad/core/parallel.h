// SPDX-License-Identifier: MIT
// The CPU thread pool.
#pragma once
#include <cstdint>
#include <type_traits>

namespace mpad {

/// Threads that CPU kernels use, the calling one included. Results do not depend on it, bit for bit.
int num_threads();

/// Sets the number of threads (1 to 1024); 0 means one per core available to the process. Waits for the loops that
/// other threads run. Throws Error on other numbers, within a parallel loop, and where the system does not have so
/// many; what it has is then used.
void set_num_threads(int threads);

namespace detail {
using RangeFunction = void (*)(void* context, std::int64_t begin, std::int64_t end);
void run_parallel(std::int64_t count, std::int64_t grain, RangeFunction function, void* context);
}  // namespace detail

/// Calls f(begin, end) on pieces of [0, count) of at most `grain` items, on the pool's threads, in no fixed order.
/// The pieces depend on count and grain only, so a kernel that computes each piece alone gives the same bits for any
/// number of threads. Nested calls run on the calling thread; loops of several threads share the pool, whose threads
/// take pieces of the oldest that has some left. All pieces run; of those that throw, the exception of the first piece
/// is rethrown here.
template <class F>
void parallel_for(std::int64_t count, std::int64_t grain, F&& f) {
  auto call = [](void* context, std::int64_t begin, std::int64_t end) {
    (*static_cast<std::remove_reference_t<F>*>(context))(begin, end);
  };
  detail::run_parallel(count, grain, call, const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace mpad
