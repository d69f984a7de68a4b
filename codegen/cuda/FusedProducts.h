//===- FusedProducts.h - Products with row ops behind them ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cuda: what the kernels of one member of a cluster and of
// several have in common.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_FUSEDPRODUCTS_H
#define LNS_CODEGEN_CUDA_FUSEDPRODUCTS_H

#include "codegen/RowProgram.h"
#include "codegen/cuda/EpilogueText.h"
#include "codegen/cuda/Product.h"

#include <optional>

namespace lns::cuda {

/// A cluster's member: products, or the terms of a sum, and row ops.
struct FusedMember {
  RowProgram program;
  llvm::SmallVector<Product> products;
  llvm::SmallVector<mlir::Operation *> sums; ///< row_rstd and row_dot

  bool isPair() const { return program.products.size() == 2; }
  bool isSum() const { return products.size() > program.products.size(); }
  bool hasAlignedA() const;
  bool hasAlignedB() const;
};

/// The tile of a kernel with all these members, and the width of one member's
/// tiles in its result: 0 if a kernel of tiles does not have all its row ops.
ProductTile getFusedTile(llvm::ArrayRef<FusedMember> members);
int64_t getTileWidth(const FusedMember &member, const ProductTile &tile);

/// A single product whose rows are scaled, and no more than rounded: what the
/// kernels of products that stand alone compute (ScaleAndAdd).
std::optional<Product> getScaledProduct(const FusedMember &member);

/// A kernel's parameters for an epilogue.
struct EpilogueParameters {
  llvm::SmallVector<EpilogueMember> members;
  std::string arguments;   ///< of the struct, as text
  KernelArgument partials; ///< where its sums over rows go, by part
};

/// Adds them to a kernel whose first buffer is there, and to its launch. Names
/// begin with `prefix`.
EpilogueParameters addEpilogue(const FusedMember &member,
                               llvm::StringRef prefix, KernelSpec &spec,
                               LaunchBuilder &launch, KernelSet &set);

/// How many parts of a row are summed in tiles (kRowSumColumns of
/// kernels/matmul_cluster.cuh).
int64_t countRowSumParts(const FusedMember &member);

/// The kernels that complete the member's sums over rows (RowSums.cpp).
void launchFinish(const FusedMember &member, const KernelArgument &partials,
                  KernelSet &set, Launches &launches);

/// Members that share a kernel (GroupedProducts.cpp).
bool canShareKernel(llvm::ArrayRef<FusedMember> members);
void launchGroup(llvm::ArrayRef<FusedMember> members, KernelSet &set,
                 Launches &launches);
/// No steps where a library has no such products.
void launchGroupWithLibrary(llvm::ArrayRef<FusedMember> members, KernelSet &set,
                            Steps &steps);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_FUSEDPRODUCTS_H
