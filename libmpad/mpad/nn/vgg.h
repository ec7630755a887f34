// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/layers.h>
#include <mpad/nn/pool.h>

namespace mpad {

struct VggOptions {
  int depth = 11;  ///< 11, 13, 16 or 19
  TieRule ties{};
  double relu0 = 0;  ///< ReLU'(0)
  bool batch_norm = false;
  MaxPool2dOptions pool{};  ///< forward, backward and accumulation of the pools; its window and ties are not read
  PoolKind pool_kind = PoolKind::max;
  double norm_at_zero = 0;  ///< of PoolKind::norm: the derivative where a window is 0
  std::int64_t classes = 10, channels = 3;
};

/// VGG (Simonyan and Zisserman, ICLR 2015) for images of 32x32 as in the study: 3x3 convolutions with bias, each with
/// batch normalisation where asked and ReLU, five 2x2 pools, one linear layer. Input n,32,32,channels; output
/// n,classes. Parameters are named as in PyTorch's module of the same layers: features.0.weight, ...,
/// classifier.weight.
class Vgg final : public Module {
 public:
  explicit Vgg(const VggOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  VggOptions options_;
  Sequential features_;
  Linear classifier_;
};

}  // namespace mpad
