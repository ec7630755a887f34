// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/random.h>

#include <array>
#include <set>

using namespace mpad;
using namespace mpad::test;

TEST_CASE("a generator repeats, seeks and splits") {
  Rng a(5), b(5);
  std::vector<std::uint32_t> first;
  for (int i = 0; i < 9; ++i) first.push_back(a.word());
  for (std::uint32_t word : first) CHECK(b.word() == word);
  CHECK(a.position() == 9);
  b.seek(3);
  CHECK(b.word() == first[3]);
  CHECK(Rng(5).split(7).word() == Rng(5).split(7).word());
  CHECK(Rng(5).split(7).seed() == 5);
}

TEST_CASE("streams of one seed differ") {
  std::set<std::uint64_t> streams;
  for (std::uint64_t child = 0; child < 1000; ++child) {
    streams.insert(Rng(1).split(child).stream());
    streams.insert(Rng(1).split(3).split(child).stream());
  }
  CHECK(streams.size() == 2000);
}

TEST_CASE("each consumer of the thread's seed gets a stream of its own") {
  set_seed(11);
  const std::uint32_t first = next_rng().word(), second = next_rng().word();
  CHECK(first != second);
  set_seed(11);
  CHECK(next_rng().word() == first);
}

TEST_CASE("a scope hands out the children of its root, and then the thread's source goes on") {
  const Rng root = Rng(3).split(4);
  set_seed(11);
  const std::uint64_t first = next_rng().stream(), second = next_rng().stream();
  set_seed(11);
  CHECK(next_rng().stream() == first);
  {
    const RandomScope outer(root);
    CHECK(next_rng().stream() == root.split(0).stream());
    {
      const RandomScope inner(root.split(9));
      CHECK(next_rng().stream() == root.split(9).split(0).stream());
    }
    CHECK(next_rng().stream() == root.split(1).stream());
    CHECK(next_rng().seed() == 3);
  }
  CHECK(next_rng().stream() == second);
}

TEST_CASE("uniform draws have the moments of the uniform distribution") {
  Rng rng(2);
  constexpr int n = 100000;
  double sum = 0, squares = 0;
  std::array<int, 7> counts{};
  for (int i = 0; i < n; ++i) {
    const double u = rng.uniform();
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    squares += u * u;
    ++counts[rng.below(7)];
  }
  // Five standard deviations: of the mean sqrt(1/12/n), of the mean square sqrt(4/45/n), of a count sqrt(n*6)/7.
  CHECK(std::abs(sum / n - 0.5) < 5 * std::sqrt(1.0 / 12 / n));
  CHECK(std::abs(squares / n - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / n));
  for (int count : counts) CHECK(std::abs(count - n / 7.0) < 5 * std::sqrt(n * 6.0) / 7);
}
