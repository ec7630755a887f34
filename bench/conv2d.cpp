// SPDX-License-Identifier: MIT
// Convolutions and linear layers (images of 1x1) of LeNet-5 and VGG at batch 128, on the CPU and, where there is a
// device, on CUDA, timed by events. Operands are random: zeros run faster.
#include "run.h"

#include <chrono>

namespace {

using namespace mpad;

struct Layer {
  const char* name;
  std::int64_t h, c, k;
  Window window;
};

const Layer kLayers[] = {
    {"lenet1", 28, 1, 6, {5}},        {"lenet2", 12, 6, 16, {5}},       {"fc1", 1, 256, 120, {1}},
    {"fc2", 1, 120, 84, {1}},         {"fc3", 1, 84, 10, {1}},          {"vgg1", 32, 3, 64, {3, 1, 1}},
    {"vgg2", 16, 64, 128, {3, 1, 1}}, {"vgg3", 8, 128, 256, {3, 1, 1}}, {"vgg4", 8, 256, 256, {3, 1, 1}},
    {"vgg5", 4, 256, 512, {3, 1, 1}}, {"vgg6", 4, 512, 512, {3, 1, 1}}, {"vgg7", 2, 512, 512, {3, 1, 1}},
};

enum class Pass { forward, data, weight, bias };

/// Seconds of one call on the device: of one on the CPU, the mean of 20 on CUDA, queued together.
template <class F>
double seconds_of(Device device, F&& call) {
  if (device == Device::cuda) {
    constexpr int calls = 20;
    const cuda::Event start, end;
    start.record(current_cuda());
    for (int i = 0; i < calls; ++i) call();
    end.record(current_cuda());
    end.wait();
    return 1e-3 * end.milliseconds_since(start) / calls;
  }
  const auto start = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(benchmark::State& state, Device device, const Layer& layer, DType dtype, Pass pass) {
  const Sliding s = slide("bench", layer.window, {128, layer.h, layer.h, layer.c});
  const Pair kernel = layer.window.kernel;
  const Tensor x = bench::random_tensor({s.n, s.h, s.w, s.c}, dtype, device),
               y = bench::random_tensor({s.n, s.oh, s.ow, layer.k}, dtype, device);
  const Tensor weight = bench::random_tensor({layer.k, kernel.h, kernel.w, s.c}, dtype, device);
  const Tensor bias = bench::random_tensor({layer.k}, dtype, device);
  const auto call = [&] {
    on(device, [&](auto where) {
      switch (pass) {
        case Pass::forward: return kernels::conv2d_forward(where, s, x.view(), weight.view(), bias.view(), y.view());
        case Pass::data: return kernels::conv2d_backward_data(where, s, y.view(), weight.view(), x.view());
        case Pass::weight: return kernels::conv2d_backward_weight(where, s, x.view(), y.view(), weight.view());
        case Pass::bias: return kernels::sum_rows(where, y.view(), bias.view());
      }
    });
  };
  call();
  for ([[maybe_unused]] auto _ : state) state.SetIterationTime(seconds_of(device, call));
  const double flops = 2.0 * static_cast<double>(y.numel() * kernel.h * kernel.w * s.c);
  if (pass != Pass::bias)
    state.counters["FLOP/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
}

void add_device(Device device) {
  constexpr const char* passes[] = {"forward", "data", "weight", "bias"};
  for (const Layer& layer : kLayers)
    for (Pass pass : {Pass::forward, Pass::data, Pass::weight, Pass::bias})
      for (DType dtype : {DType::f32, DType::f64, DType::f16})
        benchmark::RegisterBenchmark(
            (to_string(device) + "/" + layer.name + "/" + passes[static_cast<int>(pass)] + "/" + to_string(dtype))
                .c_str(),
            [=](benchmark::State& state) { run(state, device, layer, dtype, pass); })
            ->UseManualTime()
            ->Unit(benchmark::kMicrosecond);
}

}  // namespace

int main(int argc, char** argv) {
  add_device(Device::cpu);
  const std::string reason = unavailable(Device::cuda);
  if (reason.empty()) add_device(Device::cuda);
  benchmark::AddCustomContext("mpad_cuda", reason.empty() ? cuda::device_info().name : reason);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
