//===- BuildPlan.cpp - From fused graph form to commands --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// In the block's order, everything with a kernel becomes launches, and a matmul
// that has none a matmul command. Where a value lives was decided by
// `lns-plan-memory`; here its place is only looked up.
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelLimits.h"
#include "codegen/plan/CheckModule.h"
#include "codegen/plan/Plan.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsInterfaces.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "dialect/UpdateCosts.h"
#include "passes/memory/PlanMemory.h"
#include "runtime/plan/kernel_abi.h"
#include "runtime/plan/plan_format.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace lns;

namespace {

/// The op's name for people: "layers.3.mlp.gate_proj" of its NameLoc.
std::string getCommandName(Operation *op) {
  std::string name;
  op->getLoc()->walk([&](Location location) {
    if (auto named = dyn_cast<NameLoc>(location)) {
      name = named.getName().str();
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return name.empty() ? op->getName().stripDialect().str() : name;
}

/// A tensor's 2-D view: all leading dimensions as rows.
std::pair<uint64_t, uint64_t> getMatrixView(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  uint64_t rows = 1;
  for (int64_t extent : type.getShape().drop_back())
    rows *= extent;
  return {rows, static_cast<uint64_t>(type.getShape().back())};
}

/// The element type of a matrix product's operand or result.
PlanDType getMatrixType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getElementType().isBF16() ? PlanDType::Bf16 : PlanDType::F32;
}

class PlanBuilder {
public:
  PlanBuilder(ModuleOp module, KernelTarget &target, Plan &plan,
              PlanProgram &program)
      : module(module), target(target), plan(plan), program(program) {}

  uint64_t computeBytes = 0; ///< of compute weights
  /// The first op that each kernel computes.
  llvm::DenseMap<unsigned, Operation *> users;

  LogicalResult run() {
    // Both programs of a plan are of one model: the second one finds the same
    // facts and the same parameters.
    plan.ioBytes = plan.parameterBytes = plan.cacheBytes = 0;
    plan.parameters.clear();
    if (failed(readFacts()) || failed(placeParameters()))
      return failure();
    placeComputeWeights();
    if (failed(placeCaches()))
      return failure();
    // What is repeated comes first: those who repeat it add up its work.
    for (bool repeats : {false, true})
      for (auto function : module.getOps<func::FuncOp>())
        if (repeats == hasRepeat(function) && failed(buildEntryPoint(function)))
          return failure();
    placeConstants();
    plan.ioBytes += kBufferAlignment * plan.ramps.size();
    return success();
  }

private:
  bool isCuda() const {
    return plan.cuda && &program == static_cast<PlanProgram *>(&*plan.cuda);
  }

  static bool hasRepeat(func::FuncOp function) {
    return !function.getBody().empty() &&
           !function.getBody().front().getOps<RepeatOp>().empty();
  }

  LogicalResult readFacts() {
    FailureOr<ModelSizes> read = readSizes(module);
    if (failed(read))
      return failure();
    sizes = *read;
    plan.batch = sizes.batch;
    plan.sequence = sizes.sequence;
    plan.vocabulary = sizes.vocabulary;
    plan.microBatch = sizes.microBatch;
    plan.documents = sizes.documents;
    plan.decode = bool(module.lookupSymbol<func::FuncOp>("decode"));
    if (plan.decode && sizes.decode != plan.batch)
      return module.emitError()
             << "'lns.model' attribute has decode " << sizes.decode
             << " and batch " << plan.batch
             << ", but a plan decodes as many sequences as a step has";
    auto facts = module->getAttrOfType<DictionaryAttr>("lns.model");
    // A model without blocks has none to count.
    if (auto layers = facts.getAs<IntegerAttr>("layers"))
      plan.layers = layers.getInt();
    auto text = [&](StringRef key) {
      auto attr = facts.getAs<StringAttr>(key);
      return attr ? attr.str() : std::string();
    };
    plan.modelName = text("name");
    plan.configJson = text("config");
    plan.normScheme = text("norm_scheme");
    plan.identity = text("identity");
    if (text("dtype") == "bf16")
      plan.dtype = PlanDType::Bf16;
    // The io segment: inputs and small outputs, the same for all entry points.
    uint64_t tokenBytes = llvm::alignTo(
        uint64_t(plan.batch) * plan.sequence * 4, kBufferAlignment);
    tokens = {PlanSegment::Io, 0, uint64_t(plan.batch) * plan.sequence * 4};
    targets = {PlanSegment::Io, tokenBytes, tokens.size};
    optimizer = {PlanSegment::Io, 2 * tokenBytes, LNS_OPT_SLOTS * 4};
    plan.ioBytes = 2 * tokenBytes + kBufferAlignment;
    if (plan.documents)
      starts = takeIo(tokens.size);
    microTokens = tokens;
    microTargets = targets;
    microStarts = starts;
    if (plan.microBatch != 0)
      placeParts();
    if (plan.decode) {
      lastTokens = takeIo(uint64_t(plan.batch) * 4);
      lastStarts = takeIo(uint64_t(plan.batch) * 4);
    }
    // Ramps stand last: how many there are is known when functions are built.
    plan.rampsOffset = plan.ioBytes;
    return success();
  }

  /// The next so many bytes of the io segment.
  PlanBuffer takeIo(uint64_t bytes) {
    PlanBuffer buffer = {PlanSegment::Io, plan.ioBytes, bytes};
    plan.ioBytes += llvm::alignTo(bytes, kBufferAlignment);
    return buffer;
  }

  /// What one part of a step is given.
  void placeParts() {
    uint64_t partBytes = uint64_t(plan.microBatch) * plan.sequence * 4;
    microTokens = takeIo(partBytes);
    microTargets = takeIo(partBytes);
    if (plan.documents)
      microStarts = takeIo(partBytes);
    targetCount = takeIo(sizeof(int32_t));
  }

  /// Equal ramps are one.
  FailureOr<PlanBuffer> getRampBuffer(RampOp op) {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return op.emitOpError()
             << "has type " << op.getType()
             << ", but the numbers that a runtime computes are f32";
    double steps = op.getSteps().convertToDouble();
    size_t index = llvm::find(plan.ramps, steps) - plan.ramps.begin();
    if (index == plan.ramps.size())
      plan.ramps.push_back(steps);
    return PlanBuffer{PlanSegment::Io,
                      plan.rampsOffset + index * kBufferAlignment,
                      sizeof(float)};
  }

  LogicalResult placeParameters() {
    for (auto parameter : module.getOps<ParameterOp>()) {
      auto type = cast<RankedTensorType>(parameter.getType());
      auto stored = cast<RankedTensorType>(parameter.getStoredType());
      std::optional<uint64_t> bytes = getTensorBytes(stored);
      if (!bytes || !type.getElementType().isF32())
        return parameter.emitOpError()
               << "has type " << type
               << ", but a plan's parameters are f32 with static shapes";
      PlanParameter entry;
      entry.name = parameter.getSymName().str();
      entry.shape.assign(type.getShape().begin(), type.getShape().end());
      if (stored != type)
        entry.storageShape.assign(stored.getShape().begin(),
                                  stored.getShape().end());
      entry.role = static_cast<unsigned>(parameter.getRole());
      entry.init = static_cast<unsigned>(parameter.getInit());
      entry.initValue = parameter.getInitValue()
                            ? parameter.getInitValue()->convertToDouble()
                            : 0;
      entry.decay = parameter.getDecay();
      entry.frozen = parameter.getFrozen();
      entry.bytes = *bytes;
      parameterIndex[parameter.getSymName()] = plan.parameters.size();
      plan.parameters.push_back(std::move(entry));
    }
    // What is trained comes first, so that gradients and moments, which it
    // alone has, have places of the same number.
    for (bool frozen : {false, true}) {
      for (PlanParameter &entry : plan.parameters) {
        if (entry.frozen != frozen)
          continue;
        entry.offset = plan.parameterBytes;
        plan.parameterBytes += llvm::alignTo(entry.bytes, kBufferAlignment);
      }
      if (!frozen)
        plan.trainableBytes = plan.parameterBytes;
    }
    return success();
  }

  FailureOr<PlanBuffer> getParameterBuffer(Operation *op, StringRef symbol,
                                           PlanSegment segment) {
    auto it = parameterIndex.find(symbol);
    if (it == parameterIndex.end())
      return op->emitOpError()
             << "names '" << symbol << "', but there is no such lns.parameter";
    const PlanParameter &parameter = plan.parameters[it->second];
    if (parameter.frozen && segment != PlanSegment::Parameters)
      return op->emitOpError()
             << "is about the gradient or the moments of '" << symbol
             << "', which is frozen and has none; do not freeze it, or leave "
                "this out";
    return PlanBuffer{segment, parameter.offset, parameter.bytes};
  }

  /// They are no larger than the parameters, which have their places.
  void placeComputeWeights() {
    for (auto weight : module.getOps<ComputeWeightOp>()) {
      uint64_t bytes = *getTensorBytes(weight.getType());
      computeBuffers[weight.getSymName()] = {PlanSegment::Compute, computeBytes,
                                             bytes};
      computeBytes += llvm::alignTo(bytes, kBufferAlignment);
    }
  }

  /// The same places in both programs, which have the same caches.
  LogicalResult placeCaches() {
    for (auto cache : module.getOps<CacheOp>()) {
      std::optional<uint64_t> bytes = getTensorBytes(cache.getType());
      if (!bytes)
        return cache.emitOpError()
               << "has type " << cache.getType()
               << ", but a plan holds tensors of at most 2^46 bytes; use a "
                  "smaller batch or seq, or compile without decode";
      cacheBuffers[cache.getSymName()] = {PlanSegment::Cache, plan.cacheBytes,
                                          *bytes};
      plan.cacheBytes += llvm::alignTo(*bytes, kBufferAlignment);
    }
    return success();
  }

  /// What lns.get reads and lns.set writes.
  template <typename Op> FailureOr<PlanBuffer> getStoredBuffer(Op op) {
    switch (op.getStorage()) {
    case Storage::parameter:
      return getParameterBuffer(op, op.getSymbol(), PlanSegment::Parameters);
    case Storage::gradient:
      return getParameterBuffer(op, op.getSymbol(), PlanSegment::Gradients);
    case Storage::compute:
      return computeBuffers.lookup(op.getSymbol());
    case Storage::cache:
      return cacheBuffers.lookup(op.getSymbol());
    }
    llvm_unreachable("covered switch");
  }

  LogicalResult buildEntryPoint(func::FuncOp function) {
    PlanEntryPoint entry;
    entry.name = function.getSymName().str();
    const EntryPointRule *rule = findEntryPoint(entry.name);
    if (!rule || (entry.name == "refresh" && computeBuffers.empty()))
      return function.emitError()
             << "function '" << entry.name << "' is no entry point of a plan"
             << (rule ? ", which keeps no compute weights" : "")
             << "; remove it";
    auto integer = [&](StringRef key) -> uint64_t {
      auto attr = function->getAttrOfType<IntegerAttr>(key);
      return attr ? attr.getInt() : 0;
    };
    if (!function->hasAttr(kArenaBytesAttr))
      return function.emitError("memory is not planned; run "
                                "'lns-plan-memory' first");
    entry.arenaBytes = integer(kArenaBytesAttr);
    entry.activationBytes = integer(kActivationBytesAttr);
    // What a repeated function needs comes first, its caller's own values
    // behind it: the function's places are the same for all that repeat it.
    arenaBase = 0;
    for (auto repeat : function.getBody().front().getOps<RepeatOp>()) {
      auto callee = module.lookupSymbol<func::FuncOp>(repeat.getCallee());
      auto bytes = callee->getAttrOfType<IntegerAttr>(kArenaBytesAttr);
      auto kept = callee->getAttrOfType<IntegerAttr>(kActivationBytesAttr);
      arenaBase = std::max<uint64_t>(arenaBase, bytes ? bytes.getInt() : 0);
      entry.activationBytes =
          std::max<uint64_t>(entry.activationBytes, kept ? kept.getInt() : 0);
    }
    entry.arenaBytes += arenaBase;
    program.arenaBytes = std::max(program.arenaBytes, entry.arenaBytes);

    Block &block = function.getBody().front();
    places.clear();
    if (failed(bindInputs(function, *rule, entry)) ||
        failed(placeValues(block)))
      return failure();
    for (Operation &op : block.without_terminator()) {
      size_t first = entry.commands.size();
      if (failed(buildCommands(&op, entry)))
        return failure();
      if (first != entry.commands.size())
        addCosts(&op, entry.commands[first]);
    }
    if (failed(bindOutputs(function, *rule, entry)))
      return failure();
    program.entryPoints.push_back(std::move(entry));
    return success();
  }

  void addCosts(Operation *op, PlanCommand &command) {
    if (auto update = dyn_cast<AdamWOp>(op)) {
      auto weight = update.getComputeAttr()
                        ? symbols.lookupNearestSymbolFrom<ComputeWeightOp>(
                              update, update.getComputeAttr())
                        : ComputeWeightOp();
      UpdateCosts costs = getUpdateCosts(update, weight);
      command.bytes = costs.bytes;
      command.flops = costs.flops;
    } else if (auto costs = dyn_cast<CostOpInterface>(op)) {
      command.bytes = costs.getBytes();
      command.flops = costs.getFlops();
    }
  }

  PlanBuffer getInput(BindingKind kind, const EntryPointRule &rule) const {
    // Logits are of one part, so that they need no more room than a step.
    bool isPart = rule.isOfPart && plan.microBatch != 0;
    switch (kind) {
    case BindingKind::Tokens:
      if (rule.isOfToken)
        return lastTokens;
      return isPart ? microTokens : tokens;
    case BindingKind::Targets:
      return isPart ? microTargets : targets;
    case BindingKind::Starts:
      if (rule.isOfToken)
        return lastStarts;
      return isPart ? microStarts : starts;
    case BindingKind::TargetCount:
      return targetCount;
    case BindingKind::Optimizer:
      return optimizer;
    default:
      llvm_unreachable("no input");
    }
  }

  static PlanBinding makeBinding(BindingKind kind, RankedTensorType type,
                                 PlanBuffer buffer) {
    PlanBinding binding;
    binding.name = getName(kind);
    binding.isInteger = type.getElementType().isInteger(32);
    binding.shape.assign(type.getShape().begin(), type.getShape().end());
    binding.buffer = buffer;
    return binding;
  }

  LogicalResult bindInputs(func::FuncOp function, const EntryPointRule &rule,
                           PlanEntryPoint &entry) {
    std::span<const BindingKind> inputs = rule.getInputs(plan.documents);
    for (BlockArgument argument : function.getArguments()) {
      unsigned i = argument.getArgNumber();
      if (i >= inputs.size())
        return function.emitError() << "entry point '" << rule.name
                                    << "' takes " << function.getNumArguments()
                                    << " arguments, expected " << inputs.size();
      BindingKind kind = inputs[i];
      RankedTensorType type =
          getBindingType(kind, rule, sizes, function.getContext());
      if (argument.getType() != type)
        return function.emitError()
               << "argument " << i << " of entry point '" << rule.name
               << "' has type " << argument.getType() << ", but a plan takes "
               << getName(kind) << " as " << type;
      places[argument] = getInput(kind, rule);
      entry.inputs.push_back(makeBinding(kind, type, places[argument]));
    }
    return success();
  }

  LogicalResult bindOutputs(func::FuncOp function, const EntryPointRule &rule,
                            PlanEntryPoint &entry) {
    Operation *terminator = function.getBody().front().getTerminator();
    SmallVector<BindingKind> outputs = getOutputs(rule, sizes);
    for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
      if (i >= outputs.size())
        return function.emitError()
               << "entry point '" << rule.name << "' gives "
               << terminator->getNumOperands() << " results, expected "
               << outputs.size();
      BindingKind kind = outputs[i];
      RankedTensorType type =
          getBindingType(kind, rule, sizes, function.getContext());
      if (value.getType() != type)
        return function.emitError()
               << "result " << i << " of entry point '" << rule.name
               << "' has type " << value.getType() << ", but a plan gives "
               << getName(kind) << " as " << type;
      PlanBinding binding = makeBinding(kind, type, places.lookup(value));
      if (binding.buffer.segment != PlanSegment::Arena)
        return terminator->emitError()
               << "entry point '" << rule.name << "' gives as " << getName(kind)
               << " what stands in memory of its inputs or of parameters; "
                  "give a value that it computes";
      for (const PlanBinding &other : entry.outputs)
        if (other.buffer.offset == binding.buffer.offset)
          return terminator->emitError()
                 << "entry point '" << rule.name << "' gives one value as "
                 << other.name << " and as " << binding.name
                 << "; each must be a value of its own"
                 << (rule.isTrace ? ", or compile without diagnostics" : "");
      entry.outputs.push_back(std::move(binding));
    }
    return success();
  }

  /// Fills `places` for every op's results.
  LogicalResult placeValues(Block &block) {
    for (Operation &op : block.without_terminator()) {
      // A view is its operand's buffer, which is an op's or an argument's.
      if (isa<ReshapeOp>(op)) {
        places[op.getResult(0)] = places.lookup(op.getOperand(0));
        continue;
      }
      auto offsets = op.getAttrOfType<DenseI64ArrayAttr>(kOffsetsAttr);
      for (OpResult result : op.getResults()) {
        int64_t offset = offsets ? offsets[result.getResultNumber()] : -1;
        if (offset >= 0) {
          places[result] = {PlanSegment::Arena, arenaBase + uint64_t(offset),
                            *getTensorBytes(result.getType())};
          continue;
        }
        FailureOr<PlanBuffer> buffer = getHome(result);
        if (failed(buffer))
          return failure();
        places[result] = *buffer;
      }
    }
    return success();
  }

  /// Where a result outside of the arena stands.
  FailureOr<PlanBuffer> getHome(OpResult result) {
    Operation *op = result.getOwner();
    if (auto ramp = dyn_cast<RampOp>(op))
      return getRampBuffer(ramp);
    if (auto get = dyn_cast<GetOp>(op))
      return getStoredBuffer(get);
    if (SetOp set = findStore(result))
      return getStoredBuffer(set);
    return op->emitOpError() << "result " << result.getResultNumber()
                             << " has no place; run 'lns-plan-memory'";
  }

  LogicalResult buildCommands(Operation *op, PlanEntryPoint &entry) {
    if (isa<ReshapeOp, RampOp>(op))
      return success();
    std::string name = getCommandName(op);
    if (auto get = dyn_cast<GetOp>(op)) {
      FailureOr<PlanBuffer> source = getStoredBuffer(get);
      if (failed(source))
        return failure();
      copyTo(*source, places.lookup(get.getValue()), name, entry);
      return success();
    }
    if (auto set = dyn_cast<SetOp>(op)) {
      FailureOr<PlanBuffer> target = getStoredBuffer(set);
      if (failed(target))
        return failure();
      copyTo(places.lookup(set.getValue()), *target, name, entry);
      return success();
    }
    // Also those inside a cluster.
    op->walk([&](Operation *inner) {
      if (isa<LinearOp, MatmulOp, WeightGradOp, AttentionOp, AttentionGradOp,
              CachedAttentionOp>(inner))
        entry.flops += cast<CostOpInterface>(inner).getFlops();
    });
    if (auto repeat = dyn_cast<RepeatOp>(op))
      return buildRepeat(repeat, name, entry);
    if (auto constant = dyn_cast<lns::ConstantOp>(op);
        constant && getElementTypeOrSelf(constant.getType()).isF32())
      return buildFill(constant, name, entry);
    copyAddends(op, name, entry);
    if (!target.hasKernel(op)) {
      if (auto linear = dyn_cast<LinearOp>(op))
        return buildLinear(linear, name, entry);
      if (auto matmul = dyn_cast<MatmulOp>(op))
        return buildMatmul(matmul, name, entry);
      if (isa<WeightGradOp>(op))
        return op->emitOpError()
               << "has no " << target.getTargetName()
               << " kernel; leave out 'lns-gain-gradients', which is for CUDA";
      return op->emitOpError()
             << "has no " << target.getTargetName()
             << " kernel and is no matmul, so that it cannot stand in a plan";
    }
    SmallVector<KernelLaunch> launches;
    SmallVector<KernelStep, 2> steps;
    if (failed(target.lower(op, launches)) ||
        failed(target.lowerWithLibrary(op, steps)))
      return failure();
    std::vector<PlanCommand> commands;
    for (const KernelLaunch &launch : launches)
      if (failed(addLaunch(op, launch, name, commands)))
        return failure();
    if (steps.empty()) {
      llvm::move(commands, std::back_inserter(entry.commands));
      return success();
    }
    PlanAlternatives ways;
    ways.options.push_back({"generated", std::move(commands)});
    ways.options.push_back({"library", {}});
    for (const KernelStep &step : steps) {
      auto &to = ways.options.back().commands;
      const auto *launch = std::get_if<KernelLaunch>(&step);
      if (failed(launch
                     ? addLaunch(op, *launch, name, to)
                     : addProduct(op, std::get<KernelProduct>(step), name, to)))
        return failure();
    }
    entry.commands.push_back({name, std::move(ways)});
    return success();
  }

  /// What is computed over an addend finds it there.
  void copyAddends(Operation *op, const std::string &name,
                   PlanEntryPoint &entry) {
    auto copy = [&](Value addend, Value result) {
      if (addend)
        copyTo(places.lookup(addend), places.lookup(result), name, entry);
    };
    if (auto append = dyn_cast<AppendOp>(op)) {
      copy(append.getCache(), append.getResult());
    } else if (auto embedding = dyn_cast<EmbeddingGradOp>(op)) {
      copy(embedding.getAddend(), embedding.getResult());
    } else if (auto matmul = dyn_cast<MatmulOp>(op)) {
      copy(matmul.getAddend(), matmul.getResult());
    } else if (auto grad = dyn_cast<WeightGradOp>(op)) {
      copy(grad.getAddend(), grad.getWeightGrad());
      copy(grad.getGainAddend(), grad.getGainGrad());
    }
  }

  LogicalResult addLaunch(Operation *op, const KernelLaunch &launch,
                          const std::string &name,
                          std::vector<PlanCommand> &commands) {
    users.try_emplace(launch.kernel, op);
    PlanLaunch command;
    command.kernel = launch.kernel;
    command.floats.assign(launch.floats.begin(), launch.floats.end());
    command.ints.assign(launch.ints.begin(), launch.ints.end());
    command.items = launch.items;
    command.grid = launch.grid;
    for (const KernelArgument &argument : launch.buffers) {
      FailureOr<PlanBuffer> buffer = resolve(op, argument);
      if (failed(buffer))
        return failure();
      command.buffers.push_back(*buffer);
    }
    commands.push_back({name, std::move(command)});
    return success();
  }

  LogicalResult addProduct(Operation *op, const KernelProduct &product,
                           const std::string &name,
                           std::vector<PlanCommand> &commands) {
    PlanMatmul matmul;
    matmul.m = product.m;
    matmul.n = product.n;
    matmul.k = product.k;
    matmul.transA = product.transA;
    matmul.transB = product.transB;
    matmul.alpha = product.alpha;
    matmul.beta = product.beta;
    auto getType = [](bool bf16) {
      return bf16 ? PlanDType::Bf16 : PlanDType::F32;
    };
    matmul.typeA = getType(product.bf16A);
    matmul.typeB = getType(product.bf16B);
    matmul.typeC = getType(product.bf16C);
    for (auto [argument, buffer] : {std::make_pair(&product.a, &matmul.a),
                                    std::make_pair(&product.b, &matmul.b),
                                    std::make_pair(&product.c, &matmul.c)}) {
      FailureOr<PlanBuffer> place = resolve(op, *argument);
      if (failed(place))
        return failure();
      *buffer = *place;
    }
    commands.push_back({name, matmul});
    return success();
  }

  /// Nothing where the value stands there already.
  static void copyTo(PlanBuffer source, PlanBuffer target,
                     const std::string &name, PlanEntryPoint &entry) {
    if (source.segment != target.segment || source.offset != target.offset)
      entry.commands.push_back({name, PlanCopy{source, target}});
  }

  LogicalResult buildFill(lns::ConstantOp op, const std::string &name,
                          PlanEntryPoint &entry) {
    double value = op.getValue().convertToDouble();
    if (!std::isfinite(static_cast<float>(value)))
      return op.emitOpError() << "has a value that is not finite in f32";
    entry.commands.push_back({name, PlanFill{places.lookup(op), value}});
    return success();
  }

  LogicalResult buildRepeat(RepeatOp op, const std::string &name,
                            PlanEntryPoint &entry) {
    if (!llvm::StringRef(op.getCallee()).starts_with("micro_") ||
        op.getInputs().size() != (plan.documents ? 4 : 3) ||
        op.getNumResults() != 1 || op.getCount() > UINT32_MAX)
      return op.emitOpError(
          "calls what a plan cannot repeat; make it with 'lns-micro-batch'");
    // For CUDA the host adds losses up, where it then looks for the step's.
    Operation *terminator = op->getBlock()->getTerminator();
    if (isCuda() &&
        (!llvm::hasSingleElement(op->getBlock()->getOps<RepeatOp>()) ||
         terminator->getNumOperands() == 0 ||
         terminator->getOperand(0) != op.getResult(0)))
      return op.emitOpError("is not the only one of its function, or its "
                            "result is not the loss that the function returns "
                            "first; CUDA plans have no other");
    PlanRepeat repeat;
    repeat.entry = op.getCallee().str();
    repeat.count = op.getCount();
    repeat.tokens = places.lookup(op.getInputs()[0]);
    repeat.targets = places.lookup(op.getInputs()[1]);
    if (plan.documents)
      repeat.starts = places.lookup(op.getInputs()[2]);
    repeat.loss = places.lookup(op.getResult(0));
    // All that repeat a function put the count where it looks for it.
    copyTo(places.lookup(op.getInputs().back()), targetCount, name, entry);
    for (const PlanEntryPoint &callee : program.entryPoints)
      if (callee.name == repeat.entry)
        entry.flops += repeat.count * callee.flops;
    entry.commands.push_back({name, std::move(repeat)});
    return success();
  }

  FailureOr<PlanBuffer> resolve(Operation *op, const KernelArgument &argument) {
    using Kind = KernelArgument::Kind;
    switch (argument.kind) {
    case Kind::Value:
      return places.lookup(argument.value);
    case Kind::Parameter:
      return getParameterBuffer(op, argument.symbol, PlanSegment::Parameters);
    case Kind::ExpAvg:
      return getParameterBuffer(op, argument.symbol, PlanSegment::ExpAvg);
    case Kind::ExpAvgSq:
      return getParameterBuffer(op, argument.symbol, PlanSegment::ExpAvgSq);
    case Kind::Compute:
      return computeBuffers.lookup(argument.symbol);
    case Kind::Constant: {
      uint64_t offset = 0;
      auto constants = target.getConstants();
      for (unsigned i = 0; i < argument.constant; ++i)
        offset += llvm::alignTo(constants[i].size() * sizeof(float),
                                kBufferAlignment);
      return PlanBuffer{PlanSegment::Constants, offset,
                        constants[argument.constant].size() * sizeof(float)};
    }
    case Kind::Scratch:
      return PlanBuffer{PlanSegment::Scratch, argument.offset, argument.size};
    }
    llvm_unreachable("covered switch");
  }

  LogicalResult buildLinear(LinearOp op, const std::string &name,
                            PlanEntryPoint &entry) {
    if (op.getBias())
      return op.emitOpError("has a bias, but in a plan biases are row ops; run "
                            "'lns-split-bias'");
    PlanMatmul matmul;
    auto [rows, inner] = getMatrixView(op.getInput());
    matmul.m = rows;
    matmul.k = inner;
    matmul.n = getMatrixView(op.getWeight()).first;
    matmul.transB = true;
    matmul.alpha = op.getAlpha().convertToDouble();
    matmul.a = places.lookup(op.getInput());
    matmul.b = places.lookup(op.getWeight());
    matmul.c = places.lookup(op.getResult());
    matmul.typeA = getMatrixType(op.getInput());
    matmul.typeB = getMatrixType(op.getWeight());
    matmul.typeC = getMatrixType(op.getResult());
    if (op.getGain())
      matmul.gain = places.lookup(op.getGain());
    entry.commands.push_back({name, matmul});
    return checkAlpha(op, matmul.alpha);
  }

  LogicalResult buildMatmul(MatmulOp op, const std::string &name,
                            PlanEntryPoint &entry) {
    PlanMatmul matmul;
    auto [aRows, aColumns] = getMatrixView(op.getA());
    auto [bRows, bColumns] = getMatrixView(op.getB());
    matmul.transA = op.getTransposeA();
    matmul.transB = op.getTransposeB();
    matmul.m = matmul.transA ? aColumns : aRows;
    matmul.k = matmul.transA ? aRows : aColumns;
    matmul.n = matmul.transB ? bRows : bColumns;
    matmul.a = places.lookup(op.getA());
    matmul.b = places.lookup(op.getB());
    matmul.c = places.lookup(op.getResult());
    matmul.typeA = getMatrixType(op.getA());
    matmul.typeB = getMatrixType(op.getB());
    matmul.typeC = getMatrixType(op.getResult());
    matmul.alpha = op.getAlpha().convertToDouble();
    if (op.getGain())
      matmul.gain = places.lookup(op.getGain());
    if (op.getAddend())
      matmul.beta = 1;
    entry.commands.push_back({name, matmul});
    return checkAlpha(op, matmul.alpha);
  }

  void placeConstants() {
    for (const std::vector<float> &constant : target.getConstants()) {
      uint64_t bytes = constant.size() * sizeof(float);
      const char *data = reinterpret_cast<const char *>(constant.data());
      program.constants.insert(program.constants.end(), data, data + bytes);
      program.constants.resize(
          llvm::alignTo(program.constants.size(), kBufferAlignment));
    }
  }

  ModuleOp module;
  SymbolTableCollection symbols;
  KernelTarget &target;
  Plan &plan;
  PlanProgram &program;
  ModelSizes sizes;
  llvm::StringMap<unsigned> parameterIndex;
  llvm::StringMap<PlanBuffer> computeBuffers, cacheBuffers;
  llvm::DenseMap<Value, PlanBuffer> places;
  PlanBuffer tokens, targets, starts, optimizer;
  PlanBuffer microTokens, microTargets, microStarts; ///< of a part of a step
  PlanBuffer lastTokens, lastStarts;                 ///< of what is decoded
  PlanBuffer targetCount; ///< of the whole step, for its parts
  uint64_t arenaBase = 0; ///< where the entry point's own values begin
};

} // namespace

static MemoryFacts getMemoryFacts(const Plan &plan,
                                  const PlanProgram &program) {
  MemoryFacts facts;
  facts.parameters = plan.parameterBytes;
  facts.trainable = plan.trainableBytes;
  facts.arena = program.arenaBytes;
  for (const PlanEntryPoint &entry : program.entryPoints)
    if (entry.name == "train_step")
      facts.activations = entry.activationBytes;
  facts.io = plan.ioBytes;
  facts.constants = program.constants.size();
  facts.tokens = uint64_t(plan.batch) * plan.sequence;
  facts.documents = plan.documents;
  facts.caches = plan.cacheBytes;
  return facts;
}

SessionMemory lns::getSessionMemory(const Plan &plan, uint32_t threads) {
  MemoryFacts facts = getMemoryFacts(plan, plan);
  for (const cpu::KernelInfo &kernel : plan.kernels)
    facts.scratch = std::max(facts.scratch, kernel.scratchBytes);
  return getSessionMemory(facts, threads);
}

SessionMemory lns::getCudaSessionMemory(const Plan &plan) {
  MemoryFacts facts = getMemoryFacts(plan, *plan.cuda);
  facts.scratch = plan.cuda->scratchBytes;
  facts.compute = plan.cuda->computeBytes;
  bool hasProducts = false;
  for (const PlanEntryPoint &entry : plan.cuda->entryPoints)
    for (const PlanCommand &command : entry.commands)
      if (const auto *ways = std::get_if<PlanAlternatives>(&command.body))
        for (const PlanAlternative &option : ways->options)
          hasProducts |=
              llvm::any_of(option.commands, [](const PlanCommand &command) {
                return std::holds_alternative<PlanMatmul>(command.body);
              });
  return getCudaSessionMemory(facts, hasProducts);
}

LogicalResult lns::buildPlan(ModuleOp module, cpu::KernelLowering &kernels,
                             Plan &plan) {
  for (auto weight : module.getOps<ComputeWeightOp>())
    return weight.emitOpError("is kept for CUDA alone; compile without "
                              "'lns-keep-weights'");
  PlanBuilder builder(module, kernels, plan, plan);
  if (failed(builder.run()))
    return failure();
  plan.kernels.assign(kernels.getKernels().begin(), kernels.getKernels().end());
  for (auto [i, kernel] : llvm::enumerate(plan.kernels))
    if (Operation *user = builder.users.lookup(i);
        user && failed(checkCpuScratch(user, kernel.scratchBytes)))
      return failure();
  return success();
}

LogicalResult lns::buildCudaPlan(ModuleOp module, cuda::KernelLowering &kernels,
                                 Plan &plan) {
  PlanCuda &program = plan.cuda.emplace();
  PlanBuilder builder(module, kernels, plan, program);
  if (failed(builder.run()))
    return failure();
  program.computeBytes = builder.computeBytes;
  program.kernels.assign(kernels.getKernels().begin(),
                         kernels.getKernels().end());
  program.headers = cuda::getIncludedHeaders(program.kernels);
  program.scratchBytes = kernels.getScratchBytes();
  return success();
}
