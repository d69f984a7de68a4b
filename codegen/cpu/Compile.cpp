//===- Compile.cpp - Kernels as machine code of one level -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Compile.h"
#include "codegen/cpu/CpuKernels.h"

#include "mlir/IR/Threading.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace lns::cpu;

/// Comma-separated, each with its sign. A virtual machine may hide features of
/// its processor, so for "native" the absent ones are named as well.
static std::string getFeatureString(const CodeLevel &level) {
  llvm::SmallVector<std::string> features;
  for (const std::string &feature : level.features)
    features.push_back("+" + feature);
  for (const std::string &feature : level.absent)
    features.push_back("-" + feature);
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
    // Loops that clear or copy must not become calls of memset or memcpy.
    function.addFnAttr("no-builtins");
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

/// One level's machine code; the reason in `error` when it fails. Touches
/// nothing but its arguments, so that levels compile side by side.
static bool compileLevel(llvm::StringRef bitcode, const CodeLevel &level,
                         std::vector<char> &sharedObject, std::string *llvmIr,
                         std::string &error) {
  llvm::LLVMContext context;
  auto parsed = llvm::parseBitcodeFile(
      llvm::MemoryBufferRef(bitcode, "lns kernels"), context);
  if (!parsed) {
    error = llvm::toString(parsed.takeError());
    return false;
  }
  std::unique_ptr<llvm::Module> module = std::move(*parsed);
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(level, error);
  if (!machine)
    return false;
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  if (!llvm::is_contained(level.features, "avx512bf16"))
    expandBf16Rounding(*module);
  optimize(*module, *machine);
  if (llvmIr) {
    llvm::raw_string_ostream stream(*llvmIr);
    module->print(stream, nullptr);
  }

  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   llvm::CodeGenFileType::ObjectFile)) {
    error = "the target writes no object files";
    return false;
  }
  passes.run(*module);
  return linkSharedObject(llvm::StringRef(object.data(), object.size()),
                          sharedObject, error);
}

LogicalResult lns::cpu::compileKernels(ModuleOp kernels,
                                       llvm::ArrayRef<CodeLevel> levels,
                                       std::vector<std::vector<char>> &objects,
                                       std::string *llvmIr) {
  // To LLVM IR once; every level then has a context of its own.
  llvm::SmallVector<char, 0> bitcode;
  {
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> module = translateKernels(kernels, context);
    if (!module)
      return kernels.emitError("cannot translate the kernels to LLVM IR");
    llvm::raw_svector_ostream stream(bitcode);
    llvm::WriteBitcodeToFile(*module, stream);
  }
  objects.assign(levels.size(), {});
  std::vector<std::string> errors(levels.size());
  std::vector<char> done(levels.size(), false);
  parallelFor(kernels.getContext(), 0, levels.size(), [&](size_t i) {
    done[i] =
        compileLevel(llvm::StringRef(bitcode.data(), bitcode.size()), levels[i],
                     objects[i], i == 0 ? llvmIr : nullptr, errors[i]);
  });
  for (size_t i = 0; i < levels.size(); ++i)
    if (!done[i])
      return kernels.emitError() << "cannot make code for '" << levels[i].name
                                 << "': " << errors[i];
  return success();
}
