// SPDX-License-Identifier: MIT
#pragma once
#include <CLI/CLI.hpp>

#include <functional>
#include <memory>
#include <string>

namespace mpad {

/// A program's command line, without options yet.
std::unique_ptr<CLI::App> make_app(const std::string& name, const std::string& about);

/// Reads the command line into the options; false if it asked for --help or --version, which are printed. Throws Error
/// on anything that is no option of the program.
bool parse(CLI::App& app, int argc, const char* const* argv);

/// What a shell would be given, but for quotes.
std::string command_line(int argc, const char* const* argv);

/// The main function of a program: reads the command line, calls `finish`, which checks what was read, and then `run`.
/// Returns 0, or 1 if `run` threw, or 2 if the command line is wrong, after one line on standard error that says why.
int program_main(CLI::App& app, int argc, const char* const* argv, const std::function<void()>& finish,
                 const std::function<void()>& run);

}  // namespace mpad
