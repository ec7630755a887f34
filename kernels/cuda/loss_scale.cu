// SPDX-License-Identifier: MIT
#include "launch.cuh"

#include <loss_scale.h>

namespace mpad::kernels {
namespace {

// A handful of numbers: one thread.
__global__ void __launch_bounds__(1) scale_step_kernel(Decision decision) {
  follow_kernels_before();
  decide(decision);
}

}  // namespace

template <>
void scale_step(Cuda where, const ScaledStep& step, View scaler, View taken, View numbers) {
  launch("scale_step", scale_step_kernel, 1, 1, 0, static_cast<cudaStream_t>(where.stream),
         Decision(step, scaler, taken, numbers));
}

}  // namespace mpad::kernels
