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
/// Each of `clusters` clusters of `size` blocks passes 64 floats round: block r writes x + r, for its cluster's 64 of
/// x, into dynamic shared memory, adds up what all of them wrote, in order of their ranks, and stores that in its 64 of
/// y.
void sum_over_cluster(const float* x, float* y, unsigned clusters, unsigned size);
/// y[0] = `bytes`, counted in that much dynamic shared memory, after opting in to it or not.
void use_dynamic_shared(int* y, std::size_t bytes, bool opt_in);

}  // namespace mpad::test
