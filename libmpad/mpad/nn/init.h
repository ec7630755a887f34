// SPDX-License-Identifier: MIT
// How parameters start. Everything drawn comes from the next stream of this thread's seed, one for each tensor.
#pragma once
#include <mpad/nn/module.h>

#include <functional>

namespace mpad {

/// Products in each output element of a layer's forward (in), or in each of its input's gradient (out).
enum class Fan : unsigned char { in, out };

/// Of a weight k,r,s,c (r*s*c, r*s*k) or o,i (i, o). Throws Error on any other shape.
double fan_of(const Tensor& weight, Fan fan);

/// What keeps the variance behind ReLU, a factor of the deviation: sqrt(2).
inline constexpr double relu_gain = 1.4142135623730951;

/// Normal with mean 0 and deviation gain / sqrt(fan) (He et al., ICCV 2015).
void kaiming_normal(const Tensor& weight, Fan fan, double gain = relu_gain);

/// Uniform with the same mean and deviation: in +-gain * sqrt(3 / fan).
void kaiming_uniform(const Tensor& weight, Fan fan, double gain = relu_gain);

/// Normal.
void init_normal(const Tensor& tensor, double mean, double deviation);

/// PyTorch's default for weights and biases: uniform in +-1/sqrt(fan_in) (Kaiming uniform with a = sqrt(5)).
void init_default(const Tensor& tensor, double fan_in);

/// Draws a layer's weight, and its bias if that is not empty.
using DrawLayer = std::function<void(const Tensor& weight, const Tensor& bias)>;

/// PyTorch's default for both.
void draw_default(const Tensor& weight, const Tensor& bias);

/// Calls `convolution` for each layer in the module with a weight k,r,s,c, and `linear` for each with one o,i, in
/// visiting order; an empty function leaves them as they are. Weights and biases of normalisations become 1 and 0.
void init_layers(Module& module, const DrawLayer& convolution, const DrawLayer& linear = {});

/// The study's for volumes: convolutions Kaiming uniform by fan-in, linear weights normal with deviation 0.01, biases
/// 0.
void init_volume(Module& module);

}  // namespace mpad
