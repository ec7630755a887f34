// SPDX-License-Identifier: MIT
// The summary of a model, against numbers counted by hand.
#include "support.h"

#include <mpad/nn/lenet.h>
#include <mpad/nn/summary.h>
#include <mpad/nn/vgg.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("the summary of LeNet-5 on one image") {
  Lenet model;
  const ModelSummary s = summary(model, {1, 28, 28, 1});
  REQUIRE(s.layers.size() == 9);
  const LayerSummary& first = s.layers[0];
  CHECK((first.path == "0" && first.what == "Conv2d(1, 6, kernel 5x5)" && first.output == Shape{1, 24, 24, 6}));
  CHECK((first.parameters == 156 && first.multiply_adds == 24 * 24 * 6 * 25 &&
         first.activation_bytes == 24 * 24 * 6 * 4));
  const LayerSummary& linear = s.layers[4];  // behind two convolutions, two pools with ReLU; Flatten makes nothing new
  CHECK((linear.path == "7" && linear.output == Shape{1, 120} && linear.multiply_adds == 256 * 120));
  CHECK(s.parameters == 44'426);
  CHECK(s.multiply_adds == 86'400 + 153'600 + 30'720 + 10'080 + 840);
  CHECK(s.activation_bytes == 4 * (24 * 24 * 6 + 12 * 12 * 6 + 8 * 8 * 16 + 4 * 4 * 16 + 2 * 120 + 2 * 84 + 10));
}

TEST_CASE("the summary of VGG-11 on a batch, in half") {
  Vgg model({.batch_norm = true});
  model.to(DType::f16);
  const ModelSummary s = summary(model, {2, 32, 32, 3});
  CHECK(s.layers.size() == 8 + 8 + 5 + 1);
  CHECK(s.parameters == 9'231'114);
  CHECK(s.multiply_adds == 2 * 152'769'536);
  const std::int64_t convolved = 32 * 32 * 64 + 16 * 16 * 128 + 2 * 8 * 8 * 256 + 2 * 4 * 4 * 512 + 2 * 2 * 2 * 512;
  const std::int64_t pooled = 16 * 16 * 64 + 8 * 8 * 128 + 4 * 4 * 256 + 2 * 2 * 512 + 512;
  CHECK(s.activation_bytes == 2 * 2 * (2 * convolved + pooled + 10));
  // Backward needs the inputs of normalisations, those of convolutions and the linear layer (of which three are no
  // pool's output), and a byte for each output of a pool. Beside that there are statistics, and blocks of memory are a
  // little larger than asked: below a tenth here.
  const std::int64_t others = 8 * 8 * 256 + 4 * 4 * 512 + 2 * 2 * 512;
  const std::int64_t kept = 2 * 2 * (convolved + pooled + others) + 2 * pooled;
  CHECK(s.kept_bytes > kept);
  CHECK(s.kept_bytes < kept + kept / 10);
}

TEST_CASE("a summary leaves the model as it was: parameters, statistics, modes") {
  Sequential model{BatchNorm2d(3), Sequential{BatchNorm2d(3)}, Flatten()};
  model.train(false);
  static_cast<Module&>(model).train(true);
  std::vector<Tensor> before;
  for (const NamedTensor& named : state(model)) before.push_back(named.tensor.clone());
  CHECK(summary(model, {1, 2, 2, 3}).layers.size() == 2);
  CHECK(model.is_training());
  const std::vector<NamedTensor> after = state(model);
  for (std::size_t i = 0; i < after.size(); ++i) CHECK(same_bits(after[i].tensor, before[i]));
}

TEST_CASE("a summary as a table") {
  Sequential model{Linear({.in = 2, .out = 3}), Relu()};
  ModelSummary s = summary(model, {4, 2});
  s.kept_bytes = 99;
  CHECK(to_string(s) ==
        "layer  what                  output   parameters   multiply-adds         bytes\n"
        "0      Linear(2, 3)             4,3            9              24            48\n"
        "1      Relu()                   4,3            0               0            48\n"
        "total                                          9              24            96\n"
        "kept for backward: 99 bytes\n");
}
