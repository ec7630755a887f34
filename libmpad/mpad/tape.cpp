// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/core/nesting.h>
#include <mpad/grad_slot.h>
#include <mpad/residues.h>
#include <mpad/tape.h>

#include <kernels.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace mpad {
namespace {

thread_local Tape* innermost = nullptr;

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> serial{0};
  return ++serial;
}

// The gradient becomes its own copy in the slot's storage, or the very tensor that was handed over.
void place(GradSlot& slot, const Tensor& gradient) {
  if (slot.storage && gradient.view().data != slot.storage.view().data) {
    slot.storage.copy_from(gradient);
    slot.gradient = slot.storage;
  } else {
    slot.gradient = gradient;
  }
}

// The one that is there, or the sum of two, in `storage` if there is one; a residue where they are.
Tensor sum(const Tensor& a, const Tensor& b, const PrimeField* field, const Tensor& storage = {}) {
  if (!a) return b;
  const Tensor total = storage ? storage : empty_like(b);
  on(b.device(), [&](auto where) { kernels::add(where, a.view(), b.view(), total.view()); });
  return field ? reduced(*field, "gradients", total) : total;
}

void add_to(GradSlot& slot, const Tensor& gradient, const PrimeField* field) {
  // A handed-over tensor may be shared with another slot, so the sum goes into storage of this slot's own.
  if (slot.gradient)
    slot.gradient = sum(slot.gradient, gradient, field, slot.storage);
  else
    place(slot, gradient);
}

// Nothing records while a backward pass runs: its products are kernels, but a user's vjp may call operations.
class Paused {
 public:
  Paused() : tape_(std::exchange(innermost, nullptr)) {}
  ~Paused() { innermost = tape_; }
  Paused(const Paused&) = delete;
  Paused& operator=(const Paused&) = delete;

 private:
  Tape* tape_;
};

}  // namespace

Gradients::Gradients(const char* name, const std::vector<std::shared_ptr<GradSlot>>& inputs,
                     const GradientOptions& options)
    : name_(name), options_(&options) {
  for (const auto& slot : inputs) entries_.push_back({slot, {}});
}

Tensor Gradients::saved(const Tensor& value) const {
  require(!value || !was_overwritten(value),
          "{}: expected tensors as they were when it was recorded, got one of shape {} that was overwritten (by fill, "
          "copy_from or an optimizer's step)",
          name_, value ? value.shape() : Shape{});
  return options_->is_wide() && value && is_real(value.dtype()) ? value.to(DType::f64) : value;
}

Tensor Gradients::factor(const Tensor& value) const {
  const Tensor number = saved(value);
  return field() && number ? residues_of(*field(), name_, number) : number;
}

double Gradients::factor(double number) const {
  return field() ? static_cast<double>(field()->residue(number)) : number;
}

void Gradients::expect_sums_of(std::int64_t terms) const {
  require(!field() || terms <= PrimeField::max_terms,
          "{}: expected sums of at most {} products in a pass modulo a prime, got {}", name_, PrimeField::max_terms,
          terms);
}

DType Gradients::dtype_of(const GradSlot& slot) const { return options_->is_wide() ? DType::f64 : slot.dtype; }

const Gradients::Entry& Gradients::at(int i) const {
  require(i >= 0 && static_cast<std::size_t>(i) < entries_.size(), "{}: expected an input in 0..{}, got {}", name_,
          static_cast<int>(entries_.size()) - 1, i);
  return entries_[static_cast<std::size_t>(i)];
}

Gradients::Entry& Gradients::wanted_entry(int i) {
  require(wanted(i), "{}: expected a gradient only where one is wanted, got one for input {}", name_, i);
  return entries_[static_cast<std::size_t>(i)];
}

bool Gradients::wanted(int i) const { return at(i).slot != nullptr; }

const Tensor& Gradients::into(int i) {
  Entry& entry = wanted_entry(i);
  const GradSlot& slot = *entry.slot;
  // Straight into the storage, unless a gradient is there already or another input of this operation took it.
  const bool taken = slot.gradient || std::any_of(entries_.begin(), entries_.end(), [&](const Entry& other) {
                       return other.slot == entry.slot && other.gradient;
                     });
  entry.gradient = slot.storage && !taken ? slot.storage : Tensor(slot.shape, dtype_of(slot), slot.device);
  return entry.gradient;
}

void Gradients::set(int i, const Tensor& gradient) {
  Entry& entry = wanted_entry(i);
  const DType dtype = dtype_of(*entry.slot);
  require(gradient.shape() == entry.slot->shape && gradient.dtype() == dtype && gradient.device() == entry.slot->device,
          "{}: expected a gradient of {} {} on {} for input {}, got {} {} on {}", name_, to_string(dtype),
          entry.slot->shape, to_string(entry.slot->device), i, to_string(gradient.dtype()), gradient.shape(),
          to_string(gradient.device()));
  // A leaf's gradient is the user's to change, so it shares no data with another tensor's.
  const bool owned = entry.slot->tape == 0 && !entry.slot->storage;
  entry.gradient = owned ? gradient.clone() : gradient;
}

void Gradients::scale(int i, const Tensor& grad_output,
                      const std::function<void(const Tensor&, const Tensor&)>& write) {
  if (!field()) return write(grad_output, into(i));
  const Tensor numbers(wanted_entry(i).slot->shape, DType::f64, grad_output.device());
  write(Tensor::full(grad_output.shape(), 1, DType::f64, grad_output.device()), numbers);
  set(i, times(*field(), residues_of(*field(), name_, numbers), grad_output));
}

// Sums become residues again, so that those of the next product are exact too.
void Gradients::reduce() {
  for (Entry& entry : entries_)
    if (entry.gradient && field()) entry.gradient = reduced(*field(), name_, entry.gradient);
}

bool Gradients::same_bits(const Gradients& other) const {
  return std::equal(entries_.begin(), entries_.end(), other.entries_.begin(), [](const Entry& a, const Entry& b) {
    const View x = a.gradient ? a.gradient.view() : View{}, y = b.gradient ? b.gradient.view() : View{};
    if (x.data == y.data) return true;
    // Elsewhere, comparing may cost more than computing: what may differ does.
    return x.data != nullptr && y.data != nullptr && a.gradient.device() == Device::cpu &&
           std::memcmp(x.data, y.data, a.gradient.bytes()) == 0;
  });
}

void Gradients::add_up() {
  for (Entry& entry : entries_)
    if (entry.gradient) add_to(*entry.slot, entry.gradient, field());
}

Tape::Tape(Keep keep) : keep_(keep), outer_(innermost), serial_(next_serial()) { innermost = this; }

Tape::~Tape() { end_scope(innermost, this, &Tape::outer_); }

Tape* Tape::current() { return innermost; }

void Tape::check_loss(const char* who, const Tensor& loss) const {
  require(!spent_, "{}: expected the first call on this tape, got a second (what it saved is gone)", who);
  require(loss.numel() == 1, "{}: expected a loss of one element, got shape {}", who, loss.shape());
  require(slot_of(loss) != nullptr && slot_of(loss)->tape == serial_,
          "{}: expected a loss recorded by this tape from a tensor that requires a gradient, got one that {}", who,
          slot_of(loss) ? "another tape recorded or that is a leaf" : "nothing recorded");
}

Gradients Tape::product(const Node& node, const Tensor& grad_output, const GradientOptions& options) {
  Gradients gradients(node.name, node.inputs, options);
  node.vjp(grad_output, gradients);
  gradients.reduce();
  return gradients;
}

void Tape::run(const Node& node, const GradientOptions& options) {
  const Tensor grad_output = std::exchange(node.output->gradient, Tensor());
  if (grad_output) product(node, grad_output, options).add_up();
}

void Tape::backward(const Tensor& loss, double scale) {
  check_loss("backward", loss);
  run_from(loss, Tensor::full(loss.shape(), scale, loss.dtype(), loss.device()));
}

void Tape::backward(const Tensor& loss, const Tensor& scale) {
  check_loss("backward", loss);
  require(scale.numel() == 1 && is_real(scale.dtype()) && scale.device() == loss.device(),
          "backward: expected a scale on {}, one element of half, float or double, got {} {} on {}",
          to_string(loss.device()), scale.dtype(), scale.shape(), to_string(scale.device()));
  run_from(loss, scale.to(loss.dtype()).reshaped(loss.shape()));
}

void Tape::run_from(const Tensor& loss, const Tensor& gradient) {
  spent_ = true;
  slot_of(loss)->gradient = gradient;
  const Paused paused;
  const GradientOptions as_recorded;
  while (!nodes_.empty()) {
    const Node node = std::move(nodes_.back());
    nodes_.pop_back();
    run(node, as_recorded);
  }
}

// While it lives, the slots of a tape and of leaves collect anew, at first the gradient of the loss; then each has what
// it had.
class Tape::FreshSlots {
 public:
  FreshSlots(const Tape& tape, const Tensor& loss, std::span<const Tensor> leaves, const GradientOptions& options)
      : leaves_(leaves) {
    tape.check_loss("gradients", loss);
    require(tape.keep_ == Keep::choices,
            "gradients: expected a tape made with Keep::choices, got one that keeps the least");
    for (const Tensor& leaf : leaves)
      require(leaf && slot_of(leaf) && slot_of(leaf)->tape == 0,
              "gradients: expected leaves that require a gradient, got a tensor that {}",
              leaf && slot_of(leaf) ? "a tape recorded" : "requires none");
    const double scale = options.modulo ? static_cast<double>(options.modulo->residue(options.scale)) : options.scale;
    const Tensor of_loss =
        Tensor::full(loss.shape(), scale, options.is_wide() ? DType::f64 : loss.dtype(), loss.device());
    for (const Tensor& leaf : leaves) add(slot_of(leaf));
    for (const Node& node : tape.nodes_) {
      add(node.output);
      for (const auto& slot : node.inputs) add(slot);
    }
    slot_of(loss)->gradient = of_loss;  // what may throw is behind
  }
  ~FreshSlots() {
    for (auto& [slot, had] : had_) std::tie(slot->gradient, slot->storage) = std::move(had);
  }
  FreshSlots(const FreshSlots&) = delete;
  FreshSlots& operator=(const FreshSlots&) = delete;

  std::vector<Tensor> of_leaves() const {
    std::vector<Tensor> gradients;
    for (const Tensor& leaf : leaves_) gradients.push_back(slot_of(leaf)->gradient);
    return gradients;
  }

 private:
  void add(const std::shared_ptr<GradSlot>& slot) {
    if (slot && had_.try_emplace(slot, slot->gradient, slot->storage).second) slot->gradient = slot->storage = Tensor();
  }

  std::span<const Tensor> leaves_;
  std::map<std::shared_ptr<GradSlot>, std::pair<Tensor, Tensor>> had_{};
};

std::vector<Tensor> Tape::gradients(const Tensor& loss, std::span<const Tensor> leaves,
                                    const GradientOptions& options) {
  const FreshSlots slots(*this, loss, leaves, options);
  const Paused paused;
  std::for_each(nodes_.rbegin(), nodes_.rend(), [&](const Node& node) { run(node, options); });
  return slots.of_leaves();
}

std::pair<std::vector<Tensor>, std::vector<Tensor>> Tape::gradients(const Tensor& loss, std::span<const Tensor> leaves,
                                                                    const GradientOptions& options,
                                                                    const Choices& second) {
  GradientOptions other = options;
  other.choices = second;
  if (options.choices.summation_order != second.summation_order)
    return {gradients(loss, leaves, options), gradients(loss, leaves, other)};
  const FreshSlots slots(*this, loss, leaves, options);
  const Paused paused;
  std::map<std::shared_ptr<GradSlot>, Tensor> apart;  // the second pass's gradients, where they are not the first's
  const auto of_second = [&](const std::shared_ptr<GradSlot>& slot) {
    const auto found = apart.find(slot);
    return found == apart.end() ? slot->gradient : found->second;
  };
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    const Tensor grad_a = std::exchange(node->output->gradient, Tensor());
    if (!grad_a) continue;
    const auto parted = apart.extract(node->output);
    const Gradients a = product(*node, grad_a, options);
    std::optional<Gradients> b;
    if (parted || a.chose_) b = product(*node, parted ? parted.mapped() : grad_a, other);
    if (b && b->same_bits(a)) b.reset();
    for (std::size_t i = 0; i < a.entries_.size(); ++i) {
      const auto& [slot, added] = a.entries_[i];
      if (!added) continue;
      if (b || apart.count(slot) > 0)
        apart[slot] = sum(of_second(slot), b ? b->entries_[i].gradient : added, options.modulo);
      add_to(*slot, added, options.modulo);
    }
  }
  std::vector<Tensor> second_gradients;
  for (const Tensor& leaf : leaves) second_gradients.push_back(of_second(slot_of(leaf)));
  return {slots.of_leaves(), second_gradients};
}

bool recording(std::span<const Tensor> inputs) {
  return innermost && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.requires_grad(); });
}

bool keeps_choices() { return innermost && innermost->keep() == Tape::Keep::choices; }

void check_recordable(const char* name, std::span<const Tensor> inputs) {
  if (!recording(inputs)) return;
  require(!innermost->spent_, "{}: expected a tape that has not run backward, got a spent one", name);
  for (const Tensor& input : inputs) {
    const auto slot = input ? slot_of(input) : nullptr;
    require(
        !slot || slot->tape == 0 || slot->tape == innermost->serial_,
        "{}: expected inputs that are leaves or recorded by the current tape, got one of another tape (detach() it)",
        name);
  }
}

void record(const char* name, std::span<const Tensor> inputs, const Tensor& output, Vjp vjp) {
  if (!recording(inputs)) return;
  Tape& tape = *innermost;
  require(!output.requires_grad(), "{}: expected a new output, got a tensor that requires a gradient already", name);
  require(vjp != nullptr, "{}: expected a vector-Jacobian product, got none", name);
  check_recordable(name, inputs);
  Tape::Node node{name, {}, nullptr, std::move(vjp)};
  for (const Tensor& input : inputs) node.inputs.push_back(input ? slot_of(input) : nullptr);
  node.output = std::make_shared<GradSlot>(GradSlot{output.shape(), output.dtype(), output.device(), tape.serial_});
  set_slot(output, node.output);
  tape.nodes_.push_back(std::move(node));
}

}  // namespace mpad
