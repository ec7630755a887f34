// SPDX-License-Identifier: MIT
#include "runtime.h"

#include "check.h"

#include <cuda_runtime_api.h>

#include <utility>

namespace mpad::cuda {
namespace {

using kernels::check_cuda;

cudaStream_t current_stream() { return static_cast<cudaStream_t>(current_cuda().stream); }

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

std::string unavailable() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  cudaGetLastError();
  switch (code) {
    case cudaSuccess: return count > 0 ? "" : "no CUDA device";
    case cudaErrorNoDevice: return "no CUDA device";
    case cudaErrorInsufficientDriver: return "no NVIDIA driver for CUDA " + version_text(CUDART_VERSION) + " or newer";
    default: return cudaGetErrorString(code);
  }
}

DeviceInfo device_info() {
  int device = 0;
  check_cuda("device", cudaGetDevice(&device));
  cudaDeviceProp properties{};
  check_cuda("device", cudaGetDeviceProperties(&properties, device));
  DeviceInfo info{properties.name,           properties.major,
                  properties.minor,          properties.multiProcessorCount,
                  properties.totalGlobalMem, static_cast<std::size_t>(properties.l2CacheSize)};
  check_cuda("device", cudaDriverGetVersion(&info.driver));
  return info;
}

void* allocate(std::size_t bytes) {
  void* data = nullptr;
  const cudaError_t code = cudaMalloc(&data, bytes);
  cudaGetLastError();  // a later check would take the code for its own
  if (code == cudaErrorMemoryAllocation) return nullptr;
  if (code != cudaSuccess)
    if (const std::string reason = unavailable(); !reason.empty())
      throw Error("device: expected cpu (" + reason + "), got cuda");
  check_cuda("memory", code);
  return data;
}

void release(void* data) noexcept { cudaFree(data); }

std::size_t free_memory() {
  std::size_t free_bytes = 0, total = 0;
  const cudaError_t code = cudaMemGetInfo(&free_bytes, &total);
  if (code == cudaErrorMemoryAllocation) return 0;  // none for its own context; check_cuda would ask again
  check_cuda("memory", code);
  return free_bytes;
}

void copy(void* to, const void* from, std::size_t bytes) {
  check_cuda("copy", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, current_stream()));
}

void synchronize(const char* op) { check_cuda(op, cudaStreamSynchronize(current_stream())); }

Stream::Stream() {
  cudaStream_t stream = nullptr;
  check_cuda("stream", cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  handle_ = stream;
}
Stream::~Stream() {
  if (handle_ != nullptr) cudaStreamDestroy(static_cast<cudaStream_t>(handle_));
}
Stream::Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Stream& Stream::operator=(Stream&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
void Stream::wait_for(Cuda other) const {
  const Event now;
  now.record(other);
  check_cuda("stream",
             cudaStreamWaitEvent(static_cast<cudaStream_t>(handle_), static_cast<cudaEvent_t>(now.handle()), 0));
}

Event::Event() {
  cudaEvent_t event = nullptr;
  check_cuda("event", cudaEventCreate(&event));
  handle_ = event;
}
Event::~Event() {
  if (handle_ != nullptr) cudaEventDestroy(static_cast<cudaEvent_t>(handle_));
}
Event::Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Event& Event::operator=(Event&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}
void Event::record(Cuda where) const {
  check_cuda("event", cudaEventRecord(static_cast<cudaEvent_t>(handle_), static_cast<cudaStream_t>(where.stream)));
}
void Event::wait() const { check_cuda("event", cudaEventSynchronize(static_cast<cudaEvent_t>(handle_))); }
double Event::milliseconds_since(const Event& start) const {
  float milliseconds = 0;
  check_cuda("event", cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(start.handle_),
                                           static_cast<cudaEvent_t>(handle_)));
  return milliseconds;
}

}  // namespace mpad::cuda
