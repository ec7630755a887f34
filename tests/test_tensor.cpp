// SPDX-License-Identifier: MIT
#include "backends.h"
#include "support.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a tensor holds the values it is made from") {
  for (DType dtype : real_dtypes) {
    const Tensor x = Tensor::from({1, -2, 0.5, 4}, {2, 2}, dtype);
    CHECK(x.shape() == Shape{2, 2});
    CHECK(x.dtype() == dtype);
    CHECK(x.bytes() == 4 * size_of(dtype));
    CHECK(x.values() == std::vector<double>{1, -2, 0.5, 4});
    CHECK(Tensor::full({3}, 1.5, dtype).values() == std::vector<double>{1.5, 1.5, 1.5});
    CHECK(Tensor::zeros({2}, dtype).values() == std::vector<double>{0, 0});
    CHECK(Tensor::from({7}, {}, dtype).item() == 7);
  }
  CHECK(Tensor::from(std::vector<std::int32_t>{3, -1}, {2}).values() == std::vector<double>{3, -1});
}

TEST_CASE("conversion rounds to nearest, ties to even") {
  struct Case {
    double from, half;
  };
  const Case cases[] = {{1 + 0x1p-11, 1},
                        {1 + 3 * 0x1p-11, 1 + 0x1p-9},
                        {1 + 0x1p-11 + 0x1p-40, 1 + 0x1p-10},
                        {0x1p-24, 0x1p-24},
                        {0x1p-25, 0},
                        {3 * 0x1p-25, 0x1p-23},
                        {0x1p-14 - 0x1p-25, 0x1p-14},
                        {65504, 65504},
                        {65519, 65504},
                        {65520, INFINITY},
                        {-65520, -INFINITY}};
  for (const auto& [from, half] : cases) {
    CAPTURE(from);
    // A whole block and a remainder, so that both the vector and the scalar conversion are seen.
    const Tensor wide = Tensor::full({19}, from, DType::f64);
    for (double value : wide.to(DType::f16).values()) CHECK(value == half);
    for (double value : Tensor::full({19}, from, DType::f16).values()) CHECK(value == half);
    CHECK(Tensor::from({from}, {}, DType::f16).item() == half);
    if (from == static_cast<double>(static_cast<float>(from)))
      for (double value : wide.to(DType::f32).to(DType::f16).values()) CHECK(value == half);
  }
  CHECK(Tensor::from({1 + 0x1p-24}, {}, DType::f64).to(DType::f32).item() == 1);
  CHECK(std::isnan(Tensor::from({NAN}, {}, DType::f64).to(DType::f16).item()));
}

TEST_CASE("handles share data; clones do not") {
  const Tensor x = Tensor::from({1, 2, 3, 4, 5, 6}, {6});
  const Tensor same = x, part = x.slice(2, {2, 2}), flat = x.reshaped({2, 3}), copy = x.clone();
  x.fill(9);
  CHECK(same.values() == std::vector<double>(6, 9));
  CHECK(part.values() == std::vector<double>(4, 9));
  CHECK(flat.values() == std::vector<double>(6, 9));
  CHECK(copy.values() == std::vector<double>{1, 2, 3, 4, 5, 6});
  part.copy_from(Tensor::zeros({2, 2}));
  CHECK(x.values() == std::vector<double>{9, 9, 0, 0, 0, 0});
}

TEST_CASE("rebinding moves data and gradient under every handle") {
  Tensor x = Tensor::from({1, 2}, {2});
  const Tensor other = x.set_requires_grad();
  {
    Tape tape;
    tape.backward(dot(x, Tensor::from({5, 6}, {2})));
  }
  const Tensor place = Tensor::zeros({4}), grads = Tensor::zeros({4});
  x.rebind(place.slice(1, {2}), grads.slice(1, {2}));
  CHECK(place.values() == std::vector<double>{0, 1, 2, 0});
  CHECK(grads.values() == std::vector<double>{0, 5, 6, 0});
  place.fill(3);
  CHECK(other.values() == std::vector<double>{3, 3});
  CHECK_THROWS_WITH(x.rebind(Tensor({3}), Tensor({3})), "rebind: expected data of float 2 on cpu, got float 3 on cpu");
  CHECK_THROWS_WITH(x.rebind(Tensor({2}), Tensor({2}, DType::f16)),
                    "rebind: expected gradient storage of float 2 on cpu, got half 2 on cpu");
  CHECK_THROWS_AS(Tensor({2}).rebind(Tensor({2}), Tensor({2})), Error);
}

TEST_CASE("elements may be copied onto others of the same memory") {
  for (const Device device : devices())
    for (const auto& [from, to] : {std::pair{0, 1}, std::pair{1, 0}, std::pair{2, 2}}) {
      const Tensor x = Tensor::from({0, 1, 2, 3, 4, 5, 6, 7}, {8}).to(device);
      const std::vector<double> part = x.slice(from, {5}).values();
      x.slice(to, {5}).copy_from(x.slice(from, {5}));
      CHECK(x.slice(to, {5}).values() == part);
    }
}

TEST_CASE("an empty handle is an error, not a crash") {
  const Tensor empty, x = Tensor::zeros({2});
  CHECK_FALSE(static_cast<bool>(empty));
  CHECK_FALSE(empty.requires_grad());
  const char* message = "tensor: expected one with data, got an empty handle";
  CHECK_THROWS_WITH(empty.shape(), message);
  CHECK_THROWS_WITH(empty.item(), message);
  CHECK_THROWS_WITH(empty.values(), message);
  CHECK_THROWS_WITH(empty.to(DType::f16), message);
  CHECK_THROWS_WITH(empty.clone(), message);
  CHECK_THROWS_WITH(empty.fill(1), message);
  CHECK_THROWS_WITH(Tensor().set_requires_grad(), message);
  CHECK_THROWS_WITH(relu(empty), message);
  CHECK_THROWS_WITH(add(x, empty), message);
  CHECK_THROWS_WITH(flatten(empty), message);
  CHECK_THROWS_WITH(cross_entropy(empty, empty), message);
}

TEST_CASE("what does not fit is refused in one line") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(Tensor::from({1, 2}, {3}), "Tensor::from: expected 3 values for shape 3, got 2");
  CHECK_THROWS_WITH(x.item(), "item: expected one element, got shape 2,3");
  CHECK_THROWS_WITH(x.reshaped({5}), "reshape: expected a shape of 6 elements (from 2,3), got 5");
  CHECK_THROWS_WITH(x.slice(4, {3}), "slice: expected a part of 6 elements, got 3 from 4");
  CHECK_THROWS_AS(x.slice(INT64_MAX, {1}), Error);
  CHECK_THROWS_AS(x.slice(-1, {1}), Error);
  CHECK_THROWS_WITH(x.copy_from(Tensor::zeros({3, 2})), "copy: expected float 2,3, got float 3,2");
  CHECK_THROWS_WITH(x.span<double>(), "view: expected double, got float");
  CHECK_THROWS_WITH(Tensor({1}, DType::i32).set_requires_grad(),
                    "set_requires_grad: expected half, float or double, got i32");
  CHECK_THROWS_WITH(Tensor({1}, DType::i32).to(DType::f32), "dtype: expected half, float or double, got i32");
}

TEST_CASE("a tensor on a device that is not there is an error that says why") {
  const std::string reason = unavailable(Device::cuda);
  if (reason.empty()) return;
  const std::string message = "device: expected cpu (" + reason + "), got cuda";
  CHECK_THROWS_WITH(Tensor({1}, DType::f32, Device::cuda), message);
  CHECK_THROWS_WITH(Tensor::zeros({1}).to(Device::cuda), message);
}

TEST_CASE("tensors without elements pass through every elementwise operation") {
  for (DType dtype : real_dtypes) {
    Tensor x(Shape{0, 4}, dtype);
    x.set_requires_grad();
    Tape tape;
    const Tensor y = relu(add(x, x), 0.5);
    CHECK(flatten(reshape(y, {0, 2, 2})).shape() == Shape{0, 4});
    tape.backward(dot(y, Tensor(Shape{0, 4}, dtype)));
    CHECK(x.grad().numel() == 0);
    CHECK(x.clone().to(DType::f16).values().empty());
  }
}
