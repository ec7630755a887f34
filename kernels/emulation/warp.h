// SPDX-License-Identifier: MIT
// Operations of the lanes of a warp: each lane contributes a value, the last to arrive computes the results of all, and
// each leaves with its own.
#pragma once
#include "limits.h"
#include "scheduler.h"

#include <array>
#include <cstring>
#include <type_traits>

namespace mpad::emulation {

/// Lane i of a warp is bit i.
using LaneMask = unsigned;
inline constexpr LaneMask full_warp = 0xffffffff;

class Warp {
 public:
  static constexpr std::size_t max_value_bytes = 64;

  Warp(Scheduler& scheduler, unsigned first_thread) : scheduler_(scheduler), first_thread_(first_thread) {}
  void reset() { pending_.clear(); }

  /// Waits until all lanes of `mask` are here with the same operation, line and mask; `combine(lanes, mask)` then turns
  /// the array of contributions into that of results, and may return a diagnosis.
  template <class T, class Combine>
  T exchange(LaneMask mask, const T& contribution, const char* operation, Location where, Combine combine) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= max_value_bytes);
    const unsigned lane = scheduler_.current() - first_thread_;
    std::memcpy(values_[lane].data(), &contribution, sizeof(T));
    if (arrive(mask, operation, where)) {
      T lanes[warp_size];
      for (unsigned i = 0; i < warp_size; ++i) std::memcpy(&lanes[i], values_[i].data(), sizeof(T));
      std::string diagnosis = combine(lanes, mask);
      if (!diagnosis.empty()) scheduler_.fail(std::move(diagnosis));
      for (unsigned i = 0; i < warp_size; ++i)
        if (mask >> i & 1) std::memcpy(values_[i].data(), &lanes[i], sizeof(T));
      release(mask);
    }
    scheduler_.wait(ThreadState::at_warp_operation, operation, where);
    T result;
    std::memcpy(&result, values_[lane].data(), sizeof(T));
    return result;
  }

 private:
  struct Operation {
    LaneMask mask, arrived;
    const char* name;
    Location where;
  };

  bool arrive(LaneMask mask, const char* operation, Location where);
  static std::string describe(const Operation& operation);
  Operation& pending(LaneMask mask, const char* operation, Location where);
  void release(LaneMask mask);

  Scheduler& scheduler_;
  unsigned first_thread_;
  std::vector<Operation> pending_;
  // A lane's contribution, then its result: it is in one operation at a time.
  alignas(16) std::array<std::array<unsigned char, max_value_bytes>, warp_size> values_{};
};

}  // namespace mpad::emulation
