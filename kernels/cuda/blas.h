// SPDX-License-Identifier: MIT
// Products of matrices by cuBLAS.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/types.h>

namespace mpad::cuda {

/// A row-major matrix, or its transpose.
struct Factor {
  View matrix;
  bool transposed = false;
};

/// y = a * b, of any sizes, 0 included. The factors have one real dtype T; y is of type T or acc_t<T>. Sums are formed
/// in acc_t<T> (true float for float: no TF32, and no shorter sums in half) and rounded once. The same operands at the
/// same alignment give the same bits on every run; another device or version of cuBLAS may sum in another order.
/// Throws Error, naming `op`, if an extent exceeds 2^31 - 1 or cuBLAS fails: OutOfMemory where that is for want of
/// memory.
void multiply(const char* op, Cuda where, const Factor& a, const Factor& b, const View& y);

}  // namespace mpad::cuda
