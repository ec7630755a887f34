// SPDX-License-Identifier: MIT
// What the tests of networks on CUDA train alike.
#pragma once
#include "support.h"

#include <mpad/nn/module.h>
#include <mpad/ops.h>
#include <mpad/optim.h>

#include <vector>

namespace mpad::test {

/// The images that take_steps() trains on.
inline Tensor step_images(const Shape& shape, DType dtype) { return random_tensor(shape, dtype, 3); }

/// Three steps on the same images, in the network's precision and place: the loss before each.
inline std::vector<double> take_steps(Module& model, const Shape& shape) {
  const Tensor parameter = parameters(model)[0].tensor;
  const Tensor images = step_images(shape, parameter.dtype()).to(parameter.device());
  std::vector<std::int32_t> classes;
  for (std::int64_t i = 0; i < shape[0]; ++i) classes.push_back(static_cast<std::int32_t>(3 * i % 10));
  const Tensor labels = Tensor::from(classes, {shape[0]}).to(parameter.device());
  Sgd sgd(model, {.lr = 1e-3, .momentum = 0.9, .weight_decay = 5e-4});
  std::vector<double> losses;
  for (int step = 0; step < 3; ++step) {
    Tape tape;
    const Tensor loss = cross_entropy(model(images), labels);
    tape.backward(loss);
    sgd.step();
    losses.push_back(loss.item());
  }
  return losses;
}

}  // namespace mpad::test
