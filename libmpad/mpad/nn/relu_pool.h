// SPDX-License-Identifier: MIT
// ReLU and the pool behind it, as the networks use them.
#pragma once
#include <mpad/nn/layers.h>
#include <mpad/nn/pool.h>

#include <memory>

namespace mpad {

/// What make_pool takes.
struct PoolLayer {
  PoolKind kind = PoolKind::max;
  MaxPool2dOptions options{};
  double norm_at_zero = 0;
};

/// The pool that a network's options ask for, with a 2x2 window, stride 2, no padding.
template <class NetworkOptions>
PoolLayer halving_pool(const NetworkOptions& network) {
  PoolLayer layer{network.pool_kind, network.pool, network.norm_at_zero};
  layer.options.window = 2;
  layer.options.stride = layer.options.pad = 0;
  layer.options.ties = network.ties;
  return layer;
}

std::unique_ptr<Module> make_pool(const PoolLayer& pool);

/// ReLU with derivative `relu0` at 0, then the pool: in one pass where that gives the same bits.
std::unique_ptr<Module> relu_pool(double relu0, const PoolLayer& pool);

/// Appends relu_pool(...) and an Identity, so that what follows is named as behind two layers.
void append_relu_pool(Sequential& layers, double relu0, const PoolLayer& pool);

}  // namespace mpad
