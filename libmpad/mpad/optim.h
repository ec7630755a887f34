// SPDX-License-Identifier: MIT
// Optimizers; learning-rate schedules are in schedule.h.
#pragma once
#include <mpad/nn/module.h>

#include <memory>
#include <string>
#include <vector>

namespace mpad {

/// Holds parameters, gradients and its state in one arena, an array each, so that a step is one kernel. Making an
/// optimizer moves the module's parameters there (Tensor::rebind): handles on them see the new place, and keep the
/// arena when the optimizer is gone. Throws Error, and moves nothing, on options out of range and on a module whose
/// parameters are none, of several dtypes or devices, or frozen.
///
/// With float masters, the parameters of a float module move into the optimizer, and the module gets copies of them
/// rounded to half, anew after each step; the optimizer's state is float too (Micikevicius et al., ICLR 2018). Buffers
/// stay float. What is written into the module's parameters themselves (fill, load_weights) lasts until the next step:
/// write it before the optimizer is made, or into unrounded().
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Applies the gradients over `scale` and drops them. A parameter that got none, because it was frozen since or the
  /// loss does not depend on it, counts as having gradient 0: momentum and weight decay move it yet. Throws Error in a
  /// step that is recorded as a graph, whose numbers would be those of one step each time, and if another optimizer has
  /// moved the parameters to an arena of its own.
  void step(double scale = 1);
  /// The numbers that change from step to step: those of step `step` (from 1) at this rate, for gradients over `scale`.
  std::vector<double> numbers(double lr, std::int64_t step, double scale = 1) const;
  /// The two parts that they are made of (kernels.h, scale_step): what follows from the rate, and from which step it
  /// is.
  virtual std::vector<double> numbers_of_rate(double lr) const = 0;
  virtual std::vector<double> numbers_of_count(std::int64_t step) const = 0;
  /// step(), by numbers() in a tensor on the parameters' device (double), which are read when the step is computed, so
  /// that it can be recorded (step_graph.h). steps() does not count it. With a scale of infinity it is skipped,
  /// gradients that are not finite or not: it drops them.
  void step_by(const Tensor& numbers);
  /// Drops the gradients.
  void skip();
  /// Whether all gradients are finite. Waits for the device.
  bool has_finite_gradients() const;
  /// How many elements of the gradients are not finite, into an i32 scalar on the parameters' device.
  void count_nonfinite_gradients(const Tensor& count) const;

  double lr() const { return lr_; }
  /// Throws Error unless lr is finite and 0 or more.
  void set_lr(double lr);
  /// Steps taken.
  std::int64_t steps() const { return steps_; }
  /// Of the parameters.
  Device device() const { return parameters_.device(); }

  /// The parameters before any rounding, in visiting order: views of the float masters, or the module's own.
  std::vector<Tensor> unrounded() const;
  /// What a checkpoint needs beside the parameters: the state arrays, float masters the last of them, in a fixed order.
  /// Restore by copying into them.
  std::vector<NamedTensor> state() const;
  void set_steps(std::int64_t steps) { steps_ = steps; }

 protected:
  /// What a step works on: the arrays of kernels.h, and what it multiplies gradients by unless numbers say so.
  struct Step {
    View parameters, gradients, rounded, numbers{};
    double unscale = 1;
  };
  Optimizer(Module& module, double lr, bool float_masters, std::vector<const char*> state_names);
  virtual void apply(const Step& step) = 0;
  View state_view(std::size_t i) const { return state_.at(i).tensor.view(); }

 private:
  void apply_and_drop(const View& numbers, double unscale);
  void gather_gradients() const;

  double lr_ = 0;
  std::int64_t steps_ = 0;
  struct Member {
    std::string path;
    Tensor tensor;               // of the module
    Tensor parameter, gradient;  // its places in the arena
    Tensor unrounded;            // its float master, or itself
  };
  std::vector<Member> members_{};
  Tensor parameters_{}, masters_{}, gradients_{};
  std::vector<NamedTensor> state_{};
};

struct SgdOptions {
  double lr;
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
  bool float_masters = false;
};
/// Stochastic gradient descent as PyTorch defines it (kernels.h, SgdStep).
class Sgd final : public Optimizer {
 public:
  Sgd(Module& module, const SgdOptions& options);
  std::vector<double> numbers_of_rate(double lr) const override;
  std::vector<double> numbers_of_count(std::int64_t step) const override;

 private:
  void apply(const Step& step) override;
  SgdOptions options_;
};

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  bool decoupled = false;  ///< decay the parameter, not the gradient (AdamW)
  bool float_masters = false;
};
/// Adam and, with `decoupled`, AdamW (kernels.h, AdamStep). In half, both moments are rounded to half when they are
/// stored; a step is computed in float, epsilon included. Second moments below 2^-25 vanish then, and a first
/// moment that outlives its second is divided by epsilon alone: take 1e-4 or more.
class Adam final : public Optimizer {
 public:
  explicit Adam(Module& module, const AdamOptions& options = {});
  std::vector<double> numbers_of_rate(double lr) const override;
  std::vector<double> numbers_of_count(std::int64_t step) const override;

 private:
  void apply(const Step& step) override;
  AdamOptions options_;
};

/// What AdamW takes: as Adam, but for the weight decay.
struct AdamwOptions {
  double lr = 1e-3;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0.01;
  bool float_masters = false;
};
/// Adam with decoupled weight decay.
std::unique_ptr<Adam> make_adamw(Module& module, const AdamwOptions& options = {});

}  // namespace mpad
