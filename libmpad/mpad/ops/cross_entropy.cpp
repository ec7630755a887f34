// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/core/dispatch.h>
#include <mpad/ops.h>
#include <mpad/ops/common_device.h>

#include <kernels.h>

#include <algorithm>

namespace mpad {
namespace {

void check_labels(const char* op, const Tensor& logits, const Tensor& labels) {
  require(logits.shape().rank() == 2 && is_real(logits.dtype()) && logits.shape()[0] > 0 && logits.shape()[1] > 0,
          "{}: expected real logits of shape n,classes, both 1 or more, got {} {}", op, to_string(logits.dtype()),
          logits.shape());
  require(labels.dtype() == DType::i32 && labels.shape() == Shape{logits.shape()[0]},
          "{}: expected i32 labels of shape {}, got {} {}", op, logits.shape()[0], to_string(labels.dtype()),
          labels.shape());
  if (common_device(op, {logits, labels}) != Device::cpu) return;
  for (std::int32_t label : labels.span<std::int32_t>())
    require(label >= 0 && label < logits.shape()[1], "{}: expected labels in 0..{}, got {}", op, logits.shape()[1] - 1,
            label);
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& labels) {
  check_labels("cross_entropy", logits, labels);
  const Tensor loss({}, logits.dtype(), logits.device());
  on(logits.device(),
     [&](auto where) { kernels::cross_entropy_forward(where, logits.view(), labels.view(), loss.view()); });
  record("cross_entropy", {logits}, loss,
         [logits = logits.detach(), labels = labels.detach()](const Tensor& grad_loss, Gradients& gradients) {
           const Tensor of_logits = gradients.saved(logits), of_labels = gradients.saved(labels);
           gradients.scale(0, grad_loss, [&](const Tensor& from, const Tensor& to) {
             on(from.device(), [&](auto where) {
               kernels::cross_entropy_backward(where, of_logits.view(), of_labels.view(), from.view(), to.view());
             });
           });
         });
  return loss;
}

namespace {

Tensor correct_rows(const char* op, const Tensor& logits, const Tensor& labels) {
  check_labels(op, logits, labels);
  const Tensor correct({}, DType::i32, logits.device());
  on(logits.device(), [&](auto where) { kernels::count_correct(where, logits.view(), labels.view(), correct.view()); });
  return correct;
}

}  // namespace

Tensor correct_rows(const Tensor& logits, const Tensor& labels) { return correct_rows("correct_rows", logits, labels); }

std::int64_t count_correct(const Tensor& logits, const Tensor& labels) {
  return static_cast<std::int64_t>(correct_rows("count_correct", logits, labels).item());
}

double accuracy(const Tensor& logits, const Tensor& labels) {
  return static_cast<double>(count_correct(logits, labels)) / static_cast<double>(logits.shape()[0]);
}

}  // namespace mpad
