// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mpad {

/// What the study's composed forward, beta * max + (1 - beta) * max rounded term by term, makes of a pool's maxima.
struct PoolNoise {
  std::string layer{};            ///< the pool's path
  double signal_to_noise_db = 0;  ///< 10 log10 of (sum of max² / sum of (composed - max)²), where composed is finite;
                                  ///< infinite if there is no noise, NaN if nothing is finite
  std::int64_t nonfinite = 0;     ///< composed values that are infinite or NaN
  std::int64_t zeroed = 0;        ///< composed values that are 0 where the maximum is not
  std::int64_t values = 0;        ///< of the output
};

/// Runs the model once, in evaluation mode, and computes each max pool's input both ways, whatever its own forward; in
/// the order of calls. The pools' rules are of the beta family. Leaves the model in evaluation mode.
std::vector<PoolNoise> measure_pool_noise(Module& model, const Tensor& images);

}  // namespace mpad
