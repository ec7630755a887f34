// SPDX-License-Identifier: MIT
#include "isa.h"

#include <algorithm>
#include <cstring>

namespace mpad::kernels {
namespace {

/// Calls copy(part, whole, bytes) for each row of each part with data, and for its place in that row of `whole`; rows
/// are along the last axis.
template <class Copy>
void for_each_strip(const View& whole, std::span<const View> parts, const Copy& copy) {
  if (whole.numel() == 0) return;
  const auto row_bytes = [](const View& view) {
    return view.shape[view.shape.rank() - 1] * static_cast<std::int64_t>(size_of(view.dtype));
  };
  const std::int64_t pitch = row_bytes(whole), rows = whole.numel() / whole.shape[whole.shape.rank() - 1];
  const std::int64_t grain = std::max<std::int64_t>(1, (1 << 16) / pitch);
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      char* place = static_cast<char*>(whole.data) + row * pitch;
      for (const View& part : parts) {
        const std::int64_t width = row_bytes(part);
        if (part.data != nullptr && width > 0)
          copy(static_cast<char*>(part.data) + row * width, place, static_cast<std::size_t>(width));
        place += width;
      }
    }
  });
}

}  // namespace

template <>
void concat_forward(Cpu, std::span<const View> parts, View y) {
  for_each_strip(y, parts, [](const char* part, char* whole, std::size_t bytes) { std::memcpy(whole, part, bytes); });
}

template <>
void concat_backward(Cpu, View grad_y, std::span<const View> grad_parts) {
  for_each_strip(grad_y, grad_parts,
                 [](char* part, const char* whole, std::size_t bytes) { std::memcpy(part, whole, bytes); });
}

}  // namespace mpad::kernels
