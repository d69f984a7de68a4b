//===- LnsCosts.cpp - Floating-point operations of ops --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// CostOpInterface. Every elementary function (exp, division, square root)
// counts as one operation, a multiply-add as two. Counts saturate; an op with
// a dynamic shape counts as nothing.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "dialect/UpdateCosts.h"

using namespace mlir;
using namespace lns;

static int64_t perElement(int64_t flops, Value value) {
  return saturatingMul(flops, countOf(value.getType()));
}

/// 2 * rows * columns * inner of a matrix product.
static int64_t productFlops(Value result, int64_t inner) {
  if (ShapedType::isDynamic(inner))
    return 0;
  return saturatingMul(2, saturatingMul(countOf(result.getType()), inner));
}

/// Pairs of a query and a key that attention visits, times columns per head,
/// over all heads of the batch.
template <typename Op> static int64_t attentionWork(Op op) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  if (!query.hasStaticShape())
    return 0;
  int64_t batch = query.getDimSize(0), time = query.getDimSize(1);
  // Lower triangle: T (T + 1) / 2, dividing the even one of the two.
  auto triangle = [](int64_t side) {
    return side % 2 == 0 ? saturatingMul(side / 2, side + 1)
                         : saturatingMul(side, (side - 1) / 2 + 1);
  };
  int64_t pairs = op.getCausal() ? triangle(time) : saturatingMul(time, time);
  // The first W queries see a triangle, each later one W keys.
  if (std::optional<uint64_t> window = op.getWindow();
      window && static_cast<int64_t>(*window) < time) {
    auto seen = static_cast<int64_t>(*window);
    pairs = saturatingAdd(triangle(seen), saturatingMul(time - seen, seen));
  }
  return saturatingMul(saturatingMul(batch, pairs), columnsOf(query));
}
/// What a soft-cap costs, at `flops` for each score.
template <typename Op> static int64_t softcapWork(Op op, int64_t flops) {
  return op.getSoftcap()
             ? saturatingMul(flops, attentionWork(op) / op.getHeadDim())
             : 0;
}

int64_t EmbeddingOp::getFlops() { return 0; }
int64_t EmbeddingGradOp::getFlops() { return perElement(1, getGrad()); }
int64_t NormOp::getFlops() {
  // Square and sum, times 1/rms, times gain; layer also takes the mean away
  // and adds the bias.
  int64_t flops = 3 + (getGain() ? 1 : 0) + (getBias() ? 1 : 0);
  if (getKind() == NormKind::layer)
    flops += 2;
  // Alpha and the function instead; a shift.
  if (!isOfRows())
    flops += getShift() ? 0 : -1;
  return perElement(flops, getInput());
}
int64_t LinearOp::getFlops() {
  int64_t product = productFlops(
      getResult(), columnsOf(cast<RankedTensorType>(getWeight().getType())));
  return getBias() ? saturatingAdd(product, perElement(1, getResult()))
                   : product;
}
int64_t MatmulOp::getFlops() {
  auto a = cast<RankedTensorType>(getA().getType());
  int64_t product =
      productFlops(getResult(), getTransposeA() ? rowsOf(a) : columnsOf(a));
  return getAddend() ? saturatingAdd(product, perElement(1, getResult()))
                     : product;
}
// The product; its terms times the weight, added up; the addends.
int64_t WeightGradOp::getFlops() {
  int64_t flops = saturatingAdd(
      productFlops(getWeightGrad(),
                   rowsOf(cast<RankedTensorType>(getGrad().getType()))),
      perElement(2, getWeightGrad()));
  if (getAddend())
    flops = saturatingAdd(flops, perElement(1, getAddend()));
  if (getGainAddend())
    flops = saturatingAdd(flops, perElement(1, getGainAddend()));
  return flops;
}

int64_t lns::getRowOpFlops(Operation *op) {
  auto rowOp = cast<RowOpInterface>(op);
  // A rotation of a pair: four products, two sums.
  if (rowOp.getRotatedHeadDim() != 0)
    return perElement(3, op->getOperand(0));
  SmallVector<double, 2> arguments = rowOp.getArgumentValues();
  auto isUniform = [&](unsigned operand) { return rowOp.isUniform(operand); };
  int64_t flops = rowOp.getElementProgram(1).getFlops(isUniform, arguments) +
                  rowOp.getTermProgram(1).getFlops(isUniform, arguments);
  // The terms' sum.
  if (rowOp.isReduction())
    ++flops;
  return perElement(flops, op->getOperand(0));
}

// Two products with the keys and the values.
int64_t AttentionOp::getFlops() {
  // A quotient, tanh and a product.
  return saturatingAdd(saturatingMul(4, attentionWork(*this)),
                       softcapWork(*this, 3));
}
// Scores again, and the gradients of values, probabilities, queries, keys.
int64_t AttentionGradOp::getFlops() {
  // The slope is two more, and a product.
  return saturatingAdd(saturatingMul(10, attentionWork(*this)),
                       softcapWork(*this, 6));
}
/// Keys that a query sees at the last position: data say how many there are.
static int64_t mostSeen(CachedAttentionOp op) {
  int64_t positions =
      cast<RankedTensorType>(op.getKey().getType()).getDimSize(1);
  if (ShapedType::isDynamic(positions))
    return 0;
  return op.getWindow()
             ? std::min(static_cast<int64_t>(*op.getWindow()), positions)
             : positions;
}
int64_t CachedAttentionOp::getFlops() {
  int64_t pairs = saturatingMul(countOf(getQuery().getType()), mostSeen(*this));
  return saturatingAdd(saturatingMul(4, pairs),
                       getSoftcap() ? saturatingMul(3, pairs / getHeadDim())
                                    : 0);
}
// The keys and values that are seen, of however large a cache.
int64_t CachedAttentionOp::getBytes() {
  auto key = cast<RankedTensorType>(getKey().getType());
  if (!key.hasStaticShape())
    return 0;
  int64_t seen = bytesOf(
      key.clone({key.getDimSize(0), mostSeen(*this), key.getDimSize(2)}));
  return saturatingAdd(
      saturatingMul(2, seen),
      saturatingAdd(saturatingMul(2, bytesOf(getQuery().getType())),
                    bytesOf(getStarts().getType())));
}
int64_t AppendOp::getFlops() { return 0; }
// What is replaced, of however large a cache.
int64_t AppendOp::getBytes() {
  return saturatingAdd(saturatingMul(2, bytesOf(getRows().getType())),
                       bytesOf(getStarts().getType()));
}
int64_t AddPositionsGradOp::getFlops() { return perElement(1, getGrad()); }
// Maximum, difference, exp, sum.
int64_t CrossEntropyOp::getFlops() { return perElement(4, getLogits()); }
int64_t CrossEntropyGradOp::getFlops() { return perElement(3, getLogits()); }
int64_t CrossEntropyWithGradOp::getFlops() {
  return perElement(4 + 3, getLogits());
}
int64_t MeanOp::getFlops() { return perElement(1, getInput()); }
int64_t MeanGradOp::getFlops() { return 1; }
int64_t TargetCountOp::getFlops() { return perElement(1, getTargets()); }
int64_t ColumnDotOp::getFlops() { return perElement(getB() ? 2 : 1, getA()); }
int64_t SumOp::getFlops() { return perElement(1, getInput()); }
int64_t ConstantOp::getFlops() { return 0; }
int64_t RampOp::getFlops() { return 0; }
int64_t ReshapeOp::getFlops() { return 0; }
int64_t ReshapeOp::getBytes() { return 0; }
int64_t ClipFactorOp::getFlops() {
  int64_t flops = 0;
  for (Value gradient : getGradients())
    flops = saturatingAdd(flops, perElement(2, gradient));
  return flops;
}
UpdateCosts lns::getUpdateCosts(AdamWOp update, ComputeWeightOp weight) {
  UpdateCosts costs;
  // As the formulas in the description, term by term.
  bool hasGain = weight && weight.getGain();
  costs.flops = perElement(13 + (update.getDecay() ? 2 : 0) + hasGain,
                           update.getGradient());
  // Reads the gradient; reads and writes the parameter and both moments. Writes
  // the compute weight, whose gain is next to nothing.
  costs.bytes =
      saturatingAdd(bytesTouchedOnce(update),
                    saturatingMul(6, bytesOf(update.getGradient().getType())));
  if (weight)
    costs.bytes = saturatingAdd(costs.bytes, bytesOf(weight.getType()));
  return costs;
}
int64_t AdamWOp::getFlops() {
  return getUpdateCosts(*this, getComputeWeight()).flops;
}
int64_t AdamWOp::getBytes() {
  return getUpdateCosts(*this, getComputeWeight()).bytes;
}
// The sum of squares, and a product. It is read, and written where it is not
// of length 1 yet, as behind a step of the optimizer.
int64_t ProjectOp::getFlops() { return saturatingMul(3, countOf(getType())); }
int64_t ProjectOp::getBytes() {
  return saturatingAdd(bytesTouchedOnce(*this),
                       saturatingMul(2, bytesOf(getType())));
}
int64_t ClusterOp::getFlops() {
  int64_t flops = 0;
  for (auto op : getBody().getOps<CostOpInterface>())
    flops = saturatingAdd(flops, op.getFlops());
  return flops;
}
