// SPDX-License-Identifier: MIT
#include <mpad/nn/relu_pool.h>

namespace mpad {

std::unique_ptr<Module> make_pool(const PoolLayer& pool) {
  return make_pool(pool.kind, pool.options, pool.norm_at_zero);
}

std::unique_ptr<Module> relu_pool(double relu0, const PoolLayer& pool) {
  const MaxPool2dOptions& options = pool.options;
  if (pool.kind == PoolKind::max && !is_composed(options) && relu0 >= 0)
    return std::make_unique<ReluMaxPool2d>(ReluOptions{relu0}, options);
  return std::make_unique<Sequential>(Sequential{Relu({relu0}), make_pool(pool)});
}

void append_relu_pool(Sequential& layers, double relu0, const PoolLayer& pool) {
  layers.append(relu_pool(relu0, pool));
  layers.append(Identity());
}

}  // namespace mpad
