// SPDX-License-Identifier: MIT
// Memory that kernels work in.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mpad {

/// What a scratch buffer is for; buffers of different purposes live side by side.
enum class Scratch : unsigned char { taps, weights, partial_sums, source, gradient, product, workspace, convolution };

namespace detail {
inline constexpr int scratch_purposes = 8;
void* scratch(Scratch purpose, std::size_t bytes);
}  // namespace detail

/// Uninitialised memory for `count` elements, aligned to 64 bytes. It belongs to the calling thread, which gets the
/// same block again for the same purpose (a larger one where it must grow, so that a loop of equal calls allocates
/// nothing), and is freed when the thread ends. Throws OutOfMemory if the system has no more.
template <class T>
T* scratch(Scratch purpose, std::int64_t count) {
  return static_cast<T*>(detail::scratch(purpose, static_cast<std::size_t>(count) * sizeof(T)));
}

}  // namespace mpad
