// SPDX-License-Identifier: MIT
// Operations refuse inputs on several devices, before a kernel touches them.
#include "backends.h"

#include <mpad/ops.h>

using namespace mpad;
using namespace mpad::test;

namespace {

std::string mixed(const char* op, int input, Device first) {
  return fmt::format("{}: expected all inputs on {}, as the first, got input {} on {}", op, to_string(first), input,
                     to_string(first == Device::cpu ? Device::cuda : Device::cpu));
}

}  // namespace

TEST_CASE("each operation of several inputs names the device it expected and the one it got") {
  if (!can_use_cuda()) return;
  for (Device first : devices()) {
    const Device other = first == Device::cpu ? Device::cuda : Device::cpu;
    const auto here = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, first); };
    const auto there = [&](const Shape& shape) { return Tensor::zeros(shape, DType::f32, other); };
    CHECK_THROWS_WITH(add(here({2}), there({2})), mixed("add", 1, first));
    CHECK_THROWS_WITH(concat({here({2}), here({3}), there({4})}), mixed("concat", 2, first));
    CHECK_THROWS_WITH(linear(here({2, 3}), there({4, 3})), mixed("linear", 1, first));
    CHECK_THROWS_WITH(linear(here({2, 3}), here({4, 3}), there({4})), mixed("linear", 2, first));
    const Tensor image = here({1, 4, 4, 2});
    CHECK_THROWS_WITH(conv2d(image, there({3, 2, 2, 2})), mixed("conv2d", 1, first));
    CHECK_THROWS_WITH(conv2d(image, here({3, 2, 2, 2}), there({3})), mixed("conv2d", 2, first));
    const Tensor labels = Tensor::zeros({2}, DType::i32, other), logits = here({2, 5});
    CHECK_THROWS_WITH(cross_entropy(logits, labels), mixed("cross_entropy", 1, first));
    CHECK_THROWS_WITH(count_correct(logits, labels), mixed("count_correct", 1, first));
    for (int wrong = 1; wrong <= 4; ++wrong) {
      const auto at = [&](int input) { return input == wrong ? there({2}) : here({2}); };
      CHECK_THROWS_WITH(batch_norm(image, at(1), at(2), at(3), at(4)), mixed("batch_norm", wrong, first));
    }
  }
}

TEST_CASE("inputs that are left out are on no device") {
  for (Device device : devices()) {
    const Tensor x = Tensor::full({1, 2}, 2, DType::f32, device), weight = Tensor::full({1, 2}, 3, DType::f32, device);
    CHECK(linear(x, weight, {}).values() == std::vector<double>{12});
  }
}
