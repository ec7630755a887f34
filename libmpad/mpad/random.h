// SPDX-License-Identifier: MIT
// Where random numbers come from: one seed for each thread, and a fresh stream of it for each consumer.
#pragma once
#include <mpad/tensor.h>

#include <cstdint>
#include <vector>

namespace mpad {

/// A stream of random words, in order, from (seed, stream): small, copyable, and resumable from its position.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  std::uint64_t seed() const { return seed_; }
  std::uint64_t stream() const { return stream_; }
  /// Words drawn so far.
  std::uint64_t position() const { return position_; }
  void seek(std::uint64_t position) { position_ = position; }

  std::uint32_t word();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in {0, ..., count - 1}.
  std::uint32_t below(std::uint32_t count);
  /// 0, ..., count - 1 in an order drawn uniformly (Fisher and Yates).
  std::vector<std::int32_t> permutation(std::int32_t count);
  /// A generator with the same seed and a stream of its own, derived from this one's and `child`.
  Rng split(std::uint64_t child) const;

 private:
  std::uint64_t seed_, stream_, position_ = 0;
};

/// Restarts this thread's source of random streams. Each thread has one, and all begin with seed 0: two that make the
/// same layers draw the same parameters.
void set_seed(std::uint64_t seed);

/// The next unused stream of this thread's source: each layer that draws its parameters takes one, and so does each
/// dropout. Throws Error where a key is the source.
Rng next_rng();

/// The same, as operations take it: a generator, or, where a key is the source, the key and the number of the child
/// that is drawn from when the operation is computed.
struct RandomSource {
  Rng rng{0};
  Tensor key{};
  std::uint64_t child = 0;
};
RandomSource next_source();

/// The seed and the stream of a generator: u64 2, on the CPU.
Tensor key_of(const Rng& rng);

/// While it lives, the children of `root` are this thread's source of streams, in order; it is then as it was. What a
/// step of training draws is so a function of the root alone: a training that gives each step a root of its own
/// continues from any step with the same bits. Scopes nest.
class RandomScope {
 public:
  explicit RandomScope(const Rng& root);
  /// With a root whose key_of() is in memory of the device that draws, and is read then: a step that is recorded as a
  /// graph (step_graph.h) draws in each call by the key that is there, the same bits as from the root itself. Backward
  /// reads it again.
  explicit RandomScope(const Tensor& key);
  ~RandomScope();
  RandomScope(const RandomScope&) = delete;
  RandomScope& operator=(const RandomScope&) = delete;

 private:
  RandomSource outer_;
};

}  // namespace mpad
