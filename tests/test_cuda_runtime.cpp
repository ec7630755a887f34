// SPDX-License-Identifier: MIT
// What host code asks of CUDA: streams, events, copies, the device and errors.
#include "backends.h"

#include <mpad/version.h>

#include <cuda/runtime.h>

#include <map>
#include <numeric>
#include <thread>
#include <utility>

#ifdef MPAD_WITH_EMULATION
#include <cuda_runtime_api.h>
#include <emulation/runtime/stream.h>
#include <emulation/settings.h>
#endif

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t count = 1000;

// Lives on, for copies that have not been waited for.
const std::vector<int>& counting_from(int first) {
  static std::map<int, std::vector<int>> kept;
  std::vector<int>& values = kept[first];
  values.resize(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// Device memory for `count` numbers.
struct Numbers {
  Buffer memory = allocate(count * sizeof(int), Device::cuda);
  void* data() const { return memory.get(); }
  void write(const std::vector<int>& values) const { cuda::copy(data(), values.data(), count * sizeof(int)); }
  void read_from(const Numbers& other) const { cuda::copy(data(), other.data(), count * sizeof(int)); }
  std::vector<int> read() const {
    std::vector<int> values(count);
    cuda::copy(values.data(), data(), count * sizeof(int));
    cuda::synchronize("read");
    return values;
  }
};

}  // namespace

TEST_CASE("a build without CUDA says so, and every call throws") {
  if (built_with_cuda()) return;
  const char* message = "device: expected cpu (this build has no CUDA), got cuda";
  CHECK(unavailable(Device::cuda) == "this build has no CUDA");
  CHECK_THROWS_WITH(cuda::device_info(), message);
  CHECK_THROWS_WITH(cuda::Stream(), message);
  CHECK_THROWS_WITH(cuda::Event(), message);
  CHECK_THROWS_WITH(cuda::synchronize("test"), message);
  CHECK_THROWS_WITH(allocate(1, Device::cuda), message);
  CHECK_THROWS_WITH(Tensor::full({1}, 0, DType::f32, Device::cuda), message);
}

TEST_CASE("the device describes itself") {
  if (!can_use_cuda()) return;
  const cuda::DeviceInfo info = cuda::device_info();
  CHECK_FALSE(info.name.empty());
  CHECK(info.major >= 7);
  CHECK(info.multiprocessors > 0);
  CHECK(info.memory >= cuda::free_memory());
  CHECK(info.driver >= 12000);
}

TEST_CASE("copies go from the host to the device, within it, and back") {
  if (!can_use_cuda()) return;
  const cuda::Stream stream;
  for (const Cuda where : {Cuda{}, stream.where()}) {
    const CudaScope scope(where);
    const Numbers x, y;
    x.write(counting_from(1));
    y.read_from(x);
    CHECK(y.read() == counting_from(1));
    x.write(counting_from(2));
    CHECK(y.read() == counting_from(1));
    CHECK(x.read() == counting_from(2));
  }
}

TEST_CASE("a CudaScope sends this thread's work to its stream, and scopes nest") {
  if (!can_use_cuda()) return;
  const cuda::Stream a, b;
  CHECK(current_cuda().stream == nullptr);
  {
    const CudaScope outer(a.where());
    CHECK(current_cuda().stream == a.where().stream);
    {
      const CudaScope inner(b.where());
      CHECK(current_cuda().stream == b.where().stream);
    }
    CHECK(current_cuda().stream == a.where().stream);
    const void* elsewhere = &outer;
    std::thread([&] { elsewhere = current_cuda().stream; }).join();
    CHECK(elsewhere == nullptr);
  }
  CHECK(current_cuda().stream == nullptr);
}

TEST_CASE("a stream that waits for another sees its work") {
  if (!can_use_cuda()) return;
  const Numbers x, y;
  x.write(counting_from(0));
  cuda::synchronize("test");
  const cuda::Stream writing, reading;
  {
    const CudaScope scope(writing.where());
    x.write(counting_from(7));
  }
  reading.wait_for(writing.where());
  const CudaScope scope(reading.where());
  y.read_from(x);
  CHECK(y.read() == counting_from(7));
}

TEST_CASE("events mark moments of a stream") {
  if (!can_use_cuda()) return;
  const cuda::Stream stream;
  const Numbers x;
  const cuda::Event start, stop;
  start.record(stream.where());
  {
    const CudaScope scope(stream.where());
    x.write(counting_from(3));
  }
  stop.record(stream.where());
  stop.wait();
  CHECK(stop.milliseconds_since(start) >= 0);
  CHECK(start.milliseconds_since(start) == 0);
  const cuda::Event never;
  CHECK_THROWS_WITH(stop.milliseconds_since(never),
                    ContainsSubstring("event: expected success from CUDA, got cudaError"));
}

TEST_CASE("streams and events move") {
  if (!can_use_cuda()) return;
  cuda::Stream a, b;
  void* const first = a.where().stream;
  cuda::Stream moved(std::move(a));
  CHECK(moved.where().stream == first);
  b = std::move(moved);
  CHECK(b.where().stream == first);
  cuda::Event event;
  const cuda::Event other(std::move(event));
  other.record(b.where());
  other.wait();
  CHECK(other.milliseconds_since(other) == 0);
}

#ifdef MPAD_WITH_EMULATION
using emulation::settings;
using emulation::SettingsScope;

TEST_CASE("a machine without a device or driver says which, and every call throws") {
  const SettingsScope scope;
  settings().device_status = cudaErrorNoDevice;
  CHECK(unavailable(Device::cuda) == "no CUDA device");
  CHECK_THROWS_WITH(Tensor({1}, DType::f32, Device::cuda), "device: expected cpu (no CUDA device), got cuda");
  CHECK_THROWS_WITH(cuda::device_info(),
                    "device: expected success from CUDA, got cudaErrorNoDevice (no CUDA-capable device is detected)");
  CHECK_THROWS_WITH(cuda::Stream(), ContainsSubstring("stream: expected success from CUDA, got cudaErrorNoDevice"));
  settings().device_status = cudaErrorInsufficientDriver;
  const std::string reason =
      fmt::format("no NVIDIA driver for CUDA {}.{} or newer", CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  CHECK(unavailable(Device::cuda) == reason);
  CHECK_THROWS_WITH(Tensor({1}, DType::f32, Device::cuda), "device: expected cpu (" + reason + "), got cuda");
}

TEST_CASE("a stream that does not wait for another misses its work") {
  const SettingsScope scope;
  const Numbers x, y;
  x.write(counting_from(0));
  cuda::synchronize("test");
  settings().deferred_streams = true;
  const cuda::Stream writing, reading;
  {
    const CudaScope inner(writing.where());
    x.write(counting_from(7));
  }
  const CudaScope inner(reading.where());
  y.read_from(x);
  CHECK(y.read() == counting_from(0));
}

TEST_CASE("a moment that has not come is an error, and wait() lets it come") {
  const SettingsScope scope;
  settings().deferred_streams = true;
  const cuda::Stream stream;
  const cuda::Event start, stop;
  start.record(stream.where());
  stop.record(stream.where());
  CHECK_THROWS_WITH(stop.milliseconds_since(start),
                    "event: expected success from CUDA, got cudaErrorNotReady (device not ready)");
  stop.wait();
  CHECK(stop.milliseconds_since(start) >= 0);
}

TEST_CASE("an error names the operation that meets it") {
  const SettingsScope scope;
  const Numbers x;
  std::vector<int> host(2 * count);
  CHECK_THROWS_WITH(cuda::copy(host.data(), x.data(), 2 * count * sizeof(int)),
                    "copy: expected success from CUDA, got cudaErrorInvalidValue (invalid argument)");
  settings().deferred_streams = true;
  CHECK(emulation::enqueue_work(nullptr, [] { return cudaErrorInvalidConfiguration; }) == cudaSuccess);
  CHECK_THROWS_WITH(cuda::synchronize("conv2d"),
                    ContainsSubstring("conv2d: expected success from CUDA, got cudaErrorInvalid"));
  cuda::synchronize("test");
}
#endif
