//===- lnsc.cpp - The compiler's driver -------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lnsc MODEL -o PLAN: reads a model (model form, or a Hugging Face
// config.json), runs the pipeline and writes a plan. --emit stops after any
// phase and prints what is there.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CpuKernels.h"
#include "codegen/plan/Plan.h"
#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "frontend/HuggingFaceConfig.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "runtime/plan_format.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "mlir/Support/ToolUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;
using namespace lns;
namespace cl = llvm::cl;

namespace {

enum class Phase { Model, Graph, Train, Fused, Plan, Llvm, File };

cl::OptionCategory lnscCategory("lnsc options");

cl::opt<std::string> inputPath(cl::Positional, cl::Required,
                               cl::desc("MODEL (.mlir, or config.json)"),
                               cl::cat(lnscCategory));
cl::opt<std::string> outputPath("o", cl::desc("where to write the plan"),
                                cl::value_desc("PLAN"), cl::cat(lnscCategory));
cl::opt<int64_t> batch("batch", cl::desc("sequences in a step (default 8)"),
                       cl::value_desc("N"), cl::init(8), cl::cat(lnscCategory));
cl::opt<int64_t> microBatch(
    "micro-batch",
    cl::desc("sequences that are in memory at one time (default: --batch); a "
             "step adds up the gradients of as many as there are"),
    cl::value_desc("N"), cl::init(0), cl::cat(lnscCategory));
cl::opt<int64_t> sequence("seq", cl::desc("tokens in a sequence (default 256)"),
                          cl::value_desc("T"), cl::init(256),
                          cl::cat(lnscCategory));
cl::opt<std::string> target("target",
                            cl::desc("what the plan runs on: cpu (default)"),
                            cl::value_desc("cpu"), cl::init("cpu"),
                            cl::cat(lnscCategory));
cl::list<std::string>
    cpuLevels("cpu", cl::CommaSeparated,
              cl::desc("instruction-set levels of the CPU code: native, "
                       "x86-64-v2, x86-64-v3, x86-64-v4 (default "
                       "x86-64-v3,x86-64-v4); the runtime takes the best that "
                       "the processor has"),
              cl::value_desc("LEVEL,..."), cl::cat(lnscCategory));
cl::opt<unsigned>
    threads("threads",
            cl::desc("threads of the session whose memory is printed and kept "
                     "to a budget (default: what this process may use)"),
            cl::value_desc("N"), cl::init(0), cl::cat(lnscCategory));
cl::opt<std::string> memoryBudget(
    "memory-budget",
    cl::desc("most bytes that a session may allocate; what does not fit is "
             "computed again in the backward pass"),
    cl::value_desc("BYTES, or with K, M, G"), cl::cat(lnscCategory));
cl::opt<NormScheme>
    normScheme("norm",
               cl::desc("norm scheme of a model that comes from a config.json"),
               cl::values(clEnumValN(NormScheme::Lns, "lns",
                                     "LayerNorm Scaling, 1/sqrt(depth)"),
                          clEnumValN(NormScheme::Pre, "pre", "plain Pre-LN")),
               cl::init(NormScheme::Lns), cl::cat(lnscCategory));
cl::opt<bool> disableNormElimination(
    "disable-norm-elimination",
    cl::desc("compute every norm where it stands, for comparisons"),
    cl::cat(lnscCategory));
enum class DType { Default, F32, Bf16 };
cl::opt<DType> dtype(
    "dtype",
    cl::desc("element type of activations (parameters, gradients and sums "
             "stay f32); default: bf16 where every level of --cpu has matrix "
             "instructions for it, AVX512-BF16 or AMX-BF16, as 'native' may; "
             "else f32"),
    cl::values(clEnumValN(DType::F32, "f32", "32-bit floats"),
               clEnumValN(DType::Bf16, "bf16",
                          "bfloat16: half the memory, products in bf16")),
    cl::init(DType::Default), cl::cat(lnscCategory));
cl::opt<bool> disablePadding(
    "disable-padding",
    cl::desc("leave widths between linears as they are, for comparisons"),
    cl::cat(lnscCategory));
cl::opt<Phase> emit(
    "emit", cl::desc("stop after a phase and print it"),
    cl::values(
        clEnumValN(Phase::Model, "model", "the model form, as read"),
        clEnumValN(Phase::Graph, "graph", "layers instantiated, shapes static"),
        clEnumValN(Phase::Train, "train",
                   "norms folded, differentiated, with the optimizer"),
        clEnumValN(Phase::Fused, "fused", "row ops clustered into kernels"),
        clEnumValN(Phase::Plan, "plan", "memory planned"),
        clEnumValN(Phase::Llvm, "llvm",
                   "optimized LLVM IR of the kernels, first --cpu level")),
    cl::init(Phase::File), cl::cat(lnscCategory));

/// Reads a model form or a config. Errors are emitted.
OwningOpRef<ModuleOp> readModel(MLIRContext &context,
                                llvm::SourceMgr &sourceMgr,
                                uint64_t &sourceHash) {
  // A device may have no end.
  llvm::sys::fs::file_status status;
  if (inputPath != "-" && !llvm::sys::fs::status(inputPath, status) &&
      status.type() != llvm::sys::fs::file_type::regular_file &&
      status.type() != llvm::sys::fs::file_type::fifo_file) {
    llvm::errs() << "lnsc: error: '" << inputPath
                 << "' is not a file; give a model (.mlir) or a config.json\n";
    return nullptr;
  }
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(inputPath, &message);
  if (!file) {
    llvm::errs() << "lnsc: error: " << message << "\n";
    return nullptr;
  }
  sourceHash = planChecksum(file->getBufferStart(), file->getBufferSize());
  if (llvm::StringRef(inputPath).ends_with(".json")) {
    HuggingFaceOptions options;
    options.norm = normScheme;
    return importHuggingFaceConfig(file->getBuffer(), inputPath, options,
                                   &context);
  }
  if (normScheme.getNumOccurrences()) {
    llvm::errs() << "lnsc: error: --norm chooses the scheme of a config.json, "
                    "but '"
                 << inputPath
                 << "' is no .json file; write the scheme into the model\n";
    return nullptr;
  }
  sourceMgr.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  ParserConfig config(&context);
  return parseSourceFile<ModuleOp>(sourceMgr, config);
}

/// Runs one phase's passes with the command line's pass-manager options.
LogicalResult runPhase(ModuleOp module, TimingScope &timing,
                       llvm::function_ref<void(OpPassManager &)> build) {
  PassManager manager(module.getContext());
  if (failed(applyPassManagerCLOptions(manager)))
    return failure();
  manager.enableTiming(timing);
  build(manager);
  return manager.run(module);
}

/// Opens what -o names, standard output without it, and has `write` fill it.
/// A full disk is an error here, not an abort when the stream closes.
int printTo(llvm::function_ref<void(llvm::raw_ostream &)> write) {
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

int printModule(ModuleOp module) {
  return printTo([&](llvm::raw_ostream &os) { module->print(os); });
}

/// "1500000", "800M", "2G": units of 1024.
bool parseBudget(std::optional<uint64_t> &bytes) {
  if (!memoryBudget.getNumOccurrences())
    return true;
  llvm::StringRef text = memoryBudget;
  unsigned shift = 0;
  if (text.consume_back_insensitive("k"))
    shift = 10;
  else if (text.consume_back_insensitive("m"))
    shift = 20;
  else if (text.consume_back_insensitive("g"))
    shift = 30;
  uint64_t number = 0;
  if (text.getAsInteger(10, number) || number == 0 ||
      number > (uint64_t(1) << (60 - shift))) {
    llvm::errs() << "lnsc: error: --memory-budget: '" << memoryBudget
                 << "' is no number of bytes from 1 to 2^60; write for example "
                    "1500000000, 800M or 2G\n";
    return false;
  }
  bytes = number << shift;
  return true;
}

bool parseLevels(std::vector<cpu::CodeLevel> &levels) {
  std::vector<std::string> names = cpuLevels;
  if (names.empty())
    names = {"x86-64-v3", "x86-64-v4"};
  for (const std::string &name : names) {
    cpu::CodeLevel level;
    std::string error;
    if (!cpu::parseCodeLevel(name, level, error)) {
      llvm::errs() << "lnsc: error: --cpu: " << error << "\n";
      return false;
    }
    for (const cpu::CodeLevel &other : levels)
      if (other.name == level.name) {
        llvm::errs() << "lnsc: error: --cpu: level '" << name
                     << "' is given twice; name each level once\n";
        return false;
      }
    levels.push_back(level);
  }
  return true;
}

/// Of the session that the plan is for: without --threads, as many as a session
/// has that is told no number.
unsigned getThreads() {
  return threads ? threads.getValue()
                 : llvm::hardware_concurrency().compute_thread_count();
}

/// In bytes: the sum is what a session allocates, not nearly that.
void printMemory(const SessionMemory &memory) {
  llvm::outs() << "to train on " << memory.threads
               << (memory.threads == 1 ? " thread: " : " threads: ")
               << memory.total() << " bytes = parameters " << memory.parameters
               << " + gradients " << memory.gradients << " + optimizer "
               << memory.optimizer << " + activations " << memory.activations
               << " + workspace " << memory.workspace << " + io " << memory.io
               << " + constants " << memory.constants << " + matmul "
               << memory.matmul << " + scratch " << memory.threads << " x "
               << memory.scratchPerThread << "\n";
}

/// Whether activations are bf16.
bool usesBf16(ArrayRef<cpu::CodeLevel> levels) {
  if (dtype != DType::Default)
    return dtype == DType::Bf16;
  return llvm::all_of(levels, cpu::hasBf16Products);
}

void printSummary(const Plan &plan, size_t bytes) {
  uint64_t elements = 0;
  for (const PlanParameter &parameter : plan.parameters) {
    uint64_t size = 1;
    for (int64_t extent : parameter.shape)
      size *= uint64_t(extent);
    elements += size;
  }
  std::string levels;
  for (const PlanCode &unit : plan.code)
    levels += (levels.empty() ? "" : ",") + unit.level.name;
  llvm::outs() << outputPath << ": " << plan.modelName << ", "
               << llvm::format("%.2f", elements / 1e6) << "M parameters, "
               << plan.layers << " layers (" << plan.normScheme << "), batch "
               << plan.batch << " x " << plan.sequence;
  if (plan.microBatch)
    llvm::outs() << " in parts of " << plan.microBatch;
  llvm::outs() << ", " << (plan.dtype == PlanDType::Bf16 ? "bf16" : "f32")
               << ", " << plan.kernels.size() << " kernels for " << levels
               << ", " << bytes / 1024 << " KiB\n";
  printMemory(getSessionMemory(plan, getThreads()));
}

/// Training form to what a plan is made of.
LogicalResult planModule(ModuleOp module, cpu::KernelLowering &kernels,
                         Plan &plan) {
  PassManager manager(module.getContext());
  buildFusePipeline(manager);
  buildMemoryPipeline(manager);
  return failed(manager.run(module)) ? failure()
                                     : buildPlan(module, kernels, plan);
}

/// What a session allocates beside its arena. Computing ops again changes
/// nothing of that: it adds commands, and kernels of row ops, which have no
/// scratch.
FailureOr<uint64_t> getReservedBytes(ModuleOp trained) {
  OwningOpRef<ModuleOp> draft = trained.clone();
  Plan plan;
  cpu::KernelLowering kernels(trained.getContext());
  if (failed(planModule(*draft, kernels, plan)))
    return failure();
  SessionMemory memory = getSessionMemory(plan, getThreads());
  return memory.total() - memory.arena();
}

/// Makes training form fit the budget.
LogicalResult fitBudget(ModuleOp module, uint64_t budget, TimingScope &timing) {
  FailureOr<uint64_t> reserved = getReservedBytes(module);
  if (failed(reserved))
    return failure();
  RecomputeOptions options;
  options.budgetBytes = budget;
  options.reservedBytes = *reserved;
  return runPhase(module, timing, [&](OpPassManager &manager) {
    manager.addPass(createRecompute(options));
  });
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
  SourceMgrDiagnosticHandler diagnostics(sourceMgr, &context);

  if (target != "cpu") {
    llvm::errs() << "lnsc: error: unknown --target '" << target
                 << "'; this build compiles for 'cpu'\n";
    return 1;
  }
  if (threads > kMaxThreads) {
    llvm::errs() << "lnsc: error: --threads: " << threads << ", at most "
                 << kMaxThreads << " are possible\n";
    return 1;
  }
  if (emit == Phase::File && outputPath.empty()) {
    llvm::errs() << "lnsc: error: nothing to write; give -o PLAN, or --emit=\n";
    return 1;
  }
  if (microBatch < 0 || (microBatch > 0 && batch % microBatch != 0)) {
    llvm::errs() << "lnsc: error: --micro-batch: a batch of " << batch
                 << " is no multiple of " << microBatch << "\n";
    return 1;
  }
  int64_t microBatches = microBatch > 0 ? batch / microBatch : 1;
  std::vector<cpu::CodeLevel> levels;
  std::optional<uint64_t> budget;
  if (!parseLevels(levels) || !parseBudget(budget))
    return 1;

  uint64_t sourceHash = 0;
  TimingScope parsing = timing.nest("Parse");
  OwningOpRef<ModuleOp> module = readModel(context, sourceMgr, sourceHash);
  parsing.stop();
  if (!module)
    return 1;
  if (emit == Phase::Model)
    return printModule(*module);

  if (failed(runPhase(*module, timing, [&](OpPassManager &manager) {
        buildGraphPipeline(manager, batch / microBatches, sequence);
      })))
    return 1;
  if (emit == Phase::Graph)
    return printModule(*module);

  bool bf16 = usesBf16(levels);
  if (failed(runPhase(*module, timing, [&](OpPassManager &manager) {
        if (!disablePadding)
          buildPaddingPipeline(manager);
        buildEliminationPipeline(manager, !disableNormElimination);
        if (bf16)
          buildMixedPrecisionPipeline(manager);
        buildTrainPipeline(manager, microBatches);
      })))
    return 1;
  if (budget && failed(fitBudget(*module, *budget, timing)))
    return 1;
  if (emit == Phase::Train)
    return printModule(*module);

  if (failed(runPhase(*module, timing, [](OpPassManager &manager) {
        buildFusePipeline(manager);
      })))
    return 1;
  if (emit == Phase::Fused)
    return printModule(*module);

  if (failed(runPhase(*module, timing, [](OpPassManager &manager) {
        buildMemoryPipeline(manager);
      })))
    return 1;
  if (emit == Phase::Plan)
    return printModule(*module);

  TimingScope lowering = timing.nest("Kernels");
  Plan plan;
  plan.sourceHash = sourceHash;
  cpu::KernelLowering kernels(&context);
  if (failed(buildPlan(*module, kernels, plan)))
    return 1;
  lowering.stop();
  TimingScope code = timing.nest("Machine code");
  std::string llvmIr;
  std::vector<std::vector<char>> objects;
  if (failed(cpu::compileKernels(kernels.getModule(), levels, objects,
                                 emit == Phase::Llvm ? &llvmIr : nullptr)))
    return 1;
  if (emit == Phase::Llvm)
    return printTo([&](llvm::raw_ostream &os) { os << llvmIr; });
  for (auto [level, object] : llvm::zip(levels, objects))
    plan.code.push_back({level, std::move(object)});
  code.stop();

  TimingScope writing = timing.nest("Write");
  std::vector<char> bytes;
  std::string error;
  if (!serializePlan(plan, bytes, error) ||
      !writeFileAtomically(outputPath, bytes, error)) {
    llvm::errs() << "lnsc: error: " << error << "\n";
    return 1;
  }
  printSummary(plan, bytes.size());
  llvm::outs().flush();
  if (std::error_code code = llvm::outs().error()) {
    llvm::errs() << "lnsc: error: cannot write to standard output: "
                 << code.message() << "; '" << outputPath << "' is written\n";
    llvm::outs().clear_error();
    return 1;
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM initialization(argc, argv);
  registerLnsPasses();
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  cl::AddExtraVersionPrinter([](llvm::raw_ostream &stream) {
    stream << "lnsc " << LNS_VERSION << "\n";
  });
  cl::ParseCommandLineOptions(
      argc, argv,
      "lnsc: compiles a normalized transformer into a training plan\n");
  return compileModel();
}
