//===- lnsc.cpp - The compiler's command line -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lnsc MODEL -o PLAN: reads a model (model form, or a Hugging Face
// config.json), has driver/ compile it, and writes a plan. --emit stops after
// any phase and prints what is there.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "driver/Compiler.h"
#include "driver/Cubins.h"
#include "driver/Forms.h"
#include "passes/Passes.h"
#include "tools/lnsc/Options.h"
#include "tools/lnsc/ReadModel.h"
#include "tools/lnsc/Report.h"
#include "tools/lnsc/ShortLines.h"
#include "tools/lnsc/WritePlan.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Support/ToolUtilities.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace lns;
using namespace lns::driver;

namespace {

/// The form that the targets' road ends with; lnsc itself prints what comes
/// after it.
Form getLastForm() {
  switch (emit) {
  case Phase::Train:
    return Form::Train;
  case Phase::Fused:
    return Form::Fused;
  case Phase::Plan:
    return Form::Planned;
  default:
    return Form::Plan;
  }
}

/// Says with which --micro-batch the budget would be met, which no
/// --micro-batch or a larger one has missed. `model` is the model form.
template <typename Create>
void suggestMicroBatch(ModuleOp model, const Request &request, Create create) {
  std::optional<int64_t> met = findMicroBatch(model, request.compile, create);
  if (!met)
    return;
  if (*met == 0)
    llvm::errs() << "lnsc: note: no --micro-batch meets the budget, nor does "
                    "--micro-batch=1; give a larger one, or a smaller --seq or "
                    "model\n";
  else
    llvm::errs() << "lnsc: note: --micro-batch=" << *met
                 << " meets the budget\n";
}

/// What lnsc reads again, with what the plan will say that it computes.
int printForm(ModuleOp module) {
  sealForm(module);
  return printModule(module);
}

int compileModel() {
  DefaultTimingManager timingManager;
  applyDefaultTimingManagerCLOptions(timingManager);
  TimingScope timing = timingManager.getRootScope();

  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  // One line per error; --mlir-print-op-on-diagnostic brings the op back.
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sourceMgr;
  ShortLines errors(llvm::errs());
  SourceMgrDiagnosticHandler diagnostics(sourceMgr, &context, errors);

  Request request;
  if (!readRequest(request))
    return 1;
  Plan plan;
  TimingScope parsing = timing.nest("Parse");
  OwningOpRef<ModuleOp> module =
      readModel(context, sourceMgr, request.configSequence, plan.sourceHash);
  parsing.stop();
  if (!module)
    return 1;
  Form form = getForm(*module);
  if (!adoptForm(request, form, *module))
    return 1;
  if (emit == Phase::Model)
    return printModule(*module);
  if (form > Form::Model &&
      failed(enterForm(*module, form, request.compile, timing)))
    return 1;
  if (emit == Phase::Identity) {
    FailureOr<std::string> own = std::string();
    if (form == Form::Model) {
      own = addAdapters(*module, request.compile, timing);
      if (failed(own))
        return 1;
    }
    return printTo([&](llvm::raw_ostream &os) {
      os << getPlanIdentity(*module, form, request.compile, *own);
    });
  }
  OwningOpRef<ModuleOp> model;
  if (request.compile.budget && form == Form::Model)
    model = module->clone();
  if (form == Form::Model) {
    if (failed(buildGraph(*module, request.compile, timing)))
      return 1;
    form = Form::Graph;
  }
  if (emit == Phase::Graph)
    return printForm(*module);
  if (form == Form::Graph) {
    if (failed(buildTraining(*module, request.compile, timing)))
      return 1;
    form = Form::Train;
  }

  std::string llvmIr;
  auto createCpu = [](const CompileOptions &options, TimingScope &timing) {
    return createCpuCompiler(options, timing);
  };
  auto forCpu = createCpuCompiler(request.compile, timing,
                                  emit == Phase::Llvm ? &llvmIr : nullptr);
  auto forCuda = createCudaCompiler(request.compile, timing);
  Form last = getLastForm();
  if (last != Form::Plan) {
    TargetCompiler &first = request.cpu ? *forCpu : *forCuda;
    return failed(first.run(*module, form, last, plan)) ? 1
                                                        : printForm(*module);
  }
  bool printsCuda = emit == Phase::Cuda || emit == Phase::Resources;
  if (request.cpu && !printsCuda) {
    OwningOpRef<ModuleOp> own = module->clone();
    if (failed(forCpu->run(*own, form, last, plan))) {
      if (forCpu->overBudget && model)
        suggestMicroBatch(*model, request, createCpu);
      return 1;
    }
  }
  if (emit == Phase::Llvm)
    return printTo([&](llvm::raw_ostream &os) { os << llvmIr; });
  if (request.cuda && failed(forCuda->run(*module, form, last, plan))) {
    if (forCuda->overBudget && model)
      suggestMicroBatch(*model, request, createCudaCompiler);
    return 1;
  }
  if (emit == Phase::Cuda)
    return printTo(
        [&](llvm::raw_ostream &os) { printKernels(os, *plan.cuda); });
  if (!cudaArchs.empty()) {
    TimingScope cubins = timing.nest("Cubins");
    std::string error;
    if (!addCubins(*plan.cuda, cudaArchs, error)) {
      llvm::errs() << "lnsc: error: --cuda-arch: " << error << "\n";
      return 1;
    }
  }
  if (emit == Phase::Resources)
    return printTo(
        [&](llvm::raw_ostream &os) { printResources(os, *plan.cuda); });
  TimingScope writing = timing.nest("Write");
  if (int code = driver::writePlan(plan, request))
    return code;
  llvm::raw_ostream &os = outputPath == "-" ? llvm::errs() : llvm::outs();
  printRecomputed(os, forCpu->recomputed, "the CPU");
  printRecomputed(os, forCuda->recomputed, "CUDA");
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM initialization(argc, argv);
  registerLnsPasses();
  registerCanonicalizerPass();
  registerCSEPass();
  registerSymbolDCEPass();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  llvm::cl::AddExtraVersionPrinter([](llvm::raw_ostream &stream) {
    stream << "lnsc " << LNS_VERSION << "\n";
  });
  parseCommandLine(argc, argv);
  return compileModel();
}
