// SPDX-License-Identifier: MIT
#include "pool_geometries.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("the composed pool rounds each operation of the study to half") {
  // beta = 1000 on 3 tied maxima of 1.5: 1500 - 1498.5 rounds to 1500 - 1498 = 2 in half.
  const Tensor x = Tensor::from({1.5, 1.5, 0, 1.5}, {1, 2, 2, 1}, DType::f16);
  const MaxPool2dOptions options{
      .ties = TieRule::beta(1000), .forward = PoolForward::composed, .backward = PoolBackward::composed};
  CHECK(maxpool2d(x, options).values() == std::vector<double>{2});
  // g = 1: 1000 / 3 = 333.33 rounds to 333.25; -999 + 333.25 = -665.75 rounds to -666. The weights sum to 0.5, not 1.
  const std::vector<double> gradient = gradients_of([&](const auto& in) { return maxpool2d(in[0], options); }, {x},
                                                    Tensor::full({1, 1, 1, 1}, 1, DType::f16))[0]
                                           .values();
  CHECK(gradient == std::vector<double>{-666, 333.25, 0, 333.25});
}

TEST_CASE("in double the composed pool is the pool") {
  const Tensor x = Tensor::from({2, 2, 1, 2}, {1, 2, 2, 1}, DType::f64);
  for (double beta : {0.0, 0.5, 1.0, 4.0}) {
    const MaxPool2dOptions options{
        .ties = TieRule::beta(beta), .forward = PoolForward::composed, .backward = PoolBackward::composed};
    CHECK(maxpool2d(x, options).values() == std::vector<double>{2});
    const std::vector<double> gradient = gradients_of([&](const auto& in) { return maxpool2d(in[0], options); }, {x},
                                                      Tensor::full({1, 1, 1, 1}, 3, DType::f64))[0]
                                             .values();
    const double share = beta * 3 / 3;
    CHECK(gradient == std::vector<double>{share + (1 - beta) * 3, share, 0, share});
  }
}

TEST_CASE("the composed backward has the same bits on every backend") {
  for (const Geometry& g : geometries)
    for (DType dtype : real_dtypes) {
      const Sliding s = g.sliding();
      const Tensor x = random_integers(g.input, dtype, 41, 3),
                   grad_y = random_tensor({s.n, s.oh, s.ow, s.c}, dtype, 42);
      const Pooled pooled = pool(CpuWith<Isa::portable>{}, s, x);
      const auto run = [&](auto where) {
        const std::vector<Output> outputs{{output_of(s), dtype}, {output_of(s), pooled.mask.dtype()}};
        std::vector<Tensor> results = run_kernel(where, {x}, outputs, [&](auto in, auto out) {
          kernels::maxpool_composed_forward(where, s, 3.7, in[0], out[0], out[1]);
        });
        CHECK(same_bits(results[1], pooled.mask));
        const std::vector<Output> gradient{{input_of(s), dtype}};
        results.push_back(run_kernel(where, {grad_y, pooled.mask}, gradient, [&](auto in, auto out) {
          kernels::maxpool_composed_backward(where, s, 3.7, in[0], in[1], out[0]);
        })[0]);
        return results;
      };
      const std::vector<Tensor> want = run(CpuWith<Isa::portable>{});
      on_each_backend([&](auto where) {
        const std::vector<Tensor> got = run(where);
        INFO(to_string(g) << ' ' << to_string(dtype));
        CHECK(same_bits(got[0], want[0]));
        CHECK(same_bits(got[2], want[2]));
      });
    }
}
