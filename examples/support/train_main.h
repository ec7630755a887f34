// SPDX-License-Identifier: MIT
#pragma once
#include "recipe.h"

namespace mpad {

/// The main function of a training program: trains as the command line says, shows progress on standard error and one
/// line of summary on standard output. Returns 0, or 1 if the training failed, or 2 if the command line is wrong, after
/// one line on standard error that says why.
int train_main(const Recipe& recipe, int argc, const char* const* argv);

}  // namespace mpad
