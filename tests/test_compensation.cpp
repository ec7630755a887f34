// SPDX-License-Identifier: MIT
#include "support.h"

#include <mpad/study/compensation.h>

#include <map>

using namespace mpad;

TEST_CASE("zero is 0 everywhere, and its derivative is what rounding leaves of 0") {
  const std::map<DType, double> residues{{DType::f16, 0}, {DType::f32, 5.960464477539063e-08}, {DType::f64, 0x1p-53}};
  int rows = 0;
  for (const Compensation& c : compensations()) {
    if (c.x != "equal") continue;
    INFO(to_string(c.dtype) << " at " << c.t);
    CHECK(c.value == 0);
    CHECK(c.derivative == residues.at(c.dtype));
    CHECK(c.real_derivative == 0);
    ++rows;
  }
  CHECK(rows == 15);
  CHECK(5.960464477539063e-08 == 0x1p-24);
}

TEST_CASE("where x increases, the two derivatives of zero differ at 0 alone, over the reals too") {
  int rows = 0;
  for (const Compensation& c : compensations()) {
    if (c.x != "increasing") continue;
    INFO(to_string(c.dtype) << " at " << c.t);
    CHECK(c.value == 0);
    CHECK(c.derivative == (c.t == 0 ? -1.5 : 0));
    CHECK(c.real_derivative == c.derivative);
    ++rows;
  }
  CHECK(rows == 15);
}
