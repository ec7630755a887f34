// SPDX-License-Identifier: MIT
#include <mpad/ops.h>
#include <mpad/train/collapse.h>

#include <map>

namespace mpad {
namespace {

// "Conv2d" of "Conv2d(3, 64, kernel 3x3)".
std::string kind_of(const Module& module) {
  const std::string text = module.describe();
  return text.substr(0, text.find('('));
}

// The path of each module below one, and a parameter that is not finite.
class Paths final : public PathVisitor {
 public:
  explicit Paths(Module& model) { model.visit(*this); }
  void parameter(std::string_view name, Tensor& tensor) override {
    if (bad_parameter.empty() && count_nonfinite(tensor) > 0) bad_parameter = path(name);
  }
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view name, Module& module) override {
    of[&module] = path(name);
    PathVisitor::child(name, module);
  }
  std::map<const Module*, std::string> of{};
  std::string bad_parameter{};
};

struct FirstBadOutput final : CallObserver {
  void called(Module& module, const Tensor&, const Tensor& y) override {
    if (first == nullptr && count_nonfinite(y) > 0) first = &module;
  }
  Module* first = nullptr;
};

}  // namespace

std::string first_nonfinite(Module& model, const Tensor& images) {
  Paths paths(model);
  if (!paths.bad_parameter.empty()) return paths.bad_parameter;
  FirstBadOutput observer;
  model(images);
  if (observer.first == nullptr) return "the loss";
  const std::string path = paths.of[observer.first], kind = kind_of(*observer.first);
  return path.empty() ? kind : path + " (" + kind + ")";
}

}  // namespace mpad
