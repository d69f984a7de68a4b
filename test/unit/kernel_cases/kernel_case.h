//===- kernel_case.h - Parsed ops, inputs and what to expect ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the kernel tests of all targets share. A target's kernel_test.h has a
// KernelTest, derived from this, that runs what the ops were lowered to; the
// *_cases.cpp beside this file are compiled for each target, with that
// kernel_test.h.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_KERNEL_CASES_KERNEL_CASE_H
#define LNS_TEST_UNIT_KERNEL_CASES_KERNEL_CASE_H

#include "codegen/KernelLaunch.h"
#include "test/unit/kernel_cases/reference.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace lns::test {

/// A buffer as the runtime gives it to kernels: 64-byte aligned, dense, with a
/// guard behind it that nobody may write.
class Buffer {
public:
  explicit Buffer(size_t bytes);
  ~Buffer();
  Buffer(const Buffer &) = delete;

  char *data() const { return memory; }
  size_t size() const { return bytes; }
  bool guardIsIntact() const;

private:
  char *memory;
  size_t bytes;
};

/// Buffers by name: inputs and results by value, parameters by symbol and
/// ".parameter", ".m" or ".v", compute weights by theirs and ".compute",
/// constants "c0" and so on.
using RunResult = std::map<std::string, std::shared_ptr<Buffer>>;

class KernelCase : public testing::Test {
protected:
  KernelCase();

  /// A lowering of the target that has seen nothing yet.
  virtual KernelTarget &startLowering() = 0;

  /// Parses `func.func @f(arguments) { body return }` and lowers its ops.
  void parse(const std::string &arguments, const std::string &body);
  /// Random inputs.
  void makeInputs();
  /// Buffers with the inputs; all other bytes are 0xff, NaN in every type.
  RunResult makeBuffers();
  /// What the definitions of the ops give for the inputs.
  void makeExpected();
  /// Results are within `tolerance` of what is expected, in relation to its
  /// norm. bf16 results are compared with the rounded reference, within
  /// `bf16Tolerance`: an f32 error makes few elements round the other way, so
  /// only a kernel that rounds twice, or other than to nearest, is far.
  void compare(const RunResult &buffers, double tolerance,
               double bf16Tolerance);
  /// All buffers have the same bits.
  void compareBits(const RunResult &a, const RunResult &b, const char *what);

  mlir::func::FuncOp getFunction() {
    return *module->getOps<mlir::func::FuncOp>().begin();
  }

  mlir::MLIRContext context;
  std::string errors;
  std::string declarations; ///< of further parameters, before `parse`
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  KernelTarget *target = nullptr;
  llvm::SmallVector<KernelLaunch> launches;
  Tensors inputs, expected;
  llvm::MapVector<mlir::StringAttr, OptimizerState> states, expectedStates;
  /// Tokens and targets are below this.
  int64_t tokenLimit = 7;
  /// Every so-manyth of them is ignored, from the first on; none where it is 0.
  int64_t ignoreEvery = 0;
  /// How long documents are, of arguments that are read as their starts: one
  /// behind the other, again from the first on, and a new one in each row.
  std::vector<int64_t> documentLengths = {3, 1, 1, 7, 2};
  /// Standard deviation of inputs.
  double deviation = 1.0;
};

/// The name of a value's buffer in a RunResult, and that of an argument; empty
/// for a part of a target's workspace.
std::string nameOf(mlir::Value value);
std::string nameOf(const KernelArgument &argument);

/// The numbers in a buffer of floats.
Tensor readBuffer(const Buffer &buffer, mlir::Type element);

} // namespace lns::test

#endif // LNS_TEST_UNIT_KERNEL_CASES_KERNEL_CASE_H
