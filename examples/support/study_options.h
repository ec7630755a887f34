// SPDX-License-Identifier: MIT
#pragma once
#include "data_options.h"
#include "recipes.h"
#include "run_options.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace mpad {

/// Gives the value to the name, which it adds if it is not there.
void put(std::vector<NamedValue>& values, const std::string& name, const std::string& value);

/// What programs of the study have in common: the network, the data and their options, --seed, and where to compute and
/// to write.
class StudyOptions {
 public:
  /// `files` names what is written into --out.
  void add(CLI::App& app, const std::string& files, bool resumable = false);
  /// `command` is the command line, for the record. Throws Error on a value that is wrong.
  void finish(const std::string& command);

  /// The images, as options say.
  Split load() const { return data.load(); }
  /// Makes the network for them.
  ModelFactory model(const Split& images) const;
  /// What every result depends on, for the run record: network, device, seed, and what there is to say of the images.
  std::vector<NamedValue> context(const Split& images, Device device) const;

  Network network{};
  DataOptions data{};
  RunOptions run{};
  std::uint64_t seed = 0;

 private:
  std::string network_ = "lenet";
};

}  // namespace mpad
