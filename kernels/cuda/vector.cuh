// SPDX-License-Identifier: MIT
// Elements of any real type in packs of up to 16 bytes, and their conversion to the type that sums are formed in.
#pragma once
#include "device.cuh"

#include <mpad/core/types.h>

#include <cstdint>

namespace mpad::kernels {

/// Elements that are loaded and stored together, by 16 bytes at most: some devices have wider accesses, which nothing
/// here is aligned to.
template <class T, int size>
struct alignas(sizeof(T) * size < 16 ? sizeof(T) * size : 16) Pack {
  T element[size];
};

/// Elements of T in 16 bytes.
template <class T>
inline constexpr int full_pack = 16 / static_cast<int>(sizeof(T));

/// Whether packs of so many elements can be accessed at p, p + size, ...
template <int size, class T>
bool is_aligned(const T* p) {
  return reinterpret_cast<std::uintptr_t>(p) % alignof(Pack<T, size>) == 0;
}

/// The address is aligned to alignof(Pack).
template <int size, class T>
__device__ inline Pack<T, size> load(const T* from) {
  return *reinterpret_cast<const Pack<T, size>*>(from);
}
template <int size, class T>
__device__ inline void store(T* to, const Pack<T, size>& pack) {
  *reinterpret_cast<Pack<T, size>*>(to) = pack;
}

/// x in the type its sums are formed in; exact.
__host__ __device__ inline float widen(half x) { return __half2float(x); }
__host__ __device__ inline float widen(float x) { return x; }
__host__ __device__ inline double widen(double x) { return x; }

/// x rounded once to T, to nearest even.
template <class T>
__host__ __device__ inline T narrow(acc_t<T> x) {
  return x;
}
template <>
__host__ __device__ inline half narrow<half>(float x) {
  return __float2half_rn(x);
}

/// x rounded to T, as a value of T's accumulation type: what an operation in T gives.
template <class T>
__host__ __device__ inline acc_t<T> rounded(acc_t<T> x) {
  return widen(narrow<T>(x));
}

/// The largest pack, 16 bytes at most, that rows of `extent` elements divide into, as a compile-time constant for f: 16
/// bytes, or one element where the extent does not divide.
template <class T, class F>
void with_pack_size(std::int64_t extent, F&& f) {
  if (extent % full_pack<T> == 0)
    f.template operator()<full_pack<T>>();
  else
    f.template operator()<1>();
}

}  // namespace mpad::kernels
