// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/memory.h>
#include <mpad/nn/summary.h>
#include <mpad/tape.h>

#include <algorithm>

namespace mpad {
namespace {

// What a module holds itself, its children apart.
struct Own final : Visitor {
  explicit Own(Module& module) { module.visit(*this); }
  void parameter(std::string_view name, Tensor& tensor) override {
    parameters += tensor.numel();
    if (name == "weight" && tensor.shape().rank() > 1) products = tensor.numel() / tensor.shape()[0];
  }
  void buffer(std::string_view, Tensor&) override {}
  void child(std::string_view, Module&) override { is_leaf = false; }
  std::int64_t parameters = 0, products = 0;  // products: summed in each output element
  bool is_leaf = true;
};

// Every module of a model, and its mode, which evaluation ends and the end of the scope restores.
class Evaluation {
 public:
  explicit Evaluation(Module& model) : modules_(modules(model)) {
    for (const NamedModule& named : modules_) was_training_.push_back(named.module->is_training());
    model.train(false);
  }
  ~Evaluation() {
    for (std::size_t i = 0; i < modules_.size(); ++i) modules_[i].module->train(was_training_[i]);
  }
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

 private:
  std::vector<NamedModule> modules_;
  std::vector<bool> was_training_{};
};

class Recorder final : public PathObserver {
 public:
  using PathObserver::PathObserver;
  void called(Module& module, const Tensor& x, const Tensor& y) override {
    const Own own(module);
    if (!own.is_leaf || y.view().data == x.view().data) return;
    result.layers.push_back({.path = path_of(module),
                             .what = module.describe(),
                             .output = y.shape(),
                             .parameters = own.parameters,
                             .multiply_adds = y.numel() * own.products,
                             .activation_bytes = static_cast<std::int64_t>(y.bytes())});
    result.multiply_adds += result.layers.back().multiply_adds;
    result.activation_bytes += result.layers.back().activation_bytes;
  }
  ModelSummary result{};
};

// What inputs have to be like: float on the CPU where there is nothing to tell.
Tensor zeros_for(Module& model, const Shape& shape) {
  const std::vector<NamedTensor> found = parameters(model);
  if (found.empty()) return Tensor::zeros(shape);
  return Tensor::zeros(shape, found[0].tensor.dtype(), found[0].tensor.device());
}

}  // namespace

ModelSummary summary(Module& model, const Shape& input) {
  const Evaluation evaluation(model);
  const Tensor x = zeros_for(model, input);
  Recorder recorder(model);
  const std::size_t before = memory_statistics(x.device()).in_use;
  const Tape tape;
  const Tensor y = model(x);
  recorder.result.kept_bytes = static_cast<std::int64_t>(memory_statistics(x.device()).in_use - before);
  recorder.result.parameters = count_parameters(model);
  return recorder.result;
}

std::string to_string(const ModelSummary& summary) {
  constexpr const char* line = "{:<{}}  {:<{}}  {:>14}  {:>11}  {:>14}  {:>12}\n";
  std::size_t path = 5, what = 4;
  for (const LayerSummary& layer : summary.layers) {
    path = std::max(path, layer.path.size());
    what = std::max(what, layer.what.size());
  }
  std::string text = fmt::format(line, "layer", path, "what", what, "output", "parameters", "multiply-adds", "bytes");
  for (const LayerSummary& l : summary.layers)
    text += fmt::format(line, l.path, path, l.what, what, to_string(l.output), l.parameters, l.multiply_adds,
                        l.activation_bytes);
  text += fmt::format(line, "total", path, "", what, "", summary.parameters, summary.multiply_adds,
                      summary.activation_bytes);
  return text + fmt::format("kept for backward: {} bytes\n", summary.kept_bytes);
}

}  // namespace mpad
