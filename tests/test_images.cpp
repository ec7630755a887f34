// SPDX-License-Identifier: MIT
// Images of bytes gathered by index, shifted and mirrored at random, and looked up in a table.
#include "kernel_run.h"

#include <mpad/core/philox.h>

using namespace mpad;
using namespace mpad::test;

namespace {

struct Case {
  std::int64_t images, h, w, c, taken;
};
const Case cases[] = {{3, 2, 2, 1, 0},   {1, 1, 1, 1, 0},    {9, 28, 28, 1, 0},  // none taken
                      {1, 1, 1, 1, 1},   {5, 1, 1, 1, 3},    {6, 1, 1, 3, 7},
                      {3, 1, 2, 1, 2},   {3, 2, 1, 1, 2},  // of one or two pixels
                      {4, 1, 3, 1, 5},   {4, 1, 4, 1, 5},    {4, 5, 1, 1, 5},
                      {4, 1, 7, 1, 5},   {4, 2, 4, 1, 5},    {4, 3, 3, 1, 5},  // packs
                      {4, 3, 5, 1, 3},   {4, 4, 4, 1, 3},    {4, 1, 17, 1, 3},
                      {4, 1, 17, 2, 16}, {2, 11, 13, 1, 4},  // and primes
                      {3, 2, 3, 2, 5},   {3, 2, 3, 4, 5},    {3, 3, 2, 5, 5},
                      {3, 2, 2, 8, 5},   {3, 2, 2, 17, 5},   {7, 5, 5, 4, 7},  // channels
                      {2, 1, 127, 1, 3}, {2, 8, 16, 1, 3},   {2, 3, 43, 1, 3},
                      {2, 16, 16, 1, 3}, {2, 32, 32, 1, 3},                      // 128 threads
                      {2, 31, 33, 1, 3}, {2, 33, 32, 1, 3},  {2, 10, 37, 3, 2},  // with packs of 8
                      {5, 3, 7, 3, 4},   {9, 28, 28, 1, 33}, {2, 32, 32, 3, 50},
                      {40, 9, 9, 1, 17}, {300, 2, 2, 1, 257}};  // and many images

struct Problem {
  Case c;
  Tensor bytes, indices, table;
};

Problem make(const Case& c, DType dtype) {
  const Tensor bytes({c.images, c.h, c.w, c.c}, DType::u8), indices({c.taken}, DType::i32);
  const auto pixels = bytes.span<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(Philox(1, i).word[0]);
  const auto index = indices.span<std::int32_t>();
  for (std::size_t i = 0; i < index.size(); ++i)
    index[i] = static_cast<std::int32_t>(uniform_below(Philox(2, i).word[0], static_cast<std::uint32_t>(c.images)));
  return {c, bytes, indices, random_tensor({c.c, 256}, dtype, 3)};
}

template <class Where>
Tensor compute(Where where, const Problem& p) {
  return run_kernel(where, {p.bytes, p.indices, p.table}, {{{p.c.taken, p.c.h, p.c.w, p.c.c}, p.table.dtype()}},
                    [where](auto in, auto out) { kernels::gather_images(where, in[0], in[1], in[2], out[0]); })[0];
}

std::vector<double> reference(const Problem& p) {
  const std::vector<double> bytes = p.bytes.values(), indices = p.indices.values(), table = p.table.values();
  const auto channels = static_cast<std::size_t>(p.c.c), size = static_cast<std::size_t>(p.c.h * p.c.w) * channels;
  std::vector<double> y;
  for (double image : indices)
    for (std::size_t j = 0; j < size; ++j)
      y.push_back(
          table[j % channels * 256 + static_cast<std::size_t>(bytes[static_cast<std::size_t>(image) * size + j])]);
  return y;
}

template <class Where>
Tensor augmented(Where where, const kernels::CropFlip& draw, const Problem& p) {
  return run_kernel(where, {p.bytes, p.indices, p.table}, {{{p.c.taken, p.c.h, p.c.w, p.c.c}, p.table.dtype()}},
                    [&](auto in, auto out) { kernels::augment_images(where, draw, in[0], in[1], in[2], out[0]); })[0];
}

// Each image padded with zeros as a whole, then cropped, then mirrored.
std::vector<double> augmented_reference(const kernels::CropFlip& draw, const Problem& p) {
  const std::vector<double> bytes = p.bytes.values(), indices = p.indices.values(), table = p.table.values();
  const std::int64_t pad = draw.pad, h = p.c.h, w = p.c.w, c = p.c.c, width = w + 2 * pad;
  std::vector<double> y;
  for (const double index : indices) {
    std::vector<double> padded(static_cast<std::size_t>((h + 2 * pad) * width * c));
    for (std::int64_t row = 0; row < h; ++row)
      std::copy_n(bytes.begin() + ((static_cast<std::int64_t>(index) * h + row) * w) * c, w * c,
                  padded.begin() + ((row + pad) * width + pad) * c);
    const Philox random(draw.seed, static_cast<std::uint64_t>(index), draw.stream);
    const auto shifts = static_cast<std::uint32_t>(2 * pad + 1);
    const std::int64_t top = uniform_below(random.word[0], shifts), left = uniform_below(random.word[1], shifts);
    const bool mirrored = draw.flip && random.word[2] >= 0x80000000u;
    for (std::int64_t row = 0; row < h; ++row)
      for (std::int64_t column = 0; column < w; ++column)
        for (std::int64_t k = 0; k < c; ++k) {
          const std::int64_t x = left + (mirrored ? w - 1 - column : column);
          const double byte = padded[static_cast<std::size_t>(((top + row) * width + x) * c + k)];
          y.push_back(table[static_cast<std::size_t>(256 * k) + static_cast<std::size_t>(byte)]);
        }
  }
  return y;
}

}  // namespace

TEST_CASE("each pixel of each named image is looked up in the table of its channel") {
  for (const Case& c : cases)
    for (DType dtype : real_dtypes) {
      INFO(to_string(dtype) << ' ' << c.taken << " of " << c.images << ',' << c.h << ',' << c.w << ',' << c.c);
      const Problem p = make(c, dtype);
      on_each_backend([&](auto where) { CHECK(compute(where, p).values() == reference(p)); });
    }
}

TEST_CASE("images may repeat, in any order") {
  const Tensor bytes({3, 1, 2, 1}, DType::u8), table({1, 256}, DType::f32);
  const std::uint8_t pixels[] = {0, 1, 128, 127, 255, 254};
  std::copy(std::begin(pixels), std::end(pixels), bytes.span<std::uint8_t>().begin());
  for (std::size_t byte = 0; byte < 256; ++byte) table.span<float>()[byte] = static_cast<float>(byte) - 0.5f;
  const Problem p{{3, 1, 2, 1, 4}, bytes, Tensor::from(std::vector<std::int32_t>{2, 0, 2, 1}, {4}), table};
  on_each_backend([&](auto where) {
    CHECK(compute(where, p).values() == std::vector<double>{254.5, 253.5, -0.5, 0.5, 254.5, 253.5, 127.5, 126.5});
  });
}

TEST_CASE("1, 2 and 4 threads gather the same images") {
  for (DType dtype : real_dtypes) {
    const Problem p = make({20, 13, 11, 3, 130}, dtype);
    with_threads(
        [&] { CHECK(on(Device::cpu, [&](auto where) { return compute(where, p); }).values() == reference(p)); });
  }
}

TEST_CASE("images are shifted and mirrored as their index draws") {
  for (const Case& c : cases)
    for (const kernels::CropFlip& draw :
         {kernels::CropFlip{1, 2, 1, true}, {3, 1ull << 40, 4, false}, {5, 6, 0, true}}) {
      INFO(c.taken << " of " << c.images << ',' << c.h << ',' << c.w << ',' << c.c << " pad " << draw.pad);
      for (DType dtype : real_dtypes) {
        const Problem p = make(c, dtype);
        on_each_backend([&](auto where) { CHECK(augmented(where, draw, p).values() == augmented_reference(draw, p)); });
      }
    }
}

TEST_CASE("a key in memory stands for the seed and stream that were given") {
  const kernels::CropFlip given{1, 2, 4, true};
  const Problem p = make({9, 11, 6, 3, 20}, DType::f32);
  for (const std::uint64_t seed : {std::uint64_t{1}, ~std::uint64_t{0}}) {
    const Tensor key({2}, DType::u64);
    key.span<std::uint64_t>()[0] = seed;
    key.span<std::uint64_t>()[1] = 1ull << 40;
    const std::vector<double> want = augmented_reference({seed, 1ull << 40, given.pad, given.flip}, p);
    CHECK(want != augmented_reference(given, p));
    on_each_backend([&](auto where) {
      const Tensor y = run_kernel(
          where, {p.bytes, p.indices, p.table, key}, {{{p.c.taken, p.c.h, p.c.w, p.c.c}, p.table.dtype()}},
          [&](auto in, auto out) { kernels::augment_images(where, given, in[0], in[1], in[2], out[0], in[3]); })[0];
      CHECK(y.values() == want);
    });
  }
}

TEST_CASE("augmentation that does nothing gathers images") {
  const Problem p = make({9, 11, 6, 3, 20}, DType::f32);
  on_each_backend([&](auto where) { CHECK(augmented(where, {7, 8, 0, false}, p).values() == reference(p)); });
}

TEST_CASE("1, 2 and 4 threads augment alike") {
  const Problem p = make({20, 13, 11, 3, 130}, DType::f32);
  const kernels::CropFlip draw{1, 2, 4, true};
  with_threads([&] {
    CHECK(on(Device::cpu, [&](auto where) { return augmented(where, draw, p); }).values() ==
          augmented_reference(draw, p));
  });
}

TEST_CASE("every shift and both sides come up alike") {
  // One bright pixel in the middle of 5x5 shows where an image went; at the edge, which way round it is.
  constexpr int count = 9000;
  const Tensor bytes = Tensor::full({count, 5, 5, 2}, 0, DType::u8), indices({count}, DType::i32);
  const Tensor table = Tensor::zeros({2, 256}, DType::f64);
  for (std::size_t i = 0; i < count; ++i) {
    indices.span<std::int32_t>()[i] = static_cast<std::int32_t>(i);
    bytes.span<std::uint8_t>()[50 * i + 24] = 1;  // channel 0 of (2, 2)
    for (std::size_t row = 0; row < 5; ++row)     // channel 1: its left edge, and the column beside
      for (std::size_t column = 0; column < 2; ++column)
        bytes.span<std::uint8_t>()[50 * i + 10 * row + 2 * column + 1] = 1;
  }
  for (std::size_t channel : {0, 1}) table.span<double>()[256 * channel + 1] = 1;
  const std::vector<double> y = on(Device::cpu, [&](auto where) {
    return augmented(where, {11, 12, 1, true}, {{count, 5, 5, 2, count}, bytes, indices, table}).values();
  });
  std::vector<int> seen(18);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t place = 0;
    for (std::size_t at = 0; at < 25; ++at)
      if (y[50 * i + 2 * at] == 1) place = at;
    const bool mirrored = y[50 * i + 2 * (5 * 2 + 4) + 1] == 1 || y[50 * i + 2 * (5 * 2 + 3) + 1] == 1;
    ++seen[2 * (3 * (place / 5 - 1) + place % 5 - 1) + (mirrored ? 1 : 0)];
  }
  // Each is binomial(9000, 1/18): mean 500, standard deviation 21.7; five of them either way.
  for (const int times : seen) CHECK(std::abs(times - 500) < 109);
}

TEST_CASE("labels are those of the named images") {
  for (const std::int64_t taken : element_sizes()) {
    const Tensor labels({7}, DType::i32), indices({taken}, DType::i32);
    for (std::size_t i = 0; i < 7; ++i) labels.span<std::int32_t>()[i] = 90 - static_cast<std::int32_t>(i);
    std::vector<double> want;
    for (std::int32_t& index : indices.span<std::int32_t>()) {
      index = static_cast<std::int32_t>(uniform_below(Philox(4, want.size()).word[0], 7));
      want.push_back(90 - index);
    }
    on_each_backend([&](auto where) {
      const auto gather = [where](auto in, auto out) { kernels::gather_labels(where, in[0], in[1], out[0]); };
      CHECK(run_kernel(where, {labels, indices}, {{{taken}, DType::i32}}, gather)[0].values() == want);
    });
  }
}
