// SPDX-License-Identifier: MIT
#include <mpad/version.h>

#include <backends_built.h>

namespace mpad {

const char* version() { return MPAD_VERSION; }

bool built_with_cuda() {
#ifdef MPAD_WITH_CUDA
  return true;
#else
  return false;
#endif
}

}  // namespace mpad
