// SPDX-License-Identifier: MIT
#pragma once
#include <string_view>

namespace mpad {

/// What a file says of itself that stb_image (up to 2.27) would believe and must not; null if nothing:
/// - a JPEG's Huffman table of more than the 256 symbols there are, which it writes beyond its own;
/// - a PNG's chunk that is longer than the file, for which it asks memory;
/// - a PNG's data that begins with an empty chunk, which it copies to null.
const char* find_image_fault(std::string_view bytes);

}  // namespace mpad
