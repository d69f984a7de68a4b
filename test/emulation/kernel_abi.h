//===- kernel_abi.h - Between a kernel's object and its emulator -- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A kernel's text becomes a shared object that holds an LnsEmuModule. The
// emulator writes its variables before it enters a thread, and the object calls
// back through LnsEmuHost. Compiled into both; includes nothing, as kernels
// must see no name that CUDA does not have.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_KERNEL_ABI_H
#define LNS_TEST_EMULATION_KERNEL_ABI_H

/// Changes with every struct below.
#define LNS_EMU_ABI 1

struct LnsEmuIndex {
  unsigned x, y, z;
};

/// What the lanes of a warp do together. Lanes that meet in different ones are
/// an error.
enum LnsEmuMeeting : int {
  LnsEmuSyncWarp,
  LnsEmuBallot,
  LnsEmuShuffleXor,
  LnsEmuShuffleFrom,
  LnsEmuShuffleDown,
  LnsEmuLoadMatrix,
  LnsEmuLoadMatrixTrans,
  LnsEmuMma,
};

/// All are called by the running thread.
struct LnsEmuHost {
  void (*syncThreads)();
  void (*syncWarp)();
  unsigned (*ballot)(bool predicate);
  /// Replaces `bytes` bytes at `value` by those of lane `source`.
  void (*shuffle)(LnsEmuMeeting kind, void *value, unsigned bytes, int source);
  void (*loadMatrix4)(LnsEmuMeeting kind, unsigned *r, const void *row);
  void (*mmaBf16)(float *d, const unsigned *a, const unsigned *b);
  void (*copyAsync16)(void *shared, const void *global, bool inRange);
  void (*copyAsyncCommit)();
  void (*copyAsyncWait)(int groups);
  /// A vector access whose address is no multiple of its size.
  void (*misaligned)(const void *pointer, unsigned bytes);
  /// Any access to memory, in objects that are compiled for checking.
  void (*access)(const void *pointer, unsigned long bytes, bool isWrite);
};

struct LnsEmuKernel {
  const char *name;
  /// Calls the kernel with *params[i] as its arguments.
  void (*enter)(void **params);
  const unsigned *paramBytes;
  unsigned numParams;
  /// Of __launch_bounds__, or CUDA's limit.
  unsigned maxThreads;
};

struct LnsEmuModule {
  unsigned abi;
  /// Whether accesses are reported.
  bool isChecked;
  const LnsEmuKernel *kernels;
  unsigned numKernels;
  const LnsEmuHost **host;
  LnsEmuIndex *threadIdx, *blockIdx, *blockDim, *gridDim;
  unsigned char **dynamicShared;
};

#endif // LNS_TEST_EMULATION_KERNEL_ABI_H
