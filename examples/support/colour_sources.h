// SPDX-License-Identifier: MIT
#pragma once
#include "recipe.h"

#include <vector>

namespace mpad {

/// The data sets of colour images: CIFAR-10 first, drawn ones last.
std::vector<DataSource> colour_sources();

/// The options of VGG, ResNet or DenseNet that settings and data decide.
template <class NetworkOptions>
NetworkOptions network_options(const Settings& settings, const Architecture& architecture) {
  NetworkOptions options;
  options.ties = settings.ties;
  options.relu0 = settings.relu0;
  options.batch_norm = settings.batch_norm;
  options.pool = pool_options(settings);
  options.pool_kind = settings.pool;
  options.norm_at_zero = settings.norm_at_zero;
  options.classes = architecture.classes;
  options.channels = architecture.channels;
  return options;
}

}  // namespace mpad
