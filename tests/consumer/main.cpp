#include <mpad/mpad.h>

#include <cstdio>

using namespace mpad;

struct Net : Sequential {
  explicit Net(const TieRule& ties)
      : Sequential{Conv2d({.in = 1, .out = 6, .kernel = 5}),
                   Relu(),
                   MaxPool2d({.window = 2, .ties = ties}),
                   Conv2d({.in = 6, .out = 16, .kernel = 5}),
                   Relu(),
                   MaxPool2d({.window = 2, .ties = ties}),
                   Flatten(),
                   Linear({256, 120}),
                   Relu(),
                   Linear({120, 84}),
                   Relu(),
                   Linear({84, 10})} {}
};

int main() {
  const auto [train, test] = synthetic_digits(5000, 1000, 1);
  Net model(TieRule::minimal());
  Sgd sgd(model, {.lr = 0.03, .momentum = 0.9});
  Rng rng(1);
  for (const auto& [images, labels] : train.batches(64, rng)) {
    Tape tape;  // records until the end of this block
    const Tensor loss = cross_entropy(model(images), labels);
    tape.backward(loss);
    sgd.step();  // applies the gradients and drops them
  }
  double correct = 0;
  for (const auto& [images, labels] : test.batches(500)) correct += count_correct(model(images), labels);
  std::printf("test accuracy %.1f %%\n", 100 * correct / test.size());
}
