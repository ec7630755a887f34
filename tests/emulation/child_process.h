// SPDX-License-Identifier: MIT
// Runs what is expected to end the process in a child of it.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "../catch.h"

namespace mpad::test {

struct ChildResult {
  bool survived = false;
  std::string report;  // what it wrote to standard error
};

inline ChildResult run_in_child(const std::function<void()>& deed) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(STDOUT_FILENO);
    deed();
    _exit(0);
  }
  close(ends[1]);
  ChildResult result;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;)
    result.report.append(buffer, static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.survived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return result;
}

}  // namespace mpad::test
