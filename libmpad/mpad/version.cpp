// SPDX-License-Identifier: MIT
#include <mpad/version.h>

namespace mpad {

const char* version() { return MPAD_VERSION; }

}  // namespace mpad
