// SPDX-License-Identifier: MIT
#include "support.h"

using namespace mpad;

TEST_CASE("a shape knows its rank, extents and size") {
  const Shape shape{2, 3, 4};
  CHECK(shape.rank() == 3);
  CHECK(shape[1] == 3);
  CHECK(shape.numel() == 24);
  CHECK(to_string(shape) == "2,3,4");
  CHECK(shape == Shape{2, 3, 4});
  CHECK(shape != Shape{2, 3, 4, 1});
  CHECK(Shape{}.numel() == 1);
  CHECK(to_string(Shape{}) == "scalar");
  CHECK(Shape{5, 0, 2}.numel() == 0);
  CHECK_THROWS_WITH(shape[3], "shape: expected an axis below the rank 3, got 3");
  CHECK_THROWS_WITH(shape[-1], "shape: expected an axis below the rank 3, got -1");
  CHECK_THROWS_WITH(Shape{}[0], "shape: expected an axis below the rank 0, got 0");
}

TEST_CASE("a shape refuses what no tensor can have") {
  const std::int64_t huge = std::int64_t{1} << 40;
  CHECK_THROWS_WITH((Shape{1, 2, 3, 4, 5}), "shape: expected at most 4 extents, got 5");
  CHECK_THROWS_WITH((Shape{1, -2}), "shape: expected extents of 0 or more, got -2");
  CHECK_THROWS_WITH((Shape{huge, huge}), "shape: expected at most 2^59 elements, got an extent of 1099511627776");
  CHECK_THROWS_AS((Shape{0, huge, huge}), Error);
  CHECK(Shape{huge, huge >> 21}.numel() == std::int64_t{1} << 59);
}

TEST_CASE("element types have sizes and names") {
  CHECK(size_of(DType::f16) == 2);
  CHECK(size_of(DType::i32) == 4);
  CHECK(bits_of(DType::f64) == 64);
  CHECK(to_string(DType::f16) == "half");
  CHECK(to_string(DType::u64) == "u64");
  CHECK(is_real(DType::f64));
  CHECK_FALSE(is_real(DType::u8));
}

TEST_CASE("a view gives its elements under their own type only") {
  std::int32_t data[2] = {7, 8};
  const View view{data, DType::i32, {2}};
  CHECK(view.as<const std::int32_t>()[1] == 8);
  CHECK_THROWS_WITH(view.as<float>(), "view: expected float, got i32");
}

TEST_CASE("a dtype becomes a type, or an error") {
  CHECK(with_type(DType::f16, []<class T>() { return sizeof(T); }) == 2);
  CHECK(with_mask_type(DType::u64, []<class T>() { return sizeof(T); }) == 8);
  CHECK_THROWS_WITH(with_type(DType::i32, []<class T>() { return sizeof(T); }),
                    "dtype: expected half, float or double, got i32");
  CHECK_THROWS_WITH(with_mask_type(DType::f32, []<class T>() { return sizeof(T); }),
                    "tie mask: expected u8, u16, u32 or u64, got float");
}

TEST_CASE("a double becomes a half by one rounding") {
  // 1 + 2^-11 lies between the halves 1 and 1 + 2^-10; by way of float, the 2^-40 would be lost and the tie go to 1.
  CHECK(static_cast<double>(round_to<half>(1 + 0x1p-11 + 0x1p-40)) == 1 + 0x1p-10);
  CHECK(static_cast<double>(round_to<half>(1 + 0x1p-11)) == 1);
  CHECK(static_cast<double>(round_to<half>(-1 - 3 * 0x1p-11 + 0x1p-40)) == -1 - 0x1p-10);
  CHECK(static_cast<double>(round_to<half>(0x1p-25)) == 0);
  CHECK(static_cast<double>(round_to<half>(0x1p-25 + 0x1p-60)) == 0x1p-24);
  CHECK(static_cast<double>(round_to<half>(0x1p-1000)) == 0);
  CHECK(static_cast<double>(round_to<half>(65519.999999999)) == 65504);
  CHECK(static_cast<double>(round_to<half>(65520)) == INFINITY);
  CHECK(static_cast<double>(round_to<half>(-1e300)) == -INFINITY);
  CHECK(static_cast<double>(round_to<half>(-INFINITY)) == -INFINITY);
  CHECK(std::isnan(static_cast<double>(round_to<half>(NAN))));
  CHECK(std::signbit(static_cast<double>(round_to<half>(-0.0))));
}
