// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/layers.h>
#include <mpad/nn/pool.h>

namespace mpad {

struct LenetOptions {
  TieRule ties{};
  double relu0 = 0;  ///< ReLU'(0)
  bool batch_norm = false;
  MaxPool2dOptions pool{};  ///< forward, backward and accumulation of the pools; its window and ties are not read
  PoolKind pool_kind = PoolKind::max;
  double norm_at_zero = 0;  ///< of PoolKind::norm: the derivative where a window is 0
};

/// LeNet-5 as in the study: 5x5 convolutions to 6 and 16 channels, each with ReLU and a 2x2 pool, then linear layers
/// 256-120-84-10. With `batch_norm` each pool, and each ReLU between linear layers, is followed by batch normalisation.
/// Input n,28,28,1; output n,10. Parameters are named as in PyTorch's Sequential of the same layers.
class Lenet final : public Sequential {
 public:
  explicit Lenet(const LenetOptions& options = {});
};

}  // namespace mpad
