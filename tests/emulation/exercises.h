// SPDX-License-Identifier: MIT
// Kernels that are right, one for each thing that CUDA offers.
#pragma once
#include <driver_types.h>

#include <cstddef>
#include <cstdint>

namespace mpad::test {

/// y[i] = i in a grid of 2x3x2 blocks of 4x3x5 threads, through all of the built-in variables; 720 elements.
void number_threads(int* y);
/// Sum of each block's 256 elements, by a tree in shared memory; and how many are positive, and whether any and all
/// are.
void sum_blocks(const float* x, float* sums, int* votes, int blocks);
/// Reverses 64 floats through dynamic shared memory.
void reverse(const float* x, float* y, cudaStream_t stream = nullptr);
/// Shuffles of all kinds within segments of `width`: y holds 4 results for each of 32 lanes (from lane 1, up, down, xor
/// 1).
void shuffle(int* y, int width);
/// Even and odd lanes each sum their lane numbers with a mask of their own; then the halves of the warp, diverged.
void sum_in_partial_masks(int* y);
/// y[0]: ballot of odd lanes; y[1]: any above 30; y[2]: all below 32; y[3]: all below 31.
void vote(int* y);
/// Each of `threads` threads returns, after thread % 4 barriers, the number it passed.
void leave_early(int* y, int threads);
/// Counts the positive elements by an integer atomic.
void count_positive(const float* x, unsigned* count, int n);
/// y = 2 x, in half, eight elements per thread in one 16-byte access.
void twice(const void* x, void* y, int n);
/// y[0] = `bytes`, counted in that much dynamic shared memory, after opting in to it or not.
void use_dynamic_shared(int* y, std::size_t bytes, bool opt_in);

/// c (16x8 floats) = a (16x16 halves, rows) * b (16x8 halves, rows), through ldmatrix and mma.
void multiply_half(const void* a, const void* b, float* c);
/// c 128x128 = a 128x32 * b 32x128, all row-major, by a warpgroup, which finds a and b in shared memory with their
/// depth contiguous or, if transposed, their extent. Needs sm_90a.
void multiply_by_group(bool a_transposed, bool b_transposed, const void* a, const void* b, float* c);
/// c (8x8) += a (8x4) * b (4x8), rows.
void multiply_double(const double* a, const double* b, double* c);
/// Copies the first `valid` bytes of 16 by cp.async of 16, 8 and 4 bytes, zeros behind them; y holds 3 * 16 bytes.
void copy_async(const void* x, void* y, int valid);
/// y = x + 1 with each of the 4 rows of 32 floats reversed, two rows in flight.
void pipeline(const float* x, float* y);
/// For each of `n` pairs of pairs of halves, three registers: the larger, where they are equal, where they are unequal.
void compare_halves(const void* a, const void* b, std::uint32_t* y, int n);
/// The larger of each of `n` pairs.
void compare_floats(const float* a, const float* b, float* y, int n);

}  // namespace mpad::test
