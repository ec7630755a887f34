// SPDX-License-Identifier: MIT
// What changes from step to step, in memory where a step reads it.
#include "kernel_run.h"
#include "optimizer_support.h"

#include <mpad/core/philox.h>

#include <kernels.h>
#include <optimizer.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("numbers in memory stand for those that a step was given, bit for bit") {
  const kernels::SgdStep other_sgd{7, 0.9, 0.01, true, true, 3}, sgd{0.1, 0.9, 0.01, true, false, 0.25};
  const kernels::AdamStep other_adam{7, 0.9, 0.999, 1e-8, 0.01, true, 1, 3},
      adam{0.1, 0.9, 0.999, 1e-8, 0.01, true, 3, 0.25};
  kernels::SgdStep plain = sgd, other_plain = other_sgd;
  plain.momentum = other_plain.momentum = 0;
  const auto tensor_of = [](const auto& numbers) {
    return Tensor::from(std::vector<double>(numbers.begin(), numbers.end()), {std::ssize(numbers)}, DType::f64);
  };
  const Tensor of_sgd = tensor_of(kernels::numbers_of(sgd)), of_adam = tensor_of(kernels::numbers_of(adam));
  for (const bool mixed : {false, true})
    for (const DType dtype : real_dtypes)
      for (const std::int64_t count : element_sizes()) {
        if (mixed && dtype != DType::f32) continue;
        std::vector<Tensor> in = {random_tensor({count}, mixed ? DType::f16 : dtype, 40)};
        for (std::uint64_t i = 0; i < 3; ++i) in.push_back(random_tensor({count}, dtype, 41 + i, i == 2 ? 0 : -1));
        in.push_back(of_sgd);
        in.push_back(of_adam);
        const Output state{{count}, dtype}, copy{{count}, mixed ? DType::f16 : dtype};
        const auto compute = [&](auto where, bool by_numbers) {
          return run_kernel(
              where, in, {state, state, state, copy, state, state, copy, state, copy}, [&](auto given, auto out) {
                for (std::size_t i : {0, 1, 2}) kernels::cast(where, given[i + 1], out[i]);
                for (std::size_t i : {4, 5, 7}) kernels::cast(where, given[i == 5 ? 2 : 1], out[i]);
                for (std::size_t i : {3, 6, 8}) kernels::zero(where, out[i]);
                const auto rounded = [&](std::size_t i) { return mixed ? out[i] : View{}; };
                const View none{}, for_sgd = by_numbers ? given[4] : none, for_adam = by_numbers ? given[5] : none;
                kernels::adam_step(where, by_numbers ? other_adam : adam, out[0], given[0], out[1], out[2], rounded(3),
                                   for_adam);
                kernels::sgd_step(where, by_numbers ? other_sgd : sgd, out[4], given[0], out[5], rounded(6), for_sgd);
                kernels::sgd_step(where, by_numbers ? other_plain : plain, out[7], given[0], {}, rounded(8), for_sgd);
              });
        };
        const std::vector<Tensor> want = compute(CpuWith<Isa::portable>{}, false);
        on_each_backend([&](auto where) {
          INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << count << (mixed ? " mixed" : ""));
          const std::vector<Tensor> got = compute(where, true);
          for (std::size_t i = 0; i < want.size(); ++i) CHECK(same_bits(got[i], want[i]));
        });
      }
}

TEST_CASE("numbers with an unscale of 0 are no step: nothing is written, not even what is no number") {
  const Tensor of_sgd = Tensor::from({0.1, 0, 0}, {3}, DType::f64);
  const Tensor of_adam = Tensor::from({0.1, 1, 1, 0}, {4}, DType::f64);
  const kernels::SgdStep sgd{7, 0.9, 0.01, true, true, 3}, plain{7, 0, 0.01, false, true, 3};
  const kernels::AdamStep adam{7, 0.9, 0.999, 1e-8, 0.01, true, 1, 3};
  for (const bool mixed : {false, true})
    for (const DType dtype : real_dtypes)
      for (const std::int64_t count : element_sizes()) {
        if (mixed && dtype != DType::f32) continue;
        const DType narrow = mixed ? DType::f16 : dtype;
        std::vector<double> gradients = random_tensor({count}, narrow, 50).values();
        for (std::size_t i = 0; i < gradients.size(); i += 5) gradients[i] = i % 2 == 0 ? HUGE_VAL : std::nan("");
        // Bytes of any value, NaNs with a payload among them.
        const auto any = [count](DType type, std::uint64_t seed) {
          const Tensor bytes({count}, type);
          auto* data = static_cast<std::uint8_t*>(bytes.view().data);
          for (std::size_t i = 0; i < bytes.bytes(); ++i) data[i] = static_cast<std::uint8_t>(Philox(seed, i).word[0]);
          return bytes;
        };
        const Tensor grad = Tensor::from(gradients, {count}, narrow);
        const std::vector<Tensor> states{any(dtype, 1), any(dtype, 2), any(dtype, 3), any(narrow, 4)};
        on_each_backend([&](auto where) {
          INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << count << (mixed ? " mixed" : ""));
          const Device device = device_of(where);
          std::vector<Tensor> placed;
          for (const Tensor& state : states) placed.push_back(state.clone().to(device));
          const View parameter = placed[0].view(), rounded = mixed ? placed[3].view() : View{};
          const Tensor given = grad.to(device), sgd_numbers = of_sgd.to(device), adam_numbers = of_adam.to(device);
          kernels::sgd_step(where, sgd, parameter, given.view(), placed[1].view(), rounded, sgd_numbers.view());
          kernels::sgd_step(where, plain, parameter, given.view(), {}, rounded, sgd_numbers.view());
          kernels::adam_step(where, adam, parameter, given.view(), placed[1].view(), placed[2].view(), rounded,
                             adam_numbers.view());
          for (std::size_t i = 0; i < states.size(); ++i) CHECK(same_bits(placed[i].to(Device::cpu), states[i]));
        });
      }
}

namespace {

// Three steps at rates of their own, by step() or by numbers in memory.
template <class Kind, class Options>
std::vector<NamedTensor> after_steps(Device device, DType dtype, const Options& options, bool by_numbers) {
  Bag module;
  module.add(random_tensor({77}, dtype, 1).to(device));
  Kind optimizer(module, options);
  for (std::int64_t step = 1; step <= 3; ++step) {
    const double lr = 0.1 / static_cast<double>(step);
    give(module.tensors[0],
         random_tensor({77}, module.tensors[0].dtype(), static_cast<std::uint64_t>(step)).to(device));
    if (by_numbers) {
      const std::vector<double> numbers = optimizer.numbers(lr, step, 4);
      optimizer.step_by(Tensor::from(numbers, {std::ssize(numbers)}, DType::f64).to(device));
      CHECK_FALSE(module.tensors[0].grad());
      CHECK(optimizer.steps() == 0);
    } else {
      optimizer.set_lr(lr);
      optimizer.step(4);
    }
  }
  std::vector<NamedTensor> tensors = optimizer.state();
  tensors.push_back({"parameter", module.tensors[0]});
  return tensors;
}

template <class Kind, class Options>
void check_steps_by_numbers(Device device, DType dtype, const Options& options) {
  CAPTURE(to_string(device), to_string(dtype));
  const std::vector<NamedTensor> got = after_steps<Kind>(device, dtype, options, true),
                                 want = after_steps<Kind>(device, dtype, options, false);
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(same_bits(got[i].tensor.to(Device::cpu), want[i].tensor.to(Device::cpu)));
}

}  // namespace

TEST_CASE("steps by numbers have the bits of steps, the first one and float masters included") {
  for (const Device device : devices()) {
    for (const DType dtype : real_dtypes) {
      for (const SgdOptions& o : sgd_options) check_steps_by_numbers<Sgd>(device, dtype, o);
      for (const AdamOptions& o : adam_options) check_steps_by_numbers<Adam>(device, dtype, o);
    }
    check_steps_by_numbers<Sgd>(device, DType::f32, SgdOptions{.lr = 1, .momentum = 0.9, .float_masters = true});
    check_steps_by_numbers<Adam>(device, DType::f32, AdamOptions{.float_masters = true});
  }
}

TEST_CASE("a step by numbers says what numbers it wants") {
  Bag module;
  module.add(Tensor::full({1}, 1));
  Sgd sgd(module, {.lr = 1});
  CHECK_THROWS_WITH(sgd.step_by(Tensor::zeros({3})),
                    "optimizer: expected numbers of a step, double 3 on cpu, got float 3 on cpu");
  CHECK_THROWS_WITH(sgd.step_by(Tensor::zeros({4}, DType::f64)),
                    "optimizer: expected numbers of a step, double 3 on cpu, got double 4 on cpu");
  CHECK(sgd.numbers(0.5, 1) == std::vector<double>{0.5, 1, 1});
  CHECK(sgd.numbers(0.5, 2, 4) == std::vector<double>{0.5, 0, 0.25});
}
