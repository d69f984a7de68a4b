//===- CpuKernels.h - From lns ops to CPU kernels ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// KernelLowering turns graph-form ops (clusters, attention, cross entropy, the
// optimizer, ...) into kernel functions in one MLIR module and into launches of
// them. Ops that need the same code share a kernel: scales and counts are
// launch arguments, so the number of kernels does not grow with depth. Matmuls
// are not kernels; the plan writer makes matmul commands of them.
//
// compileKernels turns the module into a shared object for one
// instruction-set level (runtime/kernel_abi.h says how it is called).
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_CPUKERNELS_H
#define LNS_CODEGEN_CPU_CPUKERNELS_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lns::cpu {

/// One buffer argument of a launch.
struct KernelArgument {
  enum class Kind {
    Value,     ///< an operand or result of the lowered op, whole
    Parameter, ///< a parameter's own tensor (`symbol`)
    ExpAvg,    ///< its first moment
    ExpAvgSq,  ///< its second moment
    Constant   ///< constant data number `constant` of the KernelLowering
  };
  Kind kind = Kind::Value;
  mlir::Value value;
  std::string symbol;
  unsigned constant = 0;
};

struct KernelLaunch {
  unsigned kernel = 0; ///< index into KernelLowering::getKernels()
  llvm::SmallVector<KernelArgument> buffers;
  llvm::SmallVector<float> floats;
  llvm::SmallVector<int64_t> ints;
  uint64_t items = 0;
};

struct KernelInfo {
  std::string symbol; ///< "row_3_residual_row_rstd": unique, readable
  std::string kind;   ///< "row", "attention", "attention_grad", ...
  std::string source; ///< the ops it was made from
  unsigned buffers = 0, floats = 0, ints = 0;
  uint64_t scratchBytes = 0;
  bool isNorm = false; ///< computes a normalized activation
};

class KernelLowering {
public:
  explicit KernelLowering(mlir::MLIRContext *context);
  ~KernelLowering();

  /// Whether `op` lowers to kernels (false: a matmul, lns.get, lns.set, ...).
  static bool isKernelOp(mlir::Operation *op);

  /// Appends the launches that execute `op`, in order; emits an error at the
  /// op and fails when it has no CPU kernel for it.
  llvm::LogicalResult lower(mlir::Operation *op,
                            llvm::SmallVectorImpl<KernelLaunch> &launches);

  llvm::ArrayRef<KernelInfo> getKernels() const;
  /// RoPE tables and the like; 64-byte multiples, deduplicated.
  llvm::ArrayRef<std::vector<float>> getConstants() const;
  /// The kernels as MLIR (func, scf, vector, arith, math, memref).
  mlir::ModuleOp getModule() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// An instruction-set level by name: "x86-64-v2|v3|v4" or "native" (this
/// machine's processor, stored in plans as "native:<cpu>").
struct CodeLevel {
  std::string name;
  std::string cpu;                   ///< LLVM's -mcpu
  std::vector<std::string> features; ///< that the processor must have
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
