// SPDX-License-Identifier: MIT
#include <mpad/nn/relu_pool.h>

namespace mpad {

MaxPool2dOptions halving_pool(MaxPool2dOptions options, const TieRule& ties) {
  options.window = 2;
  options.stride = 0;
  options.pad = 0;
  options.ties = ties;
  return options;
}

std::unique_ptr<Module> relu_pool(double relu0, const MaxPool2dOptions& pool) {
  const bool composed = pool.forward == PoolForward::composed || pool.backward == PoolBackward::composed;
  if (!composed && relu0 >= 0) return std::make_unique<ReluMaxPool2d>(ReluOptions{relu0}, pool);
  return std::make_unique<Sequential>(Relu({relu0}), MaxPool2d(pool));
}

void append_relu_pool(Sequential& layers, double relu0, const MaxPool2dOptions& pool) {
  layers.append(relu_pool(relu0, pool));
  layers.append(Identity());
}

}  // namespace mpad
