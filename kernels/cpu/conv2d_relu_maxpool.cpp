// SPDX-License-Identifier: MIT
#include "isa.h"

#include <mpad/core/scratch.h>

namespace mpad::kernels {

template <>
void conv2d_relu_maxpool_forward(Cpu where, const Sliding& s, const Sliding& pool, View x, View weight, View bias,
                                 View y, View code) {
  const Shape shape{pool.n, pool.h, pool.w, pool.c};
  const std::int64_t bytes = shape.numel() * static_cast<std::int64_t>(size_of(x.dtype));
  const View between{scratch<char>(Scratch::convolution, bytes), x.dtype, shape};
  conv2d_forward(where, s, x, weight, bias, false, between);
  relu_maxpool_forward(where, pool, between, y, code);
}

}  // namespace mpad::kernels
