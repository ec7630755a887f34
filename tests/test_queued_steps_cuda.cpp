// SPDX-License-Identifier: MIT
// Whole steps that are queued, on CUDA each as one graph, have the bits of steps one by one.
#include "backends.h"
#include "training_support.h"

#include <mpad/nn/batch_norm.h>
#include <mpad/train/queued_steps.h>

#include <cmath>
#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr std::int64_t batch_size = 8, count = 50, full = count / batch_size;

std::unique_ptr<Module> make_network(DType dtype, Device device) {
  set_seed(3);
  auto model =
      std::make_unique<Sequential>(Conv2d({.in = 1, .out = 8, .kernel = 3}), BatchNorm2d(8), Relu(),
                                   MaxPool2d({.window = 2, .ties = TieRule::minimal()}), Flatten(), Linear({32, 10}));
  model->to(dtype);
  model->to(device);
  return model;
}

Dataset images_of(DType dtype, Device device, const Augment& augment) {
  Dataset dataset = spots(count, 1);
  dataset.dtype = dtype;
  dataset.augment = augment;
  return dataset.to(device);
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(Module&)>;
std::unique_ptr<Optimizer> momentum(Module& model) {
  return std::make_unique<Sgd>(model, SgdOptions{.lr = 1, .momentum = 0.9, .weight_decay = 0.01});
}
std::unique_ptr<Optimizer> adam(Module& model) { return make_adamw(model, {.epsilon = 1e-4}); }

std::vector<double> rates_of(std::uint64_t pass) {
  std::vector<double> rates;
  for (std::uint64_t i = 0; i < full; ++i) rates.push_back(0.05 / static_cast<double>(1 + i + full * pass));
  return rates;
}

/// A network, its optimizer and its images, whose passes are numbered.
struct Training {
  Training(DType dtype, Device device, const MakeOptimizer& make, const Augment& augment)
      : model(make_network(dtype, device)), optimizer(make(*model)), images(images_of(dtype, device, augment)) {
    model->train();
  }
  Batches pass(std::uint64_t number) const {
    Rng rng = Rng(7).split(number);
    return images.batches(batch_size, rng);
  }
  QueuedSteps::Results one_by_one(std::uint64_t number) const {
    QueuedSteps::Results results;
    const Batches batches = pass(number);
    for (std::int64_t i = 0; i < full; ++i) {
      optimizer->set_lr(rates_of(number)[static_cast<std::size_t>(i)]);
      const Forward forward = compute_gradients(*model, batches[i], false, 1, Rng(0));
      results.losses.push_back(forward.loss.item());
      results.correct.push_back(forward.correct.item());
      optimizer->step();
    }
    return results;
  }

  std::unique_ptr<Module> model;
  std::unique_ptr<Optimizer> optimizer;
  Dataset images;
};

void append(QueuedSteps::Results& to, const QueuedSteps::Results& more) {
  to.losses.insert(to.losses.end(), more.losses.begin(), more.losses.end());
  to.correct.insert(to.correct.end(), more.correct.begin(), more.correct.end());
}

bool same_state(const Training& a, const Training& b) {
  return same_tensors(changed_by_steps(*a.model, *a.optimizer), changed_by_steps(*b.model, *b.optimizer)) &&
         a.optimizer->steps() == b.optimizer->steps();
}

}  // namespace

TEST_CASE("queued steps have the bits of steps one by one, pass by pass") {
  for (const Device device : devices())
    for (const DType dtype : real_dtypes)
      for (const MakeOptimizer& make : {MakeOptimizer(momentum), MakeOptimizer(adam)})
        for (const Augment& augment : {Augment{}, Augment{.crop_pad = 1, .flip = true}}) {
          CAPTURE(to_string(device), to_string(dtype), augment.flip);
          const Training queued(dtype, device, make, augment), plain(dtype, device, make, augment);
          QueuedSteps steps(*queued.model, *queued.optimizer, queued.pass(0));
          REQUIRE(steps.size() == full);
          CHECK(steps.images() == batch_size);
          for (std::uint64_t pass = 0; pass < 3; ++pass) {
            CAPTURE(pass);
            steps.begin(queued.pass(pass), rates_of(pass));
            QueuedSteps::Results got = steps.take(1);
            append(got, steps.take(3));
            append(got, steps.take(full - 4));
            const QueuedSteps::Results want = plain.one_by_one(pass);
            CHECK(got.losses == want.losses);
            CHECK(got.correct == want.correct);
            CHECK(same_state(queued, plain));
          }
        }
}

TEST_CASE("where a loss is not finite the steps are undone, and others can be taken") {
  for (const Device device : devices())
    for (const DType dtype : real_dtypes) {
      CAPTURE(to_string(device), to_string(dtype));
      const Training queued(dtype, device, momentum, {}), plain(dtype, device, momentum, {});
      QueuedSteps steps(*queued.model, *queued.optimizer, queued.pass(0));
      std::vector<double> rates = rates_of(0);
      rates[3] = 1e300;  // the step behind it has no finite loss
      steps.begin(queued.pass(0), rates);
      CHECK(steps.take(2).losses.size() == 2);
      std::vector<Tensor> before;
      for (const NamedTensor& named : changed_by_steps(*queued.model, *queued.optimizer))
        before.push_back(named.tensor.clone());
      for (int again = 0; again < 2; ++again) {
        const QueuedSteps::Results none = steps.take(full - 2);
        CHECK(none.losses.empty());
        CHECK(none.correct.empty());
        const std::vector<NamedTensor> after = changed_by_steps(*queued.model, *queued.optimizer);
        for (std::size_t i = 0; i < before.size(); ++i)
          CHECK(same_bits(after[i].tensor.to(Device::cpu), before[i].to(Device::cpu)));
        CHECK(queued.optimizer->steps() == 2);
      }
      // The place in the pass is that of before, too.
      CHECK(steps.take(2).losses.size() == 2);
      CHECK(queued.optimizer->steps() == 4);
      CHECK(steps.take(1).losses.empty());
    }
}

TEST_CASE("queued steps ask the device for no memory once they are recorded") {
  if (!can_use_cuda()) return;
  const Training training(DType::f32, Device::cuda, momentum, {.crop_pad = 1, .flip = true});
  QueuedSteps steps(*training.model, *training.optimizer, training.pass(0));
  const auto take_pass = [&](std::uint64_t pass) {
    steps.begin(training.pass(pass), rates_of(pass));
    steps.take(full);
  };
  take_pass(0);
  const Batches next = training.pass(1);
  steps.begin(next, rates_of(1));
  const MemoryStatistics before = memory_statistics(Device::cuda);
  steps.take(full);
  CHECK(memory_statistics(Device::cuda).system_allocations == before.system_allocations);
  CHECK(memory_statistics(Device::cuda).in_use == before.in_use);
}

TEST_CASE("queued steps say what they want") {
  const Training training(DType::f32, Device::cpu, momentum, {});
  QueuedSteps steps(*training.model, *training.optimizer, training.pass(0));
  CHECK_THROWS_WITH(steps.begin(training.pass(0), {0.1}), "queued steps: expected 6 rates, got 1");
  steps.begin(training.pass(0), rates_of(0));
  CHECK_THROWS_WITH(steps.take(7), "queued steps: expected 1 to 6 steps, got 7");
  CHECK_THROWS_WITH(steps.take(0), "queued steps: expected 1 to 6 steps, got 0");
  steps.take(4);
  CHECK_THROWS_WITH(steps.take(3), "queued steps: expected 1 to 2 steps, got 3");
}
