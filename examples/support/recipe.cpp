// SPDX-License-Identifier: MIT
#include "recipe.h"

#include <fmt/format.h>

namespace mpad {

std::string title_of(const Recipe& recipe, const Architecture& architecture) {
  std::string name = recipe.name;
  if (!recipe.depths.empty()) name += std::to_string(architecture.depth);
  if (recipe.has_stems) name += fmt::format(", stem {}", to_string(architecture.stem));
  if (architecture.study_norms) name += ", study norms";
  return name;
}

ModelFactory model_factory(const Recipe& recipe, Architecture architecture, const Split& data) {
  architecture.classes = data.train.classes;
  architecture.channels = data.train.shape()[3];
  return [model = recipe.model, architecture](const Settings& settings) { return model(settings, architecture); };
}

}  // namespace mpad
