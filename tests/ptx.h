// SPDX-License-Identifier: MIT
// Kernels around the wrappers of kernels/cuda/ptx.cuh, one for each use.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/types.h>

namespace mpad::test {

/// c (16x16, float) = a (16x16, half) * b (16x16, half), rows, through ldmatrix and mma.
void multiply_half(Cuda where, View a, View b, View c);
/// c = a 128x32 * b, 32x64 or 32x128, all row-major, by a warpgroup, which finds a and b in shared memory with their
/// depth contiguous or, if transposed, their extent. Needs has_sm90a().
void multiply_by_group(Cuda where, bool a_transposed, bool b_transposed, View a, View b, View c);
/// c (8x8) = sums (8x8) + a (8x4) * b (4x8), rows of doubles.
void multiply_double(Cuda where, View a, View b, View sums, View c);
/// Copies the first `valid` bytes of 16 by cp.async of 16, 8 and 4 bytes, zeros behind them; y holds 3 * 16 bytes.
void copy_async(Cuda where, View x, View y, int valid);
/// y = x + 1 with each of the 4 rows of 32 floats reversed, two rows in flight.
void pipeline(Cuda where, View x, View y);
/// Each row of y is the sum of x's rows, at most 8, reversed: a block of a cluster for each row. Needs has_sm90a().
void sum_over_cluster(Cuda where, View x, View y);
/// Of an even number of halves a and b, two at a time: the larger, and all bits (u16) where they are equal or unequal.
void compare_halves(Cuda where, View a, View b, View larger, View equal, View unequal);
/// The larger of each pair of floats.
void compare_floats(Cuda where, View a, View b, View larger);

}  // namespace mpad::test
