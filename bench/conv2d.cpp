// SPDX-License-Identifier: MIT
// Convolutions of LeNet-5, VGG and ResNet and linear layers (images of 1x1) at batch 128, forward and both gradients,
// on the CPU or with --device=cuda. Counters: operations per second, and what per cent that is of a large matrix
// product timed in the same way in the same run. bench/peers/conv2d_torch.py times PyTorch's. pooled_...: the forward
// with bias, ReLU and a 2x2 pool, in one pass or apart; from one set of buffers, as in a network.
#include "run.h"
#include "shapes.h"

#include <fmt/format.h>

#include <map>

namespace {
using namespace mpad;
using bench::Layer;

Device device = Device::cpu;

/// What a layer slides over.
Sliding sliding(const Layer& layer) {
  const std::int64_t batch = bench::is_emulated(device) ? 1 : bench::layers_batch;
  return slide("bench", layer.window, {batch, layer.size, layer.size, layer.c});
}

enum class Pass { forward, data, weight };
constexpr const char* passes[] = {"forward", "backward_data", "backward_weight"};

/// What one call works on; a backward pass writes what the forward reads.
struct Buffers {
  Tensor x, weight, y;
};

void call(const Sliding& s, const Buffers& b, Pass pass) {
  on(device, [&](auto where) {
    switch (pass) {
      case Pass::forward:
        return kernels::conv2d_forward(where, s, b.x.view(), b.weight.view(), View{}, false, b.y.view());
      case Pass::data: return kernels::conv2d_backward_data(where, s, b.y.view(), b.weight.view(), b.x.view());
      case Pass::weight: return kernels::conv2d_backward_weight(where, s, b.x.view(), b.y.view(), b.weight.view());
    }
  });
}

/// Operations per second of a product of two square matrices, the best of eight; timed once for each dtype.
double product_rate(DType dtype) {
  static std::map<DType, double> rates;
  if (const auto found = rates.find(dtype); found != rates.end()) return found->second;
  const std::int64_t n = bench::is_emulated(device) ? 64 : device == Device::cpu ? 1024 : 8192;
  const Tensor a = bench::random_tensor({n, n}, dtype, device), b = bench::random_tensor({n, n}, dtype, device),
               c({n, n}, dtype, device);
  const auto product = [&](std::size_t) {
    on(device, [&](auto where) { kernels::linear_forward(where, a.view(), b.view(), View{}, c.view()); });
  };
  double best = 0;
  for (int repeat = 0; repeat < 8; ++repeat)
    best = std::max(best, 2.0 * static_cast<double>(n * n * n) / bench::seconds_of_round(device, 1, product));
  return rates[dtype] = best;
}

void run(benchmark::State& state, const Layer& layer, DType dtype, Pass pass) {
  const Sliding s = sliding(layer);
  const Pair kernel = layer.window.kernel;
  const Buffers first{bench::random_tensor({s.n, s.h, s.w, s.c}, dtype, device),
                      bench::random_tensor({layer.k, kernel.h, kernel.w, s.c}, dtype, device),
                      bench::random_tensor({s.n, s.oh, s.ow, layer.k}, dtype, device)};
  std::vector<Buffers> sets{first};
  const std::size_t bytes = first.x.bytes() + first.weight.bytes() + first.y.bytes();
  while (sets.size() < bench::sets_for(device, bytes))
    sets.push_back({first.x.clone(), first.weight.clone(), first.y.clone()});
  bench::time_rounds(state, device, sets.size(), [&](std::size_t set) { call(s, sets[set], pass); });
  const double flops = 2.0 * static_cast<double>(first.y.numel() * kernel.h * kernel.w * s.c);
  bench::count(state, flops, "FLOP/s", product_rate(dtype), "per_cent_of_product");
}

/// The forward of a layer with ReLU and a 2x2 pool behind it: in one pass, or one after the other.
void run_pooled(benchmark::State& state, const Layer& layer, DType dtype, bool in_one_pass) {
  const Sliding s = sliding(layer);
  const Shape output{s.n, s.oh, s.ow, layer.k};
  const Sliding pool = slide("bench", {2, 2}, output);
  const Pair kernel = layer.window.kernel;
  const Tensor x = bench::random_tensor({s.n, s.h, s.w, s.c}, dtype, device),
               weight = bench::random_tensor({layer.k, kernel.h, kernel.w, s.c}, dtype, device),
               bias = bench::random_tensor({layer.k}, dtype, device), between(output, dtype, device),
               y({s.n, pool.oh, pool.ow, layer.k}, dtype, device), code(y.shape(), DType::u8, device);
  bench::time_rounds(state, device, 1, [&](std::size_t) {
    on(device, [&](auto where) {
      if (in_one_pass)
        return kernels::conv2d_relu_maxpool_forward(where, s, pool, x.view(), weight.view(), bias.view(), y.view(),
                                                    code.view());
      kernels::conv2d_forward(where, s, x.view(), weight.view(), bias.view(), false, between.view());
      kernels::relu_maxpool_forward(where, pool, between.view(), y.view(), code.view());
    });
  });
}

void add_all(Device on) {
  device = on;
  for (const Layer& layer : bench::layers())
    for (const DType dtype : {DType::f32, DType::f16, DType::f64})
      for (const bool in_one_pass : {true, false})
        if (layer.name.starts_with("lenet") || layer.name.starts_with("vgg"))
          bench::add(device,
                     fmt::format("pooled_{}/{}/{}", in_one_pass ? "one_pass" : "apart", to_string(dtype), layer.name),
                     [=](benchmark::State& state) { run_pooled(state, layer, dtype, in_one_pass); });
  for (const Layer& layer : bench::layers())
    for (const DType dtype : {DType::f32, DType::f16, DType::f64})
      for (const Pass pass : {Pass::forward, Pass::data, Pass::weight})
        bench::add(device, fmt::format("conv2d_{}/{}/{}", passes[static_cast<int>(pass)], to_string(dtype), layer.name),
                   [=](benchmark::State& state) { run(state, layer, dtype, pass); });
}

}  // namespace

int main(int argc, char** argv) { return bench::run_benchmarks("bench_conv2d", argc, argv, add_all); }
