// SPDX-License-Identifier: MIT
// Tape::gradients: several backward passes of one forward, with other choices, and in double.
#include "backends.h"

#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/module.h>
#include <mpad/ops.h>
#include <mpad/optim.h>
#include <mpad/study/tie_counter.h>

using namespace mpad;
using namespace mpad::test;

namespace {

std::vector<Tensor> leaves_of(Module& module) {
  std::vector<Tensor> leaves;
  for (const NamedTensor& parameter : parameters(module)) leaves.push_back(parameter.tensor);
  return leaves;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) {
    return mpad::test::same_bits(x.to(Device::cpu), y.to(Device::cpu));
  });
}

// Small integers, so that pools tie and ReLU sees zeros.
Tensor small_integers(const Shape& shape, DType dtype, std::uint64_t seed) {
  return random_integers(shape, dtype, seed, 5, -2);
}

struct Choosing {
  TieRule ties{};
  double relu0 = 0, norm_at_zero = 0;
};

// Every operation that has a choice, on 8x8 images of 2 channels: ReLU meets zeros, and a norm pool windows of them.
Sequential chooser(const Choosing& c, DType dtype, Device device) {
  set_seed(3);
  Sequential net{Conv2d({.in = 2, .out = 4, .kernel = 3, .pad = 1}),
                 Relu({c.relu0}),
                 MaxPool2d({.ties = c.ties}),
                 BatchNorm2d(4, {.relu = true, .alpha = c.relu0}),
                 Conv2d({.in = 4, .out = 4, .kernel = 3, .pad = 1}),
                 ReluMaxPool2d(ReluOptions{c.relu0}, {.ties = c.ties}),
                 Conv2d({.in = 4, .out = 4, .kernel = 1}),
                 NormPool2d({.at_zero = c.norm_at_zero}),
                 Flatten(),
                 Linear({4, 3})};
  const std::vector<NamedTensor> all = parameters(net);
  all[0].tensor.copy_from(small_integers(all[0].tensor.shape(), DType::f32, 5));
  all[1].tensor.fill(0);
  for (const NamedTensor& p : all)
    if (p.path == "6.weight")
      p.tensor.slice(0, {4}).fill(0);
    else if (p.path == "6.bias")
      p.tensor.fill(0);
  net.to(dtype);
  net.to(device);
  return net;
}

Tensor images(DType dtype, Device device) { return small_integers({4, 8, 8, 2}, dtype, 9).to(device); }
Tensor labels(Device device) { return Tensor::from(std::vector<std::int32_t>{0, 2, 1, 1}, {4}).to(device); }

std::vector<Tensor> by_backward(Module& net, const Tensor& x) {
  Tape tape;
  tape.backward(cross_entropy(net(x), labels(x.device())));
  std::vector<Tensor> gradients;
  for (const Tensor& leaf : leaves_of(net)) gradients.push_back(leaf.grad());
  return gradients;
}

// The gradients in double that one operation has on a narrower input, and those of the same operation in double.
void check_in_double(const char* name, const Function& f, const std::vector<Tensor>& inputs) {
  INFO(name);
  for (DType narrow : {DType::f16, DType::f32}) {
    std::vector<Tensor> leaves, wide;
    for (const Tensor& input : inputs) {
      leaves.push_back(input.to(narrow).clone().set_requires_grad());
      wide.push_back(leaves.back().detach().to(DType::f64));
    }
    Tape tape(Tape::Keep::choices);
    const Tensor y = f(leaves);
    const Tensor weights = random_tensor(y.shape(), DType::f64, 8);
    const Tensor loss = dot(y, weights);
    const std::vector<Tensor> got = tape.gradients(loss, leaves, {.in_double = true});
    CHECK(same_bits(got, gradients_of(f, wide, weights)));
  }
}

}  // namespace

TEST_CASE("gradients without choices are those of backward, as often as they are asked for") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      Sequential net = chooser({}, dtype, device);
      const std::vector<Tensor> leaves = leaves_of(net);
      Tape tape(Tape::Keep::choices);
      const Tensor loss = cross_entropy(net(images(dtype, device)), labels(device));
      const std::vector<Tensor> first = tape.gradients(loss, leaves), second = tape.gradients(loss, leaves);
      CHECK(same_bits(first, second));
      for (const Tensor& leaf : leaves) CHECK_FALSE(leaf.grad());
      tape.backward(loss);
      std::vector<Tensor> last;
      for (const Tensor& leaf : leaves) last.push_back(leaf.grad());
      CHECK(same_bits(first, last));
    }
}

TEST_CASE("gradients with a choice are, bit for bit, those of a network that is made with it") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      Sequential net = chooser({}, dtype, device);
      const std::vector<Tensor> leaves = leaves_of(net);
      const Tensor x = images(dtype, device);
      Tape tape(Tape::Keep::choices);
      const Tensor loss = cross_entropy(net(x), labels(device));
      const auto chosen = [&](const Choices& choices) { return tape.gradients(loss, leaves, {.choices = choices}); };
      const auto made = [&](const Choosing& choosing) {
        Sequential other = chooser(choosing, dtype, device);
        return by_backward(other, x);
      };
      const std::vector<Tensor> plain = chosen({});
      for (const TieRule& rule : {TieRule::minimal(), TieRule::last(), TieRule::beta(100), TieRule::random(7)}) {
        INFO(rule.name());
        CHECK(same_bits(chosen({.ties = rule}), made({.ties = rule})));
        CHECK_FALSE(same_bits(chosen({.ties = rule}), plain));
      }
      CHECK(same_bits(chosen({.relu0 = 1}), made({.relu0 = 1})));
      CHECK_FALSE(same_bits(chosen({.relu0 = 1}), plain));
      CHECK(same_bits(chosen({.norm_at_zero = 1}), made({.norm_at_zero = 1})));
      CHECK_FALSE(same_bits(chosen({.norm_at_zero = 1}), plain));
      CHECK(same_bits(chosen({}), plain));
    }
}

TEST_CASE("two passes that part where choices matter have the bits of two calls") {
  for (Device device : devices())
    for (DType dtype : real_dtypes)
      for (bool in_double : {false, true}) {
        Sequential net = chooser({}, dtype, device);
        const std::vector<Tensor> leaves = leaves_of(net);
        Tape tape(Tape::Keep::choices);
        const Tensor loss = cross_entropy(net(images(dtype, device)), labels(device));
        const GradientOptions plain{.in_double = in_double, .scale = 2};
        for (const Choices& choices :
             {Choices{}, Choices{.ties = TieRule::native()}, Choices{.ties = TieRule::minimal()}, Choices{.relu0 = 1},
              Choices{.norm_at_zero = 1}, Choices{.summation_order = 5}}) {
          GradientOptions other = plain;
          other.choices = choices;
          const auto [first, second] = tape.gradients(loss, leaves, plain, choices);
          CHECK(same_bits(first, tape.gradients(loss, leaves, plain)));
          CHECK(same_bits(second, tape.gradients(loss, leaves, other)));
          const auto [third, fourth] = tape.gradients(loss, leaves, other, {});
          CHECK(same_bits(third, second));
          CHECK(same_bits(fourth, first));
          for (const Tensor& leaf : leaves) CHECK_FALSE(leaf.grad());
        }
      }
}

TEST_CASE("two passes are one as long as they agree") {
  Sequential net = chooser({}, DType::f32, Device::cpu);
  const std::vector<Tensor> leaves = leaves_of(net);
  Tape tape(Tape::Keep::choices);
  const Tensor loss = cross_entropy(net(images(DType::f32, Device::cpu)), labels(Device::cpu));
  const auto shared = [&](const Choices& second) {
    const auto [a, b] = tape.gradients(loss, leaves, {}, second);
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i) count += a[i].view().data == b[i].view().data;
    return count;
  };
  CHECK(shared({}) == leaves.size());
  CHECK(shared({.ties = TieRule::native()}) == leaves.size());
  // The convolution before the norm pool has weights 0 where windows are 0, so those before it see no difference. Of
  // the max pools, the first one has ties.
  CHECK(shared({.norm_at_zero = 1}) == leaves.size() - 2);
  CHECK(shared({.ties = TieRule::minimal()}) == leaves.size() - 2);
  CHECK(shared({.summation_order = 5}) == 0);
}

TEST_CASE("two passes meet again where ReLU stops what they differ in") {
  set_seed(1);
  Sequential net{Conv2d({.in = 1, .out = 4, .kernel = 3}), Relu(), MaxPool2d(), Flatten(), Linear({100, 2})};
  const std::vector<Tensor> leaves = leaves_of(net);
  Tape tape(Tape::Keep::choices);
  TieCounter counter(net);
  const Tensor loss =
      cross_entropy(net(random_tensor({1, 12, 12, 1}, DType::f32, 2)), Tensor::from(std::vector<std::int32_t>{1}, {1}));
  REQUIRE(counter.layers()[0].zero_ties > 0);
  const auto [a, b] = tape.gradients(loss, leaves, {}, {.ties = TieRule::minimal()});
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].view().data == b[i].view().data);
}

TEST_CASE("a choice is made wherever another was, the study's backward included") {
  const Tensor x = Tensor::from({2, 2, 2, 2}, {1, 2, 2, 1}).set_requires_grad();
  Tape tape(Tape::Keep::choices);
  const Tensor y = maxpool2d(x, {.ties = TieRule::beta(10), .backward = PoolBackward::composed});
  const Tensor loss = dot(y, Tensor::full(y.shape(), 1));
  const std::vector<Tensor> leaves{x};
  CHECK(tape.gradients(loss, leaves)[0].values() == std::vector<double>{-6.5, 2.5, 2.5, 2.5});
  CHECK(tape.gradients(loss, leaves, {.choices = {.ties = TieRule::last()}})[0].values() ==
        std::vector<double>{0, 0, 0, 1});
}

TEST_CASE("in double an operation differentiates what it saved without another rounding") {
  const auto t = [](const Shape& shape, std::uint64_t seed) { return random_tensor(shape, DType::f64, seed); };
  using In = std::vector<Tensor>;
  check_in_double("add", [](const In& in) { return add(in[0], in[1]); }, {t({3, 4}, 1), t({3, 4}, 2)});
  check_in_double("concat", [](const In& in) { return concat(in); }, {t({3, 4}, 1), t({3, 2}, 2)});
  check_in_double("relu", [](const In& in) { return relu(in[0]); }, {t({3, 4}, 1)});
  check_in_double("linear", [](const In& in) { return linear(in[0], in[1], in[2]); },
                  {t({3, 4}, 1), t({5, 4}, 2), t({5}, 3)});
  check_in_double("conv2d", [](const In& in) { return conv2d(in[0], in[1], in[2], {.pad = 1}); },
                  {t({2, 5, 5, 3}, 1), t({4, 3, 3, 3}, 2), t({4}, 3)});
  check_in_double("maxpool2d", [](const In& in) { return maxpool2d(in[0], {.window = 3, .stride = 2}); },
                  {t({2, 7, 7, 3}, 1)});
  check_in_double("relu_maxpool2d", [](const In& in) { return relu_maxpool2d(in[0], 0.5); }, {t({2, 6, 6, 3}, 1)});
  check_in_double("avgpool2d", [](const In& in) { return avgpool2d(in[0]); }, {t({2, 6, 6, 3}, 1)});
  check_in_double("adaptive_avgpool2d", [](const In& in) { return adaptive_avgpool2d(in[0], 2); },
                  {t({2, 5, 5, 3}, 1)});
  check_in_double("dropout", [](const In& in) { return dropout(in[0], 0.5, Rng(4)); }, {t({30}, 1)});
}

TEST_CASE("in double, what is saved rounded stays so") {
  // The logits are exact, the norm is not: its gradient is x / y with the saved y.
  const Tensor x = Tensor::from({1, 2, 3, 1}, {1, 2, 2, 1}, DType::f16).set_requires_grad();
  Tape tape(Tape::Keep::choices);
  const Tensor y = normpool2d(x);
  const Tensor loss = dot(y, Tensor::full(y.shape(), 1, DType::f64));
  const double norm = y.item();
  const std::vector<Tensor> leaves{x};
  const Tensor gradient = tape.gradients(loss, leaves, {.in_double = true})[0];
  CHECK(gradient.dtype() == DType::f64);
  CHECK(gradient.values() == std::vector<double>{1 / norm, 2 / norm, 3 / norm, 1 / norm});
}

TEST_CASE("in double, normalisation uses the batch's statistics as they were") {
  const Tensor x = random_tensor({16, 3}, DType::f32, 1).set_requires_grad();
  const Tensor gamma = random_tensor({3}, DType::f32, 2).set_requires_grad(),
               beta = random_tensor({3}, DType::f32, 3).set_requires_grad();
  const Tensor weights = random_tensor({16, 3}, DType::f64, 4);
  const auto norm = [](const std::vector<Tensor>& in) {
    return batch_norm(in[0], in[1], in[2], {}, {}, {.relu = true});
  };
  const std::vector<Tensor> leaves{x, gamma, beta};
  Tape tape(Tape::Keep::choices);
  const std::vector<Tensor> got = tape.gradients(dot(norm(leaves), weights), leaves, {.in_double = true});
  std::vector<Tensor> wide;
  for (const Tensor& leaf : leaves) wide.push_back(leaf.detach().to(DType::f64));
  const std::vector<Tensor> want = gradients_of(norm, wide, weights);
  // The two saved statistics were rounded to float, by half a unit each; nothing else was.
  for (std::size_t i = 0; i < got.size(); ++i) {
    const std::vector<double> a = got[i].values(), b = want[i].values();
    for (std::size_t k = 0; k < a.size(); ++k) CHECK(std::abs(a[k] - b[k]) <= 1e-6);
  }
}

TEST_CASE("the order of summation changes roundings of weight gradients, and nothing else") {
  for (Device device : devices()) {
    Sequential net{Conv2d({.in = 2, .out = 3, .kernel = 3}), Flatten(), Linear({108, 3})};
    net.to(device);
    const std::vector<Tensor> leaves = leaves_of(net);
    const auto difference = [&](const Tensor& x) {
      Tape tape(Tape::Keep::choices);
      const Tensor loss =
          cross_entropy(net(x.to(device)), Tensor::from(std::vector<std::int32_t>(16, 1), {16}).to(device));
      const auto by = [&](std::uint64_t seed) {
        return tape.gradients(loss, leaves, {.choices = {.summation_order = seed}});
      };
      const std::vector<Tensor> plain = tape.gradients(loss, leaves), first = by(1), second = by(2);
      CHECK(same_bits(first, by(1)));
      CHECK_FALSE(same_bits(first, second));
      double largest = 0;
      for (std::size_t i = 0; i < plain.size(); ++i) {
        const std::vector<double> a = plain[i].values(), b = first[i].values();
        for (std::size_t k = 0; k < a.size(); ++k) largest = std::max(largest, std::abs(a[k] - b[k]));
      }
      return largest;
    };
    const double noise = difference(random_tensor({16, 8, 8, 2}, DType::f32, 6));
    CHECK(noise > 0);
    CHECK(noise < 1e-5);  // sums of 576 products below 1 in size
  }
}

TEST_CASE("gradients leave an optimizer's arena and its gradients alone") {
  Lenet net;
  Sgd sgd(net, {.lr = 0.1});
  const std::vector<Tensor> leaves = leaves_of(net);
  const Tensor x = random_tensor({2, 28, 28, 1}, DType::f32, 1), y = Tensor::from(std::vector<std::int32_t>{3, 4}, {2});
  Tape first;
  first.backward(cross_entropy(net(x), y));
  std::vector<Tensor> before;
  for (const Tensor& leaf : leaves) before.push_back(leaf.grad().clone());
  Tape second(Tape::Keep::choices);
  const std::vector<Tensor> twice = second.gradients(cross_entropy(net(x), y), leaves, {.scale = 2});
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    CHECK(same_bits({leaves[i].grad()}, {before[i]}));
    CHECK(twice[i].view().data != leaves[i].grad().view().data);
    const std::vector<double> got = twice[i].values(), want = before[i].values();
    for (std::size_t k = 0; k < got.size(); ++k) REQUIRE(got[k] == 2 * want[k]);
  }
}

TEST_CASE("what gradients refuse") {
  const Tensor x = Tensor::from({1, 2}, {2}).set_requires_grad(), other = Tensor::from({1}, {1}).set_requires_grad();
  const std::vector<Tensor> leaves{x, other};
  {
    Tape tape;
    const Tensor loss = dot(relu(x), Tensor::full({2}, 1));
    CHECK_THROWS_WITH(tape.gradients(loss, leaves),
                      "gradients: expected a tape made with Keep::choices, got one that keeps the least");
  }
  Tape tape(Tape::Keep::choices);
  const Tensor y = relu(x), loss = dot(y, Tensor::full({2}, 1));
  CHECK_THROWS_WITH(tape.gradients(loss, std::vector<Tensor>{y}),
                    "gradients: expected leaves that require a gradient, got a tensor that a tape recorded");
  CHECK_THROWS_WITH(tape.gradients(loss, std::vector<Tensor>{x.detach()}),
                    "gradients: expected leaves that require a gradient, got a tensor that requires none");
  CHECK_THROWS_WITH(tape.gradients(y, leaves), "gradients: expected a loss of one element, got shape 2");
  CHECK_FALSE(tape.gradients(loss, leaves)[1]);
  tape.backward(loss);
  CHECK_THROWS_WITH(tape.gradients(loss, leaves),
                    "gradients: expected the first call on this tape, got a second (what it saved is gone)");
}
