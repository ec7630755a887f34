// SPDX-License-Identifier: MIT
// A step whose forward and backward are one CUDA graph has the bits of the step, and says what no graph can do.
#include "backends.h"
#include "training_support.h"

#include <mpad/core/exact_memory.h>
#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/residual.h>
#include <mpad/step_graph.h>

#include <cuda/graph.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// x behind a convolution of it.
class Grown final : public Module {
 public:
  explicit Grown(std::int64_t channels) : convolution_({.in = channels, .out = 4, .kernel = 3, .pad = 1}) {}
  Tensor forward(const Tensor& x) override { return concat({convolution_(x), x}); }
  void visit(Visitor& visitor) override { visitor.child("conv", convolution_); }
  std::string describe() const override { return "Grown"; }

 private:
  Conv2d convolution_;
};

// For images of 6x6.
using MakeNetwork = std::function<std::unique_ptr<Module>()>;

// Convolutions, batch normalisation with running statistics, behind the second one in one pass, a pool in which planted
// values tie, and cuBLAS.
std::unique_ptr<Module> normalised() {
  return std::make_unique<Sequential>(
      Conv2d({.in = 1, .out = 8, .kernel = 3}), BatchNorm2d(8), Relu(), Conv2d({.in = 8, .out = 8, .kernel = 1}),
      BatchNorm2d(8), Relu(), MaxPool2d({.window = 2, .ties = TieRule::minimal()}), Flatten(), Linear({32, 10}));
}

// A convolution with its ReLU, and one with its ReLU and pool, in one pass.
std::unique_ptr<Module> pooled() {
  return std::make_unique<Sequential>(Conv2d({.in = 1, .out = 4, .kernel = 3, .pad = 1}), Relu(),
                                      Conv2d({.in = 4, .out = 8, .kernel = 3}), ReluMaxPool2d(), Flatten(),
                                      Linear({32, 10}));
}

// Residual blocks, with an identity and a convolution as shortcut, and a concatenation.
std::unique_ptr<Module> branched() {
  return std::make_unique<Sequential>(Conv2d({.in = 1, .out = 4, .kernel = 3, .pad = 1}),
                                      Residual({.in = 4, .width = 4}), Residual({.in = 4, .width = 8, .stride = 2}),
                                      Grown(8), Flatten(), Linear({108, 10}));
}

std::unique_ptr<Module> make_network(DType dtype, Device device, const MakeNetwork& make = normalised) {
  set_seed(5);
  std::unique_ptr<Module> model = make();
  model->to(dtype);
  model->to(device);
  return model;
}

Batch batch_of(std::uint64_t seed, DType dtype, Device device) {
  std::vector<std::int32_t> classes;
  for (std::int32_t i = 0; i < 4; ++i) classes.push_back((3 * i + static_cast<std::int32_t>(seed)) % 10);
  // Of few values, so that windows tie.
  const Tensor images({4, 6, 6, 1}, DType::f64);
  for (std::size_t i = 0; i < images.span<double>().size(); ++i) images.span<double>()[i] = Philox(seed, i).word[0] % 3;
  return {images.to(dtype).to(device), Tensor::from(classes, {4}).to(device)};
}

/// A network, its optimizer, and the tensors that a step reads and writes.
struct Training {
  Training(DType dtype, Device device, bool as_graph, const MakeNetwork& make = normalised)
      : model(make_network(dtype, device, make)),
        sgd(*model, {.lr = 0.05, .momentum = 0.9}),
        batch(batch_of(0, dtype, device)) {
    if (as_graph) graph.emplace(*model, [this] { compute(); });
  }
  void compute() {
    Tape tape;
    loss = cross_entropy((*model)(batch.images), batch.labels);
    tape.backward(loss);
  }
  double step(const Batch& next) {
    batch.images.copy_from(next.images);
    batch.labels.copy_from(next.labels);
    graph ? (*graph)() : compute();
    sgd.step();
    return loss.item();
  }

  std::unique_ptr<Module> model;
  Sgd sgd;
  Batch batch;
  Tensor loss{};
  std::optional<StepGraph> graph{};
};

// Calls of a graph of this work on a device: the first runs it, the second records it.
void call_twice(const std::unique_ptr<Module>& model, const std::function<void()>& work) {
  StepGraph graph(*model, work);
  graph();
  for (const NamedTensor& parameter : parameters(*model)) parameter.tensor.clear_grad();
  graph();
}

Settings graph_settings(Device device) {
  Settings settings = spots_settings();
  settings.device = device;
  settings.graph = true;
  return settings;
}

}  // namespace

TEST_CASE("steps as a graph have the bits of steps, on other images and with the optimizer's rates") {
  for (const Device device : devices())
    for (const DType dtype : real_dtypes) {
      CAPTURE(to_string(device), to_string(dtype));
      Training plain(dtype, device, false), graph(dtype, device, true);
      for (std::uint64_t step = 0; step < 6; ++step) {
        CAPTURE(step);
        for (Training* training : {&plain, &graph}) training->sgd.set_lr(0.1 / static_cast<double>(step + 1));
        const Batch batch = batch_of(step, dtype, device);
        CHECK(same_bits(graph.step(batch), plain.step(batch)));
        // Of another size, in between: as they are.
        if (step == 3) {
          const Tensor images = batch.images.slice(0, {2, 6, 6, 1});
          CHECK(same_bits((*graph.model)(images).to(Device::cpu), (*plain.model)(images).to(Device::cpu)));
        }
      }
      CHECK(same_tensors(state(*graph.model), state(*plain.model)));
      CHECK(same_tensors(graph.sgd.state(), plain.sgd.state()));
    }
}

TEST_CASE("steps of networks that fuse and branch have their bits as a graph") {
  for (const MakeNetwork& make : {MakeNetwork(pooled), MakeNetwork(branched)})
    for (const DType dtype : real_dtypes) {
      if (!can_use_cuda()) return;
      CAPTURE(make()->describe(), to_string(dtype));
      Training plain(dtype, Device::cuda, false, make), graph(dtype, Device::cuda, true, make);
      for (std::uint64_t step = 0; step < 4; ++step) {
        const Batch batch = batch_of(step, dtype, Device::cuda);
        CHECK(same_bits(graph.step(batch), plain.step(batch)));
      }
      CHECK(same_tensors(state(*graph.model), state(*plain.model)));
    }
}

TEST_CASE("steps ask the device for memory at first only, and as a graph never again") {
  if (!can_use_cuda()) return;
  std::vector<Batch> batches;
  for (std::uint64_t i = 0; i < 8; ++i) batches.push_back(batch_of(i, DType::f32, Device::cuda));
  for (const bool as_graph : {false, true}) {
    if (has_exact_memory() && !as_graph) continue;  // asks for all anew, each time
    Training training(DType::f32, Device::cuda, as_graph, branched);
    const auto steps = [&](std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) training.step(batches[i]);
    };
    steps(0, 4);
    const MemoryStatistics before = memory_statistics(Device::cuda);
    steps(4, 8);
    CHECK(memory_statistics(Device::cuda).system_allocations == before.system_allocations);
    CHECK(memory_statistics(Device::cuda).in_use == before.in_use);
  }
}

TEST_CASE("a training as a graph has the bits of the training, its last mini-batch and its collapse included") {
  for (const Device device : devices())
    for (const std::string kind : {"float", "half by Adam", "many", "fewer than a batch", "mixed", "mixed, collapsing",
                                   "collapsing", "collapsing later"}) {
      CAPTURE(to_string(device), kind);
      Settings settings = graph_settings(device);
      if (kind == "half by Adam") settings.optimizer = OptimizerKind::adam, settings.dtype = DType::f16;
      if (kind == "fewer than a batch") settings.batch_size = 64;
      if (kind.starts_with("mixed")) settings.mixed = true, settings.dtype = DType::f16;
      const bool collapses = kind.find("collapsing") != std::string::npos;
      if (collapses) settings.lr = 1e30;
      if (kind == "collapsing later")
        settings.lr = 0.05, settings.schedule = Schedule::Kind::step, settings.step_every = 1,
        settings.step_factor = 1e30;
      Settings plain = settings;
      plain.graph = false;
      Split images = spots_split();
      if (kind == "many") images.train = spots(650, 1);  // more than are queued at once
      images.train.augment = {.crop_pad = 1};
      Trainer a(settings, 0, make_small, images), b(plain, 0, make_small, images);
      std::int64_t told = 0;
      while (!a.finished()) a.run_epoch([&](std::int64_t trained) { told += trained; });
      while (!b.finished()) b.run_epoch();
      CHECK(same_state(a, b));
      CHECK(a.results().back().collapsed == b.results().back().collapsed);
      CHECK(a.results().back().collapsed.empty() != collapses);
      std::int64_t trained = 0;
      for (const EpochResult& result : a.results()) trained += result.images;
      CHECK(told == trained);
      for (std::size_t i = 0; i < a.results().size(); ++i) CHECK(a.results()[i].images == b.results()[i].images);
    }
}

TEST_CASE("a step is recorded anew where the loss has another scale, and again") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    const std::unique_ptr<Module> model = make_network(DType::f32, device), same = make_network(DType::f32, device);
    GradientStep graph(*model, false, true), plain(*same, false, false);
    for (const double scale : {1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 1.0}) {
      const Batch batch = batch_of(3, DType::f32, device);
      CHECK(same_bits(graph(batch, scale, Rng(0)).loss.item(), plain(batch, scale, Rng(0)).loss.item()));
      const std::vector<NamedTensor> got = parameters(*model), want = parameters(*same);
      for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK(same_bits(got[i].tensor.grad().to(Device::cpu), want[i].tensor.grad().to(Device::cpu)));
        got[i].tensor.clear_grad();
        want[i].tensor.clear_grad();
      }
    }
  }
}

TEST_CASE("what a graph was given is its own while it lives, and goes back then") {
  if (!can_use_cuda()) return;
  release_cached_memory(Device::cuda);
  const MemoryStatistics before = memory_statistics(Device::cuda);
  {
    Training plain(DType::f32, Device::cuda, false), graph(DType::f32, Device::cuda, true);
    for (std::uint64_t step = 0; step < 2; ++step) {
      const Batch batch = batch_of(step, DType::f32, Device::cuda);
      graph.step(batch);
      plain.step(batch);
    }
    // Neither this nor tensors of other values take what the graph works in.
    release_cached_memory(Device::cuda);
    const Batch batch = batch_of(7, DType::f32, Device::cuda);
    std::vector<Tensor> others;
    for (const std::int64_t size : {10, 64, 256, 512, 1024, 4096})
      for (int i = 0; i < 8; ++i) others.push_back(Tensor::full({size}, std::nan(""), DType::f32, Device::cuda));
    const double got = graph.step(batch);
    CHECK(same_bits(got, plain.step(batch)));
    CHECK(same_tensors(state(*graph.model), state(*plain.model)));
    for (const Tensor& other : others)
      for (const double value : other.values()) CHECK(std::isnan(value));
    graph.loss = Tensor();
  }
  release_cached_memory(Device::cuda);
  CHECK(memory_statistics(Device::cuda).in_use == before.in_use);
  CHECK(memory_statistics(Device::cuda).cached == 0);
}

TEST_CASE("what happens once and for all in a graph is refused") {
  const std::string waits = "expected success from CUDA, got cudaErrorStreamCapture";
  if (!can_use_cuda()) return;
  const std::unique_ptr<Module> model = make_network(DType::f32, Device::cuda);
  const Batch batch = batch_of(1, DType::f32, Device::cuda);
  const auto backward = [&](const Tensor& logits) {
    Tape tape;
    tape.backward(cross_entropy((*model)(logits), batch.labels));
  };
  CHECK_THROWS_WITH(call_twice(model, [&] { backward(dropout(batch.images, 0.5, true)); }),
                    ContainsSubstring("dropout: expected a step that is not recorded as a graph, got one"));
  Sgd sgd(*model, {.lr = 0.1});
  CHECK_THROWS_WITH(call_twice(model,
                               [&] {
                                 backward(batch.images);
                                 sgd.step();
                               }),
                    ContainsSubstring("optimizer: expected a step that is not recorded as a graph, got one"));
  CHECK_THROWS_WITH(call_twice(model,
                               [&] {
                                 backward(batch.images);
                                 batch.images.values();
                               }),
                    ContainsSubstring(waits));
  CHECK_THROWS_WITH(call_twice(model, [&] { backward(batch.images.to(Device::cpu).to(Device::cuda)); }),
                    ContainsSubstring(waits));
  // Nothing is left of them, nor of their gradients.
  call_twice(model, [&] { backward(batch.images); });
}

TEST_CASE("a thread that ends, and with it its cuBLAS, leaves alone what another records") {
  if (!can_use_cuda()) return;
  std::atomic<bool> has_multiplied = false, may_end = false;
  std::thread other([&] {
    const std::unique_ptr<Module> model = make_network(DType::f32, Device::cuda);
    (*model)(batch_of(1, DType::f32, Device::cuda).images).values();
    has_multiplied = true;
    while (!may_end) std::this_thread::yield();
  });
  while (!has_multiplied) std::this_thread::yield();
  Training plain(DType::f32, Device::cuda, false), training(DType::f32, Device::cuda, false);
  training.graph.emplace(*training.model, [&] {
    training.compute();
    if (!cuda::is_recording()) return;
    may_end = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  });
  for (std::uint64_t step = 0; step < 3; ++step) {
    const Batch batch = batch_of(step, DType::f32, Device::cuda);
    CHECK(same_bits(training.step(batch), plain.step(batch)));
  }
  other.join();
}

TEST_CASE("a graph wants parameters without a gradient, and some of them") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    Training training(DType::f32, device, true);
    (*training.graph)();
    CHECK_THROWS_WITH((*training.graph)(),
                      ContainsSubstring("step graph: expected parameters without a gradient (a step drops them)"));
    training.sgd.skip();
    (*training.graph)();
  }
  Flatten none;
  CHECK_THROWS_WITH(StepGraph(none, [] {}), "step graph: expected a module with parameters, got none");
}
