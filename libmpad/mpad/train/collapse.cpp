// SPDX-License-Identifier: MIT
#include <mpad/ops.h>
#include <mpad/train/collapse.h>
#include <mpad/train/snapshot.h>

namespace mpad {
namespace {

// "Conv2d" of "Conv2d(3, 64, kernel 3x3)".
std::string kind_of(const Module& module) {
  const std::string text = module.describe();
  return text.substr(0, text.find('('));
}

struct FirstBadOutput final : PathObserver {
  using PathObserver::PathObserver;
  void called(Module& module, const Tensor&, const Tensor& y) override {
    if (!kind.empty() || count_nonfinite(y) == 0) return;
    path = path_of(module);
    kind = kind_of(module);
  }
  std::string path{}, kind{};
};

}  // namespace

std::string first_nonfinite(Module& model, const Tensor& images) {
  for (const auto& [path, tensor] : parameters(model))
    if (count_nonfinite(tensor) > 0) return path;
  const Snapshot before(state(model), Device::cpu);  // a device may be short of memory
  FirstBadOutput first(model);
  model(images);
  before.restore();
  if (first.kind.empty()) return "the loss";
  return first.path.empty() ? first.kind : first.path + " (" + first.kind + ")";
}

}  // namespace mpad
