// SPDX-License-Identifier: MIT
#include "elementwise.cuh"

#include <crop_flip.h>
#include <kernels.h>

namespace mpad::kernels {
namespace {

constexpr int kImageThreads = 128;

template <class T, int size>
__global__ void __launch_bounds__(kImageThreads)
    gather_images_kernel(std::int64_t count, std::int64_t image, std::int64_t channels, const std::uint8_t* bytes,
                         const std::int32_t* indices, const T* table, T* y) {
  follow_kernels_before();
  for (std::int64_t n = blockIdx.x; n < count; n += gridDim.x)
    for (std::int64_t at = std::int64_t{threadIdx.x} * size; at < image; at += kImageThreads * size) {
      const Pack<std::uint8_t, size> pixels = load<size>(bytes + indices[n] * image + at);
      Pack<T, size> values;
      std::int64_t channel = at % channels;
      for (int i = 0; i < size; ++i) {
        values.element[i] = table[256 * channel + pixels.element[i]];
        channel = channel + 1 == channels ? 0 : channel + 1;
      }
      store<size>(y + n * image + at, values);
    }
}

// The shape of one image, n aside.
struct ImageShape {
  std::int64_t rows, columns, channels;
};

template <class T, int size>
__global__ void __launch_bounds__(kImageThreads)
    augment_images_kernel(std::int64_t count, ImageShape shape, CropFlip draw, const std::uint64_t* key,
                          const std::uint8_t* bytes, const std::int32_t* indices, const T* table, T* y) {
  follow_kernels_before();
  const auto [rows, columns, channels] = shape;
  const CropFlip drawn = keyed(draw, key);
  const std::int64_t image = rows * columns * channels;
  for (std::int64_t n = blockIdx.x; n < count; n += gridDim.x) {
    const std::uint8_t* from = bytes + indices[n] * image;
    const Placement placement = place(drawn, indices[n]);
#pragma unroll 1
    for (std::int64_t at = std::int64_t{threadIdx.x} * size; at < image; at += kImageThreads * size) {
      Pack<T, size> values;
      const std::int64_t first = at / channels;
      std::int64_t channel = at - first * channels, row = first / columns, column = first - row * columns;
      for (int i = 0; i < size; ++i) {
        const std::uint8_t* pixel = source_pixel(placement, from, rows, columns, channels, row, column);
        values.element[i] = table[256 * channel + (pixel != nullptr ? pixel[channel] : 0)];
        if (++channel < channels) continue;
        channel = 0;
        if (++column < columns) continue;
        column = 0;
        ++row;
      }
      store<size>(y + n * image + at, values);
    }
  }
}

__global__ void __launch_bounds__(kElementThreads)
    gather_labels_kernel(std::int64_t count, const std::int32_t* labels, const std::int32_t* indices, std::int32_t* y) {
  follow_kernels_before();
  const std::int64_t stride = std::int64_t{gridDim.x} * kElementThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kElementThreads + threadIdx.x; i < count; i += stride)
    y[i] = labels[indices[i]];
}

}  // namespace

template <>
void gather_images(Cuda where, View bytes, View indices, View table, View y) {
  with_type(y.dtype, [&]<class T>() {
    const auto* from = bytes.as<const std::uint8_t>();
    const std::int64_t channels = y.shape[3], image = y.shape[1] * y.shape[2] * channels;
    const bool aligned = is_aligned<full_pack<T>>(from) && is_aligned<full_pack<T>>(y.as<T>());
    with_pack_size<T>(aligned ? image : 1, [&]<int size>() {
      const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(y.shape[0], 1 << 20));
      launch("gather_images", gather_images_kernel<T, size>, blocks, kImageThreads, 0,
             static_cast<cudaStream_t>(where.stream), y.shape[0], image, channels, from,
             indices.as<const std::int32_t>(), table.as<const T>(), y.as<T>());
    });
  });
}

template <>
void augment_images(Cuda where, const CropFlip& draw, View bytes, View indices, View table, View y, View key) {
  with_type(y.dtype, [&]<class T>() {
    const ImageShape shape{y.shape[1], y.shape[2], y.shape[3]};
    const bool aligned = is_aligned<full_pack<T>>(y.as<T>());
    with_pack_size<T>(aligned ? shape.rows * shape.columns * shape.channels : 1, [&]<int size>() {
      const auto blocks = static_cast<unsigned>(std::min<std::int64_t>(y.shape[0], 1 << 20));
      launch("augment_images", augment_images_kernel<T, size>, blocks, kImageThreads, 0,
             static_cast<cudaStream_t>(where.stream), y.shape[0], shape, draw,
             key.data ? key.as<const std::uint64_t>() : nullptr, bytes.as<const std::uint8_t>(),
             indices.as<const std::int32_t>(), table.as<const T>(), y.as<T>());
    });
  });
}

template <>
void gather_labels(Cuda where, View labels, View indices, View y) {
  launch("gather_labels", gather_labels_kernel, element_blocks(y.numel()), kElementThreads, 0,
         static_cast<cudaStream_t>(where.stream), y.numel(), labels.as<const std::int32_t>(),
         indices.as<const std::int32_t>(), y.as<std::int32_t>());
}

}  // namespace mpad::kernels
