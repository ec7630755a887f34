// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/fused.h>
#include <mpad/nn/init.h>
#include <mpad/nn/layers.h>
#include <mpad/ops/pooled_relu.h>

#include <typeinfo>

namespace mpad {
namespace {

std::string window_text(Pair kernel, Pair stride, Pair pad, Pair dilation) {
  std::string text = to_string(kernel);
  if (stride != Pair(1)) text += ", stride " + to_string(stride);
  if (pad != Pair(0)) text += ", pad " + to_string(pad);
  if (dilation != Pair(1)) text += ", dilation " + to_string(dilation);
  return text;
}

std::string pool_text(const MaxPool2dOptions& options) {
  const Pair stride = options.stride == Pair(0) ? options.window : options.stride;
  return fmt::format("{}, ties {}", window_text(options.window, stride, options.pad, options.dilation),
                     options.ties.name());
}

}  // namespace

Conv2d::Conv2d(const Conv2dOptions& options) : options_(options) {
  require(options.in > 0 && options.out > 0 && options.kernel.h > 0 && options.kernel.w > 0,
          "Conv2d: expected in, out and kernel of 1 or more, got in {}, out {}, kernel {}", options.in, options.out,
          to_string(options.kernel));
  weight_ = Tensor({options.out, options.kernel.h, options.kernel.w, options.in}).set_requires_grad();
  if (options.bias) bias_ = Tensor({options.out}).set_requires_grad();
  draw_default(weight_, bias_);
}

Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight_, bias_, window()); }

Tensor Conv2d::forward_relu(const Tensor& x, double alpha) const {
  return conv2d_relu(x, weight_, bias_, window(), alpha);
}

Tensor Conv2d::forward_relu_pool(const Tensor& x, double alpha, const MaxPool2dOptions& pool) const {
  return conv2d_relu_maxpool2d(x, weight_, bias_, window(), alpha, pool);
}

Tensor Conv2d::forward_norm(const Tensor& x, const BatchNorm& norm, const BatchNormOptions& options,
                            const Tensor& addend) const {
  return conv2d_batch_norm(x, weight_, bias_, window(), norm.weight(), norm.bias(), norm.running_mean(),
                           norm.running_var(), options, addend);
}

void Conv2d::visit(Visitor& visitor) {
  visitor.image_weight("weight", weight_, weight_.shape());
  if (bias_) visitor.parameter("bias", bias_);
}

std::string Conv2d::describe() const {
  return fmt::format("Conv2d({}, {}, kernel {}{})", options_.in, options_.out,
                     window_text(options_.kernel, options_.stride, options_.pad, options_.dilation),
                     options_.bias ? "" : ", no bias");
}

Linear::Linear(const LinearOptions& options) : options_(options) {
  require(options.in > 0 && options.out > 0, "Linear: expected in and out of 1 or more, got in {}, out {}", options.in,
          options.out);
  require(options.image.h > 0 && options.image.w > 0 && options.in % options.image.h == 0 &&
              options.in / options.image.h % options.image.w == 0,
          "Linear: expected features of an image of {}, got {}", to_string(options.image), options.in);
  weight_ = Tensor({options.out, options.in}).set_requires_grad();
  if (options.bias) bias_ = Tensor({options.out}).set_requires_grad();
  draw_default(weight_, bias_);
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight_, bias_); }

Tensor Linear::forward_relu(const Tensor& x, double alpha) const { return linear_relu(x, weight_, bias_, alpha); }

void Linear::visit(Visitor& visitor) {
  const Pair image = options_.image;
  visitor.image_weight("weight", weight_, {options_.out, image.h, image.w, options_.in / (image.h * image.w)});
  if (bias_) visitor.parameter("bias", bias_);
}

std::string Linear::describe() const {
  return fmt::format("Linear({}, {}{})", options_.in, options_.out, options_.bias ? "" : ", no bias");
}

std::string Relu::describe() const {
  return options_.alpha == 0 ? "Relu()" : fmt::format("Relu(alpha {})", options_.alpha);
}

Tensor MaxPool2d::forward(const Tensor& x) {
  if (is_training() || !options_.test_forward) return maxpool2d(x, options_);
  MaxPool2dOptions options = options_;
  options.forward = *options_.test_forward;
  return maxpool2d(x, options);
}

std::string MaxPool2d::describe() const { return fmt::format("MaxPool2d({})", pool_text(options_)); }

Tensor ReluMaxPool2d::forward(const Tensor& x) {
  // On the CPU, half takes longer in one pass: LeNet's step by a fifth.
  if (x.device() != Device::cpu || x.dtype() != DType::f16) return relu_maxpool2d(x, alpha_, options_);
  PooledRelu("relu_maxpool2d", x.shape(), x.dtype(), alpha_, options_);  // the same errors
  return maxpool2d(relu(x, alpha_), options_);
}

std::string ReluMaxPool2d::describe() const {
  return fmt::format("ReluMaxPool2d({}{})", alpha_ == 0 ? "" : fmt::format("alpha {}, ", alpha_), pool_text(options_));
}

std::string AvgPool2d::describe() const {
  const Pair stride = options_.stride == Pair(0) ? options_.window : options_.stride;
  return fmt::format("AvgPool2d({}{})", window_text(options_.window, stride, options_.pad, 1),
                     options_.count_padding ? "" : ", padding not counted");
}

std::string NormPool2d::describe() const {
  const Pair stride = options_.stride == Pair(0) ? options_.window : options_.stride;
  return fmt::format("NormPool2d({}{})", window_text(options_.window, stride, options_.pad, 1),
                     options_.at_zero == 0 ? "" : fmt::format(", at zero {}", options_.at_zero));
}

Dropout::Dropout(double p) : p_(p) {
  require(p >= 0 && p < 1, "Dropout: expected a probability of 0 or more and below 1, got {}", p);
}

std::string Dropout::describe() const { return fmt::format("Dropout({})", p_); }

Sequential::Sequential(std::initializer_list<Item> modules) {
  Module* const alone = modules.size() == 1 ? modules.begin()->module.get() : nullptr;
  if (alone != nullptr && typeid(*alone) == typeid(Sequential))
    children_ = std::move(static_cast<Sequential&>(*alone).children_);
  else
    for (const Item& item : modules) append(std::move(item.module));
}

void Sequential::append(std::string name, std::unique_ptr<Module> module) {
  require(module != nullptr, "Sequential: expected a module, got none");
  children_.push_back({std::move(name), std::move(module)});
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (auto child = children_.begin(); child != children_.end(); ++child) {
    const auto next = child + 1;
    const Tensor both = next == children_.end() ? Tensor() : call_fused(*child->module, *next->module, y);
    y = both ? both : (*child->module)(y);
    if (both) child = next;
  }
  return y;
}

void Sequential::visit(Visitor& visitor) {
  for (const Child& child : children_) visitor.child(child.name, *child.module);
}

std::string Sequential::describe() const {
  std::string text = "Sequential(";
  for (std::size_t i = 0; i < children_.size(); ++i) text += (i ? ", " : "") + children_[i].module->describe();
  return text + ")";
}

}  // namespace mpad
