// SPDX-License-Identifier: MIT
#pragma once
#include "support.h"

#include <mpad/nn/module.h>

namespace mpad::test {

/// Path and shape of each tensor: "0.weight 6,5,5,1".
inline std::vector<std::string> paths_of(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> paths;
  for (const NamedTensor& named : tensors) paths.push_back(named.path + ' ' + to_string(named.tensor.shape()));
  return paths;
}

}  // namespace mpad::test
