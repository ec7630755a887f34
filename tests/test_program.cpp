// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/study/program.h>

using namespace mpad;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a program is a tie rule, a derivative of ReLU or one of norm pools") {
  const Program minimal = parse_program("--first", "minimal"), beta = parse_program("--first", "beta:10");
  CHECK(minimal.name == "minimal");
  CHECK(minimal.choices.ties->kind() == TieRule::Kind::minimal);
  CHECK_FALSE(minimal.choices.relu0);
  CHECK_FALSE(minimal.choices.norm_at_zero);
  CHECK(beta.name == "beta:10");
  CHECK(beta.choices.ties->beta() == 10);
  const Program relu = parse_program("--second", "relu0:0.50"), norm = parse_program("--second", "norm:-1");
  CHECK(relu.name == "relu0:0.5");
  CHECK(relu.choices.relu0 == 0.5);
  CHECK_FALSE(relu.choices.ties);
  CHECK(norm.name == "norm:-1");
  CHECK(norm.choices.norm_at_zero == -1);
  CHECK_FALSE(norm.choices.ties);
}

TEST_CASE("what is no program is refused by the option's name") {
  CHECK_THROWS_WITH(parse_program("--second", "relu0:x"), "--second: expected a finite number after 'relu0:', got 'x'");
  CHECK_THROWS_WITH(parse_program("--second", "norm:inf"),
                    "--second: expected a finite number after 'norm:', got 'inf'");
  CHECK_THROWS_WITH(parse_program("--first", "minimum"),
                    ContainsSubstring("--first: ") && ContainsSubstring("relu0:A or norm:C"));
}
