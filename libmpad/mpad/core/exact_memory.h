// SPDX-License-Identifier: MIT
#pragma once

namespace mpad {

/// Whether $MPAD_MEMORY is exact, not cached (the default): memory is as large as asked and nothing is kept for reuse,
/// so that memory checkers see the first byte out of bounds (mpad/memory.h). Throws Error if it is another word.
bool has_exact_memory();

}  // namespace mpad
