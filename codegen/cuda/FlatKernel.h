//===- FlatKernel.h - Kernels that call a building block --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cuda: what kernels share whose text is one call.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CUDA_FLATKERNEL_H
#define LNS_CODEGEN_CUDA_FLATKERNEL_H

#include "codegen/cuda/KernelSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

namespace lns::cuda {

/// A printer of the body `lns::function<types...>(arguments...)`.
inline auto printCall(llvm::StringRef function,
                      llvm::ArrayRef<std::string> types,
                      llvm::ArrayRef<llvm::StringRef> arguments) {
  std::string text = ("  lns::" + function + "<" + llvm::join(types, ", ") +
                      ">(" + llvm::join(arguments, ", ") + ");\n")
                         .str();
  return [text](llvm::raw_ostream &, llvm::raw_ostream &body) { body << text; };
}

/// A template argument.
inline std::string text(int64_t number) { return std::to_string(number); }

inline int64_t countElements(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getNumElements();
}

/// Columns of a row, `width` wide, that one access of 16 bytes has; fewer where
/// rows do not start on multiples of as many.
inline int64_t getLanes(mlir::Type element, int64_t width) {
  int64_t lanes = element.isBF16() ? 8 : 4;
  while (width % lanes != 0)
    lanes /= 2;
  return lanes;
}

} // namespace lns::cuda

#endif // LNS_CODEGEN_CUDA_FLATKERNEL_H
