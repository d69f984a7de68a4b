//===- EpilogueText.h - Row ops behind a product as CUDA text ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_EPILOGUETEXT_H
#define LNS_CODEGEN_CUDA_EPILOGUETEXT_H

#include "codegen/RowProgram.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::cuda {

/// Whether the row ops of a cluster can follow its products in one kernel whose
/// tiles are `tileWidth` wide: all of them element by element, but for sums
/// over rows that are results, and rotated heads within a tile.
bool canFollowProducts(const RowProgram &program, int64_t tileWidth);

/// A member of the printed struct: a parameter of the kernel with its type.
struct EpilogueMember {
  std::string type, name;
};

/// Prints a struct `name` (kernels/matmul_epilogue.cuh) with these members,
/// which have the names of RowNames: inputs, outputs, tables, `alpha0` for the
/// first product and so on, scales; with sums over rows also `partials`, and
/// the number of `rows`.
void printEpilogue(llvm::raw_ostream &os, llvm::StringRef name,
                   const RowProgram &program,
                   llvm::ArrayRef<EpilogueMember> members);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_EPILOGUETEXT_H
