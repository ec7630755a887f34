// SPDX-License-Identifier: MIT
// The watch over kernels has to see what it is there for: kernels here are host code that misbehaves on purpose.
#include "kernel_run.h"

using namespace mpad;
using namespace mpad::test;

namespace {

constexpr CpuWith<Isa::portable> cpu;
const Output four_floats{{4}, DType::f32};

}  // namespace

TEST_CASE("a kernel that fills its output gives it back") {
  const Tensor x = Tensor::from({1, 2, 3, 4}, {4});
  const auto copy = [](auto in, auto out) { std::memcpy(out[0].data, in[0].data, 16); };
  CHECK(same_bits(run_kernel(cpu, {x}, {four_floats}, copy)[0], x));
}

TEST_CASE("garbage that a kernel leaves in its output differs from run to run") {
  const GuardedOutput first(four_floats, Device::cpu, 0xFF), second(four_floats, Device::cpu, 0x5A);
  CHECK(std::isnan(first.take().values()[3]));
  CHECK_FALSE(same_bits(first.take(), second.take()));
}

TEST_CASE("the zones around an output notice a write of one byte") {
  const GuardedOutput output(four_floats, Device::cpu, 0x5A);
  CHECK(output.intact());
  auto* bytes = static_cast<std::uint8_t*>(output.view().data);
  for (const int place : {-1, 16, -256, 16 + 255}) {
    bytes[place] = 0;
    CHECK_FALSE(output.intact());
    bytes[place] = 0x5A;
  }
  CHECK(output.intact());
}
