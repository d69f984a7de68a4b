//===- RowKernelText.h - Row kernels as CUDA text ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_ROWKERNELTEXT_H
#define LNS_CODEGEN_CUDA_ROWKERNELTEXT_H

#include "codegen/RowProgram.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::cuda {

/// How threads share the rows of a program.
struct RowMapping {
  explicit RowMapping(const RowProgram &program);

  /// Columns per vector, and vectors per row. Where the program rotates, two
  /// vectors half a head apart count as one: one thread has both.
  unsigned lanes = 1;
  int64_t vectors = 1;
  /// Without reductions rows do not matter: every thread takes one vector.
  bool isFlat = false;
  unsigned threadsPerRow = 0, vectorsPerThread = 1;
  unsigned threads = 256;    ///< of a block
  unsigned rowsPerBlock = 1; ///< more than one only for rows within a warp
  /// Numbers in shared memory: one a warp for every reduction.
  unsigned sharedFloats = 0;

  /// Whether several rows share a warp.
  bool isShort() const { return !isFlat && threadsPerRow < 32; }
  int64_t getBlocks(int64_t rows) const;
};

/// Prints the statements of a kernel whose parameters have the names of
/// RowNames: inputs, outputs, tables, scales, and `rows`.
void printRowKernel(llvm::raw_ostream &os, const RowProgram &program,
                    const RowMapping &mapping);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_ROWKERNELTEXT_H
