//===- Compile.h - Stages of compiling kernels ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Internal to codegen/cpu.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_COMPILE_H
#define LNS_CODEGEN_CPU_COMPILE_H

#include "mlir/IR/BuiltinOps.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace lns::cpu {

/// The kernels of a module as LLVM IR, not optimized, with their wrappers of
/// the kernel ABI. Null after an error, which has been emitted.
std::unique_ptr<llvm::Module> translateKernels(mlir::ModuleOp kernels,
                                               llvm::LLVMContext &context);

/// Writes every rounding of f32 to bf16 in `module` as integer operations, with
/// the bits that AVX512-BF16 gives. Without its instructions, LLVM would call a
/// function of a library that kernels do not have.
void expandBf16Rounding(llvm::Module &module);

/// Links one object file into a shared object that needs nothing else. Gives
/// the reason in `error` when it fails.
bool linkSharedObject(llvm::StringRef object, std::vector<char> &sharedObject,
                      std::string &error);

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_COMPILE_H
