// SPDX-License-Identifier: MIT
// What pools and normalisations work on. bench/peers/shapes.py has the same in PyTorch's layout.
#pragma once
#include <mpad/tensor.h>

#include <vector>

namespace mpad::bench {

struct Activation {
  const char* name;
  Shape shape;
};

/// Before VGG's five pools, at batch 128.
inline const std::vector<Activation> vgg_activations{{"vgg1", {128, 32, 32, 64}},
                                                     {"vgg2", {128, 16, 16, 128}},
                                                     {"vgg3", {128, 8, 8, 256}},
                                                     {"vgg4", {128, 4, 4, 512}},
                                                     {"vgg5", {128, 2, 2, 512}}};
/// Behind ResNet's stem for ImageNet; the larger one for CUDA.
inline const Activation stem{"stem", {64, 112, 112, 64}}, stem256{"stem256", {256, 112, 112, 64}};

}  // namespace mpad::bench
