// SPDX-License-Identifier: MIT
#include <mpad/nn/lenet.h>
#include <mpad/nn/relu_pool.h>

namespace mpad {

// Layers are appended one by one: each draws its parameters from the next random stream.
Lenet::Lenet(const LenetOptions& o) {
  const PoolLayer pool = halving_pool(o);
  append(Conv2d({.in = 1, .out = 6, .kernel = 5}));
  append_relu_pool(*this, o.relu0, pool);
  if (o.batch_norm) append(BatchNorm2d(6));
  append(Conv2d({.in = 6, .out = 16, .kernel = 5}));
  append_relu_pool(*this, o.relu0, pool);
  if (o.batch_norm) append(BatchNorm2d(16));
  append(Flatten());
  append(Linear({.in = 256, .out = 120, .image = 4}));
  append(Relu({o.relu0}));
  if (o.batch_norm) append(BatchNorm1d(120));
  append(Linear({120, 84}));
  append(Relu({o.relu0}));
  if (o.batch_norm) append(BatchNorm1d(84));
  append(Linear({84, 10}));
}

}  // namespace mpad
