// SPDX-License-Identifier: MIT
#include <mpad/nn/layers.h>
#include <mpad/study/tie_counter.h>

#include <mpad/core/half.h>

#include <bit>

namespace mpad {
namespace {

// Whether it ends in a ReLU with derivative 0 at 0, through which a maximum of 0 gets no gradient.
bool stops_zeros(const Module& module) {
  if (const auto* relu = dynamic_cast<const Relu*>(&module)) return relu->alpha() == 0;
  const auto* norm = dynamic_cast<const BatchNorm*>(&module);
  return norm != nullptr && norm->options().relu && norm->options().alpha == 0;
}

// The maxima themselves, where the pool's output is the study's sum of two.
Tensor maxima_of(const Tensor& input, const Tensor& output, const MaxPool2dOptions& options) {
  if (!is_composed(options)) return output.detach();
  return maxpool2d(input, {options.window, options.stride, options.pad, options.dilation, options.ceil_mode});
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
    return count(module, relu(x.detach()), y, fused->options(), fused->alpha() == 0);
  if (const auto* pool = dynamic_cast<const MaxPool2d*>(&module))
    return count(module, x.detach(), y, pool->options(), relu_output_ && relu_output_.view().data == x.view().data);
  if (stops_zeros(module)) relu_output_ = y;
}

void TieCounter::count(const Module& pool, const Tensor& input, const Tensor& output, const MaxPool2dOptions& options,
                       bool behind_relu) {
  LayerTies ties{.layer = path_of(pool), .windows = output.numel(), .behind_relu = behind_relu};
  const Tensor masks = maxpool2d_ties(input, options).to(Device::cpu),
               maxima = maxima_of(input, output, options).to(Device::cpu);
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
