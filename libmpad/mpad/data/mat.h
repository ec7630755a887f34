// SPDX-License-Identifier: MIT
// As much of the MAT-file format, level 5 (MathWorks, "MAT-File Format", chapter 1), as data sets need: little-endian
// files, arrays of bytes or doubles, plain or compressed.
#pragma once
#include <mpad/tensor.h>

#include <string>
#include <vector>

namespace mpad {

/// An array of numbers.
struct MatArray {
  std::vector<std::int64_t> extents;  ///< two or more
  Tensor values;                      ///< column-major, of rank 1: u8 or double, as stored
};

/// Reads the array `name`; others are passed over. Throws Error, naming the file, if it has none, if that is complex,
/// empty or of another type, or if the file is damaged. Memory grows with the file, never with what a header promises.
MatArray read_mat_array(const std::string& path, const std::string& name);

}  // namespace mpad
