// SPDX-License-Identifier: MIT
// What the tests of training share: a data set and a network that take milliseconds, and LeNet as the program makes it.
#pragma once
#include "support.h"

#include <mpad/nn/lenet.h>
#include <mpad/train/trainer.h>

namespace mpad::test {

/// Images 6x6x1 of noise, with a bright pixel whose place is the label. Some 50 are enough to learn from.
inline Dataset spots(std::int64_t count, std::uint64_t seed) {
  Dataset dataset{.name = "spots",
                  .pixels = Tensor({count, 6, 6, 1}, DType::u8),
                  .labels = Tensor({count}, DType::i32),
                  .classes = 10,
                  .mean = {0.5},
                  .deviation = {0.5},
                  .checksum = fmt::format("{:08x}", seed)};
  const auto pixels = dataset.pixels.span<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(Philox(seed, i).word[0] % 64);
  const auto labels = dataset.labels.span<std::int32_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<std::int32_t>(i % 10);
    pixels[36 * i + 3 * static_cast<std::size_t>(labels[i])] = 255;
  }
  return dataset;
}

inline Split spots_split() { return {spots(50, 1), spots(20, 2)}; }

/// Settings under which an epoch of spots_split() is seven steps, the last on two images, and a test is three.
inline Settings spots_settings() { return {.lr = 0.05, .epochs = 3, .batch_size = 8}; }

/// A convolution, a pool and a linear layer for 6x6 images.
inline std::unique_ptr<Module> make_small(const Settings& settings) {
  MaxPool2dOptions pool = pool_options(settings);
  pool.window = 2;
  return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 4, .kernel = 3}), Relu({settings.relu0}),
                                                 MaxPool2d(pool), Flatten(), Linear({16, 10})});
}

/// One with dropout.
inline std::unique_ptr<Module> make_dropping(const Settings& settings) {
  return std::make_unique<Sequential>(
      Sequential{Flatten(), Dropout(0.1), Linear({36, 16}), Relu({settings.relu0}), Dropout(0.5), Linear({16, 10})});
}

/// The network of the program lenet.
inline std::unique_ptr<Module> make_lenet(const Settings& settings) {
  return std::make_unique<Lenet>(
      LenetOptions{.ties = settings.ties, .relu0 = settings.relu0, .pool = pool_options(settings)});
}

inline bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

/// The same but for the times.
inline bool same_results(const std::vector<EpochResult>& a, const std::vector<EpochResult>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const EpochResult& x, const EpochResult& y) {
    return x.run == y.run && x.epoch == y.epoch && same_bits(x.train.loss, y.train.loss) &&
           same_bits(x.train.accuracy, y.train.accuracy) && same_bits(x.test.loss, y.test.loss) &&
           same_bits(x.test.accuracy, y.test.accuracy);
  });
}

/// The same names and bits, in the same order, wherever the tensors are.
inline bool same_tensors(const std::vector<NamedTensor>& a, const std::vector<NamedTensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const NamedTensor& x, const NamedTensor& y) {
    return x.path == y.path && same_bits(x.tensor.to(Device::cpu), y.tensor.to(Device::cpu));
  });
}

/// Parameters, buffers and optimizer state of two trainers, and their results, are the same.
inline bool same_state(const Trainer& a, const Trainer& b) {
  return same_tensors(state(a.model()), state(b.model())) &&
         same_tensors(a.optimizer().state(), b.optimizer().state()) && a.optimizer().steps() == b.optimizer().steps() &&
         same_results(a.results(), b.results());
}

struct Killed {};

/// Throws Killed in the forward pass of make_small's networks that follows so many.
struct Killer final : CallObserver {
  explicit Killer(int passes) : passes_left(passes) {}
  void called(Module& module, const Tensor&, const Tensor&) override {
    if (dynamic_cast<Linear*>(&module) != nullptr && passes_left-- == 0) throw Killed();
  }
  int passes_left;
};

/// Networks of make_small, of which the forward pass that follows so many of all of them throws Killed, also where the
/// calls have another observer.
inline ModelFactory make_mortal(int passes) {
  struct Mortal final : Module {
    explicit Mortal(std::shared_ptr<int> passes) : passes_left(std::move(passes)) {}
    Tensor forward(const Tensor& x) override {
      if ((*passes_left)-- == 0) throw Killed();
      return x;
    }
    std::string describe() const override { return "Mortal"; }
    std::shared_ptr<int> passes_left;
  };
  return [passes_left = std::make_shared<int>(passes)](const Settings& settings) {
    std::unique_ptr<Module> network = make_small(settings);
    dynamic_cast<Sequential&>(*network).append(Mortal(passes_left));
    return network;
  };
}

}  // namespace mpad::test
