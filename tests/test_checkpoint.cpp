// SPDX-License-Identifier: MIT
#include "backends.h"
#include "temporary.h"
#include "training_support.h"

#include <mpad/data/checksum.h>
#include <mpad/train/atomic_file.h>
#include <mpad/train/checkpoint.h>

using namespace mpad;
using test::error_of;
using test::spots_settings;
using test::spots_split;
using test::TemporaryDirectory;

namespace {

const std::vector<NamedValue> context = {{"network", "small"}, {"seed", "0"}};

Trainer make_trainer(const Settings& settings, std::int64_t run = 0) {
  return {settings, run, test::make_small, spots_split()};
}

// A checkpoint after one epoch, and what a test changes in it before it is read.
template <class Change>
std::string load_error(Change&& change) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  Trainer trainer = make_trainer(spots_settings());
  trainer.run_epoch();
  save_checkpoint(path, trainer, context);
  TensorFile file = read_safetensors(path);
  change(file);
  write_safetensors(path, file);
  Trainer into = make_trainer(spots_settings());
  std::string message = error_of(directory, [&] { load_checkpoint(path, into, context); });
  if (!message.empty()) CHECK(test::same_state(into, make_trainer(spots_settings())));
  return message;
}

NamedTensor& tensor_at(TensorFile& file, const std::string& path) {
  return *std::find_if(file.tensors.begin(), file.tensors.end(), [&](const auto& named) { return named.path == path; });
}

std::string difference(const std::vector<NamedValue>& saved, const std::vector<NamedValue>& now) {
  try {
    require_same(saved, now, "x");
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a trainer continues from its checkpoint to the same bits, in every dtype, with every optimizer") {
  for (const DType dtype : test::real_dtypes)
    for (const OptimizerKind optimizer : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw})
      for (const bool nesterov : {false, true}) {
        Settings settings = spots_settings();
        settings.dtype = dtype;
        settings.optimizer = optimizer;
        settings.nesterov = nesterov;
        if (nesterov && optimizer != OptimizerKind::sgd) continue;
        const TemporaryDirectory directory;
        Trainer whole = make_trainer(settings, 1), resumed = make_trainer(settings, 1);
        whole.run_epoch();
        save_checkpoint(directory.path() + "/x", whole, context);
        load_checkpoint(directory.path() + "/x", resumed, context);
        CHECK(test::same_state(resumed, whole));
        while (!whole.finished()) {
          whole.run_epoch();
          resumed.run_epoch();
        }
        CHECK(test::same_state(resumed, whole));
      }
}

TEST_CASE("a trainer continues from its checkpoint to the same bits on every device, and on another one") {
  for (const Device device : test::devices())
    for (const Device saved_on : test::devices()) {
      Settings settings = spots_settings();
      settings.device = saved_on;
      const TemporaryDirectory directory;
      Trainer saved = make_trainer(settings, 1);
      saved.run_epoch();
      save_checkpoint(directory.path() + "/x", saved, context);
      settings.device = device;
      Trainer resumed = make_trainer(settings, 1), again = make_trainer(settings, 1);
      for (Trainer* trainer : {&resumed, &again}) load_checkpoint(directory.path() + "/x", *trainer, context);
      CHECK(test::same_state(resumed, saved));
      if (device == saved_on) saved.run_epoch();
      resumed.run_epoch();
      again.run_epoch();
      CHECK(test::same_state(resumed, device == saved_on ? saved : again));
    }
}

TEST_CASE("what layers draw is the same behind a checkpoint, whatever else this thread drew") {
  const auto make = [] { return Trainer(spots_settings(), 1, test::make_dropping, spots_split()); };
  const TemporaryDirectory directory;
  Trainer whole = make(), resumed = make();
  whole.run_epoch();
  save_checkpoint(directory.path() + "/x", whole, context);
  while (!whole.finished()) whole.run_epoch();
  set_seed(99);
  load_checkpoint(directory.path() + "/x", resumed, context);
  while (!resumed.finished()) {
    resumed.run_epoch();
    next_rng();
  }
  CHECK(test::same_state(resumed, whole));
}

TEST_CASE("sgd without momentum and a collapsed run are kept as well") {
  Settings settings = spots_settings();
  settings.momentum = 0;
  settings.lr = 1e30;
  const TemporaryDirectory directory;
  Trainer trainer = make_trainer(settings), loaded = make_trainer(settings);
  trainer.run_epoch();
  REQUIRE_FALSE(std::isfinite(trainer.results()[0].test.loss));
  save_checkpoint(directory.path() + "/x", trainer, context);
  load_checkpoint(directory.path() + "/x", loaded, context);
  CHECK(test::same_tensors(state(loaded.model()), state(trainer.model())));
  CHECK_FALSE(std::isfinite(loaded.results()[0].test.loss));
}

TEST_CASE("a checkpoint holds the network's tensors under their paths, the optimizer's, and the rest as text") {
  const TemporaryDirectory directory;
  Trainer trainer = make_trainer(spots_settings());
  trainer.run_epoch();
  save_checkpoint(directory.path() + "/x", trainer, context);
  const TensorFile file = read_safetensors(directory.path() + "/x");
  std::vector<std::string> paths;
  for (const NamedTensor& named : file.tensors) paths.push_back(named.path);
  CHECK(paths == std::vector<std::string>{"0.weight", "0.bias", "4.weight", "4.bias", "optimizer.momentum"});
  Crc32 crc;
  for (const NamedTensor& named : file.tensors) crc.update(named.tensor.view().data, named.tensor.bytes());
  CHECK(file.metadata == std::map<std::string, std::string>{{"steps", "7"},
                                                            {"results", to_csv(trainer.results(), spots_settings())},
                                                            {"tensors-crc32", crc.hex()},
                                                            {"context.network", "small"},
                                                            {"context.seed", "0"}});
  CHECK(directory.list() == std::vector<std::string>{"x"});
}

TEST_CASE("a checkpoint that does not fit is an error that names the file and leaves the trainer as it was") {
  CHECK(load_error([](TensorFile&) {}).empty());
  CHECK(load_error([](TensorFile& f) { f.metadata.erase("steps"); }) ==
        "x: expected a checkpoint with 'steps' in its metadata");
  CHECK(load_error([](TensorFile& f) { f.metadata.erase("results"); }) ==
        "x: expected a checkpoint with 'results' in its metadata");
  for (const char* steps : {"", "7x", "-7", "99999999999999999999"})
    CHECK(load_error([&](TensorFile& f) { f.metadata["steps"] = steps; }) ==
          fmt::format("x: expected a number of 0 or more for 'steps', got '{}'", steps));
  CHECK(load_error([](TensorFile& f) { f.metadata["steps"] = "8"; }) ==
        "x: trainer: expected 7 steps after 1 epochs, got 8");
  CHECK(
      load_error([](TensorFile& f) { f.metadata["results"] = "text"; }).starts_with("x: expected results that start"));
  CHECK(load_error([](TensorFile& f) { f.metadata.erase("tensors-crc32"); }) ==
        "x: expected a checkpoint with 'tensors-crc32' in its metadata");
  CHECK(load_error([](TensorFile& f) { f.metadata["results"] = to_csv(std::vector<EpochResult>{{.run = 3}}, {}); }) ==
        "x: trainer: expected epoch 0 of run 0, got epoch 0 of run 3");
  CHECK(load_error([](TensorFile& f) { f.metadata["context.seed"] = "1"; }) == "x: expected seed 1 as before, got 0");
  CHECK(load_error([](TensorFile& f) { f.metadata.erase("context.seed"); }) ==
        "x: expected seed nothing as before, got 0");
  CHECK(load_error([](TensorFile& f) { f.metadata["context.more"] = "1"; }) ==
        "x: expected more 1 as before, got nothing");
}

TEST_CASE("a checkpoint of other tensors is an error that names the tensor") {
  CHECK(load_error([](TensorFile& f) { f.tensors.pop_back(); }) == "x: expected 5 tensors, got 4");
  CHECK(load_error([](TensorFile& f) {
          f.tensors.push_back({"more", Tensor::zeros({1})});
        }) == "x: expected 5 tensors, got 6");
  CHECK(load_error([](TensorFile& f) { tensor_at(f, "4.bias").path = "5.bias"; }) ==
        "x: expected a tensor '4.bias', got none");
  CHECK(load_error([](TensorFile& f) {
          Tensor& weight = tensor_at(f, "0.weight").tensor;
          weight = weight.reshaped({4, 3, 3});
        }) == "x: tensor '0.weight': expected float 4,3,3,1, got float 4,3,3");
  CHECK(load_error([](TensorFile& f) {
          Tensor& momentum = tensor_at(f, "optimizer.momentum").tensor;
          momentum = momentum.to(DType::f64);
        }) == "x: tensor 'optimizer.momentum': expected float 330, got double 330");
}

TEST_CASE("a checkpoint that is missing or damaged is an error") {
  const TemporaryDirectory directory;
  Trainer trainer = make_trainer(spots_settings());
  const auto load = [&](const char* name) {
    return error_of(directory, [&] { load_checkpoint(directory.path() + "/" + name, trainer, context); });
  };
  CHECK(load("none") == "cannot read none: No such file or directory");
  directory.write("short", {1, 2, 3});
  CHECK(load("short") == "short: expected a header length of 8 bytes, got a file of 3");
}

TEST_CASE("a flipped bit in any tensor of a checkpoint is an error that names the file") {
  const ModelFactory normalised = [](const Settings& settings) {
    std::unique_ptr<Module> small = test::make_small(settings);
    auto model = std::make_unique<Sequential>(Sequential{BatchNorm2d(1)});
    model->append(std::move(small));
    return model;
  };
  Settings settings = spots_settings();
  settings.optimizer = OptimizerKind::adam;
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/x";
  Trainer trainer(settings, 0, normalised, spots_split());
  trainer.run_epoch();
  save_checkpoint(path, trainer, context);
  const std::string whole = read_file(path);
  const std::vector<NamedTensor> tensors = read_safetensors(path).tensors;
  std::size_t end = whole.size();
  for (auto named = tensors.rbegin(); named != tensors.rend(); ++named) {
    CAPTURE(named->path);
    std::string flipped = whole;
    flipped[end - 1] = static_cast<char>(flipped[end - 1] ^ 1);
    write_file(path, flipped);
    Trainer into(settings, 0, normalised, spots_split());
    CHECK(error_of(directory, [&] {
            load_checkpoint(path, into, context);
          }).starts_with("x: damaged: expected tensors whose CRC-32 is "));
    CHECK(test::same_state(into, Trainer(settings, 0, normalised, spots_split())));
    end -= named->tensor.bytes();
  }
  const auto has = [&](const char* name) {
    return std::any_of(tensors.begin(), tensors.end(), [&](const NamedTensor& t) { return t.path == name; });
  };
  CHECK((has("0.weight") && has("0.running_var") && has("optimizer.second_moment")));
}

TEST_CASE("two contexts that differ are an error that names the first difference") {
  CHECK(difference({}, {}).empty());
  CHECK(difference({{"a", "1"}, {"b", "2"}}, {{"b", "2"}, {"a", "1"}}).empty());
  CHECK(difference({{"a", "1"}, {"b", "2"}}, {{"a", "1"}, {"b", "3"}}) == "x: expected b 2 as before, got 3");
  CHECK(difference({{"a", "1"}}, {}) == "x: expected a 1 as before, got nothing");
  CHECK(difference({}, {{"a", "1"}}) == "x: expected a nothing as before, got 1");
}
