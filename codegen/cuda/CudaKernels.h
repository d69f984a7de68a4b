//===- CudaKernels.h - From lns ops to CUDA kernels -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// KernelLowering turns graph-form ops into CUDA C++: one translation unit for
// each distinct kernel, which includes building blocks of kernels/*.cuh, and
// launches of them. Matrix products are kernels, too; for those that a library
// can compute it also says how. The runtime compiles the text when it opens a
// session, for the device that is there.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_CUDAKERNELS_H
#define LNS_CODEGEN_CUDA_CUDAKERNELS_H

#include "codegen/KernelLaunch.h"

#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace lns::cuda {

struct KernelInfo {
  std::string symbol; ///< "row_3_residual_row_rstd": unique, readable
  std::string kind;   ///< "row", "matmul", "attention", ...
  std::string source; ///< the ops it was made from
  std::string text;   ///< the translation unit
  unsigned buffers = 0, floats = 0, ints = 0;
  unsigned threads = 0;     ///< of a block
  uint64_t sharedBytes = 0; ///< dynamic shared memory of a block
  bool isNorm = false;      ///< writes a normalized activation
  bool noSpills = false;    ///< promises to keep its values in registers
};

/// A file that kernels include by its name.
struct Header {
  std::string name, text;
};

class KernelLowering final : public KernelTarget {
public:
  explicit KernelLowering(mlir::MLIRContext *context);
  ~KernelLowering() override;

  llvm::StringRef getTargetName() const override { return "CUDA"; }
  bool hasKernel(mlir::Operation *op) const override;
  llvm::LogicalResult
  lower(mlir::Operation *op,
        llvm::SmallVectorImpl<KernelLaunch> &launches) override;
  llvm::LogicalResult
  lowerWithLibrary(mlir::Operation *op,
                   llvm::SmallVectorImpl<KernelStep> &steps) override;
  llvm::ArrayRef<std::vector<float>> getConstants() const override;

  llvm::ArrayRef<KernelInfo> getKernels() const;
  /// Workspace that the launches so far share, in bytes.
  uint64_t getScratchBytes() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// All building blocks, by name.
llvm::ArrayRef<Header> getAllHeaders();

/// Those that the kernels include, directly or through each other.
std::vector<Header> getIncludedHeaders(llvm::ArrayRef<KernelInfo> kernels);

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_CUDAKERNELS_H
