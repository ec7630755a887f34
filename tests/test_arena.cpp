// SPDX-License-Identifier: MIT
// The arrays that an optimizer keeps parameters, gradients and state in.
#include "optimizer_support.h"

#include <mpad/nn/layers.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("an optimizer moves parameters and gradients into one array each, in order, and keeps their values") {
  for (DType dtype : real_dtypes) {
    Bag module;
    for (std::uint64_t i = 0; i < 3; ++i) module.add(random_tensor({static_cast<std::int64_t>(i) + 1, 5}, dtype, i));
    std::vector<Tensor> before;
    for (const Tensor& t : module.tensors) before.push_back(t.clone());
    give(module.tensors[2], before[2]);
    const Tensor handle = module.tensors[1];
    Sgd sgd(module, {.lr = 1});
    const auto at = [](const Tensor& t) { return static_cast<const std::byte*>(t.view().data); };
    for (std::size_t i = 0; i < 3; ++i) CHECK(same_bits(module.tensors[i], before[i]));
    const auto granule = static_cast<std::ptrdiff_t>(64 * size_of(dtype));  // each has less than one
    for (std::size_t i = 0; i < 2; ++i) CHECK(at(module.tensors[i + 1]) == at(module.tensors[i]) + granule);
    CHECK(at(handle) == at(module.tensors[1]));
    CHECK(same_bits(module.tensors[2].grad(), before[2]));
    for (int i : {1, 0}) give(module.tensors[static_cast<std::size_t>(i)], before[static_cast<std::size_t>(i)]);
    for (std::size_t i = 0; i < 2; ++i)
      CHECK(at(module.tensors[i + 1].grad()) == at(module.tensors[i].grad()) + granule);
    sgd.step();
    CHECK(handle.values() == Values(10, 0));
  }
}

TEST_CASE("operations write gradients of parameters straight into the array") {
  Linear model({.in = 3, .out = 2});
  const Tensor weight = parameters(model)[0].tensor, bias = parameters(model)[1].tensor;
  Sgd sgd(model, {.lr = 1});
  const auto backward = [&] {
    Tape tape;
    tape.backward(dot(model(Tensor::full({1, 3}, 2)), Tensor::full({1, 2}, 1)));
    return weight.grad().view().data;
  };
  const void* place = backward();
  CHECK(bias.grad().view().data == static_cast<const float*>(place) + 64);
  CHECK(bias.grad().values() == Values{1, 1});
  backward();  // adds up in place
  CHECK(weight.grad().values() == Values(6, 4));
  sgd.step();
  CHECK(backward() == place);
  CHECK(weight.grad().values() == Values(6, 2));
}

TEST_CASE("a step between an operation and its backward is refused, one before is not") {
  Linear model({.in = 3, .out = 2});
  Sgd sgd(model, {.lr = 1, .momentum = 0.5});
  const Tensor x = Tensor::full({1, 3}, 2).set_requires_grad(), ones = Tensor::full({1, 2}, 1);
  const auto forward = [&] { return dot(model(x), ones); };
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    const Tensor first = forward();
    sgd.has_finite_gradients();  // fills with zeros what got none
    tape.backward(first);
    sgd.step();
  }
  Tape tape;
  const Tensor late = forward();
  sgd.step();
  CHECK_THROWS_WITH(tape.backward(late), Catch::Matchers::StartsWith("linear: expected tensors as they were"));
}

TEST_CASE("a step drops the gradients, and a parameter without one counts as having 0") {
  Bag module;
  for (int i = 0; i < 2; ++i) module.add(Tensor::full({3}, 8, DType::f64));
  Sgd sgd(module, {.lr = 0.5, .weight_decay = 0.5});
  for (const Tensor& t : module.tensors) give(t, Tensor::full({3}, 4, DType::f64));
  sgd.step();
  CHECK(module.tensors[0].values() == Values(3, 4));  // 8 - (4 + 4) / 2
  for (const Tensor& t : module.tensors) CHECK_FALSE(static_cast<bool>(t.grad()));
  give(module.tensors[1], Tensor::full({3}, 4, DType::f64));
  sgd.step();
  CHECK(module.tensors[0].values() == Values(3, 3));  // 4 - (0 + 2) / 2: the last gradient is forgotten
  CHECK(module.tensors[1].values() == Values(3, 1));
  CHECK(sgd.steps() == 2);
}

TEST_CASE("state names the arrays that a checkpoint needs, and a copy of them continues bit for bit") {
  Bag module;
  module.add(Tensor::full({4}, 1));
  CHECK(Sgd(module, {.lr = 1}).state().empty());
  CHECK(Sgd(module, {.lr = 1, .momentum = 0.5}).state()[0].path == "momentum");
  const auto train = [](Bag& bag, Optimizer& optimizer, int from, int to) {
    for (int step = from; step < to; ++step) {
      give(bag.tensors[0], random_tensor({9}, DType::f32, static_cast<std::uint64_t>(step)));
      optimizer.step();
    }
  };
  Bag whole, first;
  for (Bag* bag : {&whole, &first}) bag->add(Tensor::full({9}, 1));
  Adam straight(whole), early(first);
  train(whole, straight, 0, 6);
  train(first, early, 0, 3);
  Bag second;
  second.add(first.tensors[0]);
  Adam late(second);
  const std::vector<NamedTensor> saved = early.state(), restored = late.state();
  REQUIRE(saved.size() == 2);
  CHECK(saved[0].path == "first_moment");
  CHECK(saved[1].path == "second_moment");
  for (std::size_t i = 0; i < saved.size(); ++i) restored[i].tensor.copy_from(saved[i].tensor);
  late.set_steps(early.steps());
  train(second, late, 3, 6);
  CHECK(same_bits(second.tensors[0], whole.tensors[0]));
}

TEST_CASE("optimizers name what does not fit, and move nothing then") {
  Bag module;
  module.add(Tensor::full({1}, 1));
  const void* place = module.tensors[0].view().data;
  const double bad = NAN;
  CHECK_THROWS_WITH(Sgd(module, {.lr = -1}), "optimizer: expected a learning rate of 0 or more, got -1");
  CHECK_THROWS_WITH(Sgd(module, {.lr = bad}), "optimizer: expected a learning rate of 0 or more, got nan");
  CHECK_THROWS_WITH(Adam(module, {.lr = INFINITY}), "optimizer: expected a learning rate of 0 or more, got inf");
  CHECK_THROWS_WITH(Sgd(module, {.lr = 1, .momentum = -0.5}),
                    "Sgd: expected momentum and weight_decay of 0 or more, got -0.5 and 0");
  CHECK_THROWS_WITH(Sgd(module, {.lr = 1, .momentum = bad}),
                    "Sgd: expected momentum and weight_decay of 0 or more, got nan and 0");
  CHECK_THROWS_WITH(Sgd(module, {.lr = 1, .weight_decay = -1}),
                    "Sgd: expected momentum and weight_decay of 0 or more, got 0 and -1");
  CHECK_THROWS_WITH(Sgd(module, {.lr = 1, .nesterov = true}), "Sgd: expected a momentum above 0 with nesterov, got 0");
  CHECK_THROWS_WITH(Adam(module, {.beta1 = 1}), "Adam: expected beta1 and beta2 in [0, 1), got 1 and 0.999");
  CHECK_THROWS_WITH(Adam(module, {.beta2 = -0.1}), "Adam: expected beta1 and beta2 in [0, 1), got 0.9 and -0.1");
  CHECK_THROWS_WITH(Adam(module, {.epsilon = 0}),
                    "Adam: expected an epsilon above 0 and a weight_decay of 0 or more, got 0 and 0");
  CHECK(module.tensors[0].view().data == place);
  Bag empty, mixed, frozen;
  CHECK_THROWS_WITH(Sgd(empty, {.lr = 1}), "optimizer: expected a module with parameters, got none");
  for (DType dtype : {DType::f32, DType::f64}) mixed.add(Tensor::full({1}, 1, dtype));
  const void* first = mixed.tensors[0].view().data;
  CHECK_THROWS_WITH(Sgd(mixed, {.lr = 1}),
                    "optimizer: expected one dtype and device, got float on cpu in 0, double on cpu in 1");
  CHECK(mixed.tensors[0].view().data == first);
  frozen.add(Tensor::full({1}, 1));
  frozen.tensors[0].set_requires_grad(false);
  CHECK_THROWS_WITH(Sgd(frozen, {.lr = 1}), "optimizer: expected parameters that require a gradient, got 0");
  Sgd sgd(module, {.lr = 1});
  CHECK_THROWS_WITH(sgd.set_lr(-1), "optimizer: expected a learning rate of 0 or more, got -1");
  CHECK(sgd.lr() == 1);
}
