// SPDX-License-Identifier: MIT
// Rows of tables, read and written at a place that the device counts.
#include "backends.h"

using namespace mpad;
using namespace mpad::test;

namespace {

// A table of rows of so many elements, filled with bits of its own.
Tensor table_of(std::int64_t rows, std::int64_t width, DType dtype, std::uint64_t seed) {
  const Tensor table({rows, width}, dtype);
  auto* bytes = static_cast<std::uint8_t*>(table.view().data);
  for (std::size_t i = 0; i < table.bytes(); ++i) bytes[i] = static_cast<std::uint8_t>(Philox(seed, i).word[0]);
  return table;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  const Tensor on_cpu = a.to(Device::cpu), want = b.to(Device::cpu);
  return on_cpu.bytes() == want.bytes() && std::memcmp(on_cpu.view().data, want.view().data, want.bytes()) == 0;
}

struct Kind {
  DType dtype;
  std::int64_t width;
};

// One element, one of each size, less and more than a block of threads.
const Kind kinds[] = {{DType::f16, 1}, {DType::f32, 1},  {DType::f64, 4},  {DType::i32, 128}, {DType::u8, 1},
                      {DType::u8, 7},  {DType::u64, 33}, {DType::i32, 64}, {DType::i32, 65},  {DType::f64, 300}};

constexpr std::int64_t rows = 5;

}  // namespace

TEST_CASE("the row at the place is read, of two tables, and nothing else moves") {
  for (const Kind& a : kinds)
    for (const Kind& b : kinds)
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(a.dtype) << ' ' << a.width << ", " << to_string(b.dtype) << ' '
                            << b.width);
        const Device device = device_of(where);
        const Tensor table_a = table_of(rows, a.width, a.dtype, 1), table_b = table_of(rows, b.width, b.dtype, 2);
        const Tensor from_a = table_a.to(device), from_b = table_b.to(device);
        const Tensor row_a({a.width}, a.dtype, device), row_b({b.width}, b.dtype, device);
        for (const std::int64_t place : {std::int64_t{0}, std::int64_t{3}, rows - 1}) {
          const Tensor at = Tensor::from(std::vector{static_cast<std::int32_t>(place)}, {1}).to(device);
          kernels::read_rows(where, at.view(), {{{from_a.view(), row_a.view()}, {from_b.view(), row_b.view()}, {}}});
          CHECK(same_bytes(row_a, table_a.slice(place * a.width, {a.width})));
          CHECK(same_bytes(row_b, table_b.slice(place * b.width, {b.width})));
          CHECK(at.to(Device::cpu).span<std::int32_t>()[0] == place);
        }
        CHECK(same_bytes(from_a, table_a));
        CHECK(same_bytes(from_b, table_b));
      });
}

TEST_CASE("rows are written one behind the other, and nothing beside them") {
  for (const Kind& a : kinds)
    for (const Kind& b : {kinds[0], kinds[3], kinds[9]})
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(a.dtype) << ' ' << a.width << ", " << to_string(b.dtype) << ' '
                            << b.width);
        const Device device = device_of(where);
        const Tensor want_a = table_of(rows, a.width, a.dtype, 3), want_b = table_of(rows, b.width, b.dtype, 4);
        const Tensor table_a = want_a.clone().to(device).clone(), table_b = want_b.clone().to(device).clone();
        const Tensor at = Tensor::from(std::vector{1}, {1}).to(device).clone();
        for (const std::int64_t place : {1, 2}) {
          const Tensor row_a = table_of(1, a.width, a.dtype, static_cast<std::uint64_t>(5 + place)),
                       row_b = table_of(1, b.width, b.dtype, static_cast<std::uint64_t>(8 + place));
          want_a.slice(place * a.width, row_a.shape()).copy_from(row_a);
          want_b.slice(place * b.width, row_b.shape()).copy_from(row_b);
          kernels::write_rows(
              where, at.view(),
              {{{table_a.view(), row_a.to(device).view()}, {table_b.view(), row_b.to(device).view()}, {}}});
        }
        CHECK(same_bytes(table_a, want_a));
        CHECK(same_bytes(table_b, want_b));
        CHECK(at.to(Device::cpu).span<std::int32_t>()[0] == 3);
      });
}

TEST_CASE("a third table is read and written too, and one that has no data is left out wherever it stands") {
  for (const Kind& kind : kinds)
    on_each_backend([&](auto where) {
      INFO(name_of(where) << ' ' << to_string(kind.dtype) << ' ' << kind.width);
      const Device device = device_of(where);
      const Tensor want = table_of(rows, kind.width, kind.dtype, 5), from = want.to(device);
      const Tensor table = Tensor::zeros({rows, kind.width}, kind.dtype, device);
      for (const std::size_t place : {0, 1, 2}) {
        const Tensor at = Tensor::from(std::vector{static_cast<std::int32_t>(place)}, {1}).to(device).clone();
        const Tensor row({kind.width}, kind.dtype, device);
        std::array<kernels::TableRow, 3> read{}, written{};
        read[place] = {from.view(), row.view()};
        written[place] = {table.view(), row.view()};
        kernels::read_rows(where, at.view(), read);
        kernels::write_rows(where, at.view(), written);
        CHECK(at.item() == static_cast<double>(place + 1));
      }
      const std::int64_t three = 3 * kind.width, rest = (rows - 3) * kind.width;
      CHECK(same_bytes(table.slice(0, {three}), want.slice(0, {three})));
      CHECK(same_bytes(table.slice(three, {rest}), Tensor::zeros({rest}, kind.dtype)));
    });
}
