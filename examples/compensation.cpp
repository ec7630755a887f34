// SPDX-License-Identifier: MIT
// The study's introduction: a function that is 0, and its derivatives by backpropagation: compensation --help.
#include "support/command_line.h"
#include "support/option_group.h"

#include <mpad/study/compensation.h>
#include <mpad/train/output_directory.h>

using namespace mpad;

namespace {

constexpr const char* name = "compensation";
constexpr const char* file = "compensation.csv";

void print(const std::vector<Compensation>& found) {
  constexpr const char* line = "{:>4}  {:<10}  {:>7}  {:>5}  {:>22}  {:>14}\n";
  fmt::print(line, "bits", "x", "t", "value", "derivative", "over the reals");
  for (const Compensation& c : found)
    fmt::print(line, bits_of(c.dtype), c.x, c.t, c.value, c.derivative, c.real_derivative);
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line(name, "Differentiates zero(t) = max1(t * x) - max2(t * x), which is 0, in each precision.");
  Output output{.resumable = false};
  bool force = false;
  Group group(line, "Results");
  group.text("--out", "DIR", output.directory, fmt::format("Write {} and run.json here", file));
  group.flag("--force", force, "Overwrite what is in --out");
  const auto finish = [&](const std::string& command) {
    require(!force || !output.directory.empty(), "--force: expected --out DIR");
    output.existing = force ? Existing::overwrite : Existing::refuse;
    output.command = command;
  };
  return line.main(argc, argv, finish, [&] {
    const OutputDirectory out(output, {}, std::vector<std::string>{file});
    const std::vector<Compensation> found = compensations();
    print(found);
    out.write(file, compensation_csv(found));
  });
}
