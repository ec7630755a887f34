// SPDX-License-Identifier: MIT
#include "recipes.h"

#include <mpad/data/mnist.h>
#include <mpad/data/synthetic.h>
#include <mpad/nn/lenet.h>

namespace mpad {
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

const Recipe& lenet_recipe() {
  static const Recipe recipe = {.name = "lenet",
                                .about = "Trains LeNet-5 and reports its test accuracy.",
                                .datasets = {{.name = "mnist", .load = load_mnist, .is_in = has_mnist},
                                             {.name = "fashion-mnist", .load = load_fashion_mnist},
                                             {.name = "kmnist", .load = load_kmnist},
                                             {.name = "synthetic", .on_disk = false, .load = digits}},
                                .model = make_lenet,
                                .lr = {.sgd16 = 0.0233, .sgd = 0.05, .adam = 1e-3},
                                .lr_batch_norm = {.sgd16 = 0.021, .sgd = 0.0132, .adam = 1e-3}};
  return recipe;
}

}  // namespace mpad
