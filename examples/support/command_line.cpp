// SPDX-License-Identifier: MIT
#include "command_line.h"

#include "help_format.h"

#include <mpad/core/check.h>
#include <mpad/core/suggest.h>
#include <mpad/version.h>

#include <fmt/ranges.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace mpad {
namespace {

enum ExitCode { succeeded = 0, failed = 1, misused = 2 };

void refuse_extras(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  if (extras.empty()) return;
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  const std::vector<std::string_view> views(names.begin(), names.end());
  fail("expected an option, got '{}'{}; --help lists them", extras[0], suggest(extras[0], views));
}

// The parser would take the next option for the value.
void refuse_empty_values(int argc, const char* const* argv) {
  for (const std::string_view argument : std::span(argv, static_cast<std::size_t>(argc)).subspan(1))
    require(!argument.starts_with("--") || !argument.ends_with('='), "{}: expected a value, got none",
            argument.substr(0, argument.size() - 1));
}

// What was printed is kept in memory until now, or until there is much of it.
void finish_output() {
  const bool flushed = std::fflush(stdout) == 0;
  require(flushed, "cannot write standard output: {}", std::strerror(errno));
  require(std::ferror(stdout) == 0, "cannot write standard output: some of it is lost");
}

int report(const std::string& name, const std::exception& error, ExitCode code) {
  std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
  return code;
}

}  // namespace

CommandLine::CommandLine(const std::string& name, const std::string& about)
    : parser_(std::make_unique<CLI::App>(about, name)) {
  parser_->formatter(std::make_shared<HelpFormat>());
  parser_->get_formatter()->column_width(46);
  parser_->set_help_flag("-h,--help", "Print this help");
  parser_->set_version_flag("--version", fmt::format("{} {}", name, version()), "Print the version");
  parser_->allow_extras();
}

CommandLine::~CommandLine() = default;

// Reads the arguments into the options; false if they ask for --help or --version, which are printed.
bool CommandLine::parse(int argc, const char* const* argv) {
  refuse_empty_values(argc, argv);
  try {
    parser_->parse(argc, argv);
  } catch (const CLI::Success& request) {
    parser_->exit(request);
    return false;
  } catch (const CLI::ParseError& error) {
    fail("{}", error.what());
  }
  refuse_extras(*parser_);
  return true;
}

int CommandLine::main(int argc, const char* const* argv, const std::function<void(const std::string&)>& finish,
                      const std::function<void()>& run) {
  const std::string name = parser_->get_name();
  bool runs = false;
  try {
    runs = parse(argc, argv);
    if (runs) finish(fmt::format("{}", fmt::join(argv, argv + argc, " ")));
  } catch (const std::exception& error) {
    return report(name, error, misused);
  }
  try {
    if (runs) run();
    finish_output();
  } catch (const std::exception& error) {
    return report(name, error, failed);
  }
  return succeeded;
}

}  // namespace mpad
