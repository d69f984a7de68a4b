//===- RowEmitter.cpp - Code of row kernels, pulled from the outputs ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A row kernel walks over rows. Within a row it asks for values column vector
// by column vector: `column(value, c)` emits the code that computes `value` at
// columns [c, c + lanes), recursively and at most once per place. Elementwise
// producers are so computed where they are used and never stored, unless they
// are outputs.
//
// Each phase is one loop over the columns; an output is stored in the first
// phase that has what it needs, and later phases read it back.
//
// All of it is f32. A bf16 value that is an output is rounded when it is
// computed and used as it is stored, so that a row's statistics are those of
// the row that other kernels read; one that stays inside is not rounded.
//
// A rotation reads two columns half a head apart. With one inside, the loop
// goes over heads and half heads, and both columns are evaluated together.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/RowEmitter.h"

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

namespace {

/// Columns [index, index + lanes) of the current row and what is known there.
struct Column {
  Column(Value index, int64_t lanes, Value tableIndex = Value())
      : index(index), lanes(lanes), tableIndex(tableIndex) {}

  Value index;
  int64_t lanes;
  Value tableIndex;          // place in its half head, for rotations
  Column *partner = nullptr; // the other half's column
  bool secondHalf = false;
  llvm::DenseMap<Value, Value> known;
};

class RowEmitter {
public:
  RowEmitter(CodeBuilder &b, KernelFrame &frame, const RowProgram &program)
      : b(b), frame(frame), program(program), phases(program) {
    unsigned next = 0;
    for (Value input : program.inputs)
      inputBuffers[input] = frame.buffers[next++];
    for (Value output : program.outputs)
      outputBuffers.push_back({output, frame.buffers[next++]});
    for (auto &entry : program.tables) {
      tables[entry.first] = {frame.buffers[next], frame.buffers[next + 1]};
      next += 2;
    }
  }

  void emit() {
    for (Value input : program.inputs)
      if (program.isScalar(input))
        scalars[input] = loadScalar(inputBuffers[input]);
    b.loop(frame.begin, frame.end, 1, [&](Value item) {
      row = item;
      if (program.needsTime)
        findTimes();
      for (Value input : program.inputs)
        if (program.isScalarInput(input))
          rowScalars[input] = b.load(inputBuffers[input], row);
      for (int phase = 0; phase <= phases.last; ++phase)
        emitPhase(phase);
    });
  }

private:
  /// The row's time, and how long that is after the start of its document.
  void findTimes() {
    Value all =
        program.rowsPerTime == 1 ? row : b.divI(row, program.rowsPerTime);
    times[Value()] = b.remI(all, program.time);
    for (Value input : program.inputs)
      if (program.isStarts(input))
        times[input] =
            b.subI(times[Value()], b.loadIndex(inputBuffers[input], all));
  }
  Value timeOf(Operation *op) const {
    return times.lookup(RowProgram::getStarts(op));
  }

  //===--- Phases ---------------------------------------------------------===//

  void emitPhase(int phase) {
    // Numbers per row that are known before the loop.
    for (Operation *op : program.ops)
      if (!RowPhases::isReduction(op) &&
          program.isRowScalar(op->getResult(0)) &&
          phases.of(op->getResult(0)) == phase)
        rowScalars[op->getResult(0)] = asStored(op->getResult(0), scalarOp(op));
    for (auto &[value, buffer] : outputBuffers)
      if (program.isRowScalar(value) && phases.of(value) == phase)
        b.store(rowScalars[value], buffer, row);

    SmallVector<Operation *> reduced = phases.reductionsIn(phase);
    SmallVector<std::pair<Value, Value>> stored;
    for (auto &[value, buffer] : outputBuffers)
      if (!program.isRowScalar(value) && phases.of(value) == phase)
        stored.push_back({value, buffer});
    if (reduced.empty() && stored.empty())
      return;
    emitColumns(reduced, stored);
    // From here on a stored value is read back instead of computed again.
    for (auto &[value, buffer] : stored)
      storedIn.try_emplace(value, buffer);
  }

  //===--- Loops over columns ---------------------------------------------===//

  /// How many vectors an iteration handles: several accumulators hide the
  /// latency of additions, while exponentials have work enough.
  int64_t getUnroll(bool reduces) {
    for (Operation *op : program.ops)
      if (cast<RowOpInterface>(op)
              .getElementProgram(program.width)
              .isTranscendental())
        return 1;
    return reduces ? 4 : 2;
  }

  void emitColumns(ArrayRef<Operation *> reduced,
                   ArrayRef<std::pair<Value, Value>> stored) {
    int64_t unroll = getUnroll(!reduced.empty());
    // Accumulators: one group of `reduced.size()` per unrolled place.
    SmallVector<Value> accs;
    if (!reduced.empty())
      accs.assign(unroll * reduced.size(), b.splat(0.0));
    // Everything is computed before anything is stored: a store might, for
    // all that the compiler knows, change what is loaded after it.
    auto visit = [&](ArrayRef<Column *> columns, MutableArrayRef<Value> group) {
      SmallVector<Value> values;
      for (Column *column : columns) {
        for (auto &[value, buffer] : stored)
          values.push_back(this->column(value, *column));
        for (auto [op, acc] : llvm::zip(reduced, group))
          acc = accumulate(op, *column, acc);
      }
      for (auto [i, value] : llvm::enumerate(values))
        b.storeVector(value, stored[i % stored.size()].second,
                      {row, columns[i / stored.size()]->index});
    };
    if (program.headDim == 0) {
      emitRange(Value(), program.width, unroll, accs, reduced.size(),
                [&](Value index, int64_t lanes, MutableArrayRef<Value> group) {
                  Column column(index, lanes);
                  visit(&column, group);
                });
    } else {
      int64_t half = program.headDim / 2;
      accs =
          b.loop(b.index(0), b.index(program.width), program.headDim, accs,
                 [&](Value head, ValueRange carried) {
                   SmallVector<Value> inner(carried);
                   emitRange(head, half, unroll, inner, reduced.size(),
                             [&](Value index, int64_t lanes,
                                 MutableArrayRef<Value> group) {
                               Value place = b.subI(index, head);
                               Column first(index, lanes, place);
                               Column second(b.addI(index, half), lanes, place);
                               first.partner = &second;
                               second.partner = &first;
                               second.secondHalf = true;
                               visit({&first, &second}, group);
                             });
                   return inner;
                 });
    }
    for (auto [i, op] : llvm::enumerate(reduced)) {
      Value sum = accs[i];
      for (size_t j = i + reduced.size(); j < accs.size(); j += reduced.size())
        sum = b.add(sum, accs[j]);
      rowScalars[op->getResult(0)] = finish(op, b.sumAcross(sum));
    }
  }

  /// Columns [from, from + width), full vectors first, then the tail. `accs`
  /// become the accumulators after the range.
  void emitRange(
      Value from, int64_t width, int64_t unroll, SmallVector<Value> &accs,
      size_t groupSize,
      llvm::function_ref<void(Value, int64_t, MutableArrayRef<Value>)> body) {
    auto at = [&](int64_t offset) {
      return from ? b.addI(from, offset) : b.index(offset);
    };
    int64_t done = 0;
    for (int64_t step : {unroll * kLanes, kLanes}) {
      int64_t end = done + (width - done) / step * step;
      if (end == done)
        continue;
      accs = b.loop(
          at(done), at(end), step, accs, [&](Value index, ValueRange carried) {
            SmallVector<Value> next(carried);
            for (int64_t i = 0; i < step / kLanes; ++i)
              body(b.addI(index, i * kLanes), kLanes,
                   MutableArrayRef(next).slice(i * groupSize, groupSize));
            return next;
          });
      done = end;
    }
    if (done < width)
      body(at(done), width - done, MutableArrayRef(accs).take_front(groupSize));
  }

  //===--- Reductions and numbers per row ---------------------------------===//

  Value accumulate(Operation *op, Column &c, Value acc) {
    ScalarProgram term = cast<RowOpInterface>(op).getTermProgram(program.width);
    SmallVector<Value> values =
        run(term, op, [&](unsigned i) { return operandAt(op, i, c); }, c.lanes);
    const ScalarStep &last = term.getSteps()[term.getResults()[0]];
    auto get = [&](unsigned step) { return asVector(term, values, step, c); };
    if (c.lanes == kLanes && last.kind == ScalarStep::mul)
      return b.fma(get(last.a), get(last.b), acc);
    Value value = get(term.getResults()[0]);
    return b.add(acc, c.lanes == kLanes ? value : b.padWithZeros(value));
  }

  Value finish(Operation *op, Value sum) {
    ScalarProgram total =
        cast<RowOpInterface>(op).getTotalProgram(program.width);
    return run(total, op, [&](unsigned) { return sum; })[total.getResults()[0]];
  }

  /// An elementwise op on numbers per row.
  Value scalarOp(Operation *op) {
    ScalarProgram element =
        cast<RowOpInterface>(op).getElementProgram(program.width);
    return run(element, op, [&](unsigned i) {
      Value value = op->getOperand(i);
      return cast<RowOpInterface>(op).getRowOperand(i) == RowOperand::scalar
                 ? scalars.lookup(value)
                 : rowScalars[value];
    })[element.getResults()[0]];
  }

  //===--- Scalar programs ------------------------------------------------===//

  /// Emits a program's steps on vectors of `lanes`, or on numbers where that is
  /// 0. What is the same for all columns of a row is computed once, until a
  /// vector meets it.
  SmallVector<Value> run(const ScalarProgram &steps, Operation *op,
                         llvm::function_ref<Value(unsigned)> operand,
                         int64_t lanes = 0) {
    SmallVector<Value> values;
    auto isVector = [&](unsigned i) {
      return values[i] && isa<VectorType>(values[i].getType());
    };
    for (const ScalarStep &step : steps.getSteps()) {
      bool onVectors = false;
      for (unsigned i = 0; i < step.arity(); ++i)
        onVectors |= isVector(step.read(i));
      auto get = [&](unsigned i) -> Value {
        if (!values[i]) {
          double constant = steps.getSteps()[i].value;
          return onVectors ? b.splat(constant, lanes) : b.real(constant);
        }
        return onVectors && !isVector(i) ? b.broadcast(values[i], lanes)
                                         : values[i];
      };
      values.push_back(emitStep(step, op, operand, get, [&] {
        return onVectors ? b.splat(0, lanes) : b.real(0);
      }));
    }
    return values;
  }

  /// Nothing for a constant, which becomes what its reader is.
  Value emitStep(const ScalarStep &step, Operation *op,
                 llvm::function_ref<Value(unsigned)> operand,
                 llvm::function_ref<Value(unsigned)> get,
                 llvm::function_ref<Value()> zero) {
    switch (step.kind) {
    case ScalarStep::operand:
      return operand(step.a);
    case ScalarStep::argument:
      return floatOf(op, step.a);
    case ScalarStep::constant:
      return Value();
    case ScalarStep::add:
      return b.add(get(step.a), get(step.b));
    case ScalarStep::sub:
      return b.sub(get(step.a), get(step.b));
    case ScalarStep::mul:
      return b.mul(get(step.a), get(step.b));
    case ScalarStep::div:
      return b.div(get(step.a), get(step.b));
    case ScalarStep::max:
      return b.max(get(step.a), get(step.b));
    case ScalarStep::fma:
      return b.fma(get(step.a), get(step.b), get(step.c));
    case ScalarStep::sqrt:
      return b.sqrt(get(step.a));
    case ScalarStep::sigmoid:
      return b.sigmoid(get(step.a));
    case ScalarStep::exp:
      return b.exp(get(step.a));
    case ScalarStep::tanh:
      return b.tanh(get(step.a));
    case ScalarStep::erf:
      return b.erf(get(step.a));
    case ScalarStep::positive:
      return b.select(b.greater(get(step.a), zero()), get(step.b), get(step.c));
    }
    llvm_unreachable("all kinds are above");
  }

  Value floatOf(Operation *op, unsigned i) {
    return frame.floats[program.firstFloat.lookup(op) + i];
  }

  //===--- Column vectors -------------------------------------------------===//

  Value column(Value value, Column &c) {
    if (Value known = c.known.lookup(value))
      return known;
    Value result;
    if (Value buffer = storedIn.lookup(value))
      result = b.loadVector(buffer, {row, c.index}, c.lanes);
    else if (Value buffer = inputBuffers.lookup(value))
      result = b.loadVector(buffer, {row, c.index}, c.lanes);
    else
      result = asStored(value, columnOp(cast<OpResult>(value), c));
    c.known[value] = result;
    return result;
  }

  /// `computed`, rounded if `value` is an output of bf16.
  Value asStored(Value value, Value computed) {
    for (auto &[output, buffer] : outputBuffers)
      if (output == value && elementOf(value).isBF16())
        return b.rounded(computed);
    return computed;
  }

  /// A vector that spans whole rows too (rank 1) has a row buffer.
  static bool isRowBuffer(Value buffer) {
    return cast<MemRefType>(buffer.getType()).getRank() == 2;
  }

  /// A gain or bias.
  Value shared(Value value, Column &c) {
    Value buffer = inputBuffers.lookup(value);
    if (isRowBuffer(buffer))
      return b.loadVector(buffer, {b.index(0), c.index}, c.lanes);
    return b.loadVector(buffer, c.index, c.lanes);
  }

  Value loadScalar(Value buffer) {
    Value zero = b.index(0);
    if (isRowBuffer(buffer))
      return b.load(buffer, {zero, zero});
    return b.load(buffer, zero);
  }

  /// Operand `i` of an op on full rows; behind the operands comes the total.
  Value operandAt(Operation *op, unsigned i, Column &c) {
    if (i == op->getNumOperands())
      return rowScalars[op->getResult(0)];
    Value value = op->getOperand(i);
    switch (cast<RowOpInterface>(op).getRowOperand(i)) {
    case RowOperand::row:
      return column(value, c);
    case RowOperand::number:
      return rowScalars[value];
    case RowOperand::columns:
      return shared(value, c);
    case RowOperand::positions:
      return b.loadVector(inputBuffers.lookup(value), {timeOf(op), c.index},
                          c.lanes);
    case RowOperand::scalar:
      return scalars.lookup(value);
    case RowOperand::starts:
      break;
    }
    llvm_unreachable("no program reads starts, and all others are above");
  }

  /// A step's value in every column, also of one that is the same in all.
  Value asVector(const ScalarProgram &steps, ArrayRef<Value> values,
                 unsigned step, Column &c) {
    if (!values[step])
      return b.splat(steps.getSteps()[step].value, c.lanes);
    if (isa<VectorType>(values[step].getType()))
      return values[step];
    return b.broadcast(values[step], c.lanes);
  }

  Value columnOp(OpResult result, Column &c) {
    Operation *op = result.getOwner();
    if (auto rope = dyn_cast<RopeOp>(op))
      return rotate(rope, c);
    ScalarProgram element =
        cast<RowOpInterface>(op).getElementProgram(program.width);
    SmallVector<Value> values = run(
        element, op, [&](unsigned i) { return operandAt(op, i, c); }, c.lanes);
    // Other results of the op are not computed again.
    for (auto [other, step] :
         llvm::zip_equal(op->getResults(), element.getResults()))
      if (other != result)
        c.known.try_emplace(
            other, asStored(other, asVector(element, values, step, c)));
    return asVector(element, values,
                    element.getResults()[result.getResultNumber()], c);
  }

  Value rotate(RopeOp op, Column &c) {
    auto [cosines, sines] = tables.lookup(op);
    Value time = timeOf(op);
    Value cos = b.loadVector(cosines, {time, c.tableIndex}, c.lanes);
    Value sin = b.loadVector(sines, {time, c.tableIndex}, c.lanes);
    Value own = column(op.getInput(), c);
    Value other = column(op.getInput(), *c.partner);
    // first: a cos - b sin, second: b cos + a sin; backwards sin changes sign.
    bool negative = c.secondHalf == op.getInverse();
    return b.fma(negative ? b.neg(other) : other, sin, b.mul(own, cos));
  }

  CodeBuilder &b;
  KernelFrame &frame;
  const RowProgram &program;
  llvm::DenseMap<Value, Value> inputBuffers;
  SmallVector<std::pair<Value, Value>> outputBuffers;
  llvm::DenseMap<Operation *, std::pair<Value, Value>> tables;
  RowPhases phases;

  llvm::DenseMap<Value, Value> scalars; // numbers for all rows

  // Of the row that is being emitted.
  Value row;
  llvm::DenseMap<Value, Value> times;      // from 0 on (null), or from starts
  llvm::DenseMap<Value, Value> rowScalars; // numbers per row known so far
  llvm::DenseMap<Value, Value> storedIn;   // outputs of earlier phases
};

} // namespace

void cpu::emitRowProgram(CodeBuilder &code, KernelFrame &frame,
                         const RowProgram &program) {
  RowEmitter(code, frame, program).emit();
}
