// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/output_directory.h>
#include <mpad/train/trainer.h>

#include <span>
#include <string>
#include <vector>

namespace mpad {

/// The files of an experiment. With an empty path, nothing is kept.
class ResultDirectory {
 public:
  /// Makes the directory, deals with results in it as `output.existing` says, and writes the run record.
  ResultDirectory(const Output& output, const std::vector<NamedValue>& context);

  /// The results in run k's checkpoint; none if there is no such file.
  std::vector<EpochResult> saved_results(std::int64_t run) const;
  /// Puts the trainer where run k's checkpoint is, if there is one.
  void restore(Trainer& trainer, std::int64_t run) const;
  /// Writes run k's checkpoint.
  void save(const Trainer& trainer, std::int64_t run) const;
  /// Writes results.csv.
  void write_results(std::span<const EpochResult> results, const Settings& settings) const;

 private:
  OutputDirectory directory_;
  std::vector<NamedValue> context_;  // of each run
};

}  // namespace mpad
