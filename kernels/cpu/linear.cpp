// SPDX-License-Identifier: MIT
// A linear layer is a convolution of 1x1 images with a 1x1 window.
#include "isa.h"

namespace mpad::kernels {
namespace {

View as_images(const View& matrix) { return {matrix.data, matrix.dtype, {matrix.shape[0], 1, 1, matrix.shape[1]}}; }

Sliding one_by_one(std::int64_t rows, std::int64_t columns) { return {Window{.kernel = 1}, rows, 1, 1, columns, 1, 1}; }

}  // namespace

template <>
void linear_forward(Cpu cpu, View x, View weight, View bias, bool relu, View y) {
  conv2d_forward(cpu, one_by_one(x.shape[0], x.shape[1]), as_images(x), as_images(weight), bias, relu, as_images(y));
}

template <>
void linear_backward_data(Cpu cpu, View grad_y, View weight, View grad_x) {
  conv2d_backward_data(cpu, one_by_one(grad_x.shape[0], grad_x.shape[1]), as_images(grad_y), as_images(weight),
                       as_images(grad_x));
}

template <>
void linear_backward_weight(Cpu cpu, View x, View grad_y, View grad_weight) {
  conv2d_backward_weight(cpu, one_by_one(x.shape[0], x.shape[1]), as_images(x), as_images(grad_y),
                         as_images(grad_weight));
}

}  // namespace mpad::kernels
