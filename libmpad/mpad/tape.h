// SPDX-License-Identifier: MIT
// Reverse-mode automatic differentiation: a tape that operations append to while it is alive.
#pragma once
#include <mpad/choices.h>
#include <mpad/core/prime_field.h>
#include <mpad/tensor.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mpad {

/// How Tape::gradients differentiates.
struct GradientOptions {
  Choices choices{};
  /// Starts from saved values as they are and computes in double what follows from them: what is left of a difference
  /// between two choices is no rounding of a narrower type.
  bool in_double = false;
  double scale = 1;  ///< multiplies the loss
  /// Computes, from saved values as they are, the residues that the gradients over the rationals have in this field, in
  /// double: two choices whose residues differ lead to different gradients; equal ones are equal but for an accident of
  /// about one in the prime (RecordedLoss::differ asks two). The field outlives the call. Throws Error where a product
  /// does not support it: those of ops.h do; where something saved is not finite; and where a sum has more than
  /// PrimeField::max_terms terms.
  const PrimeField* modulo = nullptr;

  /// Whether gradients are in double, whatever their tensors are in.
  bool is_wide() const { return in_double || modulo; }
};

/// The gradient of one operation's inputs, as its vector-Jacobian product writes them.
class Gradients {
 public:
  /// What this pass was asked to choose, but for the order of summation.
  const Choices& choices() const {
    chose_ = true;
    return options_->choices;
  }
  const std::optional<std::uint64_t>& summation_order() const { return options_->choices.summation_order; }
  /// What forward saved, for kernels that want one dtype: itself, or in double where this pass computes in double.
  /// Throws Error if it was detached and has been overwritten since.
  Tensor saved(const Tensor& value) const;
  /// The same for what gradients are multiplied by: its residues where this pass computes modulo a prime.
  Tensor factor(const Tensor& value) const;
  /// The same for one number.
  double factor(double number) const;
  /// What this pass computes modulo, or null. Then products hand over sums of products of residues.
  const PrimeField* field() const { return options_->modulo; }
  /// Throws Error if this pass is to be exact and sums of so many products of residues may not be.
  void expect_sums_of(std::int64_t terms) const;
  /// Whether the gradient of input i is wanted.
  bool wanted(int i) const;
  /// A tensor shaped like input i for the product to write all of; the tape adds it to what else flows there.
  const Tensor& into(int i);
  /// Hands over a gradient that exists already. Throws Error if shape or dtype are not those of input i.
  void set(int i, const Tensor& gradient);
  /// The gradient of input i where each element is one number times an element of grad_output, or times its only one:
  /// `write(grad_output, to)` writes them, and gives the numbers where grad_output is all ones.
  void scale(int i, const Tensor& grad_output, const std::function<void(const Tensor&, const Tensor&)>& write);

 private:
  friend class Tape;
  struct Entry {
    std::shared_ptr<GradSlot> slot;
    Tensor gradient;
  };
  Gradients(const char* name, const std::vector<std::shared_ptr<GradSlot>>& inputs, const GradientOptions& options);
  DType dtype_of(const GradSlot& slot) const;
  const Entry& at(int i) const;
  Entry& wanted_entry(int i);
  bool same_bits(const Gradients& other) const;
  void reduce();
  void add_up();
  const char* name_;
  const GradientOptions* options_;
  std::vector<Entry> entries_;
  mutable bool chose_ = false;  // whether the product has looked at the choices
};

/// Writes the gradients of an operation's inputs, given that of its output. What it captures is what is saved.
using Vjp = std::function<void(const Tensor& grad_output, Gradients& gradients)>;

/// Records the operations of the thread that makes it, from its construction to its destruction, which is that thread's
/// too. Tapes nest; the innermost records. What an operation saves is memory that it shares with its inputs, not a
/// copy: where fill, copy_from or an optimizer's step has overwritten a tensor since, backward throws Error. What else
/// writes (through view(), span() or a slice) is not seen.
class Tape {
 public:
  /// What operations save: what their own backward needs, or what one needs with any Choices.
  enum class Keep : unsigned char { least, choices };

  explicit Tape(Keep keep = Keep::least);
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Adds d loss / d leaf to the gradient of each leaf that the loss, times `scale`, depends on; frees what was saved
  /// on the way. Throws Error if the loss has more than one element or was not recorded by this tape, or if the tape
  /// has run backward before. If a product throws, the tape is spent and leaves may hold part of their gradients.
  void backward(const Tensor& loss, double scale = 1);
  /// The same with a scale of one element, of any real dtype, on the loss's device: it is read when the gradient is
  /// computed, and rounded to the loss's dtype. What is recorded as a graph (step_graph.h) reads it in each call.
  void backward(const Tensor& loss, const Tensor& scale);

  /// d loss / d leaf for each leaf, times options.scale; an empty tensor where the loss does not depend on it. May be
  /// called any number of times before backward: it frees nothing and leaves the gradients of leaves alone. Throws
  /// Error as backward does, and if the tape keeps too little (see Keep).
  std::vector<Tensor> gradients(const Tensor& loss, std::span<const Tensor> leaves,
                                const GradientOptions& options = {});

  /// The gradients that two choices lead to, with all other options alike: the same bits as by two calls. The passes
  /// are one until an operation makes a difference of the choices; where they never part, the tensors are the same.
  std::pair<std::vector<Tensor>, std::vector<Tensor>> gradients(const Tensor& loss, std::span<const Tensor> leaves,
                                                                const GradientOptions& options, const Choices& second);

  Keep keep() const { return keep_; }

  /// Operations recorded.
  std::size_t size() const { return nodes_.size(); }

  /// The tape that records on this thread, or null.
  static Tape* current();

 private:
  friend void record(const char*, std::span<const Tensor>, const Tensor&, Vjp);
  friend void check_recordable(const char*, std::span<const Tensor>);
  struct Node {
    const char* name;
    std::vector<std::shared_ptr<GradSlot>> inputs;
    std::shared_ptr<GradSlot> output;
    Vjp vjp;
  };
  class FreshSlots;
  void check_loss(const char* who, const Tensor& loss) const;
  void run_from(const Tensor& loss, const Tensor& gradient);
  static Gradients product(const Node& node, const Tensor& grad_output, const GradientOptions& options);
  static void run(const Node& node, const GradientOptions& options);
  std::vector<Node> nodes_;
  Keep keep_;
  Tape* outer_;
  std::uint64_t serial_;
  bool spent_ = false;
};

/// Appends an operation to the current tape if there is one and some input requires a gradient; `output` then requires
/// one too. `output` must be a new tensor, and `name` must outlive the tape.
void record(const char* name, std::span<const Tensor> inputs, const Tensor& output, Vjp vjp);
inline void record(const char* name, std::initializer_list<Tensor> inputs, const Tensor& output, Vjp vjp) {
  record(name, std::span(inputs.begin(), inputs.size()), output, std::move(vjp));
}

/// Throws Error where record() would with these inputs: for operations that change anything before they record.
void check_recordable(const char* name, std::span<const Tensor> inputs);

/// Whether record() would keep an operation with these inputs; lets an operation skip saving what only backward needs.
bool recording(std::span<const Tensor> inputs);
inline bool recording(std::initializer_list<Tensor> inputs) {
  return recording(std::span(inputs.begin(), inputs.size()));
}

/// Whether the tape that records keeps what any choice needs.
bool keeps_choices();

}  // namespace mpad
