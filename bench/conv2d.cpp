// SPDX-License-Identifier: MIT
// Convolutions of LeNet-5, VGG and ResNet and linear layers (images of 1x1) at batch 128, forward and both gradients,
// on the CPU or with --device=cuda. Counters: operations of the convolution per second, and what per cent that is of a
// large matrix product timed in the same way in the same run. bench/peers/conv2d_torch.py times PyTorch's. pooled_...:
// the forward with bias, ReLU and a 2x2 pool; conv2d_batch_norm_...: the forward and a batch normalisation's statistics
// of it; each in one pass, and apart: one after the other.
#include "run.h"
#include "shapes.h"

#include <fmt/format.h>

#include <array>

namespace {
using namespace mpad;
using bench::Layer;

Device device = Device::cpu;

/// What a layer slides over.
Sliding sliding(const Layer& layer) {
  const std::int64_t batch = bench::is_emulated(device) ? 1 : bench::layers_batch;
  return slide("bench", layer.window, {batch, layer.size, layer.size, layer.c});
}

/// What one call works on; a backward pass writes what the forward reads.
struct Buffers {
  Tensor x, weight, y;
  Tensor pooled{Shape{0}}, code{Shape{0}};  ///< behind a pool

  Buffers(const Layer& layer, const Sliding& s, DType dtype)
      : x(bench::random_tensor({s.n, s.h, s.w, s.c}, dtype, device)),
        weight(bench::random_tensor({layer.k, layer.window.kernel.h, layer.window.kernel.w, s.c}, dtype, device)),
        y(bench::random_tensor({s.n, s.oh, s.ow, layer.k}, dtype, device)) {}

  std::array<Tensor*, 5> all() { return {&x, &weight, &y, &pooled, &code}; }
};

/// Times call(buffers) on as many copies of them as a round goes through, and counts the layer's operations.
template <class F>
void run(benchmark::State& state, const Layer& layer, DType dtype, Buffers buffers, const F& call) {
  std::size_t bytes = 0;
  for (const Tensor* tensor : buffers.all()) bytes += tensor->bytes();
  std::vector<Buffers> sets{buffers};
  while (sets.size() < bench::sets_for(device, bytes)) {
    sets.push_back(buffers);
    for (Tensor* tensor : sets.back().all()) *tensor = tensor->clone();
  }
  bench::time_rounds(state, device, sets.size(), [&](std::size_t set) { call(sets[set]); });
  const Sliding s = sliding(layer);
  const std::int64_t outputs = s.n * s.oh * s.ow * layer.k;
  bench::count_operations(state, device, dtype, 2.0 * static_cast<double>(outputs * layer.window.taps() * layer.c));
}

enum class Pass { forward, data, weight };
constexpr const char* passes[] = {"forward", "backward_data", "backward_weight"};

void run_pass(benchmark::State& state, const Layer& layer, DType dtype, Pass pass) {
  const Sliding s = sliding(layer);
  run(state, layer, dtype, Buffers(layer, s, dtype), [&](const Buffers& b) {
    on(device, [&](auto where) {
      switch (pass) {
        case Pass::forward:
          return kernels::conv2d_forward(where, s, b.x.view(), b.weight.view(), View{}, false, b.y.view());
        case Pass::data: return kernels::conv2d_backward_data(where, s, b.y.view(), b.weight.view(), b.x.view());
        case Pass::weight: return kernels::conv2d_backward_weight(where, s, b.x.view(), b.y.view(), b.weight.view());
      }
    });
  });
}

void run_pooled(benchmark::State& state, const Layer& layer, DType dtype, bool in_one_pass) {
  const Sliding s = sliding(layer), pool = slide("bench", {2, 2}, {s.n, s.oh, s.ow, layer.k});
  const Tensor bias = bench::random_tensor({layer.k}, dtype, device);
  Buffers buffers(layer, s, dtype);
  buffers.pooled = Tensor({s.n, pool.oh, pool.ow, layer.k}, dtype, device);
  buffers.code = Tensor(buffers.pooled.shape(), DType::u8, device);
  if (in_one_pass) buffers.y = Tensor(Shape{0});  // what lies between is not kept
  run(state, layer, dtype, buffers, [&](const Buffers& b) {
    on(device, [&](auto where) {
      if (in_one_pass)
        return kernels::conv2d_relu_maxpool_forward(where, s, pool, b.x.view(), b.weight.view(), bias.view(),
                                                    b.pooled.view(), b.code.view());
      kernels::conv2d_forward(where, s, b.x.view(), b.weight.view(), bias.view(), false, b.y.view());
      kernels::relu_maxpool_forward(where, pool, b.y.view(), b.pooled.view(), b.code.view());
    });
  });
}

void run_normalised(benchmark::State& state, const Layer& layer, DType dtype, bool in_one_pass) {
  const Sliding s = sliding(layer);
  const Tensor mean({layer.k}, acc_dtype(dtype), device), inv_std = empty_like(mean),
                                                          running_mean = bench::random_tensor({layer.k}, dtype, device),
                                                          running_var = running_mean.clone();
  run(state, layer, dtype, Buffers(layer, s, dtype), [&](const Buffers& b) {
    on(device, [&](auto where) {
      if (in_one_pass)
        return kernels::conv2d_batch_norm_statistics(where, s, 1e-5, 0.1, b.x.view(), b.weight.view(), View{},
                                                     b.y.view(), mean.view(), inv_std.view(), running_mean.view(),
                                                     running_var.view());
      kernels::conv2d_forward(where, s, b.x.view(), b.weight.view(), View{}, false, b.y.view());
      kernels::batch_norm_statistics(where, 1e-5, 0.1, b.y.view(), mean.view(), inv_std.view(), running_mean.view(),
                                     running_var.view());
    });
  });
}

void add_layer(const Layer& layer, DType dtype) {
  const auto add = [&](const std::string& name, auto run_it, auto what) {
    bench::add(device, fmt::format("{}/{}/{}", name, to_string(dtype), layer.name),
               [=](benchmark::State& state) { run_it(state, layer, dtype, what); });
  };
  for (const Pass pass : {Pass::forward, Pass::data, Pass::weight})
    add(fmt::format("conv2d_{}", passes[static_cast<int>(pass)]), run_pass, pass);
  for (const bool in_one_pass : {true, false}) {
    const std::string how = in_one_pass ? "_one_pass" : "_apart";
    if (layer.name.starts_with("lenet") || layer.name.starts_with("vgg")) add("pooled" + how, run_pooled, in_one_pass);
    if (layer.name == "stem" || layer.name == "bottleneck" || layer.name.starts_with("resnet"))
      add("conv2d_batch_norm" + how, run_normalised, in_one_pass);
  }
}

void add_all(Device on) {
  device = on;
  for (const Layer& layer : bench::layers())
    for (const DType dtype : {DType::f32, DType::f16, DType::f64}) add_layer(layer, dtype);
}

}  // namespace

int main(int argc, char** argv) { return bench::run_benchmarks("bench_conv2d", argc, argv, add_all); }
