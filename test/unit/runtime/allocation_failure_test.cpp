//===- allocation_failure_test.cpp - No memory, at every single site ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Fails the n-th allocation of an operation, for every n. The heap is this
// program's malloc or, where a sanitizer has that, its operator new; the pages
// of sessions are its mmap.
//
//===----------------------------------------------------------------------===//

#include "test_plan.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace lns::test;

static std::atomic<bool> armed = false;
static std::atomic<long> requests = 0, failing = 0;
static std::atomic<long> blocks = 0, pages = 0;

/// The dynamic linker is at work. It keeps what it got before it failed.
static std::atomic<bool> linking = false, failedLinking = false;

/// Counts a request; true when it is the one that shall fail.
static bool refuse() {
  if (!armed || ++requests != failing)
    return false;
  failedLinking = linking.load();
  return true;
}

extern "C" {
void *mmap(void *address, size_t size, int protection, int flags, int file,
           off_t offset) noexcept {
  if (flags & MAP_ANONYMOUS) {
    if (refuse()) {
      errno = ENOMEM;
      return MAP_FAILED;
    }
    pages += long(size);
  }
  return reinterpret_cast<void *>(
      syscall(SYS_mmap, address, size, protection, flags, file, offset));
}
void *dlopen(const char *path, int flags) noexcept {
  static auto *original =
      reinterpret_cast<decltype(&dlopen)>(dlsym(RTLD_NEXT, "dlopen"));
  linking = true;
  void *library = original(path, flags);
  linking = false;
  return library;
}
int munmap(void *address, size_t size) noexcept {
  pages -= long(size);
  return int(syscall(SYS_munmap, address, size));
}
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LNS_HEAP_IS_NEW 1
#endif
#endif

#if defined(LNS_HEAP_IS_NEW)
// The sanitizer finds leaks by itself, when the program ends.
static void *allocate(size_t size) {
  void *block = refuse() ? nullptr : std::malloc(size);
  if (!block)
    throw std::bad_alloc();
  return block;
}
void *operator new(size_t size) { return allocate(size); }
void *operator new[](size_t size) { return allocate(size); }
void *operator new(size_t size, std::align_val_t alignment) {
  size_t unit = size_t(alignment);
  void *block = refuse()
                    ? nullptr
                    : std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
  if (!block)
    throw std::bad_alloc();
  return block;
}
void operator delete(void *block) noexcept { std::free(block); }
void operator delete[](void *block) noexcept { std::free(block); }
void operator delete(void *block, size_t) noexcept { std::free(block); }
void operator delete(void *block, std::align_val_t) noexcept {
  std::free(block);
}
void operator delete(void *block, size_t, std::align_val_t) noexcept {
  std::free(block);
}
void operator delete[](void *block, size_t) noexcept { std::free(block); }
#else
extern "C" {
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static void *noMemory() {
  errno = ENOMEM;
  return nullptr;
}
void *malloc(size_t size) {
  if (refuse())
    return noMemory();
  ++blocks;
  return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
  if (refuse())
    return noMemory();
  ++blocks;
  return __libc_calloc(count, size);
}
void *realloc(void *old, size_t size) {
  if (refuse())
    return noMemory();
  blocks += old ? 0 : 1;
  return __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  if (refuse())
    return noMemory();
  ++blocks;
  return __libc_memalign(alignment, size);
}
void free(void *block) {
  blocks -= block ? 1 : 0;
  __libc_free(block);
}
}
#endif

static long openFiles() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

/// Runs `operation` with its first, second, ... allocation failing, until there
/// is no such allocation. It returns the error's code and undoes what it did.
static void failEverySite(const std::function<lnsrt_error_code()> &operation) {
  // What the C library and the dynamic linker keep is there from now on.
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(operation(), LNSRT_OK);
  long files = openFiles(), spared = 0;
  for (failing = 1;; ++failing) {
    failedLinking = false;
    long heapBefore = 0, pagesBefore = pages;
    lnsrt_error_code code = LNSRT_OK;
    // Twice: what is kept once, by design, is not kept again.
    for (int round = 0; round < 2; ++round) {
      heapBefore = blocks;
      requests = 0;
      armed = true;
      code = operation();
      armed = false;
      // The dynamic linker, and whoever asks for the container's quota, can do
      // without some.
      if (requests >= failing && code == LNSRT_OK)
        ++spared;
      else if (requests >= failing)
        EXPECT_EQ(code, LNSRT_OUT_OF_MEMORY) << "allocation " << failing;
    }
    if (!failedLinking) {
      EXPECT_EQ(blocks, heapBefore) << "allocation " << failing;
    }
    EXPECT_EQ(pages, pagesBefore) << "allocation " << failing;
    if (requests < failing)
      break;
    ASSERT_EQ(operation(), LNSRT_OK) << "after allocation " << failing;
  }
  EXPECT_GE(failing, 5);
  EXPECT_LT(spared, failing) << "of twice as many tries";
  EXPECT_EQ(openFiles(), files);
}

TEST(AllocationFailure, EverySiteOfOpeningAPlan) {
  Bytes file = TestPlan().serialize();
  failEverySite([&] {
    auto plan = open(file);
    return plan ? LNSRT_OK : plan.status().code();
  });
}

TEST(AllocationFailure, EverySiteOfCreatingASession) {
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan) << plan.status().message();
  for (uint32_t threads : {1, 3}) {
    lnsrt::SessionOptions options;
    options.threads = threads;
    options.matmul = "builtin";
    const int32_t tokens[kRows] = {0, 1, 2, 3, 4, 1};
    failEverySite([&] {
      auto session = lnsrt::Session::create(*plan, options);
      if (!session)
        return session.status().code();
      // One that came through works.
      armed = false;
      EXPECT_TRUE(session->init(1));
      EXPECT_TRUE(session->trainStep(tokens, tokens, {}).ok());
      return LNSRT_OK;
    });
  }
}
