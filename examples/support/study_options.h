// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"
#include "data_options.h"
#include "recipes.h"
#include "run_options.h"

#include <chrono>
#include <string>
#include <vector>

namespace mpad {

/// Gives the value to the name, which it adds if it is not there.
void put(std::vector<NamedValue>& values, const std::string& name, const std::string& value);

/// What programs of the study have in common: the network, the data and their options, --seed, --minutes, and where to
/// compute and to write.
class StudyOptions {
 public:
  /// `files` names what is written into --out. With `several_networks`, there is a list, --networks, for --network.
  void add(CommandLine& line, const std::string& files, bool several_networks = false);
  /// `command` is the command line, for the record. Throws Error on a value that is wrong.
  void finish(const std::string& command);

  /// The images, as options say.
  Split load() const { return data.load(); }
  /// Whether --minutes leaves time for more, of the time since the options were made.
  bool has_time() const;
  /// Says that a program has ended because has_time() did, and how to go on.
  void print_out_of_time(const std::string& program) const;
  /// Makes the network for them.
  ModelFactory model(const Split& images) const;
  /// The same for one of several networks, which may take images of another size.
  Split load(const Network& of) const;
  /// What every result depends on, for the run record: network, device, seed, and what there is to say of the images.
  std::vector<NamedValue> context(const Split& images, Device device) const;

  Network network{};                ///< the first of the networks
  std::vector<Network> networks{};  ///< all of them have the data set
  DataOptions data{};
  RunOptions run{};
  std::uint64_t seed = 0;

 private:
  using Clock = std::chrono::steady_clock;

  std::string networks_ = "lenet";
  bool several_ = false;
  double minutes_ = 0;  // 0: no limit
  Clock::time_point start_ = Clock::now();
};

}  // namespace mpad
