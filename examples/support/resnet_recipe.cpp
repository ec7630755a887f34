// SPDX-License-Identifier: MIT
#include "colour_sources.h"
#include "recipes.h"

#include <mpad/nn/resnet.h>

namespace mpad {
namespace {

std::unique_ptr<Module> make_resnet(const Settings& settings, const Architecture& architecture) {
  auto options = network_options<ResnetOptions>(settings, architecture);
  options.depth = architecture.depth;
  options.stem = architecture.stem;
  return std::make_unique<Resnet>(options);
}

}  // namespace

// The study has rates for 16 bits; they serve the others as well.
const Recipe& resnet_recipe() {
  static const Recipe recipe = {.name = "resnet",
                                .about = "Trains ResNet and reports its test accuracy.",
                                .datasets = colour_sources(),
                                .depths = {18, 34, 50},
                                .has_stems = true,
                                .can_augment = true,
                                .image_size = 224,
                                .model = make_resnet,
                                .lr = {.sgd16 = 0.0362, .sgd = 0.0362, .adam = 1e-3},
                                .lr_batch_norm = {.sgd16 = 0.0298, .sgd = 0.0298, .adam = 1e-3}};
  return recipe;
}

}  // namespace mpad
