// SPDX-License-Identifier: MIT
// Time on either device. On CUDA the time is that between two events around a round of calls, each on buffers of its
// own, which together exceed four times the L2 cache: no call finds its data there, and launches overlap with kernels.
#pragma once
#include <mpad/core/dispatch.h>
#include <mpad/core/error.h>
#include <mpad/core/parallel.h>
#include <mpad/tensor.h>

#include <benchmark/benchmark.h>

#include <cuda/runtime.h>
#include <kernels.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mpad::bench {

/// Takes --device=cpu or --device=cuda out of the arguments; cpu if there is none. Throws Error where it cannot run.
inline Device take_device(int& argc, char** argv) {
  constexpr std::string_view option = "--device=";
  char** const end = argv + argc;
  char** const found = std::find_if(argv, end, [&](std::string_view text) { return text.starts_with(option); });
  if (found == end) return Device::cpu;
  const std::string name = *found + option.size();
  if (name != "cpu" && name != "cuda") throw Error("--device: expected cpu or cuda, got " + name);
  const Device device = name == "cuda" ? Device::cuda : Device::cpu;
  if (const std::string reason = unavailable(device); !reason.empty())
    throw Error("--device: expected cpu (" + reason + "), got " + name);
  std::rotate(found, found + 1, end);
  --argc;
  return device;
}

/// Whether CUDA is the emulation, which runs small shapes only, to see that they run.
inline bool is_emulated(Device device) {
  return device == Device::cuda && cuda::device_info().name == "mpad emulation";
}

/// How many sets of buffers of this size a round goes through.
inline std::size_t sets_for(Device device, std::size_t bytes) {
  if (device == Device::cpu) return 1;
  if (is_emulated(device)) return 2;  // it has no cache to leave
  return 4 * cuda::device_info().l2_cache / std::max<std::size_t>(1, bytes) + 1;
}

/// Seconds of one call, as the mean over a round: call(set) for each set (on a GPU, eight calls at least).
template <class F>
double seconds_of_round(Device device, std::size_t sets, F&& call) {
  const std::size_t calls = device == Device::cpu || is_emulated(device) ? sets : std::max<std::size_t>(sets, 8);
  const auto round = [&] {
    for (std::size_t i = 0; i < calls; ++i) call(i % sets);
  };
  if (device == Device::cuda) {
    const cuda::Event start, end;
    start.record(current_cuda());
    round();
    end.record(current_cuda());
    end.wait();
    return 1e-3 * end.milliseconds_since(start) / static_cast<double>(calls);
  }
  const auto start = std::chrono::steady_clock::now();
  round();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / static_cast<double>(calls);
}

/// What lies at this part of the way through sorted values, on a straight line between two of them.
inline double quantile(const std::vector<double>& sorted, double part) {
  const double place = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const double above = sorted[std::min(below + 1, sorted.size() - 1)];
  return std::lerp(sorted[below], above, place - static_cast<double>(below));
}

/// Fewer rounds say little of how far they lie apart.
constexpr std::size_t least_rounds = 5;

/// Runs rounds for as long as the benchmark asks, least_rounds or more, behind one that warms up. The benchmark's time
/// is the median of theirs; counters first_quartile and third_quartile are in `unit`, which is the benchmark's.
template <class F>
void time_rounds(benchmark::State& state, Device device, std::size_t sets, const F& call,
                 benchmark::TimeUnit unit = benchmark::kMicrosecond) {
  seconds_of_round(device, sets, call);
  std::vector<double> seconds;
  for ([[maybe_unused]] auto _ : state) seconds.push_back(seconds_of_round(device, sets, call));
  while (seconds.size() < least_rounds) seconds.push_back(seconds_of_round(device, sets, call));
  std::ranges::sort(seconds);
  // Google Benchmark divides by its iterations.
  state.SetIterationTime(quantile(seconds, 0.5) * static_cast<double>(state.iterations()));
  const double scale = benchmark::GetTimeUnitMultiplier(unit);
  state.counters["first_quartile"] = scale * quantile(seconds, 0.25);
  state.counters["third_quartile"] = scale * quantile(seconds, 0.75);
}

/// Counts `amount` of an iteration: how much of it a second takes, and what per cent that is of the ceiling.
inline void count(benchmark::State& state, double amount, const char* rate, double ceiling, const char* share) {
  constexpr auto flags = benchmark::Counter::kIsIterationInvariantRate;
  state.counters[rate] = benchmark::Counter(amount, flags);
  state.counters[share] = benchmark::Counter(100 * amount / ceiling, flags);
}

/// Uniform in [-1, 1): copies and products of zeros run faster than others.
inline Tensor random_tensor(const Shape& shape, DType dtype, Device device) {
  const Tensor tensor(shape, dtype);
  on(Device::cpu, [&](auto where) { kernels::fill_uniform(where, tensor.view(), -1, 1, 1, 0); });
  return tensor.to(device);
}

inline void copy_bytes(Device device, const void* from, void* to, std::size_t bytes) {
  if (device == Device::cuda) return cuda::copy(to, from, bytes);
  parallel_for(static_cast<std::int64_t>(bytes), 1 << 18, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
                static_cast<std::size_t>(end - begin));
  });
}

/// Of this shape n,...: the rows of `first`, again and again.
inline Tensor repeated(const Tensor& first, const Shape& shape) {
  const Tensor tensor(shape, first.dtype(), first.device());
  auto* const to = static_cast<std::byte*>(tensor.view().data);
  for (std::size_t done = 0; done < tensor.bytes(); done += first.bytes())
    copy_bytes(first.device(), first.view().data, to + done, std::min(first.bytes(), tensor.bytes() - done));
  return tensor;
}

/// Bytes read and written per second by copies of 128 MiB; the best of eight rounds, timed once.
inline double copy_rate(Device device) {
  static const double rate = [device] {
    const Shape shape{is_emulated(device) ? 1 << 10 : 1 << 25};
    std::vector<Tensor> from, to;
    const std::size_t sets = sets_for(device, 2 * sizeof(float) * static_cast<std::size_t>(shape.numel()));
    for (std::size_t i = 0; i < sets; ++i) {
      from.push_back(i == 0 ? random_tensor(shape, DType::f32, device) : from[0].clone());
      to.push_back(empty_like(from[0]));
    }
    double best = 0;
    for (int repeat = 0; repeat < 8; ++repeat) {
      const double seconds = seconds_of_round(device, sets, [&](std::size_t set) {
        copy_bytes(device, from[set].view().data, to[set].view().data, from[set].bytes());
      });
      best = std::max(best, 2.0 * static_cast<double>(from[0].bytes()) / seconds);
    }
    return best;
  }();
  return rate;
}

/// Rows and columns of the matrices whose product is the ceiling of others.
inline std::int64_t product_size(Device device) {
  return is_emulated(device) ? 64 : device == Device::cpu ? 1024 : 8192;
}

/// Operations per second of a product of two square matrices, the best of eight; timed once for each dtype.
inline double product_rate(Device device, DType dtype) {
  static std::map<DType, double> rates;
  if (const auto found = rates.find(dtype); found != rates.end()) return found->second;
  const std::int64_t n = product_size(device);
  const Tensor a = random_tensor({n, n}, dtype, device), b = random_tensor({n, n}, dtype, device),
               c({n, n}, dtype, device);
  const auto product = [&](std::size_t) {
    on(device, [&](auto where) { kernels::linear_forward(where, a.view(), b.view(), View{}, false, c.view()); });
  };
  double best = 0;
  for (int repeat = 0; repeat < 8; ++repeat)
    best = std::max(best, 2.0 * static_cast<double>(n * n * n) / seconds_of_round(device, 1, product));
  return rates[dtype] = best;
}

/// Counts the operations of an iteration, against a large product's.
inline void count_operations(benchmark::State& state, Device device, DType dtype, double operations) {
  count(state, operations, "FLOP/s", product_rate(device, dtype), "per_cent_of_product");
}

/// Counts the bytes that an iteration has to move, against a copy's.
inline void count_bytes(benchmark::State& state, Device device, std::size_t bytes) {
  count(state, static_cast<double>(bytes), "bytes_per_second", copy_rate(device), "per_cent_of_copy");
}

}  // namespace mpad::bench
