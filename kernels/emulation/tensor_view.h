// SPDX-License-Identifier: MIT
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

struct CUtensorMap_st;

namespace mpad::emulation {

/// What the driver's stand-in keeps in a CUtensorMap: elements of two bytes, n,h,w,c from the last dimension on.
struct TensorView {
  static constexpr int rank = 4;
  using Place = std::array<int, rank>;  // c, w, h, n

  const char* data;
  std::uint64_t strides[rank - 1];  // of all dimensions but the first, in bytes
  Place size;
  Place box;                // elements along each dimension; of pixels, the channels alone
  int steps[rank];          // from one pixel to the next
  int pixels;               // of a copy of pixels; 0 if it is one of boxes
  int first[2], behind[2];  // the pixels' box along w and h: from here on, to so far from the end
  int permuted;             // bits of an address, from 4 on, that those from 7 on change

  static const TensorView& of(const CUtensorMap_st* map);
  std::size_t bytes_of_row() const { return static_cast<std::size_t>(box[0]) * 2; }
  std::size_t rows() const;
  std::size_t bytes() const { return rows() * bytes_of_row(); }

  /// Copies the box at this place or, if that is what the view is for, pixels from this one on, each `offset` further
  /// along w and h; zeros where that is outside.
  void copy(char* shared, const Place& at, const std::array<int, 2>& offset) const;

 private:
  void copy_box(char* shared, const Place& at) const;
  void copy_pixels(char* shared, const Place& at, const std::array<int, 2>& offset) const;
  void copy_row(char* shared, std::size_t row, const Place& at) const;
};

}  // namespace mpad::emulation
