// SPDX-License-Identifier: MIT
#pragma once
#include <functional>
#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace mpad {

/// The options of a program, and its main function. The parser behind it takes seconds to compile, so that sources
/// include it only where they call it.
class CommandLine {
 public:
  /// What --help says of the program; without options yet.
  CommandLine(const std::string& name, const std::string& about);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  CLI::App& parser() { return *parser_; }

  /// The main function of a program: reads its arguments, calls `finish` with what a shell would be given (but for
  /// quotes), which checks what was read, and then `run`. Returns 0, or 1 if `run` threw or standard output cannot be
  /// written, or 2 if the command line is wrong, after one line on standard error that says why.
  int main(int argc, const char* const* argv, const std::function<void(const std::string& command)>& finish,
           const std::function<void()>& run);

 private:
  bool parse(int argc, const char* const* argv);

  std::unique_ptr<CLI::App> parser_;
};

}  // namespace mpad
