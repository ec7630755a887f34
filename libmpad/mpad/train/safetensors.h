// SPDX-License-Identifier: MIT
// The safetensors format: 8 bytes of little-endian header length, a JSON header that names dtype, shape and place of
// each tensor, then the tensors (https://github.com/huggingface/safetensors).
#pragma once
#include <mpad/nn/module.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mpad {

/// Named tensors and the strings kept beside them.
struct TensorFile {
  std::map<std::string, std::string> metadata{};
  std::vector<NamedTensor> tensors{};
};

/// Writes tensors of any device, atomically and flushed to disk. Throws Error on two tensors of one name, or if the
/// system refuses.
void write_safetensors(const std::string& path, const TensorFile& file);

/// Reads the file. Throws Error, naming it, unless it is whole and well formed: no name twice, every tensor of a dtype
/// and rank that Tensor has, and their places one after the other from the header to the end of the file. Of a tensor
/// whose name is not `wanted` (empty: all are), which may have another dtype and rank, only the place is looked at.
TensorFile read_safetensors(const std::string& path, const std::function<bool(const std::string& name)>& wanted = {});

}  // namespace mpad
