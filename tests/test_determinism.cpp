// SPDX-License-Identifier: MIT
// Training gives the same bits from run to run and for any number of threads.
#include "training_support.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/vgg.h>
#include <mpad/optim.h>
#include <mpad/schedule.h>

#include <optional>
#include <string_view>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Run {
  DType dtype;
  LenetOptions lenet{};
  int steps = 4;
  std::int64_t batch_size = 32;
  bool adam = true;
};

/// Every parameter after a run of LeNet on drawn digits, and the losses on the way.
struct Trained {
  std::vector<Tensor> parameters;
  std::vector<double> losses;
};

std::unique_ptr<Optimizer> make_optimizer(const Run& run, Module& model) {
  // Second moments vanish in half: epsilon must be large enough to divide by (optim.h).
  if (run.adam) return make_adamw(model, {.lr = 1e-3, .epsilon = 1e-4, .weight_decay = 0.01});
  return std::make_unique<Sgd>(model, SgdOptions{.lr = 0.02, .momentum = 0.9, .weight_decay = 5e-4});
}

Trained train(const Run& run) {
  static const Dataset drawn = synthetic_digits(640, 1, 5).train;
  Dataset digits = drawn;
  digits.dtype = run.dtype;
  set_seed(5);
  Lenet model(run.lenet);
  model.to(run.dtype);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(run, model);
  const double lr = optimizer->lr();
  const Schedule schedule{.kind = Schedule::Kind::cosine, .total = run.steps, .warmup = 3};
  Trained result;
  Rng rng(6);
  while (optimizer->steps() < run.steps)
    for (const auto& [images, labels] : digits.batches(run.batch_size, rng)) {
      if (optimizer->steps() == run.steps) break;
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

/// Runs with 1, 2 and 4 threads; checks that all end with the same bits, and returns the first.
Trained train_alike(const Run& run) {
  Trained first;
  with_threads([&] {
    const Trained result = train(run);
    if (first.losses.empty()) first = result;
    CHECK(same(result, first));
  });
  return first;
}

/// Two steps and a test of a network, with 1, 2 and 4 threads and in every precision, end in the same state.
template <class Make>
void deep_trains_alike(const Make& make) {
  const Split data = synthetic_colours(6, 2, 5);  // the second step has fewer images
  const ModelFactory make_model = [&](const Settings&) { return make(); };
  for (const char* bits : {"16", "32", "64", "mixed"}) {
    CAPTURE(bits);
    Settings settings{.lr = 0.01, .epochs = 1, .batch_size = 4};
    settings.mixed = std::string_view(bits) == "mixed";
    settings.dtype = bits[0] == '3' ? DType::f32 : bits[0] == '6' ? DType::f64 : DType::f16;
    std::optional<Trainer> first;
    with_threads([&] {
      Trainer trainer(settings, 0, make_model, data);
      trainer.run_epoch();
      CHECK(std::isfinite(trainer.results().back().train.loss));
      if (first) CHECK(same_state(trainer, *first));
      if (!first) first.emplace(std::move(trainer));
    });
  }
}

}  // namespace

TEST_CASE("100 steps of LeNet learn, and give the same bits on each run, with 1, 2 and 4 threads") {
  for (DType dtype : real_dtypes) {
    INFO(to_string(dtype));
    const Trained trained = train_alike({.dtype = dtype, .steps = 100, .batch_size = 16, .adam = false});
    // ln 10 = 2.3 is what guessing loses: equal bits of a network that does not train would show little.
    CHECK(trained.losses.front() > 2);
    CHECK(trained.losses.back() < 1);
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
      train_alike({.dtype = dtype, .lenet = options});
    }
}

TEST_CASE("another tie rule, and another seed of a random one, train another network") {
  // Equal results for all rules would mean that no window tied, and that the test above says little.
  const auto with = [](const TieRule& rule) {
    return train({.dtype = DType::f16, .lenet = {.ties = rule, .relu0 = 1}, .steps = 6});
  };
  CHECK_FALSE(same(with(TieRule::native()), with(TieRule::minimal())));
  CHECK_FALSE(same(with(TieRule::native()), with(TieRule::random(1))));
  CHECK_FALSE(same(with(TieRule::random(1)), with(TieRule::random(2))));
}

TEST_CASE("VGG and ResNet give the same bits with 1, 2 and 4 threads, in every precision", "[learning]") {
  deep_trains_alike([] { return std::make_unique<Vgg>(VggOptions{.ties = TieRule::minimal(), .batch_norm = true}); });
  deep_trains_alike([] { return std::make_unique<Resnet>(ResnetOptions{.stem = Stem::imagenet_3x3}); });
}
