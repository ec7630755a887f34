// SPDX-License-Identifier: MIT
#pragma once
#include "grid.h"

#include <driver_types.h>

#include <tuple>
#include <utility>

namespace mpad::emulation {

/// Queues a launch on a stream, which runs it at once unless streams are deferred. cudaErrorInvalidConfiguration or
/// cudaErrorLaunchFailure; cudaGetErrorString then tells the diagnosis.
cudaError_t enqueue(Launch launch, cudaStream_t stream);

/// The same, with copies of the arguments converted to the kernel's parameters.
template <class... Parameters, class... Args>
cudaError_t launch(void (*kernel)(Parameters...), const Shape& shape, cudaStream_t stream, Args&&... args) {
  auto body = [kernel, parameters = std::tuple<Parameters...>(std::forward<Args>(args)...)] {
    std::apply(kernel, parameters);
  };
  return enqueue({reinterpret_cast<const void*>(kernel), shape, std::move(body)}, stream);
}

}  // namespace mpad::emulation
