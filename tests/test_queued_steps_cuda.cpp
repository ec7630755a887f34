// SPDX-License-Identifier: MIT
// Whole steps that are queued, on CUDA each as one graph, have the bits of steps one by one.
#include "backends.h"
#include "training_support.h"

#include <mpad/nn/batch_norm.h>
#include <mpad/train/loss_scaler.h>
#include <mpad/train/queued_steps.h>

#include <cmath>
#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr std::int64_t batch_size = 8, count = 50, full = count / batch_size;

constexpr Precision precisions[] = {{DType::f16}, {DType::f32}, {DType::f64}, {DType::f16, true}};
std::string to_string(const Precision& precision) {
  return precision.mixed ? "mixed" : mpad::to_string(precision.dtype);
}

std::unique_ptr<Module> normalised() {
  return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 8, .kernel = 3}), BatchNorm2d(8), Relu(),
                                                 MaxPool2d({.window = 2, .ties = TieRule::minimal()}), Flatten(),
                                                 Linear({32, 10})});
}
// What draws: dropout of images, of maps and of features, and a tie rule.
std::unique_ptr<Module> drawing() {
  return std::make_unique<Sequential>(Sequential{Dropout(0.1), Conv2d({.in = 1, .out = 8, .kernel = 3}), Dropout(0.25),
                                                 Relu(), MaxPool2d({.window = 2, .ties = TieRule::random(5)}),
                                                 Flatten(), Linear({32, 16}), Relu(), Dropout(0.5), Linear({16, 10})});
}

using MakeNetwork = std::function<std::unique_ptr<Module>()>;
std::unique_ptr<Module> make_network(const MakeNetwork& make, const Precision& precision, Device device) {
  set_seed(3);
  std::unique_ptr<Module> model = make();
  model->to(precision.mixed ? DType::f32 : precision.dtype);
  model->to(device);
  return model;
}

Dataset images_of(DType dtype, Device device, const Augment& augment) {
  Dataset dataset = spots(count, 1);
  dataset.dtype = dtype;
  dataset.augment = augment;
  return dataset.to(device);
}

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(Module&, bool masters)>;
std::unique_ptr<Optimizer> momentum(Module& model, bool masters) {
  return std::make_unique<Sgd>(model,
                               SgdOptions{.lr = 1, .momentum = 0.9, .weight_decay = 0.01, .float_masters = masters});
}
std::unique_ptr<Optimizer> adam(Module& model, bool masters) {
  return make_adamw(model, {.epsilon = 1e-4, .weight_decay = 0.01, .float_masters = masters});
}

std::vector<double> rates_of(std::uint64_t pass) {
  std::vector<double> rates;
  for (std::uint64_t i = 0; i < full; ++i) rates.push_back(0.05 / static_cast<double>(1 + i + full * pass));
  return rates;
}

Rng draws_of(std::uint64_t pass) { return Rng(9).split(pass); }

/// A network, its optimizer and its images, whose passes are numbered.
struct Training {
  Training(const Precision& of, Device device, const MakeOptimizer& make, const Augment& augment,
           const MakeNetwork& network = normalised)
      : precision(of),
        model(make_network(network, precision, device)),
        optimizer(make(*model, precision.mixed)),
        images(images_of(precision.dtype, device, augment)) {
    model->train();
  }
  Batches pass(std::uint64_t number) const {
    Rng rng = Rng(7).split(number);
    return images.batches(batch_size, rng);
  }
  QueuedSteps::Results one_by_one(std::uint64_t number, const LossScale& start = {}) const {
    QueuedSteps::Results results;
    LossScaler scaler{start};
    const Batches batches = pass(number);
    for (std::int64_t i = 0; i < full; ++i) {
      optimizer->set_lr(rates_of(number)[static_cast<std::size_t>(i)]);
      const Forward forward = compute_gradients(*model, batches[i], precision.mixed, precision.mixed ? scaler.scale : 1,
                                                draws_of(number).split(static_cast<std::uint64_t>(i)));
      results.losses.push_back(forward.loss.item());
      results.correct.push_back(forward.correct.item());
      precision.mixed ? scaler.step(*optimizer) : optimizer->step();
    }
    results.scale = scaler;
    return results;
  }

  Precision precision;
  std::unique_ptr<Module> model;
  std::unique_ptr<Optimizer> optimizer;
  Dataset images;
};

void append(QueuedSteps::Results& to, const QueuedSteps::Results& more) {
  to.losses.insert(to.losses.end(), more.losses.begin(), more.losses.end());
  to.correct.insert(to.correct.end(), more.correct.begin(), more.correct.end());
  to.scale = more.scale;
}

// A pass in three takes.
QueuedSteps::Results take_pass(QueuedSteps& steps, const Training& training, std::uint64_t pass,
                               const LossScale& scale = {}) {
  steps.begin(training.pass(pass), rates_of(pass), draws_of(pass), scale);
  QueuedSteps::Results results = steps.take(1);
  append(results, steps.take(3));
  append(results, steps.take(full - 4));
  return results;
}

bool same(const LossScale& a, const LossScale& b) { return a.scale == b.scale && a.good_steps == b.good_steps; }

bool same_state(const Training& a, const Training& b) {
  return same_tensors(changed_by_steps(*a.model, *a.optimizer), changed_by_steps(*b.model, *b.optimizer)) &&
         a.optimizer->steps() == b.optimizer->steps();
}

}  // namespace

TEST_CASE("queued steps have the bits of steps one by one, pass by pass") {
  for (const Device device : devices())
    for (const Precision& precision : precisions)
      for (const MakeOptimizer& make : {MakeOptimizer(momentum), MakeOptimizer(adam)})
        for (const MakeNetwork& network : {MakeNetwork(normalised), MakeNetwork(drawing)})
          for (const Augment& augment : {Augment{}, Augment{.crop_pad = 1, .flip = true}}) {
            CAPTURE(to_string(device), to_string(precision), augment.flip, network()->describe());
            const Training queued(precision, device, make, augment, network),
                plain(precision, device, make, augment, network);
            QueuedSteps steps(*queued.model, *queued.optimizer, queued.pass(0), precision.mixed);
            REQUIRE(steps.size() == full);
            CHECK(steps.images() == batch_size);
            LossScale scale, want_scale;
            for (std::uint64_t pass = 0; pass < 3; ++pass) {
              CAPTURE(pass);
              const QueuedSteps::Results got = take_pass(steps, queued, pass, scale);
              const QueuedSteps::Results want = plain.one_by_one(pass, want_scale);
              CHECK(got.losses == want.losses);
              CHECK(got.correct == want.correct);
              CHECK(same_state(queued, plain));
              scale = got.scale;
              want_scale = want.scale;
              CHECK(same(scale, want_scale));
            }
          }
}

TEST_CASE("in mixed precision steps are skipped, and the scale falls and rises, as one by one") {
  // Gradients of these networks are some hundredths: times 2^30 none is finite in half, times 2^16 all are.
  for (const Device device : devices())
    for (const MakeOptimizer& make : {MakeOptimizer(momentum), MakeOptimizer(adam)})
      for (const LossScale& start : {LossScale{0x1p30, 1999}, LossScale{0x1p22, 1000}, LossScale{65536, 1996}}) {
        CAPTURE(to_string(device), start.scale);
        const Precision mixed{DType::f16, true};
        const Training queued(mixed, device, make, {.crop_pad = 1}, drawing),
            plain(mixed, device, make, {.crop_pad = 1}, drawing);
        QueuedSteps steps(*queued.model, *queued.optimizer, queued.pass(0), true);
        LossScale scale = start, want_scale = start;
        std::int64_t lowered = 0, raised = 0;
        for (std::uint64_t pass = 0; pass < 4; ++pass) {
          CAPTURE(pass);
          // Now and then so many good steps that the scale is raised soon, whether it can be borne or not.
          if (pass > 0) scale.good_steps = want_scale.good_steps = 1997;
          const QueuedSteps::Results got = take_pass(steps, queued, pass, scale);
          const QueuedSteps::Results want = plain.one_by_one(pass, want_scale);
          CHECK(got.losses == want.losses);
          CHECK(got.correct == want.correct);
          CHECK(same(got.scale, want.scale));
          CHECK(same_state(queued, plain));
          lowered += want.scale.scale < want_scale.scale;
          raised += want.scale.scale > want_scale.scale;
          scale = got.scale;
          want_scale = want.scale;
        }
        const std::int64_t taken = plain.optimizer->steps();
        CAPTURE(lowered, raised, taken);
        CHECK(taken > 0);
        if (start.scale == 65536) CHECK(raised > 0);
        if (start.scale == 65536) continue;
        CHECK(lowered > 0);
        CHECK(taken < 4 * full);
      }
}

TEST_CASE("in mixed precision a step without a finite loss is skipped like any other, and its pass goes on") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    const Precision mixed{DType::f16, true};
    // Some mini-batches have logits that half does not bear.
    const auto exceeding = [] {
      std::unique_ptr<Module> model = normalised();
      for (const auto& [path, tensor] : parameters(*model)) {
        if (path != "5.weight") continue;
        std::vector<double> values = tensor.values();
        for (double& value : values) value *= 40000;
        tensor.copy_from(Tensor::from(values, tensor.shape(), tensor.dtype()));
      }
      return model;
    };
    const Training queued(mixed, device, momentum, {}, exceeding), plain(mixed, device, momentum, {}, exceeding);
    QueuedSteps steps(*queued.model, *queued.optimizer, queued.pass(0), true);
    const LossScale start{0x1p-14, 0};
    const QueuedSteps::Results got = take_pass(steps, queued, 0, start), want = plain.one_by_one(0, start);
    REQUIRE(got.losses.size() == want.losses.size());
    std::int64_t lost = 0;
    for (std::size_t i = 0; i < got.losses.size(); ++i) {
      CAPTURE(i, got.losses[i], want.losses[i]);
      lost += !std::isfinite(want.losses[i]);
      CHECK((got.losses[i] == want.losses[i] || (std::isnan(got.losses[i]) && std::isnan(want.losses[i]))));
    }
    CHECK(lost > 0);
    CHECK(lost < full);
    CHECK(plain.optimizer->steps() > 0);
    CHECK(same(got.scale, want.scale));
    CHECK(same_state(queued, plain));
  }
}

TEST_CASE("where a loss is not finite the steps are undone, and others can be taken") {
  for (const Device device : devices())
    for (const Precision& precision : precisions) {
      CAPTURE(to_string(device), to_string(precision));
      const Training queued(precision, device, momentum, {}), plain(precision, device, momentum, {});
      QueuedSteps steps(*queued.model, *queued.optimizer, queued.pass(0), precision.mixed);
      std::vector<double> rates = rates_of(0);
      rates[3] = 1e300;  // the step behind it has no finite loss
      // As small as it gets; raised by the third step, lowered by those without a finite loss.
      const LossScale start{LossScale::least, 1997};
      steps.begin(queued.pass(0), rates, draws_of(0), start);
      CHECK(same(steps.take(2).scale, precision.mixed ? LossScale{LossScale::least, 1999} : LossScale{}));
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
      // The place in the pass is that of before, too, and so is the scale.
      const QueuedSteps::Results again = steps.take(2);
      CHECK(again.losses.size() == 2);
      CHECK(same(again.scale, precision.mixed ? LossScale{2 * LossScale::least, 1} : LossScale{}));
      CHECK(queued.optimizer->steps() == 4);
      CHECK(steps.take(1).losses.empty());
    }
}

TEST_CASE("queued steps ask the device for no memory once they are recorded") {
  if (!can_use_cuda()) return;
  for (const Precision& precision : {Precision{DType::f32}, Precision{DType::f16, true}}) {
    const Training training(precision, Device::cuda, momentum, {.crop_pad = 1, .flip = true}, drawing);
    QueuedSteps steps(*training.model, *training.optimizer, training.pass(0), precision.mixed);
    steps.begin(training.pass(0), rates_of(0), draws_of(0));
    steps.take(full);
    const Batches next = training.pass(1);
    steps.begin(next, rates_of(1), draws_of(1));
    const MemoryStatistics before = memory_statistics(Device::cuda);
    steps.take(full);
    CHECK(memory_statistics(Device::cuda).system_allocations == before.system_allocations);
    CHECK(memory_statistics(Device::cuda).in_use == before.in_use);
  }
}

TEST_CASE("queued steps say what they want") {
  const Training training({DType::f32}, Device::cpu, momentum, {});
  QueuedSteps steps(*training.model, *training.optimizer, training.pass(0));
  CHECK_THROWS_WITH(steps.begin(training.pass(0), {0.1}, Rng(0)), "queued steps: expected 6 rates, got 1");
  steps.begin(training.pass(0), rates_of(0), Rng(0));
  CHECK_THROWS_WITH(steps.take(7), "queued steps: expected 1 to 6 steps, got 7");
  CHECK_THROWS_WITH(steps.take(0), "queued steps: expected 1 to 6 steps, got 0");
  steps.take(4);
  CHECK_THROWS_WITH(steps.take(3), "queued steps: expected 1 to 2 steps, got 3");
}
