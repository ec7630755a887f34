// SPDX-License-Identifier: MIT
#include "few_threads.h"
#include "support.h"

#include <mpad/core/parallel.h>

#include <atomic>
#include <thread>

using namespace mpad;

namespace {

// Sets the number of threads for one test, and restores it.
struct Threads {
  explicit Threads(int threads) { set_num_threads(threads); }
  ~Threads() { set_num_threads(before); }
  int before = num_threads();
};

bool covers_once(std::int64_t count, std::int64_t grain) {
  std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
  std::atomic<bool> fits = true;
  parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
    if (begin % grain != 0 || end - begin > grain || (end != count && end - begin != grain)) fits = false;
    for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
  });
  bool once = fits;
  for (const auto& v : visits) once = once && v == 1;
  return once;
}

}  // namespace

TEST_CASE("every index is visited once, in pieces that do not depend on the threads") {
  for (int threads : {1, 2, 4}) {
    const Threads set(threads);
    CHECK(num_threads() == threads);
    for (std::int64_t count : {1, 2, 7, 64, 1000, 4097})
      for (std::int64_t grain : {1, 3, 64, 5000}) CHECK(covers_once(count, grain));
  }
}

TEST_CASE("a loop over nothing calls nothing, and a grain of 0 counts as 1") {
  int calls = 0;
  parallel_for(0, 4, [&](std::int64_t, std::int64_t) { ++calls; });
  parallel_for(-3, 4, [&](std::int64_t, std::int64_t) { ++calls; });
  CHECK(calls == 0);
  std::atomic<int> sum = 0;
  parallel_for(5, 0, [&](std::int64_t begin, std::int64_t) { sum += static_cast<int>(begin); });
  CHECK(sum == 10);
}

TEST_CASE("many short loops") {
  const Threads set(4);
  std::atomic<std::int64_t> sum = 0;
  for (int loop = 0; loop < 20000; ++loop)
    parallel_for(3, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
  CHECK(sum == 60000);
}

TEST_CASE("the exception of the first piece that throws reaches the caller, after all pieces ran") {
  for (int threads : {1, 2, 4}) {
    const Threads set(threads);
    std::atomic<int> ran = 0;
    const auto loop = [&] {
      parallel_for(100, 1, [&](std::int64_t i, std::int64_t) {
        ++ran;
        if (i % 10 == 7) throw Error("piece " + std::to_string(i));
      });
    };
    CHECK_THROWS_WITH(loop(), "piece 7");
    CHECK(ran == 100);
    CHECK(covers_once(100, 3));
  }
}

TEST_CASE("a nested loop runs on its own thread") {
  const Threads set(4);
  std::atomic<int> visits = 0;
  std::atomic<bool> stayed = true;
  parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
    const auto outer = std::this_thread::get_id();
    parallel_for(8, 1, [&](std::int64_t, std::int64_t) {
      ++visits;
      if (std::this_thread::get_id() != outer) stayed = false;
    });
  });
  CHECK(visits == 64);
  CHECK(stayed);
}

TEST_CASE("loops of several threads at once") {
  const Threads set(2);
  std::atomic<int> good = 0;
  std::vector<std::thread> users;
  for (int user = 0; user < 3; ++user)
    users.emplace_back([&] {
      for (int loop = 0; loop < 200; ++loop) good += covers_once(100, 9);
    });
  for (int i = 0; i < 20; ++i) set_num_threads(1 + i % 3);
  for (std::thread& user : users) user.join();
  CHECK(good == 600);
}

TEST_CASE("a number of threads out of range is an error") {
  CHECK_THROWS_WITH(set_num_threads(-1), "threads: expected 1 to 1024, or 0 for one per core, got -1");
  CHECK_THROWS_AS(set_num_threads(1025), Error);
  const Threads set(2);
  CHECK_THROWS_WITH(parallel_for(2, 1, [](std::int64_t, std::int64_t) { set_num_threads(3); }),
                    "threads: expected set_num_threads outside parallel loops, got a call in one");
  CHECK(num_threads() == 2);
  set_num_threads(0);
  CHECK(num_threads() >= 1);
}

TEST_CASE("more threads than the system has are an error that says so, and those that it has compute", "[large]") {
  const Threads restored(2);
  {
    const test::FewThreads few;
    CHECK_THROWS_WITH(set_num_threads(1024), Catch::Matchers::StartsWith("threads: cannot start 1024: "));
  }
  CHECK(num_threads() > 1);
  CHECK(num_threads() < 1024);
  CHECK(covers_once(1000, 3));
}
