// SPDX-License-Identifier: MIT
// A module of parameters alone, and gradients for them.
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

}  // namespace mpad::test
