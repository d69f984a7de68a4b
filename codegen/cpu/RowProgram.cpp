//===- RowProgram.cpp - Row ops that make one kernel ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/RowProgram.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

/// The op's scale factors, as the emitter expects them.
static SmallVector<double> getScales(Operation *op) {
  using Scales = SmallVector<double>;
  return TypeSwitch<Operation *, Scales>(op)
      .Case<ResidualOp>([](auto op) {
        return Scales{op.getSkipScale().convertToDouble(),
                      op.getBranchScale().convertToDouble()};
      })
      .Case<ScaleOp>(
          [](auto op) { return Scales{op.getFactor().convertToDouble()}; })
      .Case<ScaleColumnsOp, AddBiasOp>(
          [](auto op) { return Scales{op.getScale().convertToDouble()}; })
      .Case<RowRstdOp>(
          [](auto op) { return Scales{op.getEps().convertToDouble()}; })
      .Default([](Operation *) { return Scales(); });
}

/// Finds the rank, width and rows that the program works on: those of its
/// values of the highest rank.
static void findRowSpace(RowProgram &program) {
  RankedTensorType full;
  for (Operation *op : program.ops) {
    RankedTensorType type = wholeRowsType(op);
    if (!full || type.getRank() > full.getRank())
      full = type;
  }
  program.rank = full.getRank();
  program.rows = getRows(full);
  program.width = full.getRank() > 0 ? full.getShape().back() : 1;
  program.time = full.getRank() > 1 ? full.getShape()[full.getRank() - 2] : 1;
}

/// Tables of cos and sin of t * frequency for all times, in double until the
/// last step.
static std::pair<unsigned, unsigned> getTables(RopeOp op, int64_t time,
                                               KernelSet &set) {
  SmallVector<double> frequencies = op.getAngularFrequencies();
  std::string key = std::to_string(time);
  llvm::raw_string_ostream stream(key);
  for (double frequency : frequencies)
    stream << " " << llvm::format("%a", frequency);
  auto make = [&](double (*function)(double)) {
    std::vector<float> table;
    for (int64_t t = 0; t < time; ++t)
      for (double frequency : frequencies)
        table.push_back(function(double(t) * frequency));
    return table;
  };
  unsigned cosines =
      set.getConstant("cos " + key, [&] { return make(std::cos); });
  unsigned sines =
      set.getConstant("sin " + key, [&] { return make(std::sin); });
  return {cosines, sines};
}

/// Whether the emitter knows the op, in the place that it has.
static LogicalResult checkRowOp(Operation *op, const RowProgram &program) {
  bool known =
      isa<AddOp, ScaleOp, ResidualOp, RowScaleOp, ScaleColumnsOp, AddBiasOp,
          AddPositionsOp, CenterRowsOp, RowRstdOp, RowRstdGradOp, RowDotOp,
          RopeOp, ActivationOp, ActivationGradOp, GatedActivationOp,
          GatedActivationGradOp, CastOp>(op);
  if (known && !isa<RowRstdOp, RowDotOp>(op) &&
      program.isRowScalar(op->getResult(0)))
    known = isa<AddOp, ScaleOp, ResidualOp, CastOp>(op);
  if (known)
    return success();
  return op->emitOpError() << "has no place in a row kernel over rows of "
                           << program.width << " columns";
}

FailureOr<RowProgram> cpu::buildRowProgram(Operation *op, KernelSet &set) {
  RowProgram program;
  if (auto cluster = dyn_cast<ClusterOp>(op)) {
    Block &body = cluster.getBody().front();
    if (!cluster.getProducts().empty())
      return op->emitOpError("holds a product, but CPU kernels hold row ops "
                             "only; compile without 'lns-fuse-products'");
    for (Operation &inner : body.without_terminator())
      program.ops.push_back(&inner);
    llvm::append_range(program.inputs, body.getArguments());
    llvm::append_range(program.outputs, body.getTerminator()->getOperands());
    llvm::append_range(program.outerInputs, op->getOperands());
  } else {
    program.ops.push_back(op);
    // One buffer for a value that is several operands.
    llvm::SetVector<Value> inputs(op->operand_begin(), op->operand_end());
    program.inputs = inputs.takeVector();
    program.outerInputs = program.inputs;
    llvm::append_range(program.outputs, op->getResults());
  }
  llvm::append_range(program.outerOutputs, op->getResults());
  if (program.ops.empty())
    return op->emitOpError("has no ops, so there is nothing to compute");
  findRowSpace(program);

  for (Operation *inner : program.ops) {
    if (failed(checkRowOp(inner, program)))
      return failure();
    program.firstFloat[inner] = program.floats.size();
    for (double scale : getScales(inner))
      program.floats.push_back(scale);
    program.needsTime |= isa<RopeOp, AddPositionsOp>(inner);
    auto rope = dyn_cast<RopeOp>(inner);
    if (!rope)
      continue;
    int64_t headDim = rope.getHeadDim();
    if (program.headDim != 0 && program.headDim != headDim)
      return rope.emitOpError()
             << "rotates heads of " << headDim << " columns, but another "
             << "rotation of its cluster rotates heads of " << program.headDim
             << "; they need clusters of their own";
    program.headDim = headDim;
    program.tables[inner] = getTables(rope, program.time, set);
  }
  return program;
}

std::optional<Activation> cpu::getActivation(Operation *op) {
  return TypeSwitch<Operation *, std::optional<Activation>>(op)
      .Case<ActivationOp, ActivationGradOp, GatedActivationOp,
            GatedActivationGradOp>([](auto op) { return op.getActivation(); })
      .Default([](Operation *) { return std::nullopt; });
}

std::string cpu::getStructuralKey(const RowProgram &program) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << "w" << program.width << " r" << program.rank;
  if (program.needsTime)
    stream << " t" << program.time;
  llvm::DenseMap<Value, unsigned> numbers;
  auto number = [&](Value value) {
    return numbers.try_emplace(value, numbers.size()).first->second;
  };
  for (Value input : program.inputs) {
    number(input);
    stream << " i" << cast<RankedTensorType>(input.getType()).getRank();
  }
  for (Operation *op : program.ops) {
    stream << " " << op->getName().stripDialect() << "(";
    // An absent gain has no operand, so the count tells it apart.
    for (Value operand : op->getOperands())
      stream << number(operand) << ",";
    if (auto rope = dyn_cast<RopeOp>(op))
      stream << rope.getHeadDim() << (rope.getInverse() ? " inverse" : "");
    if (std::optional<Activation> activation = getActivation(op))
      stream << stringifyActivation(*activation);
    if (auto grad = dyn_cast<RowRstdGradOp>(op))
      stream << (grad.getRelative() ? "relative" : "");
    stream << ")";
    for (Value result : op->getResults())
      stream << number(result) << ",";
  }
  for (Value output : program.outputs)
    stream << " o" << number(output);
  return key;
}

bool RowProgram::isTable(Value value) const {
  return llvm::any_of(ops, [&](Operation *op) {
    auto positions = dyn_cast<AddPositionsOp>(op);
    return positions && positions.getTable() == value;
  });
}

bool cpu::computesNorm(const RowProgram &program) {
  // The adjoint of a norm scales by rows before columns; only the norm itself
  // does it in this order.
  for (Operation *op : program.ops)
    if (auto rowScale = dyn_cast<RowScaleOp>(op))
      if (auto columns = rowScale.getInput().getDefiningOp<ScaleColumnsOp>())
        if (llvm::is_contained(program.ops, columns.getOperation()))
          return true;
  return false;
}

LogicalResult cpu::lowerRowOps(Operation *op, KernelSet &set,
                               Launches &launches) {
  FailureOr<RowProgram> built = buildRowProgram(op, set);
  if (failed(built))
    return failure();
  RowProgram &program = *built;

  KernelSpec spec;
  spec.kind = "row";
  spec.key = getStructuralKey(program);
  for (auto [i, inner] : llvm::enumerate(program.ops)) {
    StringRef name = inner->getName().stripDialect();
    if (i < 3)
      (spec.hint += i ? "_" : "") += name;
    (spec.source += i ? ", " : "") += name;
  }
  if (program.ops.size() > 3)
    spec.hint += "_etc";
  Type f32 = Float32Type::get(op->getContext());
  auto bufferOf = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    Type element = type.getElementType();
    bool hasColumns = type.getRank() == program.rank || program.isTable(value);
    return hasColumns ? rowBuffer(element, program.width) : flatBuffer(element);
  };
  LaunchBuilder launch;
  for (auto [inner, outer] : llvm::zip(program.inputs, program.outerInputs)) {
    spec.buffers.push_back(bufferOf(inner));
    launch.value(outer);
  }
  for (auto [inner, outer] : llvm::zip(program.outputs, program.outerOutputs)) {
    spec.buffers.push_back(bufferOf(inner));
    launch.value(outer);
  }
  for (auto &[rope, tables] : program.tables) {
    spec.buffers.append(2, rowBuffer(f32, program.headDim / 2));
    launch.constant(tables.first).constant(tables.second);
  }
  spec.floats = program.floats.size();
  spec.isNorm = computesNorm(program);
  launch.launch.kernel = set.getKernel(
      spec, op->getLoc(), [&](CodeBuilder &code, KernelFrame &frame) {
        emitRowProgram(code, frame, program);
      });
  launch.launch.floats = program.floats;
  launch.launch.items = program.rows;
  launches.push_back(std::move(launch.launch));
  return success();
}
