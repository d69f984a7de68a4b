//===- CpuKernels.h - From lns ops to CPU kernels ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// KernelLowering turns graph-form ops (clusters, attention, cross entropy, the
// optimizer, ...) into kernel functions in one MLIR module and into launches of
// them.
//
// compileKernels turns the module into a shared object for one
// instruction-set level (runtime/plan/kernel_abi.h says how it is called).
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_CPUKERNELS_H
#define LNS_CODEGEN_CPU_CPUKERNELS_H

#include "codegen/KernelLaunch.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lns::cpu {

struct KernelInfo {
  std::string symbol; ///< "row_3_residual_row_rstd": unique, readable
  std::string kind;   ///< "row", "attention", "attention_grad", ...
  std::string source; ///< the ops it was made from
  unsigned buffers = 0, floats = 0, ints = 0;
  uint64_t scratchBytes = 0;
  bool isNorm = false; ///< writes a normalized activation
};

class KernelLowering final : public KernelTarget {
public:
  explicit KernelLowering(mlir::MLIRContext *context);
  ~KernelLowering() override;

  llvm::StringRef getTargetName() const override { return "CPU"; }
  /// Matmuls are not kernels: the plan's own command computes them.
  bool hasKernel(mlir::Operation *op) const override;
  llvm::LogicalResult
  lower(mlir::Operation *op,
        llvm::SmallVectorImpl<KernelLaunch> &launches) override;
  llvm::ArrayRef<std::vector<float>> getConstants() const override;

  llvm::ArrayRef<KernelInfo> getKernels() const;
  /// The kernels as MLIR (func, scf, vector, arith, math, memref).
  mlir::ModuleOp getModule() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// An instruction-set level by name: "x86-64-v2|v3|v4" or "native" (this
/// machine's processor, stored in plans as "native:<cpu>"). "native" has what
/// both LLVM and the runtime find here: a plan that asked for what the runtime
/// does not know of would run nowhere.
struct CodeLevel {
  std::string name;
  std::string cpu;                   ///< LLVM's -mcpu
  std::vector<std::string> features; ///< that the processor must have
  std::vector<std::string> absent;   ///< not to be used, whatever `cpu` has
};
/// Fails with a message in `error` that lists the known levels.
bool parseCodeLevel(llvm::StringRef name, CodeLevel &level, std::string &error);

/// Whether processors of the level multiply matrices of bf16 by instructions of
/// their own: only then are such products faster than those of f32.
bool hasBf16Products(const CodeLevel &level);

/// Lowers a clone of `kernels` to LLVM IR once, then to machine code for every
/// level, side by side, and links one shared object for each into `objects`.
/// With `llvmIr`, also gives the first level's optimized IR as text. Emits
/// errors on the module.
llvm::LogicalResult compileKernels(mlir::ModuleOp kernels,
                                   llvm::ArrayRef<CodeLevel> levels,
                                   std::vector<std::vector<char>> &objects,
                                   std::string *llvmIr = nullptr);

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_CPUKERNELS_H
