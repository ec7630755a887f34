// SPDX-License-Identifier: MIT
// What an experiment leaves in its directory, compared.
#pragma once
#include "temporary.h"
#include "training_support.h"

#include <mpad/train/atomic_file.h>
#include <mpad/train/output_directory.h>
#include <mpad/train/safetensors.h>

#include <sstream>
#include <string>
#include <vector>

namespace mpad::test {

inline std::string contents(const TemporaryDirectory& directory, const std::string& name) {
  return read_file(directory.path() + "/" + name);
}

/// The text of results, but for the times: the last cell of each row.
inline std::string without_seconds(const std::string& csv) {
  std::istringstream lines(csv);
  std::string text;
  for (std::string line; std::getline(lines, line);) text += line.substr(0, line.rfind(',')) + "\n";
  return text;
}

/// Two checkpoints are the same, times apart.
inline bool same_checkpoint(const std::string& a, const std::string& b) {
  TensorFile x = read_safetensors(a), y = read_safetensors(b);
  for (TensorFile* file : {&x, &y}) file->metadata["results"] = without_seconds(file->metadata["results"]);
  return x.metadata == y.metadata && same_tensors(x.tensors, y.tensors);
}

/// Two output directories hold the same results and checkpoints, times apart.
inline bool same_outputs(const TemporaryDirectory& a, const TemporaryDirectory& b) {
  if (a.list() != b.list()) return false;
  for (const std::string& name : a.list())
    if (name.ends_with(".safetensors") && !same_checkpoint(a.path() + "/" + name, b.path() + "/" + name)) return false;
  return without_seconds(contents(a, "results.csv")) == without_seconds(contents(b, "results.csv"));
}

/// A directory of results in these files, to go on in.
inline OutputDirectory open_to_resume(const TemporaryDirectory& directory, const std::vector<std::string>& files) {
  return OutputDirectory({.directory = directory.path(), .existing = Existing::resume}, {}, files);
}

inline std::vector<std::string> texts_in(const OutputDirectory& directory, const std::vector<std::string>& files) {
  std::vector<std::string> all;
  for (const std::string& name : files) all.push_back(read_file(directory.file(name)));
  return all;
}

}  // namespace mpad::test
