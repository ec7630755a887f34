// SPDX-License-Identifier: MIT
#include <mpad/nn/lenet.h>

namespace mpad {
namespace {

MaxPool2d pool(const LenetOptions& options) {
  MaxPool2dOptions pool = options.pool;
  pool.window = 2;
  pool.ties = options.ties;
  return MaxPool2d(pool);
}

}  // namespace

Lenet::Lenet(const LenetOptions& o)
    : Sequential(Conv2d({.in = 1, .out = 6, .kernel = 5}), Relu({o.relu0}), pool(o),
                 Conv2d({.in = 6, .out = 16, .kernel = 5}), Relu({o.relu0}), pool(o), Flatten(), Linear({256, 120}),
                 Relu({o.relu0}), Linear({120, 84}), Relu({o.relu0}), Linear({84, 10})) {}

}  // namespace mpad
