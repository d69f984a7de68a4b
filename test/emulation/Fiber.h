//===- Fiber.h - Stacks to switch between ------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A switch is a few instructions on x86-64. ucontext, which other processors
// take, asks the kernel for the signal mask each time and is 20 times slower.
// A fiber may be left where it stands and started anew.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_FIBER_H
#define LNS_TEST_EMULATION_FIBER_H

#include <cstddef>

#if !defined(__x86_64__) || defined(LNS_EMU_UCONTEXT)
#define LNS_EMU_SLOW_FIBERS
#include <ucontext.h>
#endif

namespace lns::emulation {

class Fiber {
public:
  /// The next switch to this fiber calls `entry`, which must not return, on the
  /// stack that ends at `stack + bytes` (aligned to 16).
  void start(unsigned char *stack, size_t bytes, void (*entry)());

  /// Leaves the caller, which is `from`, for this fiber.
  void switchFrom(Fiber &from);

private:
#ifdef LNS_EMU_SLOW_FIBERS
  ucontext_t context;
#else
  void *stackPointer = nullptr;
#endif
};

/// Stacks of one size between pages that fault, made when first asked for.
class FiberStacks {
public:
  static constexpr size_t kBytes = 256 * 1024;

  FiberStacks() = default;
  ~FiberStacks() { release(); }
  FiberStacks(const FiberStacks &) = delete;
  FiberStacks &operator=(const FiberStacks &) = delete;

  /// Makes stacks 0 to count - 1; false where there is no memory for them.
  [[nodiscard]] bool reserve(unsigned count);
  unsigned char *get(unsigned index) const;

  /// Whether the whole access is to one of the stacks.
  bool contains(const void *pointer, size_t bytes) const;

private:
  void release();

  static constexpr size_t kStride = kBytes + 4096;
  unsigned char *base = nullptr;
  size_t mapped = 0;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_FIBER_H
