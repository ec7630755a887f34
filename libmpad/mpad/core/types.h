// SPDX-License-Identifier: MIT
// Element types, shapes and views: what kernels and tensors agree on.
#pragma once
#include <mpad/core/error.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#if defined(__CUDACC__) || defined(MPAD_EMULATED)
#define MPAD_HD __host__ __device__
struct __half;
namespace mpad {
using half = __half;
}
#else
#define MPAD_HD
namespace Eigen {
struct half;
}
namespace mpad {
/// IEEE binary16, with the bits of CUDA's __half. Incomplete here: Eigen's header makes it a number. Tensor::from and
/// values() need none.
using half = Eigen::half;
}  // namespace mpad
#endif

namespace mpad {

/// Element type of a tensor, a run-time value. The first three hold real numbers; the others hold tie masks and labels.
enum class DType : std::uint8_t { f16, f32, f64, u8, u16, u32, u64, i32 };

constexpr std::size_t size_of(DType dtype) {
  constexpr std::size_t sizes[] = {2, 4, 8, 1, 2, 4, 8, 4};
  return sizes[static_cast<int>(dtype)];
}

constexpr bool is_real(DType dtype) { return dtype <= DType::f64; }

inline std::string to_string(DType dtype) {
  constexpr const char* names[] = {"half", "float", "double", "u8", "u16", "u32", "u64", "i32"};
  return names[static_cast<int>(dtype)];
}

/// Size of the real type in bits: 16, 32 or 64.
constexpr int bits_of(DType dtype) { return static_cast<int>(8 * size_of(dtype)); }

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<half> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<std::uint16_t> {
  static constexpr DType value = DType::u16;
};
template <>
struct DTypeOf<std::uint32_t> {
  static constexpr DType value = DType::u32;
};
template <>
struct DTypeOf<std::uint64_t> {
  static constexpr DType value = DType::u64;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

/// The type that sums of T are formed in: float for half, T otherwise. One rounding to T follows, at the store.
template <class T>
struct Acc {
  using type = T;
};
template <>
struct Acc<half> {
  using type = float;
};
template <class T>
using acc_t = typename Acc<T>::type;
/// The same for a real dtype.
constexpr DType acc_dtype(DType dtype) { return dtype == DType::f16 ? DType::f32 : dtype; }

namespace detail {
/// Throws Error("what: expected ..., got <dtype>"). Not inline: kernels compiled for one instruction set must not leave
/// string code of theirs where the linker may choose it for all.
[[noreturn]] void fail_dtype(const char* what, const char* expected, DType got);
[[noreturn]] void fail_view(DType expected, DType got);
[[noreturn]] void fail_axis(int axis, int rank);
}  // namespace detail

/// Calls f.operator()<T>() with the C++ type of a real dtype: the one place where a dtype becomes a type.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return f.template operator()<half>();
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    default: detail::fail_dtype("dtype", "half, float or double", dtype);
  }
}

/// The same for the unsigned types that hold tie masks.
template <class F>
decltype(auto) with_mask_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::u8: return f.template operator()<std::uint8_t>();
    case DType::u16: return f.template operator()<std::uint16_t>();
    case DType::u32: return f.template operator()<std::uint32_t>();
    case DType::u64: return f.template operator()<std::uint64_t>();
    default: detail::fail_dtype("tie mask", "u8, u16, u32 or u64", dtype);
  }
}

/// Up to four extents. Activations are n,h,w,c; convolution weights k,r,s,c; matrices rows,columns.
class Shape {
 public:
  static constexpr int max_rank = 4;
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents) {
    if (extents.size() > max_rank)
      throw Error("shape: expected at most 4 extents, got " + std::to_string(extents.size()));
    for (std::int64_t extent : extents) append(extent);
  }

  int rank() const { return rank_; }
  /// Throws Error unless axis is within 0 and rank() - 1.
  std::int64_t operator[](int axis) const {
    if (axis < 0 || axis >= rank_) [[unlikely]]
      detail::fail_axis(axis, rank_);
    return extents_[static_cast<std::size_t>(axis)];
  }
  /// Product of the extents; 1 for a scalar.
  std::int64_t numel() const {
    std::int64_t product = 1;
    for (int axis = 0; axis < rank_; ++axis) product *= (*this)[axis];
    return product;
  }
  void append(std::int64_t extent) {
    if (extent < 0) throw Error("shape: expected extents of 0 or more, got " + std::to_string(extent));
    if (rank_ == max_rank) throw Error("shape: expected at most 4 extents, got 5");
    // Extents of 0 count as 1 here, so that no partial product of numel() overflows either.
    std::int64_t room = std::int64_t{1} << 59;
    for (int axis = 0; axis < rank_; ++axis) room /= (*this)[axis] > 1 ? (*this)[axis] : 1;
    if (extent > room) throw Error("shape: expected at most 2^59 elements, got an extent of " + std::to_string(extent));
    extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
};

/// "128,24,24,6"; "scalar" for rank 0.
inline std::string to_string(const Shape& shape) {
  if (shape.rank() == 0) return "scalar";
  std::string text = std::to_string(shape[0]);
  for (int axis = 1; axis < shape.rank(); ++axis) text.append(",").append(std::to_string(shape[axis]));
  return text;
}

/// A contiguous row-major array that somebody else owns: what kernels take.
struct View {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape{};

  std::int64_t numel() const { return shape.numel(); }
  template <class T>
  T* as() const {
    constexpr DType expected = dtype_of<std::remove_const_t<T>>;
    if (dtype != expected) [[unlikely]]
      detail::fail_view(expected, dtype);
    return static_cast<T*>(data);
  }
};

}  // namespace mpad
