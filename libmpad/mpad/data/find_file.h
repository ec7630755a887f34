// SPDX-License-Identifier: MIT
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace mpad {

/// Where the files of a data set may lie.
struct DataPlaces {
  std::string set;  ///< its name
  std::vector<std::filesystem::path> directories;
};

/// The subdirectories `folders` of `root`, then root itself. Throws Error unless root is a directory.
DataPlaces data_places(const std::string& set, const std::string& root, const std::vector<std::string>& folders);

/// Whether one of `names` is in one of these places; not where root is no directory.
bool has_file(const std::string& root, const std::vector<std::string>& folders, const std::vector<std::string>& names);

/// Those of `names` that exist, in the first place that has one; empty if none has.
std::vector<std::string> find_files(const DataPlaces& places, const std::vector<std::string>& names);

/// The first of them. Throws Error that says where it was looked for if there is none.
std::string find_file(const DataPlaces& places, const std::vector<std::string>& names);

}  // namespace mpad
