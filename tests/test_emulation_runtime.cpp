// SPDX-License-Identifier: MIT
// The emulated runtime and cuBLAS: memory, streams, events, products.
#include <cublas_v2.h>
#include <emulation/settings.h>
#include <mpad/core/error.h>

#include <child_process.h>
#include <device_array.h>
#include <exercises.h>

#include <array>
#include <functional>
#include <numeric>
#include <string>

#include "catch.h"

using namespace mpad::test;
using mpad::emulation::set_host_access_check;
using mpad::emulation::settings;
using mpad::emulation::SettingsScope;
using mpad::kernels::check_cuda;

namespace {

// A stream that waits for no other.
class Stream {
 public:
  Stream() { check_cuda("stream", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { check_cuda("event", cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// One stream fills x with 1, another copies it to y, with or without a wait between them. Returns y[0].
char fill_then_copy(bool with_wait) {
  const DeviceArray<char> x(std::vector<char>(8, 0)), y(8);
  const Stream fill, copy;
  const Event filled;
  check_cuda("fill", cudaMemsetAsync(x.data(), 1, 8, fill.get()));
  check_cuda("record", cudaEventRecord(filled.get(), fill.get()));
  if (with_wait) check_cuda("wait", cudaStreamWaitEvent(copy.get(), filled.get(), 0));
  check_cuda("copy", cudaMemcpyAsync(y.data(), x.data(), 8, cudaMemcpyDeviceToDevice, copy.get()));
  check_cuda("synchronize", cudaStreamSynchronize(copy.get()));
  return y.values()[0];
}

}  // namespace

TEST_CASE("memory runs out at the capacity and comes back") {
  const SettingsScope scope;
  std::size_t before = 0, total = 0, now = 0;
  settings().memory_capacity = 1 << 20;
  check_cuda("info", cudaMemGetInfo(&before, &total));
  CHECK(total == 1 << 20);
  void* large = nullptr;
  REQUIRE(cudaMalloc(&large, before) == cudaSuccess);
  void* one_more = &total;
  CHECK(cudaMalloc(&one_more, 1) == cudaErrorMemoryAllocation);
  CHECK(one_more == nullptr);
  CHECK(cudaPeekAtLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CHECK(cudaGetLastError() == cudaSuccess);
  CHECK(cudaFree(large) == cudaSuccess);
  check_cuda("info", cudaMemGetInfo(&now, &total));
  CHECK(now == before);
  CHECK(cudaFree(large) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
}

TEST_CASE("a copy or fill beyond an allocation is refused") {
  const DeviceArray<char> x(std::vector<char>(10, 3));
  std::array<char, 16> host{};
  CHECK(cudaMemcpy(host.data(), x.data(), 11, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host.data(), x.data() + 4, 6, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(cudaMemcpy(x.data() + 4, host.data(), 7, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemset(x.data(), 0, 11) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host.data(), host.data() + 8, 4, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host.data() + 8, x.data(), 2, cudaMemcpyDefault) == cudaSuccess);
  CHECK(host[8] == 3);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
}

TEST_CASE("deferred streams show a missing wait, and none where the wait is there") {
  const SettingsScope scope;
  CHECK(fill_then_copy(false) == 1);
  settings().deferred_streams = true;
  CHECK(fill_then_copy(false) == 0);
  CHECK(fill_then_copy(true) == 1);
}

TEST_CASE("deferred work runs when the host waits, in the order of its stream") {
  const SettingsScope scope;
  settings().deferred_streams = true;
  const DeviceArray<char> x(std::vector<char>(4, 0));
  const Stream stream;
  const Event first, last;
  char* host = nullptr;
  REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&host), 4) == cudaSuccess);
  check_cuda("record", cudaEventRecord(first.get(), stream.get()));
  check_cuda("fill", cudaMemsetAsync(x.data(), 7, 4, stream.get()));
  check_cuda("copy", cudaMemcpyAsync(host, x.data(), 4, cudaMemcpyDeviceToHost, stream.get()));
  check_cuda("record", cudaEventRecord(last.get(), stream.get()));
  CHECK(host[0] == -1);
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, first.get(), last.get()) == cudaErrorNotReady);
  CHECK(cudaStreamQuery(stream.get()) == cudaErrorNotReady);
  CHECK(cudaEventSynchronize(last.get()) == cudaSuccess);
  CHECK(cudaStreamQuery(stream.get()) == cudaSuccess);
  CHECK(host[0] == 7);
  CHECK(cudaEventElapsedTime(&milliseconds, first.get(), last.get()) == cudaSuccess);
  CHECK(milliseconds >= 0);
  CHECK(cudaFreeHost(host) == cudaSuccess);
}

TEST_CASE("polling an event finishes the work before it") {
  const SettingsScope scope;
  settings().deferred_streams = true;
  const DeviceArray<char> x(std::vector<char>(4, 0));
  const Stream stream;
  const Event filled;
  check_cuda("fill", cudaMemsetAsync(x.data(), 7, 4, stream.get()));
  check_cuda("record", cudaEventRecord(filled.get(), stream.get()));
  int polls = 0;
  while (cudaEventQuery(filled.get()) == cudaErrorNotReady) ++polls;
  CHECK(polls == 1);
  CHECK(x.values()[0] == 7);
}

namespace {

// The graph of what `work` queues on a stream.
class Graph {
 public:
  Graph(cudaStream_t stream, const std::function<void()>& work) {
    check_cuda("capture", cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    work();
    code_ = cudaStreamEndCapture(stream, &graph_);
    if (code_ != cudaSuccess) return;
    check_cuda("graph", cudaGraphInstantiateWithFlags(&exec_, graph_, 0));
  }
  ~Graph() {
    cudaGraphExecDestroy(exec_);
    cudaGraphDestroy(graph_);
    cudaGetLastError();
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  cudaError_t code() const { return code_; }
  cudaGraphExec_t exec() const { return exec_; }

 private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
  cudaError_t code_ = cudaSuccess;
};

}  // namespace

TEST_CASE("a captured stream runs nothing; its graph does each time, in order of the stream that it is launched on") {
  const SettingsScope scope;
  const bool deferred = GENERATE(false, true);
  settings().deferred_streams = deferred;
  std::vector<float> values(64);
  std::iota(values.begin(), values.end(), 0.0F);
  const DeviceArray<float> x(values), y(std::vector<float>(64, -1));
  const Stream captured, stream;
  // Each launch reverses x.
  const Graph graph(captured.get(), [&] {
    reverse(x.data(), y.data(), captured.get());
    check_cuda("copy", cudaMemcpyAsync(x.data(), y.data(), 256, cudaMemcpyDeviceToDevice, captured.get()));
  });
  REQUIRE(graph.code() == cudaSuccess);
  CHECK(y.values() == std::vector<float>(64, -1));
  check_cuda("launch", cudaGraphLaunch(graph.exec(), stream.get()));
  check_cuda("fill", cudaMemsetAsync(x.data(), 0, sizeof(float), stream.get()));
  check_cuda("launch", cudaGraphLaunch(graph.exec(), stream.get()));
  if (deferred) CHECK(x.values() == values);
  check_cuda("synchronize", cudaStreamSynchronize(stream.get()));
  values.back() = 0;
  CHECK(x.values() == values);
}

TEST_CASE(
    "a capture ends in an error if the stream or the device is waited for, it meets an event or copies pageable "
    "memory") {
  const DeviceArray<char> x(std::vector<char>(4, 3));
  const Stream stream;
  const Event event;
  std::array<char, 4> host{};
  const auto call = [&](int which) {
    switch (which) {
      case 0: return cudaStreamSynchronize(stream.get());
      case 1: return cudaStreamQuery(stream.get());
      case 2: return cudaEventRecord(event.get(), stream.get());
      case 3: return cudaStreamWaitEvent(stream.get(), event.get(), 0);
      case 4: return cudaDeviceSynchronize();
      case 5: return cudaMemcpyAsync(host.data(), x.data(), 4, cudaMemcpyDeviceToHost, stream.get());
      default: return cudaMemcpyAsync(x.data(), host.data(), 4, cudaMemcpyHostToDevice, stream.get());
    }
  };
  for (int which = 0; which < 7; ++which) {
    CAPTURE(which);
    const Graph graph(stream.get(), [&] { CHECK(call(which) == cudaErrorStreamCaptureUnsupported); });
    CHECK(graph.code() == cudaErrorStreamCaptureInvalidated);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(call(0) == cudaSuccess);
  }
  CHECK(x.values() == std::vector<char>(4, 3));
  CHECK(host == std::array<char, 4>{});
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed) == cudaErrorStreamCaptureUnsupported);
  cudaGraph_t none = nullptr;
  CHECK(cudaStreamEndCapture(stream.get(), &none) == cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_CASE("pinned memory is copied by a graph as it is when the graph runs") {
  const DeviceArray<char> x(1);
  const Stream stream;
  char* pinned = nullptr;
  REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), 1) == cudaSuccess);
  const Graph graph(stream.get(), [&] {
    check_cuda("copy", cudaMemcpyAsync(x.data(), pinned, 1, cudaMemcpyHostToDevice, stream.get()));
  });
  REQUIRE(graph.code() == cudaSuccess);
  for (const char value : {1, 2}) {
    *pinned = value;
    check_cuda("launch", cudaGraphLaunch(graph.exec(), stream.get()));
    check_cuda("synchronize", cudaStreamSynchronize(stream.get()));
    CHECK(x.values()[0] == value);
  }
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
}

TEST_CASE("pageable memory is read before the copy returns, pinned memory when it runs") {
  const SettingsScope scope;
  settings().deferred_streams = true;
  const DeviceArray<char> x(2);
  const Stream stream;
  char pageable = 1, *pinned = nullptr;
  REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), 1) == cudaSuccess);
  *pinned = 1;
  check_cuda("copy", cudaMemcpyAsync(x.data(), &pageable, 1, cudaMemcpyHostToDevice, stream.get()));
  check_cuda("copy", cudaMemcpyAsync(x.data() + 1, pinned, 1, cudaMemcpyHostToDevice, stream.get()));
  pageable = *pinned = 2;
  check_cuda("synchronize", cudaStreamSynchronize(stream.get()));
  CHECK(x.values() == std::vector<char>{1, 2});
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
}

TEST_CASE("the default stream waits for streams that are not non-blocking") {
  const SettingsScope scope;
  settings().deferred_streams = true;
  const DeviceArray<char> x(std::vector<char>(1, 0));
  cudaStream_t blocking = nullptr;
  check_cuda("stream", cudaStreamCreate(&blocking));
  check_cuda("fill", cudaMemsetAsync(x.data(), 5, 1, blocking));
  CHECK(x.values()[0] == 5);
  check_cuda("stream", cudaStreamDestroy(blocking));
  const Stream other;
  check_cuda("fill", cudaMemsetAsync(x.data(), 6, 1, other.get()));
  CHECK(x.values()[0] == 5);
}

TEST_CASE("the host may not touch device memory while the check is on") {
  const DeviceArray<float> x(std::vector<float>(64, 1.0F)), y(64);
  const auto write = [&] { *x.data() = 2; };
  CHECK(run_in_child(write).survived);
  set_host_access_check(true);
  reverse(x.data(), y.data());
  CHECK(y.values()[0] == 1);
  const ChildResult child = run_in_child(write);
  set_host_access_check(false);
  CHECK_FALSE(child.survived);
  CHECK(child.report.find("mpad emulation: the host touched device memory") != std::string::npos);
}

TEST_CASE("more than 48 KiB of shared memory wants an opt-in, up to the device's limit") {
  const SettingsScope scope;
  const DeviceArray<int> y(1);
  CHECK_THROWS_AS(use_dynamic_shared(y.data(), 64 * 1024, false), mpad::Error);
  use_dynamic_shared(y.data(), 64 * 1024, true);
  CHECK(y.values()[0] == 64 * 1024);
  CHECK_THROWS_AS(use_dynamic_shared(y.data(), 99 * 1024, true), mpad::Error);
  settings().shared_memory_optin = 227 * 1024;
  use_dynamic_shared(y.data(), 227 * 1024, true);
  CHECK(y.values()[0] == 227 * 1024);
}

TEST_CASE("a machine without a device or driver says so") {
  const SettingsScope scope;
  int count = -1;
  settings().device_status = cudaErrorInsufficientDriver;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver);
  CHECK(count == 0);
  settings().device_status = cudaErrorNoDevice;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
  CHECK(std::string(cudaGetErrorString(cudaErrorNoDevice)) == "no CUDA-capable device is detected");
  settings().device_status = cudaSuccess;
  CHECK(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 1);
  cudaGetLastError();
}

namespace {

// c = 2 * op(a) * op(b) + c for 2x3 op(a) and 3x2 op(b), column-major, in any types; op(a) = 1 2 3; 4 5 6 and
// op(b) = 1 2; 3 4; 5 6 have the product 22 28; 49 64. c is 1 everywhere.
template <class In, class Out, class Scalar>
void check_product(cudaDataType in, cudaDataType out, cublasComputeType_t compute, bool transposed) {
  const auto convert = [](std::initializer_list<float> values) {
    std::vector<In> converted;
    for (const float value : values) converted.push_back(static_cast<In>(value));
    return converted;
  };
  const DeviceArray<In> a(transposed ? convert({1, 2, 3, 4, 5, 6}) : convert({1, 4, 2, 5, 3, 6}));
  const DeviceArray<In> b(transposed ? convert({1, 2, 3, 4, 5, 6}) : convert({1, 3, 5, 2, 4, 6}));
  const DeviceArray<Out> c(std::vector<Out>(4, static_cast<Out>(1.0F)));
  const Scalar alpha = 2, beta = 1;
  const auto op = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasGemmEx(handle, op, op, 2, 2, 3, &alpha, a.data(), in, transposed ? 3 : 2, b.data(), in,
                     transposed ? 2 : 3, &beta, c.data(), out, 2, compute,
                     CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
  const std::vector<Out> got = c.values();
  CHECK(static_cast<float>(got[0]) == 45);
  CHECK(static_cast<float>(got[1]) == 99);
  CHECK(static_cast<float>(got[2]) == 57);
  CHECK(static_cast<float>(got[3]) == 129);
}

}  // namespace

TEST_CASE("products in every type, plain and transposed") {
  const bool transposed = GENERATE(false, true);
  check_product<float, float, float>(CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, transposed);
  check_product<double, double, double>(CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, transposed);
  check_product<__half, __half, float>(CUDA_R_16F, CUDA_R_16F, CUBLAS_COMPUTE_32F, transposed);
  check_product<__half, float, float>(CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F, transposed);
}

TEST_CASE("a product reads no output where beta is 0, and refuses short leading dimensions and TF32") {
  const DeviceArray<float> a(std::vector<float>{3}), c(1);
  const float one = 1, zero = 0;
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, a.data(), 1, a.data(), 1, &zero, c.data(), 1) ==
        CUBLAS_STATUS_SUCCESS);
  CHECK(c.values()[0] == 9);
  CHECK(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 1, 1, &one, a.data(), 1, a.data(), 1, &zero, c.data(), 2) ==
        CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, a.data(), CUDA_R_32F, 1, a.data(), CUDA_R_32F, 1,
                     &zero, c.data(), CUDA_R_32F, 1, CUBLAS_COMPUTE_32F_FAST_TF32,
                     CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
}
