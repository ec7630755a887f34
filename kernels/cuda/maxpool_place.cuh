// SPDX-License-Identifier: MIT
// What the pools' kernels share: which thread does what, which windows have kernels of their own, and which taps of a
// window lie in the image.
#pragma once
#include "divisor.cuh"
#include "launch.cuh"
#include "vector.cuh"

#include <mpad/core/device.h>
#include <mpad/core/geometry.h>

#include <cstdint>
#include <initializer_list>

namespace mpad::kernels {

inline constexpr int pool_threads = 256;

/// Image, row, column and first channel of a piece of work.
struct PoolPlace {
  std::int64_t n, h, w, c;
};

/// Pieces of work, a thread each: packs of `size` channels at rows x columns of n images.
class PoolGrid {
 public:
  PoolGrid(std::int64_t n, std::int64_t rows, std::int64_t columns, std::int64_t channels, int size)
      : size_(size), count_(n * rows * columns * (channels / size)) {
    if (count_ == 0) return;
    rows_ = Divisor(rows);
    columns_ = Divisor(columns);
    packs_ = Divisor(channels / size);
  }
  dim3 blocks() const { return dim3(static_cast<unsigned>(ceil_div<std::int64_t>(count_, pool_threads))); }

  /// This thread's piece by number; pieces are in row-major order.
  __device__ std::int64_t index() const { return static_cast<std::int64_t>(blockIdx.x) * pool_threads + threadIdx.x; }
  __device__ bool holds(std::int64_t index) const { return index < count_; }
  __device__ PoolPlace place(std::int64_t index) const {
    const std::int64_t pixel = packs_.quotient(index), row = columns_.quotient(pixel);
    return {rows_.quotient(row), rows_.remainder(row), columns_.remainder(pixel), packs_.remainder(index) * size_};
  }

 private:
  int size_;
  std::int64_t count_;
  Divisor rows_{}, columns_{}, packs_{};
};

/// The K of the KxK windows that have kernels of their own (2: stride 2 without padding; 3: stride 2), or 0.
inline int special_kernel(const Window& window) {
  if (window == Window{2, 2}) return 2;
  return window.kernel == Pair(3) && window.stride == Pair(2) && window.dilation == Pair(1) ? 3 : 0;
}

/// The same for masks of type M; the windows that have such kernels have no other masks.
template <class M>
inline constexpr int special_kernel_of = sizeof(M) == 1   ? 2
                                         : sizeof(M) == 2 ? 3
                                                          : 0;

/// Whether rows of `channels` elements of each view divide into packs that lie at multiples of their size.
template <int size>
bool in_packs(std::int64_t channels, std::initializer_list<View> views) {
  if (channels % size != 0) return false;
  for (const View& view : views)
    if (reinterpret_cast<std::uintptr_t>(view.data) % (size * size_of(view.dtype)) != 0) return false;
  return true;
}

/// The taps along one axis that lie in the image, of a window that begins at `first`: bit r * step for tap r.
__device__ inline std::uint64_t bits_inside(std::int64_t first, std::int64_t kernel, std::int64_t dilation,
                                            std::int64_t extent, std::int64_t step) {
  std::uint64_t bits = 0;
  for (std::int64_t r = 0; r < kernel; ++r) {
    const std::int64_t at = first + r * dilation;
    if (at >= 0 && at < extent) bits |= std::uint64_t{1} << r * step;
  }
  return bits;
}

/// The taps of a window that lie in the image: every combination of a row and a column that do.
__device__ inline std::uint64_t taps_inside(const Sliding& s, std::int64_t oh, std::int64_t ow) {
  const auto& [kernel, stride, pad, dilation] = s.window;
  return bits_inside(s.row(oh, 0), kernel.h, dilation.h, s.h, kernel.w) *
         bits_inside(s.column(ow, 0), kernel.w, dilation.w, s.w, 1);
}

}  // namespace mpad::kernels
