// SPDX-License-Identifier: MIT
// What the CUDA language adds to C++, for the host compiler: qualifiers, built-in variables, synchronisation and warp
// functions. Included by cuda/device.cuh; kernels do not include it themselves.
#pragma once
#include "block.h"

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <bit>
#include <type_traits>

#undef __shared__
#undef __launch_bounds__
#define __shared__ static_assert(false, "shared memory is declared with MPAD_SHARED");
#define __launch_bounds__(...)

inline thread_local constinit uint3 threadIdx{}, blockIdx{};
inline thread_local constinit dim3 blockDim{}, gridDim{};
inline constexpr int warpSize = 32;

namespace mpad::emulation {

/// A value with the lane to take another's from.
template <class T>
struct Sourced {
  T value;
  unsigned source;
};

/// The value of lane `source`, which has to be in `mask`.
template <class T>
T take_from_lane(unsigned mask, T value, unsigned source, const char* name, Location where) {
  const auto combine = [&](Sourced<T>(&lanes)[warp_size], LaneMask members) -> std::string {
    Sourced<T> given[warp_size];
    std::memcpy(&given, &lanes, sizeof given);
    for (unsigned i = 0; i < warp_size; ++i) {
      if (!(members >> i & 1)) continue;
      const unsigned from = given[i].source;
      if (!(members >> from & 1))
        return std::string(name) + " in " + to_string(where) + ": lane " + std::to_string(i) + " takes from lane " +
               std::to_string(from) + ", which is not in the mask";
      lanes[i].value = given[from].value;
    }
    return {};
  };
  return Block::current().warp().exchange(mask, Sourced<T>{value, source}, name, where, combine).value;
}

/// The lanes whose predicate holds.
inline unsigned ballot(unsigned mask, bool predicate, const char* name, Location where) {
  const auto combine = [](unsigned(&lanes)[warp_size], LaneMask members) -> std::string {
    unsigned votes = 0;
    for (unsigned i = 0; i < warp_size; ++i) votes |= (members >> i & 1 & lanes[i]) << i;
    for (unsigned& lane : lanes) lane = votes;
    return {};
  };
  return Block::current().warp().exchange(mask, unsigned{predicate}, name, where, combine);
}

inline unsigned lane() { return Block::current().lane(); }

/// The array of a declaration: each expansion of MPAD_SHARED has its own key, in each instantiation of its function.
template <class Array>
Array& shared_array(const void* key, Location where = Location::current()) {
  return *static_cast<Array*>(Block::current().shared_array(key, sizeof(Array), where));
}

}  // namespace mpad::emulation

#define MPAD_EMULATION_WHERE mpad::emulation::Location where = mpad::emulation::Location::current()

inline void __syncthreads(MPAD_EMULATION_WHERE) {
  mpad::emulation::Block::current().barrier().arrive(false, "__syncthreads", where);
}
inline int __syncthreads_or(int predicate, MPAD_EMULATION_WHERE) {
  return mpad::emulation::Block::current().barrier().arrive(predicate != 0, "__syncthreads_or", where).yes > 0;
}
inline int __syncthreads_and(int predicate, MPAD_EMULATION_WHERE) {
  const mpad::emulation::Votes votes =
      mpad::emulation::Block::current().barrier().arrive(predicate != 0, "__syncthreads_and", where);
  return votes.yes == votes.all;
}
inline int __syncthreads_count(int predicate, MPAD_EMULATION_WHERE) {
  return mpad::emulation::Block::current().barrier().arrive(predicate != 0, "__syncthreads_count", where).yes;
}
inline void __syncwarp(unsigned mask = mpad::emulation::full_warp, MPAD_EMULATION_WHERE) {
  mpad::emulation::ballot(mask, false, "__syncwarp", where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, MPAD_EMULATION_WHERE) {
  return mpad::emulation::ballot(mask, predicate != 0, "__ballot_sync", where);
}
inline int __any_sync(unsigned mask, int predicate, MPAD_EMULATION_WHERE) {
  return mpad::emulation::ballot(mask, predicate != 0, "__any_sync", where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, MPAD_EMULATION_WHERE) {
  return mpad::emulation::ballot(mask, predicate != 0, "__all_sync", where) == mask;
}

// A lane whose source would lie outside its segment of `width` lanes takes its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, MPAD_EMULATION_WHERE) {
  const unsigned segment = mpad::emulation::lane() & ~static_cast<unsigned>(width - 1);
  const unsigned from = segment | (static_cast<unsigned>(source) & static_cast<unsigned>(width - 1));
  return mpad::emulation::take_from_lane(mask, value, from, "__shfl_sync", where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, MPAD_EMULATION_WHERE) {
  const unsigned lane = mpad::emulation::lane();
  const unsigned from = (lane & static_cast<unsigned>(width - 1)) >= delta ? lane - delta : lane;
  return mpad::emulation::take_from_lane(mask, value, from, "__shfl_up_sync", where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, MPAD_EMULATION_WHERE) {
  const unsigned lane = mpad::emulation::lane();
  const unsigned from =
      (lane & static_cast<unsigned>(width - 1)) + delta < static_cast<unsigned>(width) ? lane + delta : lane;
  return mpad::emulation::take_from_lane(mask, value, from, "__shfl_down_sync", where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, MPAD_EMULATION_WHERE) {
  const unsigned lane = mpad::emulation::lane();
  const unsigned from = lane ^ static_cast<unsigned>(lane_mask);
  const bool beyond = from / static_cast<unsigned>(width) > lane / static_cast<unsigned>(width);
  return mpad::emulation::take_from_lane(mask, value, beyond ? lane : from, "__shfl_xor_sync", where);
}
unsigned __activemask() = delete;

#define MPAD_SHARED(type, name, extent)              \
  static char name##_key;                            \
  using name##_array [[maybe_unused]] = type extent; \
  name##_array& name = ::mpad::emulation::shared_array<name##_array>(&name##_key)
#define MPAD_SHARED_PERMUTED(type, name, extent) MPAD_SHARED(type, name, extent)
#define MPAD_DYNAMIC_SHARED(type, name) \
  type* const name = static_cast<type*>(::mpad::emulation::Block::current().shared().dynamic())
#define MPAD_DYNAMIC_SHARED_PERMUTED(type, name) MPAD_DYNAMIC_SHARED(type, name)

#include "intrinsics.h"
