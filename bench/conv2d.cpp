// SPDX-License-Identifier: MIT
// Convolutions and linear layers (images of 1x1) of LeNet-5, VGG and ResNet at batch 128.
#include <mpad/core/parallel.h>
#include <mpad/tensor.h>

#include <benchmark/benchmark.h>

#include <kernels.h>

namespace {

using namespace mpad;

struct Layer {
  const char* name;
  std::int64_t h, c, k;
  Window window;
};

const Layer layers[] = {
    {"lenet1", 28, 1, 6, {5}},        {"lenet2", 12, 6, 16, {5}},       {"fc1", 1, 256, 120, {1}},
    {"fc2", 1, 120, 84, {1}},         {"fc3", 1, 84, 10, {1}},          {"stem", 32, 3, 64, {3, 1, 1}},
    {"vgg2", 32, 64, 128, {3, 1, 1}}, {"vgg4", 8, 256, 512, {3, 1, 1}}, {"vgg6", 4, 512, 512, {3, 1, 1}},
    {"vgg8", 2, 512, 512, {3, 1, 1}},
};

enum class Pass { forward, data, weight, bias };

void run(benchmark::State& state, const Layer& layer, DType dtype, Pass pass) {
  const Sliding s = slide("bench", layer.window, {128, layer.h, layer.h, layer.c});
  const Pair kernel = layer.window.kernel;
  const Tensor x = Tensor::full({s.n, s.h, s.w, s.c}, 0.5, dtype),
               y = Tensor::full({s.n, s.oh, s.ow, layer.k}, 1, dtype);
  const Tensor weight = Tensor::full({layer.k, kernel.h, kernel.w, s.c}, 0.25, dtype);
  const Tensor bias = Tensor::full({layer.k}, 0, dtype);
  on(Device::cpu, [&](auto where) {
    for (auto _ : state) switch (pass) {
        case Pass::forward: kernels::conv2d_forward(where, s, x.view(), weight.view(), bias.view(), y.view()); break;
        case Pass::data: kernels::conv2d_backward_data(where, s, y.view(), weight.view(), x.view()); break;
        case Pass::weight: kernels::conv2d_backward_weight(where, s, x.view(), y.view(), weight.view()); break;
        case Pass::bias: kernels::sum_rows(where, y.view(), bias.view()); break;
      }
  });
  const double flops = 2.0 * static_cast<double>(y.numel() * kernel.h * kernel.w * s.c);
  if (pass != Pass::bias)
    state.counters["GFLOP/s"] = benchmark::Counter(flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* passes[] = {"forward", "data", "weight", "bias"};
  for (const Layer& layer : layers)
    for (Pass pass : {Pass::forward, Pass::data, Pass::weight, Pass::bias})
      for (DType dtype : {DType::f32, DType::f64, DType::f16})
        benchmark::RegisterBenchmark(
            (std::string(layer.name) + "/" + passes[static_cast<int>(pass)] + "/" + to_string(dtype)).c_str(),
            [=](benchmark::State& state) { run(state, layer, dtype, pass); })
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
