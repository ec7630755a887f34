// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/data/dataset.h>
#include <mpad/study/comparison.h>
#include <mpad/study/tie_counter.h>
#include <mpad/tape.h>

#include <utility>
#include <vector>

namespace mpad {

/// One forward of a network on a mini-batch, for any number of programs to differentiate: masks hold what every rule
/// needs. The network is the caller's, in the mode that it is to run in.
class RecordedLoss {
 public:
  /// Computes the mean cross-entropy of the mini-batch.
  RecordedLoss(Module& model, const Batch& batch);

  /// The loss.
  double value() const { return value_; }
  /// Of the max pools, in the order of their calls.
  const std::vector<LayerTies>& ties() const { return ties_; }
  /// What a program computes, and its replay. Of a network in double they are the same, and only the first has the
  /// order of summation that is asked for.
  ProgramGradients gradients(const Choices& choices);
  /// Those of two programs, computed once where they agree.
  std::pair<ProgramGradients, ProgramGradients> gradients(const Choices& first, const Choices& second);

  /// Whether two programs, their orders of summation apart, lead to different gradients over the reals, given what this
  /// forward saved in its precision, and the derivatives of the loss by the logits and of norms as double makes them.
  /// No bound is involved: the gradients' residues modulo two primes are compared (Tape::gradients, modulo). Where they
  /// differ, so do the gradients; different ones pass for equal by an accident of about one in 2^32. Throws Error where
  /// something saved is not finite.
  bool differ(const Choices& first, const Choices& second);

  /// Whether the forward shows that both programs compute the same bits: they are tie rules, and either no window is
  /// tied or all that are carry no gradient, as a ReLU with derivative 0 at 0 has made them 0.
  bool cannot_differ(const Choices& first, const Choices& second) const;

 private:
  std::vector<NamedTensor> named(const std::vector<Tensor>& gradients) const;
  bool is_its_replay(const Choices& choices) const;

  std::vector<NamedTensor> parameters_;
  std::vector<Tensor> leaves_{};
  Tape tape_{Tape::Keep::choices};
  std::vector<LayerTies> ties_{};
  Tensor loss_{};
  double value_ = 0;
};

/// Compares two programs on a recorded loss; what cannot differ is not computed.
Comparison compare(RecordedLoss& loss, const Choices& first, const Choices& second, VectorNorm norm);

/// A comparison of two programs' gradients of this loss, with the zone decided exactly where they leave it open.
Comparison decided(Comparison comparison, RecordedLoss& loss, const Choices& first, const Choices& second);

}  // namespace mpad
