// SPDX-License-Identifier: MIT
#include "colour_sources.h"
#include "recipes.h"

#include <mpad/nn/vgg.h>

namespace mpad {
namespace {

std::unique_ptr<Module> make_vgg(const Settings& settings, const Architecture& architecture) {
  auto options = network_options<VggOptions>(settings, architecture);
  options.depth = architecture.depth;
  return std::make_unique<Vgg>(options);
}

}  // namespace

const Recipe& vgg_recipe() {
  static const Recipe recipe = {.name = "vgg",
                                .about = "Trains VGG on images of 32x32 pixels and reports its test accuracy.",
                                .datasets = colour_sources(),
                                .depths = {11, 13, 16, 19},
                                .can_augment = true,
                                .image_size = 32,
                                .model = make_vgg,
                                .lr = {.sgd16 = 0.0182, .sgd = 0.0382, .adam = 2.7e-4},
                                .lr_batch_norm = {.sgd16 = 0.0185, .sgd = 0.00742, .adam = 7.2e-4}};
  return recipe;
}

}  // namespace mpad
