// SPDX-License-Identifier: MIT
// The blocks that a ResNet is made of.
#pragma once
#include <mpad/nn/layers.h>

#include <memory>
#include <vector>

namespace mpad {

struct ResidualOptions {
  std::int64_t in, width;   ///< channels of the input, and of the 3x3 convolutions
  std::int64_t stride = 1;  ///< of the block
  bool bottleneck = false;  ///< 1x1, 3x3 and 1x1 convolutions to 4 width channels, not two 3x3 ones
  bool batch_norm = true;   ///< false: the identity instead
  double relu0 = 0;         ///< ReLU'(0)
  std::int64_t out() const { return bottleneck ? 4 * width : width; }
};

/// relu(branch(x) + shortcut(x)): the branch is convolutions without bias, each normalised and all but the last with
/// ReLU; the shortcut is the identity, or a normalised 1x1 convolution where shapes differ. n,h,w,in to n,oh,ow,out().
/// Parameters: conv1, bn1, ..., downsample.0, downsample.1, as torchvision's.
class Residual final : public Module {
 public:
  explicit Residual(const ResidualOptions& options);
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  ResidualOptions options_;
  std::vector<Conv2d> convolutions_{};
  std::vector<std::unique_ptr<Module>> norms_{};
  Sequential downsample_{};  // empty: the identity
  Relu relu_;
};

}  // namespace mpad
