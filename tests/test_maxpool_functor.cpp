// SPDX-License-Identifier: MIT
// A user's tie rule compiled into a CUDA kernel gives the bits of the same rule on the CPU.
#include "maxpool_functor.h"
#include "pool_support.h"

using namespace mpad;
using namespace mpad::test;

TEST_CASE("a functor compiled by the user is the rule that it is on the CPU") {
  if (devices().size() == 1) return;
  const Later rule{0.3};
  // A kernel of its own, and the general one, on windows that a table of weights would be too large for as well.
  for (const Window& window : {Window{3, 2, 1}, Window{3, 1}, Window{4, 2, 1}})
    for (std::int64_t channels : {5, 8}) {
      const Sliding s = slide("test", window, {2, 9, 9, channels});
      const Pooled pooled = pool(Cuda{}, s, random_integers(input_of(s), DType::f32, 1, 3));
      const Tensor grad_y = random_tensor(output_of(s), DType::f32, 2);
      const Tensor got = run_kernel(Cuda{}, {grad_y, pooled.mask}, {{input_of(s), DType::f32}},
                                    [&](auto in, auto out) { unpool_later({}, s, rule, in[0], in[1], out[0]); })[0];
      CHECK(same_bits(got, unpool(CpuWith<Isa::portable>{}, pooled, grad_y, TieRule::custom(rule, "later"))));
    }
}
