// SPDX-License-Identifier: MIT
// A module of parameters alone, gradients for them, and options of optimizers.
#pragma once
#include "support.h"

#include <mpad/optim.h>

namespace mpad::test {

using Values = std::vector<double>;

/// Parameters alone, of any shapes.
struct Bag final : Module {
  std::vector<Tensor> tensors{};
  void add(const Tensor& tensor) { tensors.push_back(tensor.clone().set_requires_grad()); }
  Tensor forward(const Tensor& x) override { return x; }
  void visit(Visitor& visitor) override {
    for (std::size_t i = 0; i < tensors.size(); ++i) visitor.parameter(std::to_string(i), tensors[i]);
  }
  std::string describe() const override { return "Bag()"; }
};

/// Makes `gradient` the gradient of a parameter.
inline void give(const Tensor& parameter, const Tensor& gradient) {
  Tape tape;
  tape.backward(dot(parameter, gradient));
}

inline const SgdOptions sgd_options[] = {{.lr = 0.1},
                                         {.lr = 0.1, .weight_decay = 0.05},
                                         {.lr = 0.1, .momentum = 0.9},
                                         {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05},
                                         {.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05, .nesterov = true},
                                         {.lr = 0, .momentum = 0.9}};

inline const AdamOptions adam_options[] = {{.lr = 0.01},
                                           {.lr = 0.01, .weight_decay = 0.05},
                                           {.lr = 0.01, .weight_decay = 0.05, .decoupled = true},
                                           {.lr = 0.02, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 1e-3},
                                           {.lr = 0.01, .beta1 = 0, .beta2 = 0}};

}  // namespace mpad::test
