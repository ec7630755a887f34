// SPDX-License-Identifier: MIT
// Copies by the tensor memory accelerator, "cp.async.bulk.tensor" of the PTX ISA, and the barriers that they report to.
#pragma once
#include "location.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

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

  /// Copies the box at this place, zeros where it lies outside.
  void copy_box(char* shared, const Place& at) const;
  /// Copies pixels from this one on, each `offset` further along w and h; zeros where that is outside.
  void copy_pixels(char* shared, const Place& at, const std::array<int, 2>& offset) const;

 private:
  void copy_row(char* shared, std::size_t row, const Place& at) const;
};

/// Barriers that copies report to, each of one arrival. Copies come as late as the hardware may be: their destination
/// holds 0xFF from their issue to the wait for the barrier.
class CopyBarriers {
 public:
  void reset() { barriers_.clear(); }
  void init(const void* barrier) { barriers_[barrier] = {}; }
  /// The arrival, which says how many bytes are to come.
  void expect(const void* barrier, std::size_t bytes, Location where);
  struct Copy {
    TensorView view;
    char* shared;
    TensorView::Place at;
    std::array<int, 2> offset;
  };
  void issue(const void* barrier, const Copy& copy, Location where);
  /// Waits until the bytes of this phase, 0 or 1 in turns, are there.
  void wait(const void* barrier, unsigned phase, Location where);
  /// Whether bytes are expected or on their way that no thread has waited for.
  bool any_left() const;

 private:
  struct State {
    unsigned phase = 0;
    bool expects = false;
    std::size_t expected = 0, issued = 0;
    std::vector<Copy> copies;
    std::vector<unsigned> waiting;
  };
  State& at(const void* barrier, const char* operation, Location where);
  void finish_if_waited_for(State& state);
  static bool finish(State& state);

  std::map<const void*, State> barriers_;
};

/// The current thread starts a copy; fails on what is misaligned or not in shared memory.
void copy_tensor(void* shared, const CUtensorMap_st* map, const TensorView::Place& at, const std::array<int, 2>& offset,
                 bool of_pixels, const void* barrier, Location where);

/// Copies of tensors that kernels have started so far.
std::uint64_t tensor_copies();

}  // namespace mpad::emulation
