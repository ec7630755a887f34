// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/layers.h>
#include <mpad/nn/pool.h>

namespace mpad {

struct DensenetOptions {
  TieRule ties{};
  double relu0 = 0;          ///< ReLU'(0)
  bool batch_norm = true;    ///< false: the identity instead
  bool study_norms = false;  ///< normalise in the stem and behind the last block only, as the study's network does
  MaxPool2dOptions pool{};   ///< forward, backward and accumulation of the pool; its window and ties are not read
  PoolKind pool_kind = PoolKind::max;  ///< of the stem; transitions take averages
  double norm_at_zero = 0;             ///< of PoolKind::norm: the derivative where a window is 0
  std::int64_t classes = 10, channels = 3;
};

/// DenseNet-121 (Huang et al., CVPR 2017): a 7x7 convolution, stride 2, and a 2x2 pool; blocks of 6, 12, 24 and 16
/// layers that each add 32 channels to all before, by a 1x1 convolution to 128 and a 3x3 one, behind normalisation and
/// ReLU; 1x1 convolutions to half the channels and 2x2 averages between blocks; mean over the image, linear layer.
/// Convolutions have no bias and start Kaiming normal by fan-in. Input n,h,w,channels with sides of 32 or more; output
/// n,classes. Parameters are named as torchvision's: features.conv0.weight,
/// features.denseblock1.denselayer1.norm1.weight, features.transition1.conv.weight, features.norm5.weight,
/// classifier.weight.
class Densenet final : public Module {
 public:
  explicit Densenet(const DensenetOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  DensenetOptions options_;
  Sequential features_;
  Linear classifier_;
};

}  // namespace mpad
