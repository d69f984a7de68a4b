//===- CheckModule.cpp - What of a module a plan can hold -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/CheckModule.h"
#include "dialect/LnsOps.h"
#include "runtime/plan/kernel_abi.h"
#include "runtime/plan/plan_limits.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace lns;

FailureOr<ModelSizes> lns::readSizes(ModuleOp module) {
  auto facts = module->getAttrOfType<DictionaryAttr>("lns.model");
  if (!facts)
    return module.emitError(
        "module has no 'lns.model' attribute, so it is no graph form; run "
        "'lns-instantiate' first");
  auto number = [&](StringRef key, unsigned &target) -> LogicalResult {
    auto attr = facts.getAs<IntegerAttr>(key);
    if (!attr || attr.getInt() <= 0 || attr.getInt() > INT32_MAX)
      return module.emitError()
             << "'lns.model' attribute needs a positive 32-bit integer '" << key
             << "'";
    target = attr.getInt();
    return success();
  };
  ModelSizes sizes;
  // A model whose step has no parts says nothing of them.
  if (failed(number("batch", sizes.batch)) ||
      failed(number("sequence", sizes.sequence)) ||
      failed(number("vocabulary", sizes.vocabulary)) ||
      (facts.get("micro_batch") &&
       failed(number("micro_batch", sizes.microBatch))))
    return failure();
  if (sizes.microBatch != 0 && sizes.batch % sizes.microBatch != 0)
    return module.emitError()
           << "'lns.model' attribute has batch " << sizes.batch
           << ", which is no multiple of micro_batch " << sizes.microBatch;
  sizes.documents = bool(facts.get("documents"));
  if (facts.get("decode") && failed(number("decode", sizes.decode)))
    return failure();
  if (auto branches = facts.getAs<DenseI64ArrayAttr>("branches")) {
    sizes.branches.assign(branches.asArrayRef().begin(),
                          branches.asArrayRef().end());
    if (failed(number("width", sizes.width)))
      return failure();
    auto layers = facts.getAs<IntegerAttr>("layers");
    if (!layers || layers.getInt() != branches.size())
      return module.emitError()
             << "'lns.model' attribute has 'branches' of " << branches.size()
             << " blocks, but 'layers' is " << (layers ? layers.getInt() : 0)
             << "; they must agree";
  }
  return sizes;
}

RankedTensorType lns::getBindingType(BindingKind kind,
                                     const EntryPointRule &rule,
                                     const ModelSizes &sizes,
                                     MLIRContext *context) {
  int64_t batch =
      rule.isOfPart && sizes.microBatch != 0 ? sizes.microBatch : sizes.batch;
  // Parts of a step are not what decoding has.
  if (rule.isOfToken)
    batch = sizes.decode;
  int64_t sequence = rule.isOfToken ? 1 : sizes.sequence;
  int64_t vocabulary = sizes.vocabulary;
  Type f32 = Float32Type::get(context), i32 = IntegerType::get(context, 32);
  switch (kind) {
  case BindingKind::Tokens:
  case BindingKind::Targets:
  case BindingKind::Starts:
    return RankedTensorType::get({batch, sequence}, i32);
  case BindingKind::TargetCount:
    return RankedTensorType::get({}, i32);
  case BindingKind::Optimizer:
    return RankedTensorType::get({LNS_OPT_SLOTS}, f32);
  case BindingKind::Loss:
  case BindingKind::GradientNorm:
    return RankedTensorType::get({}, f32);
  case BindingKind::Logits:
    return RankedTensorType::get({batch, sequence, vocabulary}, f32);
  case BindingKind::Stream:
  case BindingKind::Branch:
    return RankedTensorType::get({batch, sequence, int64_t(sizes.width)}, f32);
  }
  llvm_unreachable("covered switch");
}

llvm::SmallVector<BindingKind> lns::getOutputs(const EntryPointRule &rule,
                                               const ModelSizes &sizes) {
  if (!rule.isTrace)
    return SmallVector<BindingKind>(rule.outputs.begin(), rule.outputs.end());
  SmallVector<BindingKind> kinds;
  for (int64_t count : sizes.branches) {
    kinds.push_back(BindingKind::Stream);
    kinds.append(count, BindingKind::Branch);
  }
  kinds.push_back(BindingKind::Stream);
  return kinds;
}

static LogicalResult checkParameter(ParameterOp parameter) {
  StringRef name = parameter.getSymName();
  if (name.empty())
    return parameter.emitOpError("has no name, by which checkpoints know it; "
                                 "give it one");
  if (name.size() > kMaxNameBytes)
    return parameter.emitOpError()
           << "has a name of " << name.size() << " bytes, but a plan holds "
           << kMaxNameBytes << " at most; give it a shorter one";
  int64_t rank = cast<RankedTensorType>(parameter.getType()).getRank();
  if (rank > int64_t(kMaxRank))
    return parameter.emitOpError()
           << "has type " << parameter.getType() << " of rank " << rank
           << ", but a plan holds parameters of rank " << kMaxRank
           << " at most; take dimensions together";
  double value = parameter.getInitValue()
                     ? parameter.getInitValue()->convertToDouble()
                     : 0;
  if (!std::isfinite(static_cast<float>(value)))
    return parameter.emitOpError()
           << "has an init value of " << value
           << ", which is not finite in f32, the type of a plan's parameters";
  return success();
}

/// f64 is where f32 could be.
static bool agrees(Type type, RankedTensorType expected) {
  return type == expected ||
         (expected.getElementType().isF32() &&
          type == RankedTensorType::get(expected.getShape(),
                                        Float64Type::get(type.getContext())));
}

static LogicalResult checkSignature(func::FuncOp function,
                                    const ModelSizes &sizes) {
  StringRef name = function.getSymName();
  const EntryPointRule *rule = findEntryPoint(name);
  if (!rule) {
    InFlightDiagnostic diagnostic =
        function.emitError()
        << "function '" << name << "' is no entry point of a plan, which are";
    for (const EntryPointRule &known : kEntryPoints)
      diagnostic << (&known == kEntryPoints ? " " : ", ") << known.name;
    return diagnostic << "; remove it";
  }
  if (rule->isTrace && sizes.branches.empty())
    return function.emitError()
           << "entry point '" << name
           << "' traces blocks, of which 'branches' in 'lns.model' says "
              "nothing; compile the model with --diagnostics";
  if (rule->isOfToken && !sizes.decode)
    return function.emitError()
           << "entry point '" << name
           << "' decodes, of which 'lns.model' says nothing; compile the model "
              "with --decode";
  std::span<const BindingKind> inputs = rule->getInputs(sizes.documents);
  auto check = [&](ArrayRef<BindingKind> kinds, TypeRange types,
                   StringRef verb) -> LogicalResult {
    auto expected = llvm::map_to_vector(kinds, [&](BindingKind kind) {
      return getBindingType(kind, *rule, sizes, function.getContext());
    });
    if (types.size() == expected.size() &&
        llvm::all_of(llvm::zip(types, expected), [](auto pair) {
          return agrees(std::get<0>(pair), std::get<1>(pair));
        }))
      return success();
    InFlightDiagnostic diagnostic = function.emitError()
                                    << "entry point '" << name << "' " << verb
                                    << " (" << types << "), expected (";
    for (auto [i, kind] : llvm::enumerate(kinds))
      diagnostic << (i ? ", " : "") << getName(kind) << ": " << expected[i];
    return diagnostic << "), as the sizes in 'lns.model' say";
  };
  return success(succeeded(check(ArrayRef(inputs.data(), inputs.size()),
                                 function.getArgumentTypes(), "takes")) &&
                 succeeded(check(getOutputs(*rule, sizes),
                                 function.getResultTypes(), "gives")));
}

/// A session takes tokens and targets below the vocabulary, and no kernel looks
/// again.
static LogicalResult checkVocabulary(Operation *op, int64_t vocabulary) {
  auto check = [&](StringRef what, Type type,
                   unsigned dimension) -> LogicalResult {
    auto tensor = cast<RankedTensorType>(type);
    int64_t extent = tensor.getShape()[dimension];
    if (ShapedType::isDynamic(extent) || extent >= vocabulary)
      return success();
    return op->emitOpError()
           << "has " << what << " of type " << type << ", " << extent
           << (dimension == 0 ? " rows" : " columns") << " for a vocabulary of "
           << vocabulary
           << " tokens; give it one for each, or change 'vocabulary' in "
              "'lns.model'";
  };
  auto checkLogits = [&](Value logits) {
    Type type = logits.getType();
    return check("logits", type, cast<RankedTensorType>(type).getRank() - 1);
  };
  if (auto embedding = dyn_cast<EmbeddingOp>(op))
    return check("a table", embedding.getTable().getType(), 0);
  if (auto gradient = dyn_cast<EmbeddingGradOp>(op))
    return check("a table's gradient", gradient.getResult().getType(), 0);
  if (auto entropy = dyn_cast<CrossEntropyOp>(op))
    return checkLogits(entropy.getLogits());
  if (auto gradient = dyn_cast<CrossEntropyGradOp>(op))
    return checkLogits(gradient.getLogits());
  if (auto both = dyn_cast<CrossEntropyWithGradOp>(op))
    return checkLogits(both.getLogits());
  return success();
}

/// The starts of documents that `op` reads, if it reads some.
static Value getStarts(Operation *op) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<AttentionOp, AttentionGradOp, RopeOp, AddPositionsOp,
            AddPositionsGradOp, AppendOp, CachedAttentionOp>(
          [](auto op) { return op.getStarts(); })
      .Default([](Operation *) { return Value(); });
}

/// How many positions `op` can count from starts, or none if it has no limit.
static std::optional<int64_t> getPositions(Operation *op) {
  auto extent = [](Value value, unsigned dimension) -> std::optional<int64_t> {
    return cast<RankedTensorType>(value.getType()).getDimSize(dimension);
  };
  return llvm::TypeSwitch<Operation *, std::optional<int64_t>>(op)
      .Case([&](RopeOp op) {
        auto positions = op.getPositions();
        return positions ? std::optional(int64_t(*positions))
                         : extent(op.getInput(), 1);
      })
      .Case([&](AddPositionsOp op) { return extent(op.getTable(), 0); })
      .Case([&](AppendOp op) { return extent(op.getCache(), 1); })
      .Case([&](CachedAttentionOp op) { return extent(op.getKey(), 1); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Kernels read tables, keys and caches where starts say, and look at them no
/// more: they are an argument, which a session checks.
static LogicalResult checkStarts(Operation *op, const ModelSizes &sizes) {
  Value starts = getStarts(op);
  if (!starts)
    return success();
  auto argument = dyn_cast<BlockArgument>(starts);
  if (argument)
    if (auto cluster = dyn_cast<ClusterOp>(argument.getOwner()->getParentOp()))
      argument =
          dyn_cast<BlockArgument>(cluster.getInputs()[argument.getArgNumber()]);
  auto function =
      argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
               : func::FuncOp();
  const EntryPointRule *rule =
      function ? findEntryPoint(function.getSymName()) : nullptr;
  bool isArgument = false;
  if (rule) {
    std::span<const BindingKind> inputs = rule->getInputs(sizes.documents);
    isArgument = argument.getArgNumber() < inputs.size() &&
                 inputs[argument.getArgNumber()] == BindingKind::Starts;
  }
  if (!isArgument)
    return op->emitOpError(
        "reads starts of documents that are not those which its entry point "
        "takes, so that nobody checks them; instantiate the model with "
        "documents (lnsc --documents), and let all starts be that argument");
  bool countsBack = isa<AppendOp, CachedAttentionOp>(op);
  if (!rule->isOfToken && countsBack)
    return op->emitOpError("is about what was decoded before, but stands in '")
           << rule->name << "'; only 'decode' has caches";
  if (!rule->isOfToken)
    return success();
  std::optional<int64_t> positions = getPositions(op);
  if (positions && *positions >= int64_t(sizes.sequence))
    return success();
  InFlightDiagnostic diagnostic = op->emitOpError();
  if (!positions)
    return diagnostic << "sees no token but its own; in 'decode' an attention "
                         "is lns.cached_attention";
  return diagnostic << "has " << *positions << " positions, but 'decode' has "
                    << sizes.sequence << ", one for each token of a sequence";
}

/// Caches are what 'decode' computes with, and what no other entry point knows.
static LogicalResult checkCacheUse(Operation *op) {
  auto isCache = [](auto access) {
    return access && access.getStorage() == Storage::cache;
  };
  if (!isCache(dyn_cast<GetOp>(op)) && !isCache(dyn_cast<SetOp>(op)))
    return success();
  auto function = op->getParentOfType<func::FuncOp>();
  const EntryPointRule *rule =
      function ? findEntryPoint(function.getSymName()) : nullptr;
  if (!rule || rule->isOfToken)
    return success();
  return op->emitOpError("is about a cache, but stands in '")
         << rule->name << "'; only 'decode' has caches";
}

/// A part of a step is a part of what the step is given: a session checks
/// tokens, targets and starts as what they are, and no part's again.
static LogicalResult checkRepeat(RepeatOp repeat, bool documents) {
  auto caller = repeat->getParentOfType<func::FuncOp>();
  const EntryPointRule *rule =
      caller ? findEntryPoint(caller.getSymName()) : nullptr;
  const EntryPointRule *callee = findEntryPoint(repeat.getCallee());
  if (!rule || !callee)
    return success(); // the plan writer's to refuse
  std::span<const BindingKind> given = rule->getInputs(documents);
  std::span<const BindingKind> taken = callee->getInputs(documents);
  for (auto [index, value] : llvm::enumerate(repeat.getInputs())) {
    if (index >= taken.size() || taken[index] == BindingKind::TargetCount)
      continue;
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != &caller.getBody().front() ||
        argument.getArgNumber() >= given.size() ||
        given[argument.getArgNumber()] != taken[index])
      return repeat.emitOpError()
             << "hands '" << callee->name << "' as " << getName(taken[index])
             << " what '" << rule->name << "' does not take as such, so that "
             << "nobody checks it; hand on the argument";
  }
  return success();
}

LogicalResult lns::checkModule(ModuleOp module) {
  FailureOr<ModelSizes> sizes = readSizes(module);
  if (failed(sizes))
    return failure();
  for (auto parameter : module.getOps<ParameterOp>())
    if (failed(checkParameter(parameter)))
      return failure();
  for (auto function : module.getOps<func::FuncOp>())
    if (failed(checkSignature(function, *sizes)))
      return failure();
  WalkResult result = module.walk([&](Operation *op) {
    return WalkResult(success(
        succeeded(checkVocabulary(op, sizes->vocabulary)) &&
        succeeded(checkStarts(op, *sizes)) && succeeded(checkCacheUse(op)) &&
        (!isa<RepeatOp>(op) ||
         succeeded(checkRepeat(cast<RepeatOp>(op), sizes->documents)))));
  });
  return failure(result.wasInterrupted());
}
