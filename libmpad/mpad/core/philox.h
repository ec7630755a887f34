// SPDX-License-Identifier: MIT
// Counter-based random numbers: the same bits on every device, for any number of threads.
#pragma once
#include <mpad/core/types.h>

#include <cstdint>

namespace mpad {

/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four words
/// that are a bijection of the counter under the key.
struct Philox {
  std::uint32_t word[4];

  MPAD_HD constexpr Philox(std::uint64_t key, std::uint64_t counter_low, std::uint64_t counter_high = 0)
      : word{static_cast<std::uint32_t>(counter_low), static_cast<std::uint32_t>(counter_low >> 32),
             static_cast<std::uint32_t>(counter_high), static_cast<std::uint32_t>(counter_high >> 32)} {
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * word[0], p1 = std::uint64_t{0xCD9E8D57u} * word[2];
      const std::uint32_t high0 = static_cast<std::uint32_t>(p0 >> 32), high1 = static_cast<std::uint32_t>(p1 >> 32);
      const std::uint32_t w0 = high1 ^ word[1] ^ k0, w2 = high0 ^ word[3] ^ k1;
      word[1] = static_cast<std::uint32_t>(p1);
      word[3] = static_cast<std::uint32_t>(p0);
      word[0] = w0;
      word[2] = w2;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }
};

/// The stream of child number `child` of (seed, stream). 64 of the 128 bits of (stream, child) under another key:
/// streams meet with a chance of 2^-64 for each pair.
MPAD_HD constexpr std::uint64_t child_stream(std::uint64_t seed, std::uint64_t stream, std::uint64_t child) {
  const Philox derived(~seed, stream, child);
  return (std::uint64_t{derived.word[0]} << 32) | derived.word[1];
}

/// Uniform in [0, 1) with 24 bits, from one word.
MPAD_HD constexpr float uniform_float(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// Uniform in [0, 1) with 53 bits, from two words.
MPAD_HD constexpr double uniform_double(std::uint32_t high, std::uint32_t low) {
  return static_cast<double>(((std::uint64_t{high} << 32) | low) >> 11) * 0x1p-53;
}

/// Uniform in {0, ..., count-1}: the high word of a 32x32 bit product; the bias is below count / 2^32.
MPAD_HD constexpr std::uint32_t uniform_below(std::uint32_t word, std::uint32_t count) {
  return static_cast<std::uint32_t>((std::uint64_t{word} * count) >> 32);
}

}  // namespace mpad
