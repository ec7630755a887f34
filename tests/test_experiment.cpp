// SPDX-License-Identifier: MIT
#include "experiment_support.h"

#include <mpad/core/parallel.h>
#include <mpad/train/experiment.h>
#include <mpad/version.h>

#include <nlohmann/json.hpp>

using namespace mpad;
using Json = nlohmann::ordered_json;
using test::contents;
using test::make_small;
using test::same_outputs;
using test::spots_split;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

namespace {

Settings two_runs() {
  Settings settings = test::spots_settings();
  settings.epochs = 2;
  settings.runs = 2;
  return settings;
}

Settings one_run() {
  Settings settings = two_runs();
  settings.runs = 1;
  return settings;
}

Outcome run(const Output& output, const Settings& settings = two_runs(), const ModelFactory& model = make_small) {
  return run_experiment("small", settings, model, spots_split(), output);
}

std::string run_error(const TemporaryDirectory& directory, const Output& output,
                      const Settings& settings = two_runs()) {
  return test::error_of(directory, [&] { run(output, settings); });
}

// A time such as 2026-01-31T23:59:59Z.
bool is_utc(std::string text) {
  for (char& c : text)
    if (c >= '0' && c <= '9') c = '0';
  return text == "0000-00-00T00:00:00Z";
}

struct Stopped {};

// A network that stops the training at the given forward pass, counted over all networks of one factory.
class Stopping final : public Sequential {
 public:
  Stopping(std::unique_ptr<Module> inner, std::shared_ptr<int> left) : left_(std::move(left)) {
    append(std::move(inner));
  }
  Tensor forward(const Tensor& x) override {
    if ((*left_)-- == 0) throw Stopped();
    return Sequential::forward(x);
  }

 private:
  std::shared_ptr<int> left_;
};

ModelFactory stopping_after(int passes) {
  return [left = std::make_shared<int>(passes)](const Settings& settings) {
    return std::make_unique<Stopping>(make_small(settings), left);
  };
}

}  // namespace

TEST_CASE("an experiment leaves results, record and a checkpoint of each run, and nothing else") {
  const TemporaryDirectory directory;
  const Outcome outcome = run({.directory = directory.path()});
  CHECK(directory.list() == Names{"results.csv", "run-0.safetensors", "run-1.safetensors", "run.json"});
  CHECK(outcome.images_per_second > 0);
  REQUIRE(outcome.results.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(outcome.results[i].run == static_cast<std::int64_t>(i / 2));
    CHECK(outcome.results[i].epoch == static_cast<std::int64_t>(i % 2));
  }
  CHECK(contents(directory, "results.csv") == to_csv(outcome.results, two_runs()));
}

TEST_CASE("results.csv has the study's columns, then those that tell runs apart") {
  const TemporaryDirectory directory;
  run({.directory = directory.path() + "/made/on/the/way"});
  const std::string text = contents(directory, "made/on/the/way/results.csv");
  CHECK(text.substr(0, text.find('\n')) ==
        "run_id,epoch,train_loss,train_accuracy,test_loss,test_accuracy,maxpool,batch_norm,bits,relu0,seed,collapsed,"
        "seconds");
  CHECK(std::count(text.begin(), text.end(), '\n') == 5);
}

TEST_CASE("run.json says all that the result depends on, and where it was computed") {
  const TemporaryDirectory directory;
  Settings settings = two_runs();
  settings.seed = ~std::uint64_t{0} - 1;
  settings.ties = TieRule::beta(0.1);
  run({.directory = directory.path(), .command = "small --out \"\xff\""}, settings);
  const Json record = Json::parse(contents(directory, "run.json"));
  CHECK(record["command"] == "small --out \"\xef\xbf\xbd\"");  // what is not UTF-8 is replaced
  CHECK(record["version"] == version());
  CHECK(record["threads"] == num_threads());
  CHECK(is_utc(record["started"].get<std::string>()));
  for (const char* name : {"cpu", "isa", "compiler", "system"})
    CHECK_FALSE(record["machine"][name].get<std::string>().empty());
  CHECK(record["machine"]["cores"].get<int>() >= 1);
  CHECK(record["resumed"] == Json::array());
  Json expected = {{"network", "small"}, {"dataset", "spots"},
                   {"augment", "none"},  {"image-shape", "6x6x1"},
                   {"train-images", 50}, {"train-checksum", "crc32:00000001"},
                   {"test-images", 20},  {"test-checksum", "crc32:00000002"}};
  for (const auto& [name, value] : named_values(settings)) {
    const Json parsed = Json::parse(value, nullptr, false);
    expected[name] = parsed.is_number() || parsed.is_boolean() ? parsed : Json(value);
  }
  CHECK(record["settings"] == expected);
  CHECK(record["settings"]["seed"] == ~std::uint64_t{0} - 1);
  CHECK(record["settings"]["lr"] == 0.05);
  CHECK(record["settings"]["nesterov"] == false);
  CHECK(record["settings"]["ties"] == "beta:0.1");
}

TEST_CASE("without a directory nothing is written, and the results are the same") {
  const TemporaryDirectory directory;
  CHECK(test::same_results(run({}).results, run({.directory = directory.path()}).results));
}

TEST_CASE("results that are there are refused and left as they are") {
  for (const char* name : {"results.csv", "run-0.safetensors", "run-17.safetensors"}) {
    const TemporaryDirectory directory;
    directory.write(name, {'o', 'l', 'd'});
    CHECK(run_error(directory, {.directory = directory.path() + "/"}) ==
          " holds results already: expected --resume to continue or --force to overwrite them");
    CHECK(directory.list() == Names{name});
    CHECK(contents(directory, name) == "old");
  }
}

TEST_CASE("files that are no results are no reason to refuse, and stay when results are overwritten") {
  const Names others = {"notes.txt", "run-.safetensors", "run-best.safetensors", "run-notes"};
  const TemporaryDirectory directory, clean;
  run({.directory = clean.path()});
  for (const std::string& name : others) directory.write(name, {'m', 'i', 'n', 'e'});
  run({.directory = directory.path()});
  for (const char* name : {"results.csv", "run-5.safetensors", "run-5.safetensors.partial", "run.json.partial"})
    directory.write(name, {'o', 'l', 'd'});
  run({.directory = directory.path(), .existing = Existing::overwrite});
  for (const std::string& name : others) {
    CHECK(contents(directory, name) == "mine");
    std::filesystem::remove(directory.path() + "/" + name);
  }
  CHECK(same_outputs(directory, clean));
}

TEST_CASE("resuming what is not there starts it; resuming what is finished changes nothing") {
  const TemporaryDirectory directory, clean;
  run({.directory = clean.path()});
  const Output output{.directory = directory.path(), .existing = Existing::resume, .command = "again"};
  run(output);
  CHECK(same_outputs(directory, clean));
  const std::string csv = contents(directory, "results.csv");
  const Outcome outcome = run(output);
  CHECK(outcome.images_per_second == 0);
  CHECK(outcome.results.size() == 4);
  CHECK(contents(directory, "results.csv") == csv);
  const Json record = Json::parse(contents(directory, "run.json"));
  REQUIRE(record["resumed"].size() == 1);
  CHECK(record["resumed"][0]["command"] == "again");
  CHECK(record["resumed"][0]["machine"] == record["machine"]);
}

TEST_CASE("an experiment stopped at any step and resumed gives the same bits") {
  const TemporaryDirectory clean;
  const std::vector<EpochResult> whole = run({.directory = clean.path()}, two_runs(), stopping_after(-1)).results;
  // Each epoch is 7 steps and 3 batches of test: every place in the first, then the places around each end.
  for (const int passes : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 17, 19, 20, 21, 29, 30, 31, 39}) {
    const TemporaryDirectory directory;
    const Output output{.directory = directory.path(), .existing = Existing::resume};
    CHECK_THROWS_AS(run(output, two_runs(), stopping_after(passes)), Stopped);
    CHECK(test::same_results(run(output, two_runs(), stopping_after(-1)).results, whole));
    CHECK(same_outputs(directory, clean));
  }
}

TEST_CASE("an experiment stopped and resumed several times gives the same bits, for any number of threads") {
  const TemporaryDirectory clean, directory;
  run({.directory = clean.path()}, two_runs(), stopping_after(-1));
  const Output output{.directory = directory.path(), .existing = Existing::resume};
  const int threads = num_threads();
  for (int k = 0; k < 4; ++k) {
    set_num_threads(1 + k);
    CHECK_THROWS_AS(run(output, two_runs(), stopping_after(9)), Stopped);  // within the epoch: nothing is gained
    if (k < 3) CHECK_THROWS_AS(run(output, two_runs(), stopping_after(15)), Stopped);
  }
  set_num_threads(threads);
  run(output, two_runs(), stopping_after(-1));
  CHECK(same_outputs(directory, clean));
}

TEST_CASE("what lacks its last write is completed: no results.csv, or an epoch behind the checkpoint") {
  const TemporaryDirectory clean, directory;
  run({.directory = clean.path()});
  run({.directory = directory.path()});
  const std::string csv = contents(directory, "results.csv");
  for (const std::string& text : {std::string(), csv.substr(0, csv.rfind('\n', csv.size() - 2) + 1)}) {
    std::filesystem::remove(directory.path() + "/results.csv");
    if (!text.empty()) write_file(directory.path() + "/results.csv", text);
    run({.directory = directory.path(), .existing = Existing::resume});
    CHECK(contents(directory, "results.csv") == csv);
  }
  CHECK(same_outputs(directory, clean));
}

TEST_CASE("an experiment resumed with more runs gives the bits of one that had them from the start") {
  const TemporaryDirectory clean;
  run({.directory = clean.path()}, two_runs(), stopping_after(-1));
  const Json expected = Json::parse(contents(clean, "run.json"))["settings"];
  // A run is 20 passes. The first is stopped within its last epoch or finished; then both at once, in the second run or
  // not at all.
  for (const int passes : {15, -1})
    for (const int then : {0, 13, -1}) {
      CAPTURE(passes, then);
      const TemporaryDirectory directory;
      const Output output{.directory = directory.path(), .existing = Existing::resume};
      const auto run_until = [&](int last, const Settings& settings) {
        if (last < 0) return void(run(output, settings, stopping_after(last)));
        CHECK_THROWS_AS(run(output, settings, stopping_after(last)), Stopped);
      };
      run_until(passes, one_run());
      const std::string before = contents(directory, "results.csv");
      run_until(then, two_runs());
      CHECK(run_error(directory, output, one_run()) == "run.json: expected runs 2 as before, got 1");
      run_until(-1, two_runs());
      CHECK(same_outputs(directory, clean));
      CHECK(contents(directory, "results.csv").starts_with(before));
      CHECK(Json::parse(contents(directory, "run.json"))["settings"] == expected);
    }
}

TEST_CASE("resuming in another context is an error that names the difference and changes nothing") {
  const TemporaryDirectory directory;
  run({.directory = directory.path()});
  const std::string record = contents(directory, "run.json");
  const Output output{.directory = directory.path(), .existing = Existing::resume};
  const auto resume = [&](auto&& change) {
    Settings settings = two_runs();
    change(settings);
    return run_error(directory, output, settings);
  };
  CHECK(resume([](Settings& s) { s.lr = 0.06; }) == "run.json: expected lr 0.05 as before, got 0.06");
  CHECK(resume([](Settings& s) { s.epochs = 3; }) == "run.json: expected epochs 2 as before, got 3");
  CHECK(resume([](Settings& s) { s.runs = 1; }) == "run.json: expected runs 2 as before, got 1");
  CHECK(resume([](Settings& s) { s.dtype = DType::f64; }) == "run.json: expected bits 32 as before, got 64");
  CHECK(resume([](Settings& s) { s.ties = TieRule::last(); }) == "run.json: expected ties native as before, got last");
  Split data = spots_split();
  data.train.checksum = "ffffffff";
  CHECK(test::error_of(directory, [&] { run_experiment("small", two_runs(), make_small, data, output); }) ==
        "run.json: expected train-checksum crc32:00000001 as before, got crc32:ffffffff");
  data.train = spots_split().train.first(49);
  CHECK(test::error_of(directory, [&] { run_experiment("small", two_runs(), make_small, data, output); }) ==
        "run.json: expected train-images 50 as before, got 49");
  data = spots_split();
  for (Dataset* part : {&data.train, &data.test}) part->pixels = part->pixels.reshaped({part->size(), 4, 9, 1});
  CHECK(test::error_of(directory, [&] { run_experiment("small", two_runs(), make_small, data, output); }) ==
        "run.json: expected image-shape 6x6x1 as before, got 4x9x1");
  CHECK(test::error_of(directory, [&] { run_experiment("other", two_runs(), make_small, spots_split(), output); }) ==
        "run.json: expected network small as before, got other");
  CHECK(contents(directory, "run.json") == record);
}

TEST_CASE("a directory that cannot be resumed is an error that says what is wrong") {
  const TemporaryDirectory directory;
  const Output output{.directory = directory.path(), .existing = Existing::resume};
  run({.directory = directory.path()});
  const std::string record = contents(directory, "run.json");
  for (const char* text : {"", "{", "[]", "{}", R"({"settings":{}})", R"({"settings":[],"resumed":[]})"}) {
    write_file(directory.path() + "/run.json", text);
    CHECK(run_error(directory, output) == "run.json: expected the record of a training, got other text");
  }
  write_file(directory.path() + "/run.json", record);
  directory.write("run-1.safetensors", {1, 2, 3});
  CHECK(run_error(directory, output) == "run-1.safetensors: expected a header length of 8 bytes, got a file of 3");
  std::filesystem::copy_file(directory.path() + "/run-0.safetensors", directory.path() + "/run-1.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  CHECK(run_error(directory, output) == "run-1.safetensors: trainer: expected epoch 0 of run 1, got epoch 0 of run 0");
  std::filesystem::remove(directory.path() + "/run.json");
  CHECK(run_error(directory, {.directory = directory.path() + "/.", .existing = Existing::resume}) ==
        "cannot resume .: its run.json is missing");
}

TEST_CASE("a directory that cannot be written is an error before anything is trained") {
  const TemporaryDirectory directory;
  directory.write("file", {});
  bool made = false;
  const ModelFactory model = [&](const Settings& settings) {
    made = true;
    return make_small(settings);
  };
  const auto error_in = [&](const std::string& path) {
    return test::error_of(directory, [&] { run({.directory = directory.path() + "/" + path}, two_runs(), model); });
  };
  CHECK(error_in("file") == "cannot make directory file: Not a directory");
  CHECK(error_in("file/below") == "cannot make directory file/below: Not a directory");
  directory.write("out/run.json.partial/file", {});
  CHECK(error_in("out") == "cannot remove out/run.json.partial: Directory not empty");
  CHECK_FALSE(made);
}

TEST_CASE("results that cannot be removed are an error") {
  const TemporaryDirectory directory;
  directory.write("results.csv/file", {});
  CHECK(run_error(directory, {.directory = directory.path(), .existing = Existing::overwrite}) ==
        "cannot remove results.csv: Directory not empty");
}

TEST_CASE("results stay where the training that is to overwrite them cannot begin") {
  const TemporaryDirectory directory;
  run({.directory = directory.path()});
  const std::string before = contents(directory, "results.csv");
  const Output output{.directory = directory.path(), .existing = Existing::overwrite};
  const auto error_with = [&](const ModelFactory& model, std::int64_t images) {
    const Split data{test::spots(images, 1), test::spots(8, 2)};
    return test::error_of(directory, [&] { run_experiment("small", one_run(), model, data, output); });
  };
  const ModelFactory normalised = [](const Settings&) {
    return std::make_unique<Sequential>(Sequential{Flatten(), Linear({36, 10}), BatchNorm1d(10)});
  };
  const ModelFactory for_large_images = [](const Settings&) {
    return std::make_unique<Sequential>(Sequential{Conv2d({.in = 1, .out = 10, .kernel = 7}), Flatten()});
  };
  CHECK(error_with(normalised, 9).starts_with("--batch-size 8: the last mini-batch is 1 of 9 images: batch_norm: "));
  CHECK(error_with(for_large_images, 10).starts_with("conv2d: "));
  CHECK(directory.list() == Names{"results.csv", "run-0.safetensors", "run-1.safetensors", "run.json"});
  CHECK(contents(directory, "results.csv") == before);
  CHECK(error_with(normalised, 10).empty());
  CHECK(contents(directory, "results.csv") != before);
}

TEST_CASE("weights are exported into a directory that is there, or to the results, whose directory is made") {
  const TemporaryDirectory directory;
  const std::string out = directory.path() + "/out";
  const auto error_of_export = [&](const std::string& file) {
    return test::error_of(directory, [&] { run({.directory = out, .weights = file}, one_run()); });
  };
  CHECK(error_of_export(out + "/below/w.st") ==
        "--export: expected a file in a directory that is there, got 'out/below/w.st'");
  CHECK(directory.list().empty());
  CHECK(error_of_export(directory.path() + "/./out/w.st").empty());
  CHECK(std::filesystem::exists(out + "/w.st"));
}

TEST_CASE("invalid settings and a device that is not there are errors that leave no directory") {
  const TemporaryDirectory directory;
  Settings settings = two_runs();
  settings.epochs = 0;
  const Output output{.directory = directory.path() + "/out"};
  CHECK(run_error(directory, output, settings) == "--epochs: expected a number from 1 to 1000000000, got 0");
  if (unavailable(Device::cuda).empty()) return;
  settings = two_runs();
  settings.device = Device::cuda;
  const std::string message = run_error(directory, output, settings);
  CHECK(message.find("device: expected cpu") != std::string::npos);
  CHECK(message.ends_with(", got cuda"));
  CHECK(directory.list().empty());
}

TEST_CASE("after a run that collapses the next one is what it would be alone") {
  const TemporaryDirectory directory;
  int made = 0;
  const ModelFactory model = [&](const Settings& settings) {
    std::unique_ptr<Module> network = make_small(settings);
    if (made++ == 0) parameters(*network).front().tensor.fill(std::numeric_limits<double>::quiet_NaN());
    return network;
  };
  const std::vector<EpochResult> results = run({.directory = directory.path()}, two_runs(), model).results;
  REQUIRE(results.size() == 3);
  CHECK(std::isnan(results[0].test.loss));
  CHECK(results[0].collapsed == "step 1 at 0.weight");
  CHECK(summarize(results).collapsed == 1);
  CHECK(contents(directory, "results.csv").find(",step 1 at 0.weight,") != std::string::npos);
  const std::vector<EpochResult> healthy = run({}).results;
  CHECK(test::same_results({results.begin() + 1, results.end()}, {healthy.begin() + 2, healthy.end()}));
  // Resumed, it is left as it is.
  made = 0;
  const Output again{.directory = directory.path(), .existing = Existing::resume};
  CHECK(test::same_results(run(again, two_runs(), model).results, results));
}
