// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>

#include <kernels.h>

namespace mpad {
namespace {

Shape with_channels(const Shape& shape, std::int64_t channels) {
  Shape joined;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) joined.append(shape[axis]);
  joined.append(channels);
  return joined;
}

std::int64_t channels_of(const Shape& shape) { return shape[shape.rank() - 1]; }

// The shape of all inputs together.
Shape joined_shape(const std::vector<Tensor>& inputs) {
  require(!inputs.empty(), "concat: expected one input or more, got none");
  const Tensor& first = inputs.front();
  require(is_real(first.dtype()) && first.shape().rank() >= 1,
          "concat: expected half, float or double of shape ...,c, got {} {}", first.dtype(), first.shape());
  std::int64_t channels = 0;
  for (const Tensor& input : inputs) {
    const Shape& shape = input.shape();
    require(input.dtype() == first.dtype() && shape.rank() == first.shape().rank() &&
                with_channels(shape, 0) == with_channels(first.shape(), 0),
            "concat: expected inputs alike but for their channels, got {} {} and {} {}", first.dtype(), first.shape(),
            input.dtype(), shape);
    channels += channels_of(shape);
  }
  return with_channels(first.shape(), channels);
}

}  // namespace

Tensor concat(const std::vector<Tensor>& inputs) {
  const Shape shape = joined_shape(inputs);
  const Tensor y(shape, inputs.front().dtype(), common_device("concat", inputs));
  std::vector<View> parts;
  for (const Tensor& input : inputs) parts.push_back(input.view());
  on(y.device(), [&](auto where) { kernels::concat_forward(where, parts, y.view()); });
  for (View& part : parts) part.data = nullptr;  // backward needs the shapes alone
  record("concat", inputs, y, [parts](const Tensor& grad_y, Gradients& gradients) {
    std::vector<View> grad_parts = parts;
    for (View& part : grad_parts) part.dtype = grad_y.dtype();
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (const int input = static_cast<int>(i); gradients.wanted(input)) grad_parts[i] = gradients.into(input).view();
    on(grad_y.device(), [&](auto where) { kernels::concat_backward(where, grad_y.view(), grad_parts); });
  });
  return y;
}

}  // namespace mpad
