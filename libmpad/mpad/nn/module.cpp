// SPDX-License-Identifier: MIT
#include <mpad/core/nesting.h>
#include <mpad/nn/module.h>

#include <algorithm>
#include <utility>

namespace mpad {
namespace {

thread_local CallObserver* observer = nullptr;

// `parameters` and `state` differ in what they collect.
class Collector final : public PathVisitor {
 public:
  explicit Collector(bool buffers) : buffers_(buffers) {}
  void parameter(std::string_view name, Tensor& tensor) override { found_.push_back({path(name), tensor}); }
  void buffer(std::string_view name, Tensor& tensor) override {
    if (buffers_) found_.push_back({path(name), tensor});
  }
  std::vector<NamedTensor> take() { return std::move(found_); }

 private:
  bool buffers_;
  std::vector<NamedTensor> found_{};
};

struct Modules final : PathVisitor {
  void parameter(std::string_view, Tensor&) override {}
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view name, Module& module) override {
    found.push_back({path(name), &module});
    PathVisitor::child(name, module);
  }
  std::vector<NamedModule> found{};
};

std::vector<NamedTensor> collect(Module& module, bool buffers) {
  Collector collector(buffers);
  module.visit(collector);
  return collector.take();
}

bool is_same_tensor(const Tensor& a, const Tensor& b) {
  return a.numel() > 0 && a.view().data == b.view().data && a.shape() == b.shape();
}

bool is(const Tensor& tensor, DType dtype) { return tensor.dtype() == dtype; }
bool is(const Tensor& tensor, Device device) { return tensor.device() == device; }

bool can_be(const Tensor& tensor, DType) { return is_real(tensor.dtype()); }
bool can_be(const Tensor&, Device) { return true; }

// Replaces every tensor that is not what it should be, and can be, by what Tensor::to makes of it. One that several
// layers share they share again.
template <class Target>
class Moving final : public Visitor {
 public:
  Moving(Target parameters, Target buffers) : of_parameters_(parameters), of_buffers_(buffers) {}
  void parameter(std::string_view, Tensor& tensor) override { move(tensor, of_parameters_); }
  void buffer(std::string_view, Tensor& tensor) override { move(tensor, of_buffers_); }
  void child(std::string_view, Module& module) override { module.visit(*this); }

 private:
  struct Moved {
    Tensor from, to;  // `from` keeps its memory, so that no other tensor is there
  };
  void move(Tensor& tensor, Target target) {
    if (is(tensor, target) || !can_be(tensor, target)) return;
    const auto known = std::find_if(moved_.begin(), moved_.end(),
                                    [&](const Moved& moved) { return is_same_tensor(moved.from, tensor); });
    if (known != moved_.end()) {
      tensor = known->to;
      return;
    }
    const Tensor from = tensor;
    tensor = from.to(target);
    if (from.requires_grad()) tensor.set_requires_grad();
    moved_.push_back({from, tensor});
  }

  Target of_parameters_, of_buffers_;
  std::vector<Moved> moved_{};
};

struct Mode final : Visitor {
  explicit Mode(bool train) : on(train) {}
  void parameter(std::string_view, Tensor&) override {}
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module& module) override { module.train(on); }
  bool on;
};

}  // namespace

void Visitor::image_weight(std::string_view name, Tensor& tensor, const Shape&) { parameter(name, tensor); }

void PathVisitor::child(std::string_view name, Module& module) {
  const std::string outer = std::exchange(prefix_, path(name) + ".");
  module.visit(*this);
  prefix_ = outer;
}

Tensor Module::operator()(const Tensor& x) {
  const Tensor y = forward(x);
  if (observer) observer->called(*this, x, y);
  return y;
}

CallObserver::CallObserver() : outer_(std::exchange(observer, this)) {}
CallObserver::~CallObserver() { end_scope(observer, this, &CallObserver::outer_); }

bool CallObserver::observing() { return observer != nullptr; }

PathObserver::PathObserver(Module& model) {
  for (const auto& [path, module] : modules(model)) paths_[module] = path;
}

std::string PathObserver::path_of(const Module& module) const {
  const auto found = paths_.find(&module);
  return found == paths_.end() ? "" : found->second;
}

void Module::to(DType parameters, DType buffers) {
  Moving rounding(parameters, buffers);
  visit(rounding);
}

void Module::to(Device device) {
  Moving moving(device, device);
  visit(moving);
}

void Module::train(bool on) {
  training_ = on;
  Mode mode(on);
  visit(mode);
}

std::vector<NamedTensor> parameters(Module& module) { return collect(module, false); }
std::vector<NamedTensor> state(Module& module) { return collect(module, true); }

std::vector<NamedModule> modules(Module& module) {
  Modules all;
  all.found.push_back({"", &module});
  module.visit(all);
  return std::move(all.found);
}

std::int64_t count_parameters(Module& module) {
  std::int64_t count = 0;
  for (const NamedTensor& parameter : parameters(module)) count += parameter.tensor.numel();
  return count;
}

}  // namespace mpad
