// SPDX-License-Identifier: MIT
// Tape::gradients modulo a prime: the residues of gradients that are known exactly.
#include "backends.h"

#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/module.h>
#include <mpad/ops.h>

#include <cmath>

using namespace mpad;
using namespace mpad::test;

namespace {

const PrimeField field(65521);

// Small integers, so that pools tie and ReLU sees zeros.
Tensor small_integers(const Shape& shape, std::uint64_t seed) {
  return random_integers(shape, DType::f64, seed, 5, -2);
}

// Numbers of half precision, whose products with small integers sum exactly in double.
Tensor numbers(const Shape& shape, std::uint64_t seed) { return random_tensor(shape, DType::f16, seed).to(DType::f64); }

// The residues of what double has exactly; or else of integers over `denominator`, given with its rounding errors.
std::vector<double> residues(const Tensor& gradient, std::int64_t denominator) {
  std::vector<double> values = gradient.values();
  for (double& value : values) {
    std::int64_t residue = field.residue(value);
    if (denominator > 1) {
      const double numerator = std::nearbyint(std::ldexp(value * static_cast<double>(denominator), 24));
      residue = field.reduced(field.residue(std::ldexp(numerator, -24)) * field.inverse(denominator));
    }
    value = static_cast<double>(residue);
  }
  return values;
}

// Gradients modulo the prime are the residues of those in double, which are exact, or multiples of 2^-24 over the
// denominator.
void check(const char* name, const Function& f, const std::vector<Tensor>& inputs, std::int64_t denominator = 1,
           const Choices& choices = {}) {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      INFO(name << " " << to_string(dtype));
      std::vector<Tensor> leaves;
      for (const Tensor& input : inputs) leaves.push_back(input.to(dtype).to(device).clone().set_requires_grad());
      Tape tape(Tape::Keep::choices);
      const Tensor y = f(leaves);
      const Tensor loss = dot(y, small_integers(y.shape(), 8).to(device));
      const std::vector<Tensor> want = tape.gradients(loss, leaves, {.choices = choices, .in_double = true});
      const std::vector<Tensor> got = tape.gradients(loss, leaves, {.choices = choices, .modulo = &field});
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        CHECK(got[i].dtype() == DType::f64);
        CHECK(got[i].device() == device);
        CHECK(got[i].values() == residues(want[i], denominator));
      }
    }
}

using In = std::vector<Tensor>;

}  // namespace

TEST_CASE("modulo a prime, maps and sums have the residues of their gradients") {
  check("add", [](const In& in) { return add(in[0], in[1]); }, {numbers({3, 4}, 1), numbers({3, 4}, 2)});
  check("add of one leaf", [](const In& in) { return add(in[0], add(in[0], in[0])); }, {numbers({3, 4}, 1)});
  // The factor's residue is nearly half the prime: the sum of two is none.
  const auto drop = [](const Tensor& x) { return dropout(x, 0.4, Rng(4)); };
  check("sum of two gradients", [&](const In& in) { return add(drop(in[0]), drop(in[0])); }, {numbers({30}, 1)});
  check("concat", [](const In& in) { return concat(in); }, {numbers({3, 4}, 1), numbers({3, 2}, 2)});
  check("flatten", [](const In& in) { return flatten(in[0]); }, {numbers({2, 3, 4}, 1)});
  check("cast", [](const In& in) { return cast(in[0], DType::f32); }, {numbers({2, 3}, 1)});
  check("linear", [](const In& in) { return linear(in[0], in[1], in[2]); },
        {numbers({3, 4}, 1), numbers({5, 4}, 2), numbers({5}, 3)});
  check("conv2d", [](const In& in) { return conv2d(in[0], in[1], in[2], {.stride = 2, .pad = 1}); },
        {numbers({2, 7, 7, 3}, 1), numbers({4, 3, 3, 3}, 2), numbers({4}, 3)});
  check("dropout", [](const In& in) { return dropout(in[0], 0.4, Rng(4)); }, {numbers({30}, 1)});
}

TEST_CASE("modulo a prime, ReLU's derivative at 0 is the number that was asked for") {
  const auto relus = [](const In& in) { return relu(in[0], 0.25); };
  check("relu", relus, {small_integers({30}, 1)});
  check("relu0", relus, {small_integers({30}, 1)}, 1, {.relu0 = -1.5});
  const auto pools = [](const In& in) { return relu_maxpool2d(in[0], 0.25); };
  // Three images of zeros, and three of others.
  const Tensor x = small_integers({6, 4, 4, 3}, 1);
  x.slice(0, {144}).copy_from(Tensor::zeros({144}, DType::f64));
  check("relu_maxpool2d", pools, {x});
  check("relu_maxpool2d", pools, {x}, 12, {.ties = TieRule::minimal(), .relu0 = 0.5});
  check("conv2d_relu", [](const In& in) { return conv2d_relu(in[0], in[1], {}, {.pad = 1}); },
        {small_integers({2, 5, 5, 3}, 1), small_integers({4, 3, 3, 3}, 2)});
  check("conv2d_relu_maxpool2d", [](const In& in) { return conv2d_relu_maxpool2d(in[0], in[1], in[2], {}, 0.5, {}); },
        {small_integers({2, 6, 6, 3}, 1), small_integers({4, 3, 3, 3}, 2), small_integers({4}, 3)}, 12,
        {.ties = TieRule::minimal()});
}

TEST_CASE("modulo a prime, weights of tie rules are quotients that are not rounded") {
  struct Thirds {
    double weight(std::uint64_t mask, int i) const { return ties::is_first(mask, i) ? 0.75 : 0.125; }
  };
  const auto pools = [](const In& in) { return maxpool2d(in[0], {.window = 3, .stride = 2}); };
  const Tensor x = small_integers({2, 9, 9, 3}, 1);
  for (const TieRule& rule :
       {TieRule::native(), TieRule::last(), TieRule::all(), TieRule::random(3), TieRule::custom(Thirds{}, "thirds")})
    check(rule.name().c_str(), pools, {x}, 1, {.ties = rule});
  for (const TieRule& rule : {TieRule::minimal(), TieRule::beta(0.5), TieRule::beta(-1.25), TieRule::beta(100)})
    check(rule.name().c_str(), pools, {x}, 2520, {.ties = rule});
  check(
      "composed",
      [](const In& in) {
        return maxpool2d(in[0], {.window = 3, .ties = TieRule::beta(0.5), .backward = PoolBackward::composed});
      },
      {x}, 2520);
  check(
      "7x7", [](const In& in) { return maxpool2d(in[0], {.window = 7, .ties = TieRule::minimal()}); },
      {small_integers({1, 7, 7, 3}, 1)}, 5354228880);
}

TEST_CASE("modulo a prime, averages divide exactly") {
  const Tensor x = numbers({2, 7, 7, 3}, 1);
  check(
      "avgpool2d", [](const In& in) { return avgpool2d(in[0], {.window = 3, .stride = 2}); }, {x}, 9);
  check(
      "avgpool2d with padding",
      [](const In& in) { return avgpool2d(in[0], {.window = 3, .stride = 2, .pad = 1, .count_padding = false}); }, {x},
      36);
  check(
      "global_avgpool2d", [](const In& in) { return global_avgpool2d(in[0]); }, {x}, 49);
  check(
      "adaptive_avgpool2d", [](const In& in) { return adaptive_avgpool2d(in[0], 3); }, {x}, 9);
}

TEST_CASE("modulo a prime, norms have the quotients that double makes of what was saved") {
  // Windows with a norm of 5, of 10 and of 0.
  const Tensor x = Tensor::from({1, 2, 2, 4, 2, 4, 4, 8, 0, 0, 0, 0}, {3, 2, 2, 1}, DType::f64);
  const auto pools = [](const In& in) { return normpool2d(in[0], {.at_zero = 0.5}); };
  check("normpool2d", pools, {x});
  check("norm_at_zero", pools, {x}, 1, {.norm_at_zero = -3});
  check("windows that overlap", [](const In& in) { return normpool2d(in[0], {.window = 2, .stride = 1}); },
        {Tensor::from({1, -1, 1, 1, 1, -1, -1, 1, 1}, {1, 3, 3, 1}, DType::f64)});
  // A norm that has no inverse.
  const std::vector<Tensor> leaves{Tensor::from({65521, 0, 0, 0}, {1, 2, 2, 1}).set_requires_grad()};
  Tape tape(Tape::Keep::choices);
  const Tensor loss = dot(normpool2d(leaves[0]), Tensor::full({1, 1, 1, 1}, 3, DType::f64));
  CHECK(tape.gradients(loss, leaves, {.modulo = &field})[0].values() == std::vector<double>{3, 0, 0, 0});
}

TEST_CASE("modulo a prime, normalisation follows its statistics") {
  // A mean of 3 and a variance of 4 or 1; 12 values in each channel.
  const Tensor x =
      Tensor::from({1, 2, 5, 4, 1, 4, 5, 2, 1, 2, 5, 4, 5, 4, 1, 2, 1, 4, 5, 2, 1, 2, 5, 4}, {12, 2}, DType::f64);
  const Tensor gamma = Tensor::from({0.5, 3}, {2}, DType::f64), beta = Tensor::from({1, -2}, {2}, DType::f64);
  for (bool training : {true, false})
    check(
        "batch_norm",
        [&](const In& in) {
          const Device device = in[0].device();
          const Tensor mean = Tensor::from({2, 3}, {2}, in[0].dtype()).to(device),
                       variance = Tensor::from({4, 0.25}, {2}, in[0].dtype()).to(device);
          return batch_norm(in[0], in[1], in[2], mean, variance, {.training = training, .epsilon = 0, .relu = true});
        },
        {x, gamma, beta}, training ? 12 : 1);
  const Tensor addend = small_integers({12, 2}, 4);
  check(
      "batch_norm of a sum",
      [&](const In& in) { return batch_norm(in[0], in[1], in[2], {}, {}, {.epsilon = 0, .relu = true}, in[3]); },
      {x, gamma, beta, addend}, 12);
}

TEST_CASE("modulo a prime, the loss's derivative is what double makes of it") {
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      const std::vector<Tensor> leaves{random_tensor({4, 3}, dtype, 5).to(device).clone().set_requires_grad()};
      Tape tape(Tape::Keep::choices);
      const Tensor loss = cross_entropy(leaves[0], Tensor::from(std::vector<std::int32_t>{0, 2, 1, 1}, {4}).to(device));
      std::vector<double> want = tape.gradients(loss, leaves, {.in_double = true})[0].values();
      for (double& value : want) value = static_cast<double>(field.reduced(field.residue(value) * 3));
      CHECK(tape.gradients(loss, leaves, {.scale = 3, .modulo = &field})[0].values() == want);
    }
}

TEST_CASE("modulo a prime, the beta family is a line through native and minimal") {
  // One pool: gradients are linear in its Jacobian, and everything else in the network is the same.
  for (Device device : devices())
    for (DType dtype : real_dtypes) {
      set_seed(4);
      Sequential net{Conv2d({.in = 2, .out = 4, .kernel = 3, .pad = 1}),
                     BatchNorm2d(4, {.relu = true}),
                     Conv2d({.in = 4, .out = 4, .kernel = 3, .pad = 1}),
                     MaxPool2d({.window = 3, .stride = 1}),
                     Conv2d({.in = 4, .out = 3, .kernel = 3}),
                     BatchNorm2d(3),
                     Relu(),
                     AvgPool2d({.window = 3}),
                     Flatten(),
                     Linear({3, 3})};
      for (const NamedTensor& parameter : parameters(net))
        if (parameter.path == "2.weight") parameter.tensor.slice(0, {36}).fill(0);  // a channel that ties everywhere
      net.to(dtype);
      net.to(device);
      std::vector<Tensor> leaves;
      for (const NamedTensor& parameter : parameters(net)) leaves.push_back(parameter.tensor);
      Tensor images({4, 7, 7, 2}, dtype);
      images.copy_from(small_integers(images.shape(), 9).to(dtype));
      Tape tape(Tape::Keep::choices);
      const Tensor loss =
          cross_entropy(net(images.to(device)), Tensor::from(std::vector<std::int32_t>{0, 2, 1, 1}, {4}).to(device));
      const auto by = [&](double beta) {
        return tape.gradients(loss, leaves, {.choices = {.ties = TieRule::beta(beta)}, .modulo = &field});
      };
      const auto [native, minimal] = tape.gradients(
          loss, leaves, {.choices = {.ties = TieRule::native()}, .modulo = &field}, {.ties = TieRule::minimal()});
      const std::vector<Tensor> beta = by(5), at0 = by(0), at1 = by(1);
      int different = 0;
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const std::vector<double> a = native[i].values(), b = minimal[i].values(), got = beta[i].values();
        CHECK(at0[i].values() == a);
        CHECK(at1[i].values() == b);
        different += a != b;
        for (std::size_t k = 0; k < got.size(); ++k)
          CHECK(got[k] == static_cast<double>(field.reduced(static_cast<std::int64_t>(5 * b[k] - 4 * a[k]))));
      }
      CHECK(different > 0);
    }
}

TEST_CASE("modulo a prime, what cannot be exact is refused") {
  const PrimeField three(3);
  const auto gradients = [](const Tensor& loss, const Tensor& leaf, const PrimeField& modulo) {
    const std::vector<Tensor> leaves{leaf};
    return Tape::current()->gradients(loss, leaves, {.modulo = &modulo});
  };
  const Tensor x = Tensor::full({1, 2, 2, 1}, 1).set_requires_grad();
  const Tensor one = Tensor::full({1, 1, 1, 1}, 1, DType::f64), half = Tensor::full({1, 1, 1, 1}, 0.5, DType::f64);
  {
    Tape tape(Tape::Keep::choices);
    CHECK_THROWS_WITH(
        gradients(dot(maxpool2d(x), half), x, field),
        "dot: expected whole numbers below 2^53 in a pass modulo a prime, got 0.5 (products take what was "
        "saved from Gradients::factor)");
  }
  {
    Tape tape(Tape::Keep::choices);
    const Tensor wide = Tensor::full({1, 3, 3, 1}, 1).set_requires_grad();
    CHECK_THROWS_WITH(gradients(dot(avgpool2d(wide, {.window = 3}), one), wide, three),
                      "prime field: expected a number that 3 does not divide, got 9");
  }
  {
    Tape tape(Tape::Keep::choices);
    const Tensor weight = Tensor::full({1, 4}, std::numeric_limits<double>::infinity()).set_requires_grad();
    const Tensor y = linear(flatten(x), weight, {});
    CHECK_THROWS_WITH(gradients(dot(y, Tensor::full({1, 1}, 1, DType::f64)), x, field),
                      "linear: expected finite numbers in a pass modulo a prime, got inf");
  }
}

TEST_CASE("modulo a prime, sums that are too long are refused", "[large]") {
  const std::int64_t rows = PrimeField::max_terms + 1;
  const Tensor x = Tensor::full({rows, 1}, 1);
  Tape tape(Tape::Keep::choices);
  // The weight's gradient is summed over rows, or the input's over the weight's.
  const Tensor leaf = Tensor::full({1, 1}, 1).set_requires_grad();
  for (const Tensor& y : {linear(x, leaf, {}), linear(leaf, x, {})}) {
    const std::vector<Tensor> leaves{leaf};
    const Tensor loss = dot(y, Tensor::full(y.shape(), 1, DType::f64));
    CHECK_THROWS_WITH(tape.gradients(loss, leaves, {.modulo = &field}),
                      "linear: expected sums of at most 8388608 products in a pass modulo a prime, got 8388609");
  }
}
