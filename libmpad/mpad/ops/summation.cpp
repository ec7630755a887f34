// SPDX-License-Identifier: MIT
#include <mpad/ops/summation.h>
#include <mpad/random.h>

namespace mpad {
namespace {

Tensor reordered(const Tensor& x, const std::vector<std::int32_t>& order) {
  const Tensor y = empty_like(x);
  const std::int64_t image = order.empty() ? 0 : x.numel() / x.shape()[0];
  for (std::size_t i = 0; i < order.size(); ++i)
    y.slice(static_cast<std::int64_t>(i) * image, {image}).copy_from(x.slice(order[i] * image, {image}));
  return y;
}

}  // namespace

Terms summed_terms(const Gradients& gradients, const Tensor& x, const Tensor& grad_y) {
  const Tensor of_x = gradients.factor(x);
  gradients.expect_sums_of(grad_y.numel() / grad_y.shape()[grad_y.shape().rank() - 1]);
  if (!gradients.summation_order()) return {of_x, grad_y};
  Rng rng(*gradients.summation_order());
  const std::vector<std::int32_t> order = rng.permutation(static_cast<std::int32_t>(of_x.shape()[0]));
  return {reordered(of_x, order), reordered(grad_y, order)};
}

}  // namespace mpad
