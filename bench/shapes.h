// SPDX-License-Identifier: MIT
// The shapes of shapes.def.
#pragma once
#include <mpad/core/device.h>
#include <mpad/core/geometry.h>

#include <string>
#include <string_view>
#include <vector>

namespace mpad::bench {

/// What a pool works on, and its window; batch normalisation too, where it is normalised.
struct Activation {
  std::string name;
  Shape shape;
  Window window;
  bool only_cuda, normalised;
};

/// Those that are timed on a device; all of them on CUDA.
inline std::vector<Activation> activations(Device device) {
  std::vector<Activation> all{
#define MPAD_POOLED(normalised, where, name, n, size, c, ...) \
  {#name, {n, size, size, c}, {__VA_ARGS__}, std::string_view(#where) == "cuda", normalised},
#define ACTIVATION(...) MPAD_POOLED(true, __VA_ARGS__)
#define POOL(...) MPAD_POOLED(false, __VA_ARGS__)
#include "shapes.def"
#undef MPAD_POOLED
  };
  std::erase_if(all, [&](const Activation& it) { return it.only_cuda && device == Device::cpu; });
  return all;
}

constexpr std::int64_t layers_batch = 128;

/// A convolution of square images of c channels by k filters.
struct Layer {
  std::string name;
  std::int64_t size, c, k;
  Window window;
};

inline std::vector<Layer> layers() {
  return {
#define LAYER(name, size, c, k, ...) {#name, size, c, k, {__VA_ARGS__}},
#include "shapes.def"
  };
}

}  // namespace mpad::bench
