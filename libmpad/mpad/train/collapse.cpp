// SPDX-License-Identifier: MIT
#include <mpad/ops.h>
#include <mpad/train/collapse.h>

namespace mpad {
namespace {

// "Conv2d" of "Conv2d(3, 64, kernel 3x3)".
std::string kind_of(const Module& module) {
  const std::string text = module.describe();
  return text.substr(0, text.find('('));
}

struct FirstBadOutput final : CallObserver {
  void called(Module& module, const Tensor&, const Tensor& y) override {
    if (first == nullptr && count_nonfinite(y) > 0) first = &module;
  }
  Module* first = nullptr;
};

}  // namespace

std::string first_nonfinite(Module& model, const Tensor& images) {
  for (const auto& [path, tensor] : parameters(model))
    if (count_nonfinite(tensor) > 0) return path;
  FirstBadOutput observer;
  model(images);
  if (observer.first == nullptr) return "the loss";
  const std::string kind = kind_of(*observer.first);
  for (const auto& [path, module] : modules(model))
    if (module == observer.first && !path.empty()) return path + " (" + kind + ")";
  return kind;
}

}  // namespace mpad
