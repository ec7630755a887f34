// SPDX-License-Identifier: MIT
// Trains VGG on colour images of 32x32 pixels: vgg --help.
#include "support/colour_sources.h"
#include "support/train_main.h"

#include <mpad/nn/vgg.h>

using namespace mpad;

namespace {

std::unique_ptr<Module> make_vgg(const Settings& settings, const Architecture& architecture) {
  auto options = network_options<VggOptions>(settings, architecture);
  options.depth = architecture.depth;
  return std::make_unique<Vgg>(options);
}

}  // namespace

int main(int argc, char** argv) {
  return train_main({.name = "vgg",
                     .about = "Trains VGG on images of 32x32 pixels and reports its test accuracy.",
                     .datasets = colour_sources(),
                     .depths = {11, 13, 16, 19},
                     .can_augment = true,
                     .image_size = 32,
                     .model = make_vgg,
                     .lr = {.sgd16 = 0.0182, .sgd = 0.0382, .adam = 2.7e-4},
                     .lr_batch_norm = {.sgd16 = 0.0185, .sgd = 0.00742, .adam = 7.2e-4}},
                    argc, argv);
}
