//===- KernelSet.h - Kernels of a module, shared by structure ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cpu: the growing set of kernels and constants, and the
// entry points of the files that emit them.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_KERNELSET_H
#define LNS_CODEGEN_CPU_KERNELSET_H

#include "codegen/KernelKey.h"
#include "codegen/LaunchBuilder.h"
#include "codegen/cpu/CodeBuilder.h"
#include "codegen/cpu/CpuKernels.h"
#include "dialect/LnsOps.h"
#include "llvm/ADT/StringMap.h"

namespace lns::cpu {

/// The arguments of a kernel's function.
struct KernelFrame {
  llvm::SmallVector<mlir::Value> buffers; ///< memrefs
  llvm::SmallVector<mlir::Value> floats;  ///< f32
  llvm::SmallVector<mlir::Value> ints;    ///< index
  mlir::Value begin, end;                 ///< items, index
  mlir::Value scratch;                    ///< memref<?xf32>
};

/// What a kernel is before it has code. `key` stands for the code
/// (KernelKey.h): kernels with one key, kind, scratch and types of arguments
/// are one kernel.
struct KernelSpec {
  KernelSpec(llvm::StringRef kind, std::string key)
      : kind(kind), key(std::move(key)) {}

  std::string kind;
  std::string key;
  std::string hint; ///< readable part of the symbol
  std::string source;
  llvm::SmallVector<mlir::MemRefType> buffers;
  unsigned floats = 0, ints = 0;
  int64_t scratchFloats = 0;
  bool isNorm = false;
};

class KernelSet {
public:
  explicit KernelSet(mlir::MLIRContext *context);

  /// The kernel's index; calls `emit` for its code when it is new.
  unsigned
  getKernel(const KernelSpec &spec, mlir::Location loc,
            llvm::function_ref<void(CodeBuilder &, KernelFrame &)> emit);

  /// Index of constant data with these contents; `make` fills it when `key` is
  /// new.
  unsigned getConstant(llvm::StringRef key,
                       llvm::function_ref<std::vector<float>()> make);

  mlir::MLIRContext *getContext() { return module->getContext(); }

  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<KernelInfo> kernels;
  std::vector<std::vector<float>> constants;

private:
  llvm::StringMap<unsigned> kernelByKey, constantByKey;
};

/// `memref<?x...xT>`: rows are dynamic so that they do not tell kernels apart.
mlir::MemRefType flatBuffer(mlir::Type element);
mlir::MemRefType rowBuffer(mlir::Type element, int64_t width);

using Launches = llvm::SmallVectorImpl<KernelLaunch>;

/// Whether `op` is a row op or a cluster of them (RowKernel.cpp).
llvm::LogicalResult lowerRowOps(mlir::Operation *op, KernelSet &set,
                                Launches &launches);
llvm::LogicalResult lowerAttention(AttentionOp op, KernelSet &set,
                                   Launches &launches);
llvm::LogicalResult lowerAttentionGrad(AttentionGradOp op, KernelSet &set,
                                       Launches &launches);
llvm::LogicalResult lowerAppend(AppendOp op, KernelSet &set,
                                Launches &launches);
llvm::LogicalResult lowerCachedAttention(CachedAttentionOp op, KernelSet &set,
                                         Launches &launches);
llvm::LogicalResult lowerColumnDot(ColumnDotOp op, KernelSet &set,
                                   Launches &launches);
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

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_KERNELSET_H
