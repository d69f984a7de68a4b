//===- Options.cpp - The driver's command line ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lnsc/Options.h"
#include "driver/Forms.h"

#include "runtime/base/checked_math.h"
#include "runtime/base/cpu_quota.h"
#include "runtime/base/session_memory.h"
#include "tools/lns/base/byte_size.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace lns;
using namespace lns::driver;
namespace cl = llvm::cl;

static cl::OptionCategory lnscCategory("lnsc options");
static constexpr uint64_t kMaxBudget = uint64_t(1) << 60;

static cl::opt<bool> listNorms("list-norms",
                               cl::desc("print the norm schemes and exit"),
                               cl::cat(lnscCategory));

void driver::parseCommandLine(int argc, char **argv) {
  cl::HideUnrelatedOptions(lnscCategory);
  cl::ParseCommandLineOptions(
      argc, argv,
      "lnsc: compiles a normalized transformer into a training plan\n\n"
      "MLIR's own options work, too, such as --mlir-timing and "
      "--mlir-print-ir-after-all.\n");
  if (listNorms) {
    printNormSchemes(llvm::outs());
    exit(0);
  }
}

cl::opt<std::string>
    driver::inputPath(cl::Positional, cl::init(""),
                      cl::desc("MODEL (MLIR, or a Hugging Face "
                               "config.json; - for standard input)"),
                      cl::cat(lnscCategory));
cl::opt<std::string>
    driver::outputPath("o",
                       cl::desc("where to write the plan; - for standard "
                                "output"),
                       cl::value_desc("PLAN"), cl::cat(lnscCategory));
static cl::opt<int64_t> batch("batch",
                              cl::desc("sequences in a step (default 8)"),
                              cl::value_desc("N"), cl::init(8),
                              cl::cat(lnscCategory));
static cl::opt<int64_t> microBatch(
    "micro-batch",
    cl::desc("sequences that are in memory at one time (default: --batch); a "
             "step adds up the gradients of as many as there are"),
    cl::value_desc("N"), cl::init(0), cl::cat(lnscCategory));
static cl::opt<int64_t> sequence("seq",
                                 cl::desc("tokens in a sequence (default 256)"),
                                 cl::value_desc("T"), cl::init(256),
                                 cl::cat(lnscCategory));
static cl::opt<bool> documents(
    "documents",
    cl::desc("sequences may hold several documents, one behind the other: "
             "attention and positions keep to each, and the plan takes where "
             "they start as one more input"),
    cl::cat(lnscCategory));
static cl::list<std::string>
    targets("target", cl::CommaSeparated,
            cl::desc("what the plan runs on: cpu (default), cuda, or both; a "
                     "plan for CUDA holds kernels as text, which the runtime "
                     "compiles for the device that is there"),
            cl::value_desc("cpu,cuda"), cl::cat(lnscCategory));
static cl::list<std::string>
    cpuLevels("cpu", cl::CommaSeparated,
              cl::desc("instruction-set levels of the CPU code: native, "
                       "x86-64-v2, x86-64-v3, x86-64-v4 (default "
                       "x86-64-v3,x86-64-v4); the runtime takes the best that "
                       "the processor has"),
              cl::value_desc("LEVEL,..."), cl::cat(lnscCategory));
static cl::opt<unsigned>
    threads("threads",
            cl::desc("threads of the session whose memory is printed and kept "
                     "to a budget (default: what this process may use)"),
            cl::value_desc("N"), cl::init(0), cl::cat(lnscCategory));
static cl::opt<std::string> memoryBudget(
    "memory-budget",
    cl::desc("most bytes that a session may allocate; what does not fit is "
             "computed again in the backward pass"),
    cl::value_desc("BYTES, or with K, M, G (of 1024), KB, MB, GB (of 1000)"),
    cl::cat(lnscCategory));
cl::opt<std::string> driver::norm(
    "norm",
    cl::desc("norm scheme of a model that comes from a config.json, and its "
             "options (--list-norms): lns, pre, sandwich, ... (default: what "
             "Hugging Face computes with it, Pre-LN, or the scheme of the "
             "checkpoint whose config it is)"),
    cl::value_desc("SCHEME[,OPTION=VALUE]..."), cl::cat(lnscCategory));
cl::opt<int64_t> driver::vocabulary(
    "vocab-size",
    cl::desc("vocabulary of a model that comes from a config.json, in place of "
             "what that says"),
    cl::value_desc("N"), cl::init(0), cl::cat(lnscCategory));
cl::opt<bool> driver::allowUnknownKeys(
    "allow-unknown-keys",
    cl::desc("keys of a config.json that nobody knows are warnings, not "
             "errors: what they may change is not compiled"),
    cl::cat(lnscCategory));
static cl::opt<std::string> lora(
    "lora",
    cl::desc("freeze the model and train low-rank adapters of the modules "
             "named (LoRA): rank=8,alpha=16,targets=q_proj:v_proj, or "
             "targets=all-linear; also rslora, and save=MODULE:.. for what is "
             "trained whole"),
    cl::value_desc("WORD=VALUE,.."), cl::cat(lnscCategory));
static cl::opt<bool> diagnostics(
    "diagnostics",
    cl::desc("add what 'lns diagnose' needs: an entry point that gives the "
             "stream before and behind every block, and what its branches add"),
    cl::cat(lnscCategory));
static cl::opt<bool> decode(
    "decode",
    cl::desc("add what 'lns sample' is fast with: an entry point that computes "
             "one token more of each sequence, and keeps keys and values of "
             "those before"),
    cl::cat(lnscCategory));
static cl::opt<bool> disableNormElimination(
    "disable-norm-elimination",
    cl::desc("compute every norm where it stands, for comparisons"),
    cl::cat(lnscCategory));
static cl::opt<DType> dtype(
    "dtype",
    cl::desc(
        "element type of activations (parameters, gradients and sums "
        "stay f32); default: bf16 where every level of --cpu has matrix "
        "instructions for it, AVX512-BF16 or AMX-BF16, as 'native' may, and "
        "in a plan for CUDA alone; else f32"),
    cl::values(clEnumValN(DType::F32, "f32", "32-bit floats"),
               clEnumValN(DType::Bf16, "bf16",
                          "bfloat16: half the memory, products in bf16")),
    cl::init(DType::Default), cl::cat(lnscCategory));
static cl::opt<bool> disablePadding(
    "disable-padding",
    cl::desc("leave widths between linears as they are, for comparisons"),
    cl::cat(lnscCategory));
static cl::opt<bool> disableProductFusion(
    "disable-product-fusion",
    cl::desc("CUDA: leave row ops after a matrix product a kernel of their "
             "own, for comparisons"),
    cl::cat(lnscCategory));
static cl::opt<bool> disableKeptWeights(
    "disable-kept-weights",
    cl::desc("CUDA: compute weights in the type and with the gain that "
             "products read anew in every step, for comparisons"),
    cl::cat(lnscCategory));
cl::list<std::string> driver::cudaArchs(
    "cuda-arch", cl::CommaSeparated,
    cl::desc("CUDA: architectures to compile the kernels for ahead of time, "
             "not when a session is opened, for example sm_90a; needs NVRTC"),
    cl::value_desc("sm_XY,..."), cl::cat(lnscCategory));
static cl::list<std::string>
    passPlugins("load-pass-plugin",
                cl::desc("shared object with passes for --pass-pipeline-after"),
                cl::value_desc("FILE.so"), cl::cat(lnscCategory));
static cl::list<std::string> pipelinesAfter(
    "pass-pipeline-after",
    cl::desc("passes to run behind a phase, graph, train, fused or plan (as in "
             "--emit), in the order given"),
    cl::value_desc("PHASE:PASS,..."), cl::cat(lnscCategory));
cl::opt<Phase> driver::emit(
    "emit", cl::desc("stop after a phase and print it"),
    cl::values(
        clEnumValN(Phase::Model, "model", "the model form, as read"),
        clEnumValN(Phase::Identity, "identity",
                   "what the model computes, as checkpoints record it"),
        clEnumValN(Phase::Graph, "graph", "layers instantiated, shapes static"),
        clEnumValN(Phase::Train, "train",
                   "norms folded, differentiated, with the optimizer"),
        clEnumValN(Phase::Fused, "fused", "row ops clustered into kernels"),
        clEnumValN(Phase::Plan, "plan", "memory planned"),
        clEnumValN(Phase::Llvm, "llvm",
                   "optimized LLVM IR of the kernels, first --cpu level"),
        clEnumValN(Phase::Cuda, "cuda", "CUDA C++ of the kernels"),
        clEnumValN(Phase::Resources, "resources",
                   "registers, stack and shared memory of the CUDA kernels "
                   "for every --cuda-arch")),
    cl::init(Phase::File), cl::cat(lnscCategory));

static bool parseBudget(std::optional<uint64_t> &bytes) {
  if (!memoryBudget.getNumOccurrences())
    return true;
  bytes = tool::parseByteSize(std::string_view(memoryBudget));
  if (bytes && *bytes != 0 && *bytes <= kMaxBudget)
    return true;
  llvm::errs() << "lnsc: error: --memory-budget: '" << memoryBudget
               << "' is no number of bytes from 1 to 2^60; write for example "
                  "1500000000, 800M, 1.5G or 1500MB\n";
  return false;
}

static bool parseLevels(std::vector<cpu::CodeLevel> &levels) {
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

static bool parseTargets(Request &request) {
  if (targets.empty())
    request.cpu = true;
  for (const std::string &name : targets) {
    bool *wanted = name == "cpu"    ? &request.cpu
                   : name == "cuda" ? &request.cuda
                                    : nullptr;
    if (!wanted) {
      llvm::errs() << "lnsc: error: unknown --target '" << name
                   << "'; this build compiles for 'cpu' and 'cuda'\n";
      return false;
    }
    *wanted = true;
  }
  if (!request.cpu && cpuLevels.getNumOccurrences()) {
    llvm::errs() << "lnsc: error: --cpu chooses levels of CPU code, but "
                    "--target has no 'cpu'; write --target=cpu,cuda\n";
    return false;
  }
  if (!request.cuda && cudaArchs.getNumOccurrences()) {
    llvm::errs() << "lnsc: error: --cuda-arch chooses architectures of CUDA "
                    "code, but --target has no 'cuda'; write --target=cuda\n";
    return false;
  }
  bool printsCuda = emit == Phase::Cuda || emit == Phase::Resources;
  if ((printsCuda && !request.cuda) || (emit == Phase::Llvm && !request.cpu)) {
    llvm::errs() << "lnsc: error: --emit prints kernels of a target that "
                    "--target does not name; write --target="
                 << (printsCuda ? "cuda" : "cpu") << "\n";
    return false;
  }
  if (emit == Phase::Resources && cudaArchs.empty()) {
    llvm::errs() << "lnsc: error: --emit=resources needs architectures; write "
                    "for example --cuda-arch=sm_80,sm_90a\n";
    return false;
  }
  return true;
}

/// Whether activations are bf16: where nobody says, they are when every target
/// multiplies it faster.
static bool usesBf16(const Request &request) {
  if (dtype != DType::Default)
    return dtype == DType::Bf16;
  return !request.cpu ||
         llvm::all_of(request.compile.levels, cpu::hasBf16Products);
}

static bool parseLora(std::optional<AdapterChoice> &adapters) {
  if (!lora.getNumOccurrences())
    return true;
  std::string error;
  adapters = parseAdapters(lora, error);
  if (!adapters)
    llvm::errs() << "lnsc: error: --lora: " << error << "\n";
  return adapters.has_value();
}

static bool loadPassPlugins() {
  for (const std::string &path : passPlugins) {
    llvm::Expected<mlir::PassPlugin> plugin = mlir::PassPlugin::load(path);
    if (!plugin) {
      llvm::errs()
          << "lnsc: error: --load-pass-plugin: "
          << llvm::StringRef(llvm::toString(plugin.takeError())).rtrim()
          << "\n";
      return false;
    }
    plugin->registerPassRegistryCallbacks();
  }
  return true;
}

/// "train:cse,func.func(my-pass)".
static bool parsePipelines(CompileOptions &compile) {
  for (llvm::StringRef option : pipelinesAfter) {
    auto [place, text] = option.split(':');
    auto form = llvm::StringSwitch<std::optional<Form>>(place)
                    .Case("graph", Form::Graph)
                    .Case("train", Form::Train)
                    .Case("fused", Form::Fused)
                    .Case("plan", Form::Planned)
                    .Default(std::nullopt);
    if (!form || text.empty()) {
      llvm::errs() << "lnsc: error: --pass-pipeline-after: '" << option
                   << "' is no phase and its passes; write for example "
                      "train:cse, with graph, train, fused or plan\n";
      return false;
    }
    // The identity has the text as one line.
    bool isLine = text.find_first_of("\r\n") == llvm::StringRef::npos;
    if (!isLine ||
        (text.consume_front("builtin.module(") && !text.consume_back(")"))) {
      llvm::errs() << "lnsc: error: --pass-pipeline-after: '" << option
                   << (isLine ? "' has no ')' at its end\n"
                              : "' has a line break; write it as one line\n");
      return false;
    }
    std::string error;
    llvm::raw_string_ostream os(error);
    mlir::OpPassManager manager(mlir::ModuleOp::getOperationName());
    if (failed(mlir::parsePassPipeline(text, manager, os))) {
      llvm::errs() << "lnsc: error: --pass-pipeline-after: "
                   << llvm::StringRef(error).rtrim() << "\n";
      return false;
    }
    compile.passesAfter.push_back({*form, text.str()});
  }
  return true;
}

static llvm::StringRef getEmitName(Form form) {
  return form == Form::Train     ? "train"
         : form == Form::Planned ? "plan"
                                 : lns::getName(form);
}

bool driver::adoptForm(Request &request, Form form, mlir::ModuleOp module) {
  auto fail = [&](const llvm::Twine &message) {
    llvm::errs() << "lnsc: error: '" << inputPath << "' is "
                 << lns::getName(form) << " form, " << message << "\n";
    return false;
  };
  CompileOptions &compile = request.compile;
  for (const auto &[place, text] : compile.passesAfter)
    if (place < form)
      return fail("but --pass-pipeline-after runs '" + text + "' after " +
                  getEmitName(place) + "; start from an earlier form");
  if (form == Form::Model)
    return true;
  struct Decided {
    Form form; ///< before which the option counts
    cl::Option *option;
  };
  for (Decided decided : {Decided{Form::Graph, &sequence},
                          {Form::Graph, &microBatch},
                          {Form::Graph, &documents},
                          {Form::Graph, &lora},
                          {Form::Graph, &diagnostics},
                          {Form::Graph, &decode},
                          {Form::Train, &batch},
                          {Form::Train, &dtype},
                          {Form::Train, &disablePadding},
                          {Form::Train, &disableNormElimination},
                          {Form::Fused, &memoryBudget},
                          {Form::Fused, &disableProductFusion},
                          {Form::Fused, &disableKeptWeights}})
    if (form >= decided.form && decided.option->getNumOccurrences())
      return fail("in which --" + decided.option->ArgStr +
                  " is decided; start from an earlier form, or leave it out");
  auto isPrinted = [&](Phase phase, Form printed) {
    return emit == phase && printed < form;
  };
  if (isPrinted(Phase::Model, Form::Model) ||
      isPrinted(Phase::Graph, Form::Graph) ||
      isPrinted(Phase::Train, Form::Train) ||
      isPrinted(Phase::Fused, Form::Fused))
    return fail("which is behind what --emit asks for; print it with "
                "--emit=" +
                getEmitName(form));
  if (form >= Form::Fused && request.cpu && request.cuda)
    return fail("which is one target's; give that one as --target");

  auto facts = module->getAttrOfType<mlir::DictionaryAttr>("lns.model");
  auto get = [&](llvm::StringRef key, int64_t otherwise) {
    auto fact = facts ? facts.getAs<mlir::IntegerAttr>(key) : nullptr;
    return fact ? fact.getInt() : otherwise;
  };
  compile.sequence = get("sequence", compile.sequence);
  int64_t own = get("batch", compile.batch);
  int64_t part = form == Form::Graph ? own : get("micro_batch", own);
  if (!batch.getNumOccurrences())
    compile.batch = own;
  if (compile.batch < 1 || compile.batch % part != 0)
    return fail("whose batch is " + llvm::Twine(part) + ", of which " +
                llvm::Twine(compile.batch) +
                " is no multiple; give a --batch that is");
  compile.microBatches = compile.batch / part;
  return true;
}

bool driver::readRequest(Request &request) {
  if (threads > kMaxThreads) {
    llvm::errs() << "lnsc: error: --threads: " << threads << ", at most "
                 << kMaxThreads << " are possible\n";
    return false;
  }
  if (emit == Phase::File && outputPath.empty()) {
    llvm::errs() << "lnsc: error: nothing to write; give -o PLAN, or --emit=\n";
    return false;
  }
  if (microBatch < 0 || (microBatch > 0 && batch % microBatch != 0)) {
    llvm::errs() << "lnsc: error: --micro-batch: a batch of " << batch
                 << " is no multiple of " << microBatch << "\n";
    return false;
  }
  if (vocabulary.getNumOccurrences() &&
      (vocabulary < 1 || vocabulary > INT32_MAX)) {
    llvm::errs() << "lnsc: error: --vocab-size: " << vocabulary
                 << ", at least 1 and at most " << INT32_MAX
                 << " are possible\n";
    return false;
  }
  if (inputPath.empty()) {
    llvm::errs() << "lnsc: error: no input; give a model (.mlir) or a "
                    "config.json, or - for standard input\n";
    return false;
  }
  if (emit == Phase::Model && lora.getNumOccurrences()) {
    llvm::errs() << "lnsc: error: --emit=model prints the model as it was "
                    "read, without what --lora adds; write --emit=graph\n";
    return false;
  }
  CompileOptions &compile = request.compile;
  if (!parseTargets(request) || !parseLevels(compile.levels) ||
      !parseBudget(compile.budget) || !parseLora(compile.adapters) ||
      !loadPassPlugins() || !parsePipelines(compile))
    return false;
  compile.batch = batch;
  compile.sequence = sequence;
  bool isModel = emit == Phase::Model || emit == Phase::Identity;
  if (!isModel || sequence.getNumOccurrences())
    request.configSequence = sequence;
  compile.microBatches = microBatch > 0 ? batch / microBatch : 1;
  compile.documents = documents;
  compile.diagnostics = diagnostics;
  compile.decode = decode;
  compile.bf16 = usesBf16(request);
  compile.padWidths = !disablePadding;
  compile.eliminateNorms = !disableNormElimination;
  compile.fuseProducts = !disableProductFusion;
  compile.keepWeights = !disableKeptWeights;
  // Without --threads, as many as a session has that is told no number.
  compile.threads = threads
                        ? threads.getValue()
                        : std::min<unsigned>(usableProcessors(), kMaxThreads);
  compile.configure = mlir::applyPassManagerCLOptions;
  return true;
}
