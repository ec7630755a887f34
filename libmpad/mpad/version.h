// SPDX-License-Identifier: MIT
#pragma once

namespace mpad {

/// "0.1.0": the version of the library that is linked.
const char* version();

}  // namespace mpad
