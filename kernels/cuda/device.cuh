// SPDX-License-Identifier: MIT
// The one header of device code. nvcc brings the language; under MPAD_EMULATED the host compiler gets it from
// kernels/emulation (its README says what kernels may use).
//   MPAD_SHARED(float, tile, [64][65]);   a static shared array; a type with commas needs an alias
//   MPAD_SHARED_PERMUTED(half, tile, [8][64]);   the same, aligned to the 1024 bytes after which permutations repeat
//   MPAD_DYNAMIC_SHARED(float, buffer);   a pointer to the launch's dynamic shared memory
//   MPAD_DYNAMIC_SHARED_PERMUTED(half, tile);   the same, aligned to those 1024 bytes
#pragma once
#ifdef MPAD_EMULATED
#include "../emulation/language.h"
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define MPAD_SHARED(type, name, extent) __shared__ __align__(128) type name extent
#define MPAD_SHARED_PERMUTED(type, name, extent) __shared__ __align__(1024) type name extent
#define MPAD_DYNAMIC_SHARED(type, name)                                        \
  extern __shared__ __align__(128) unsigned char mpad_dynamic_shared_memory[]; \
  type* const name = reinterpret_cast<type*>(mpad_dynamic_shared_memory)
#define MPAD_DYNAMIC_SHARED_PERMUTED(type, name)                                         \
  extern __shared__ __align__(1024) unsigned char mpad_permuted_dynamic_shared_memory[]; \
  type* const name = reinterpret_cast<type*>(mpad_permuted_dynamic_shared_memory)
#endif
