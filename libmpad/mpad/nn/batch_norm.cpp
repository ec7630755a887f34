// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/batch_norm.h>

namespace mpad {

BatchNorm::BatchNorm(const char* name, int rank, std::int64_t channels, const BatchNormOptions& options)
    : name_(name), rank_(rank), options_(options) {
  require(channels > 0, "{}: expected 1 channel or more, got {}", name, channels);
  weight_ = Tensor::full({channels}, 1).set_requires_grad();
  bias_ = Tensor::zeros({channels}).set_requires_grad();
  running_mean_ = Tensor::zeros({channels});
  running_var_ = Tensor::full({channels}, 1);
}

Tensor BatchNorm::forward(const Tensor& x, const BatchNormOptions& options, const Tensor& addend) const {
  require(x.shape().rank() == rank_, "{}: expected an input of shape {}, got {}", name_, rank_ == 2 ? "n,c" : "n,h,w,c",
          x.shape());
  return batch_norm(x, weight_, bias_, running_mean_, running_var_, options, addend);
}

BatchNormOptions BatchNorm::options() const {
  BatchNormOptions options = options_;
  options.training = is_training();
  return options;
}

void BatchNorm::visit(Visitor& visitor) {
  visitor.parameter("weight", weight_);
  visitor.parameter("bias", bias_);
  visitor.buffer("running_mean", running_mean_);
  visitor.buffer("running_var", running_var_);
}

std::string BatchNorm::describe() const {
  return fmt::format("{}({}{})", name_, weight_.numel(), options_.relu ? ", relu" : "");
}

}  // namespace mpad
