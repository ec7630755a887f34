// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/module.h>
#include <mpad/ops.h>

namespace mpad {

/// Batch normalisation of the last axis: by the batch's statistics in training, else by the running ones. Parameters:
/// weight (1 at first) and bias (0); buffers running_mean (0) and running_var (1), as PyTorch's but for its counter of
/// batches.
class BatchNorm : public Module {
 public:
  Tensor forward(const Tensor& x) override { return forward(x, options(), {}); }
  /// The same with other options and batch_norm's addend.
  Tensor forward(const Tensor& x, const BatchNormOptions& options, const Tensor& addend) const;
  void visit(Visitor& visitor) override;
  std::string describe() const override;
  /// Those that it was made with, with `training` as Module::train says.
  BatchNormOptions options() const;
  const Tensor& weight() const { return weight_; }
  const Tensor& bias() const { return bias_; }
  const Tensor& running_mean() const { return running_mean_; }
  const Tensor& running_var() const { return running_var_; }

 protected:
  /// `name` describes the layer, which takes inputs of `rank` axes.
  BatchNorm(const char* name, int rank, std::int64_t channels, const BatchNormOptions& options);

 private:
  const char* name_;
  int rank_;
  BatchNormOptions options_;
  Tensor weight_, bias_, running_mean_, running_var_;
};

/// Of n,c. The options' `training` is not read: Module::train says it.
class BatchNorm1d final : public BatchNorm {
 public:
  explicit BatchNorm1d(std::int64_t channels, const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm1d", 2, channels, options) {}
};

/// Of n,h,w,c. The options' `training` is not read: Module::train says it.
class BatchNorm2d final : public BatchNorm {
 public:
  explicit BatchNorm2d(std::int64_t channels, const BatchNormOptions& options = {})
      : BatchNorm("BatchNorm2d", 4, channels, options) {}
};

}  // namespace mpad
