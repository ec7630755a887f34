// SPDX-License-Identifier: MIT
// The IDX format of MNIST: a magic number, big-endian extents, then bytes; plain or compressed by gzip.
#pragma once
#include <mpad/tensor.h>

#include <string>

namespace mpad {

/// Contents of an IDX file.
struct IdxFile {
  Tensor values;
  std::string checksum;  ///< CRC-32 of the uncompressed file, eight hexadecimal digits
};

/// Reads images of bytes: u8 N,h,w,1. Throws Error, naming the file, unless it holds exactly what its header says.
/// Memory grows with the bytes that are read, never with what the header promises.
IdxFile read_idx_images(const std::string& path);

/// Reads labels: i32 N. Throws Error as read_idx_images does, or if a label is outside 0..classes-1.
IdxFile read_idx_labels(const std::string& path, int classes);

}  // namespace mpad
