// SPDX-License-Identifier: MIT
// A step whose forward and backward are one CUDA graph has the bits of the step, and says what no graph can do.
#include "backends.h"
#include "training_support.h"

#include <mpad/core/exact_memory.h>
#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/nn/residual.h>
#include <mpad/step_graph.h>
#include <mpad/train/checkpoint.h>

#include <cuda/graph.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "temporary.h"

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
  return std::make_unique<Sequential>(Sequential{
      Conv2d({.in = 1, .out = 8, .kernel = 3}), BatchNorm2d(8), Relu(), Conv2d({.in = 8, .out = 8, .kernel = 1}),
      BatchNorm2d(8), Relu(), MaxPool2d({.window = 2, .ties = TieRule::minimal()}), Flatten(), Linear({32, 10})});
}

// A convolution with its ReLU, and one with its ReLU and pool, in one pass.
std::unique_ptr<Module> pooled() {
  return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 4, .kernel = 3, .pad = 1}), Relu(),
                                                 Conv2d({.in = 4, .out = 8, .kernel = 3}), ReluMaxPool2d(), Flatten(),
                                                 Linear({32, 10})});
}

// Residual blocks, with an identity and a convolution as shortcut, and a concatenation.
std::unique_ptr<Module> branched() {
  return std::make_unique<Sequential>(
      Sequential{Conv2d({.in = 1, .out = 4, .kernel = 3, .pad = 1}), Residual({.in = 4, .width = 4}),
                 Residual({.in = 4, .width = 8, .stride = 2}), Grown(8), Flatten(), Linear({108, 10})});
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

// Settings of a kind of training, in words, as a graph.
Settings graph_settings(Device device, const std::string& kind) {
  Settings settings = spots_settings();
  settings.device = device;
  settings.graph = true;
  const auto is = [&kind](const char* word) { return kind.find(word) != std::string::npos; };
  if (is("half") || is("mixed")) settings.dtype = DType::f16;
  if (is("double")) settings.dtype = DType::f64;
  settings.mixed = is("mixed");
  if (is("Adam")) settings.optimizer = OptimizerKind::adam;
  if (is("random ties")) settings.ties = TieRule::random(3);
  if (is("fewer than a batch")) settings.batch_size = 64;
  if (is("collapsing")) settings.lr = 1e30;
  if (is("collapsing later") || is("collapsing in the middle"))
    settings.lr = 0.05, settings.schedule = Schedule::Kind::step, settings.step_factor = 1e30;
  if (is("collapsing") && is("mixed")) settings.epochs = 12;  // until the scale is at its least
  // At the beginning of an epoch; or behind 64 steps of one of 82, in steps that are queued then.
  settings.step_every = is("collapsing later") ? 1 : 1.9;
  if (is("falling rate")) settings.schedule = Schedule::Kind::cosine;
  return settings;
}

// Times 2^30 these networks' gradients are not finite in half, times 2^10 they are; the step behind 1,999 good ones
// raises the scale.
LossScale start_of(const std::string& kind) {
  const bool lowered = kind.find("lowered") != std::string::npos, raised = kind.find("raised") != std::string::npos;
  return {lowered ? 0x1p30 : raised ? 0x1p10 : 65536, raised ? 1990 : 0};
}

bool same_scale(const LossScale& a, const LossScale& b) { return a.scale == b.scale && a.good_steps == b.good_steps; }

// A network that trains with dropout in front of its layers, as LeNet's and VGG's features do.
std::unique_ptr<Module> make_dropping_small(const Settings& settings) {
  return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 4, .kernel = 3}), Relu({settings.relu0}),
                                                 Dropout(0.1), MaxPool2d({.window = 2, .ties = settings.ties}),
                                                 Flatten(), Linear({16, 16}), Relu(), Dropout(0.5), Linear({16, 10})});
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
    for (const std::string kind : {"float",
                                   "half by Adam",
                                   "many",
                                   "fewer than a batch",
                                   "collapsing",
                                   "collapsing later",
                                   "random ties",
                                   "mixed",
                                   "mixed by Adam",
                                   "mixed, many, raised, falling rate",
                                   "mixed by Adam, many, lowered, raised",
                                   "mixed, fewer than a batch",
                                   "mixed, collapsing",
                                   "mixed, lowered, collapsing later",
                                   "mixed by Adam, raised, collapsing later",
                                   "mixed, many, raised, dropping, collapsing in the middle",
                                   "many, collapsing in the middle",
                                   "half, dropping",
                                   "float by Adam, dropping",
                                   "double, dropping",
                                   "mixed, many, lowered, dropping",
                                   "dropping, fewer than a batch",
                                   "mixed, dropping, collapsing later"}) {
      CAPTURE(to_string(device), kind);
      const auto is = [&kind](const char* word) { return kind.find(word) != std::string::npos; };
      const Settings settings = graph_settings(device, kind);
      const bool collapses = is("collapsing");
      Settings plain = settings;
      plain.graph = false;
      Split images = spots_split();
      if (is("many")) images.train = spots(650, 1);  // more than are queued at once
      images.train.augment = {.crop_pad = 1};
      const ModelFactory model = is("dropping") ? make_dropping_small : make_small;
      Trainer a(settings, 0, model, images), b(plain, 0, model, images);
      const LossScale start = start_of(kind);
      for (Trainer* trainer : {&a, &b}) trainer->resume({}, 0, {start});
      std::int64_t told = 0;
      while (!a.finished()) a.run_epoch([&](std::int64_t trained) { told += trained; });
      while (!b.finished()) b.run_epoch();
      CHECK(same_state(a, b));
      CHECK(same_scale(a.scaler(), b.scaler()));
      if (is("lowered")) CHECK(a.scaler().scale < start.scale);
      if (is("raised") && !is("lowered") && !collapses) CHECK(a.scaler().scale > start.scale);
      CHECK(a.results().back().collapsed == b.results().back().collapsed);
      CHECK(a.results().back().collapsed.empty() != collapses);
      std::int64_t trained = 0;
      for (const EpochResult& result : a.results()) trained += result.images;
      CHECK(told == trained);
      for (std::size_t i = 0; i < a.results().size(); ++i) CHECK(a.results()[i].images == b.results()[i].images);
    }
}

TEST_CASE("a training as a graph goes on behind a checkpoint with the bits of one that is no graph") {
  for (const Device device : devices())
    for (const std::string kind : {"mixed, lowered, dropping", "mixed by Adam, raised", "float, dropping"}) {
      CAPTURE(to_string(device), kind);
      const auto is = [&kind](const char* word) { return kind.find(word) != std::string::npos; };
      const Settings settings = graph_settings(device, kind);
      Settings plain = settings;
      plain.graph = false;
      const ModelFactory model = is("dropping") ? make_dropping_small : make_small;
      Trainer whole(plain, 0, model, spots_split()), first(settings, 0, model, spots_split()),
          second(settings, 0, model, spots_split());
      for (Trainer* trainer : {&whole, &first}) trainer->resume({}, 0, {start_of(kind)});
      while (!whole.finished()) whole.run_epoch();
      first.run_epoch();
      const TemporaryDirectory directory;
      save_checkpoint(directory.path() + "/x", first, {});
      load_checkpoint(directory.path() + "/x", second, {});
      while (!second.finished()) second.run_epoch();
      CHECK(same_state(second, whole));
      CHECK(same_scale(second.scaler(), whole.scaler()));
    }
}

TEST_CASE("forward and backward as a graph read the loss's scale and what layers draw from in each call") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    const MakeNetwork make = [] { return make_dropping_small({}); };
    const std::unique_ptr<Module> model = make_network(DType::f32, device, make),
                                  same = make_network(DType::f32, device, make);
    GradientStep graph(*model, false, true), plain(*same, false, false);
    std::uint64_t step = 0;
    for (const double scale : {1.0, 1.0, 1.0, 4.0, 4.0, 4.0, 1.0}) {
      const Batch batch = batch_of(3, DType::f32, device);
      const Rng draw = Rng(8).split(++step / 2);
      CHECK(same_bits(graph(batch, scale, draw).loss.item(), plain(batch, scale, draw).loss.item()));
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

TEST_CASE("a user's graph draws by a key that is copied in") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    const MakeNetwork make = [] { return make_dropping_small({}); };
    Training plain(DType::f32, device, false, make), training(DType::f32, device, false, make);
    const Tensor key({2}, DType::u64, device);
    training.graph.emplace(*training.model, [&] {
      const RandomScope random(key);
      training.compute();
    });
    for (std::uint64_t step = 0; step < 5; ++step) {
      const Batch batch = batch_of(step / 2, DType::f32, device);
      const Rng root = Rng(2).split(step);
      key.copy_from(key_of(root));
      const RandomScope random(root);
      CHECK(same_bits(plain.step(batch), training.step(batch)));
    }
    CHECK(same_tensors(state(*training.model), state(*plain.model)));
  }
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
                    ContainsSubstring("dropout: expected a key to draw by in a step that is recorded as a graph "
                                      "(RandomScope in random.h), got none"));
  struct Half {
    double weight(std::uint64_t, int) const { return 0.5; }
  };
  const MaxPool2dOptions custom{.window = 1, .ties = TieRule::custom(Half{}, "half")};
  CHECK_THROWS_WITH(call_twice(model,
                               [&] {
                                 Tape tape;
                                 const Tensor x = batch.images.clone().set_requires_grad();
                                 tape.backward(cross_entropy((*model)(maxpool2d(x, custom)), batch.labels));
                               }),
                    ContainsSubstring("expected no custom tie rule in what is recorded as a graph, got one"));
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
