// SPDX-License-Identifier: MIT
// The layers: modules around the operations of ops.h, with options as designated initialisers. Parameters are float
// until Module::to, and start as PyTorch's: weight and bias uniform in +-1/sqrt(fan_in).
#pragma once
#include <mpad/nn/batch_norm.h>
#include <mpad/nn/module.h>
#include <mpad/ops.h>

#include <concepts>
#include <initializer_list>
#include <memory>
#include <vector>

namespace mpad {

struct Conv2dOptions {
  std::int64_t in, out;  ///< channels
  Pair kernel;
  Pair stride = 1, pad = 0, dilation = 1;
  bool bias = true;
};
/// n,h,w,in to n,oh,ow,out. Parameters: weight out,r,s,in; bias out.
class Conv2d final : public Module {
 public:
  explicit Conv2d(const Conv2dOptions& options);
  Tensor forward(const Tensor& x) override;
  /// With ReLU, or ReLU and a pool, behind it: conv2d_relu, conv2d_relu_maxpool2d.
  Tensor forward_relu(const Tensor& x, double alpha) const;
  Tensor forward_relu_pool(const Tensor& x, double alpha, const MaxPool2dOptions& pool) const;
  /// With batch normalisation by the layer `norm` behind it, its options set anew: conv2d_batch_norm.
  Tensor forward_norm(const Tensor& x, const BatchNorm& norm, const BatchNormOptions& options,
                      const Tensor& addend = {}) const;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  Conv2dWindow window() const { return {options_.stride, options_.pad, options_.dilation}; }

  Conv2dOptions options_;
  Tensor weight_, bias_{};
};

struct LinearOptions {
  std::int64_t in, out;  ///< features
  bool bias = true;
  /// Height and width of the image h,w,c that the input features are. PyTorch flattens c,h,w: weights move between the
  /// two orders where files are read and written.
  Pair image = 1;
};
/// n,in to n,out. Parameters: weight out,in; bias out.
class Linear final : public Module {
 public:
  explicit Linear(const LinearOptions& options);
  Tensor forward(const Tensor& x) override;
  /// With ReLU behind it: linear_relu.
  Tensor forward_relu(const Tensor& x, double alpha) const;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  LinearOptions options_;
  Tensor weight_, bias_{};
};

struct ReluOptions {
  double alpha = 0;  ///< ReLU'(0)
};
class Relu final : public Module {
 public:
  explicit Relu(const ReluOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override { return relu(x, options_.alpha); }
  std::string describe() const override;
  double alpha() const { return options_.alpha; }

 private:
  ReluOptions options_;
};

/// maxpool2d, in evaluation with options.test_forward.
class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(MaxPool2dOptions options = {}) : options_(std::move(options)) {}
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  const MaxPool2dOptions& options() const { return options_; }

 private:
  MaxPool2dOptions options_;
};

/// ReLU and MaxPool2d: relu_maxpool2d, or the two apart where that is faster. The bits are the same. Computes the
/// maximum in training and evaluation alike.
class ReluMaxPool2d final : public Module {
 public:
  explicit ReluMaxPool2d(const ReluOptions& relu = {}, MaxPool2dOptions pool = {})
      : alpha_(relu.alpha), options_(std::move(pool)) {}
  Tensor forward(const Tensor& x) override;
  double alpha() const { return alpha_; }
  std::string describe() const override;
  const MaxPool2dOptions& options() const { return options_; }

 private:
  double alpha_;
  MaxPool2dOptions options_;
};

class AvgPool2d final : public Module {
 public:
  explicit AvgPool2d(const AvgPool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override { return avgpool2d(x, options_); }
  std::string describe() const override;

 private:
  AvgPool2dOptions options_;
};

/// n,h,w,c to n,1,1,c, as PyTorch's AdaptiveAvgPool2d(1).
class GlobalAvgPool2d final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return global_avgpool2d(x); }
  std::string describe() const override { return "GlobalAvgPool2d()"; }
};

/// The input. Keeps the place, and so the names of what follows, of a layer that is left out or part of another.
class Identity final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return x; }
  std::string describe() const override { return "Identity()"; }
};

/// n,h,w,c to n,size.h,size.w,c.
class AdaptiveAvgPool2d final : public Module {
 public:
  explicit AdaptiveAvgPool2d(Pair size) : size_(size) {}
  Tensor forward(const Tensor& x) override { return adaptive_avgpool2d(x, size_); }
  std::string describe() const override { return "AdaptiveAvgPool2d(" + to_string(size_) + ")"; }

 private:
  Pair size_;
};

class NormPool2d final : public Module {
 public:
  explicit NormPool2d(const NormPool2dOptions& options = {}) : options_(options) {}
  Tensor forward(const Tensor& x) override { return normpool2d(x, options_); }
  std::string describe() const override;

 private:
  NormPool2dOptions options_;
};

/// Drops elements with probability p in training; the input itself in evaluation.
class Dropout final : public Module {
 public:
  /// Throws Error unless 0 <= p < 1.
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) override { return dropout(x, p_, is_training()); }
  std::string describe() const override;

 private:
  double p_;
};

class Flatten final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return flatten(x); }
  std::string describe() const override { return "Flatten()"; }
};

/// Modules in a row; two in one pass where that gives the same bits (fused.h). Their names are "0", "1", ..., by place,
/// or given.
class Sequential : public Module {
 public:
  /// A module of any class.
  struct Item {
    template <std::derived_from<Module> M>
    Item(M of) : module(std::make_unique<M>(std::move(of))) {}
    Item(std::unique_ptr<Module> of) : module(std::move(of)) {}
    mutable std::unique_ptr<Module> module;  // of a list's elements, which are constant
  };

  Sequential() = default;
  /// Sequential{Conv2d(...), Relu()}: modules draw their parameters when they are made, and in braces C++ makes them in
  /// order, whatever the compiler. One Sequential alone in the braces is that one, not nested: append() nests. Throws
  /// Error if one is none.
  Sequential(std::initializer_list<Item> modules);
  /// One module alone of a class derived from Sequential: some compilers would take what it is derived from for the new
  /// one, and drop the rest. append() takes it.
  template <std::derived_from<Sequential> M>
  requires(!std::same_as<M, Sequential>) Sequential(M&& module)
  = delete;
  /// Throws Error if there is no module.
  void append(std::unique_ptr<Module> module) { append(std::to_string(children_.size()), std::move(module)); }
  void append(std::string name, std::unique_ptr<Module> module);
  template <std::derived_from<Module> M>
  void append(M module) {
    append(std::make_unique<M>(std::move(module)));
  }
  template <std::derived_from<Module> M>
  void append(std::string name, M module) {
    append(std::move(name), std::make_unique<M>(std::move(module)));
  }
  Tensor forward(const Tensor& x) override;
  void visit(Visitor& visitor) override;
  std::string describe() const override;

 private:
  struct Child {
    std::string name;
    std::unique_ptr<Module> module;
  };
  std::vector<Child> children_{};
};

}  // namespace mpad
