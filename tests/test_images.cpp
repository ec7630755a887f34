// SPDX-License-Identifier: MIT
// Images of bytes gathered by index and looked up in a table.
#include "kernel_run.h"

using namespace mpad;
using namespace mpad::test;

namespace {

struct Case {
  std::int64_t images, h, w, c, taken;
};
// None taken, one, some, more than there are; one channel and several; sizes that are no multiple of a vector.
const Case cases[] = {{1, 1, 1, 1, 1}, {3, 2, 2, 1, 0},    {5, 3, 7, 3, 4},   {9, 28, 28, 1, 33},
                      {7, 5, 5, 4, 7}, {2, 32, 32, 3, 50}, {4, 1, 17, 2, 16}, {40, 9, 9, 1, 17}};

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

TEST_CASE("labels are those of the named images") {
  for (const std::int64_t taken : {0, 1, 300}) {
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
