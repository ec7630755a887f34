// SPDX-License-Identifier: MIT
// What the tape records, how gradients flow back, and what it refuses.
#include "support.h"

#include <mpad/memory.h>
#include <mpad/ops.h>

#include <memory>
#include <optional>
#include <thread>

using namespace mpad;
using namespace mpad::test;

namespace {

using Values = std::vector<double>;

Tensor leaf(std::initializer_list<double> values, DType dtype = DType::f64) {
  Tensor x = Tensor::from(values, {static_cast<std::int64_t>(values.size())}, dtype);
  return x.set_requires_grad();
}

/// The sum of all elements, recorded.
Tensor sum(const Tensor& y) { return dot(y, Tensor::full(y.shape(), 1, y.dtype())); }

/// y = x with any vector-Jacobian product.
Tensor identity(const Tensor& x, Vjp vjp) {
  const Tensor y = x.clone();
  record("identity", {x}, y, std::move(vjp));
  return y;
}

const Vjp pass = [](const Tensor& grad_y, Gradients& gradients) { gradients.set(0, grad_y); };

}  // namespace

TEST_CASE("a gradient flows through every use of a tensor") {
  const Tensor x = leaf({1, -2, 3});
  Tape tape;
  const Tensor y = add(add(x, x), relu(x));
  tape.backward(dot(y, Tensor::from({1, 10, 100}, {3}, DType::f64)));
  CHECK(x.grad().values() == Values{3, 20, 300});
}

TEST_CASE("a recorded tensor that fans out collects from each use") {
  const Tensor x = leaf({1, -2, 3});
  Tape tape;
  const Tensor y = relu(x);
  tape.backward(sum(add(add(y, reshape(y, {3})), add(relu(y), y))));
  CHECK(x.grad().values() == Values{4, 0, 4});
}

TEST_CASE("gradients flow through a whole network as central differences say") {
  const Function f = [](const std::vector<Tensor>& in) {
    const Tensor pooled = maxpool2d(relu(conv2d(in[0], in[1], in[2])), {.window = 2});
    const Tensor logits = linear(flatten(pooled), in[3], in[4]);
    return add(cross_entropy(logits, Tensor::from(std::vector<std::int32_t>{2, 0}, {2})), sum(relu(logits)));
  };
  const auto tensor = [](const Shape& shape, std::uint64_t seed) { return random_tensor(shape, DType::f64, seed); };
  CHECK(gradient_error(f, {tensor({2, 6, 6, 2}, 1), tensor({3, 3, 3, 2}, 2), tensor({3}, 3), tensor({3, 12}, 4),
                           tensor({3}, 5)}) <= 1e-7);
}

TEST_CASE("without a tape, or without a leaf that wants a gradient, nothing is recorded") {
  const Tensor x = leaf({1, 2}), constant = Tensor::full({2}, 1, DType::f64);
  CHECK(Tape::current() == nullptr);
  CHECK_FALSE(recording({x}));
  CHECK_FALSE(relu(x).requires_grad());
  Tape tape;
  CHECK(Tape::current() == &tape);
  CHECK_FALSE(relu(constant).requires_grad());
  CHECK_FALSE(relu(x.detach()).requires_grad());
  CHECK_FALSE(recording({constant}));
  CHECK(tape.size() == 0);
  CHECK(add(constant, x).requires_grad());
  CHECK(recording({constant, x}));
  CHECK(tape.size() == 1);
}

TEST_CASE("leaves that the loss does not depend on, and constants, get no gradient") {
  const Tensor x = leaf({1, 2}), unused = leaf({1, 2}), constant = Tensor::full({2}, 1, DType::f64);
  Tape tape;
  relu(unused);
  tape.backward(sum(add(x, constant)));
  CHECK(x.grad().values() == Values{1, 1});
  CHECK_FALSE(static_cast<bool>(unused.grad()));
  CHECK_FALSE(static_cast<bool>(constant.grad()));
}

TEST_CASE("what is recorded after the loss does not take part") {
  const Tensor x = leaf({1, 2});
  Tape tape;
  const Tensor loss = sum(x);
  const Tensor later = dot(reshape(loss, {1}), Tensor::full({1}, 100, DType::f64));
  tape.backward(loss);
  CHECK(x.grad().values() == Values{1, 1});
}

TEST_CASE("the loss counts `scale` times") {
  for (DType dtype : real_dtypes) {
    const Tensor x = leaf({1, 2}, dtype);
    Tape tape;
    tape.backward(sum(x), 1024);
    CHECK(x.grad().values() == Values{1024, 1024});
  }
}

TEST_CASE("a second backward is an error, and leaves the gradients of the first") {
  const Tensor x = leaf({1, 2});
  Tape tape;
  const Tensor loss = sum(x);
  tape.backward(loss);
  CHECK_THROWS_WITH(tape.backward(loss),
                    "backward: expected the first call on this tape, got a second (what it saved is gone)");
  CHECK(x.grad().values() == Values{1, 1});
}

TEST_CASE("a loss must be one element that this tape recorded") {
  const Tensor x = leaf({1, 2}), scalar = leaf({1});
  const std::string expected = "backward: expected a loss recorded by this tape from a tensor that requires a gradient";
  Tape tape;
  CHECK_THROWS_WITH(tape.backward(relu(x)), "backward: expected a loss of one element, got shape 2");
  CHECK_THROWS_WITH(tape.backward(Tensor::full({}, 1)), expected + ", got one that nothing recorded");
  CHECK_THROWS_WITH(tape.backward(scalar), expected + ", got one that another tape recorded or that is a leaf");
  CHECK_THROWS_WITH(tape.backward(Tensor()), "tensor: expected one with data, got an empty handle");
  {
    Tape other;
    const Tensor loss = sum(x);
    CHECK_THROWS_WITH(tape.backward(loss), expected + ", got one that another tape recorded or that is a leaf");
  }
  // None of these spent the tape.
  tape.backward(sum(x));
  CHECK(x.grad().values() == Values{1, 1});
}

TEST_CASE("what a tape recorded ends with it") {
  const Tensor x = leaf({1, 2});
  Tensor y, loss;
  {
    const Tape tape;
    y = relu(x);
    loss = sum(y);
  }
  CHECK(y.values() == Values{1, 2});
  CHECK_FALSE(relu(y).requires_grad());
  Tape tape;
  CHECK_THROWS_WITH(relu(y),
                    "relu: expected inputs that are leaves or recorded by the current tape, got one of another tape "
                    "(detach() it)");
  CHECK_THROWS_AS(tape.backward(loss), Error);
  tape.backward(sum(add(x, y.detach())));
  CHECK(x.grad().values() == Values{1, 1});
}

TEST_CASE("tapes nest, and the innermost records") {
  const Tensor x = leaf({1, 2});
  Tape outer;
  const Tensor before = relu(x);
  {
    Tape inner;
    CHECK(Tape::current() == &inner);
    CHECK_THROWS_AS(relu(before), Error);
    inner.backward(dot(x, Tensor::from({5, 6}, {2}, DType::f64)));
    CHECK(inner.size() == 0);
    CHECK(Tape::current() == &inner);
  }
  CHECK(Tape::current() == &outer);
  CHECK(outer.size() == 1);
  outer.backward(sum(before));
  CHECK(x.grad().values() == Values{6, 7});
  CHECK(Tape::current() == &outer);
}

TEST_CASE("tapes may end in any order") {
  auto outer = std::make_unique<Tape>(), inner = std::make_unique<Tape>();
  outer.reset();
  CHECK(Tape::current() == inner.get());
  inner.reset();
  CHECK(Tape::current() == nullptr);
}

TEST_CASE("each thread has its own tape") {
  const Tape tape;
  const Tensor x = leaf({1, 2});
  std::thread([&] {
    CHECK(Tape::current() == nullptr);
    CHECK_FALSE(relu(x).requires_grad());
  }).join();
  CHECK(tape.size() == 0);
}

TEST_CASE("gradients of two tapes add up in a leaf until it is cleared") {
  for (DType dtype : real_dtypes) {
    const Tensor x = leaf({1, 2}, dtype);
    for (double weight : {3.0, 4.0}) {
      Tape tape;
      tape.backward(dot(relu(x), Tensor::full({2}, weight, dtype)));
    }
    CHECK(x.grad().values() == Values{7, 7});
    x.clear_grad();
    CHECK_FALSE(static_cast<bool>(x.grad()));
    Tape tape;
    tape.backward(sum(x));
    CHECK(x.grad().values() == Values{1, 1});
  }
}

TEST_CASE("no two leaves share a gradient") {
  const Tensor a = leaf({1, 2}), b = leaf({3, 4});
  Tape tape;
  tape.backward(sum(add(a, reshape(b, {2}))));
  a.grad().fill(9);
  CHECK(b.grad().values() == Values{1, 1});
}

TEST_CASE("a gradient lands in the storage that was given for it, from the first backward on") {
  const Tensor x = leaf({1, 2}), data = Tensor::zeros({2}, DType::f64), storage = Tensor::zeros({2}, DType::f64);
  x.rebind(data, storage);
  for (double want : {2.0, 4.0}) {
    Tape tape;
    tape.backward(sum(add(relu(x), x)));  // one written in place, one handed over
    CHECK(x.grad().view().data == storage.view().data);
    CHECK(storage.values() == Values{want, want});
  }
}

TEST_CASE("what an operation saved is freed as soon as backward has passed it") {
  const Tensor x = leaf({1, 2});
  auto first = std::make_shared<int>(), second = std::make_shared<int>();
  const std::weak_ptr<int> early = first, late = second;
  Tape tape;
  const Tensor y = identity(x, [&late, kept = std::exchange(first, nullptr)](const Tensor& g, Gradients& gradients) {
    CHECK(late.expired());
    gradients.set(0, g);
  });
  const Tensor z = identity(y, [&early, kept = std::exchange(second, nullptr)](const Tensor& g, Gradients& gradients) {
    CHECK_FALSE(early.expired());
    gradients.set(0, g);
  });
  const Tensor loss = sum(z);
  CHECK_FALSE(late.expired());
  tape.backward(loss);
  CHECK(early.expired());
  CHECK(late.expired());
  CHECK(tape.size() == 0);
}

TEST_CASE("a tape keeps no activation alive that backward does not need") {
  const std::size_t before = memory_statistics(Device::cpu).in_use;
  Tensor x = Tensor::full({1 << 12}, 1);
  x.set_requires_grad();
  Tape tape;
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = add(y, y);
  // x and the last y.
  CHECK(memory_statistics(Device::cpu).in_use - before == 2 * x.bytes());
}

TEST_CASE("a spent tape refuses to record, but not what needs no recording") {
  const Tensor x = leaf({1, 2});
  Tape tape;
  tape.backward(sum(x));
  CHECK_THROWS_WITH(relu(x), "relu: expected a tape that has not run backward, got a spent one");
  CHECK(relu(x.detach()).values() == Values{1, 2});
}

TEST_CASE("a gradient of another shape, type or place than its input is refused") {
  const Tensor x = leaf({1, 2});
  const auto error_of = [&](Vjp vjp) {
    Tape tape;
    const Tensor loss = sum(identity(x, std::move(vjp)));
    try {
      tape.backward(loss);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(error_of([](const Tensor&, Gradients& g) { g.set(0, Tensor::zeros({3}, DType::f64)); }) ==
        "identity: expected a gradient of double 2 on cpu for input 0, got double 3 on cpu");
  CHECK(error_of([](const Tensor&, Gradients& g) { g.set(0, Tensor::zeros({2})); }) ==
        "identity: expected a gradient of double 2 on cpu for input 0, got float 2 on cpu");
  CHECK(error_of([](const Tensor& grad, Gradients& g) { g.set(1, grad); }) ==
        "identity: expected an input in 0..0, got 1");
  CHECK(error_of([](const Tensor&, Gradients& g) { g.into(-1); }) == "identity: expected an input in 0..0, got -1");
  CHECK(error_of(pass) == "no error");
}

TEST_CASE("backward refuses what was overwritten since it was recorded") {
  const Tensor x = Tensor::full({1, 2}, 3).set_requires_grad(), weight = Tensor::full({1, 2}, 2).set_requires_grad();
  const auto error_of = [&](const std::function<void()>& overwrite) {
    Tape tape;
    const Tensor loss = linear(x, weight);
    overwrite();
    try {
      tape.backward(loss);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const std::string refused =
      "linear: expected tensors as they were when it was recorded, got one of shape 1,2 that was overwritten (by fill, "
      "copy_from or an optimizer's step)";
  CHECK(error_of([] {}) == "no error");
  CHECK(error_of([&] { weight.fill(1); }) == refused);
  CHECK(error_of([&] { x.copy_from(Tensor::zeros({1, 2})); }) == refused);
  CHECK(error_of([&] { weight.reshaped({2}).fill(2); }) == refused);
  CHECK(error_of([&] { Tensor::zeros({1, 2}).fill(1); }) == "no error");
  CHECK(error_of([&] { x.clone().fill(1); }) == "no error");
}

TEST_CASE("a product may ask what is wanted, and must not write what is not") {
  const Tensor x = leaf({1, 2}), constant = Tensor::zeros({2}, DType::f64), y = Tensor::zeros({2}, DType::f64);
  Tape tape;
  record("pair", {constant, x}, y, [](const Tensor& grad_y, Gradients& gradients) {
    CHECK_FALSE(gradients.wanted(0));
    CHECK(gradients.wanted(1));
    CHECK_THROWS_WITH(gradients.into(0), "pair: expected a gradient only where one is wanted, got one for input 0");
    CHECK_THROWS_WITH(gradients.set(0, grad_y),
                      "pair: expected a gradient only where one is wanted, got one for input 0");
    gradients.into(1).fill(8);
  });
  tape.backward(sum(y));
  CHECK(x.grad().values() == Values{8, 8});
}

TEST_CASE("an exception in a product reaches the caller; the tape is spent and recording goes on elsewhere") {
  const Tensor x = leaf({1, 2});
  {
    Tape tape;
    const Tensor loss = sum(identity(relu(x), [](const Tensor&, Gradients&) { throw std::runtime_error("no way"); }));
    CHECK_THROWS_WITH(tape.backward(loss), "no way");
    CHECK(Tape::current() == &tape);
    CHECK_FALSE(static_cast<bool>(x.grad()));
    CHECK_THROWS_WITH(tape.backward(loss),
                      "backward: expected the first call on this tape, got a second (what it saved is gone)");
    CHECK_THROWS_AS(relu(x), Error);
  }
  Tape tape;
  tape.backward(sum(relu(x)));
  CHECK(x.grad().values() == Values{1, 1});
}

TEST_CASE("operations that a product calls are not recorded") {
  const Tensor x = leaf({1, 2});
  Tape tape;
  const Tensor loss = sum(identity(x, [&x](const Tensor& grad_y, Gradients& gradients) {
    CHECK(Tape::current() == nullptr);
    CHECK_FALSE(relu(x).requires_grad());
    gradients.set(0, add(grad_y, grad_y));
  }));
  tape.backward(loss);
  CHECK(x.grad().values() == Values{2, 2});
}

TEST_CASE("an operation's output is a new tensor, and its product a function") {
  const Tensor x = leaf({1, 2}), y = leaf({1, 2});
  const Tape tape;
  CHECK_THROWS_WITH(record("mine", {x}, y, pass),
                    "mine: expected a new output, got a tensor that requires a gradient already");
  CHECK_THROWS_WITH(record("mine", {x}, Tensor({2}), nullptr), "mine: expected a vector-Jacobian product, got none");
  CHECK(tape.size() == 0);
}
