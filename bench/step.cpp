// SPDX-License-Identifier: MIT
// Whole training steps at batch 128: forward, loss, backward and SGD, on random images that are on the device already.
// bench/peers/networks_torch.py times PyTorch's. The peak memory is the process's: name one network to learn its own.
#include "run.h"

#include <mpad/mpad.h>

#include <sys/resource.h>

#include <memory>

namespace {

using namespace mpad;

template <class Network, class Options>
std::unique_ptr<Module> make(const Options& options) {
  return std::make_unique<Network>(options);
}

struct Subject {
  const char* name;
  std::int64_t size, channels;
  std::unique_ptr<Module> (*make)(bool batch_norm);
};

const Subject subjects[] = {
    {"lenet", 28, 1, [](bool bn) { return make<Lenet>(LenetOptions{.batch_norm = bn}); }},
    {"vgg11", 32, 3, [](bool bn) { return make<Vgg>(VggOptions{.batch_norm = bn}); }},
    {"resnet18", 32, 3, [](bool bn) { return make<Resnet>(ResnetOptions{.batch_norm = bn}); }},
    {"resnet50", 32, 3, [](bool bn) { return make<Resnet>(ResnetOptions{.depth = 50, .batch_norm = bn}); }},
    {"densenet121", 32, 3, [](bool bn) { return make<Densenet>(DensenetOptions{.batch_norm = bn}); }},
};

Tensor cycling_labels(std::int64_t n, Device device) {
  const Tensor labels({n}, DType::i32);
  for (std::int64_t i = 0; i < n; ++i)
    labels.span<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i % 10);
  return labels.to(device);
}

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void run(benchmark::State& state, Device device, const Subject& subject, bool batch_norm, DType dtype) {
  const std::int64_t batch = bench::is_emulated(device) ? 2 : 128;
  set_seed(0);
  const std::unique_ptr<Module> model = subject.make(batch_norm);
  model->to(dtype);
  model->to(device);
  Sgd sgd(*model, {.lr = 0.001, .momentum = 0.9, .weight_decay = 5e-4});
  const Tensor images = bench::random_tensor({batch, subject.size, subject.size, subject.channels}, dtype, device);
  const Tensor labels = cycling_labels(batch, device);
  bench::time_rounds(state, device, 1, [&](std::size_t) {
    Tape tape;
    tape.backward(cross_entropy((*model)(images), labels));
    sgd.step();
  });
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(batch), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["peak MiB"] = peak_memory_mib();
}

void add_all(Device device) {
  for (const Subject& subject : subjects)
    for (const bool batch_norm : {false, true})
      for (const DType dtype : {DType::f32, DType::f64, DType::f16})
        benchmark::RegisterBenchmark(
            ("step/" + std::string(subject.name) + (batch_norm ? "_bn/" : "/") + to_string(dtype)).c_str(),
            [=](benchmark::State& state) { run(state, device, subject, batch_norm, dtype); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
}

}  // namespace

int main(int argc, char** argv) { return bench::run_benchmarks("bench_step", argc, argv, add_all); }
