// SPDX-License-Identifier: MIT
#include <mpad/nn/init.h>
#include <mpad/random.h>

#include <kernels.h>

#include <cmath>

namespace mpad {

void init_default(const Tensor& tensor, double fan_in) {
  const double bound = 1 / std::sqrt(fan_in);
  const Rng rng = next_rng();
  on(tensor.device(),
     [&](auto where) { kernels::fill_uniform(where, tensor.view(), -bound, bound, rng.seed(), rng.stream()); });
}

}  // namespace mpad
