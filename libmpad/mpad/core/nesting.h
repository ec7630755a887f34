// SPDX-License-Identifier: MIT
#pragma once

namespace mpad {

/// Takes a scope out of those of its thread, of which each knows the one around it by `outer`. They mostly end
/// innermost first; one on the heap may end in any order.
template <class Scope>
void end_scope(Scope*& innermost, Scope* ended, Scope* Scope::*outer) {
  for (Scope** link = &innermost; *link != nullptr; link = &((*link)->*outer)) {
    if (*link != ended) continue;
    *link = ended->*outer;
    return;
  }
}

}  // namespace mpad
