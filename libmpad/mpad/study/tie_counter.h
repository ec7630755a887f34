// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>
#include <mpad/ops.h>

#include <string>
#include <vector>

namespace mpad {

/// Windows of one max pool, in one forward.
struct LayerTies {
  std::string layer{};             ///< path of the pool
  std::int64_t windows = 0;        ///< one for each element of the output
  std::int64_t zero_ties = 0;      ///< with several maxima that are 0
  std::int64_t positive_ties = 0;  ///< with several maxima that are not: above 0 behind a ReLU (or NaN)
  /// What it reads is what a ReLU with derivative 0 at 0, or a normalisation that ends in one, has written.
  bool behind_relu = false;
};

/// The windows of all pools together.
LayerTies total(const std::vector<LayerTies>& pools);

/// Counts the ties of a model's max pools, those that come with a ReLU included, in all its calls while it lives.
class TieCounter final : public PathObserver {
 public:
  using PathObserver::PathObserver;
  void called(Module& module, const Tensor& x, const Tensor& y) override;
  /// In the order of the calls.
  const std::vector<LayerTies>& layers() const { return layers_; }

 private:
  void count(const Module& pool, const Tensor& input, const Tensor& output, const MaxPool2dOptions& options,
             bool behind_relu);

  std::vector<LayerTies> layers_{};
  Tensor relu_output_{};
};

}  // namespace mpad
