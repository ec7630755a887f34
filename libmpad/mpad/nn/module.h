// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/tensor.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mpad {

class Module;

/// What a module shows of itself, by the names that PyTorch gives the same things.
class Visitor {
 public:
  virtual ~Visitor() = default;
  /// A tensor that is trained.
  virtual void parameter(std::string_view name, Tensor& tensor) = 0;
  /// A parameter that, as an array of shape k,r,s,c, has PyTorch's axes in another order (k,c,r,s there): the weight of
  /// a convolution, or of a linear layer on a flattened image. Like any other unless overridden.
  virtual void image_weight(std::string_view name, Tensor& tensor, const Shape& krsc);
  /// A tensor that is saved but not trained, such as running statistics.
  virtual void buffer(std::string_view name, Tensor& tensor) = 0;
  virtual void child(std::string_view name, Module& module) = 0;
};

/// A visitor of a module and its children that knows the path of what it is shown.
class PathVisitor : public Visitor {
 public:
  void child(std::string_view name, Module& module) override;

 protected:
  std::string path(std::string_view name) const { return prefix_ + std::string(name); }

 private:
  std::string prefix_{};
};

/// A part of a network: parameters, children, and a forward pass.
class Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module(Module&&) = default;
  Module& operator=(const Module&) = delete;
  Module& operator=(Module&&) = default;
  virtual ~Module() = default;

  virtual Tensor forward(const Tensor& x) = 0;
  /// forward(x), which the CallObserver of this thread is told of.
  Tensor operator()(const Tensor& x);

  /// Shows parameters, buffers and children, in PyTorch's order.
  virtual void visit(Visitor&) {}

  /// "Conv2d(3, 64, kernel 3x3, ...)": what the layer is.
  virtual std::string describe() const = 0;

  /// Rounds parameters and buffers to dtype, once each, in place; integers stay as they are, frozen parameters frozen,
  /// and a tensor that several layers have is one for all of them again. Optimizers made before lose sight of what
  /// changes its dtype.
  void to(DType dtype) { to(dtype, dtype); }
  /// The same with another dtype for buffers.
  void to(DType parameters, DType buffers);
  /// Moves parameters and buffers to a device, likewise. Optimizers made before lose sight of those that move.
  void to(Device device);

  /// Switches this module and its children between training and evaluation.
  void train(bool on = true);
  bool is_training() const { return training_; }

 private:
  bool training_ = true;
};

/// Told of every module called on this thread while it is alive, each after its children. They nest; the innermost is
/// told.
class CallObserver {
 public:
  CallObserver();
  virtual ~CallObserver();
  CallObserver(const CallObserver&) = delete;
  CallObserver& operator=(const CallObserver&) = delete;
  virtual void called(Module& module, const Tensor& x, const Tensor& y) = 0;
  /// Whether one is alive on this thread.
  static bool observing();

 private:
  CallObserver* outer_;
};

/// A CallObserver that knows the paths of a model's modules.
class PathObserver : public CallObserver {
 public:
  explicit PathObserver(Module& model);

 protected:
  /// Empty for the model itself and for what is no part of it.
  std::string path_of(const Module& module) const;

 private:
  std::map<const Module*, std::string> paths_{};
};

/// A tensor and its path, such as "layer2.0.conv1.weight".
struct NamedTensor {
  std::string path;
  Tensor tensor;
};

/// The trained tensors of a module and its children, in visiting order.
std::vector<NamedTensor> parameters(Module& module);

/// Trained and other saved tensors, in visiting order.
std::vector<NamedTensor> state(Module& module);

/// A module and its path, such as "layer2.0".
struct NamedModule {
  std::string path;
  Module* module;
};

/// The module itself, by an empty path, and all below it, each before its children.
std::vector<NamedModule> modules(Module& module);

/// Number of trained scalars.
std::int64_t count_parameters(Module& module);

}  // namespace mpad
