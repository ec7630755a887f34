// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/pool.h>

namespace mpad {

std::unique_ptr<Module> make_pool(PoolKind kind, const MaxPool2dOptions& options, double at_zero) {
  if (kind == PoolKind::max) return std::make_unique<MaxPool2d>(options);
  require(options.dilation == Pair(1) && !options.ceil_mode,
          "make_pool: expected pools of kind {} without dilation and ceil mode, got dilation {}{}", to_string(kind),
          to_string(options.dilation), options.ceil_mode ? " and ceil mode" : "");
  if (kind == PoolKind::average)
    return std::make_unique<AvgPool2d>(
        AvgPool2dOptions{.window = options.window, .stride = options.stride, .pad = options.pad});
  return std::make_unique<NormPool2d>(
      NormPool2dOptions{.window = options.window, .stride = options.stride, .pad = options.pad, .at_zero = at_zero});
}

}  // namespace mpad
