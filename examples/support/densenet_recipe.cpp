// SPDX-License-Identifier: MIT
#include "colour_sources.h"
#include "recipes.h"

#include <mpad/nn/densenet.h>

namespace mpad {
namespace {

std::unique_ptr<Module> make_densenet(const Settings& settings, const Architecture& architecture) {
  auto options = network_options<DensenetOptions>(settings, architecture);
  options.study_norms = architecture.study_norms;
  return std::make_unique<Densenet>(options);
}

}  // namespace

// The study has rates for 16 bits; they serve the others as well.
const Recipe& densenet_recipe() {
  static const Recipe recipe = {.name = "densenet",
                                .about = "Trains DenseNet-121 and reports its test accuracy.",
                                .datasets = colour_sources(),
                                .depths = {121},
                                .has_study_norms = true,
                                .can_augment = true,
                                .image_size = 224,
                                .model = make_densenet,
                                .lr = {.sgd16 = 0.0203, .sgd = 0.0203, .adam = 1e-3},
                                .lr_batch_norm = {.sgd16 = 0.0103, .sgd = 0.0103, .adam = 1e-3}};
  return recipe;
}

}  // namespace mpad
