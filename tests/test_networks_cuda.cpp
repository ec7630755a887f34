// SPDX-License-Identifier: MIT
// Every network trains on CUDA as on the CPU, to rounding. tests/peers compares the CPU's to PyTorch. [large]: half a
// minute each and more under the emulation, where they are run by hand.
#include "backends.h"
#include "network_steps.h"

#include <mpad/nn/densenet.h>
#include <mpad/nn/lenet.h>
#include <mpad/nn/resnet.h>
#include <mpad/nn/vgg.h>
#include <mpad/random.h>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Network {
  const char* name;
  Shape images;
  std::function<std::unique_ptr<Module>()> make;
};

// The losses of three steps.
std::vector<double> train(const Network& network, DType dtype, Device device) {
  set_seed(1);
  const std::unique_ptr<Module> model = network.make();
  model->to(dtype);
  model->to(device);
  return take_steps(*model, network.images);
}

void follows(const Network& network) {
  if (!can_use_cuda()) return;
  for (const DType dtype : real_dtypes) {
    const std::vector<double> want = train(network, dtype, Device::cpu), got = train(network, dtype, Device::cuda);
    for (std::size_t i = 0; i < want.size(); ++i) {
      CAPTURE(network.name, to_string(dtype), i, got[i], want[i]);
      // A step leaves an error of lr * |grad| times some ulps in the parameters, and rates are small. Networks that
      // normalise over few values would multiply it.
      CHECK(ulps(got[i], want[i], dtype) <= 16);
    }
  }
}

}  // namespace

TEST_CASE("on CUDA as on the CPU: LeNet-5") {
  follows({"lenet", {8, 28, 28, 1}, [] { return std::make_unique<Lenet>(LenetOptions{.batch_norm = true}); }});
}

TEST_CASE("on CUDA as on the CPU: VGG-11", "[large]") {
  follows({"vgg", {1, 32, 32, 3}, [] { return std::make_unique<Vgg>(VggOptions{.ties = TieRule::minimal()}); }});
}

TEST_CASE("on CUDA as on the CPU: ResNet-18", "[large]") {
  follows({"resnet", {2, 16, 16, 3}, [] {
             return std::make_unique<Resnet>(ResnetOptions{.stem = Stem::imagenet_3x3, .batch_norm = false});
           }});
}

TEST_CASE("on CUDA as on the CPU: DenseNet-121", "[large]") {
  follows(
      {"densenet", {1, 32, 32, 3}, [] { return std::make_unique<Densenet>(DensenetOptions{.batch_norm = false}); }});
}
