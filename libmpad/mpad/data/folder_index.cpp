// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/checksum.h>
#include <mpad/data/folder_index.h>
#include <mpad/train/atomic_file.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace mpad {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::int64_t ticks(fs::file_time_type time) { return time.time_since_epoch().count(); }

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".jpg" || ending == ".jpeg" || ending == ".png";
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Names of the classes, and when their directories changed.
std::vector<ImageClass> list_classes(const fs::path& directory) {
  std::vector<ImageClass> classes;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    if (entry.is_directory() && !is_hidden(entry.path()))
      classes.push_back({entry.path().filename().string(), ticks(entry.last_write_time()), {}});
  std::sort(classes.begin(), classes.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  require(!classes.empty(), "image folder: {}: expected a directory for each class, got none", directory.string());
  return classes;
}

std::vector<ImageFile> list_images(const fs::path& directory) {
  std::vector<ImageFile> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    if (is_image(entry.path()) && !is_hidden(entry.path()) && entry.is_regular_file())
      files.push_back({entry.path().filename().string(), static_cast<std::int64_t>(entry.file_size())});
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  require(!files.empty(), "image folder: {}: expected JPEG or PNG images, got none", directory.string());
  return files;
}

// Where the index of a directory is kept; empty if nowhere.
fs::path cache_path(const fs::path& directory) {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  fs::path place;
  if (cache != nullptr && *cache != '\0')
    place = cache;
  else if (home != nullptr && *home != '\0')
    place = fs::path(home) / ".cache";
  if (place.empty()) return place;
  Crc32 crc;
  crc.update(directory.string().data(), directory.string().size());
  return place / "mpad" / ("folder-" + crc.hex() + ".json");
}

// Puts the files of all classes where they belong if the cache has them as of now.
bool read_cache(const fs::path& path, const fs::path& directory, std::vector<ImageClass>& classes) {
  try {
    const Json cache = Json::parse(read_file(path.string()));
    const Json& kept = cache.at("classes");
    if (cache.at("directory") != directory.string() || kept.size() != classes.size()) return false;
    std::vector<ImageClass> found = classes;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (kept[i].at("name") != found[i].name || kept[i].at("changed") != found[i].changed) return false;
      for (const Json& file : kept[i].at("files")) found[i].files.push_back({file.at(0), file.at(1)});
      if (found[i].files.empty()) return false;
    }
    classes = std::move(found);
    return true;
  } catch (const std::exception&) {
    return false;  // none, or not one of ours: read the folder
  }
}

void write_cache(const fs::path& path, const fs::path& directory, const std::vector<ImageClass>& classes) {
  try {
    Json kept = Json::array();
    for (const ImageClass& c : classes) {
      Json files = Json::array();
      for (const ImageFile& file : c.files) files.push_back({file.name, file.bytes});
      kept.push_back({{"name", c.name}, {"changed", c.changed}, {"files", std::move(files)}});
    }
    fs::create_directories(path.parent_path());
    write_file(path.string(), Json{{"directory", directory.string()}, {"classes", std::move(kept)}}.dump());
  } catch (const std::exception&) {
    return;  // nothing depends on it
  }
}

// Whether a directory changed so lately that it could change again within one tick of its clock, unseen.
bool is_settling(const std::vector<ImageClass>& classes) {
  const std::int64_t lately = ticks(fs::file_time_type::clock::now() - std::chrono::seconds(2));
  return std::any_of(classes.begin(), classes.end(), [=](const ImageClass& c) { return c.changed > lately; });
}

}  // namespace

std::vector<ImageClass> index_folder(const std::string& directory) {
  try {
    const fs::path root = fs::canonical(directory), cache = cache_path(root);
    std::vector<ImageClass> classes = list_classes(root);
    if (!cache.empty() && read_cache(cache, root, classes)) return classes;
    const bool keep = !cache.empty() && !is_settling(classes);
    for (ImageClass& c : classes) c.files = list_images(root / c.name);
    if (keep) write_cache(cache, root, classes);
    return classes;
  } catch (const fs::filesystem_error& error) {
    fail("image folder: {}: expected readable directories, got: {}", directory, error.code().message());
  }
}

}  // namespace mpad
