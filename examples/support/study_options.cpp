// SPDX-License-Identifier: MIT
#include "study_options.h"

#include "lists.h"
#include "option_group.h"

#include <mpad/train/data_values.h>

#include <cmath>

namespace mpad {

void put(std::vector<NamedValue>& values, const std::string& name, const std::string& value) {
  for (NamedValue& known : values)
    if (known.first == name) return void(known.second = value);
  values.emplace_back(name, value);
}

void StudyOptions::add(CommandLine& line, const std::string& files, bool several_networks) {
  several_ = several_networks;
  Group network_group(line, "Network");
  if (several_)
    network_group.text("--networks", "LIST", networks_, "Some of " + joined(network_names()));
  else
    network_group.text("--network", "NAME", networks_, joined(network_names()));
  data.add(line);
  Group run_group(line, "Runs and results");
  run_group.number("--seed", "N", seed, "Seed of all that is drawn");
  run_group.number("--minutes", "M", minutes_, "Start nothing more once M minutes are used; 0: no limit");
  run.add(line, files);
}

void StudyOptions::finish(const std::string& command) {
  require(std::isfinite(minutes_) && minutes_ >= 0, "--minutes: expected a number of 0 or more, got {}", minutes_);
  networks = several_ ? parse_list("--networks", networks_, find_network)
                      : std::vector<Network>{find_network("--network", networks_)};
  network = networks.front();
  run.finish(command);
  for (const Network& each : networks) data.finish(*each.recipe);
  data.finish(*network.recipe);
}

Split StudyOptions::load(const Network& of) const {
  DataOptions own = data;
  own.finish(*of.recipe);
  return own.load();
}

bool StudyOptions::has_time() const {
  return minutes_ == 0 || std::chrono::duration<double>(Clock::now() - start_).count() < 60 * minutes_;
}

ModelFactory StudyOptions::model(const Split& images) const {
  return model_factory(*network.recipe, network.architecture, images);
}

std::vector<NamedValue> StudyOptions::context(const Split& images, Device device) const {
  std::vector<NamedValue> values{
      {"network", network.name}, {"seed", std::to_string(seed)}, {"device", to_string(device)}};
  const std::vector<NamedValue> of_images = named_values(images);
  values.insert(values.end(), of_images.begin(), of_images.end());
  return values;
}

void StudyOptions::print_out_of_time(const std::string& program) const {
  fmt::print("{}: the time is used; {}\n", program,
             run.output.directory.empty() ? "without --out nothing is kept to go on from" : "--resume goes on");
}

}  // namespace mpad
