// SPDX-License-Identifier: MIT
#include "data_options.h"

#include "option_group.h"

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

namespace mpad {
namespace {

constexpr const char* data_title = "Data";

std::vector<std::string> names_of(const std::vector<DataSource>& sources) {
  std::vector<std::string> names;
  for (const DataSource& source : sources) names.push_back(source.name);
  return names;
}

DataSource find_source(const Recipe& recipe, const std::string& name) {
  for (const DataSource& source : recipe.datasets)
    if (source.name == name) return source;
  fail_choice("--dataset", names_of(recipe.datasets), name);
}

// The first images or, of files, which come class by class, some from the first to the last, as far apart as can be.
Dataset limited(const Dataset& whole, std::int64_t count) {
  if (!whole.source || count >= whole.size()) return whole.first(count);
  std::vector<std::int32_t> indices;
  for (std::int64_t i = 0; i < count; ++i) indices.push_back(static_cast<std::int32_t>(i * whole.size() / count));
  return whole.part(std::move(indices));
}

}  // namespace

void DataOptions::add_common(CommandLine& line, const std::string& about_dataset, const std::string& otherwise) {
  Group group(line, data_title);
  group.text("--data", "DIR", directory_, "Directory of the data set, or one above it", "$MPAD_DATA");
  group.text("--dataset", "NAME", dataset_, about_dataset, otherwise);
  group.number("--train-limit", "N", train_limit_,
               "Train on the first N images, or on N from all classes of a folder; 0 means all");
  group.number("--test-limit", "N", test_limit_, "Test on as many, chosen alike; 0 means all");
}

void DataOptions::add(CommandLine& line, const Recipe& recipe) {
  const std::string &first = recipe.datasets.front().name, &last = recipe.datasets.back().name;
  add_common(line, "Images to train on: " + joined(names_of(recipe.datasets)), first + " if found, else " + last);
  Group group(line, data_title);
  if (recipe.can_augment) group.flag("--augment", augment_, "Crop and mirror training images at random");
  if (recipe.image_size == 0) return;
  group.number<std::int64_t>("--image-size", "N", image_size_, "Pixels of both sides of images from files",
                             std::to_string(recipe.image_size));
  group.number("--workers", "N", workers_, "Threads that read images from files, 0 for as many as compute");
}

void DataOptions::add(CommandLine& line) {
  add_common(line, "Images, of those that the network's trainer knows", "as the trainer");
  Group(line, data_title)
      .flag("--augment", augment_, "Crop and mirror training images at random, where the trainer can");
}

void DataOptions::finish(const Recipe& recipe) {
  size_ = image_size_.value_or(recipe.image_size);
  require(!augment_ || recipe.can_augment, "--augment: expected a network of colour images, got {}", recipe.name);
  require(train_limit_ >= 0 && test_limit_ >= 0, "--train-limit and --test-limit: expected 0 or more, got {} and {}",
          train_limit_, test_limit_);
  require(recipe.image_size == 0 || (size_ > 0 && size_ <= 4096), "--image-size: expected 1 to 4096, got {}", size_);
  require(workers_ >= 0 && workers_ <= 1024, "--workers: expected 0 to 1024, got {}", workers_);
  locate(recipe);
}

void DataOptions::locate(const Recipe& recipe) {
  const char* variable = std::getenv("MPAD_DATA");
  const DataSource& first = recipe.datasets.front();
  place_ = directory_;
  bool found = !place_.empty();
  if (!found && variable != nullptr && *variable != '\0') {
    place_ = variable;
    found = std::filesystem::is_directory(std::filesystem::path(variable) / first.name) || first.is_in(place_);
  }
  source_ = !dataset_.empty() ? find_source(recipe, dataset_) : found ? first : recipe.datasets.back();
  not_found_ =
      dataset_.empty() && !found && !place_.empty()
          ? fmt::format("{}: no {} in $MPAD_DATA, '{}': {} in its place", recipe.name, first.name, place_, source_.name)
          : "";
  require(!source_.on_disk || !place_.empty(), "--dataset {}: expected --data DIR or $MPAD_DATA to hold it",
          source_.name);
}

Split DataOptions::load() const {
  if (!not_found_.empty()) fmt::print(stderr, "{}\n", not_found_);
  Split data = source_.load_sized ? source_.load_sized(place_, size_) : source_.load(place_);
  for (Dataset* part : {&data.train, &data.test}) part->workers = workers_;
  if (!augment_) data.train.augment = {};
  if (augment_ && !data.train.source) data.train.augment = crop_and_flip;
  if (train_limit_ > 0) data.train = limited(data.train, train_limit_);
  if (test_limit_ > 0) data.test = limited(data.test, test_limit_);
  return data;
}

}  // namespace mpad
