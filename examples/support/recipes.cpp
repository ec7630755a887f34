// SPDX-License-Identifier: MIT
#include "recipes.h"

#include "option_group.h"

namespace mpad {
namespace {

std::vector<Network> networks() {
  std::vector<Network> found{{"lenet", &lenet_recipe()}};
  for (const Recipe* recipe : {&vgg_recipe(), &resnet_recipe(), &densenet_recipe()})
    for (const int depth : recipe->depths)
      found.push_back({recipe->name + std::to_string(depth), recipe, {.depth = depth}});
  return found;
}

}  // namespace

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const Network& network : networks()) names.push_back(network.name);
  return names;
}

Network find_network(const std::string& option, const std::string& name) {
  for (Network& network : networks())
    if (network.name == name) return network;
  fail_choice(option, network_names(), name);
}

}  // namespace mpad
