//===- session_memory.h - What a session allocates ---------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One formula for three: the compiler, which plans to a budget, the plan, which
// says what a session will take, and the session, which allocates that and no
// other sizes.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_SESSION_MEMORY_H
#define LNS_RUNTIME_BASE_SESSION_MEMORY_H

#include <stdint.h>

namespace lns {

inline constexpr uint32_t kMaxThreads = 1024;

/// Packed operands of the matrix product that is being computed, and its sums
/// when the result is bf16. A backend that needs less gets as much; none may
/// need more.
inline constexpr uint64_t kMatmulWorkspaceBytes = uint64_t(6) << 20;

/// What a plan says about memory, in bytes.
struct MemoryFacts {
  uint64_t parameters = 0;  ///< the segment, frozen ones included
  uint64_t trainable = 0;   ///< of it; gradients and moments have as much each
  uint64_t arena = 0;       ///< of the largest entry point
  uint64_t activations = 0; ///< kept for the backward pass, part of the arena
  uint64_t io = 0;
  uint64_t constants = 0;
  uint64_t scratch = 0;   ///< of the kernel that wants most
  uint64_t compute = 0;   ///< compute weights, of a CUDA device
  uint64_t caches = 0;    ///< keys and values of tokens that were decoded
  uint64_t tokens = 0;    ///< of a batch, B x T
  bool documents = false; ///< which have starts beside tokens and targets
};

/// In bytes, all on one session.
struct SessionMemory {
  uint32_t threads = 0;
  uint64_t parameters = 0;
  uint64_t gradients = 0;
  uint64_t optimizer = 0;
  uint64_t activations = 0;
  uint64_t workspace = 0;
  uint64_t io = 0;
  uint64_t constants = 0;
  uint64_t matmul = 0;
  uint64_t scratchPerThread = 0;
  uint64_t staging = 0; ///< of the host, for a device that copies by itself
  uint64_t compute = 0; ///< weights as products read them, from step to step
  uint64_t caches = 0;  ///< keys and values of tokens that were decoded

  uint64_t arena() const { return activations + workspace; }
  uint64_t scratch() const { return scratchPerThread * threads; }
  uint64_t total() const {
    return parameters + gradients + optimizer + arena() + io + constants +
           matmul + scratch() + staging + compute + caches;
  }
};

inline SessionMemory getSessionMemory(const MemoryFacts &facts,
                                      uint32_t threads) {
  // A page apart, so that no two threads share a cache line.
  constexpr uint64_t kPage = 4096;
  SessionMemory memory;
  memory.threads = threads;
  memory.parameters = facts.parameters;
  memory.gradients = facts.trainable;
  memory.optimizer = 2 * facts.trainable;
  memory.activations = facts.activations;
  memory.workspace = facts.arena - facts.activations;
  memory.io = facts.io;
  memory.constants = facts.constants;
  memory.caches = facts.caches;
  memory.matmul = kMatmulWorkspaceBytes;
  memory.scratchPerThread = (facts.scratch + kPage - 1) / kPage * kPage;
  return memory;
}

/// Workspace of cuBLASLt, which a session has when the plan's program for CUDA
/// has products that it may compute.
inline constexpr uint64_t kLibraryWorkspaceBytes = uint64_t(32) << 20;

/// Tokens, targets or starts of a batch where a device copies them from, in
/// bytes.
inline uint64_t getStagedBatchBytes(uint64_t tokens) {
  return (tokens * 4 + 63) / 64 * 64;
}

/// The optimizer's values, the loss and the gradient's norm beside them.
inline constexpr uint64_t kStagedValueBytes = 64;

/// On a CUDA device. `facts` are those of the plan's program for it; scratch is
/// one block there, which launches use one after another.
inline SessionMemory getCudaSessionMemory(const MemoryFacts &facts,
                                          bool hasLibraryProducts) {
  SessionMemory memory = getSessionMemory(facts, 1);
  memory.matmul = hasLibraryProducts ? kLibraryWorkspaceBytes : 0;
  memory.scratchPerThread = facts.scratch;
  memory.staging =
      (facts.documents ? 3 : 2) * getStagedBatchBytes(facts.tokens) +
      kStagedValueBytes;
  memory.compute = facts.compute;
  return memory;
}

} // namespace lns

#endif // LNS_RUNTIME_BASE_SESSION_MEMORY_H
