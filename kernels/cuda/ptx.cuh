// SPDX-License-Identifier: MIT
// Each PTX instruction that the kernels use, once, with the host implementation beside it. Architectures before sm_80
// get the same result from what they have.
#pragma once
#include "device.cuh"

#include <cstdint>

#ifdef MPAD_EMULATED
#include "../emulation/cluster.h"
#include "../emulation/group_product.h"
#include "../emulation/matrix.h"
// Lets a wrapper say which line of the kernel called it; nothing for nvcc.
#define MPAD_WHERE_ALONE emulation::Location where = emulation::Location::current()
#define MPAD_WHERE , MPAD_WHERE_ALONE
#else
#define MPAD_WHERE_ALONE
#define MPAD_WHERE
#endif
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define MPAD_BEFORE_SM80
#endif
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define MPAD_BEFORE_SM90
#endif
#if !defined(MPAD_EMULATED) && defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define MPAD_WITHOUT_GROUPS
#endif

namespace mpad::kernels {

#ifndef MPAD_EMULATED
/// Address within shared memory, as PTX wants it.
__device__ inline unsigned shared_address(const void* p) { return static_cast<unsigned>(__cvta_generic_to_shared(p)); }
#endif

/// To be called first by every thread of a kernel: the kernels before it on the stream have ended, and what they wrote
/// is there; the next one's blocks may take places that become free. Does nothing where kernels run one after the other
/// (sm90.h: overlap).
__device__ inline void follow_kernels_before() {
#if defined(MPAD_EMULATED)
  emulation::Block::current().follow_kernels_before();
#elif !defined(MPAD_BEFORE_SM90)
  asm volatile("griddepcontrol.wait;" ::: "memory");
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Whether blocks of a cluster reach each other.
#ifdef MPAD_BEFORE_SM90
inline constexpr bool can_cluster = false;
#else
inline constexpr bool can_cluster = true;
#endif

/// Waits for all threads of the block's cluster that have not returned; what they wrote to shared memory is there.
__device__ inline void sync_cluster(MPAD_WHERE_ALONE) {
#if defined(MPAD_EMULATED)
  emulation::Block::current().scheduler().wait(emulation::ThreadState::at_cluster_barrier, "barrier.cluster", where);
#elif !defined(MPAD_BEFORE_SM90)
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/// What lies, in the cluster's block of this rank, where `dynamic_shared` lies in this block's dynamic shared memory.
/// That block must not have ended.
template <class T>
__device__ inline const T* in_block(const T* dynamic_shared, unsigned rank MPAD_WHERE) {
#if defined(MPAD_EMULATED)
  return static_cast<const T*>(emulation::Cluster::of_this_thread().in_block(dynamic_shared, rank, where));
#elif defined(MPAD_BEFORE_SM90)
  return dynamic_shared;
#else
  const T* there;
  asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(dynamic_shared), "r"(rank));
  return there;
#endif
}

/// Starts copying Bytes (4, 8 or 16) from global to shared memory, both aligned to Bytes: the first `valid` of them,
/// then zeros. With valid = 0 the source is not read, and may be any place. The data are there for
/// this thread after cp_async_wait, for others after a barrier behind it.
template <int Bytes>
__device__ inline void cp_async(void* shared, const void* global, int valid = Bytes MPAD_WHERE) {
  static_assert(Bytes == 4 || Bytes == 8 || Bytes == 16);
#if defined(MPAD_EMULATED)
  emulation::copy_async(shared, global, Bytes, static_cast<std::size_t>(valid), where);
#elif defined(MPAD_BEFORE_SM80)
  for (int i = 0; i < Bytes; ++i)
    static_cast<char*>(shared)[i] = i < valid ? static_cast<const char*>(global)[i] : char(0);
#else
  if constexpr (Bytes == 16)
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(valid)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global), "n"(Bytes),
                 "r"(valid)
                 : "memory");
#endif
}

/// The copies that this thread started since the last commit become one group.
__device__ inline void cp_async_commit() {
#if defined(MPAD_EMULATED)
  emulation::Block::current().async_copies().commit();
#elif !defined(MPAD_BEFORE_SM80)
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits for all groups of this thread but the newest Remaining.
template <int Remaining>
__device__ inline void cp_async_wait() {
#if defined(MPAD_EMULATED)
  emulation::Block::current().async_copies().wait(Remaining);
#elif !defined(MPAD_BEFORE_SM80)
  asm volatile("cp.async.wait_group %0;" ::"n"(Remaining) : "memory");
#endif
}

/// Loads four 8x8 matrices of 16-bit elements from shared memory. Lane 8 * m + r points to row r of matrix m (16 bytes,
/// aligned). fragment[m] of lane l: elements 2 * (l % 4) + {0, 1} of row l / 4 of matrix m.
__device__ inline void ldmatrix(std::uint32_t (&fragment)[4], const void* row MPAD_WHERE) {
#ifdef MPAD_EMULATED
  emulation::load_matrices(fragment, row, false, where);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
               : "r"(shared_address(row))
               : "memory");
#endif
}

/// Four matrices, each transposed: fragment[m] of lane l: elements l / 4 of rows 2 * (l % 4) + {0, 1}.
__device__ inline void ldmatrix_transposed(std::uint32_t (&fragment)[4], const void* row MPAD_WHERE) {
#ifdef MPAD_EMULATED
  emulation::load_matrices(fragment, row, true, where);
#else
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(fragment[0]), "=r"(fragment[1]), "=r"(fragment[2]), "=r"(fragment[3])
               : "r"(shared_address(row))
               : "memory");
#endif
}

/// c (16x8, float) += a (16x16, half, row-major) * b (16x8, half). Lane l, with g = l / 4 and t = 2 * (l % 4), holds
/// a[0..3]: rows g, g + 8, g, g + 8 at columns t, t, t + 8, t + 8 (and the next); b[0..1]: rows t, t + 8 (and the next)
/// of column g; c[0..3]: row g columns t, t + 1, then row g + 8.
__device__ inline void mma_16x8x16(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2] MPAD_WHERE) {
#if defined(MPAD_EMULATED)
  emulation::multiply_half(c, a, b, where);
#elif defined(MPAD_BEFORE_SM80)
  for (int k = 0; k < 2; ++k)
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
                 : "r"(a[2 * k]), "r"(a[2 * k + 1]), "r"(b[k]));
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// c (8x8) += a (8x4) * b (4x8), in double. Lane l holds a(l / 4, l % 4), b(l % 4, l / 4), c(l / 4, 2 * (l % 4) + {0,
/// 1}).
__device__ inline void mma_8x8x4(double (&c)[2], double a, double b MPAD_WHERE) {
#if defined(MPAD_EMULATED)
  emulation::multiply_double(c, a, b, where);
#elif defined(MPAD_BEFORE_SM80)
  const int lane = threadIdx.x % 32;
  for (int k = 0; k < 4; ++k) {
    const double left = __shfl_sync(0xffffffff, a, lane / 4 * 4 + k);
    for (int e = 0; e < 2; ++e) c[e] = fma(left, __shfl_sync(0xffffffff, b, (2 * (lane % 4) + e) * 4 + k), c[e]);
  }
#else
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
               : "+d"(c[0]), "+d"(c[1])
               : "d"(a), "d"(b));
#endif
}

/// A matrix of halves in shared memory, as wgmma wants it. Its elements lie in rows along the depth of a product (of 64
/// bytes) or, if `transposed`, along its extent (of 128), eight of them `stride` bytes from the next eight; if
/// transposed, 64 elements along the extent are `leading` bytes from the next 64. Chunks of 16 bytes are permuted: of
/// each address, the bits from 4 on by exclusive or with those from 7 on, two of them, or three if transposed.
template <bool transposed>
struct GroupMatrix {
  const void* start;
  unsigned leading, stride;

#ifdef MPAD_EMULATED
  emulation::GroupOperand operand() const { return {start, leading, stride, transposed}; }
#else
  /// "Matrix-Descriptor Format" of the PTX ISA: places and distances in units of 16 bytes, the permutation in the top.
  __device__ std::uint64_t descriptor() const {
    const std::uint64_t permutation = transposed ? 1 : 2;
    return (shared_address(start) & 0x3FFFF) >> 4 | std::uint64_t{leading >> 4} << 16 |
           std::uint64_t{stride >> 4} << 32 | permutation << 62;
  }
#endif
};

/// What this thread has copied to shared memory by now is there for products of a warpgroup, behind a barrier.
__device__ inline void fence_for_groups() {
#if !defined(MPAD_EMULATED) && !defined(MPAD_WITHOUT_GROUPS)
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

/// Before the first product of a group: sums in registers are what they are.
__device__ inline void begin_group() {
#if !defined(MPAD_EMULATED) && !defined(MPAD_WITHOUT_GROUPS)
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

/// Starts d (64 x 2 sums, float) += a (64 x 16) * b (16 x 2 sums), of halves, by the 128 threads of a warpgroup, all of
/// which call it; 32 or 64 sums. d of thread 32 w + l: element 4 j + 2 e + i is at row 16 w + l / 4 + 8 e, column
/// 8 j + 2 (l % 4) + i. Until wait_group, d must be left alone and the operands as they are. For sm_90a alone.
template <int sums, bool a_transposed, bool b_transposed>
__device__ inline void start_group_product(float (&d)[sums], const GroupMatrix<a_transposed>& a,
                                           const GroupMatrix<b_transposed>& b MPAD_WHERE) {
  static_assert(sums == 32 || sums == 64);
#if defined(MPAD_EMULATED)
  emulation::issue_group_product(d, a.operand(), b.operand(), where);
#elif defined(MPAD_WITHOUT_GROUPS)
  asm volatile("trap;");
#else
  if constexpr (sums == 64)
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "setp.ne.b32 p, 1, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, %64, %65, p, 1, 1, %66, "
        "%67;\n"
        "}\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
          "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
          "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
          "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31]), "+f"(d[32]),
          "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]),
          "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]),
          "+f"(d[49]), "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]),
          "+f"(d[57]), "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
        : "l"(a.descriptor()), "l"(b.descriptor()), "n"(static_cast<int>(a_transposed)),
          "n"(static_cast<int>(b_transposed)));
  else
    asm volatile(
        "{\n"
        ".reg .pred p;\n"
        "setp.ne.b32 p, 1, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, p, 1, 1, %34, "
        "%35;\n"
        "}\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]),
          "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]),
          "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]),
          "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]), "+f"(d[30]), "+f"(d[31])
        : "l"(a.descriptor()), "l"(b.descriptor()), "n"(static_cast<int>(a_transposed)),
          "n"(static_cast<int>(b_transposed)));
#endif
}

/// The products that this warpgroup started since the last call become a group.
__device__ inline void commit_group() {
#if defined(MPAD_EMULATED)
  emulation::Block::current().group_products().commit();
#elif !defined(MPAD_WITHOUT_GROUPS)
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

/// Waits for all groups of products but the last: the operands of those before may be overwritten by this warpgroup.
__device__ inline void wait_for_groups_before_last() {
#if defined(MPAD_EMULATED)
  emulation::Block::current().group_products().wait(1);
#elif !defined(MPAD_WITHOUT_GROUPS)
  asm volatile("wgmma.wait_group.sync.aligned 1;" ::: "memory");
#endif
}

/// Waits for all groups of products, which d is the sums of.
template <int sums>
__device__ inline void wait_group(float (&d)[sums]) {
#if defined(MPAD_EMULATED)
  emulation::Block::current().group_products().wait(0);
  static_cast<void>(d);
#elif !defined(MPAD_WITHOUT_GROUPS)
  asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
#pragma unroll
  for (float& sum : d) asm volatile("" : "+f"(sum)::"memory");  // compilers may not read it before
#endif
}

/// The larger of a and b, or a NaN if one is; +0 exceeds -0.
__device__ inline float max_or_nan(float a, float b) {
#if defined(MPAD_EMULATED) || defined(MPAD_BEFORE_SM80)
  const bool first_of_equals = a == b && __float_as_int(a) >= 0;
  return a > b || a != a || first_of_equals ? a : b;
#else
  float larger;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(larger) : "f"(a), "f"(b));
  return larger;
#endif
}

/// Half i of two in one register, the first in the low bits.
__device__ inline float half_of_two(std::uint32_t pair, int i) {
  return __half2float(__half(__half_raw{static_cast<unsigned short>(pair >> 16 * i)}));
}

/// All bits of each half of two where a equals b, no bit elsewhere; NaN equals nothing, and zeros equal each other.
__device__ inline std::uint32_t equal_half2(std::uint32_t a, std::uint32_t b) {
#ifdef MPAD_EMULATED
  std::uint32_t equal = 0;
  for (int i = 0; i < 2; ++i)
    if (half_of_two(a, i) == half_of_two(b, i)) equal |= 0xFFFFu << 16 * i;
  return equal;
#else
  std::uint32_t equal;
  asm("set.eq.u32.f16x2 %0, %1, %2;" : "=r"(equal) : "r"(a), "r"(b));
  return equal;
#endif
}

/// The same where a is less or greater than b: not where one is NaN.
__device__ inline std::uint32_t unequal_half2(std::uint32_t a, std::uint32_t b) {
#ifdef MPAD_EMULATED
  std::uint32_t unequal = 0;
  for (int i = 0; i < 2; ++i)
    if (half_of_two(a, i) < half_of_two(b, i) || half_of_two(a, i) > half_of_two(b, i)) unequal |= 0xFFFFu << 16 * i;
  return unequal;
#else
  std::uint32_t unequal;
  asm("set.ne.u32.f16x2 %0, %1, %2;" : "=r"(unequal) : "r"(a), "r"(b));
  return unequal;
#endif
}

/// max_or_nan of each half of two.
__device__ inline std::uint32_t max_or_nan_half2(std::uint32_t a, std::uint32_t b) {
#if defined(MPAD_EMULATED)
  std::uint32_t larger = 0;
  for (int i = 0; i < 2; ++i) {
    const __half_raw half = __float2half_rn(max_or_nan(half_of_two(a, i), half_of_two(b, i)));
    larger |= std::uint32_t{half.x} << 16 * i;
  }
  return larger;
#elif defined(MPAD_BEFORE_SM80)
  std::uint32_t greater;
  asm("set.gt.u32.f16x2 %0, %1, %2;" : "=r"(greater) : "r"(a), "r"(b));
  const std::uint32_t from_a = greater | ~equal_half2(a, a);
  return ((from_a & a) | (~from_a & b)) & (~equal_half2(a, b) | a);  // zeros of both signs have no bit in common
#else
  std::uint32_t larger;
  asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(larger) : "r"(a), "r"(b));
  return larger;
#endif
}

}  // namespace mpad::kernels
