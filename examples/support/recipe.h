// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/nn/resnet.h>
#include <mpad/train/trainer.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mpad {

/// A data set that a program can train on.
struct DataSource {
  std::string name;
  bool on_disk = true;  ///< or else made by `load`
  std::function<Split(const std::string& directory)> load{};
  /// Of images in files, in place of `load`: they get this size.
  std::function<Split(const std::string& directory, std::int64_t size)> load_sized{};
  /// Whether `load` would find files in a directory; none where nobody asks.
  std::function<bool(const std::string& directory)> is_in{};
};

/// Learning rates where the command line names none.
struct DefaultRates {
  double sgd16, sgd, adam;  ///< SGD in 16 bits, in 32 and 64, and Adam
};

/// What tells one network of a kind from another, beside the settings.
struct Architecture {
  int depth = 0;
  Stem stem = Stem::cifar;
  bool study_norms = false;
  std::int64_t classes = 10, channels = 1;  ///< those of the data
};

/// What one training program is beside what all have in common.
struct Recipe {
  std::string name, about;
  /// The default is the first if it is there (is_in), else the last, which needs no files.
  std::vector<DataSource> datasets;
  std::vector<int> depths{};     ///< to choose from, the default first; empty: there is one
  bool has_stems = false;        ///< whether there is a stem to choose
  bool has_study_norms = false;  ///< whether the study normalises elsewhere
  bool can_augment = false;      ///< whether training images are cropped and mirrored on request
  std::int64_t image_size = 0;   ///< of images from files; 0: no such data sets
  std::function<std::unique_ptr<Module>(const Settings&, const Architecture&)> model;
  DefaultRates lr, lr_batch_norm;
};

/// "resnet18, stem cifar": what results are kept under.
std::string title_of(const Recipe& recipe, const Architecture& architecture);

/// Makes networks for this data's channels and classes.
ModelFactory model_factory(const Recipe& recipe, Architecture architecture, const Split& data);

}  // namespace mpad
