// SPDX-License-Identifier: MIT
// VGG, ResNet and DenseNet: names, sizes, shapes, and that fused layers are the layers apart. tests/peers compares them
// to PyTorch.
#include "module_support.h"

#include <mpad/nn/densenet.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/relu_pool.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/vgg.h>
#include <mpad/random.h>

using namespace mpad;
using namespace mpad::test;

namespace {

/// Paths that start so, without shapes.
std::vector<std::string> paths_below(Module& module, const std::string& prefix) {
  std::vector<std::string> paths;
  for (const NamedTensor& named : state(module))
    if (named.path.starts_with(prefix)) paths.push_back(named.path.substr(prefix.size()));
  return paths;
}

/// The pool of a network on two images of 32x32, and the shape behind it.
std::string pooled(Module& model) {
  struct Pools final : CallObserver {
    void called(Module& module, const Tensor&, const Tensor& y) override {
      const std::string what = module.describe();
      if (what.find("Pool2d(") == std::string::npos || what.starts_with("Sequential")) return;
      seen = module.describe() + " to " + to_string(y.shape());
    }
    std::string seen{};
  } pools;
  model(Tensor::zeros({2, 32, 32, 3}));
  return pools.seen;
}

struct Pass {
  Tensor output, grad_x;
};

Pass pass(Module& module, const Tensor& x) {
  const Tensor leaf = x.clone().set_requires_grad();
  Tape tape;
  const Tensor y = module(leaf);
  tape.backward(dot(y, random_tensor(y.shape(), y.dtype(), 9)));
  return {y.detach(), leaf.grad()};
}

}  // namespace

TEST_CASE("VGG's parameters are named as in PyTorch, with and without batch normalisation") {
  Vgg plain;
  CHECK(paths_of(parameters(plain)) ==
        std::vector<std::string>{
            "features.0.weight 64,3,3,3", "features.0.bias 64", "features.3.weight 128,3,3,64", "features.3.bias 128",
            "features.6.weight 256,3,3,128", "features.6.bias 256", "features.8.weight 256,3,3,256",
            "features.8.bias 256", "features.11.weight 512,3,3,256", "features.11.bias 512",
            "features.13.weight 512,3,3,512", "features.13.bias 512", "features.16.weight 512,3,3,512",
            "features.16.bias 512", "features.18.weight 512,3,3,512", "features.18.bias 512",
            "classifier.weight 10,512", "classifier.bias 10"});
  Vgg normalised({.batch_norm = true});
  CHECK(paths_below(normalised, "features.4.") == std::vector<std::string>{"weight", "bias"});
  CHECK(paths_below(normalised, "features.5.") ==
        std::vector<std::string>{"weight", "bias", "running_mean", "running_var"});
  CHECK(paths_below(normalised, "features.25.") == std::vector<std::string>{"weight", "bias"});
}

TEST_CASE("VGG has as many parameters as its layers say, at every depth", "[large]") {
  // Normalisation adds two parameters for each channel of a convolution.
  const std::tuple<int, bool, std::int64_t> counts[] = {{11, false, 9'225'610},
                                                        {11, true, 9'231'114},
                                                        {13, false, 9'410'122},
                                                        {16, false, 14'719'818},
                                                        {19, true, 20'040'522}};
  for (const auto& [depth, batch_norm, count] : counts) {
    Vgg model({.depth = depth, .batch_norm = batch_norm});
    CHECK(count_parameters(model) == count);
  }
  CHECK_THROWS_WITH(Vgg({.depth = 12}), "Vgg: expected a depth of 11, 13, 16 or 19, got 12");
}

TEST_CASE("VGG takes other channels and classes, and any number of images") {
  Vgg model({.classes = 100, .channels = 1});
  for (const std::int64_t n : {0, 1, 2}) CHECK(model(Tensor::zeros({n, 32, 32, 1})).shape() == Shape{n, 100});
  CHECK(model.describe() == "Vgg(depth 11, 1 to 100, ties native)");
  CHECK(Vgg({.depth = 13, .ties = TieRule::minimal(), .batch_norm = true}).describe() ==
        "Vgg(depth 13, 3 to 10, batch norm, ties minimal)");
}

TEST_CASE("ResNet-18: torchvision's names and number of parameters, the CIFAR stem") {
  Resnet model({.ties = TieRule::minimal()});
  CHECK(count_parameters(model) == 11'173'962);
  CHECK(paths_below(model, "conv1.") == std::vector<std::string>{"weight"});
  CHECK(paths_below(model, "bn1.") == std::vector<std::string>{"weight", "bias", "running_mean", "running_var"});
  const std::vector<std::string> block = {"conv1.weight",     "bn1.weight",     "bn1.bias",   "bn1.running_mean",
                                          "bn1.running_var",  "conv2.weight",   "bn2.weight", "bn2.bias",
                                          "bn2.running_mean", "bn2.running_var"};
  CHECK(paths_below(model, "layer1.0.") == block);
  CHECK(paths_below(model, "layer4.1.") == block);
  CHECK(paths_below(model, "layer2.0.downsample.") ==
        std::vector<std::string>{"0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"});
  CHECK(paths_below(model, "fc.") == std::vector<std::string>{"weight", "bias"});
  CHECK(pooled(model) == "MaxPool2d(2x2, stride 2x2, ties minimal) to 2,16,16,64");
  CHECK(model.describe() == "Resnet(depth 18, stem cifar, 3 to 10, batch norm, ties minimal)");
}

TEST_CASE("ResNet-50: torchvision's names and number of parameters, the ImageNet stem", "[large]") {
  Resnet model({.depth = 50, .stem = Stem::imagenet, .classes = 1000});
  CHECK(count_parameters(model) == 25'557'032);
  CHECK(paths_below(model, "layer3.5.conv3.") == std::vector<std::string>{"weight"});
  CHECK(paths_below(model, "layer1.0.downsample.1.") ==
        std::vector<std::string>{"weight", "bias", "running_mean", "running_var"});
  CHECK(pooled(model) == "MaxPool2d(2x2, stride 2x2, ties native) to 2,8,8,64");
}

TEST_CASE("ResNet-18 without normalisation, with the usual stem") {
  Resnet model({.stem = Stem::imagenet_3x3, .relu0 = 0.5, .batch_norm = false});
  CHECK(paths_below(model, "layer2.0.") ==
        std::vector<std::string>{"conv1.weight", "conv2.weight", "downsample.0.weight"});
  CHECK(pooled(model) == "ReluMaxPool2d(alpha 0.5, 3x3, stride 2x2, pad 1x1, ties native) to 2,8,8,64");
  CHECK_THROWS_WITH(Resnet({.depth = 20}), "Resnet: expected a depth of 18, 34 or 50, got 20");
}

TEST_CASE("DenseNet-121: torchvision's names and number of parameters") {
  Densenet model({.classes = 1000});
  CHECK(count_parameters(model) == 7'978'856);
  CHECK(paths_below(model, "features.conv0.") == std::vector<std::string>{"weight"});
  CHECK(paths_below(model, "features.denseblock3.denselayer24.") ==
        std::vector<std::string>{"norm1.weight", "norm1.bias", "norm1.running_mean", "norm1.running_var",
                                 "conv1.weight", "norm2.weight", "norm2.bias", "norm2.running_mean",
                                 "norm2.running_var", "conv2.weight"});
  CHECK(paths_below(model, "features.transition3.").back() == "conv.weight");
  CHECK(paths_below(model, "features.norm5.").size() == 4);
  CHECK(model(Tensor::zeros({2, 32, 32, 3})).shape() == Shape{2, 1000});
}

TEST_CASE("DenseNet-121 normalises where it is told to", "[large]") {
  const auto norms = [](const DensenetOptions& options) {
    Densenet model(options);
    std::vector<std::string> paths;
    for (const NamedTensor& named : state(model))
      if (named.path.ends_with("running_var")) paths.push_back(named.path);
    return paths;
  };
  CHECK(norms({.batch_norm = false, .study_norms = true}).empty());
  CHECK(norms({.study_norms = true}) ==
        std::vector<std::string>{"features.norm0.running_var", "features.norm5.running_var"});
  CHECK(norms({}).size() == 1 + 2 * (6 + 12 + 24 + 16) + 3 + 1);
  CHECK(Densenet({.study_norms = true}).describe() ==
        "Densenet(depth 121, 3 to 10, the study's two batch norms, ties native)");
}

TEST_CASE("ReLU and pool in one layer have the bits of both apart, and stay apart where they would not") {
  for (const DType dtype : real_dtypes) {
    // Few values: ties of positive ones, of zeros and of negative ones.
    Tensor x = random_tensor({2, 6, 6, 5}, dtype, 3, -3, 3);
    std::vector<double> values = x.values();
    for (double& v : values) v = std::round(v);
    x = Tensor::from(values, x.shape(), dtype);
    for (const double relu0 : {0.0, 0.5, -0.5})
      for (const PoolForward forward : {PoolForward::exact, PoolForward::composed}) {
        const LenetOptions options{.ties = TieRule::minimal(), .pool = {.window = 3, .pad = 1, .forward = forward}};
        const std::unique_ptr<Module> layer = relu_pool(relu0, halving_pool(options));
        CHECK(layer->describe().starts_with("ReluMaxPool2d") == (relu0 >= 0 && forward == PoolForward::exact));
        Sequential apart{Relu({relu0}), MaxPool2d({.ties = TieRule::minimal(), .forward = forward})};
        const Pass got = pass(*layer, x), want = pass(apart, x);
        CHECK(same_bits(got.output, want.output));
        CHECK(same_bits(got.grad_x, want.grad_x));
      }
  }
}

TEST_CASE("networks take pools of every kind") {
  const auto pools = [](const VggOptions& options) {
    Vgg model(options);
    return pooled(model);
  };
  CHECK(pools({.pool_kind = PoolKind::average}) == "AvgPool2d(2x2, stride 2x2) to 2,1,1,512");
  CHECK(pools({.batch_norm = true, .pool_kind = PoolKind::norm, .norm_at_zero = 1}) ==
        "NormPool2d(2x2, stride 2x2, at zero 1) to 2,1,1,512");
  Lenet lenet({.pool_kind = PoolKind::norm});
  CHECK(lenet.describe().find("NormPool2d(2x2, stride 2x2)") != std::string::npos);
}
