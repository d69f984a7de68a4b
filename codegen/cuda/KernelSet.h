//===- KernelSet.h - CUDA kernels, shared by structure ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cuda: the growing set of kernels and constants, and the
// entry points of the files that print them.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_KERNELSET_H
#define LNS_CODEGEN_CUDA_KERNELSET_H

#include "codegen/LaunchBuilder.h"
#include "codegen/RowProgram.h"
#include "codegen/cuda/CudaKernels.h"
#include "dialect/LnsOps.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::cuda {

/// A pointer argument of a kernel.
struct BufferSpec {
  mlir::Type element; ///< f32, bf16, i32 or f64
  std::string name;   ///< of the parameter
  bool isWritten = false;
  bool isAlone = false; ///< nothing else points there: `__restrict__`
};

/// What a kernel is before it has text.
struct KernelSpec {
  std::string kind;
  std::string hint;   ///< readable part of the symbol
  std::string source; ///< the ops it is made from, for people
  llvm::SmallVector<std::string> includes; ///< "matmul.cuh"
  llvm::SmallVector<BufferSpec> buffers;
  llvm::SmallVector<std::string> floats, ints; ///< names of the parameters
  unsigned threads = 0;
  /// Blocks that a multiprocessor is to hold at least; 0 leaves it to the
  /// compiler, which may spill a little to hold more.
  unsigned minBlocks = 0;
  uint64_t sharedBytes = 0;
  bool isNorm = false, noSpills = false;
};

class KernelSet {
public:
  /// Prints declarations that come before the function, and the function's
  /// statements.
  using Printer = llvm::function_ref<void(llvm::raw_ostream &declarations,
                                          llvm::raw_ostream &body)>;

  /// The index of the kernel that `print` prints: one that has been printed
  /// before, if it was the same in all but its name.
  unsigned getKernel(const KernelSpec &spec, Printer print);

  /// Index of constant data with these contents; `make` fills it when `key` is
  /// new.
  unsigned getConstant(llvm::StringRef key,
                       llvm::function_ref<std::vector<float>()> make);

  /// A part of the workspace, which lives until the end of the op's last
  /// launch. Parts of one op do not overlap.
  KernelArgument getScratch(uint64_t bytes);

  std::vector<KernelInfo> kernels;
  std::vector<std::vector<float>> constants;
  uint64_t scratchBytes = 0; ///< of the op that wants most
  uint64_t scratchUsed = 0;  ///< by the op at hand
  /// Kept by module, all of which outlive the set.
  mlir::SymbolTableCollection symbols;

private:
  llvm::StringMap<unsigned> kernelByKey, constantByKey;
};

/// "float", "lns::bf16", "int", "double".
llvm::StringRef getTypeName(mlir::Type element);

using Launches = llvm::SmallVectorImpl<KernelLaunch>;
using Steps = llvm::SmallVectorImpl<KernelStep>;

/// `op` is a linear, a matmul or a weight_grad (Products.cpp).
llvm::LogicalResult lowerProduct(mlir::Operation *op, KernelSet &set,
                                 Launches &launches);
/// No steps where a library has no such product.
llvm::LogicalResult lowerProductWithLibrary(mlir::Operation *op, KernelSet &set,
                                            Steps &steps);
llvm::LogicalResult lowerAttention(AttentionOp op, KernelSet &set,
                                   Launches &launches);
llvm::LogicalResult lowerAttentionGrad(AttentionGradOp op, KernelSet &set,
                                       Launches &launches);
/// Rows that a kernel numbers by ints; an error at the op if there are more.
llvm::LogicalResult checkRows(mlir::Operation *op, int64_t rows);

/// A row op or a cluster of them.
llvm::LogicalResult lowerRowOps(mlir::Operation *op, KernelSet &set,
                                Launches &launches);
/// The kernel of a program. Those of its inputs that no value outside is bound
/// to, in order, are `places`.
KernelLaunch launchRowKernel(const RowProgram &program,
                             llvm::ArrayRef<KernelArgument> places,
                             KernelSet &set);
/// A program that is a cast, after a gain of columns or not; false for others
/// (CastKernel.cpp).
bool lowerScaledCast(const RowProgram &program, KernelSet &set,
                     Launches &launches);
/// A cluster with products and row ops (FusedProducts.cpp).
llvm::LogicalResult lowerFusedProducts(ClusterOp op, KernelSet &set,
                                       Launches &launches);
llvm::LogicalResult lowerFusedProductsWithLibrary(ClusterOp op, KernelSet &set,
                                                  Steps &steps);
llvm::LogicalResult lowerAppend(AppendOp op, KernelSet &set,
                                Launches &launches);
llvm::LogicalResult lowerCachedAttention(CachedAttentionOp op, KernelSet &set,
                                         Launches &launches);
llvm::LogicalResult lowerColumnDot(ColumnDotOp op, KernelSet &set,
                                   Launches &launches);
/// result[k] = scale * (sum of `count` chunks, each `width` f32), and + result
/// if `accumulate`; added up in an order that follows from the count.
KernelLaunch launchChunkSum(const KernelArgument &chunks, int64_t count,
                            int64_t width, double scale,
                            const KernelArgument &result, bool accumulate,
                            KernelSet &set);
llvm::LogicalResult lowerEmbedding(EmbeddingOp op, KernelSet &set,
                                   Launches &launches);
llvm::LogicalResult lowerEmbeddingGrad(EmbeddingGradOp op, KernelSet &set,
                                       Launches &launches);
llvm::LogicalResult lowerAddPositionsGrad(AddPositionsGradOp op, KernelSet &set,
                                          Launches &launches);
llvm::LogicalResult lowerCrossEntropy(CrossEntropyOp op, KernelSet &set,
                                      Launches &launches);
llvm::LogicalResult lowerCrossEntropyGrad(CrossEntropyGradOp op, KernelSet &set,
                                          Launches &launches);
llvm::LogicalResult lowerCrossEntropyWithGrad(CrossEntropyWithGradOp op,
                                              KernelSet &set,
                                              Launches &launches);
llvm::LogicalResult lowerTargetCount(TargetCountOp op, KernelSet &set,
                                     Launches &launches);
llvm::LogicalResult lowerMean(MeanOp op, KernelSet &set, Launches &launches);
llvm::LogicalResult lowerSum(SumOp op, KernelSet &set, Launches &launches);
llvm::LogicalResult lowerMeanGrad(MeanGradOp op, KernelSet &set,
                                  Launches &launches);
llvm::LogicalResult lowerConstant(ConstantOp op, KernelSet &set,
                                  Launches &launches);
llvm::LogicalResult lowerClipFactor(ClipFactorOp op, KernelSet &set,
                                    Launches &launches);
llvm::LogicalResult lowerAdamW(AdamWOp op, KernelSet &set, Launches &launches);
llvm::LogicalResult lowerProject(ProjectOp op, KernelSet &set,
                                 Launches &launches);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_KERNELSET_H
