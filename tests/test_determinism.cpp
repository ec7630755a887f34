// SPDX-License-Identifier: MIT
// Training gives the same bits from run to run and for any number of threads.
#include "support.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>
#include <mpad/optim.h>
#include <mpad/schedule.h>

using namespace mpad;
using namespace mpad::test;

namespace {

/// Every parameter and the losses after `steps` steps of LeNet on drawn digits.
struct Trained {
  std::vector<Tensor> parameters;
  std::vector<double> losses;
};

Trained train(DType dtype, int steps, const LenetOptions& options = {}, bool adam = false) {
  constexpr std::int64_t batch_size = 32;
  static const Dataset drawn = synthetic_digits(640, 1, 5).train;
  Dataset digits = drawn;
  digits.dtype = dtype;
  set_seed(5);
  Lenet model(options);
  model.to(dtype);
  const double lr = adam ? 1e-3 : 0.02;
  // Second moments vanish in half: epsilon must be large enough to divide by (optim.h).
  std::unique_ptr<Optimizer> optimizer = make_adamw(model, {.lr = lr, .epsilon = 1e-4, .weight_decay = 0.01});
  if (!adam) optimizer = std::make_unique<Sgd>(model, SgdOptions{.lr = lr, .momentum = 0.9, .weight_decay = 5e-4});
  const Schedule schedule{.kind = Schedule::Kind::cosine, .total = steps, .warmup = 3};
  Trained result;
  Rng rng(6);
  while (optimizer->steps() < steps)
    for (const auto& [images, labels] : digits.batches(batch_size, rng)) {
      if (optimizer->steps() == steps) break;
      optimizer->set_lr(lr * schedule.factor(optimizer->steps()));
      Tape tape;
      const Tensor loss = cross_entropy(model(images), labels);
      tape.backward(loss);
      optimizer->step();
      result.losses.push_back(loss.item());
    }
  for (const NamedTensor& named : parameters(model)) result.parameters.push_back(named.tensor);
  return result;
}

bool same(const Trained& a, const Trained& b) {
  bool equal = a.losses == b.losses && a.parameters.size() == b.parameters.size();
  for (std::size_t i = 0; equal && i < a.parameters.size(); ++i) equal = same_bits(a.parameters[i], b.parameters[i]);
  return equal;
}

}  // namespace

TEST_CASE("100 steps of LeNet learn, and give the same bits from run to run and for 1, 2 and 4 threads") {
  for (DType dtype : real_dtypes) {
    INFO(to_string(dtype));
    const Trained want = train(dtype, 100);
    with_threads([&] { CHECK(same(train(dtype, 100), want)); });
    // ln 10 = 2.3 is what guessing loses: equal bits of a network that does not train would show little.
    CHECK(want.losses.front() > 2);
    CHECK(want.losses.back() < 1);
  }
}

TEST_CASE("so does AdamW, and so does every tie rule, accumulation and pool") {
  const LenetOptions cases[] = {
      {.ties = TieRule::last()},
      {.ties = TieRule::minimal(), .relu0 = 0.5},
      {.ties = TieRule::beta(0.3), .pool = {.accumulate = Accumulate::narrow}},
      {.ties = TieRule::random(7)},
      {.ties = TieRule::all()},
      {.ties = TieRule::beta(10), .pool = {.forward = PoolForward::composed, .backward = PoolBackward::composed}},
      {.ties = TieRule::beta(10), .pool = {.forward = PoolForward::composed, .backward = PoolBackward::standard}},
  };
  for (DType dtype : real_dtypes)
    for (const LenetOptions& options : cases) {
      INFO(to_string(dtype) << ' ' << options.ties.name());
      const Trained want = train(dtype, 4, options, true);
      with_threads([&] { CHECK(same(train(dtype, 4, options, true), want)); });
    }
}

TEST_CASE("another seed of a random tie rule, and another rule, train another network") {
  // Equal results for all rules would mean that no window tied, and that the test above says little.
  const Trained native = train(DType::f16, 6, {.relu0 = 1}),
                minimal = train(DType::f16, 6, {.ties = TieRule::minimal(), .relu0 = 1});
  const Trained random = train(DType::f16, 6, {.ties = TieRule::random(1), .relu0 = 1});
  const Trained other = train(DType::f16, 6, {.ties = TieRule::random(2), .relu0 = 1});
  CHECK_FALSE(same(native, minimal));
  CHECK_FALSE(same(native, random));
  CHECK_FALSE(same(random, other));
}
