// SPDX-License-Identifier: MIT
// Trains LeNet-5 on MNIST or on drawn digits: lenet --help.
#include "support/train_main.h"

#include <mpad/data/mnist.h>
#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>

using namespace mpad;

namespace {

std::unique_ptr<Module> make_lenet(const Settings& settings, const Architecture&) {
  return std::make_unique<Lenet>(LenetOptions{.ties = settings.ties,
                                              .relu0 = settings.relu0,
                                              .batch_norm = settings.batch_norm,
                                              .pool = pool_options(settings),
                                              .pool_kind = settings.pool,
                                              .norm_at_zero = settings.norm_at_zero});
}

Split digits(const std::string&) { return synthetic_digits(10'000, 2'000, 0); }

}  // namespace

int main(int argc, char** argv) {
  return train_main({.name = "lenet",
                     .about = "Trains LeNet-5 and reports its test accuracy.",
                     .datasets = {{.name = "mnist", .load = load_mnist},
                                  {.name = "fashion-mnist", .load = load_fashion_mnist},
                                  {.name = "kmnist", .load = load_kmnist},
                                  {.name = "synthetic", .on_disk = false, .load = digits}},
                     .model = make_lenet,
                     .lr = {.sgd16 = 0.0233, .sgd = 0.05, .adam = 1e-3},
                     .lr_batch_norm = {.sgd16 = 0.021, .sgd = 0.0132, .adam = 1e-3}},
                    argc, argv);
}
