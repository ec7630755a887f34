// SPDX-License-Identifier: MIT
// Kernels that are wrong on purpose, whose lines that a diagnosis should name end in a comment. They write to y, of
// 1024 floats.
#pragma once

namespace mpad::test {

void divergent_barrier(float* y);
/// One lane waits at a barrier for the others, which wait for it in a shuffle.
void deadlock(float* y);
void shuffle_after_return(float* y);
/// A block of 48 threads shuffles with the full mask.
void shuffle_in_partial_warp(float* y);
void shuffle_with_two_masks(float* y);
void ballot_without_oneself(float* y);
void shuffle_from_outside_mask(float* y);
void too_much_static_shared(float* y);
/// A static array beside 48 KiB of dynamic memory, more than which was not allowed.
void static_beside_dynamic_shared(float* y);
void misaligned_copy(float* y);
void misaligned_ldmatrix(float* y);
void ldmatrix_of_global_memory(float* y);
/// y[i] should be i - 1; a barrier is missing between the write of element i and the read of i - 1.
void race_without_barrier(float* y);
/// y[round] should be 1,000 or 2,000 times 256, the sum over a block: a barrier is missing between the read of one
/// round's partial sums and the write of the next one's, so a warp that runs ahead overwrites what others have to read.
void overtake_readers(float* y);
/// y[i] = element i of shared memory that nobody wrote.
void read_uninitialised_shared(float* y);
/// Reads a copy that nobody waited for, then the same after the wait: y[0] and y[1].
void read_before_copy(const float* x, float* y);
/// Out of bounds, by one element or at the index.
void overflow_static_shared(float* y);
void overflow_dynamic_shared(float* y);
void underflow_static_shared(float* y);
void write_global(float* y, int index);
void overflow_local(float* y, int index);
/// Each block of a cluster of two writes 1 into its shared memory and adds up both blocks': y[0] and y[1] should be 2.
/// Without waiting for the cluster behind the write, or behind the read.
void read_cluster_too_early(float* y);
void leave_cluster_too_early(float* y);
/// Blocks of a cluster of two: memory of a third; of a static array; and half of a block's threads wait for the
/// cluster, the others for the block.
void read_beyond_cluster(float* y);
void read_static_of_cluster(float* y);
void wait_for_cluster_and_block(float* y);
/// Copies of a tensor's elements: to a place that is misaligned; to one that is not in shared memory; by a barrier that
/// was not initialised; that nobody waits for; and a wait for a barrier that expects nothing.
void misaligned_tensor_copy(float* y);
void tensor_copy_to_global_memory(float* y);
void tensor_copy_without_barrier(float* y);
void leave_tensor_copy(float* y);
void wait_for_no_tensor_copy(float* y);
/// A kernel that need not wait for those before it, of which half of the threads do.
void follow_by_halves(float* y);
/// Any configuration, of a kernel that does nothing.
void launch_with(unsigned threads, unsigned z_blocks, unsigned long shared_bytes, unsigned cluster = 1);

}  // namespace mpad::test
