// SPDX-License-Identifier: MIT
// Device memory: the cache behind tensors, and what kernels work in. Blocks come from the cache, or with
// $MPAD_MEMORY=exact from the device; both are checked, in processes of their own.
#include "backends.h"
#include "small_device.h"

#include <mpad/core/exact_memory.h>

#include <cuda/scratch.h>

#include <algorithm>
#include <thread>

#ifdef MPAD_WITH_EMULATION
#include <cuda/check.h>
#endif

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr std::size_t unit = SmallDevice::unit;

MemoryStatistics now() { return memory_statistics(Device::cuda); }

Buffer take(std::size_t bytes) { return allocate(bytes, Device::cuda); }

std::byte* place_of(std::size_t bytes) { return take(bytes).get(); }

std::string error_of(std::size_t bytes) {
  try {
    take(bytes);
  } catch (const OutOfMemory& error) {
    return error.what();
  }
  return {};
}

/// What an error says beside what was asked. Read afterwards: a device that runs out of memory gives back pages that
/// its driver held.
std::string where_memory_is(std::size_t cached_for_graphs = 0) {
  return fmt::format("{} in use by tensors, {} cached for graphs, {} free", now().in_use, cached_for_graphs,
                     cuda::free_memory());
}

}  // namespace

TEST_CASE("device memory is counted, cached, reused and given back") {
  if (!can_use_cuda()) return;
  release_cached_memory(Device::cuda);
  const MemoryStatistics before = now();
  CHECK(before.cached == 0);
  const std::size_t size = has_exact_memory() ? 1000 : 1024;
  Buffer buffer = take(1000);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.get()) % 64 == 0);
  CHECK(now().in_use == before.in_use + size);
  CHECK(now().peak_in_use >= now().in_use);
  CHECK(now().system_allocations == before.system_allocations + 1);
  const std::byte* place = buffer.get();
  buffer.reset();
  CHECK(now().in_use == before.in_use);
  CHECK(now().cached == (has_exact_memory() ? 0 : size));
  const Buffer again = take(820);
  if (!has_exact_memory()) CHECK(again.get() == place);
  CHECK(now().system_allocations == before.system_allocations + (has_exact_memory() ? 2 : 1));
  release_cached_memory(Device::cuda);
  CHECK(now().cached == 0);
}

TEST_CASE("a block is reused in order of its stream, not by another") {
  if (!can_use_cuda()) return;
  if (has_exact_memory()) return;  // nothing is reused
  release_cached_memory(Device::cuda);
  const cuda::Stream a, b;
  const auto place_on = [](const cuda::Stream& stream) {
    const CudaScope scope(stream.where());
    return place_of(4096);
  };
  const std::byte *of_a = place_on(a), *of_b = place_on(b), *of_default = place_of(4096);
  CHECK(of_a != of_b);
  CHECK(of_a != of_default);
  CHECK(of_b != of_default);
  CHECK(place_on(a) == of_a);
  CHECK(place_on(b) == of_b);
  CHECK(place_of(4096) == of_default);
  // A block belongs to the stream that it was asked for on, wherever the last owner lets go.
  Buffer block;
  {
    const CudaScope scope(a.where());
    block = take(4096);
  }
  block.reset();
  CHECK(place_of(4096) == of_default);
  CHECK(place_on(a) == of_a);
}

TEST_CASE("a request beyond the device says what was asked, used, cached and free") {
  if (!can_use_cuda()) return;
  const SmallDevice device(256 * unit);
  const Buffer held = take(100 * unit);
  const std::string error = error_of(200 * unit);
  CHECK(error == fmt::format("memory: expected {} bytes on cuda, got none ({})", 200 * unit, where_memory_is()));
  CHECK(place_of(100 * unit) != nullptr);
}

TEST_CASE("cached blocks of every stream are given back before a request fails") {
  if (!can_use_cuda()) return;
  const SmallDevice device(256 * unit);
  const cuda::Stream other;
  {
    const CudaScope scope(other.where());
    CHECK(place_of(100 * unit) != nullptr);
  }
  CHECK(place_of(60 * unit) != nullptr);
  CHECK(now().cached == (has_exact_memory() ? 0 : 160 * unit));
  CHECK(place_of(200 * unit) != nullptr);
  CHECK_THAT(error_of(300 * unit), ContainsSubstring(", 0 cached for graphs"));
}

TEST_CASE("a request that fails says what graphs keep") {
  if (!can_use_cuda()) return;
  const SmallDevice device(256 * unit);
  const cuda::Stream stream;
  const HeldMemory held(stream.where());
  {
    const CudaScope scope(stream.where());
    CHECK(place_of(100 * unit) != nullptr);
  }
  const std::string kept = fmt::format("{} cached for graphs, ", 100 * unit);
  CHECK_THAT(error_of(200 * unit), ContainsSubstring(kept));
  CHECK_THROWS_WITH(cuda::scratch_bytes(current_cuda(), Scratch::gradient, 200 * unit), ContainsSubstring(kept));
  CHECK(place_of(100 * unit) != nullptr);
}

TEST_CASE("scratch memory is the same block again until it must grow") {
  if (!can_use_cuda()) return;
  cuda::release_scratch();
  const Cuda where = current_cuda();
  const auto block = [&](Scratch purpose, std::int64_t count) { return cuda::scratch<float>(where, purpose, count); };
  const float* first = block(Scratch::taps, 1000);
  CHECK(reinterpret_cast<std::uintptr_t>(first) % 256 == 0);
  CHECK(block(Scratch::taps, 1000) == first);
  if (!has_exact_memory()) CHECK(block(Scratch::taps, 10) == first);
  const float* other = block(Scratch::weights, 1000);
  CHECK(other != first);
  CHECK(block(Scratch::taps, 1000) != other);
  const std::vector<float> values(4000, 1.5F);
  float* grown = block(Scratch::taps, 4000);
  cuda::copy(grown, values.data(), 16000);
  cuda::synchronize("test");
  CHECK(block(Scratch::taps, 4000) == grown);
  CHECK(block(Scratch::weights, 1000) == other);
  CHECK(block(Scratch::partial_sums, 0) != nullptr);
  cuda::release_scratch();
}

TEST_CASE("each stream has scratch memory of its own") {
  if (!can_use_cuda()) return;
  const cuda::Stream a, b;
  const auto* of_a = cuda::scratch<double>(a.where(), Scratch::source, 64);
  const auto* of_b = cuda::scratch<double>(b.where(), Scratch::source, 64);
  CHECK(of_a != of_b);
  CHECK(of_a == cuda::scratch<double>(a.where(), Scratch::source, 64));
  CHECK(of_b == cuda::scratch<double>(b.where(), Scratch::source, 64));
  cuda::release_scratch();
}

TEST_CASE("exact scratch memory is NaN again at each request, but not what graphs or cuBLAS work in") {
  if (!can_use_cuda()) return;
  constexpr std::int64_t count = 300;
  const auto left_of_ones = [](Cuda where, Scratch purpose) {
    const CudaScope scope(where);
    std::vector<float> values(count, 1);
    const auto ask = [&] { return cuda::scratch<float>(where, purpose, count); };
    const float* block = ask();
    cuda::copy(const_cast<float*>(block), values.data(), count * sizeof(float));
    cuda::synchronize("test");
    CHECK(ask() == block);
    cuda::copy(values.data(), block, count * sizeof(float));
    cuda::synchronize("test");
    return std::count(values.begin(), values.end(), 1.0F);
  };
  const cuda::Stream stream, of_graph;
  CHECK(left_of_ones(stream.where(), Scratch::partial_sums) == (has_exact_memory() ? 0 : count));
  CHECK(left_of_ones(stream.where(), Scratch::workspace) == count);
  release_memory_of(stream.where());
  const HeldMemory held(of_graph.where());
  CHECK(left_of_ones(of_graph.where(), Scratch::partial_sums) == count);
}

TEST_CASE("scratch memory and cached blocks make room for each other") {
  if (!can_use_cuda()) return;
  const SmallDevice device(256 * unit);
  const auto work_in = [](std::size_t bytes) { return cuda::scratch_bytes(current_cuda(), Scratch::gradient, bytes); };
  CHECK(place_of(200 * unit) != nullptr);
  CHECK(work_in(150 * unit) != nullptr);
  CHECK(now().cached == 0);
  CHECK(place_of(200 * unit) != nullptr);
  CHECK_THROWS_AS(work_in(300 * unit), OutOfMemory);
  const Buffer used = take(10 * unit);
  std::string error;
  try {
    work_in(300 * unit);
  } catch (const OutOfMemory& none_left) {
    error = none_left.what();
  }
  CHECK(error == fmt::format("scratch: expected {} bytes on cuda, got none ({})", 300 * unit, where_memory_is()));
  cuda::release_scratch();
}

#ifdef MPAD_WITH_EMULATION
// A device decides how much memory a handle takes; the emulated one asks for a KiB.
TEST_CASE("cuBLAS without memory for its handle takes what is cached, or says OutOfMemory") {
  if (!can_use_cuda()) return;
  const Tensor x = Tensor::full({2, 3}, 1, DType::f32, Device::cuda),
               weight = Tensor::full({1, 3}, 2, x.dtype(), x.device());
  const Tensor y({2, 1}, x.dtype(), x.device());
  const auto multiply = [&] {
    kernels::linear_forward(current_cuda(), x.view(), weight.view(), View{}, false, y.view());
  };
  const SmallDevice device(unit / 2);
  // Handles are made once for each thread.
  std::thread([&] {
    CHECK_THROWS_AS(multiply(), OutOfMemory);
    CHECK_THROWS_WITH(multiply(),
                      fmt::format("linear: expected success from cuBLAS, got the resource allocation failed ({})",
                                  where_memory_is()));
  }).join();
}

// A device decides when a launch needs memory, to load a kernel; the emulated one never does.
TEST_CASE("a launch that fails for want of memory says what was used, cached and free") {
  if (!can_use_cuda()) return;
  const Tensor x = Tensor::full({2, 3}, 1, DType::f32, Device::cuda);
  CHECK_THROWS_AS(kernels::check_cuda("relu", cudaErrorMemoryAllocation), OutOfMemory);
  CHECK_THROWS_WITH(kernels::check_cuda("relu", cudaErrorMemoryAllocation),
                    fmt::format("relu: expected success from CUDA, got cudaErrorMemoryAllocation (out of memory; {})",
                                where_memory_is()));
  CHECK_THROWS_WITH(kernels::check_cuda("relu", cudaErrorInvalidValue),
                    Catch::Matchers::StartsWith("relu: expected success from CUDA, got cudaErrorInvalidValue (") &&
                        !ContainsSubstring("free"));
}

TEST_CASE("cuBLAS takes the memory for its handle that tensors gave back") {
  if (!can_use_cuda() || has_exact_memory()) return;
  const Tensor x = Tensor::full({2, 3}, 1, DType::f32, Device::cuda),
               weight = Tensor::full({1, 3}, 2, x.dtype(), x.device());
  const Tensor y({2, 1}, x.dtype(), x.device());
  const SmallDevice device(64 * 1024 * unit);  // the product's workspace and what is cached
  take(cuda::free_memory() - unit / 2).reset();
  CHECK(cuda::free_memory() < unit);
  std::thread([&] {
    kernels::linear_forward(current_cuda(), x.view(), weight.view(), View{}, false, y.view());
    CHECK(y.values() == std::vector<double>{6, 6});
  }).join();
}
#endif
