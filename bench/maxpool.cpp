// SPDX-License-Identifier: MIT
// Max pooling: forward and backward, by rule, dtype, shape and rate of ties, on the CPU or with --device=cuda.
// Counters: minimal bytes per second, and what per cent that is of a copy of a large buffer on the same device in the
// same run. On CUDA the time is that between two events around many calls, as launches would hide short kernels
// otherwise.
#include <mpad/core/half.h>
#include <mpad/core/jacobian.h>
#include <mpad/core/parallel.h>
#include <mpad/core/philox.h>
#include <mpad/tensor.h>

#include <benchmark/benchmark.h>
#include <cuda/runtime.h>
#include <fmt/format.h>
#include <kernels.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {
using namespace mpad;

Device device = Device::cpu;

struct Case {
  const char* name;
  Shape input;
  Window window;
};

const Window kHalving{.kernel = 2, .stride = 2}, kStem{.kernel = 3, .stride = 2, .pad = 1};

// VGG's five pools at batch 128, the 3x3 stem pool of ResNet, and an input far larger than the caches.
const Case kCases[] = {{"vgg1", {128, 32, 32, 64}, kHalving},  {"vgg2", {128, 16, 16, 128}, kHalving},
                       {"vgg3", {128, 8, 8, 256}, kHalving},   {"vgg4", {128, 4, 4, 512}, kHalving},
                       {"vgg5", {128, 2, 2, 512}, kHalving},   {"stem", {64, 112, 112, 64}, kStem},
                       {"large", {64, 128, 128, 64}, kHalving}};

/// Normal numbers; with ties, the rate is the fraction of 2x2 windows of which the maximum occurs twice or more.
Tensor make_input(const Shape& shape, DType dtype, int ties_per_cent) {
  const Tensor x(shape, dtype);
  // Uniform over L levels: a 2x2 window has one maximum with probability 4 * sum_v (v/L)^3 / L. L = 3 gives 44 %, so
  // that 56 % tie: the rate nearest to 50 that levels give.
  const double levels = ties_per_cent == 0 ? 0 : 3;
  with_type(dtype, [&]<class T>() {
    const auto elements = x.span<T>();
    parallel_for(x.numel(), 1 << 14, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Philox random(1, static_cast<std::uint64_t>(i));
        const double u = uniform_double(random.word[0], random.word[1]);
        elements[static_cast<std::size_t>(i)] = static_cast<T>(levels > 0 ? std::floor(u * levels) : 2 * u - 1);
      }
    });
  });
  return x;
}

/// Seconds of one call on the device, the mean of `calls`.
template <class F>
double seconds_of(int calls, F&& call) {
  if (device == Device::cuda) {
    const cuda::Event start, end;
    start.record(current_cuda());
    for (int i = 0; i < calls; ++i) call();
    end.record(current_cuda());
    end.wait();
    return 1e-3 * end.milliseconds_since(start) / calls;
  }
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
}

void copy_bytes(const Tensor& to, const Tensor& from) {
  if (device == Device::cuda) return cuda::copy(to.view().data, from.view().data, from.bytes());
  parallel_for(from.numel(), 1 << 16, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to.span<float>().data() + begin, from.span<float>().data() + begin,
                static_cast<std::size_t>(end - begin) * sizeof(float));
  });
}

/// Bytes read and written per second by a copy: 128 MiB on the CPU's threads, 1 GiB on CUDA (far more than its cache);
/// the best of eight, timed once.
double copy_rate() {
  static const double rate = [] {
    const Shape shape{device == Device::cuda ? 1 << 28 : 1 << 25};
    const Tensor from = Tensor::zeros(shape, DType::f32, device), to = Tensor::zeros(shape, DType::f32, device);
    double best = 0;
    for (int repeat = 0; repeat < 8; ++repeat)
      best = std::max(best, 2.0 * static_cast<double>(from.bytes()) / seconds_of(1, [&] { copy_bytes(to, from); }));
    return best;
  }();
  return rate;
}

struct Buffers {
  Sliding sliding;
  Tensor x, y, mask;

  Buffers(const Case& shape, DType dtype, int ties_per_cent)
      : sliding(slide("bench", shape.window, shape.input)),
        x(make_input(shape.input, dtype, ties_per_cent).to(device)),
        y({sliding.n, sliding.oh, sliding.ow, sliding.c}, dtype, device),
        mask(y.shape(), mask_dtype(shape.window.taps()), device) {
    on(device, [&](auto where) { kernels::maxpool_forward(where, sliding, x.view(), y.view(), mask.view()); });
  }
};

void count_bytes(benchmark::State& state, const Buffers& buffers) {
  const double bytes = static_cast<double>(buffers.x.bytes() + buffers.y.bytes() + buffers.mask.bytes());
  using benchmark::Counter;
  state.counters["bytes_per_second"] = Counter(bytes, Counter::kIsIterationInvariantRate);
  state.counters["per_cent_of_copy"] = Counter(100 * bytes / copy_rate(), Counter::kIsIterationInvariantRate);
}

template <class F>
void time_calls(benchmark::State& state, F&& call) {
  const int calls = device == Device::cuda ? 20 : 1;
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(seconds_of(calls, call));
}

void forward(benchmark::State& state, const Case& shape, DType dtype, int ties) {
  const Buffers b(shape, dtype, ties);
  time_calls(state, [&] {
    on(device, [&](auto where) { kernels::maxpool_forward(where, b.sliding, b.x.view(), b.y.view(), b.mask.view()); });
  });
  count_bytes(state, b);
}

void backward(benchmark::State& state, const Case& shape, DType dtype, int ties, const TieRule& rule) {
  const Buffers b(shape, dtype, ties);
  time_calls(state, [&] {
    on(device, [&](auto where) {
      kernels::maxpool_backward(where, b.sliding, rule, Accumulate::wide, b.y.view(), b.mask.view(), b.x.view());
    });
  });
  count_bytes(state, b);
}

void add(const std::string& name, auto body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime()->Unit(benchmark::kMicrosecond)->MinTime(0.1);
}

void add_case(const Case& shape, DType dtype, int ties) {
  const std::string what = fmt::format("{}/{}/ties:{}", to_string(dtype), shape.name, ties);
  add("maxpool_forward/" + what, [=, &shape](benchmark::State& state) { forward(state, shape, dtype, ties); });
  for (const char* text : {"native", "last", "minimal", "beta:0.5", "random:7", "all"}) {
    const TieRule rule = TieRule::parse(text);
    add(fmt::format("maxpool_backward/{}/{}", text, what),
        [=, &shape](benchmark::State& state) { backward(state, shape, dtype, ties, rule); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (argc > 1 && std::string_view(argv[1]).starts_with("--device=")) {
    const std::string_view name = std::string_view(argv[1]).substr(9);
    device = name == "cuda" ? Device::cuda : Device::cpu;
    const std::string reason = name == to_string(device) ? unavailable(device) : "only these are known";
    if (!reason.empty()) {
      std::fprintf(stderr, "bench_maxpool: --device: expected a device of cpu and cuda (%s), got %s\n", reason.c_str(),
                   argv[1] + 9);
      return 2;
    }
    argv[1] = argv[0];
    ++argv, --argc;
  }
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  for (const Case& shape : kCases)
    for (const DType dtype : {DType::f32, DType::f16, DType::f64})
      for (const int ties : {0, 50}) add_case(shape, dtype, ties);
  benchmark::AddCustomContext("mpad_device", to_string(device));
  benchmark::AddCustomContext("mpad_threads", std::to_string(num_threads()));
  benchmark::AddCustomContext("mpad_isa", to_string(current_isa()));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
