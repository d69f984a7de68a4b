//===- Cubins.h - CUDA kernels to machine code, ahead of time ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What a session does when it opens a plan, done by the compiler: it needs
// NVRTC, but no device.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DRIVER_CUBINS_H
#define LNS_DRIVER_CUBINS_H

#include "codegen/plan/Plan.h"

namespace lns {

/// Compiles every kernel of the program for every architecture ("sm_90a"), side
/// by side, and adds the machine code to it. Fails with a message without
/// NVRTC, for an architecture that it does not know, and for a kernel that it
/// does not compile.
bool addCubins(PlanCuda &program, llvm::ArrayRef<std::string> archs,
               std::string &error);

/// A line for each kernel and architecture: registers of a thread, bytes of its
/// stack (where registers are spilled to), dynamic shared memory of a block.
void printResources(llvm::raw_ostream &os, const PlanCuda &program);

} // namespace lns

#endif // LNS_DRIVER_CUBINS_H
