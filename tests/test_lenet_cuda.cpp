// SPDX-License-Identifier: MIT
// LeNet on CUDA trains as on the CPU, to rounding, and twice to the same bits.
#include "backends.h"

#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>
#include <mpad/optim.h>

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr std::int64_t all_steps = 50, early_steps = 10, batch_size = 2;

struct Training {
  std::vector<double> losses{};
  std::vector<Tensor> early_state{};  // after early_steps, on the CPU
};

Training train(DType dtype, Device device, std::int64_t steps) {
  Dataset digits = synthetic_digits(steps * batch_size, 1, 7).train;
  digits.dtype = dtype;
  set_seed(1);
  Lenet model({.ties = TieRule::minimal()});
  model.to(dtype);
  model.to(device);
  Sgd sgd(model, {.lr = 0.02, .momentum = 0.6, .weight_decay = 5e-4});
  Training training;
  for (const auto& [images, labels] : digits.to(device).batches(batch_size)) {
    Tape tape;
    const Tensor loss = cross_entropy(model(images), labels);
    tape.backward(loss);
    sgd.step();
    training.losses.push_back(loss.item());
    if (sgd.steps() != early_steps) continue;
    for (const NamedTensor& named : state(model)) training.early_state.push_back(named.tensor.to(Device::cpu).clone());
  }
  return training;
}

}  // namespace

TEST_CASE("LeNet's loss on CUDA follows the CPU's for 50 steps") {
  if (!can_use_cuda()) return;
  for (const DType dtype : real_dtypes) {
    CAPTURE(to_string(dtype));
    const Training want = train(dtype, Device::cpu, all_steps), got = train(dtype, Device::cuda, all_steps);
    REQUIRE(got.losses.size() == want.losses.size());
    // In ulps of the loss: a forward rounds differently by 2 or so. A step leaves an error of lr * |grad| times some
    // ulps in the parameters, which moves the later losses by |grad| times it; gradients have a norm of about 1, and
    // the steps add up to 50 * lr / (1 - momentum) = 2.5. Larger rates would multiply the errors at each step.
    for (std::size_t i = 0; i < want.losses.size(); ++i) {
      CAPTURE(i, got.losses[i], want.losses[i]);
      CHECK(ulps(got.losses[i], want.losses[i], dtype) <= 16);
    }
    const Training again = train(dtype, Device::cuda, early_steps);
    CHECK(std::equal(again.losses.begin(), again.losses.end(), got.losses.begin()));
    REQUIRE(again.early_state.size() == got.early_state.size());
    for (std::size_t i = 0; i < got.early_state.size(); ++i) CHECK(same_bits(again.early_state[i], got.early_state[i]));
  }
}
