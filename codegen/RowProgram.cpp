//===- RowProgram.cpp - Row ops that make one kernel ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/RowProgram.h"
#include "codegen/KernelKey.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace lns;

/// Finds the rank, width and rows that the program works on: those of its
/// values of the highest rank.
static void findRowSpace(RowProgram &program) {
  RankedTensorType full;
  for (Operation *product : program.products)
    full = cast<RankedTensorType>(product->getResult(0).getType());
  for (Operation *op : program.ops) {
    RankedTensorType type = wholeRowsType(op);
    if (!full || type.getRank() > full.getRank())
      full = type;
  }
  program.rank = full.getRank();
  for (int64_t extent : full.getShape().drop_back(full.getRank() > 0 ? 1 : 0))
    program.rows *= extent;
  program.width = full.getRank() > 0 ? full.getShape().back() : 1;
  program.time = full.getRank() > 1 ? full.getShape()[full.getRank() - 2] : 1;
  if (full.getRank() == 4) {
    program.time = full.getShape()[1];
    program.rowsPerTime = full.getShape()[2];
  }
}

/// Tables of cos and sin of t * frequency for all times, in double until the
/// last step.
static std::pair<unsigned, unsigned> getTables(RopeOp op, int64_t times,
                                               ConstantNumber getConstant) {
  SmallVector<double> frequencies = op.getAngularFrequencies();
  std::string key = std::to_string(times);
  llvm::raw_string_ostream stream(key);
  for (double frequency : frequencies)
    stream << " " << llvm::format("%a", frequency);
  auto make = [&](double (*function)(double)) {
    std::vector<float> table;
    for (int64_t t = 0; t < times; ++t)
      for (double frequency : frequencies)
        table.push_back(function(double(t) * frequency));
    return table;
  };
  unsigned cosines = getConstant("cos " + key, [&] { return make(std::cos); });
  unsigned sines = getConstant("sin " + key, [&] { return make(std::sin); });
  return {cosines, sines};
}

/// Whether the emitter knows the op, in the place that it has.
static LogicalResult checkRowOp(Operation *op, const RowProgram &program) {
  auto rowOp = dyn_cast<RowOpInterface>(op);
  bool known = rowOp && (rowOp.isRowSum() || rowOp.worksOnNumbers() ||
                         !program.isRowScalar(op->getResult(0)));
  if (known)
    return success();
  return op->emitOpError() << "has no place in a row kernel over rows of "
                           << program.width << " columns";
}

/// Fills in what follows from `ops`, and checks them.
static LogicalResult finishProgram(Operation *op, RowProgram &program,
                                   ConstantNumber getConstant) {
  if (program.ops.empty() && program.products.empty())
    return op->emitOpError("has no row ops, so there is nothing to compute");
  findRowSpace(program);

  for (Operation *inner : program.ops) {
    if (failed(checkRowOp(inner, program)))
      return failure();
    program.firstFloat[inner] = program.floats.size();
    for (const LaunchFloat &argument : getLaunchFloats(inner))
      program.floats.push_back(argument.value);
    auto rowOp = cast<RowOpInterface>(inner);
    program.needsTime |= rowOp.getRotatedHeadDim() != 0 ||
                         rowOp.hasOperand(RowOperand::positions);
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
    // Documents that began before the rows have later positions.
    int64_t positions = rope.getPositions().value_or(program.time);
    program.tables[inner] = getTables(rope, positions, getConstant);
  }
  return success();
}

FailureOr<RowProgram> lns::buildRowProgram(Operation *op,
                                           ConstantNumber getConstant) {
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
  if (failed(finishProgram(op, program, getConstant)))
    return failure();
  return program;
}

FailureOr<RowProgram> lns::buildEpilogueProgram(ClusterOp cluster,
                                                const ClusterMember &member,
                                                ConstantNumber getConstant) {
  RowProgram program;
  Block &body = cluster.getBody().front();
  program.products = member.products;
  SmallVector<Operation *> additions;
  if (member.isSum()) {
    SmallVector<Value> terms;
    for (Operation *product : member.products)
      terms.push_back(product->getResult(0));
    program.products = {findSum(terms, &additions).getDefiningOp()};
  }
  for (Operation *product : program.products) {
    program.inputs.push_back(product->getResult(0));
    program.outerInputs.push_back(Value());
  }
  for (Operation *op : member.rowOps)
    if (!llvm::is_contained(additions, op))
      program.ops.push_back(op);
  // An operand that is a result, too, is the first member's.
  bool isFirst = member.products.front() == cluster.getProducts().front();
  for (BlockArgument argument : body.getArguments()) {
    // What only products read, or other members, is no input.
    bool isRead = llvm::any_of(argument.getUsers(), [&](Operation *user) {
      return llvm::is_contained(program.ops, user) ||
             (isFirst && isa<YieldOp>(user));
    });
    if (!isRead)
      continue;
    program.inputs.push_back(argument);
    program.outerInputs.push_back(cluster.getInputs()[argument.getArgNumber()]);
  }
  for (auto [yielded, result] :
       llvm::zip(body.getTerminator()->getOperands(), cluster.getResults())) {
    Operation *op = yielded.getDefiningOp();
    if (op ? !llvm::is_contained(program.products, op) &&
                 !llvm::is_contained(program.ops, op)
           : !isFirst)
      continue;
    program.outputs.push_back(yielded);
    program.outerOutputs.push_back(result);
  }
  if (failed(finishProgram(cluster, program, getConstant)))
    return failure();
  return program;
}

std::string lns::getStructuralKey(const RowProgram &program) {
  std::string key;
  llvm::raw_string_ostream stream(key);
  stream << "w" << program.width << " r" << program.rank;
  if (program.needsTime)
    stream << " t" << program.time << "x" << program.rowsPerTime;
  // All other extents follow: rows are as wide as the program, and how many
  // there are is an argument.
  auto describe = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    stream << type.getElementType() << type.getRank() << ",";
  };
  llvm::DenseMap<Value, unsigned> numbers;
  auto number = [&](Value value) {
    return numbers.try_emplace(value, numbers.size()).first->second;
  };
  for (Value input : program.inputs) {
    stream << " i" << number(input) << ":";
    describe(input);
  }
  for (Operation *op : program.ops) {
    stream << " " << getKernelKey(op, KeyExtents::none) << "(";
    for (Value operand : op->getOperands())
      stream << number(operand) << ",";
    stream << ")";
    for (Value result : op->getResults()) {
      stream << number(result) << ":";
      describe(result);
    }
  }
  for (Value output : program.outputs)
    stream << " o" << number(output);
  return key;
}

bool RowProgram::isOutput(Value value) const {
  return llvm::is_contained(outputs, value);
}

bool RowProgram::isProductResult(Value value) const {
  return llvm::is_contained(products, value.getDefiningOp());
}

bool RowProgram::isScalarInput(Value input) const {
  if (!isRowScalar(input) || isStarts(input))
    return false;
  return isOutput(input) || llvm::any_of(ops, [&](Operation *op) {
           return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
             return operand.get() == input && !isSharedByRows(operand);
           });
         });
}

bool RowProgram::isReadAs(Value value, RowOperand kind) const {
  return llvm::any_of(ops, [&](Operation *op) {
    return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
      return operand.get() == value && cast<RowOpInterface>(op).getRowOperand(
                                           operand.getOperandNumber()) == kind;
    });
  });
}

bool RowProgram::isTable(Value value) const {
  return isReadAs(value, RowOperand::positions);
}

bool RowProgram::isScalar(Value value) const {
  return isReadAs(value, RowOperand::scalar);
}

bool RowProgram::isStarts(Value value) const {
  return isReadAs(value, RowOperand::starts);
}

Value RowProgram::getStarts(Operation *op) {
  auto rowOp = cast<RowOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands())
    if (rowOp.getRowOperand(operand.getOperandNumber()) == RowOperand::starts)
      return operand.get();
  return Value();
}

/// Whether the op is the last of a norm: x * rstd(x), or (gain * x) * rstd(x).
/// The adjoint of a norm scales by rows before columns, and an eliminated one
/// scales rows of something else than the x of its rstd.
static bool endsNorm(const RowProgram &program, RowScaleOp op) {
  auto isInside = [&](Operation *other) {
    return other && llvm::is_contained(program.ops, other);
  };
  auto columns = op.getInput().getDefiningOp<ScaleColumnsOp>();
  if (columns && isInside(columns))
    return true;
  auto rstd = op.getFactors().getDefiningOp<RowRstdOp>();
  return rstd && isInside(rstd) && rstd.getInput() == op.getInput();
}

bool lns::writesNorm(const RowProgram &program) {
  for (Operation *op : program.ops) {
    auto rowScale = dyn_cast<RowScaleOp>(op);
    if (!rowScale || !endsNorm(program, rowScale))
      continue;
    llvm::SmallVector<Value> values = {rowScale.getResult()};
    while (!values.empty()) {
      Value value = values.pop_back_val();
      if (program.isOutput(value))
        return true;
      for (Operation *user : value.getUsers())
        if (isa<CastOp, AddBiasOp>(user))
          values.push_back(user->getResult(0));
    }
  }
  return false;
}

std::string lns::getSourceText(const RowProgram &program) {
  std::string text;
  for (auto [i, op] : llvm::enumerate(program.ops))
    (text += i ? ", " : "") += op->getName().stripDialect();
  return text;
}

std::string lns::getSymbolHint(const RowProgram &program) {
  std::string hint;
  for (auto [i, op] : llvm::enumerate(ArrayRef(program.ops).take_front(3)))
    (hint += i ? "_" : "") += op->getName().stripDialect();
  if (program.ops.size() > 3)
    hint += "_etc";
  return hint;
}

bool RowPhases::isReduction(Operation *op) {
  return cast<RowOpInterface>(op).isReduction();
}

RowPhases::RowPhases(const RowProgram &program) {
  for (Operation *op : program.ops) {
    int phase = 0;
    for (Value operand : op->getOperands())
      phase = std::max(phase, of(operand));
    if (isReduction(op)) {
      reductions.push_back({op, phase});
      last = std::max(last, phase++);
    }
    for (Value result : op->getResults())
      phases[result] = phase;
  }
  for (Value output : program.outputs)
    last = std::max(last, of(output));
}

SmallVector<Operation *> RowPhases::reductionsIn(int phase) const {
  SmallVector<Operation *> found;
  for (auto &[op, at] : reductions)
    if (at == phase)
      found.push_back(op);
  return found;
}
