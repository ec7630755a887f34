// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/nn/fused.h>
#include <mpad/nn/norm_relu.h>
#include <mpad/nn/residual.h>

namespace mpad {

Residual::Residual(const ResidualOptions& o) : options_(o), relu_({o.relu0}) {
  const auto append = [&](std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride, bool last) {
    convolutions_.emplace_back(
        Conv2dOptions{.in = in, .out = out, .kernel = kernel, .stride = stride, .pad = kernel / 2, .bias = false});
    norms_.push_back(last ? norm(out, o.batch_norm) : norm_relu(out, o.batch_norm, o.relu0));
  };
  if (o.bottleneck) {
    append(o.in, o.width, 1, 1, false);
    append(o.width, o.width, 3, o.stride, false);
    append(o.width, o.out(), 1, 1, true);
  } else {
    append(o.in, o.width, 3, o.stride, false);
    append(o.width, o.out(), 3, 1, true);
  }
  if (o.stride == 1 && o.in == o.out()) return;
  downsample_.append(Conv2d({.in = o.in, .out = o.out(), .kernel = 1, .stride = o.stride, .bias = false}));
  downsample_.append(norm(o.out(), o.batch_norm));
}

Tensor Residual::forward(const Tensor& x) {
  const std::size_t last = convolutions_.size() - 1;
  Tensor y = x;
  for (std::size_t i = 0; i < last; ++i) y = call_both(convolutions_[i], *norms_[i], y);
  if (!CallObserver::observing())
    return call_add_relu(convolutions_[last], *norms_[last], y, downsample_(x), options_.relu0);
  y = (*norms_[last])(convolutions_[last](y));
  return relu_(add(y, downsample_(x)));
}

void Residual::visit(Visitor& visitor) {
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    visitor.child("conv" + std::to_string(i + 1), convolutions_[i]);
    visitor.child("bn" + std::to_string(i + 1), *norms_[i]);
  }
  visitor.child("relu", relu_);
  visitor.child("downsample", downsample_);
}

std::string Residual::describe() const {
  return fmt::format("Residual({}, {}, {}, stride {})", options_.in, options_.out(),
                     options_.bottleneck ? "bottleneck" : "basic", options_.stride);
}

}  // namespace mpad
