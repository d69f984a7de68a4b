//===- Options.h - The driver's command line --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_OPTIONS_H
#define LNS_TOOLS_LNSC_OPTIONS_H

#include "codegen/cpu/CpuKernels.h"
#include "frontend/HuggingFaceConfig.h"

#include "llvm/Support/CommandLine.h"
#include <optional>
#include <string>
#include <vector>

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

extern llvm::cl::opt<std::string> inputPath, outputPath;
extern llvm::cl::opt<int64_t> batch, microBatch, sequence;
extern llvm::cl::opt<unsigned> threads;
extern llvm::cl::opt<NormScheme> normScheme;
extern llvm::cl::opt<int64_t> vocabulary; ///< 0: what the config says
extern llvm::cl::opt<bool> allowUnknownKeys, disableNormElimination,
    disablePadding, disableProductFusion, disableKeptWeights;
extern llvm::cl::list<std::string> cudaArchs;
extern llvm::cl::opt<Phase> emit;

/// What the command line says, checked.
struct Request {
  bool cpu = false, cuda = false; ///< targets
  std::vector<cpu::CodeLevel> levels;
  bool bf16 = false; ///< activations
  int64_t microBatches = 1;
  std::optional<uint64_t> budget; ///< bytes of a session
};

/// Exits with a message for options that do not exist. --help lists lnsc's own:
/// LLVM's and MLIR's are hundreds.
void parseCommandLine(int argc, char **argv);

/// Prints an error and fails where the options contradict each other or name
/// what is not there.
bool readRequest(Request &request);

/// Of the session that the plan is for: without --threads, as many as a session
/// has that is told no number.
unsigned getThreads();

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_OPTIONS_H
