// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("a gradient flows through every use of a tensor") {
  Tensor x = Tensor::from({1, -2, 3}, {3}, DType::f64);
  x.set_requires_grad();
  Tape tape;
  const Tensor y = add(add(x, x), relu(x));
  tape.backward(dot(y, Tensor::from({1, 10, 100}, {3}, DType::f64)));
  CHECK(x.grad().values() == std::vector<double>{3, 20, 300});
}
