// SPDX-License-Identifier: MIT
// Copies between parts and their columns of the whole, in units as large as all widths and addresses are multiples of.
#include "divisor.cuh"
#include "launch.cuh"
#include "vector.cuh"

#include <kernels.h>

#include <algorithm>

namespace mpad::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kStrips = 32;  // in one launch: its parameters have 4 KiB at most

using Word = std::uint16_t;  // every real type is made of these

/// A part and its place, in units.
struct Strip {
  Word* data;
  std::int64_t size, width, column;
  Divisor by_width;
};

/// Each strip has blocks of its own, from first_block on, and one of them at least.
struct Strips {
  Strip strip[kStrips];
  std::int64_t first_block[kStrips];
  std::int64_t blocks = 0;
  int count = 0;

  void add(const Strip& added) {
    strip[count] = added;
    first_block[count++] = blocks;
    blocks += ceil_div<std::int64_t>(added.size, kThreads);
  }
};

template <int words, bool join>
__global__ void __launch_bounds__(kThreads) strips_kernel(Strips strips, Word* whole, std::int64_t pitch) {
  follow_kernels_before();
  int found = 0;
  for (int step = kStrips / 2; step > 0; step /= 2)
    if (found + step < strips.count && strips.first_block[found + step] <= blockIdx.x) found += step;
  const Strip& strip = strips.strip[found];
  const std::int64_t i = (blockIdx.x - strips.first_block[found]) * kThreads + threadIdx.x;
  if (i >= strip.size) return;
  const std::int64_t row = strip.by_width.quotient(i);
  Word* const part = strip.data + i * words;
  Word* const place = whole + (row * pitch + strip.column + i - row * strip.width) * words;
  if constexpr (join)
    store<words>(place, load<words>(part));
  else
    store<words>(part, load<words>(place));
}

std::int64_t row_words(const View& view) {
  return view.shape[view.shape.rank() - 1] * static_cast<std::int64_t>(size_of(view.dtype) / sizeof(Word));
}

template <int words, bool join>
void copy_strips(const char* op, Cuda where, const View& whole, std::span<const View> parts) {
  const std::int64_t pitch = row_words(whole) / words, rows = whole.numel() / whole.shape[whole.shape.rank() - 1];
  Strips strips;
  const auto run = [&] {
    launch(op, strips_kernel<words, join>, static_cast<unsigned>(strips.blocks), kThreads, 0,
           static_cast<cudaStream_t>(where.stream), strips, static_cast<Word*>(whole.data), pitch);
    strips = {};
  };
  std::int64_t column = 0;
  for (const View& part : parts) {
    const std::int64_t width = row_words(part) / words;
    if (part.data != nullptr && width > 0)
      strips.add({static_cast<Word*>(part.data), rows * width, width, column, Divisor(width)});
    if (strips.count == kStrips) run();
    column += width;
  }
  run();
}

template <bool join>
void copy_parts(const char* op, Cuda where, const View& whole, std::span<const View> parts) {
  if (whole.numel() == 0) return;
  auto multiple = reinterpret_cast<std::uintptr_t>(whole.data);
  for (const View& part : parts)
    multiple |=
        reinterpret_cast<std::uintptr_t>(part.data) | static_cast<std::uintptr_t>(row_words(part)) * sizeof(Word);
  const auto run = [&]<int words>() { copy_strips<words, join>(op, where, whole, parts); };
  switch (multiple % 16) {
    case 0: return run.template operator()<8>();
    case 8: return run.template operator()<4>();
    default: return multiple % 4 == 0 ? run.template operator()<2>() : run.template operator()<1>();
  }
}

}  // namespace

template <>
void concat_forward(Cuda where, std::span<const View> parts, View y) {
  copy_parts<true>("concat", where, y, parts);
}

template <>
void concat_backward(Cuda where, View grad_y, std::span<const View> grad_parts) {
  copy_parts<false>("concat_backward", where, grad_y, grad_parts);
}

}  // namespace mpad::kernels
