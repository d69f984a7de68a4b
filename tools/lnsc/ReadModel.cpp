//===- ReadModel.cpp - From the command line's input to a model -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lnsc/ReadModel.h"
#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "driver/Forms.h"
#include "frontend/GuardedParse.h"
#include "frontend/HuggingFaceConfig.h"
#include "frontend/SourceKind.h"
#include "runtime/plan/plan_format.h"
#include "tools/lnsc/Options.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lns;
using namespace lns::driver;

static std::nullptr_t fail(const llvm::Twine &message) {
  llvm::errs() << "lnsc: error: " << message << "\n";
  return nullptr;
}

static std::unique_ptr<llvm::MemoryBuffer> openInput() {
  // A device may have no end.
  llvm::sys::fs::file_status status;
  if (inputPath != "-" && !llvm::sys::fs::status(inputPath, status) &&
      status.type() != llvm::sys::fs::file_type::regular_file &&
      status.type() != llvm::sys::fs::file_type::fifo_file)
    return fail("'" + inputPath +
                "' is not a file; give a model (.mlir) or a config.json");
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(inputPath, &message);
  return file ? std::move(file) : fail(message);
}

/// What places in messages are called.
static llvm::StringRef getInputName() {
  return inputPath == "-" ? llvm::StringRef("<stdin>")
                          : llvm::StringRef(inputPath);
}

static OwningOpRef<ModuleOp> readConfig(llvm::StringRef text, int64_t sequence,
                                        MLIRContext &context) {
  HuggingFaceOptions options;
  if (norm.getNumOccurrences()) {
    std::string error;
    options.norm = parseNormChoice(norm, error);
    if (!options.norm) {
      llvm::errs() << "lnsc: error: --norm: " << error << "\n";
      return nullptr;
    }
  }
  if (vocabulary.getNumOccurrences())
    options.vocabulary = vocabulary;
  options.sequence = sequence;
  options.allowUnknownKeys = allowUnknownKeys;
  return importHuggingFaceConfig(text, getInputName(), options, &context);
}

/// Options that a model has no use for, because it says these things itself.
static bool checkOptions() {
  for (const llvm::cl::Option *option :
       {static_cast<llvm::cl::Option *>(&norm),
        static_cast<llvm::cl::Option *>(&vocabulary),
        static_cast<llvm::cl::Option *>(&allowUnknownKeys)})
    if (option->getNumOccurrences()) {
      fail("--" + option->ArgStr + " is about a config.json, but '" +
           getInputName() + "' is a model; write it into the model");
      return false;
    }
  return true;
}

/// Nothing beside a model: a function of the file's own would be an entry point
/// that the runtime refuses. That there is one model is instantiation's to say.
static bool checkModule(ModuleOp module) {
  if (module.getOps<ModelOp>().empty()) {
    auto functions = module.getOps<func::FuncOp>();
    if (functions.empty() || module->hasAttr("lns.model"))
      return true;
    (*functions.begin()).emitError()
        << "a function, but the module has neither an lns.model nor the "
           "attribute 'lns.model' of later forms; give a model, or a later "
           "form as lnsc prints it";
    return false;
  }
  for (Operation &op : *module.getBody())
    if (!isa<ModelOp>(op)) {
      op.emitError() << "op '" << op.getName()
                     << "' beside the model; a file for lnsc holds one "
                        "lns.model and nothing else: remove it";
      return false;
    }
  return true;
}

/// A model that was written from a config.json keeps it for its checkpoints,
/// from which others take what the model is. What was changed by hand since is
/// another model, and loses it.
static void checkConfig(ModuleOp module) {
  for (auto model : module.getOps<ModelOp>()) {
    StringAttr text = model.getConfigAttr();
    if (!text)
      return;
    OwningOpRef<ModuleOp> described;
    {
      // Whatever is wrong with it, nothing will be made of it.
      ScopedDiagnosticHandler silent(module.getContext(),
                                     [](Diagnostic &) { return success(); });
      HuggingFaceOptions options;
      options.allowUnknownKeys = true;
      described = importHuggingFaceConfig(text, "config.json", options,
                                          module.getContext());
    }
    if (described && getIdentity(*described) == getIdentity(module))
      return;
    model.emitWarning() << "its 'config' is that of another model, and is left "
                           "out of checkpoints; remove it, or what was changed";
    model.removeConfigAttr();
  }
}

static OwningOpRef<ModuleOp>
readModule(std::unique_ptr<llvm::MemoryBuffer> file, MLIRContext &context,
           llvm::SourceMgr &sourceMgr) {
  if (!checkOptions())
    return nullptr;
  DialectRegistry registry;
  registerDialects(registry);
  file = guardSource(std::move(file), registry, &context);
  if (!file)
    return nullptr;
  sourceMgr.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  ParserConfig config(&context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sourceMgr, config);
  if (!module || !checkModule(*module))
    return nullptr;
  checkConfig(*module);
  return module;
}

OwningOpRef<ModuleOp> driver::readModel(MLIRContext &context,
                                        llvm::SourceMgr &sourceMgr,
                                        int64_t sequence,
                                        uint64_t &sourceHash) {
  std::unique_ptr<llvm::MemoryBuffer> file = openInput();
  if (!file)
    return nullptr;
  sourceHash = planChecksum(file->getBufferStart(), file->getBufferSize());
  std::string problem;
  std::optional<SourceKind> kind =
      getSourceKind(file->getBuffer(), inputPath, problem);
  if (!kind)
    return fail("'" + getInputName() + "' " + problem);
  if (*kind == SourceKind::Config)
    return readConfig(dropByteOrderMark(file->getBuffer()), sequence, context);
  return readModule(std::move(file), context, sourceMgr);
}
