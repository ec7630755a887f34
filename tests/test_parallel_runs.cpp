// SPDX-License-Identifier: MIT
// Runs of an experiment that are at work at once yield what they yield one after the other.
#include "backends.h"
#include "experiment_support.h"
#include "few_threads.h"
#include "small_device.h"

#include <mpad/core/parallel.h>
#include <mpad/data/synthetic.h>
#include <mpad/nn/batch_norm.h>
#include <mpad/nn/layers.h>
#include <mpad/train/experiment.h>
#include <mpad/train/run_at_once.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <limits>
#include <thread>

using namespace mpad;
using namespace mpad::test;
using Catch::Matchers::ContainsSubstring;
using Names = std::vector<std::string>;

namespace {

Settings runs_of(std::int64_t runs, std::int64_t parallel, Device device) {
  Settings settings = spots_settings();
  settings.epochs = 2;
  settings.runs = runs;
  settings.parallel = parallel;
  settings.device = device;
  return settings;
}

Outcome run(const Output& output, const Settings& settings, const ModelFactory& model = make_small) {
  return run_experiment("small", settings, model, spots_split(), output);
}

// Products by cuBLAS, batch normalisation with running statistics, a pool.
std::unique_ptr<Module> make_normalized(const Settings& settings) {
  MaxPool2dOptions pool = pool_options(settings);
  pool.window = 2;
  return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 8, .kernel = 3}), BatchNorm2d(8), Relu(),
                                                 MaxPool2d(pool), Flatten(), Linear({32, 10})});
}

struct Failed {};

// A network that throws at the given forward pass, counted over all networks of one factory.
class Failing final : public Sequential {
 public:
  Failing(std::unique_ptr<Module> inner, std::shared_ptr<std::atomic<int>> left) : left_(std::move(left)) {
    append(std::move(inner));
  }
  Tensor forward(const Tensor& x) override {
    if ((*left_)-- == 0) throw Failed();
    return Sequential::forward(x);
  }

 private:
  std::shared_ptr<std::atomic<int>> left_;
};

ModelFactory failing_after(int passes) {
  return [left = std::make_shared<std::atomic<int>>(passes)](const Settings& settings) {
    return std::make_unique<Failing>(make_small(settings), left);
  };
}

// The least of many counts: one that was joined may be listed a moment longer.
std::ptrdiff_t threads_of_process() {
  using Folder = std::filesystem::directory_iterator;
  std::ptrdiff_t least = std::numeric_limits<std::ptrdiff_t>::max();
  for (int look = 0; look < 100; ++look) {
    least = std::min(least, std::distance(Folder("/proc/self/task"), Folder()));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return least;
}

// Rows of results are in order of runs, then epochs, without a gap.
bool in_order(const std::vector<EpochResult>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool first = i == 0 || results[i].run > results[i - 1].run;
    if (results[i].epoch != (first ? 0 : results[i - 1].epoch + 1)) return false;
    if (!first && results[i].run != results[i - 1].run) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("runs at once leave the bits of runs one after the other, in their order") {
  const bool normalized = GENERATE(false, true);
  const ModelFactory model = normalized ? make_normalized : make_dropping;
  for (const Device device : devices()) {
    const TemporaryDirectory clean;
    const Output output{.directory = clean.path(), .weights = clean.path() + "/last.pt"};
    const std::vector<EpochResult> expected = run(output, runs_of(4, 1, device), model).results;
    for (const std::int64_t parallel : {2, 9}) {
      CAPTURE(to_string(device), parallel);
      const TemporaryDirectory directory;
      const Outcome outcome = run({.directory = directory.path(), .weights = directory.path() + "/last.pt"},
                                  runs_of(4, parallel, device), model);
      CHECK(same_results(outcome.results, expected));
      CHECK(same_outputs(directory, clean));
      CHECK(contents(directory, "last.pt") == contents(clean, "last.pt"));
      CHECK(contents(directory, "results.csv") == to_csv(outcome.results, runs_of(4, parallel, device)));
      CHECK(outcome.images_per_second > 0);
    }
  }
}

TEST_CASE("runs at once in half, mixed and double, and as graphs, have their bits") {
  for (const Device device : devices())
    for (const char* kind : {"16", "mixed", "64", "graph", "mixed graph"}) {
      CAPTURE(to_string(device), kind);
      Settings settings = runs_of(3, 1, device);
      settings.graph = std::string(kind).ends_with("graph");
      settings.mixed = std::string(kind).starts_with("mixed");
      if (kind == std::string("64")) settings.dtype = DType::f64;
      if (kind == std::string("16") || settings.mixed) settings.dtype = DType::f16;
      const TemporaryDirectory clean, directory;
      run({.directory = clean.path()}, settings, make_normalized);
      settings.parallel = 3;
      run({.directory = directory.path()}, settings, make_normalized);
      CHECK(same_outputs(directory, clean));
    }
}

TEST_CASE("runs at once on the CPU have the same bits for any number of threads") {
  const Split digits = synthetic_digits(64, 32, 1);
  Settings settings{.epochs = 1, .batch_size = 32, .runs = 4};
  const std::vector<EpochResult> expected = run_experiment("lenet", settings, make_lenet, digits).results;
  settings.parallel = 3;
  const int before = num_threads();
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    CHECK(same_results(run_experiment("lenet", settings, make_lenet, digits).results, expected));
  }
  set_num_threads(before);
}

TEST_CASE("runs at once, stopped at any step and resumed with another number, have the same bits") {
  for (const Device device : devices()) {
    const TemporaryDirectory clean;
    run({.directory = clean.path()}, runs_of(3, 1, device), failing_after(-1));
    // Each epoch is 7 steps and 3 batches of test.
    for (const int passes : {0, 8, 23, 41, 59}) {
      CAPTURE(to_string(device), passes);
      const TemporaryDirectory directory;
      const Output output{.directory = directory.path(), .existing = Existing::resume};
      CHECK_THROWS_AS(run(output, runs_of(3, 1 + passes % 3, device), failing_after(passes)), Failed);
      for (const std::string& name : directory.list()) CHECK_FALSE(name.ends_with(".partial"));
      run(output, runs_of(3, 1 + (passes + 1) % 3, device), failing_after(-1));
      CHECK(same_outputs(directory, clean));
    }
  }
}

TEST_CASE("results.csv keeps the rows of all runs when fewer go on at once") {
  const TemporaryDirectory directory;
  const Output output{.directory = directory.path(), .existing = Existing::resume};
  // The last of 60 passes: all epochs are done but one.
  CHECK_THROWS_AS(run(output, runs_of(3, 3, Device::cpu), failing_after(59)), Failed);
  const std::string before = contents(directory, "results.csv");
  const std::vector<EpochResult> rows = parse_csv(before, "results.csv");
  CHECK(rows.size() == 5);
  CHECK(in_order(rows));
  CHECK_THROWS_AS(run(output, runs_of(3, 1, Device::cpu), failing_after(0)), Failed);
  CHECK(contents(directory, "results.csv") == before);
}

TEST_CASE("where one run fails, the others end, and its exception is the caller's") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    Settings settings = runs_of(4, 3, device);
    run({}, settings);  // what lives as long as the process is there
    const std::ptrdiff_t threads = threads_of_process();
    settings.epochs = 1'000'000;
    settings.schedule = Schedule::Kind::constant;
    CHECK_THROWS_AS(run({}, settings, failing_after(45)), Failed);
    CHECK(threads_of_process() == threads);
  }
}

TEST_CASE("a file that cannot be written ends all runs, and no other is left half-written") {
  const TemporaryDirectory directory;
  Settings settings = runs_of(3, 3, Device::cpu);
  settings.epochs = 1000;
  const ModelFactory model = [&](const Settings& s) {
    std::filesystem::create_directories(directory.path() + "/run-1.safetensors.partial");
    return make_small(s);
  };
  CHECK(error_of(directory, [&] { run({.directory = directory.path()}, settings, model); }) ==
        "cannot write run-1.safetensors: Is a directory");
  std::filesystem::remove(directory.path() + "/run-1.safetensors.partial");
  for (const std::string& name : directory.list()) CHECK_FALSE(name.ends_with(".partial"));
}

TEST_CASE("runs at once that find too little memory say so, and give back what they had") {
  if (!can_use_cuda()) return;
  const Settings settings = runs_of(3, 3, Device::cuda);
  run({}, settings, make_normalized);
  release_cached_memory(Device::cuda);
  const std::size_t in_use = memory_statistics(Device::cuda).in_use, free = cuda::free_memory();
  {
    const SmallDevice device(40 * SmallDevice::unit);
    CHECK_THROWS_AS(run({}, settings, make_normalized), OutOfMemory);
    CHECK_THROWS_WITH(run({}, settings, make_normalized),
                      ContainsSubstring("(with 3 runs at work at once: --parallel)"));
  }
  release_cached_memory(Device::cuda);
  CHECK(memory_statistics(Device::cuda).in_use == in_use);
  CHECK(memory_statistics(Device::cuda).cached == 0);
  CHECK(cuda::free_memory() == free);
}

TEST_CASE("of runs at once nothing stays cached, but for the images") {
  if (!can_use_cuda()) return;
  release_cached_memory(Device::cuda);
  const std::size_t free = cuda::free_memory();
  spots_split().to(Device::cuda);
  const std::size_t images = memory_statistics(Device::cuda).cached;
  release_cached_memory(Device::cuda);
  Settings settings = runs_of(3, 2, Device::cuda);
  settings.graph = true;
  run({}, settings, make_normalized);
  CHECK(memory_statistics(Device::cuda).cached == images);
  release_cached_memory(Device::cuda);
  CHECK(cuda::free_memory() == free);
}

TEST_CASE("make_model is called by one thread at a time") {
  std::atomic<int> inside = 0, most = 0;
  const ModelFactory model = [&](const Settings& settings) {
    most = std::max<int>(most, ++inside);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --inside;
    return make_small(settings);
  };
  run({}, runs_of(6, 3, Device::cpu), model);
  CHECK(most == 1);
}

TEST_CASE("work at once: one thread is the caller's, and a stream begins behind the caller's") {
  const auto caller = std::this_thread::get_id();
  run_at_once(1, Device::cpu, [&](const Stop& stop) {
    stop.check();
    CHECK(std::this_thread::get_id() == caller);
  });
  for (const Device device : devices()) {
    const Tensor x = Tensor::full({1000}, 3, DType::f32, device);  // queued, and not waited for
    std::atomic<int> right = 0;
    run_at_once(3, device, [&](const Stop&) {
      const Tensor sum = add(x, x);
      for (const double value : sum.values()) right += value == 6;
    });
    CHECK(right == 3000);
  }
}

TEST_CASE("work at once: the first exception reaches the caller once all have ended") {
  std::atomic<int> begun = 0, ended = 0;
  const auto work = [&](const Stop& stop) {
    const bool fails = begun++ == 1;
    while (begun < 3) std::this_thread::yield();
    if (fails) throw Error("the second");
    try {
      for (;;) stop.check();
    } catch (...) {
      ++ended;
      throw;
    }
  };
  CHECK_THROWS_WITH(run_at_once(3, Device::cpu, work), "the second");
  CHECK(ended == 2);
}

TEST_CASE("more runs at once than the system has threads for are an error that says so", "[large]") {
  const FewThreads few;
  const auto wait = [](const Stop& stop) {
    for (;; std::this_thread::sleep_for(std::chrono::milliseconds(1))) stop.check();
  };
  CHECK_THROWS_WITH(run_at_once(1024, Device::cpu, wait),
                    ContainsSubstring("cannot start 1024 runs at once (--parallel): "));
}
