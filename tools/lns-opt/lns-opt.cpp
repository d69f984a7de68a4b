//===- lns-opt.cpp - Runs passes on lns files -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/Register.h"
#include "frontend/GuardedParse.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

/// As MlirOptMain for files, but for input that MLIR's readers do not survive.
static llvm::LogicalResult run(llvm::StringRef input, llvm::StringRef output,
                               mlir::DialectRegistry &registry) {
  auto fail = [](llvm::StringRef message) {
    llvm::errs() << "lns-opt: error: " << message << "\n";
    return llvm::failure();
  };
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file =
      mlir::openInputFile(input, &message);
  if (!file)
    return fail(message);
  mlir::MlirOptMainConfig config =
      mlir::MlirOptMainConfig::createFromCLOptions();
  file = lns::guardSource(std::move(file), registry, config.inputSplitMarker());
  if (!file)
    return llvm::failure();
  std::unique_ptr<llvm::ToolOutputFile> result =
      mlir::openOutputFile(output, &message);
  if (!result)
    return fail(message);
  if (llvm::failed(
          mlir::MlirOptMain(result->os(), std::move(file), registry, config)))
    return llvm::failure();
  result->keep();
  return llvm::success();
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  lns::registerDialects(registry);
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerSymbolDCEPass();
  lns::registerLnsPasses();
  auto [input, output] = mlir::registerAndParseCLIOptions(
      argc, argv, "lns optimizer driver\n", registry);
  return mlir::asMainReturnCode(run(input, output, registry));
}
