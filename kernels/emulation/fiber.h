// SPDX-License-Identifier: MIT
// A stack with a place to continue. Switching is a few instructions on x86-64, ucontext elsewhere (or where
// MPAD_EMULATION_UCONTEXT is defined), and is announced to AddressSanitizer.
#pragma once
#include <cstddef>

#if !defined(__x86_64__) && !defined(MPAD_EMULATION_UCONTEXT)
#define MPAD_EMULATION_UCONTEXT
#endif
#ifdef MPAD_EMULATION_UCONTEXT
#include <ucontext.h>
#endif

namespace mpad::emulation {

/// Fibers of one OS thread switch among each other only.
class Fiber {
 public:
  /// Stands for the calling OS thread, on its own stack.
  Fiber() = default;
  /// Runs `entry`, which never returns, on a new stack from the first switch on.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Suspends `from`, which runs now, and continues `to`.
  static void switch_to(Fiber& from, Fiber& to);

 private:
  static void start();
  void arrived();
  void prepare(char* top);

  void (*entry_)() = nullptr;
  char* mapping_ = nullptr;  // a guard page, then the stack
  const void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
#ifdef MPAD_EMULATION_UCONTEXT
  ucontext_t context_{};
#else
  void* stack_pointer_ = nullptr;
#endif
};

}  // namespace mpad::emulation
