// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/relu_pool.h>
#include <mpad/nn/vgg.h>

#include <array>

namespace mpad {
namespace {

constexpr std::array<std::int64_t, 5> widths = {64, 128, 256, 512, 512};  // channels of each block

// Convolutions in each block, behind each of which there is a pool.
std::array<int, 5> convolutions(int depth) {
  switch (depth) {
    case 11: return {1, 1, 2, 2, 2};
    case 13: return {2, 2, 2, 2, 2};
    case 16: return {2, 2, 3, 3, 3};
    case 19: return {2, 2, 4, 4, 4};
    default: fail("Vgg: expected a depth of 11, 13, 16 or 19, got {}", depth);
  }
}

// What is behind a convolution, named as norm, ReLU and pool apart.
void append_activation(Sequential& layers, const VggOptions& o, std::int64_t channels, bool with_pool) {
  const PoolLayer pool = halving_pool(o);
  if (o.batch_norm) {
    layers.append(BatchNorm2d(channels, {.relu = true, .alpha = o.relu0}));
    layers.append(Identity());
    if (with_pool) layers.append(make_pool(pool));
  } else if (with_pool) {
    append_relu_pool(layers, o.relu0, pool);
  } else {
    layers.append(Relu({o.relu0}));
  }
}

Sequential make_features(const VggOptions& o) {
  const std::array<int, 5> counts = convolutions(o.depth);
  Sequential layers;
  std::int64_t in = o.channels;
  for (std::size_t block = 0; block < counts.size(); ++block)
    for (int left = counts[block]; left > 0; --left) {
      layers.append(Conv2d({.in = in, .out = widths[block], .kernel = 3, .pad = 1}));
      in = widths[block];
      append_activation(layers, o, in, left == 1);
    }
  return layers;
}

}  // namespace

Vgg::Vgg(const VggOptions& options)
    : options_(options), features_(make_features(options)), classifier_({widths.back(), options.classes}) {}

Tensor Vgg::forward(const Tensor& x) { return classifier_(flatten(features_(x))); }

void Vgg::visit(Visitor& visitor) {
  visitor.child("features", features_);
  visitor.child("classifier", classifier_);
}

std::string Vgg::describe() const {
  return fmt::format("Vgg(depth {}, {} to {}{}, ties {})", options_.depth, options_.channels, options_.classes,
                     options_.batch_norm ? ", batch norm" : "", options_.ties.name());
}

}  // namespace mpad
