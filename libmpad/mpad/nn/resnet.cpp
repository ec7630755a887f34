// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/fused.h>
#include <mpad/nn/init.h>
#include <mpad/nn/norm_relu.h>
#include <mpad/nn/relu_pool.h>
#include <mpad/nn/residual.h>
#include <mpad/nn/resnet.h>

namespace mpad {
namespace {

constexpr std::int64_t first_width = 64;

// Blocks in each stage.
std::array<int, 4> blocks_of(int depth) {
  switch (depth) {
    case 18: return {2, 2, 2, 2};
    case 34:
    case 50: return {3, 4, 6, 3};
    default: fail("Resnet: expected a depth of 18, 34 or 50, got {}", depth);
  }
}

Conv2dOptions stem_convolution(const ResnetOptions& o) {
  if (o.stem == Stem::cifar) return {.in = o.channels, .out = first_width, .kernel = 3, .pad = 1, .bias = false};
  return {.in = o.channels, .out = first_width, .kernel = 7, .stride = 2, .pad = 3, .bias = false};
}

std::unique_ptr<Module> stem_pool(const ResnetOptions& o) {
  PoolLayer pool = halving_pool(o);
  if (o.stem == Stem::imagenet_3x3) {
    pool.options.window = 3;
    pool.options.stride = 2;
    pool.options.pad = 1;
  }
  return o.batch_norm ? make_pool(pool) : relu_pool(o.relu0, pool);
}

std::array<Sequential, 4> make_layers(const ResnetOptions& o) {
  const std::array<int, 4> counts = blocks_of(o.depth);
  std::array<Sequential, 4> layers;
  ResidualOptions block{.in = first_width,
                        .width = first_width,
                        .bottleneck = o.depth >= 50,
                        .batch_norm = o.batch_norm,
                        .relu0 = o.relu0};
  for (std::size_t stage = 0; stage < layers.size(); ++stage) {
    for (int i = 0; i < counts[stage]; ++i) {
      block.stride = i == 0 && stage > 0 ? 2 : 1;
      layers[stage].append(Residual(block));
      block.in = block.out();
    }
    block.width *= 2;
  }
  return layers;
}

std::int64_t features(const ResnetOptions& o) { return o.depth >= 50 ? 2048 : 512; }

}  // namespace

const char* to_string(Stem stem) {
  constexpr const char* names[] = {"cifar", "imagenet", "imagenet-3x3"};
  return names[static_cast<int>(stem)];
}

Resnet::Resnet(const ResnetOptions& o)
    : options_(o),
      conv_(stem_convolution(o)),
      norm_(o.batch_norm ? norm_relu(first_width, true, o.relu0) : norm(first_width, false)),
      pool_(stem_pool(o)),
      layers_(make_layers(o)),
      classifier_({features(o), o.classes}) {
  init_layers(*this, [](const Tensor& weight, const Tensor&) { kaiming_normal(weight, Fan::out); });
}

Tensor Resnet::forward(const Tensor& x) {
  // Without normalisation the stem's ReLU is the pool's, and norm_ the identity.
  Tensor y = options_.batch_norm ? (*pool_)(call_both(conv_, *norm_, x)) : call_both(conv_, *pool_, x);
  for (Sequential& layer : layers_) y = layer(y);
  return classifier_(flatten(global_avgpool2d(y)));
}

void Resnet::visit(Visitor& visitor) {
  visitor.child("conv1", conv_);
  visitor.child("bn1", *norm_);
  visitor.child("maxpool", *pool_);
  for (std::size_t i = 0; i < layers_.size(); ++i) visitor.child("layer" + std::to_string(i + 1), layers_[i]);
  visitor.child("fc", classifier_);
}

std::string Resnet::describe() const {
  return fmt::format("Resnet(depth {}, stem {}, {} to {}{}, ties {})", options_.depth, to_string(options_.stem),
                     options_.channels, options_.classes, options_.batch_norm ? ", batch norm" : "",
                     options_.ties.name());
}

}  // namespace mpad
