// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/geometry.h>

namespace mpad {
namespace {

std::int64_t windows_along(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                           std::int64_t dilation, bool ceil_mode) {
  const std::int64_t room = size + 2 * pad - (dilation * (kernel - 1) + 1) + (ceil_mode ? stride - 1 : 0);
  if (room < 0) return 0;
  std::int64_t count = room / stride + 1;
  if (ceil_mode && (count - 1) * stride >= size + pad) --count;
  return count;
}

// Products of two numbers below it fit 64 bits.
bool is_moderate(Pair pair) {
  constexpr std::int64_t bound = std::int64_t{1} << 30;
  return pair.h < bound && pair.w < bound;
}

}  // namespace

Sliding slide(const char* op, const Window& window, const Shape& input, bool ceil_mode) {
  require(input.rank() == 4, "{}: expected an input of shape n,h,w,c, got {}", op, input);
  const auto& [kernel, stride, pad, dilation] = window;
  require(kernel.h > 0 && kernel.w > 0, "{}: expected a window of 1x1 or more, got {}", op, to_string(kernel));
  require(stride.h > 0 && stride.w > 0, "{}: expected a stride of 1 or more, got {}", op, to_string(stride));
  require(pad.h >= 0 && pad.w >= 0, "{}: expected a padding of 0 or more, got {}", op, to_string(pad));
  require(dilation.h > 0 && dilation.w > 0, "{}: expected a dilation of 1 or more, got {}", op, to_string(dilation));
  require(is_moderate(kernel) && is_moderate(stride) && is_moderate(pad) && is_moderate(dilation),
          "{}: expected a window, stride, padding and dilation below 2^30, got {}, {}, {} and {}", op,
          to_string(kernel), to_string(stride), to_string(pad), to_string(dilation));
  Sliding sliding{window, input[0], input[1], input[2], input[3]};
  sliding.oh = windows_along(input[1], kernel.h, stride.h, pad.h, dilation.h, ceil_mode);
  sliding.ow = windows_along(input[2], kernel.w, stride.w, pad.w, dilation.w, ceil_mode);
  require(sliding.oh > 0 && sliding.ow > 0,
          "{}: expected an input that a {} window (dilation {}, padding {}) fits into, got {}", op, to_string(kernel),
          to_string(dilation), to_string(pad), input);
  return sliding;
}

}  // namespace mpad
