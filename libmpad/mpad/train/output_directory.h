// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/train/settings.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpad {

/// What to do with results that are in the output directory already.
enum class Existing : unsigned char { refuse, resume, overwrite };

/// Where the results of a training are kept: results.csv, run.json and, for each run k, its state after its last
/// complete epoch in run-k.safetensors. A study keeps its own files in place of results.csv and the states.
struct Output {
  std::string directory{};  ///< made if missing; empty: nothing is written
  Existing existing = Existing::refuse;
  bool resumable = true;  ///< whether the program can continue what is there, for what it says of it
  std::string command{};  ///< how the program was called, for the record
  std::string weights{};  ///< file for what the last run has learnt, as PyTorch's (weights.h); empty: none
};

/// Keeps other processes, and other locks of this one, out of a directory for as long as it lives: one that is killed
/// leaves nothing behind. Where a file system has no locks, it keeps nobody out.
class DirectoryLock {
 public:
  /// Throws Error, naming the directory, if it is in use or cannot be opened.
  explicit DirectoryLock(const std::string& path);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  int descriptor_;
};

/// A directory of results and run.json, the record of what they depend on. With an empty path, nothing is kept.
class OutputDirectory {
 public:
  /// Makes the directory, locks it, deals with results in it as `output.existing` says, and writes the record. A record
  /// that is there alone, of a start that failed, is no result; one beside other files is, of whichever program it is.
  /// Throws Error if the directory cannot be written, is in use by another process, holds results that are to be kept
  /// or, on resuming, holds those of another context. `is_result` knows the names of results, but for run.json.
  OutputDirectory(const Output& output, const std::vector<NamedValue>& context,
                  const std::function<bool(std::string_view name)>& is_result);
  /// The same where results are files with these names.
  OutputDirectory(const Output& output, const std::vector<NamedValue>& context, const std::vector<std::string>& names);

  bool kept() const { return !path_.empty(); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  /// Whether there is such a file.
  bool has(const std::string& name) const;
  /// Writes a whole file: after a crash there is the old one or the new one.
  void write(const std::string& name, std::string_view text) const;
  /// Removes a file, if there is one.
  void remove(const std::string& name) const;

 private:
  std::string path_;
  std::optional<DirectoryLock> lock_{};
};

}  // namespace mpad
