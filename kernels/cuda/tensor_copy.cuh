// SPDX-License-Identifier: MIT
// Copies by the tensor memory accelerator of sm_90, each started by one thread, with the host implementation beside it.
#pragma once
#include "ptx.cuh"

#include <cuda.h>
#ifdef MPAD_EMULATED
#include "../emulation/tensor_copy.h"
#define MPAD_GRID_CONSTANT
#else
#define MPAD_GRID_CONSTANT __grid_constant__
#endif

namespace mpad::kernels {

/// A place in a tensor n,h,w,c; may be outside.
struct TensorPlace {
  int c, w, h, n;
};

/// What a thread that waits for copies into shared memory waits at. They may be waited for as often as there were
/// expect()s, by turns in phase 0 and 1.
class CopyBarrier {
 public:
  /// To be called by one thread, and then commit_barriers() before a __syncthreads().
  __device__ void init() {
#if defined(MPAD_EMULATED)
    emulation::Block::current().copy_barriers().init(this);
#elif !defined(MPAD_BEFORE_SM90)
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(shared_address(this)) : "memory");
#endif
  }
  /// So many bytes come by copies, all of this thread's, before the phase ends.
  __device__ void expect(unsigned bytes MPAD_WHERE) {
#if defined(MPAD_EMULATED)
    emulation::Block::current().copy_barriers().expect(this, bytes, where);
#elif !defined(MPAD_BEFORE_SM90)
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(this)), "r"(bytes)
                 : "memory");
#endif
  }
  /// What was expected in this phase is there, for this thread and for products of its warpgroup.
  __device__ void wait(unsigned phase MPAD_WHERE) {
#if defined(MPAD_EMULATED)
    emulation::Block::current().copy_barriers().wait(this, phase, where);
#elif !defined(MPAD_BEFORE_SM90)
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "wait:\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
        "@!p bra wait;\n"
        "}\n" ::"r"(shared_address(this)),
        "r"(phase)
        : "memory");
#endif
  }

 private:
  [[maybe_unused]] std::uint64_t state_;
};

/// The barriers that this thread has initialised are so for copies, too.
__device__ inline void commit_barriers() {
#if !defined(MPAD_EMULATED) && !defined(MPAD_BEFORE_SM90)
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

/// Starts copying a box from this place on (cuda::map_boxes). `map` is a kernel's parameter, declared
/// MPAD_GRID_CONSTANT; `shared` is aligned to 128 bytes.
__device__ inline void copy_box(void* shared, const CUtensorMap& map, const TensorPlace& at,
                                CopyBarrier& barrier MPAD_WHERE) {
#if defined(MPAD_EMULATED)
  emulation::copy_tensor(shared, &map, {at.c, at.w, at.h, at.n}, {}, false, &barrier, where);
#elif !defined(MPAD_BEFORE_SM90)
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5}], "
      "[%6];" ::"r"(shared_address(shared)),
      "l"(&map), "r"(at.c), "r"(at.w), "r"(at.h), "r"(at.n), "r"(shared_address(&barrier))
      : "memory");
#endif
}

/// Starts copying pixels from this one on (cuda::map_pixels), of each the one that lies `right` and `down` (0 to 255)
/// from it.
__device__ inline void copy_pixels(void* shared, const CUtensorMap& map, const TensorPlace& at, int right, int down,
                                   CopyBarrier& barrier MPAD_WHERE) {
#if defined(MPAD_EMULATED)
  emulation::copy_tensor(shared, &map, {at.c, at.w, at.h, at.n}, {right, down}, true, &barrier, where);
#elif !defined(MPAD_BEFORE_SM90)
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], "
      "[%1, {%2, %3, %4, %5}], [%6], {%7, %8};" ::"r"(shared_address(shared)),
      "l"(&map), "r"(at.c), "r"(at.w), "r"(at.h), "r"(at.n), "r"(shared_address(&barrier)),
      "h"(static_cast<unsigned short>(right)), "h"(static_cast<unsigned short>(down))
      : "memory");
#endif
}

}  // namespace mpad::kernels
