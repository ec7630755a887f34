// SPDX-License-Identifier: MIT
#include "isa.h"

#include <crop_flip.h>

namespace mpad::kernels {

template <>
void gather_images(Cpu, View bytes, View indices, View table, View y) {
  with_type(y.dtype, [&]<class T>() {
    const auto* in = bytes.as<const std::uint8_t>();
    const auto* index = indices.as<const std::int32_t>();
    const T* map = table.as<const T>();
    T* out = y.as<T>();
    const std::int64_t channels = y.shape[3], size = y.shape[1] * y.shape[2] * channels;
    parallel_for(y.shape[0], 16, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        for (std::int64_t c = 0; c < channels; ++c)
          for (std::int64_t j = c; j < size; j += channels) out[i * size + j] = map[256 * c + in[index[i] * size + j]];
    });
  });
}

template <>
void augment_images(Cpu, const CropFlip& draw, View bytes, View indices, View table, View y, View key) {
  with_type(y.dtype, [&]<class T>() {
    const CropFlip drawn = keyed(draw, key.data ? key.as<const std::uint64_t>() : nullptr);
    const auto* in = bytes.as<const std::uint8_t>();
    const auto* index = indices.as<const std::int32_t>();
    const T* map = table.as<const T>();
    T* out = y.as<T>();
    const std::int64_t rows = y.shape[1], columns = y.shape[2], channels = y.shape[3];
    const std::int64_t size = rows * columns * channels;
    parallel_for(y.shape[0], 16, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Placement placement = place(drawn, index[i]);
        T* to = out + i * size;
        for (std::int64_t row = 0; row < rows; ++row)
          for (std::int64_t column = 0; column < columns; ++column) {
            const std::uint8_t* pixel =
                source_pixel(placement, in + index[i] * size, rows, columns, channels, row, column);
            for (std::int64_t c = 0; c < channels; ++c) *to++ = map[256 * c + (pixel != nullptr ? pixel[c] : 0)];
          }
      }
    });
  });
}

template <>
void gather_labels(Cpu, View labels, View indices, View y) {
  const auto *from = labels.as<const std::int32_t>(), *index = indices.as<const std::int32_t>();
  auto* out = y.as<std::int32_t>();
  for (std::int64_t i = 0; i < y.numel(); ++i) out[i] = from[index[i]];
}

}  // namespace mpad::kernels
