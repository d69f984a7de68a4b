//===- CodeBuilder.h - What kernel emitters write code with -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// An OpBuilder with a location and short names for the operations that kernels
// need. Vectors are rank 1; the usual width is kLanes, and a row's tail is a
// shorter vector, which the backend splits into loads that stay inside the row.
//
// Numbers are f32 once they are loaded, whatever a buffer holds: loads of bf16
// extend, and stores of bf16 round to nearest even. Numbers too small to be
// normal become zero, and NaN stays NaN: what AVX512-BF16 has an instruction
// for, and processors without it compute to the same bits (RoundBf16.cpp).
//
// Floating-point order is explicit: nothing emitted here may be reassociated,
// so a kernel gives the same bits on each run.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_CPU_CODEBUILDER_H
#define LNS_CODEGEN_CPU_CODEBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

namespace lns::cpu {

/// Lanes of a full vector: one AVX-512 register, two of AVX2.
constexpr int64_t kLanes = 16;

/// `value` rounded up to a multiple of `factor`.
constexpr int64_t roundUp(int64_t value, int64_t factor) {
  return (value + factor - 1) / factor * factor;
}

class CodeBuilder : public mlir::OpBuilder {
public:
  using Value = mlir::Value;

  CodeBuilder(mlir::OpBuilder builder, mlir::Location loc)
      : OpBuilder(builder), loc(loc) {}

  // Constants. `real` is a scalar, `splat` a vector of f32.
  Value index(int64_t value);
  Value real(double value);
  Value splat(double value, int64_t lanes = kLanes);

  // Index arithmetic.
  Value addI(Value a, Value b);
  Value addI(Value a, int64_t b);
  Value subI(Value a, Value b);
  Value mulI(Value a, int64_t b);
  Value divI(Value a, int64_t b);
  Value remI(Value a, int64_t b);
  Value minI(Value a, Value b);
  Value maxI(Value a, Value b);
  /// a divided by b, rounded up.
  Value ceilDivI(Value a, int64_t b);

  // Floats, scalars or vectors; both operands have one type.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  Value neg(Value a);
  Value sqrt(Value a);
  /// a * b + c, fused where the processor can.
  Value fma(Value a, Value b, Value c);
  /// The greater one; `b` when `a` is not a number.
  Value max(Value a, Value b);
  /// Whether a > b, for `select`; not when one is not a number.
  Value greater(Value a, Value b);
  Value select(Value condition, Value a, Value b);
  /// e^x in f32 to about 1 ulp; 0 below -88, the greatest finite powers above
  /// 88.4, NaN for NaN.
  Value exp(Value x);
  /// ln(x) of an f32 scalar, for normal x > 0; inf and NaN give themselves.
  Value log(Value x);
  /// 1 / (1 + e^-x).
  Value sigmoid(Value x);
  /// Within 3e-7 of tanh(x), and 2e-7 of erf(x), in relation to them; both are
  /// exactly odd, 0 for 0, and NaN for NaN.
  Value tanh(Value x);
  Value erf(Value x);
  Value toDouble(Value x);
  Value toFloat(Value x);
  /// The nearest bf16 number, as f32; storing it rounds no more.
  Value rounded(Value x);

  // Vectors.
  Value broadcast(Value scalar, int64_t lanes = kLanes);
  /// Fills up with zeros to kLanes.
  Value padWithZeros(Value vector);
  /// Combines all lanes in the order of a halving tree.
  Value sumAcross(Value vector);
  Value maxAcross(Value vector);
  /// Lanes whose number is less than `count`, which may be negative.
  Value laneMask(Value count);
  /// Lanes of a mask that are not in another.
  Value exclude(Value mask, Value other);

  // Memory. Values of bf16 buffers are f32.
  Value load(Value memref, mlir::ValueRange indices);
  void store(Value value, Value memref, mlir::ValueRange indices);
  Value loadVector(Value memref, mlir::ValueRange indices,
                   int64_t lanes = kLanes);
  void storeVector(Value vector, Value memref, mlir::ValueRange indices);
  /// Element of an i32 buffer, as an index.
  Value loadIndex(Value memref, mlir::ValueRange indices);

  // Control flow.
  using LoopBody = llvm::function_ref<void(Value iv)>;
  using ReductionBody = llvm::function_ref<llvm::SmallVector<Value>(
      Value iv, mlir::ValueRange carried)>;
  void loop(Value from, Value to, int64_t step, LoopBody body);
  llvm::SmallVector<Value> loop(Value from, Value to, int64_t step,
                                mlir::ValueRange inits, ReductionBody body);
  /// Full vectors over [0, width), `unroll` per iteration, then the tail.
  using ChunkBody = llvm::function_ref<void(Value column, int64_t lanes)>;
  void chunks(int64_t width, int64_t unroll, ChunkBody body);
  /// As `chunks`, adding up (or otherwise combining) full vectors of f32. The
  /// body gives the new accumulator; a tail is its job to pad. Every unrolled
  /// place has an accumulator of its own; `combine` joins them in order.
  Value reduceChunks(
      int64_t width, int64_t unroll, Value init,
      llvm::function_ref<Value(Value column, int64_t lanes, Value acc)> body,
      llvm::function_ref<Value(Value, Value)> combine);
  void ifLess(Value a, Value b, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise);

  mlir::Location loc;

private:
  /// f32 from bf16, scalar or vector: its upper half.
  Value extend(Value narrow);
  /// The nearest bf16, the even one of two.
  Value round(Value wide);
  /// What `extend` made wide: `round` gives it back.
  llvm::DenseMap<Value, Value> narrowOf;
  Value literal(double value, mlir::Type like);
  /// The highest power's coefficient comes first.
  Value polynomial(Value x, llvm::ArrayRef<double> coefficients);
  Value combineHalves(Value vector,
                      llvm::function_ref<Value(Value, Value)> combine);
};

} // namespace lns::cpu

#endif // LNS_CODEGEN_CPU_CODEBUILDER_H
