// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"

#include <mpad/core/device.h>
#include <mpad/train/experiment.h>

#include <optional>
#include <string>

namespace mpad {

class Group;

/// Where a program computes and what it does with its results: --threads, --device, --out, --resume, --force, --quiet.
class RunOptions {
 public:
  /// `files` names what is written into --out.
  void add(CommandLine& line, const std::string& files);
  /// `command` is the command line, for the record. Throws Error on a value that is out of range.
  void finish(const std::string& command);
  /// Sets the number of threads and returns the device asked for: with `auto`, CUDA if it can be used, else the CPU,
  /// and a build for CUDA says on standard error why. Throws Error if the device asked for cannot be used.
  Device start(const std::string& program) const;

  Output output{};
  bool quiet = false;

 private:
  std::string device_text_ = "auto";
  std::optional<Device> device_{};
  int threads_ = 0;
  bool resume_ = false, force_ = false;
};

/// Adds --parallel, to programs that train several runs.
void add_parallel(Group& group, Settings& settings);

}  // namespace mpad
