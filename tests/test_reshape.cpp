// SPDX-License-Identifier: MIT
// The same elements in another shape, and the gradient on its way back.
#include "support.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("a reshaped tensor has the same elements in the same order, and the same data") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({2, 3, 4, 5}, dtype, 1);
    for (const Shape& shape : {Shape{120}, Shape{5, 4, 3, 2}, Shape{1, 120, 1}, Shape{8, 15}, x.shape()}) {
      const Tensor y = reshape(x, shape);
      CHECK(y.shape() == shape);
      CHECK(y.values() == x.values());
      CHECK(y.view().data == x.view().data);
    }
  }
  CHECK(reshape(Tensor::full({1, 1}, 3), {}).item() == 3);
  CHECK(reshape(Tensor::full({}, 3), {1, 1, 1, 1}).shape() == Shape{1, 1, 1, 1});
  CHECK(reshape(Tensor::zeros({0, 4}), {2, 0}).shape() == Shape{2, 0});
  CHECK(reshape(Tensor::zeros({4}, DType::i32), {2, 2}).dtype() == DType::i32);
}

TEST_CASE("flatten keeps the first axis and joins the others in the order n,h,w,c") {
  const Tensor x = random_tensor({2, 3, 4, 5}, DType::f32, 2);
  CHECK(flatten(x).shape() == Shape{2, 60});
  CHECK(flatten(x).values() == x.values());
  CHECK(flatten(Tensor::zeros({7})).shape() == Shape{7, 1});
  CHECK(flatten(Tensor::zeros({7, 3})).shape() == Shape{7, 3});
  CHECK(flatten(Tensor::zeros({0, 2, 2, 3})).shape() == Shape{0, 12});
  CHECK(flatten(Tensor::zeros({2, 0, 2})).shape() == Shape{2, 0});
}

TEST_CASE("the gradient goes back in the input's shape, in every type") {
  for (DType dtype : real_dtypes) {
    const Tensor x = random_tensor({2, 3, 4}, dtype, 3);
    const Tensor square = random_tensor({4, 6}, dtype, 4), flat = random_tensor({2, 12}, dtype, 5);
    const auto reshaped = gradients_of([](const auto& in) { return reshape(in[0], {4, 6}); }, {x}, square);
    CHECK(same_bits(reshaped[0], square.reshaped({2, 3, 4})));
    const auto flattened = gradients_of([](const auto& in) { return flatten(in[0]); }, {x}, flat);
    CHECK(same_bits(flattened[0], flat.reshaped({2, 3, 4})));
  }
}

TEST_CASE("gradients of reshape and flatten match central differences in double") {
  const Tensor x = random_tensor({2, 3, 4}, DType::f64, 6);
  CHECK(gradient_error([](const auto& in) { return reshape(in[0], {4, 6}); }, {x}) <= 1e-7);
  CHECK(gradient_error([](const auto& in) { return flatten(in[0]); }, {x}) <= 1e-7);
  CHECK(gradient_error([](const auto& in) { return add(flatten(in[0]), reshape(in[0], {2, 12})); }, {x}) <= 1e-7);
}

TEST_CASE("reshape and flatten are recorded where a gradient is wanted, and nowhere else") {
  Tensor x = Tensor::zeros({2, 3});
  CHECK_FALSE(reshape(x, {6}).requires_grad());
  x.set_requires_grad();
  CHECK_FALSE(reshape(x, {6}).requires_grad());
  const Tape tape;
  CHECK(reshape(x, {6}).requires_grad());
  CHECK(flatten(x).requires_grad());
  CHECK_FALSE(x.reshaped({6}).requires_grad());
  CHECK(tape.size() == 2);
}

TEST_CASE("reshape and flatten name what does not fit") {
  const Tensor x = Tensor::zeros({2, 3});
  CHECK_THROWS_WITH(reshape(x, {7}), "reshape: expected a shape of 6 elements (from 2,3), got 7");
  CHECK_THROWS_WITH(reshape(x, {}), "reshape: expected a shape of 6 elements (from 2,3), got scalar");
  CHECK_THROWS_WITH(reshape(x, {0, 6}), "reshape: expected a shape of 6 elements (from 2,3), got 0,6");
  CHECK_THROWS_WITH(flatten(Tensor::zeros({})), "flatten: expected an input of shape n,..., got scalar");
}
