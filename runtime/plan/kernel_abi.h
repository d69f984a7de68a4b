//===- kernel_abi.h - How the runtime calls a CPU kernel ------------ C -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Shared by codegen/cpu and runtime. A code blob is an ELF shared object that
// exports one function per kernel and `lns_kernel_abi_version`. It needs no
// other library.
//
// A launch has `items` independent work items (rows of a row kernel, batch x
// head pairs of attention, column blocks of a column reduction, chunks of a
// flat vector). The runtime calls the kernel on disjoint ranges [begin, end)
// from its threads, in any order. A kernel must give the same bits however the
// ranges are cut. `scratch` is private to the calling thread, 64-byte aligned
// and at least the kernel's `scratch_bytes`, with undefined contents.
//
// Buffers are 64-byte aligned, row-major, dense. Scalars are plan constants
// (a folded depth scale, a weight-decay switch) or counts.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_KERNEL_ABI_H
#define LNS_KERNEL_ABI_H

#include <stdint.h>

#define LNS_KERNEL_ABI_VERSION 1
/// Exported by a code blob: const uint32_t lns_kernel_abi_version.
#define LNS_KERNEL_ABI_VERSION_SYMBOL "lns_kernel_abi_version"

typedef void (*lns_kernel_fn)(void *const *buffers, const float *floats,
                              const int64_t *ints, int64_t begin, int64_t end,
                              void *scratch);

/// Layout of the `optimizer` input of `apply` and `train_step`: f32 values
/// that the runtime writes into the io segment before a step.
enum lns_optimizer_slot {
  LNS_OPT_LR = 0,
  LNS_OPT_BETA1 = 1,
  LNS_OPT_BETA2 = 2,
  LNS_OPT_EPS = 3,
  LNS_OPT_WEIGHT_DECAY = 4,
  LNS_OPT_CLIP = 5,             ///< 0: no clipping
  LNS_OPT_BIAS_CORRECTION1 = 6, ///< 1 - beta1^step
  LNS_OPT_BIAS_CORRECTION2 = 7, ///< 1 - beta2^step
  LNS_OPT_SLOTS = 8
};

#endif // LNS_KERNEL_ABI_H
