//===- kernel_test.h - Compiles and runs kernels of parsed ops --*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CODEGEN_KERNEL_TEST_H
#define LNS_TEST_UNIT_CODEGEN_KERNEL_TEST_H

#include "codegen/cpu/CpuKernels.h"
#include "reference.h"
#include "runtime/kernel_abi.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <gtest/gtest.h>
#include <string>

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

/// How a launch's items are cut into ranges.
enum class Split { Whole, EachBackwards, Threes };

/// A shared object in memory, loaded.
class LoadedCode {
public:
  explicit LoadedCode(const std::vector<char> &sharedObject);
  ~LoadedCode();
  LoadedCode(const LoadedCode &) = delete;
  void *find(const std::string &symbol) const;

private:
  void *handle = nullptr;
};

/// The result buffers of one run, by value; parameters by symbol + kind.
using RunResult = std::map<std::string, std::shared_ptr<Buffer>>;

class KernelTest : public testing::Test {
protected:
  KernelTest();

  /// Parses `func.func @f(arguments) { body return }` and lowers its ops.
  void parse(const std::string &arguments, const std::string &body);
  /// Compiles for all `levels` into `codes`.
  void compile(const std::vector<std::string> &levels);
  /// Runs all ops with `code` on the inputs, with the items cut as `split`
  /// says.
  RunResult run(Split split);
  /// Random inputs, all levels that this processor has and all splits: results
  /// are within `tolerance` of the reference, in relation to their norm, and
  /// have the same bits for all splits. bf16 results are compared with the
  /// rounded reference, within `bf16Tolerance`: an f32 error makes few elements
  /// round the other way, so only a kernel that rounds twice, or other than to
  /// nearest, is far.
  void check(const std::string &arguments, const std::string &body,
             double tolerance = 1e-5, double bf16Tolerance = 5e-4);
  /// Seconds of the fastest of several runs of launch number `launch`.
  double measure(size_t launch);

  void makeInputs();
  void launch(const KernelLaunch &launch, Split split, RunResult &buffers);
  RunResult makeBuffers();

  mlir::MLIRContext context;
  std::string errors;
  mlir::ScopedDiagnosticHandler handler;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<cpu::KernelLowering> lowering;
  llvm::SmallVector<KernelLaunch> launches;
  Tensors inputs;
  llvm::MapVector<mlir::StringAttr, OptimizerState> states;
  std::vector<std::unique_ptr<LoadedCode>> codes;
  LoadedCode *code = nullptr; ///< that runs now
  /// Tokens and targets are below this.
  int64_t tokenLimit = 7;
  /// Standard deviation of inputs.
  double deviation = 1.0;
};

/// The name of a value's buffer in a RunResult.
std::string nameOf(mlir::Value value);

/// The numbers in a buffer of floats.
Tensor readBuffer(const Buffer &buffer, mlir::Type element);

/// Whether this processor runs code of the level.
bool hostHas(const std::string &level);

} // namespace lns::test

#endif // LNS_TEST_UNIT_CODEGEN_KERNEL_TEST_H
