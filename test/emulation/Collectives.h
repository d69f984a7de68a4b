//===- Collectives.h - What a warp computes together -------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// One instruction of a whole warp, from what each lane brought to it. The PTX
// ISA says where the elements of matrices are.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_COLLECTIVES_H
#define LNS_TEST_EMULATION_COLLECTIVES_H

#include "test/emulation/kernel_abi.h"

#include <array>

namespace lns::emulation {

inline constexpr unsigned kWarpSize = 32;

/// What a lane brings to a meeting and takes from it.
struct Operands {
  // Shuffles: `bytes` bytes at value, replaced by those of lane `source`.
  void *value = nullptr;
  unsigned bytes = 0;
  int source = 0;
  // Ballots: one bit in, the bits of all out.
  bool predicate = false;
  unsigned ballot = 0;
  // Matrices.
  unsigned *r = nullptr;
  const void *row = nullptr;
  float *d = nullptr;
  const unsigned *a = nullptr;
  const unsigned *b = nullptr;
};

/// Those of each lane, which wait on the lanes' stacks.
using WarpOperands = std::array<Operands *, kWarpSize>;

/// Computes for all lanes.
void performMeeting(LnsEmuMeeting kind, const WarpOperands &lanes);

/// What device.cuh calls it.
const char *nameOf(LnsEmuMeeting kind);

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_COLLECTIVES_H
