//===- Report.cpp - What the driver prints ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lnsc/Report.h"

#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace lns;
using namespace lns::driver;

int driver::printTo(llvm::function_ref<void(llvm::raw_ostream &)> write) {
  std::string message;
  std::string path = outputPath.empty() ? "-" : outputPath.getValue();
  std::unique_ptr<llvm::ToolOutputFile> output = openOutputFile(path, &message);
  if (!output) {
    llvm::errs() << "lnsc: error: " << message << "\n";
    return 1;
  }
  write(output->os());
  output->os().flush();
  if (std::error_code code = output->os().error()) {
    llvm::errs() << "lnsc: error: cannot write '" << path
                 << "': " << code.message()
                 << "; free some space or choose another -o\n";
    output->os().clear_error();
    return 1;
  }
  output->keep();
  return 0;
}

int driver::printModule(ModuleOp module) {
  return printTo([&](llvm::raw_ostream &os) { module->print(os); });
}

void driver::printKernels(llvm::raw_ostream &os, const PlanCuda &program) {
  llvm::ListSeparator separator("\n");
  for (const cuda::KernelInfo &kernel : program.kernels)
    os << separator << "//===--- " << kernel.symbol << ": " << kernel.threads
       << " threads, " << kernel.sharedBytes << " bytes shared"
       << (kernel.noSpills ? "" : ", may spill") << "\n"
       << kernel.text;
}

/// In bytes: the sum is what a session allocates, not nearly that.
static void printMemory(llvm::raw_ostream &os, const SessionMemory &memory) {
  os << memory.total() << " bytes = parameters " << memory.parameters
     << " + gradients " << memory.gradients << " + optimizer "
     << memory.optimizer << " + activations " << memory.activations
     << " + workspace " << memory.workspace << " + io " << memory.io
     << " + constants " << memory.constants << " + matmul " << memory.matmul;
  if (memory.caches)
    os << " + caches " << memory.caches;
  os << " + scratch ";
}

/// Of what is trained, or of what is frozen.
static uint64_t countElements(const Plan &plan, bool frozen) {
  uint64_t elements = 0;
  for (const PlanParameter &parameter : plan.parameters) {
    if (parameter.frozen != frozen)
      continue;
    uint64_t size = 1;
    for (int64_t extent : parameter.shape)
      size *= uint64_t(extent);
    elements += size;
  }
  return elements;
}

void driver::printSummary(llvm::raw_ostream &os, const Plan &plan,
                          const Request &request, size_t bytes) {
  os << (outputPath == "-" ? "plan" : outputPath.getValue()) << ": "
     << plan.modelName << ", "
     << llvm::format("%.2f", countElements(plan, /*frozen=*/false) / 1e6)
     << "M parameters, ";
  if (uint64_t frozen = countElements(plan, /*frozen=*/true))
    os << llvm::format("%.2f", frozen / 1e6) << "M frozen, ";
  os << plan.layers << " layers (" << plan.normScheme << "), batch "
     << plan.batch << " x " << plan.sequence;
  if (plan.microBatch)
    os << " in parts of " << plan.microBatch;
  os << ", " << (plan.dtype == PlanDType::Bf16 ? "bf16" : "f32");
  if (request.cpu) {
    llvm::ListSeparator separator(",");
    os << ", " << plan.kernels.size() << " kernels for ";
    for (const PlanCode &unit : plan.code)
      os << separator << unit.level.name;
  }
  if (plan.cuda) {
    os << ", " << plan.cuda->kernels.size() << " kernels for cuda";
    std::string last;
    for (const PlanCubin &cubin : plan.cuda->cubins)
      if (cubin.arch != last)
        os << "," << (last = cubin.arch);
  }
  os << ", " << bytes / 1024 << " KiB\n";
  if (request.cpu) {
    SessionMemory memory = getSessionMemory(plan, request.compile.threads);
    os << "to train on " << memory.threads
       << (memory.threads == 1 ? " thread: " : " threads: ");
    printMemory(os, memory);
    os << memory.threads << " x " << memory.scratchPerThread << "\n";
  }
  if (plan.cuda) {
    SessionMemory memory = getCudaSessionMemory(plan);
    os << "to train on a CUDA device: ";
    printMemory(os, memory);
    os << memory.scratchPerThread << " + staging " << memory.staging
       << " + compute weights " << memory.compute << "\n";
  }
}

void driver::printRecomputed(llvm::raw_ostream &os,
                             const Recomputed &recomputed,
                             llvm::StringRef target) {
  if (recomputed.ops == 0)
    return;
  os << "computed again on " << target << ": " << recomputed.ops
     << (recomputed.ops == 1 ? " op, " : " ops, ") << recomputed.flops
     << " FLOPs more in a step (";
  os << llvm::format("%.1f", recomputed.totalFlops == 0
                                 ? 0.0
                                 : 100.0 * double(recomputed.flops) /
                                       double(recomputed.totalFlops))
     << " %), for an arena that is " << recomputed.bytes << " bytes smaller\n";
}
