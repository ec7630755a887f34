// SPDX-License-Identifier: MIT
#include "fiber.h"

#include "address_sanitizer.h"

#include <mpad/core/error.h>

#include <sys/mman.h>

#include <cstdint>

#ifndef MPAD_EMULATION_UCONTEXT
// Pushes the registers that a call preserves, exchanges the stack pointers and pops those of the other side.
extern "C" void mpad_emulation_switch_stack(void** save_stack_pointer, void* stack_pointer);
__asm__(R"(
.text
.p2align 4
.globl mpad_emulation_switch_stack
.hidden mpad_emulation_switch_stack
.type mpad_emulation_switch_stack, @function
mpad_emulation_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size mpad_emulation_switch_stack, . - mpad_emulation_switch_stack
)");
#endif

namespace mpad::emulation {
namespace {

constexpr std::size_t page = 4096;
#ifdef MPAD_ADDRESS_SANITIZER
constexpr std::size_t stack_size = 256 * 1024;  // its redzones enlarge each frame
#else
constexpr std::size_t stack_size = 64 * 1024;
#endif
// Tops of stacks that are a multiple of 4 KiB apart would share cache sets: shift each by another number of lines.
constexpr std::size_t stagger = 448;
constexpr std::size_t staggers = 31;

thread_local Fiber* previous = nullptr;
thread_local Fiber* current = nullptr;
thread_local std::size_t created = 0;

}  // namespace

Fiber::Fiber(void (*entry)()) : entry_(entry), stack_bytes_(stack_size) {
  void* mapping =
      mmap(nullptr, page + stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) throw Error("emulation: expected memory for the stack of a thread, got none");
  mapping_ = static_cast<char*>(mapping);
  mprotect(mapping_, page, PROT_NONE);
  stack_ = mapping_ + page;
  prepare(mapping_ + page + stack_size - (created++ % staggers) * stagger);
}

Fiber::~Fiber() {
  if (!mapping_) return;
  allow_access(stack_, stack_bytes_);
  munmap(mapping_, page + stack_size);
}

#ifdef MPAD_EMULATION_UCONTEXT
void Fiber::prepare(char* top) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = mapping_ + page;
  context_.uc_stack.ss_size = static_cast<std::size_t>(top - (mapping_ + page));
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::start, 0);
}
#else
void Fiber::prepare(char* top) {
  void** stack = reinterpret_cast<void**>(top);
  *--stack = nullptr;  // start() finds its stack as if it had been called: 8 bytes off a multiple of 16
  *--stack = reinterpret_cast<void*>(&Fiber::start);
  for (int saved_register = 0; saved_register < 6; ++saved_register) *--stack = nullptr;
  stack_pointer_ = stack;
}
#endif

void Fiber::switch_to(Fiber& from, Fiber& to) {
  previous = &from;
  current = &to;
#ifdef MPAD_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_, to.stack_bytes_);
#endif
#ifdef MPAD_EMULATION_UCONTEXT
  swapcontext(&from.context_, &to.context_);
#else
  mpad_emulation_switch_stack(&from.stack_pointer_, to.stack_pointer_);
#endif
  from.arrived();
}

void Fiber::arrived() {
#ifdef MPAD_ADDRESS_SANITIZER
  // Also tells the bounds of the stack left behind, which for that of an OS thread nobody else knows.
  __sanitizer_finish_switch_fiber(fake_stack_, &previous->stack_, &previous->stack_bytes_);
#endif
}

void Fiber::start() {
  current->arrived();
  current->entry_();
}

}  // namespace mpad::emulation
