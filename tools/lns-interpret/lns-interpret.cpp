//===- lns-interpret.cpp - Runs lns modules in float64 --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/Register.h"
#include "frontend/GuardedParse.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/ToolUtilities.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Transforms/Passes.h"
#include "passes/Passes.h"
#include "tools/interpret/CheckDecode.h"
#include "tools/interpret/CheckGradients.h"
#include "tools/interpret/CheckPipeline.h"
#include "tools/lns-interpret/Files.h"
#include "tools/lns-interpret/Report.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;
namespace cl = llvm::cl;

namespace {

cl::OptionCategory category("lns-interpret options");

cl::opt<std::string> inputPath(cl::Positional, cl::init("-"),
                               cl::desc("FILE.mlir"), cl::cat(category));
cl::opt<std::string>
    entryName("entry",
              cl::desc("function to run, or 'logits' or 'eval' of a model; "
                       "default: eval if there is one, else the first"),
              cl::value_desc("NAME"), cl::cat(category));
cl::opt<int64_t> batch("batch", cl::init(2), cl::value_desc("N"),
                       cl::desc("batch where the module leaves it open"),
                       cl::cat(category));
cl::opt<int64_t> sequence("seq", cl::init(8), cl::value_desc("T"),
                          cl::desc("sequence where the module leaves it open"),
                          cl::cat(category));
cl::opt<uint64_t> seed("seed", cl::init(0), cl::value_desc("N"),
                       cl::desc("of all random inputs and parameters"),
                       cl::cat(category));
cl::opt<int64_t> ignoreEvery(
    "ignore-every", cl::init(0), cl::value_desc("N"),
    cl::desc("make every Nth random target one that is ignored (default 0: "
             "none)"),
    cl::cat(category));
cl::opt<std::string>
    paramsPath("params", cl::value_desc("FILE"),
               cl::desc("safetensors file or checkpoint with the parameters"),
               cl::cat(category));
cl::opt<std::string>
    tokensPath("tokens", cl::value_desc("SHARD"),
               cl::desc("token shard whose first batch is the input"),
               cl::cat(category));
cl::opt<std::string> startsPath(
    "starts", cl::value_desc("SHARD"),
    cl::desc("token shard whose first numbers are the starts of documents, "
             "one for each token"),
    cl::cat(category));
cl::opt<int64_t> documentEvery(
    "document-every", cl::init(0), cl::value_desc("N"),
    cl::desc("start a document at every Nth time of a row, where functions "
             "take starts, and not at random; 0: a row is one document"),
    cl::cat(category));
cl::opt<std::string>
    outPath("out", cl::value_desc("FILE"),
            cl::desc("safetensors file for results and gradients; for "
                     "@grads the logits as well"),
            cl::cat(category));
cl::opt<int64_t> steps("steps", cl::init(1), cl::value_desc("N"),
                       cl::desc("run train_step or apply N times"),
                       cl::cat(category));
cl::opt<double> stepsDone("steps-done", cl::init(0), cl::value_desc("N"),
                          cl::desc("optimizer steps that are done before, "
                                   "which lns.ramp looks at (default 0)"),
                          cl::cat(category));
cl::list<double> optimizer("optimizer", cl::CommaSeparated,
                           cl::value_desc("LR,BETA1,BETA2,EPS,DECAY,CLIP"),
                           cl::desc("AdamW's values, the rest by default: "
                                    "1e-3,0.9,0.95,1e-8,0.1,1"),
                           cl::cat(category));
cl::opt<bool> roundBf16("round-bf16",
                        cl::desc("round every bf16 value when running a "
                                 "function (else element types do not round)"),
                        cl::cat(category));
cl::opt<bool> poisonMemory(
    "poison",
    cl::desc("make NaN of every value whose memory the plan gives to another "
             "one; with --check-pipeline, after the passes"),
    cl::cat(category));
cl::opt<bool> printValues("print", cl::desc("print the results' elements"),
                          cl::cat(category));
cl::opt<bool> printGradients("print-gradients",
                             cl::desc("print the gradients that were stored"),
                             cl::cat(category));
cl::opt<bool> printParameters("print-parameters",
                              cl::desc("print the parameters that changed"),
                              cl::cat(category));
cl::opt<int> digits("digits", cl::init(10), cl::value_desc("N"),
                    cl::desc("of numbers that are printed (default 10)"),
                    cl::cat(category));
cl::opt<std::string>
    checkPipeline("check-pipeline", cl::value_desc("PIPELINE"),
                  cl::desc("run all entry points before and after the passes, "
                           "and fail where they disagree"),
                  cl::cat(category));
cl::opt<std::string> referencePipeline(
    "reference-pipeline", cl::value_desc("PIPELINE"),
    cl::desc("passes that make what --check-pipeline compares with, instead "
             "of the input as it is"),
    cl::cat(category));
cl::opt<bool> checkEachPass(
    "check-each-pass",
    cl::desc("let --check-pipeline compare before and after every pass of it"),
    cl::cat(category));
cl::list<std::string>
    passPlugins("load-pass-plugin", cl::value_desc("FILE.so"),
                cl::desc("shared object with passes for --check-pipeline"),
                cl::cat(category));
cl::opt<bool> checkAdjoints(
    "check-adjoints",
    cl::desc("compare the adjoint of every function with finite differences"),
    cl::cat(category));
cl::opt<bool> checkStoredGradients(
    "check-gradients",
    cl::desc(
        "compare the gradients of @grads with finite differences of @eval"),
    cl::cat(category));
cl::opt<bool> checkDecoding(
    "check-decode",
    cl::desc("decode tokens one by one with @decode, and compare the logits "
             "with those of @logits"),
    cl::cat(category));
cl::opt<double>
    tolerance("tolerance", cl::value_desc("X"),
              cl::desc("largest relative error of a check (default: pipeline "
                       "1e-12, adjoint 1e-8, gradients 1e-7, decode 1e-12)"),
              cl::cat(category));
cl::opt<double> perturbation("perturb-adjoint", cl::Hidden, cl::init(0.0),
                             cl::desc("make every checked adjoint wrong by "
                                      "this much, to test the check"),
                             cl::cat(category));
cl::opt<std::string> perturbedAfter(
    "perturb-after", cl::Hidden, cl::value_desc("WHAT"),
    cl::desc("make the last result, gradient, parameter, exp_avg or "
             "exp_avg_sq wrong after the passes, to test --check-pipeline"),
    cl::cat(category));
cl::opt<bool> splitInput("split-input-file",
                         cl::desc("treat the parts between '// -----' lines "
                                  "as files of their own"),
                         cl::cat(category));

LogicalResult fail(const llvm::Twine &message) {
  llvm::errs() << "lns-interpret: error: " << message << "\n";
  return failure();
}

LogicalResult report(const tool::Status &status) {
  return status.ok() ? success() : fail(status.message());
}

Rounding roundingOfRuns() {
  return roundBf16 ? Rounding::Bf16 : Rounding::None;
}

Memory memoryOfRuns() {
  return poisonMemory ? Memory::Poisoned : Memory::Values;
}

double toleranceOr(double usual) {
  return tolerance.getNumOccurrences() ? tolerance : usual;
}

LogicalResult makeOptions(InputOptions &options) {
  if (batch < 1 || sequence < 1 || steps < 1)
    return fail("--batch, --seq and --steps must be at least 1");
  if (!(stepsDone >= 0) || !std::isfinite(stepsDone))
    return fail("--steps-done must be a finite number, at least 0");
  options.seed = seed;
  options.batch = batch;
  options.sequence = sequence;
  options.ignoreEvery = ignoreEvery;
  if (documentEvery < 0)
    return fail("--document-every must be at least 0");
  if (documentEvery.getNumOccurrences())
    options.documentEvery = documentEvery;
  OptimizerValues &values = options.optimizer;
  double *slots[] = {&values.lr,  &values.beta1,       &values.beta2,
                     &values.eps, &values.weightDecay, &values.clip};
  if (optimizer.size() > std::size(slots))
    return fail("--optimizer takes at most 6 numbers, got " +
                llvm::Twine(optimizer.size()));
  for (size_t i = 0; i < optimizer.size(); ++i)
    *slots[i] = optimizer[i];
  return success();
}

/// Random parameters, or those of --params.
LogicalResult fillEnvironment(Environment &environment, bool moments) {
  randomizeParameters(environment, seed, moments);
  environment.stepsDone = stepsDone;
  if (paramsPath.empty())
    return success();
  return report(loadParameterFile(paramsPath, environment));
}

/// Reads --tokens: as many as the entry's first integer argument takes.
LogicalResult fillTokens(const EntryPoint &entry, InputOptions &options) {
  if (tokensPath.empty())
    return success();
  for (Value argument : entry.op->getRegion(0).getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.getElementType().isInteger())
      continue;
    int64_t count = countElements(concreteShape(type, options));
    if (count < 0)
      return fail("--tokens: the tokens of '" + entry.name +
                  "' are too many to hold; use smaller sizes");
    return report(loadTokenFile(tokensPath, count, options));
  }
  return fail("--tokens: '" + entry.name + "' takes no tokens");
}

/// Reads --starts: as many as the entry's argument takes.
LogicalResult fillStarts(const EntryPoint &entry, InputOptions &options) {
  if (startsPath.empty())
    return success();
  for (Value argument : entry.op->getRegion(0).getArguments()) {
    if (!isStarts(argument))
      continue;
    int64_t count = countElements(concreteShape(argument.getType(), options));
    if (count < 0)
      return fail("--starts: the starts of '" + entry.name +
                  "' are too many to hold; use smaller sizes");
    return report(loadStartsFile(startsPath, count, options));
  }
  return fail("--starts: '" + entry.name +
              "' takes no starts of documents; instantiate the model with "
              "documents=true");
}

//===----------------------------------------------------------------------===//
// Modes
//===----------------------------------------------------------------------===//

LogicalResult findEntry(ModuleOp module, EntryPoint &entry) {
  SmallVector<EntryPoint> entries = entryPointsOf(module);
  std::string wanted = entryName, known;
  if (wanted.empty() && !entries.empty())
    wanted = entries.front().name;
  for (const EntryPoint &candidate : entries) {
    known += (known.empty() ? "" : ", ") + candidate.name;
    if (candidate.name == wanted ||
        (entryName.empty() && candidate.name == "eval"))
      entry = candidate;
  }
  if (entry.op)
    return success();
  if (entries.empty())
    return module.emitError("there is nothing to run: no function and no "
                            "lns.model");
  return module.emitError("there is no entry point '")
         << wanted << "', only " << known;
}

/// What `lns grads --logits` writes as well: the logits for the same tokens.
LogicalResult addLogits(ModuleOp module, Environment &environment,
                        ArrayRef<TensorRef> arguments,
                        SmallVectorImpl<TensorRef> &results,
                        std::vector<std::string> &names) {
  auto function = module.lookupSymbol<func::FuncOp>("logits");
  if (!function || arguments.empty())
    return success();
  SmallVector<TensorRef> logits, inputs = {arguments.front()};
  EntryPoint entry{"logits", function};
  // Behind tokens and targets.
  if (takesStarts(entry) && arguments.size() == 3)
    inputs.push_back(arguments[2]);
  if (function.getNumArguments() != inputs.size())
    return success();
  if (failed(runEntryPoint(entry, environment, inputs, logits, roundingOfRuns(),
                           memoryOfRuns())))
    return failure();
  for (auto [index, tensor] : llvm::enumerate(logits)) {
    results.push_back(tensor);
    names.push_back(entry.resultName(index));
  }
  return success();
}

LogicalResult runModule(ModuleOp module) {
  EntryPoint entry{"", nullptr};
  InputOptions options;
  Environment environment;
  SmallVector<TensorRef> arguments, results;
  if (failed(findEntry(module, entry)) || failed(makeOptions(options)) ||
      failed(declareParameters(module, environment)) ||
      failed(fillEnvironment(environment, /*moments=*/false)) ||
      failed(fillTokens(entry, options)) ||
      failed(fillStarts(entry, options)) ||
      failed(makeArguments(entry, options, arguments)))
    return failure();

  std::optional<unsigned> optimizerArgument;
  if (!entry.isModel())
    for (BlockArgument argument : entry.op->getRegion(0).getArguments())
      if (isOptimizer(argument))
        optimizerArgument = argument.getArgNumber();
  if (steps > 1 && !optimizerArgument)
    return fail("--steps: '" + entry.name +
                "' takes no optimizer values; give --entry=train_step");
  for (int64_t step = 1; step <= steps; ++step) {
    if (optimizerArgument)
      arguments[*optimizerArgument] = makeOptimizer(options.optimizer, step);
    environment.stepsDone = stepsDone + static_cast<double>(step - 1);
    if (failed(runEntryPoint(entry, environment, arguments, results,
                             roundingOfRuns(), memoryOfRuns())))
      return failure();
    if (steps == 1)
      continue;
    llvm::outs() << "step " << step << ":";
    for (auto [index, result] : llvm::enumerate(results))
      if (result->shape.empty() && !result->isTokens)
        llvm::outs() << " " << entry.resultName(index) << " "
                     << llvm::format("%.10g", result->values[0]);
    llvm::outs() << "\n";
  }

  std::vector<std::string> names;
  for (auto [index, result] : llvm::enumerate(results)) {
    names.push_back(entry.resultName(index));
    printTensor(llvm::outs(), entry.name + ": " + names.back(), *result,
                printValues, digits);
  }
  for (const auto &[name, state] : environment) {
    if (printGradients && state.gradientStored)
      printTensor(llvm::outs(), "gradient " + name, *state.gradient,
                  printValues, digits);
    if (printParameters && state.updated)
      printTensor(llvm::outs(), "parameter " + name, *state.value, printValues,
                  digits);
  }
  if (outPath.empty())
    return success();
  if (entry.name == "grads" &&
      failed(addLogits(module, environment, arguments, results, names)))
    return failure();
  return report(writeResults(outPath, environment, results, names));
}

/// Where passes instantiated a model, its form before takes the same sizes.
void takeInstantiatedSizes(ModuleOp after, InputOptions &options) {
  auto facts = after->getAttrOfType<DictionaryAttr>("lns.model");
  if (!facts)
    return;
  if (auto size = facts.getAs<IntegerAttr>("batch"))
    options.batch = size.getInt();
  if (auto size = facts.getAs<IntegerAttr>("sequence"))
    options.sequence = size.getInt();
}

FailureOr<OpPassManager> parseModulePipeline(StringRef text, StringRef what) {
  std::string message;
  llvm::raw_string_ostream errors(message);
  FailureOr<OpPassManager> parsed = parsePassPipeline(text, errors);
  if (failed(parsed))
    return fail(what + ": " + StringRef(message).rtrim());
  if (parsed->getOpAnchorName() != ModuleOp::getOperationName())
    return fail(what + ": the pipeline runs on '" + parsed->getOpAnchorName() +
                "', expected 'builtin.module(...)'");
  return parsed;
}

/// Runs a textual pipeline, given by the option `what`.
LogicalResult runPipeline(ModuleOp module, StringRef text, StringRef what) {
  FailureOr<OpPassManager> parsed = parseModulePipeline(text, what);
  if (failed(parsed))
    return failure();
  PassManager manager(module.getContext());
  static_cast<OpPassManager &>(manager) = std::move(*parsed);
  return failure(failed(applyPassManagerCLOptions(manager)) ||
                 failed(manager.run(module)));
}

LogicalResult compareModules(ModuleOp before, ModuleOp after) {
  PipelineOptions options;
  Environment environment;
  if (failed(makeOptions(options.inputs)) ||
      failed(declareParameters(before, environment)) ||
      failed(declareParameters(after, environment)) ||
      failed(fillEnvironment(environment, /*moments=*/true)))
    return failure();
  takeInstantiatedSizes(after, options.inputs);
  options.entry = entryName;
  options.tolerance = toleranceOr(1e-12);
  options.perturbed = perturbedAfter;
  options.memory = memoryOfRuns();
  return checkSameMeaning(before, after, environment, options, llvm::outs());
}

LogicalResult checkModulePipeline(ModuleOp module) {
  OwningOpRef<ModuleOp> before = module.clone(), after = module.clone();
  if (!checkEachPass) {
    if (!referencePipeline.empty() &&
        failed(runPipeline(*before, referencePipeline, "--reference-pipeline")))
      return failure();
    if (failed(runPipeline(*after, checkPipeline, "--check-pipeline")))
      return failure();
    return compareModules(*before, *after);
  }
  FailureOr<OpPassManager> parsed =
      parseModulePipeline(checkPipeline, "--check-pipeline");
  if (failed(parsed))
    return failure();
  for (Pass &pass : parsed->getPasses()) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    pass.printAsTextualPipeline(stream);
    llvm::outs() << "after " << text << ":\n";
    llvm::outs().flush();
    before = after->clone();
    if (failed(runPipeline(*after, "builtin.module(" + text + ")",
                           "--check-each-pass")) ||
        failed(compareModules(*before, *after)))
      return failure();
  }
  return success();
}

LogicalResult makeAdjointOptions(ModuleOp module, double usualTolerance,
                                 AdjointOptions &options,
                                 Environment &environment) {
  options.tolerance = toleranceOr(usualTolerance);
  options.perturbation = perturbation;
  if (failed(makeOptions(options.inputs)) ||
      failed(declareParameters(module, environment)))
    return failure();
  return fillEnvironment(environment, /*moments=*/false);
}

LogicalResult checkModuleAdjoints(ModuleOp module) {
  AdjointOptions options;
  Environment environment;
  if (failed(makeAdjointOptions(module, 1e-8, options, environment)))
    return failure();
  bool found = false;
  for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
    if (!entryName.empty() && function.getSymName() != entryName)
      continue;
    found = true;
    if (failed(checkAdjoint(function, environment, options, llvm::outs())))
      return failure();
  }
  if (found)
    return success();
  return module.emitError("there is no function ")
         << (entryName.empty() ? "" : "'" + entryName + "' ")
         << "whose adjoint could be checked";
}

LogicalResult checkModuleGradients(ModuleOp module) {
  AdjointOptions options;
  Environment environment;
  if (failed(makeAdjointOptions(module, 1e-7, options, environment)))
    return failure();
  return checkGradients(module, environment, options, llvm::outs());
}

LogicalResult checkModuleDecode(ModuleOp module) {
  InputOptions options;
  Environment environment;
  if (failed(makeOptions(options)) ||
      failed(declareParameters(module, environment)) ||
      failed(fillEnvironment(environment, /*moments=*/false)))
    return failure();
  return checkDecode(module, environment, options, toleranceOr(1e-12),
                     roundingOfRuns(), memoryOfRuns(), llvm::outs());
}

LogicalResult processModule(ModuleOp module) {
  if (!checkPipeline.empty())
    return checkModulePipeline(module);
  if (checkAdjoints)
    return checkModuleAdjoints(module);
  if (checkStoredGradients)
    return checkModuleGradients(module);
  if (checkDecoding)
    return checkModuleDecode(module);
  return runModule(module);
}

LogicalResult processBuffer(std::unique_ptr<llvm::MemoryBuffer> buffer,
                            const DialectRegistry &registry) {
  buffer = guardSource(std::move(buffer), registry);
  if (!buffer)
    return failure();
  llvm::SourceMgr sourceMgr;
  sourceMgr.AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  // The place says which op it is; the whole op would bury the message.
  context.printOpOnDiagnostic(false);
  SourceMgrDiagnosticHandler diagnostics(sourceMgr, &context);
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sourceMgr, ParserConfig(&context));
  if (!module)
    return failure();
  return processModule(*module);
}

LogicalResult loadPassPlugins() {
  for (const std::string &path : passPlugins) {
    llvm::Expected<PassPlugin> plugin = PassPlugin::load(path);
    if (!plugin)
      return fail("--load-pass-plugin: " +
                  llvm::StringRef(llvm::toString(plugin.takeError())).rtrim());
    plugin->registerPassRegistryCallbacks();
  }
  return success();
}

LogicalResult processFile() {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(inputPath, &message);
  if (!file)
    return fail(message);
  if (checkAdjoints + checkStoredGradients + checkDecoding +
          !checkPipeline.empty() >
      1)
    return fail("give one of --check-pipeline, --check-adjoints, "
                "--check-gradients and --check-decode");
  if (roundBf16 &&
      (checkAdjoints || checkStoredGradients || !checkPipeline.empty()))
    return fail("--round-bf16: checks compare exact numbers; leave it out");
  if (poisonMemory && (checkAdjoints || checkStoredGradients || checkEachPass))
    return fail("--poison is about planned functions: give it with "
                "--check-pipeline or without a check");
  if (checkPipeline.empty() && (checkEachPass || !referencePipeline.empty()))
    return fail("--check-each-pass and --reference-pipeline belong to "
                "--check-pipeline");
  if (checkEachPass && !referencePipeline.empty())
    return fail("give one of --check-each-pass and --reference-pipeline");
  if (splitInput && !outPath.empty())
    return fail("--out cannot hold the results of every part; leave out "
                "--split-input-file");
  DialectRegistry registry;
  registerDialects(registry);
  return splitAndProcessBuffer(
      std::move(file),
      [&](std::unique_ptr<llvm::MemoryBuffer> part, raw_ostream &) {
        return processBuffer(std::move(part), registry);
      },
      llvm::outs(), splitInput ? kDefaultSplitMarker : "");
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM initialization(argc, argv);
  registerCanonicalizerPass();
  registerCSEPass();
  registerSymbolDCEPass();
  registerLnsPasses();
  registerPassManagerCLOptions();
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(argc, argv,
                              "lns-interpret: runs lns modules in float64; the "
                              "language's definition\n");
  return failed(loadPassPlugins()) || failed(processFile());
}
