//===- Fiber.cpp - Stacks to switch between ----------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Fiber.h"

#include <cstdint>
#include <sys/mman.h>

using namespace lns::emulation;

#ifdef LNS_EMU_SLOW_FIBERS

void Fiber::start(unsigned char *stack, size_t bytes, void (*entry)()) {
  getcontext(&context);
  context.uc_stack.ss_sp = stack;
  context.uc_stack.ss_size = bytes;
  context.uc_link = nullptr;
  makecontext(&context, entry, 0);
}

void Fiber::switchFrom(Fiber &from) { swapcontext(&from.context, &context); }

#else

// Keeps what a called function must keep, on the stack that it leaves. The
// control words of the floating-point units are nobody's to change.
asm(R"(
  .text
  .p2align 4
  .type lnsEmuSwitch,@function
  .hidden lnsEmuSwitch
lnsEmuSwitch:
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
  retq
  .size lnsEmuSwitch,.-lnsEmuSwitch
)");
extern "C" void lnsEmuSwitch(void **from, void *to);

void Fiber::start(unsigned char *stack, size_t bytes, void (*entry)()) {
  // Six registers and the address to return to. A function starts with its
  // stack 8 bytes past a multiple of 16, where its caller's address stands; the
  // word there is zero, which ends a debugger's walk.
  auto *top = reinterpret_cast<uintptr_t *>(stack + bytes);
  *--top = 0;
  *--top = reinterpret_cast<uintptr_t>(entry);
  for (int i = 0; i < 6; ++i)
    *--top = 0;
  stackPointer = top;
}

void Fiber::switchFrom(Fiber &from) {
  lnsEmuSwitch(&from.stackPointer, stackPointer);
}

#endif

bool FiberStacks::reserve(unsigned count) {
  size_t wanted = count * kStride + 4096;
  if (wanted <= mapped)
    return true;
  // No thread of an earlier launch needs its stack any more.
  release();
  void *memory = mmap(nullptr, wanted, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return false;
  base = static_cast<unsigned char *>(memory);
  mapped = wanted;
  for (unsigned i = 0; i < count; ++i) {
    if (mprotect(get(i), kBytes, PROT_READ | PROT_WRITE) != 0) {
      release();
      return false;
    }
  }
  return true;
}

void FiberStacks::release() {
  if (base)
    munmap(base, mapped);
  base = nullptr;
  mapped = 0;
}

unsigned char *FiberStacks::get(unsigned index) const {
  return base + 4096 + index * kStride;
}

bool FiberStacks::contains(const void *pointer, size_t bytes) const {
  auto address = reinterpret_cast<uintptr_t>(pointer);
  auto begin = reinterpret_cast<uintptr_t>(base);
  return address >= begin && address - begin < mapped &&
         bytes <= mapped - (address - begin);
}
