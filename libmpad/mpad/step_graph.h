// SPDX-License-Identifier: MIT
// A training step as one CUDA graph.
#pragma once
#include <mpad/nn/module.h>

#include <functional>
#include <memory>
#include <vector>

namespace mpad {

/// Work on a module's parameters, the same in every step: on CUDA its kernels are recorded once and queued as one graph
/// from then on, which takes the host as long as to launch one kernel. The bits are those of the work itself. On the
/// CPU every call calls the work.
///
///     Tensor loss;
///     StepGraph step(model, [&] {
///       Tape tape;
///       loss = cross_entropy(model(images), labels);
///       tape.backward(loss);
///       sgd.step_by(numbers);
///     });
///     for (...) {
///       images.copy_from(...);
///       labels.copy_from(...);
///       numbers.copy_from(...);  // Optimizer::numbers
///       step();
///     }
///
/// Work that ends with gradients leaves them in the parameters, for an optimizer's step() beside it.
///
/// Each call works on the same tensors with the same numbers: what changes is copied into tensors that stay in place,
/// and results are read in those that the work has made, which each call overwrites. Whether the module is in training
/// or evaluation is recorded too. What the work may not do, because it would happen once and for all, throws Error:
/// wait for a result, copy between the device and the host, drop at random but by a key that is copied in as well
/// (RandomScope in random.h), or call Optimizer::step(). A loss's scale may be in memory (DeviceLossScaler).
class StepGraph {
 public:
  /// The module's parameters are on one device, and stay where they are.
  StepGraph(Module& module, std::function<void()> work);
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  /// Does the work. On CUDA the first call runs the work as it is, on a stream of its own, and the second
  /// records it: all calls are to come from one thread. Throws Error if a parameter still has a gradient, and what the
  /// work throws.
  void operator()();

 private:
  struct Recorded;
  void run_on_stream();
  void record();
  void replay();

  std::vector<Tensor> parameters_{};
  std::function<void()> work_;
  std::unique_ptr<Recorded> recorded_;  // none on the CPU
};

}  // namespace mpad
