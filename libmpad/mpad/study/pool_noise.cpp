// SPDX-License-Identifier: MIT
#include <mpad/nn/layers.h>
#include <mpad/study/pool_noise.h>

#include <cmath>

namespace mpad {
namespace {

PoolNoise compare(const Tensor& x, MaxPool2dOptions options) {
  options.forward = PoolForward::exact;
  const std::vector<double> exact = maxpool2d(x, options).values();
  options.forward = PoolForward::composed;
  const std::vector<double> composed = maxpool2d(x, options).values();
  PoolNoise noise{.values = std::ssize(exact)};
  double signal_power = 0, noise_power = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    noise.zeroed += composed[i] == 0 && exact[i] != 0;
    if (!std::isfinite(composed[i])) {
      ++noise.nonfinite;
      continue;
    }
    signal_power += exact[i] * exact[i];
    noise_power += (composed[i] - exact[i]) * (composed[i] - exact[i]);
  }
  const bool any_finite = noise.nonfinite < noise.values;
  noise.signal_to_noise_db = !any_finite        ? std::nan("")
                             : noise_power == 0 ? INFINITY
                                                : 10 * std::log10(signal_power / noise_power);
  return noise;
}

class PoolObserver final : public PathObserver {
 public:
  using PathObserver::PathObserver;
  void called(Module& module, const Tensor& x, const Tensor&) override {
    if (const auto* pool = dynamic_cast<const MaxPool2d*>(&module)) add(module, compare(x, pool->options()));
    if (const auto* pool = dynamic_cast<const ReluMaxPool2d*>(&module))
      add(module, compare(relu(x, pool->alpha()), pool->options()));
  }
  std::vector<PoolNoise> take() { return std::move(found_); }

 private:
  void add(const Module& module, PoolNoise noise) {
    noise.layer = path_of(module);
    found_.push_back(std::move(noise));
  }
  std::vector<PoolNoise> found_{};
};

}  // namespace

std::vector<PoolNoise> measure_pool_noise(Module& model, const Tensor& images) {
  model.train(false);
  PoolObserver observer(model);
  model(images);
  return observer.take();
}

}  // namespace mpad
