//===- RowEmitter.h - Code of row kernels -----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_ROWEMITTER_H
#define LNS_CODEGEN_CPU_ROWEMITTER_H

#include "codegen/RowProgram.h"
#include "codegen/cpu/KernelSet.h"

namespace lns::cpu {

/// Emits the loop over rows. Buffers are the inputs, the outputs, then the
/// tables.
void emitRowProgram(CodeBuilder &code, KernelFrame &frame,
                    const RowProgram &program);

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_ROWEMITTER_H
