//===- Options.h - The driver's command line --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_OPTIONS_H
#define LNS_TOOLS_LNSC_OPTIONS_H

#include "driver/Compiler.h"
#include "frontend/HuggingFaceConfig.h"

#include "llvm/Support/CommandLine.h"
#include <string>

namespace lns::driver {

enum class Phase {
  Model,
  Identity,
  Graph,
  Train,
  Fused,
  Plan,
  Llvm,
  Cuda,
  Resources,
  File
};
enum class DType { Default, F32, Bf16 };

extern llvm::cl::opt<std::string> inputPath, outputPath, norm;
extern llvm::cl::opt<int64_t> vocabulary; ///< 0: what the config says
extern llvm::cl::opt<bool> allowUnknownKeys;
extern llvm::cl::list<std::string> cudaArchs;
extern llvm::cl::opt<Phase> emit;

/// What the command line says, checked.
struct Request {
  bool cpu = false, cuda = false; ///< targets
  CompileOptions compile;
  /// The length of sequences that a config must allow: 0, so that all do, where
  /// what is asked for has none and --seq is not given.
  int64_t configSequence = 0;
};

/// Exits with a message for options that do not exist. --help lists lnsc's own:
/// LLVM's and MLIR's are hundreds.
void parseCommandLine(int argc, char **argv);

/// Prints an error and fails where the options contradict each other or name
/// what is not there. Loads pass plugins.
bool readRequest(Request &request);

/// Makes the request one for a module that has been read in this form: its
/// sizes are decided. Prints an error and fails where options are about a phase
/// that is behind it.
bool adoptForm(Request &request, Form form, mlir::ModuleOp module);

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_OPTIONS_H
