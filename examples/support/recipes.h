// SPDX-License-Identifier: MIT
// The study's networks, for programs.
#pragma once
#include "recipe.h"

#include <string>
#include <vector>

namespace mpad {

const Recipe& lenet_recipe();
const Recipe& vgg_recipe();
const Recipe& resnet_recipe();
const Recipe& densenet_recipe();

/// One network of a kind.
struct Network {
  std::string name{};              ///< one of network_names
  const Recipe* recipe = nullptr;  ///< that lives as long as the program
  Architecture architecture{};     ///< but for what the data decides
};

/// "lenet", "vgg11", "vgg13", ...: kind and depth of all networks.
std::vector<std::string> network_names();

/// The network of this name. Throws Error, naming the option and the nearest name, if there is none.
Network find_network(const std::string& option, const std::string& name);

}  // namespace mpad
