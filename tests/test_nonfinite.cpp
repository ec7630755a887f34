// SPDX-License-Identifier: MIT
#include "kernel_run.h"

#include <mpad/ops.h>

#include <kernels.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("infinities and NaNs are counted, wherever they are, and nothing else is") {
  const double most[] = {65504, 3.4028234663852886e38, 1.7976931348623157e308}, least[] = {0x1p-24, 0x1p-149, 5e-324};
  for (const DType dtype : real_dtypes)
    // A block of a GPU takes 4096; the last are several pieces of the CPU's.
    for (const std::int64_t size : element_sizes({4095, 4096, 4097, 40009})) {
      std::vector<double> values = random_tensor({size}, dtype, 1).values();
      const auto kind = static_cast<std::size_t>(dtype == DType::f16 ? 0 : dtype == DType::f32 ? 1 : 2);
      const double finite[] = {most[kind], -most[kind], least[kind], 0.0, -0.0};
      const double bad[] = {HUGE_VAL, -HUGE_VAL, std::nan("")};
      std::int32_t want = 0;
      for (std::size_t i = 0; i < values.size(); i += 3) values[i] = finite[i % 5];
      // The ends, and every 97th.
      for (std::size_t i = 0; i < values.size(); ++i)
        if (i % 97 == 0 || i + 1 == values.size()) {
          values[i] = bad[i % 3];
          ++want;
        }
      const Tensor x = Tensor::from(values, {size}, dtype);
      on_each_backend([&](auto where) {
        INFO(name_of(where) << ' ' << to_string(dtype) << ' ' << size);
        const std::vector<Tensor> got = run_kernel(where, {x}, {Output{{}, DType::i32}}, [where](auto in, auto out) {
          kernels::count_nonfinite(where, in[0], out[0]);
        });
        CHECK(got[0].values() == std::vector<double>{static_cast<double>(want)});
      });
      for (const Device device : devices()) CHECK(count_nonfinite(x.to(device)) == want);
    }
  CHECK_THROWS_WITH(count_nonfinite(Tensor({1}, DType::i32)),
                    "count_nonfinite: expected half, float or double, got i32");
}

TEST_CASE("a piece of an array is counted alone, whatever its place") {
  const Tensor x = Tensor::from({HUGE_VAL, 1, HUGE_VAL, 2, 3, 4, 5, 6, 7, 8, 9, HUGE_VAL}, {12}, DType::f32);
  for (const Device device : devices()) {
    const Tensor there = x.to(device);
    CHECK(count_nonfinite(there.slice(1, {10})) == 1);
    CHECK(count_nonfinite(there.slice(3, {8})) == 0);
    CHECK(count_nonfinite(there.slice(2, {10})) == 2);
  }
}
