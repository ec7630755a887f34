// SPDX-License-Identifier: MIT
// AddressSanitizer's interface; nothing where it is off.
#pragma once
#if defined(__SANITIZE_ADDRESS__)
#define MPAD_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MPAD_ADDRESS_SANITIZER
#endif
#endif

#ifdef MPAD_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <cstddef>

namespace mpad::emulation {

/// Any access to these bytes is reported.
inline void forbid_access([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MPAD_ADDRESS_SANITIZER
  __asan_poison_memory_region(data, bytes);
#endif
}

inline void allow_access([[maybe_unused]] const void* data, [[maybe_unused]] std::size_t bytes) {
#ifdef MPAD_ADDRESS_SANITIZER
  __asan_unpoison_memory_region(data, bytes);
#endif
}

}  // namespace mpad::emulation
