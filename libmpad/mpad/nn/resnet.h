// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/layers.h>
#include <mpad/nn/pool.h>

#include <array>
#include <memory>

namespace mpad {

/// What a ResNet begins with, before ReLU; the pool is behind it.
enum class Stem : unsigned char {
  cifar,         ///< 3x3 convolution, stride 1; pool 2x2, stride 2 (the study's)
  imagenet,      ///< 7x7 convolution, stride 2; pool 2x2, stride 2 (the study's)
  imagenet_3x3,  ///< 7x7 convolution, stride 2; pool 3x3, stride 2, pad 1 (the usual one)
};

/// Its name on the command line: cifar, imagenet, imagenet-3x3.
const char* to_string(Stem stem);

struct ResnetOptions {
  int depth = 18;  ///< 18, 34 (basic blocks) or 50 (bottlenecks)
  Stem stem = Stem::cifar;
  TieRule ties{};
  double relu0 = 0;         ///< ReLU'(0)
  bool batch_norm = true;   ///< false: the identity instead
  MaxPool2dOptions pool{};  ///< forward, backward and accumulation of the pool; its window and ties are not read
  PoolKind pool_kind = PoolKind::max;
  double norm_at_zero = 0;  ///< of PoolKind::norm: the derivative where a window is 0
  std::int64_t classes = 10, channels = 3;
};

/// ResNet (He et al., CVPR 2016; in bottlenecks the 3x3 convolution strides): stem, four stages of 64, 128, 256 and 512
/// channels (four times that behind bottlenecks), mean over the image, linear layer. Convolutions have no bias and
/// start Kaiming normal by fan-out. Input n,h,w,channels; output n,classes. Parameters are named as torchvision's:
/// conv1.weight, layer1.0.conv1.weight, layer2.0.downsample.0.weight, fc.weight.
class Resnet final : public Module {
 public:
  explicit Resnet(const ResnetOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  ResnetOptions options_;
  Conv2d conv_;
  std::unique_ptr<Module> norm_, pool_;
  std::array<Sequential, 4> layers_;
  Linear classifier_;
};

}  // namespace mpad
