// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/densenet.h>
#include <mpad/nn/init.h>
#include <mpad/nn/norm_relu.h>
#include <mpad/nn/relu_pool.h>

#include <array>

namespace mpad {
namespace {

constexpr std::int64_t stem_channels = 64, growth = 32, bottleneck = 4 * growth;
constexpr std::array<std::int64_t, 4> blocks = {6, 12, 24, 16};

constexpr std::int64_t output_channels() {
  std::int64_t channels = stem_channels;
  for (std::size_t i = 0; i < blocks.size(); ++i) channels = (i == 0 ? channels : channels / 2) + growth * blocks[i];
  return channels;
}

bool norms_inside(const DensenetOptions& o) { return o.batch_norm && !o.study_norms; }

Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t kernel) {
  return Conv2d({.in = in, .out = out, .kernel = kernel, .pad = kernel / 2, .bias = false});
}

// The input and, behind it, the channels that the layer computes from it.
class DenseLayer final : public Module {
 public:
  DenseLayer(std::int64_t in, const DensenetOptions& o) {
    branch_.append("norm1", norm_relu(in, norms_inside(o), o.relu0));
    branch_.append("conv1", convolution(in, bottleneck, 1));
    branch_.append("norm2", norm_relu(bottleneck, norms_inside(o), o.relu0));
    branch_.append("conv2", convolution(bottleneck, growth, 3));
  }
  Tensor forward(const Tensor& x) override { return concat({x, branch_(x)}); }
  void visit(Visitor& visitor) override { branch_.visit(visitor); }
  std::string describe() const override { return "DenseLayer(" + branch_.describe() + ")"; }

 private:
  Sequential branch_{};
};

Sequential dense_block(std::int64_t in, std::int64_t layers, const DensenetOptions& o) {
  Sequential block;
  for (std::int64_t i = 0; i < layers; ++i)
    block.append("denselayer" + std::to_string(i + 1), DenseLayer(in + growth * i, o));
  return block;
}

Sequential transition(std::int64_t in, const DensenetOptions& o) {
  Sequential layers;
  layers.append("norm", norm_relu(in, norms_inside(o), o.relu0));
  layers.append("conv", convolution(in, in / 2, 1));
  layers.append("pool", AvgPool2d());
  return layers;
}

void append_stem(Sequential& features, const DensenetOptions& o) {
  features.append("conv0",
                  Conv2d({.in = o.channels, .out = stem_channels, .kernel = 7, .stride = 2, .pad = 3, .bias = false}));
  if (o.batch_norm) features.append("norm0", norm_relu(stem_channels, true, o.relu0));
  features.append("pool0", o.batch_norm ? make_pool(halving_pool(o)) : relu_pool(o.relu0, halving_pool(o)));
}

Sequential make_features(const DensenetOptions& o) {
  Sequential features;
  append_stem(features, o);
  std::int64_t channels = stem_channels;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i > 0) {
      features.append("transition" + std::to_string(i), transition(channels, o));
      channels /= 2;
    }
    features.append("denseblock" + std::to_string(i + 1), dense_block(channels, blocks[i], o));
    channels += growth * blocks[i];
  }
  features.append("norm5", norm_relu(channels, o.batch_norm, o.relu0));
  return features;
}

}  // namespace

Densenet::Densenet(const DensenetOptions& o)
    : options_(o), features_(make_features(o)), classifier_({output_channels(), o.classes}) {
  init_layers(
      *this, [](const Tensor& weight, const Tensor&) { kaiming_normal(weight, Fan::in); },
      [](const Tensor&, const Tensor& bias) { bias.fill(0); });
}

Tensor Densenet::forward(const Tensor& x) { return classifier_(flatten(global_avgpool2d(features_(x)))); }

void Densenet::visit(Visitor& visitor) {
  visitor.child("features", features_);
  visitor.child("classifier", classifier_);
}

std::string Densenet::describe() const {
  const char* norms = !options_.batch_norm   ? ""
                      : options_.study_norms ? ", the study's two batch norms"
                                             : ", batch norm";
  return fmt::format("Densenet(depth 121, {} to {}{}, ties {})", options_.channels, options_.classes, norms,
                     options_.ties.name());
}

}  // namespace mpad
