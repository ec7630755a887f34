// SPDX-License-Identifier: MIT
#include <mpad/nn/layers.h>
#include <mpad/study/tie_counter.h>

#include <mpad/core/half.h>

#include <bit>

namespace mpad {
namespace {

bool ends_in_relu(const Module& module) {
  const auto* norm = dynamic_cast<const BatchNorm*>(&module);
  return dynamic_cast<const Relu*>(&module) != nullptr || (norm != nullptr && norm->options().relu);
}

}  // namespace

LayerTies total(const std::vector<LayerTies>& pools) {
  LayerTies sum;
  for (const LayerTies& pool : pools) {
    sum.windows += pool.windows;
    sum.zero_ties += pool.zero_ties;
    sum.positive_ties += pool.positive_ties;
  }
  return sum;
}

void TieCounter::called(Module& module, const Tensor& x, const Tensor& y) {
  if (const auto* fused = dynamic_cast<const ReluMaxPool2d*>(&module))
    return count(module, relu(x.detach()), y, fused->options(), true);
  if (const auto* pool = dynamic_cast<const MaxPool2d*>(&module))
    return count(module, x.detach(), y, pool->options(), relu_output_ && relu_output_.view().data == x.view().data);
  if (ends_in_relu(module)) relu_output_ = y;
}

void TieCounter::count(const Module& pool, const Tensor& input, const Tensor& output, const MaxPool2dOptions& options,
                       bool behind_relu) {
  LayerTies ties{.layer = path_of(pool), .windows = output.numel(), .behind_relu = behind_relu};
  const Tensor masks = maxpool2d_ties(input, options).to(Device::cpu), maxima = output.detach().to(Device::cpu);
  with_mask_type(masks.dtype(), [&]<class Mask>() {
    with_type(maxima.dtype(), [&]<class T>() {
      const auto mask = masks.span<Mask>();
      const auto maximum = maxima.span<T>();
      for (std::size_t i = 0; i < mask.size(); ++i) {
        const bool tied = std::popcount(mask[i]) > 1, zero = maximum[i] == T(0);
        ties.zero_ties += tied && zero;
        ties.positive_ties += tied && !zero;
      }
    });
  });
  layers_.push_back(ties);
}

}  // namespace mpad
