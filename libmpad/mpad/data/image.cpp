// SPDX-License-Identifier: MIT
#include <mpad/core/check.h>
#include <mpad/data/image.h>
#include <mpad/data/image_check.h>

#include <cstdlib>
#include <limits>
#include <memory>

// Zeros, for scans that name a Huffman table which the file does not have.
#define STBI_MALLOC(size) std::calloc(1, size)
#define STBI_REALLOC(block, size) std::realloc(block, size)
#define STBI_FREE(block) std::free(block)
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#include <stb/stb_image.h>

namespace mpad {

Image decode_image(std::string_view bytes, const std::string& name, std::int64_t most_pixels) {
  constexpr auto most_bytes = static_cast<std::size_t>(std::numeric_limits<int>::max());
  require(bytes.size() <= most_bytes, "{}: expected an image file of at most {} bytes, got {}", name, most_bytes,
          bytes.size());
  const char* fault = find_image_fault(bytes);
  require(fault == nullptr, "{}: expected an intact image, got: {}", name, fault);
  const auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
  const int size = static_cast<int>(bytes.size());
  int width = 0, height = 0, channels = 0;
  const bool known = stbi_info_from_memory(data, size, &width, &height, &channels) != 0;
  require(known, "{}: expected a JPEG or PNG image, got: {}", name, stbi_failure_reason());
  require(std::int64_t{width} * height <= most_pixels, "{}: expected an image of at most {} pixels, got {}x{}", name,
          most_pixels, width, height);
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(data, size, &width, &height, &channels, 3), &stbi_image_free);
  require(pixels != nullptr, "{}: expected an intact image, got: {}", name, stbi_failure_reason());
  return {height, width, {pixels.get(), pixels.get() + std::int64_t{3} * height * width}};
}

}  // namespace mpad
