// SPDX-License-Identifier: MIT
#include "support.h"

#include <array>

using namespace mpad;

namespace {
std::array<std::uint32_t, 4> words(const Philox& p) { return {p.word[0], p.word[1], p.word[2], p.word[3]}; }
using Words = std::array<std::uint32_t, 4>;
}  // namespace

// The known-answer vectors of Random123 (kat_vectors, philox4x32 with 10 rounds). Its words c0..c3 and k0, k1 are the
// low and high halves of our 64-bit arguments.
TEST_CASE("Philox gives the published words") {
  const std::uint64_t ones = ~std::uint64_t{0};
  CHECK(words(Philox(0, 0, 0)) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(words(Philox(ones, ones, ones)) == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(words(Philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e)) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("words become uniform numbers in the half-open range") {
  CHECK(uniform_float(0) == 0);
  CHECK(uniform_float(0xffffffff) == 1 - 0x1p-24f);
  CHECK(uniform_double(0, 0) == 0);
  CHECK(uniform_double(0xffffffff, 0xffffffff) == 1 - 0x1p-53);
  CHECK(uniform_double(0x80000000, 0) == 0.5);
  CHECK(uniform_below(0, 10) == 0);
  CHECK(uniform_below(0xffffffff, 10) == 9);
  CHECK(uniform_below(0x80000000, 10) == 5);
  CHECK(uniform_below(0xffffffff, 1) == 0);
}
