// SPDX-License-Identifier: MIT
// Copies by the tensor memory accelerator against their definition. On a GPU these are the instructions, and tensors as
// the driver encodes them; under the emulation they are the stand-ins, which says nothing of either.
#include "instructions.h"
#include "tensor_copy.h"

using namespace mpad;
using namespace mpad::test;

namespace {

/// The values of n,h,w,c by place.
class Nhwc {
 public:
  explicit Nhwc(const Tensor& x) : shape_(x.shape()), values_(x.values()) {}
  /// Adds a row of channels from c on; zeros where none is.
  void add_row(std::vector<double>& to, int channels, int c, int w, int h, int n) const {
    const bool there = w >= 0 && w < shape_[2] && h >= 0 && h < shape_[1] && n >= 0 && n < shape_[0];
    for (int i = c; i < c + channels; ++i)
      to.push_back(there && i < shape_[3]
                       ? values_[static_cast<std::size_t>(((n * shape_[1] + h) * shape_[2] + w) * shape_[3] + i)]
                       : 0);
  }

 private:
  Shape shape_;
  std::vector<double> values_;
};

/// What a kernel copies twice, so many rows each time.
template <class F>
Tensor copied(const Tensor& x, std::int64_t rows, std::int64_t channels, const F& copy) {
  return run_kernel(current_cuda(), {x}, {{{2 * rows, channels}, DType::f16}},
                    [&](auto in, auto out) { copy(in[0], out[0]); })[0];
}

}  // namespace

TEST_CASE("the tensor memory accelerator copies boxes, with zeros outside the tensor") {
  if (!has_sm90a()) return;
  const Tensor x = small_integers({5, 6, 7, 72}, DType::f16, 1);
  const Nhwc images(x);
  for (const int channels : {32, 64})
    for (const std::array<int, 4>& at :
         {std::array<int, 4>{0, 0, 0, 0}, {8, 2, 1, 1}, {40, -1, -2, 3}, {72, 5, 4, 4}}) {
      INFO(channels << " channels at " << at[0] << "," << at[1] << "," << at[2] << "," << at[3]);
      constexpr int w = 3, h = 4, n = 2;
      const Tensor y = copied(x, w * h * n, channels, [&](View in, View out) {
        copy_boxes(current_cuda(), in, {w, h, n}, at, out);
      });
      std::vector<double> want;
      for (int phase = 0; phase < 2; ++phase)
        for (int row = 0; row < w * h * n; ++row)
          images.add_row(want, channels, at[0], at[1] + row % w, at[2] + row / w % h, at[3] + row / (w * h) + phase);
      CHECK(y.values() == want);
    }
}

// From the last pixels of an image to the next, at strides, from beyond an edge, further than the last image.
TEST_CASE("the tensor memory accelerator copies pixels of a box in each image, at some distance") {
  if (!has_sm90a()) return;
  const Tensor x = small_integers({3, 5, 7, 72}, DType::f16, 2);
  const Nhwc images(x);
  struct Pixels {
    cuda::PixelBox box;
    std::array<int, 4> at;
    int right, down;
  };
  const Pixels cases[] = {{{{0, 0}, {1, 1}, {7, 5}}, {0, 0, 0, 0}, 0, 0},
                          {{{-1, -2}, {1, 1}, {7, 6}}, {8, 3, 2, 0}, 2, 1},
                          {{{-1, 0}, {2, 3}, {4, 2}}, {40, 1, 3, 0}, 1, 0},
                          {{{-2, -1}, {3, 2}, {3, 4}}, {72, 1, 1, 1}, 0, 3},
                          {{{1, -3}, {1, 2}, {5, 3}}, {0, 2, -1, 2}, 3, 2}};
  for (const Pixels& p : cases)
    for (const int channels : {32, 64}) {
      const cuda::PixelBox& box = p.box;
      const std::array<int, 4>& at = p.at;
      INFO(channels << " channels at " << at[0] << "," << at[1] << "," << at[2] << "," << at[3]);
      constexpr int pixels = 48;
      const Tensor y = copied(x, pixels, channels, [&](View in, View out) {
        copy_pixels(current_cuda(), in, box, at, p.right, p.down, out);
      });
      std::vector<double> want;
      const int w = box.count[0], h = box.count[1];
      for (int phase = 0; phase < 2; ++phase) {
        const int first = (at[1] - box.first[0]) / box.step[0] + (at[2] - box.first[1]) / box.step[1] * w;
        for (int i = first; i < first + pixels; ++i)
          images.add_row(want, channels, at[0], box.first[0] + i % w * box.step[0] + p.right,
                         box.first[1] + i / w % h * box.step[1] + p.down, at[3] + i / (w * h) + phase);
      }
      CHECK(y.values() == want);
    }
}
