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
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

namespace {

constexpr double kGelu = 2 * 0.79788456080286536; // 2 sqrt(2/pi)

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
    b.loop(frame.begin, frame.end, 1, [&](Value item) {
      row = item;
      time = program.needsTime ? b.remI(row, program.time) : Value();
      for (Value input : program.inputs)
        if (program.isScalarInput(input))
          rowScalars[input] = b.load(inputBuffers[input], row);
      for (int phase = 0; phase <= phases.last; ++phase)
        emitPhase(phase);
    });
  }

private:
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
      if (std::optional<Activation> activation = getActivation(op))
        if (*activation != Activation::relu)
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
    Value x = column(op->getOperand(0), c);
    if (isa<CenterRowsOp>(op))
      return b.add(acc, c.lanes == kLanes ? x : b.padWithZeros(x));
    Value y = isa<RowDotOp>(op) ? column(op->getOperand(1), c) : x;
    if (c.lanes == kLanes)
      return b.fma(x, y, acc);
    return b.add(acc, b.padWithZeros(b.mul(x, y)));
  }

  Value finish(Operation *op, Value sum) {
    if (isa<RowDotOp>(op))
      return sum;
    Value mean = b.mul(sum, b.real(1.0 / program.width));
    if (isa<CenterRowsOp>(op))
      return mean;
    return b.div(b.real(1.0), b.sqrt(b.add(mean, floatOf(op, 0))));
  }

  /// An elementwise op on numbers per row.
  Value scalarOp(Operation *op) {
    auto operand = [&](unsigned i) { return rowScalars[op->getOperand(i)]; };
    return TypeSwitch<Operation *, Value>(op)
        .Case<AddOp>([&](auto) { return b.add(operand(0), operand(1)); })
        .Case<ScaleOp>([&](auto) { return b.mul(floatOf(op, 0), operand(0)); })
        .Case<CastOp>([&](auto) { return operand(0); })
        .Case<ResidualOp>([&](auto) {
          return b.add(b.mul(floatOf(op, 0), operand(0)),
                       b.mul(floatOf(op, 1), operand(1)));
        })
        .Default([](Operation *) -> Value {
          llvm_unreachable("checked by checkRowOp");
        });
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

  Value factor(Value value, Column &c) {
    return b.broadcast(rowScalars[value], c.lanes);
  }
  Value factor(Operation *op, unsigned i, Column &c) {
    return b.broadcast(floatOf(op, i), c.lanes);
  }

  /// A gain or bias.
  Value shared(Value value, Column &c) {
    // A vector that spans whole rows too (rank 1) has a row buffer.
    Value buffer = inputBuffers.lookup(value);
    if (cast<MemRefType>(buffer.getType()).getRank() == 2)
      return b.loadVector(buffer, {b.index(0), c.index}, c.lanes);
    return b.loadVector(buffer, c.index, c.lanes);
  }

  Value columnOp(OpResult result, Column &c) {
    Operation *op = result.getOwner();
    auto at = [&](unsigned i) { return column(op->getOperand(i), c); };
    return TypeSwitch<Operation *, Value>(op)
        .Case<AddOp>([&](auto) { return b.add(at(0), at(1)); })
        .Case<ScaleOp>([&](auto) { return b.mul(factor(op, 0, c), at(0)); })
        .Case<CastOp>([&](auto) { return at(0); })
        .Case<ResidualOp>([&](auto) {
          return b.fma(factor(op, 0, c), at(0), b.mul(factor(op, 1, c), at(1)));
        })
        .Case<RowScaleOp>([&](RowScaleOp op) {
          return b.mul(at(0), factor(op.getFactors(), c));
        })
        .Case<ScaleColumnsOp>([&](ScaleColumnsOp op) {
          Value scale = factor(op, 0, c);
          if (op.getGain())
            scale = b.mul(scale, shared(op.getGain(), c));
          return b.mul(scale, at(0));
        })
        .Case<AddBiasOp>([&](AddBiasOp op) {
          return b.fma(factor(op, 0, c), shared(op.getBias(), c), at(0));
        })
        .Case<AddPositionsOp>([&](AddPositionsOp op) {
          return b.add(at(0), b.loadVector(inputBuffers.lookup(op.getTable()),
                                           {time, c.index}, c.lanes));
        })
        .Case<CenterRowsOp>([&](CenterRowsOp op) {
          return b.sub(at(0), factor(op.getResult(), c)); // the row's mean
        })
        .Case<RowRstdGradOp>([&](RowRstdGradOp op) {
          Value r = rowScalars[op.getRstd()];
          Value power = b.mul(r, r);
          if (!op.getRelative())
            power = b.mul(power, r);
          Value scale = b.mul(b.mul(power, rowScalars[op.getGrad()]),
                              b.real(-1.0 / program.width));
          return b.mul(b.broadcast(scale, c.lanes), at(0));
        })
        .Case<RopeOp>([&](RopeOp op) { return rotate(op, c); })
        .Case<ActivationOp>([&](ActivationOp op) {
          return activate(op.getActivation(), at(0), c).value;
        })
        .Case<ActivationGradOp>([&](ActivationGradOp op) {
          return b.mul(at(0), slope(activate(op.getActivation(), at(1), c), c));
        })
        .Case<GatedActivationOp>([&](GatedActivationOp op) {
          return b.mul(activate(op.getActivation(), at(0), c).value, at(1));
        })
        .Case<GatedActivationGradOp>(
            [&](auto grad) { return gatedGrad(grad, result, c); })
        .Default([](Operation *) -> Value {
          llvm_unreachable("checked by checkRowOp");
        });
  }

  Value rotate(RopeOp op, Column &c) {
    auto [cosines, sines] = tables.lookup(op);
    Value cos = b.loadVector(cosines, {time, c.tableIndex}, c.lanes);
    Value sin = b.loadVector(sines, {time, c.tableIndex}, c.lanes);
    Value own = column(op.getInput(), c);
    Value other = column(op.getInput(), *c.partner);
    // first: a cos - b sin, second: b cos + a sin; backwards sin changes sign.
    bool negative = c.secondHalf == op.getInverse();
    return b.fma(negative ? b.neg(other) : other, sin, b.mul(own, cos));
  }

  /// act(x), and what its derivative is made of.
  struct Activated {
    Activation activation;
    Value x, value;
    Value gate; // what multiplies x; relu has none
  };

  /// All but relu are x * sigmoid(v) with v = x (silu) or, as
  /// (1 + tanh(u)) / 2 = sigmoid(2u), v = 2 sqrt(2/pi) (x + 0.044715 x^3).
  Activated activate(Activation activation, Value x, Column &c) {
    auto splat = [&](double value) { return b.splat(value, c.lanes); };
    // Not a number stays so: it is the second operand.
    if (activation == Activation::relu)
      return {activation, x, b.max(splat(0), x), Value()};
    Value v = x;
    if (activation == Activation::gelu_tanh)
      v = b.mul(x, b.fma(b.mul(x, x), splat(0.044715 * kGelu), splat(kGelu)));
    Value gate = b.sigmoid(v);
    return {activation, x, b.mul(x, gate), gate};
  }

  /// With s = sigmoid(v(x)): d (x s) = s (1 + x (1 - s) v').
  Value slope(const Activated &a, Column &c) {
    auto splat = [&](double value) { return b.splat(value, c.lanes); };
    if (a.activation == Activation::relu)
      return b.select(b.greater(a.x, splat(0)), splat(1), splat(0));
    Value rise = a.x;
    if (a.activation == Activation::gelu_tanh)
      rise = b.mul(rise, b.fma(b.mul(a.x, a.x), splat(3 * 0.044715 * kGelu),
                               splat(kGelu)));
    return b.mul(a.gate, b.fma(rise, b.sub(splat(1), a.gate), splat(1)));
  }

  /// Both results share the activation.
  Value gatedGrad(GatedActivationGradOp op, OpResult wanted, Column &c) {
    Value grad = column(op.getGrad(), c), gate = column(op.getGate(), c),
          up = column(op.getUp(), c);
    Activated a = activate(op.getActivation(), gate, c);
    c.known[op.getGateGrad()] =
        asStored(op.getGateGrad(), b.mul(b.mul(grad, up), slope(a, c)));
    c.known[op.getUpGrad()] = asStored(op.getUpGrad(), b.mul(grad, a.value));
    return c.known[wanted];
  }

  CodeBuilder &b;
  KernelFrame &frame;
  const RowProgram &program;
  llvm::DenseMap<Value, Value> inputBuffers;
  SmallVector<std::pair<Value, Value>> outputBuffers;
  llvm::DenseMap<Operation *, std::pair<Value, Value>> tables;
  RowPhases phases;

  // Of the row that is being emitted.
  Value row, time;
  llvm::DenseMap<Value, Value> rowScalars; // numbers per row known so far
  llvm::DenseMap<Value, Value> storedIn;   // outputs of earlier phases
};

} // namespace

void cpu::emitRowProgram(CodeBuilder &code, KernelFrame &frame,
                         const RowProgram &program) {
  RowEmitter(code, frame, program).emit();
}
