// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/find_file.h>

#include <fmt/ranges.h>

namespace mpad {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> in_and_below(const std::string& root, const std::vector<std::string>& folders) {
  std::vector<fs::path> directories;
  for (const std::string& folder : folders) directories.push_back(fs::path(root) / folder);
  directories.emplace_back(root);
  return directories;
}

}  // namespace

DataPlaces data_places(const std::string& set, const std::string& root, const std::vector<std::string>& folders) {
  std::error_code ignored;
  require(fs::is_directory(root, ignored), "{}: expected a directory, got '{}'", set, root);
  return {set, in_and_below(root, folders)};
}

bool has_file(const std::string& root, const std::vector<std::string>& folders, const std::vector<std::string>& names) {
  return !find_files({"", in_and_below(root, folders)}, names).empty();
}

std::vector<std::string> find_files(const DataPlaces& places, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const fs::path& directory : places.directories) {
    for (const std::string& name : names) {
      std::error_code ignored;
      if (fs::exists(directory / name, ignored)) found.push_back((directory / name).string());
    }
    if (!found.empty()) break;
  }
  return found;
}

std::string find_file(const DataPlaces& places, const std::vector<std::string>& names) {
  const std::vector<std::string> found = find_files(places, names);
  if (!found.empty()) return found.front();
  std::vector<std::string> directories;
  for (const fs::path& directory : places.directories) directories.push_back(directory.string());
  fail("{}: expected {} in {}, got none", places.set, fmt::join(names, " or "), fmt::join(directories, " or "));
}

}  // namespace mpad
