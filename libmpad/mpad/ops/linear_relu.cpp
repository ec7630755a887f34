// SPDX-License-Identifier: MIT
#include <mpad/ops/behind_relu.h>
#include <mpad/ops/linear_map.h>

namespace mpad {

Tensor linear_relu(const Tensor& x, const Tensor& weight, const Tensor& bias, double alpha) {
  // The output tells where the map's is positive, not where it is 0, which other derivatives want to know.
  if (alpha != 0 || keeps_choices()) return relu(linear(x, weight, bias), alpha);
  const LinearMap map("linear_relu", x, weight, bias);
  const Tensor y = map.forward(true);
  record_with_relu("linear_relu", map, SavedLinearMap(map), y);
  return y;
}

}  // namespace mpad
