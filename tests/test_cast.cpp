// SPDX-License-Identifier: MIT
#include "backends.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("a cast rounds the numbers on the way and their gradients on the way back") {
  // 2049 lies between two halves and goes to the even one, on either way.
  for (const Device device : devices()) {
    const Tensor wide = Tensor::from({1, 2049, -0.5}, {3}, DType::f32).to(device).set_requires_grad();
    const Tensor narrow = Tensor::from({1, 2048, -0.5}, {3}, DType::f16).to(device).set_requires_grad();
    Tape tape;
    const Tensor down = cast(wide, DType::f16), up = cast(narrow, DType::f64);
    CHECK(down.dtype() == DType::f16);
    CHECK(down.values() == std::vector<double>{1, 2048, -0.5});
    CHECK(up.dtype() == DType::f64);
    CHECK(up.values() == narrow.values());
    const Tensor loss = Tensor::full({}, 1, DType::f64, device);
    record("sum", {up}, loss, [device](const Tensor&, Gradients& gradients) {
      gradients.set(0, Tensor::from({2049, 1, 0}, {3}, DType::f64).to(device));
    });
    tape.backward(loss);
    CHECK(narrow.grad().dtype() == DType::f16);
    CHECK(narrow.grad().values() == std::vector<double>{2048, 1, 0});
  }
}

TEST_CASE("a cast to the same dtype is the same tensor, and to no real one an error") {
  const Tensor x = Tensor::full({2}, 1, DType::f64);
  CHECK(cast(x, DType::f64).view().data == x.view().data);
  CHECK_THROWS_WITH(cast(x, DType::i32), "cast: expected half, float or double, got double to i32");
  CHECK_THROWS_WITH(cast(Tensor({1}, DType::u8), DType::f32), "cast: expected half, float or double, got u8 to float");
}
