//===- Compile.cpp - Kernels as machine code of one level -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Compile.h"
#include "codegen/cpu/CpuKernels.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace lns::cpu;

/// Comma-separated, each with its sign. A virtual machine may hide features of
/// its processor, so for "native" the absent ones are named as well.
static std::string getFeatureString(const CodeLevel &level) {
  llvm::SmallVector<std::string> features;
  for (const std::string &feature : level.features)
    features.push_back("+" + feature);
  if (llvm::StringRef(level.name).starts_with("native"))
    for (auto &entry : llvm::sys::getHostCPUFeatures())
      if (!entry.getValue())
        features.push_back(("-" + entry.getKey()).str());
  llvm::sort(features);
  return llvm::join(features, ",");
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(const CodeLevel &level, std::string &error) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
  (void)initialized;
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  // Only what kernels say with fmuladd is fused.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, level.cpu, getFeatureString(level), options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Default));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.getTargetCPU());
    function.addFnAttr("target-features", machine.getTargetFeatureString());
    function.setDoesNotThrow();
  }
  // Kernels are vectors already; what is scalar in them is not worth the time.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  tuning.LoopInterleaving = false;
  tuning.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2)
      .run(module, modules);
}

LogicalResult lns::cpu::compileKernels(ModuleOp kernels, const CodeLevel &level,
                                       std::vector<char> &sharedObject,
                                       std::string *llvmIr) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = translateKernels(kernels, context);
  if (!module)
    return kernels.emitError("cannot translate the kernels to LLVM IR");
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(level, error);
  if (!machine)
    return kernels.emitError()
           << "cannot make code for '" << level.name << "': " << error;
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  optimize(*module, *machine);
  if (llvmIr) {
    llvm::raw_string_ostream stream(*llvmIr);
    module->print(stream, nullptr);
  }

  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::ObjectFile))
    return kernels.emitError()
           << "the target of '" << level.name << "' writes no object files";
  passes.run(*module);
  if (!linkSharedObject(llvm::StringRef(object.data(), object.size()),
                        sharedObject, error))
    return kernels.emitError()
           << "cannot link the kernels of '" << level.name << "': " << error;
  return success();
}
