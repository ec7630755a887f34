// SPDX-License-Identifier: MIT
// Copies by the tensor memory accelerator, "cp.async.bulk.tensor" of the PTX ISA, and the barriers that they report to.
#pragma once
#include "location.h"
#include "tensor_view.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace mpad::emulation {

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
