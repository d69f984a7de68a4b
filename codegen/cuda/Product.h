//===- Product.h - A matrix product to be lowered ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cuda: what products that stand alone and those of a
// cluster have in common.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_PRODUCT_H
#define LNS_CODEGEN_CUDA_PRODUCT_H

#include "codegen/cuda/KernelSet.h"
#include "codegen/cuda/ProductSchedule.h"

namespace lns::cuda {

/// c[m, n] of a and b as matrices; `transA` says that a is stored as [k, m],
/// `transB` that b is stored as [n, k].
struct Product {
  int64_t m = 0, n = 0, k = 0;
  bool transA = false, transB = false;
  double alpha = 1;
  mlir::Value a, b;
  mlir::Value gain, factors; ///< of c's columns and of its rows
  /// Of which c is the gradient, where that of its gain is wanted, too; and
  /// where that one goes.
  mlir::Value weight, gainGrad;
  mlir::Type element; ///< of c
  KernelArgument c;
  bool accumulate = false;     ///< c has an addend already
  bool accumulateGain = false; ///< so has gainGrad

  bool isBf16() const { return elementOf(a).isBF16() || elementOf(b).isBF16(); }
  /// Whether the result's rows are cells of eight columns.
  bool isWhole() const { return n % 8 == 0; }
  /// How many tokens it is about.
  int64_t tokens() const { return transA ? k : m; }
  /// Whether the operands' rows move in chunks of 16 bytes, unchanged.
  bool hasAlignedA() const;
  bool hasAlignedB() const;
  /// "nt": how a and b are stored, as BLAS has it.
  std::string order() const;
  /// "a^T b".
  std::string sums() const;
  /// The MatmulConfig of kernels/matmul.cuh, as text; `alignedA` and `alignedB`
  /// say so of all products that share it.
  std::string config(const ProductTile &tile, bool alignedA,
                     bool alignedB) const;
  std::string config(const ProductTile &tile) const {
    return config(tile, hasAlignedA(), hasAlignedB());
  }
  /// The same product by a library; its c is this one's.
  KernelProduct forLibrary() const;
};

/// A linear's, a matmul's or a weight_grad's; an error at the op where no
/// kernel computes it.
llvm::FailureOr<Product> getProduct(mlir::Operation *op);

/// "bf16 x bf16 -> f32".
std::string getProductTypes(mlir::Type a, mlir::Type b, mlir::Type c);

/// A library's product goes through no larger workspace than this.
constexpr uint64_t kMaxLibraryScratch = uint64_t(64) << 20;

/// The launches that compute a product whole. `sums` are where a b already is,
/// if it is, as f32; only products that are not cut take them.
void launchProduct(const Product &product, const KernelArgument *sums,
                   KernelSet &set, Launches &launches);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_PRODUCT_H
