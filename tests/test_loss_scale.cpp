// SPDX-License-Identifier: MIT
// The loss's scale in memory, and the steps that it decides on there, against those of the host.
#include "backends.h"
#include "optimizer_support.h"

#include <mpad/train/device_loss_scaler.h>
#include <mpad/train/loss_scaler.h>

#include <kernels.h>

#include <limits>

using namespace mpad;
using namespace mpad::test;

namespace {

// As the kernel wants them: numbers of a rate, and of each count a row, of so many numbers each. All differ.
struct Sizes {
  std::int64_t of_rate, of_count;
};
constexpr Sizes sizes[] = {{1, 2}, {2, 2}, {1, 1}, {3, 4}};
constexpr std::int64_t rows = 3;

std::vector<double> sevenths(std::int64_t count, double from) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back((from + static_cast<double>(i)) / 7);
  return values;
}

Tensor tensor_of(const std::vector<double>& values) { return Tensor::from(values, {std::ssize(values)}, DType::f64); }

// What the kernel is to make of them, written out.
std::vector<double> numbers_by_hand(const std::vector<double>& of_rate, const std::vector<double>& of_count,
                                    double unscale) {
  std::vector<double> numbers{of_rate[0] / of_count[0]};
  numbers.insert(numbers.end(), of_count.begin() + 1, of_count.end());
  numbers.insert(numbers.end(), of_rate.begin() + 1, of_rate.end());
  numbers.push_back(unscale);
  return numbers;
}

// The number of gradients of each step that are not finite: the first step, two in a row, and one more.
const std::vector<double> bad = {1, 0, 0, 3, 2147483647, 0, 0, 1, 0, 0, 0};

// Scales beside the bounds of the rule, and good steps that are beside its patience.
const LossScale starts[] = {{}, {65536, 1997}, {0x1p30, 1998}, {0x1p-30, 0}, {0x1p-29, 1999}, {3, 7}};

/// Steps of a module on gradients of half that are not finite in some: by the host's scaler, or the device's.
struct Steps {
  Steps(Device device, const std::function<std::unique_ptr<Optimizer>(Module&)>& make) {
    module.add(random_tensor({77}, DType::f32, 1).to(device));
    module.add(random_tensor({5}, DType::f32, 2).to(device));  // gets no gradient, which counts as 0
    optimizer = make(module);
  }
  void give_gradient(std::size_t step, double scale) const {
    std::vector<double> values = random_tensor({77}, DType::f64, 10 + step, -1e-3, 1e-3).values();
    for (double& value : values) value *= scale;
    // Where the scale does not bring the infinity about, at either end.
    if (bad[step] > 0) values[step % 2 == 0 ? 0 : 76] = step % 3 == 0 ? HUGE_VAL : std::nan("");
    give(module.tensors[0], Tensor::from(values, {77}, DType::f16).to(optimizer->device()));
  }
  std::vector<Tensor> tensors() const {
    std::vector<Tensor> all;
    for (const NamedTensor& named : optimizer->state()) all.push_back(named.tensor.to(Device::cpu).clone());
    for (const Tensor& tensor : module.tensors) all.push_back(tensor.to(Device::cpu).clone());
    return all;
  }

  Bag module{};
  std::unique_ptr<Optimizer> optimizer{};
};

double rate_of(std::size_t step) { return 0.1 / static_cast<double>(1 + step); }

// The scale is part of the gradients, so they must be told it; a device's is asked for before each step.
void check_as_the_host(Device device, const LossScale& start,
                       const std::function<std::unique_ptr<Optimizer>(Module&)>& make) {
  const Steps host(device, make), there(device, make);
  LossScaler scaler{start};
  DeviceLossScaler on_device(*there.optimizer, std::ssize(bad));
  for (const std::size_t pass : {0, 1}) {
    on_device.begin(pass == 0 ? start : on_device.value());
    const std::int64_t before = there.optimizer->steps();
    for (std::size_t step = 0; step < bad.size(); ++step) {
      CAPTURE(pass, step);
      const double rate = rate_of(step + pass * bad.size());
      host.give_gradient(step, scaler.scale);
      host.optimizer->set_lr(rate);
      scaler.step(*host.optimizer);
      there.give_gradient(step, on_device.scale().item());
      on_device.step(tensor_of(there.optimizer->numbers_of_rate(rate)).to(device));
      CHECK_FALSE(there.module.tensors[0].grad());
      CHECK(on_device.value().scale == scaler.scale);
      CHECK(on_device.value().good_steps == scaler.good_steps);
      CHECK(before + on_device.taken() == host.optimizer->steps());
      const std::vector<Tensor> got = there.tensors(), want = host.tensors();
      for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
    }
    CHECK(there.optimizer->steps() == before);
    there.optimizer->set_steps(before + on_device.taken());
  }
}

}  // namespace

TEST_CASE("numbers of a step that is taken are its rate's and its count's, and of one that is not say so") {
  for (const Sizes& size : sizes)
    for (const LossScale& start : starts)
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << size.of_rate << ' ' << size.of_count << ' ' << start.scale);
        const Device device = device_of(where);
        const std::vector<double> counts = sevenths(rows * size.of_count, 100);
        const Tensor of_count = tensor_of(counts).to(device);
        const Tensor scaler = tensor_of({start.scale, static_cast<double>(start.good_steps)}).to(device).clone();
        const Tensor taken = Tensor::zeros({1}, DType::i32, device);
        LossScale want = start;
        std::int64_t want_taken = 0;
        for (std::size_t step = 0; step < bad.size(); ++step) {
          const std::vector<double> rates = sevenths(size.of_rate, static_cast<double>(step));
          const Tensor nonfinite = Tensor::full({1}, bad[step], DType::i32, device);
          const Tensor numbers = Tensor::full({size.of_rate + size.of_count}, std::nan(""), DType::f64, device);
          const Tensor of_rate = tensor_of(rates).to(device);
          kernels::scale_step(where, {nonfinite.view(), of_rate.view(), of_count.view()}, scaler.view(), taken.view(),
                              numbers.view());
          const std::int64_t row = std::min(want_taken, rows - 1) * size.of_count;
          const std::vector<double> counted(counts.begin() + row, counts.begin() + row + size.of_count);
          const bool finite = bad[step] == 0;
          CHECK(numbers.values() == numbers_by_hand(rates, counted, finite ? 1 / want.scale : 0));
          want.update(finite);
          want_taken += finite;
          CHECK(scaler.values() == Values{want.scale, static_cast<double>(want.good_steps)});
          CHECK(taken.item() == static_cast<double>(want_taken));
        }
      });
}

TEST_CASE("an optimizer's numbers are those of its rate and its count") {
  Bag module;
  module.add(Tensor::full({1}, 1));
  const double lr = 0.3, beta1 = 0.9, beta2 = 0.999;
  const Sgd sgd(module, {.lr = 1, .momentum = 0.9});
  const Adam adam(module, {.beta1 = beta1, .beta2 = beta2, .weight_decay = 0.01, .decoupled = true});
  for (const std::int64_t step : {1, 2, 1000}) {
    const auto t = static_cast<double>(step);
    CHECK(sgd.numbers(lr, step, 8) == Values{lr, step == 1 ? 1.0 : 0.0, 0.125});
    CHECK(adam.numbers(lr, step, 8) ==
          Values{lr / (1 - std::pow(beta1, t)), std::sqrt(1 - std::pow(beta2, t)), 1 - lr * 0.01, 0.125});
    for (const Optimizer* optimizer : {static_cast<const Optimizer*>(&sgd), static_cast<const Optimizer*>(&adam)})
      CHECK(optimizer->numbers(lr, step, 8) ==
            numbers_by_hand(optimizer->numbers_of_rate(lr), optimizer->numbers_of_count(step), 0.125));
  }
}

TEST_CASE("steps that the device decides on have the bits of the host's, skipped or taken") {
  for (const Device device : devices())
    for (const LossScale& start : starts) {
      CAPTURE(to_string(device), start.scale, start.good_steps);
      for (const double momentum : {0.0, 0.9})
        check_as_the_host(device, start, [=](Module& module) {
          return std::make_unique<Sgd>(
              module, SgdOptions{.lr = 1, .momentum = momentum, .weight_decay = 0.01, .float_masters = true});
        });
      for (const bool decoupled : {false, true})
        check_as_the_host(device, start, [=](Module& module) {
          return std::make_unique<Adam>(
              module, AdamOptions{.weight_decay = 0.01, .decoupled = decoupled, .float_masters = true});
        });
    }
}

TEST_CASE("a loss's scale is read as the gradient is computed, and rounded to the loss's type") {
  for (const Device device : devices())
    for (const DType dtype : real_dtypes) {
      CAPTURE(to_string(device), to_string(dtype));
      const Tensor scale = Tensor::full({1}, 1, DType::f64, device);
      for (const double value : {1.0, 65536.0, 1.0 / 3}) {
        const Tensor x = random_tensor({5}, dtype, 3).to(device).set_requires_grad(), same = x.clone();
        Tensor other = same;
        other.set_requires_grad();
        const Tensor weights = random_tensor({5}, dtype, 4).to(device);
        {
          Tape tape;
          const Tensor loss = dot(x, weights);
          scale.fill(value);
          tape.backward(loss, scale);
        }
        Tape tape;
        tape.backward(dot(other, weights), value);
        CHECK(same_bits(x.grad().to(Device::cpu), other.grad().to(Device::cpu)));
        CHECK(scale.item() == value);
      }
    }
  Tensor x = Tensor::full({2}, 1);
  x.set_requires_grad();
  Tape tape;
  const Tensor loss = dot(x, x.detach());
  CHECK_THROWS_WITH(tape.backward(loss, Tensor::zeros({2})),
                    "backward: expected a scale on cpu, one element of half, float or double, got float 2 on cpu");
  CHECK_THROWS_WITH(tape.backward(loss, Tensor::zeros({1}, DType::i32)),
                    "backward: expected a scale on cpu, one element of half, float or double, got i32 1 on cpu");
  tape.backward(loss, Tensor::full({1}, 4));
  CHECK(x.grad().values() == Values{4, 4});
}

TEST_CASE("a loss scaler on the device says what it wants") {
  Bag module;
  module.add(Tensor::full({3}, 1));
  Sgd sgd(module, {.lr = 1, .float_masters = true});
  CHECK_THROWS_WITH(DeviceLossScaler(sgd, 0), "loss scaler: expected 1 step or more, got 0");
  const DeviceLossScaler scaler(sgd, 2);
  CHECK(scaler.value().scale == 65536);
  CHECK_THROWS_WITH(scaler.step(Tensor::zeros({1})),
                    "loss scaler: expected numbers of a rate, double 1 on cpu, got float 1 on cpu");
  CHECK_THROWS_WITH(scaler.step(Tensor::zeros({2}, DType::f64)),
                    "loss scaler: expected numbers of a rate, double 1 on cpu, got double 2 on cpu");
  CHECK_THROWS_WITH(sgd.count_nonfinite_gradients(Tensor::zeros({1})),
                    "optimizer: expected a count on cpu, i32 scalar, got float 1 on cpu");
}
