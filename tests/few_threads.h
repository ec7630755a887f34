// SPDX-License-Identifier: MIT
#pragma once
#include "catch.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace mpad::test {

/// While it lives, the process has addresses for the stacks of some dozens of threads more, and no others. Tests that
/// use it are [large]: sanitizers need more.
class FewThreads {
 public:
  FewThreads() {
    REQUIRE(getrlimit(RLIMIT_AS, &before_) == 0);
    rlim_t pages = 0;
    REQUIRE(std::ifstream("/proc/self/statm") >> pages);
    rlimit few = before_;
    few.rlim_cur = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (rlim_t{200} << 20);
    REQUIRE(setrlimit(RLIMIT_AS, &few) == 0);
  }
  ~FewThreads() { setrlimit(RLIMIT_AS, &before_); }
  FewThreads(const FewThreads&) = delete;
  FewThreads& operator=(const FewThreads&) = delete;

 private:
  rlimit before_{};
};

}  // namespace mpad::test
