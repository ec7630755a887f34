// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/output_directory.h>
#include <mpad/train/trainer.h>

#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// The state of a training between its epochs, in a file that is there from the first of them until it is removed, if
/// the directory keeps results.
class UnfinishedRun {
 public:
  /// `context` is all that the training's result depends on beside its settings.
  UnfinishedRun(const OutputDirectory& directory, const Settings& settings, std::vector<NamedValue> context);
  /// Continues what is in the file, if there is one.
  void restore(Trainer& trainer) const;
  void save(const Trainer& trainer) const;
  void remove() const { directory_->remove(name_); }

 private:
  const OutputDirectory* directory_;
  std::vector<NamedValue> context_;
  std::string name_{};
};

/// Whether a file is the state of an unfinished run.
bool is_unfinished_run(std::string_view name);

}  // namespace mpad
