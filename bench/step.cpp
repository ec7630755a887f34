// SPDX-License-Identifier: MIT
// Whole training steps: forward, loss, backward and SGD, on random images that are on the device already; at batch 128
// unless the name says another. Names of graph/... are of steps that are a CUDA graph; those of mixed have activations
// in half and masters in float, and look whether gradients are finite, as a training does: the host does, or in a graph
// the device. bench/peers/networks_torch.py times PyTorch's. Memory is the process's: name one network to learn its
// own. Operations are those of convolutions and linear layers; product/... has the rate of a large product of matrices
// beside them.
#include "run.h"

#include <mpad/mpad.h>
#include <mpad/train/device_loss_scaler.h>
#include <mpad/train/gradient_step.h>
#include <mpad/train/loss_scaler.h>

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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

struct Precision {
  const char* name;
  DType dtype;
  bool mixed = false;
};

constexpr Precision precisions[] = {
    {"float", DType::f32}, {"double", DType::f64}, {"half", DType::f16}, {"mixed", DType::f16, true}};

Tensor cycling_labels(std::int64_t n, Device device) {
  const Tensor labels({n}, DType::i32);
  for (std::int64_t i = 0; i < n; ++i)
    labels.span<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i % 10);
  return labels.to(device);
}

/// Of a step: forward, and gradients of what each layer takes and of its weights; none of the images.
double operations_of(Module& model, const Shape& batch) {
  const ModelSummary one = summary(model, {1, batch[1], batch[2], batch[3]});
  const auto first = std::ranges::find_if(one.layers, [](const LayerSummary& it) { return it.multiply_adds > 0; });
  return 2.0 * static_cast<double>(batch[0] * (3 * one.multiply_adds - first->multiply_adds));
}

/// A network, its optimizer and a batch.
class Training {
 public:
  Training(Device device, const Subject& subject, bool batch_norm, const Precision& precision, std::int64_t batch,
           bool as_graph = false)
      : batch_(bench::is_emulated(device) ? 2 : batch),
        mixed_(precision.mixed),
        model_((set_seed(0), subject.make(batch_norm))),
        images_(bench::random_tensor({batch_, subject.size, subject.size, subject.channels}, precision.dtype, device)),
        labels_(cycling_labels(batch_, device)) {
    model_->to(mixed_ ? DType::f32 : precision.dtype);
    model_->to(device);
    operations_ = operations_of(*model_, {batch_, subject.size, subject.size, subject.channels});
    sgd_ = std::make_unique<Sgd>(
        *model_, SgdOptions{.lr = 0.001, .momentum = 0.9, .weight_decay = 5e-4, .float_masters = mixed_});
    if (as_graph) record();
  }
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  void step() {
    if (graph_) return (*graph_)();
    compute_gradients(mixed_ ? scaler_.scale : 1.0);
    mixed_ ? scaler_.step(*sgd_) : sgd_->step();
  }
  auto batch() const { return static_cast<double>(batch_); }
  double operations() const { return operations_; }

 private:
  void record() {
    const auto on_device = [this](const std::vector<double>& numbers) {
      return Tensor::from(numbers, {std::ssize(numbers)}, DType::f64).to(images_.device());
    };
    if (mixed_) {
      device_scaler_.emplace(*sgd_, 2);  // whose second step has the numbers of later ones
      graph_ = std::make_unique<StepGraph>(*model_, [this, of_rate = on_device(sgd_->numbers_of_rate(sgd_->lr()))] {
        compute_gradients(device_scaler_->scale());
        device_scaler_->step(of_rate);
      });
    } else {
      graph_ = std::make_unique<StepGraph>(*model_, [this, numbers = on_device(sgd_->numbers(sgd_->lr(), 2))] {
        compute_gradients(1.0);
        sgd_->step_by(numbers);
      });
    }
  }

  /// Of a loss times a scale that is a number, or in memory of the device.
  void compute_gradients(const auto& scale) const {
    Tape tape;
    tape.backward(loss_of((*model_)(images_), labels_, mixed_), scale);
  }

  std::int64_t batch_;
  double operations_ = 0;
  bool mixed_;
  std::unique_ptr<Module> model_;
  Tensor images_, labels_;
  LossScaler scaler_{};  // of steps that are no graph
  std::unique_ptr<Sgd> sgd_{};
  std::optional<DeviceLossScaler> device_scaler_{};  // of those that are one
  std::unique_ptr<StepGraph> graph_{};
};

rusage usage() {
  rusage of_process{};
  getrusage(RUSAGE_SELF, &of_process);
  return of_process;
}

double resident_mib() {
  std::int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void run(benchmark::State& state, Device device, Training training) {
  using benchmark::Counter;
  training.step();
  const long faults = usage().ru_minflt;
  double steps = 0;
  const auto step = [&](std::size_t) { training.step(), ++steps; };
  bench::time_rounds(state, device, 1, step, benchmark::kMillisecond);
  state.counters["faults/step"] = static_cast<double>(usage().ru_minflt - faults) / steps;
  state.counters["images/s"] = Counter(training.batch(), Counter::kIsIterationInvariantRate);
  state.counters["FLOP/s"] = Counter(training.operations(), Counter::kIsIterationInvariantRate);
  state.counters["peak MiB"] = static_cast<double>(usage().ru_maxrss) / 1024;
}

/// The process's memory after every hundred steps.
void run_thousand(benchmark::State& state, Device device, Training training) {
  int steps = 0;
  const auto step = [&](std::size_t) {
    training.step();
    if (++steps % 100 == 0) state.counters["MiB after " + std::to_string(steps)] = resident_mib();
  };
  bench::time_rounds(state, device, 1, step, benchmark::kMillisecond);
}

benchmark::internal::Benchmark* add(Device device, const std::string& name, auto body) {
  auto* const one = benchmark::RegisterBenchmark(name.c_str(), body)->UseManualTime()->Unit(benchmark::kMillisecond);
  return device == Device::cpu ? one : one->Iterations(bench::is_emulated(device) ? 1 : 20);
}

void add_steps(Device device, const std::string& kind, bool as_graph) {
  for (const Subject& subject : subjects)
    for (const bool batch_norm : {false, true})
      for (const Precision& precision : precisions)
        add(device, kind + "/" + subject.name + (batch_norm ? "_bn/" : "/") + precision.name,
            [=](benchmark::State& state) {
              run(state, device, Training(device, subject, batch_norm, precision, 128, as_graph));
            });
}

/// How the time of a step grows with the batch, and memory with the steps.
void add_growth(Device device) {
  for (const Subject& subject : {subjects[0], subjects[1]}) {
    for (std::int64_t batch = 32; batch <= 1024; batch *= 2)
      add(device, "growth/" + std::string(subject.name) + "/float/batch:" + std::to_string(batch),
          [=](benchmark::State& state) { run(state, device, Training(device, subject, false, precisions[0], batch)); });
  }
  add(device, "thousand/lenet/float", [=](benchmark::State& state) {
    run_thousand(state, device, Training(device, subjects[0], false, precisions[0], 128));
  })->Iterations(1000);
}

/// The ceilings of the steps' operations per second; rows of their own, because matrices count in a process's memory.
void add_products(Device device) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16})
    add(device, "product/" + to_string(dtype), [=](benchmark::State& state) {
      const double rate = bench::product_rate(device, dtype);
      const auto n = static_cast<double>(bench::product_size(device));
      for ([[maybe_unused]] auto _ : state) state.SetIterationTime(2 * n * n * n / rate);
      state.counters["FLOP/s"] = rate;
    })->Iterations(1);
}

void add_all(Device device) {
  add_steps(device, "step", false);
  if (device == Device::cuda) add_steps(device, "graph", true);
  add_growth(device);
  add_products(device);
}

}  // namespace

int main(int argc, char** argv) { return bench::run_benchmarks("bench_step", argc, argv, add_all); }
