//===- CodeBuilder.cpp - What kernel emitters write code with -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CodeBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/TypeUtilities.h"
#include <numeric>

using namespace mlir;
using namespace lns::cpu;

//===----------------------------------------------------------------------===//
// Constants and index arithmetic
//===----------------------------------------------------------------------===//

Value CodeBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, loc, value);
}

Value CodeBuilder::literal(double value, Type like) {
  Type element = getElementTypeOrSelf(like);
  TypedAttr attr = getFloatAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(like))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(*this, loc, attr);
}

Value CodeBuilder::real(double value) { return literal(value, getF32Type()); }

Value CodeBuilder::splat(double value, int64_t lanes) {
  return literal(value, VectorType::get(lanes, getF32Type()));
}

Value CodeBuilder::addI(Value a, Value b) {
  return createOrFold<arith::AddIOp>(loc, a, b);
}
Value CodeBuilder::addI(Value a, int64_t b) {
  return b == 0 ? a : addI(a, index(b));
}
Value CodeBuilder::subI(Value a, Value b) {
  return createOrFold<arith::SubIOp>(loc, a, b);
}
Value CodeBuilder::mulI(Value a, int64_t b) {
  return createOrFold<arith::MulIOp>(loc, a, index(b));
}
Value CodeBuilder::divI(Value a, int64_t b) {
  return createOrFold<arith::DivUIOp>(loc, a, index(b));
}
Value CodeBuilder::remI(Value a, int64_t b) {
  return createOrFold<arith::RemUIOp>(loc, a, index(b));
}
Value CodeBuilder::minI(Value a, Value b) {
  return createOrFold<arith::MinUIOp>(loc, a, b);
}
Value CodeBuilder::maxI(Value a, Value b) {
  return createOrFold<arith::MaxUIOp>(loc, a, b);
}
Value CodeBuilder::ceilDivI(Value a, int64_t b) {
  return divI(addI(a, b - 1), b);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

Value CodeBuilder::add(Value a, Value b) {
  return arith::AddFOp::create(*this, loc, a, b);
}
Value CodeBuilder::sub(Value a, Value b) {
  return arith::SubFOp::create(*this, loc, a, b);
}
Value CodeBuilder::mul(Value a, Value b) {
  return arith::MulFOp::create(*this, loc, a, b);
}
Value CodeBuilder::div(Value a, Value b) {
  return arith::DivFOp::create(*this, loc, a, b);
}
Value CodeBuilder::neg(Value a) { return arith::NegFOp::create(*this, loc, a); }
Value CodeBuilder::sqrt(Value a) { return math::SqrtOp::create(*this, loc, a); }

Value CodeBuilder::fma(Value a, Value b, Value c) {
  // vector.fma is LLVM's fmuladd: a fused instruction where there is one, two
  // instructions elsewhere, and never a call of fmaf as math.fma may be.
  if (isa<VectorType>(a.getType()))
    return vector::FMAOp::create(*this, loc, a, b, c);
  return add(mul(a, b), c);
}

Value CodeBuilder::max(Value a, Value b) {
  // Exactly the maximum instruction of the processor, NaN included.
  return select(greater(a, b), a, b);
}

Value CodeBuilder::greater(Value a, Value b) {
  return arith::CmpFOp::create(*this, loc, arith::CmpFPredicate::OGT, a, b);
}

Value CodeBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, loc, condition, a, b);
}

/// An integer constant of `like`'s shape.
static Value integer(CodeBuilder &b, int64_t value, Type like) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(like), value);
  if (auto vector = dyn_cast<VectorType>(like))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, b.loc, attr);
}

/// i32, in the shape of an f32 type.
static Type integerLike(Type type) {
  Type i32 = IntegerType::get(type.getContext(), 32);
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), i32);
  return i32;
}

Value CodeBuilder::exp(Value x) {
  Type type = x.getType();
  Type ints = integerLike(type);
  auto c = [&](double value) { return literal(value, type); };
  // The clamps keep NaN: a comparison with it is false and selects x.
  auto clamp = [&](arith::CmpFPredicate outside, double limit) {
    Value bound = c(limit);
    x = select(arith::CmpFOp::create(*this, loc, outside, x, bound), bound, x);
  };
  clamp(arith::CmpFPredicate::OLT, -88.0);
  clamp(arith::CmpFPredicate::OGT, 88.37626);
  // x = k ln 2 + r. Adding 1.5 * 2^23 rounds to the integer k and leaves it in
  // the sum's low bits, so that no conversion has to see a NaN.
  Value magic = c(12582912.0);
  Value sum = fma(x, c(1.44269504088896341), magic);
  Value k = sub(sum, magic);
  Value r = fma(k, c(-0.693359375), x);
  r = fma(k, c(2.12194440e-4), r);
  // The minimax polynomial of Cephes for |r| <= ln(2)/2.
  Value p = c(1.9875691500e-4);
  for (double coefficient : {1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                             1.6666665459e-1, 5.0000001201e-1})
    p = fma(p, r, c(coefficient));
  p = fma(p, mul(r, r), add(r, c(1.0)));
  // 2^k from its exponent bits; k = -127 gives 0.
  Value bits = arith::BitcastOp::create(*this, loc, ints, sum);
  bits = arith::AddIOp::create(*this, loc, bits, integer(*this, 127, ints));
  bits = arith::ShLIOp::create(*this, loc, bits, integer(*this, 23, ints));
  return mul(p, arith::BitcastOp::create(*this, loc, type, bits));
}

Value CodeBuilder::log(Value x) {
  Type type = x.getType();
  Type ints = integerLike(type);
  auto c = [&](double value) { return literal(value, type); };
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)), then the polynomial of Cephes.
  Value bits = arith::BitcastOp::create(*this, loc, ints, x);
  Value e = arith::SubIOp::create(
      *this, loc,
      arith::ShRUIOp::create(*this, loc, bits, integer(*this, 23, ints)),
      integer(*this, 126, ints));
  Value fraction = arith::OrIOp::create(
      *this, loc,
      arith::AndIOp::create(*this, loc, bits, integer(*this, 0x7fffff, ints)),
      integer(*this, 0x3f000000, ints));
  Value m = arith::BitcastOp::create(*this, loc, type, fraction);
  Value small = arith::CmpFOp::create(*this, loc, arith::CmpFPredicate::OLT, m,
                                      c(0.707106781186547524));
  e = select(small,
             arith::SubIOp::create(*this, loc, e, integer(*this, 1, ints)), e);
  m = sub(select(small, add(m, m), m), c(1.0));
  Value exponent = arith::SIToFPOp::create(*this, loc, type, e);
  Value z = mul(m, m);
  Value p = c(7.0376836292e-2);
  for (double coefficient :
       {-1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1})
    p = fma(p, m, c(coefficient));
  Value y = mul(mul(m, z), p);
  y = fma(exponent, c(-2.12194440e-4), y);
  y = fma(z, c(-0.5), y);
  Value result = fma(exponent, c(0.693359375), add(m, y));
  Value finite =
      arith::CmpFOp::create(*this, loc, arith::CmpFPredicate::OLT, x,
                            c(std::numeric_limits<double>::infinity()));
  return select(finite, result, x);
}

Value CodeBuilder::sigmoid(Value x) {
  Value one = literal(1.0, x.getType());
  return div(one, add(one, exp(neg(x))));
}

Value CodeBuilder::polynomial(Value x, ArrayRef<double> coefficients) {
  Value sum = literal(coefficients.front(), x.getType());
  for (double coefficient : coefficients.drop_front())
    sum = fma(sum, x, literal(coefficient, x.getType()));
  return sum;
}

Value CodeBuilder::tanh(Value x) {
  auto c = [&](double value) { return literal(value, x.getType()); };
  // Of |x|: rounding is not the same for e^2x and e^-2x.
  Value magnitude = math::AbsFOp::create(*this, loc, x);
  Value power = exp(add(magnitude, magnitude));
  Value large = sub(c(1.0), div(c(2.0), add(power, c(1.0))));
  large = math::CopySignOp::create(*this, loc, large, x);
  // The minimax polynomial of Cephes for |x| <= 0.625.
  Value square = mul(x, x);
  Value p = polynomial(square,
                       {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2,
                        1.33314422036e-1, -3.33332819422e-1});
  Value small = fma(p, mul(square, x), x);
  return select(greater(c(0.390625), square), small, large);
}

Value CodeBuilder::erf(Value x) {
  auto c = [&](double value) { return literal(value, x.getType()); };
  // Above 0.9277, 1 - erf(x) = e^(x q(x)), with a minimax polynomial for
  // ln(erfc(x)) / x up to 4, where erf is 1 to the last bit. Below, another for
  // erf(x) / x - 1. Errors: 3e-9 and 2e-8, before rounding.
  Value magnitude = math::AbsFOp::create(*this, loc, x);
  Value bounded = select(greater(magnitude, c(4.0)), c(4.0), magnitude);
  Value q =
      polynomial(bounded, {2.137253195e-4, -3.212809605e-3, 2.288306102e-2,
                           -1.052510370e-1, -6.357265516e-1, -1.128511914});
  Value large = sub(c(1.0), exp(mul(q, bounded)));
  large = math::CopySignOp::create(*this, loc, large, x);
  Value square = mul(x, x);
  Value p =
      polynomial(square, {-5.964254819e-4, 4.988004457e-3, -2.676312454e-2,
                          1.128172112e-1, -3.761248476e-1, 1.283791482e-1});
  Value small = fma(p, x, x);
  return select(greater(c(0.86062729), square), small, large);
}

static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value CodeBuilder::toDouble(Value x) {
  return arith::ExtFOp::create(*this, loc,
                               withElement(x.getType(), getF64Type()), x);
}
Value CodeBuilder::toFloat(Value x) {
  return arith::TruncFOp::create(*this, loc,
                                 withElement(x.getType(), getF32Type()), x);
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value CodeBuilder::broadcast(Value scalar, int64_t lanes) {
  return vector::BroadcastOp::create(
      *this, loc, VectorType::get(lanes, scalar.getType()), scalar);
}

Value CodeBuilder::padWithZeros(Value vector) {
  auto type = cast<VectorType>(vector.getType());
  if (type.getNumElements() == kLanes)
    return vector;
  Value zeros = literal(0.0, VectorType::get(kLanes, type.getElementType()));
  return vector::InsertStridedSliceOp::create(
      *this, loc, vector, zeros, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
}

Value CodeBuilder::combineHalves(
    Value vector, llvm::function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (; lanes > 1; lanes /= 2) {
    auto half = [&](int64_t offset) -> Value {
      return vector::ExtractStridedSliceOp::create(
          *this, loc, vector, ArrayRef<int64_t>{offset},
          ArrayRef<int64_t>{lanes / 2}, ArrayRef<int64_t>{1});
    };
    vector = combine(half(0), half(lanes / 2));
  }
  return vector::ExtractOp::create(*this, loc, vector, int64_t(0));
}

Value CodeBuilder::sumAcross(Value vector) {
  return combineHalves(vector, [&](Value a, Value b) { return add(a, b); });
}
Value CodeBuilder::maxAcross(Value vector) {
  return combineHalves(vector, [&](Value a, Value b) { return max(a, b); });
}

Value CodeBuilder::laneMask(Value count) {
  SmallVector<int32_t> numbers(kLanes);
  std::iota(numbers.begin(), numbers.end(), 0);
  auto type = VectorType::get(kLanes, getI32Type());
  Value lanes = arith::ConstantOp::create(
      *this, loc, DenseElementsAttr::get(type, ArrayRef(numbers)));
  Value limit =
      broadcast(arith::IndexCastOp::create(*this, loc, getI32Type(), count));
  return arith::CmpIOp::create(*this, loc, arith::CmpIPredicate::slt, lanes,
                               limit);
}

Value CodeBuilder::exclude(Value mask, Value other) {
  // Of masks, the greater one is that which the other has not.
  return arith::CmpIOp::create(*this, loc, arith::CmpIPredicate::ugt, mask,
                               other);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value CodeBuilder::extend(Value narrow) {
  Type type = withElement(narrow.getType(), getF32Type());
  Type ints = integerLike(type);
  Value bits = arith::BitcastOp::create(
      *this, loc, withElement(narrow.getType(), getI16Type()), narrow);
  bits = arith::ExtUIOp::create(*this, loc, ints, bits);
  bits = arith::ShLIOp::create(*this, loc, bits, integer(*this, 16, ints));
  Value wide = arith::BitcastOp::create(*this, loc, type, bits);
  narrowOf[wide] = narrow;
  return wide;
}

Value CodeBuilder::rounded(Value x) { return extend(round(x)); }

Value CodeBuilder::round(Value wide) {
  if (Value narrow = narrowOf.lookup(wide))
    return narrow;
  return arith::TruncFOp::create(
      *this, loc, withElement(wide.getType(), getBF16Type()), wide);
}

static bool holdsBf16(Value memref) {
  return cast<MemRefType>(memref.getType()).getElementType().isBF16();
}

Value CodeBuilder::load(Value memref, ValueRange indices) {
  Value value = memref::LoadOp::create(*this, loc, memref, indices);
  return holdsBf16(memref) ? extend(value) : value;
}
void CodeBuilder::store(Value value, Value memref, ValueRange indices) {
  memref::StoreOp::create(*this, loc, holdsBf16(memref) ? round(value) : value,
                          memref, indices);
}
Value CodeBuilder::loadVector(Value memref, ValueRange indices, int64_t lanes) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  Value vector = vector::LoadOp::create(
      *this, loc, VectorType::get(lanes, element), memref, indices);
  return holdsBf16(memref) ? extend(vector) : vector;
}
void CodeBuilder::storeVector(Value vector, Value memref, ValueRange indices) {
  vector::StoreOp::create(
      *this, loc, holdsBf16(memref) ? round(vector) : vector, memref, indices);
}
Value CodeBuilder::loadIndex(Value memref, ValueRange indices) {
  return arith::IndexCastOp::create(*this, loc, getIndexType(),
                                    load(memref, indices));
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

/// Emitters hold this builder by reference, so a loop's body is filled by
/// moving its insertion point in and out again.
SmallVector<Value> CodeBuilder::loop(Value from, Value to, int64_t step,
                                     ValueRange inits, ReductionBody body) {
  auto op = scf::ForOp::create(*this, loc, from, to, index(step), inits);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  SmallVector<Value> results =
      body(op.getInductionVar(), op.getRegionIterArgs());
  // Without carried values the loop already has its terminator.
  if (!inits.empty())
    scf::YieldOp::create(*this, loc, results);
  return llvm::to_vector_of<Value>(op.getResults());
}

void CodeBuilder::loop(Value from, Value to, int64_t step, LoopBody body) {
  loop(from, to, step, {}, [&](Value iv, ValueRange) -> SmallVector<Value> {
    body(iv);
    return {};
  });
}

void CodeBuilder::chunks(int64_t width, int64_t unroll, ChunkBody body) {
  int64_t done = 0;
  for (int64_t step : {unroll * kLanes, kLanes}) {
    int64_t end = done + (width - done) / step * step;
    if (end == done)
      continue;
    loop(index(done), index(end), step, [&](Value column) {
      for (int64_t offset = 0; offset < step; offset += kLanes)
        body(addI(column, offset), kLanes);
    });
    done = end;
  }
  if (done < width)
    body(index(done), width - done);
}

Value CodeBuilder::reduceChunks(
    int64_t width, int64_t unroll, Value init,
    llvm::function_ref<Value(Value column, int64_t lanes, Value acc)> body,
    llvm::function_ref<Value(Value, Value)> combine) {
  SmallVector<Value> accs(width >= unroll * kLanes ? unroll : 1, init);
  int64_t done = 0;
  for (int64_t step : {int64_t(accs.size()) * kLanes, kLanes}) {
    int64_t end = done + (width - done) / step * step;
    if (end == done)
      continue;
    SmallVector<Value> carried(accs.begin(), accs.begin() + step / kLanes);
    carried =
        loop(index(done), index(end), step, carried,
             [&](Value column, ValueRange values) {
               SmallVector<Value> next;
               for (auto [i, value] : llvm::enumerate(values))
                 next.push_back(body(addI(column, i * kLanes), kLanes, value));
               return next;
             });
    llvm::copy(carried, accs.begin());
    done = end;
  }
  if (done < width)
    accs[0] = body(index(done), width - done, accs[0]);
  Value result = accs[0];
  for (Value acc : ArrayRef(accs).drop_front())
    result = combine(result, acc);
  return result;
}

void CodeBuilder::ifLess(Value a, Value b, llvm::function_ref<void()> then,
                         llvm::function_ref<void()> otherwise) {
  Value condition =
      arith::CmpIOp::create(*this, loc, arith::CmpIPredicate::ult, a, b);
  auto op = scf::IfOp::create(*this, loc, condition,
                              /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  if (!otherwise)
    return;
  setInsertionPointToStart(op.elseBlock());
  otherwise();
}
