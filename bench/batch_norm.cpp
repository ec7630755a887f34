// SPDX-License-Identifier: MIT
// Batch normalisation in training, alone, with its ReLU and with a sum and its ReLU in the same pass, forward and
// backward, on the CPU or with --device=cuda. Counters: minimal bytes per second (forward: x twice and y, and the
// addend; backward: x and the gradient twice, and grad_x, and behind a sum y and the addend's gradient), and what per
// cent that is of a copy timed in the same way in the same run. bench/peers/batch_norm_torch.py times PyTorch's.
#include "run.h"
#include "shapes.h"

#include <fmt/format.h>

namespace {
using namespace mpad;

Device device = Device::cpu;

std::vector<bench::Activation> cases() {
  if (bench::is_emulated(device)) return {{"tiny", {8, 4, 4, 16}, {}, true, true}};
  std::vector<bench::Activation> all = bench::activations(device);
  std::erase_if(all, [](const bench::Activation& it) { return !it.normalised; });
  return all;
}

struct Buffers {
  Tensor x, y, grad_y, grad_x;
  Tensor addend{}, grad_addend{};  ///< where there is a sum
};

/// What follows the normalisation.
enum class Rest { none, relu, add_relu };

const char* name_of(Rest rest) { return rest == Rest::none ? "" : rest == Rest::relu ? "_relu" : "_add_relu"; }

/// The layer: statistics and parameters, and gradients of these.
struct Layer {
  Tensor mean, inv_std, running_mean, running_var, gamma, beta, grad_gamma, grad_beta;

  Layer(std::int64_t channels, DType dtype)
      : mean({channels}, acc_dtype(dtype), device),
        inv_std({channels}, acc_dtype(dtype), device),
        running_mean(Tensor::zeros({channels}, dtype).to(device)),
        running_var(Tensor::full({channels}, 1, dtype).to(device)),
        gamma(bench::random_tensor({channels}, dtype, device)),
        beta(bench::random_tensor({channels}, dtype, device)),
        grad_gamma({channels}, dtype, device),
        grad_beta({channels}, dtype, device) {}

  kernels::BatchNorm norm(Rest rest) const {
    return {mean.view(), inv_std.view(), gamma.view(), beta.view(), rest == Rest::relu};
  }
};

void forward(const Layer& layer, const Buffers& b, Rest rest) {
  on(device, [&](auto where) {
    kernels::batch_norm_statistics(where, 1e-5, 0.1, b.x.view(), layer.mean.view(), layer.inv_std.view(),
                                   layer.running_mean.view(), layer.running_var.view());
    if (rest == Rest::add_relu)
      kernels::batch_norm_add_relu_forward(where, layer.norm(rest), b.x.view(), b.addend.view(), b.y.view());
    else
      kernels::batch_norm_forward(where, layer.norm(rest), b.x.view(), b.y.view());
  });
}

void backward(const Layer& layer, const Buffers& b, Rest rest) {
  on(device, [&](auto where) {
    if (rest == Rest::add_relu)
      kernels::batch_norm_add_relu_backward(where, layer.norm(rest), true, b.x.view(), b.y.view(), b.grad_y.view(),
                                            b.grad_addend.view(), b.grad_x.view(), layer.grad_gamma.view(),
                                            layer.grad_beta.view());
    else
      kernels::batch_norm_backward(where, layer.norm(rest), true, b.x.view(), b.grad_y.view(), b.grad_x.view(),
                                   layer.grad_gamma.view(), layer.grad_beta.view());
  });
}

void run(benchmark::State& state, const Shape& shape, DType dtype, Rest rest, bool is_forward) {
  const Layer layer(shape[3], dtype);
  const Shape few{8, shape[1], shape[2], shape[3]};
  const Tensor x = bench::repeated(bench::random_tensor(few, dtype, device), shape), grad_y = x.clone();
  std::vector<Buffers> sets;
  while (sets.size() < bench::sets_for(device, 2 * x.bytes()))
    sets.push_back({x.clone(), empty_like(x), grad_y.clone(), empty_like(x)});
  if (rest == Rest::add_relu)
    for (Buffers& buffers : sets) buffers.addend = buffers.grad_addend = grad_y.clone();
  for (const Buffers& buffers : sets) forward(layer, buffers, rest);
  bench::time_rounds(state, device, sets.size(), [&](std::size_t set) {
    is_forward ? forward(layer, sets[set], rest) : backward(layer, sets[set], rest);
  });
  const bool adds = rest == Rest::add_relu;
  bench::count_bytes(state, device, x.bytes() * (is_forward ? (adds ? 4 : 3) : (adds ? 7 : 5)));
}

void add_all(Device on) {
  device = on;
  for (const bench::Activation& it : cases())
    for (const DType dtype : {DType::f32, DType::f16, DType::f64})
      for (const Rest rest : {Rest::none, Rest::relu, Rest::add_relu})
        for (const bool is_forward : {true, false})
          bench::add(device,
                     fmt::format("batch_norm{}_{}/{}/{}", name_of(rest), is_forward ? "forward" : "backward",
                                 to_string(dtype), it.name),
                     [=, shape = it.shape](benchmark::State& state) { run(state, shape, dtype, rest, is_forward); });
}

}  // namespace

int main(int argc, char** argv) { return bench::run_benchmarks("bench_batch_norm", argc, argv, add_all); }
