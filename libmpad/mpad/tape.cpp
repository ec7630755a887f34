// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/grad_slot.h>
#include <mpad/tape.h>

#include <kernels.h>

#include <algorithm>
#include <atomic>
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

void add_to(GradSlot& slot, const Tensor& gradient) {
  if (!slot.gradient) return place(slot, gradient);
  // A handed-over tensor may be shared with another slot, so the sum goes into storage of this slot's own.
  const Tensor sum = slot.storage ? slot.storage : empty_like(gradient);
  on(slot.device, [&](auto where) { kernels::add(where, slot.gradient.view(), gradient.view(), sum.view()); });
  slot.gradient = sum;
}

}  // namespace

Gradients::Gradients(const char* name, std::vector<std::shared_ptr<GradSlot>> inputs) : name_(name) {
  for (auto& slot : inputs) entries_.push_back({std::move(slot), {}});
}

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
  entry.gradient = slot.storage && !taken ? slot.storage : Tensor(slot.shape, slot.dtype, slot.device);
  return entry.gradient;
}

void Gradients::set(int i, const Tensor& gradient) {
  Entry& entry = wanted_entry(i);
  require(gradient.shape() == entry.slot->shape && gradient.dtype() == entry.slot->dtype &&
              gradient.device() == entry.slot->device,
          "{}: expected a gradient of {} {} for input {}, got {} {}", name_, to_string(entry.slot->dtype),
          entry.slot->shape, i, to_string(gradient.dtype()), gradient.shape());
  // A leaf's gradient is the user's to change, so it shares no data with another tensor's.
  const bool owned = entry.slot->tape == 0 && !entry.slot->storage;
  entry.gradient = owned ? gradient.clone() : gradient;
}

void Gradients::add_up() {
  for (Entry& entry : entries_)
    if (entry.gradient) add_to(*entry.slot, entry.gradient);
}

Tape::Tape() : outer_(innermost), serial_(next_serial()) { innermost = this; }

Tape::~Tape() {
  // Tapes mostly end innermost first; one on the heap may end in any order.
  for (Tape** link = &innermost; *link != nullptr; link = &(*link)->outer_) {
    if (*link != this) continue;
    *link = outer_;
    return;
  }
}

Tape* Tape::current() { return innermost; }

void Tape::backward(const Tensor& loss, double scale) {
  require(!spent_, "backward: expected the first call on this tape, got a second (what it saved is gone)");
  require(loss.numel() == 1, "backward: expected a loss of one element, got shape {}", loss.shape());
  require(slot_of(loss) != nullptr && slot_of(loss)->tape == serial_,
          "backward: expected a loss recorded by this tape from a tensor that requires a gradient, got one that {}",
          slot_of(loss) ? "another tape recorded or that is a leaf" : "nothing recorded");
  spent_ = true;
  slot_of(loss)->gradient = Tensor::full(loss.shape(), scale, loss.dtype(), loss.device());
  // Recording is off: the products below are kernels, but a user's vjp may call operations.
  struct Restore {
    Tape* tape;
    ~Restore() { innermost = tape; }
  } restore{std::exchange(innermost, nullptr)};
  while (!nodes_.empty()) {
    Node node = std::move(nodes_.back());
    nodes_.pop_back();
    const Tensor grad_output = std::exchange(node.output->gradient, Tensor());
    if (!grad_output) continue;
    Gradients gradients(node.name, std::move(node.inputs));
    node.vjp(grad_output, gradients);
    gradients.add_up();
  }
}

bool recording(std::span<const Tensor> inputs) {
  return innermost && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.requires_grad(); });
}

void record(const char* name, std::span<const Tensor> inputs, const Tensor& output, Vjp vjp) {
  if (!recording(inputs)) return;
  Tape& tape = *innermost;
  require(!output.requires_grad(), "{}: expected a new output, got a tensor that requires a gradient already", name);
  require(vjp != nullptr, "{}: expected a vector-Jacobian product, got none", name);
  require(!tape.spent_, "{}: expected a tape that has not run backward, got a spent one", name);
  Tape::Node node{name, {}, nullptr, std::move(vjp)};
  for (const Tensor& input : inputs) {
    const auto slot = input ? slot_of(input) : nullptr;
    require(
        !slot || slot->tape == 0 || slot->tape == tape.serial_,
        "{}: expected inputs that are leaves or recorded by the current tape, got one of another tape (detach() it)",
        name);
    node.inputs.push_back(slot);
  }
  node.output = std::make_shared<GradSlot>(GradSlot{output.shape(), output.dtype(), output.device(), tape.serial_});
  set_slot(output, node.output);
  tape.nodes_.push_back(std::move(node));
}

}  // namespace mpad
