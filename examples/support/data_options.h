// SPDX-License-Identifier: MIT
#pragma once
#include "command_line.h"
#include "recipe.h"

#include <cstdint>
#include <optional>
#include <string>

namespace mpad {

/// Which images: --data, --dataset, --train-limit, --test-limit, --augment and, of images in files, --image-size and
/// --workers.
class DataOptions {
 public:
  /// What the trainer of one kind of network takes.
  void add(CommandLine& line, const Recipe& recipe);
  /// What a program takes whose network is an option too.
  void add(CommandLine& line);
  /// Chooses the data set: the one asked for, or the network's first if its files or its directory are there, or the
  /// last. Throws Error on a value that is out of range or that the network has no use for. May be called again for
  /// another network.
  void finish(const Recipe& recipe);
  /// Says on standard error where $MPAD_DATA has not the first data set, so that the last takes its place. Throws Error
  /// if the images are not there or damaged.
  Split load() const;

 private:
  void add_common(CommandLine& line, const std::string& about_dataset, const std::string& otherwise);
  void locate(const Recipe& recipe);

  // Of the command line:
  std::string dataset_{}, directory_{};
  std::int64_t train_limit_ = 0, test_limit_ = 0;  // 0: all images
  std::optional<std::int64_t> image_size_{};       // none: the recipe's
  bool augment_ = false;
  int workers_ = 0;
  // Of finish:
  DataSource source_{};
  std::string place_{}, not_found_{};
  std::int64_t size_ = 0;
};

}  // namespace mpad
