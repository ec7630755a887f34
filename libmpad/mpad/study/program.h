// SPDX-License-Identifier: MIT
#pragma once
#include <mpad/choices.h>

#include <string>

namespace mpad {

/// What the study calls a program: a way to differentiate a network, under a name. Programs compute the same function.
struct Program {
  std::string name{};
  Choices choices{};
};

/// Reads a tie rule (native, minimal, beta:B, ...), relu0:A for ReLU'(0) or norm:C for the derivative of norm pools
/// at 0; what it does not say is as in the network. Throws Error, naming the option, on anything else.
Program parse_program(const std::string& option, const std::string& text);

}  // namespace mpad
