// SPDX-License-Identifier: MIT
#include <mpad/ops/summation.h>
#include <mpad/random.h>

#include <numeric>
#include <utility>

namespace mpad {
namespace {

std::vector<std::int64_t> random_order(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed);
  for (std::size_t left = order.size(); left > 1; --left)
    std::swap(order[left - 1], order[rng.below(static_cast<std::uint32_t>(left))]);
  return order;
}

Tensor reordered(const Tensor& x, const std::vector<std::int64_t>& order) {
  const Tensor y = empty_like(x);
  const std::int64_t image = order.empty() ? 0 : x.numel() / x.shape()[0];
  for (std::size_t i = 0; i < order.size(); ++i)
    y.slice(static_cast<std::int64_t>(i) * image, {image}).copy_from(x.slice(order[i] * image, {image}));
  return y;
}

}  // namespace

Terms summed_terms(const Gradients& gradients, const Tensor& x, const Tensor& grad_y) {
  const Tensor saved = gradients.saved(x);
  if (!gradients.choices().summation_order) return {saved, grad_y};
  const auto order = random_order(saved.shape()[0], *gradients.choices().summation_order);
  return {reordered(saved, order), reordered(grad_y, order)};
}

}  // namespace mpad
