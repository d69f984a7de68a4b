//===- KernelLaunch.h - What an op becomes on a device ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A target turns graph-form ops (clusters, attention, the optimizer, ...) into
// launches of kernels. Ops that need the same code share a kernel: scales and
// counts are launch arguments, so the number of kernels does not grow with
// depth. The plan writer sees targets through this interface alone.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_KERNELLAUNCH_H
#define LNS_CODEGEN_KERNELLAUNCH_H

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace lns {

/// One buffer argument of a launch.
struct KernelArgument {
  enum class Kind {
    Value,     ///< an operand or result of the lowered op, whole
    Parameter, ///< a parameter's own tensor (`symbol`)
    ExpAvg,    ///< its first moment
    ExpAvgSq,  ///< its second moment
    Compute,   ///< a compute weight (`symbol`)
    Constant,  ///< constant data number `constant` of the target
    Scratch    ///< workspace of the target, `offset` and `size` in bytes
  };
  Kind kind = Kind::Value;
  mlir::Value value;
  std::string symbol;
  unsigned constant = 0;
  uint64_t offset = 0, size = 0;
};

struct KernelLaunch {
  unsigned kernel = 0; ///< index into the target's kernels
  llvm::SmallVector<KernelArgument> buffers;
  llvm::SmallVector<float> floats;
  llvm::SmallVector<int64_t> ints;
  uint64_t items = 0;                       ///< CPU: work items
  std::array<uint32_t, 3> grid = {0, 0, 0}; ///< CUDA: blocks
};

/// A matrix product that a library computes: c[m,n] = alpha op(a) op(b) + beta
/// c, row-major and dense, as `Matmul` of runtime/plan/plan.fbs.
struct KernelProduct {
  uint64_t m = 0, n = 0, k = 0;
  bool transA = false, transB = false;
  double alpha = 1, beta = 0;
  KernelArgument a, b, c;
  bool bf16A = false, bf16B = false, bf16C = false; ///< else f32
};

using KernelStep = std::variant<KernelLaunch, KernelProduct>;

class KernelTarget {
public:
  virtual ~KernelTarget();

  /// What errors call the target: "CPU", "CUDA".
  virtual llvm::StringRef getTargetName() const = 0;

  /// Whether `op` lowers to kernels. False for products where the plan's own
  /// command computes them, for `lns.get`, `lns.set` and the like.
  virtual bool hasKernel(mlir::Operation *op) const = 0;

  /// Appends the launches that execute `op`, in order; emits an error at the
  /// op and fails when the target has no kernel for it.
  virtual llvm::LogicalResult
  lower(mlir::Operation *op, llvm::SmallVectorImpl<KernelLaunch> &launches) = 0;

  /// Appends the steps of another way to execute `op`, in which a library
  /// computes its products; none where there is no such way.
  virtual llvm::LogicalResult
  lowerWithLibrary(mlir::Operation *op,
                   llvm::SmallVectorImpl<KernelStep> &steps);

  /// RoPE tables and the like; 64-byte multiples, deduplicated.
  virtual llvm::ArrayRef<std::vector<float>> getConstants() const = 0;
};

} // namespace lns

#endif // LNS_CODEGEN_KERNELLAUNCH_H
