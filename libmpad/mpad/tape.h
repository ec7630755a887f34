// SPDX-License-Identifier: MIT
// Reverse-mode automatic differentiation: a tape that operations append to while it is alive.
#pragma once
#include <mpad/tensor.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace mpad {

/// The gradient of one operation's inputs, as its vector-Jacobian product writes them.
class Gradients {
 public:
  /// Whether the gradient of input i is wanted.
  bool wanted(int i) const;
  /// A tensor shaped like input i for the product to write all of; the tape adds it to what else flows there.
  const Tensor& into(int i);
  /// Hands over a gradient that exists already. Throws Error if shape or dtype are not those of input i.
  void set(int i, const Tensor& gradient);

 private:
  friend class Tape;
  struct Entry {
    std::shared_ptr<GradSlot> slot;
    Tensor gradient;
  };
  Gradients(const char* name, std::vector<std::shared_ptr<GradSlot>> inputs);
  const Entry& at(int i) const;
  Entry& wanted_entry(int i);
  void add_up();
  const char* name_;
  std::vector<Entry> entries_;
};

/// Writes the gradients of an operation's inputs, given that of its output. What it captures is what is saved.
using Vjp = std::function<void(const Tensor& grad_output, Gradients& gradients)>;

/// Records the operations of this thread from its construction to its destruction. Tapes nest; the innermost records.
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Adds d loss / d leaf to the gradient of each leaf that the loss, times `scale`, depends on; frees what was saved
  /// on the way. Throws Error if the loss has more than one element or was not recorded by this tape, or if the tape
  /// has run backward before. If a product throws, the tape is spent and leaves may hold part of their gradients.
  void backward(const Tensor& loss, double scale = 1);

  /// Operations recorded.
  std::size_t size() const { return nodes_.size(); }

  /// The tape that records on this thread, or null.
  static Tape* current();

 private:
  friend void record(const char*, std::span<const Tensor>, const Tensor&, Vjp);
  struct Node {
    const char* name;
    std::vector<std::shared_ptr<GradSlot>> inputs;
    std::shared_ptr<GradSlot> output;
    Vjp vjp;
  };
  std::vector<Node> nodes_;
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

/// Whether record() would keep an operation with these inputs; lets an operation skip saving what only backward needs.
bool recording(std::span<const Tensor> inputs);
inline bool recording(std::initializer_list<Tensor> inputs) {
  return recording(std::span(inputs.begin(), inputs.size()));
}

}  // namespace mpad
