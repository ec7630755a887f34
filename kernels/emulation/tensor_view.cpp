// SPDX-License-Identifier: MIT
#include "tensor_view.h"

#include <cuda.h>

#include <cstring>

namespace mpad::emulation {

const TensorView& TensorView::of(const CUtensorMap_st* map) {
  static_assert(sizeof(TensorView) <= sizeof(CUtensorMap));
  return *reinterpret_cast<const TensorView*>(map);
}

std::size_t TensorView::rows() const {
  return static_cast<std::size_t>(pixels > 0 ? pixels : box[1] * box[2] * box[3]);
}

void TensorView::copy(char* shared, const Place& at, const std::array<int, 2>& offset) const {
  pixels > 0 ? copy_pixels(shared, at, offset) : copy_box(shared, at);
}

void TensorView::copy_row(char* shared, std::size_t row, const Place& at) const {
  bool inside = true;
  const char* from = data;
  for (int d = 1; d < rank; ++d) {
    inside = inside && at[d] >= 0 && at[d] < size[d];
    from += static_cast<std::int64_t>(at[d]) * static_cast<std::int64_t>(strides[d - 1]);
  }
  for (int i = 0; i < box[0]; ++i) {
    const int c = at[0] + i;
    auto to = reinterpret_cast<std::uintptr_t>(shared) + row * bytes_of_row() + static_cast<std::size_t>(i) * 2;
    to ^= (to >> 7 & ((std::uintptr_t{1} << permuted) - 1)) << 4;
    const bool there = inside && c >= 0 && c < size[0];
    if (there)
      std::memcpy(reinterpret_cast<void*>(to), from + static_cast<std::int64_t>(c) * 2, 2);
    else
      std::memset(reinterpret_cast<void*>(to), 0, 2);
  }
}

void TensorView::copy_box(char* shared, const Place& at) const {
  std::size_t row = 0;
  for (int n = 0; n < box[3]; ++n)
    for (int h = 0; h < box[2]; ++h)
      for (int w = 0; w < box[1]; ++w) copy_row(shared, row++, {at[0], at[1] + w, at[2] + h, at[3] + n});
}

void TensorView::copy_pixels(char* shared, const Place& at, const std::array<int, 2>& offset) const {
  Place pixel = at;
  for (std::size_t row = 0; row < rows(); ++row) {
    copy_row(shared, row, {pixel[0], pixel[1] + offset[0], pixel[2] + offset[1], pixel[3]});
    pixel[1] += steps[1];
    if (pixel[1] < size[1] + behind[0]) continue;
    pixel[1] = first[0];
    pixel[2] += steps[2];
    if (pixel[2] < size[2] + behind[1]) continue;
    pixel[2] = first[1];
    ++pixel[3];
  }
}

}  // namespace mpad::emulation
