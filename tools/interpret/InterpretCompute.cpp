//===- InterpretCompute.cpp - Forward ops ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/OpCall.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

/// "[1, 5]", the position of flat element `index`.
static std::string formatPosition(ArrayRef<int64_t> shape, int64_t index) {
  SmallVector<int64_t> position(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    position[i] = index % shape[i];
    index /= shape[i];
  }
  return formatShape(position);
}

/// Fails unless every token names one of `limit` rows or columns.
static LogicalResult checkTokens(OpCall &call, const Tensor &tokens,
                                 int64_t limit, StringRef what) {
  for (auto [index, token] : llvm::enumerate(tokens.tokens))
    if (token < 0 || token >= limit)
      return call.op->emitOpError("token ")
             << token << " at " << formatPosition(tokens.shape, index)
             << " is not in [0, " << limit << "), " << what;
  return success();
}

static LogicalResult interpretEmbedding(OpCall &call, EmbeddingOp op) {
  const Tensor &table = *call.get(op.getTable());
  const Tensor &tokens = *call.get(op.getTokens());
  int64_t width = table.columns();
  SmallVector<int64_t> shape(tokens.shape);
  shape.push_back(width);
  Tensor *result = call.allocate(0, shape);
  if (!result ||
      failed(checkTokens(call, tokens, table.rows(), "the table's rows")))
    return failure();
  for (auto [row, token] : llvm::enumerate(tokens.tokens))
    std::copy_n(table.values.begin() + token * width, width,
                result->values.begin() + static_cast<int64_t>(row) * width);
  return success();
}

static LogicalResult interpretEmbeddingGrad(OpCall &call, EmbeddingGradOp op) {
  const Tensor &grad = *call.get(op.getGrad());
  const Tensor &tokens = *call.get(op.getTokens());
  Tensor *result = call.allocateByType(0);
  if (!result)
    return failure();
  int64_t width = result->columns();
  SmallVector<int64_t> shape(tokens.shape);
  shape.push_back(width);
  if (failed(call.expectShape(op.getGrad(), shape)) ||
      failed(checkTokens(call, tokens, result->rows(), "the table's rows")) ||
      (op.getAddend() &&
       failed(call.expectShape(op.getAddend(), result->shape))))
    return failure();
  if (const Tensor *addend = call.get(op.getAddend()))
    result->values = addend->values;
  for (auto [row, token] : llvm::enumerate(tokens.tokens))
    for (int64_t k = 0; k < width; ++k)
      result->values[token * width + k] +=
          grad.values[static_cast<int64_t>(row) * width + k];
  return success();
}

static LogicalResult interpretNorm(OpCall &call, NormOp op) {
  const Tensor &x = *call.get(op.getInput());
  const Tensor *gain = call.get(op.getGain());
  const Tensor *bias = call.get(op.getBias());
  Tensor *y = call.allocate(0, x.shape);
  int64_t width = x.columns();
  if (!y || (gain && failed(call.expectShape(op.getGain(), width))) ||
      (bias && failed(call.expectShape(op.getBias(), width))))
    return failure();
  double eps = op.getEps().convertToDouble();
  double scale = op.getScale().convertToDouble();
  if (op.getDepthScale() == DepthScale::inv_sqrt_depth)
    scale = 1.0 / std::sqrt(static_cast<double>(call.layer + 1));
  double alpha = 0, shift = 0;
  for (auto [operand, number] :
       {std::pair(op.getAlpha(), &alpha), std::pair(op.getShift(), &shift)})
    if (operand) {
      if (failed(call.expectShape(operand, int64_t(1))))
        return failure();
      *number = call.get(operand)->values[0];
    }
  std::vector<double> means(x.rows());
  if (op.getKind() == NormKind::layer) {
    for (int64_t i = 0; i < x.size(); ++i)
      means[i / width] += x.values[i];
    for (double &mean : means)
      mean /= static_cast<double>(width);
    call.roundInside(means);
  }
  for (int64_t row = 0; row < x.rows(); ++row) {
    const double *in = x.values.data() + row * width;
    double mean = means[row], square = 0;
    for (int64_t k = 0; k < width; ++k)
      square += (in[k] - mean) * (in[k] - mean);
    double rstd = 1.0 / std::sqrt(square / static_cast<double>(width) + eps);
    for (int64_t k = 0; k < width; ++k) {
      double value = op.getKind() == NormKind::tanh ? std::tanh(alpha * in[k])
                     : op.getKind() == NormKind::erf
                         ? std::erf(alpha * in[k] + shift)
                         : (in[k] - mean) * rstd;
      if (gain)
        value *= gain->values[k];
      if (bias)
        value += bias->values[k];
      y->values[row * width + k] = scale * value;
    }
  }
  return success();
}

static LogicalResult interpretLinear(OpCall &call, LinearOp op) {
  const Tensor &x = *call.get(op.getInput());
  const Tensor &weight = *call.get(op.getWeight());
  const Tensor *bias = call.get(op.getBias());
  int64_t in = weight.columns(), out = weight.rows();
  SmallVector<int64_t> inputShape(x.shape), shape(x.shape);
  inputShape.back() = in;
  shape.back() = out;
  Tensor *y = call.allocate(0, shape);
  if (!y || failed(call.expectShape(op.getInput(), inputShape)) ||
      (bias && failed(call.expectShape(op.getBias(), out))) ||
      (op.getGain() && failed(call.expectShape(op.getGain(), in))))
    return failure();
  std::vector<double> input = x.values;
  std::vector<double> folded = scaleColumns(weight, call.get(op.getGain()));
  if (call.roundsFactors()) {
    roundToBf16(input);
    roundToBf16(folded);
  }
  multiplyAdd(x.rows(), out, in, input.data(), false, folded.data(), true,
              y->values.data());
  double alpha = op.getAlpha().convertToDouble();
  for (int64_t i = 0; i < y->size(); ++i)
    y->values[i] = alpha * y->values[i] + (bias ? bias->values[i % out] : 0.0);
  return success();
}

/// Fails unless a table of positions has a row for every time of `rows`.
static LogicalResult checkTable(OpCall &call, const Tensor &rows,
                                const Tensor &table) {
  if (table.columns() == rows.columns() && table.rows() >= rows.shape[1])
    return success();
  return call.op->emitOpError("a table of shape ")
         << formatShape(table.shape) << " does not hold positions of "
         << formatShape(rows.shape);
}

static LogicalResult interpretAddPositionsGrad(OpCall &call,
                                               AddPositionsGradOp op) {
  const Tensor &grad = *call.get(op.getGrad());
  Tensor *result = call.allocateByType(0);
  const Tensor *starts = call.get(op.getStarts());
  if (!result || failed(checkTable(call, grad, *result)) ||
      (starts && failed(call.expectStarts(op.getStarts(), grad.shape))))
    return failure();
  int64_t width = grad.columns();
  for (int64_t row = 0; row < grad.rows(); ++row) {
    int64_t position = row % grad.shape[1] - (starts ? starts->tokens[row] : 0);
    for (int64_t k = 0; k < width; ++k)
      result->values[position * width + k] += grad.values[row * width + k];
  }
  return success();
}

namespace {

/// What the ops of a cross entropy have in common: rows of scores, the logits
/// times their rows' factors, and a target for each.
class Scores {
public:
  /// Fails with an error at the op.
  template <typename Op> LogicalResult read(OpCall &call, Op op) {
    logits = call.get(op.getLogits());
    targets = call.get(op.getTargets());
    rows = ArrayRef(logits->shape).drop_back();
    vocabulary = logits->columns();
    if (op.getFactors()) {
      factors = call.get(op.getFactors());
      if (failed(call.expectShape(op.getFactors(), rows)))
        return failure();
    }
    if (failed(call.expectShape(op.getTargets(), rows)))
      return failure();
    for (auto [index, target] : llvm::enumerate(targets->tokens))
      if (target != kIgnoredTarget && (target < 0 || target >= vocabulary))
        return call.op->emitOpError("target ")
               << target << " at " << formatPosition(targets->shape, index)
               << " is neither in [0, " << vocabulary
               << "), the logits' columns, nor " << kIgnoredTarget
               << ", which is ignored";
    return success();
  }

  double factor(int64_t row) const {
    return factors ? factors->values[row] : 1.0;
  }
  double at(int64_t row, int64_t column) const {
    return factor(row) * logits->values[row * vocabulary + column];
  }
  double logSumExp(int64_t row) const {
    double greatest = at(row, 0), sum = 0;
    for (int64_t k = 1; k < vocabulary; ++k)
      greatest = std::max(greatest, at(row, k));
    for (int64_t k = 0; k < vocabulary; ++k)
      sum += std::exp(at(row, k) - greatest);
    return greatest + std::log(sum);
  }
  bool isIgnored(int64_t row) const {
    return targets->tokens[row] == kIgnoredTarget;
  }
  double loss(int64_t row, double lse) const {
    return isIgnored(row) ? 0.0 : lse - at(row, targets->tokens[row]);
  }
  /// A row of the logits' gradient, and its factor's if that is wanted.
  void addGrad(int64_t row, double lse, double grad, bool relative,
               Tensor &result, Tensor *factorsGrad) const {
    if (isIgnored(row))
      return; // They are zero.
    for (int64_t k = 0; k < vocabulary; ++k) {
      int64_t i = row * vocabulary + k;
      double onehot = k == targets->tokens[row] ? 1.0 : 0.0;
      double d = (std::exp(at(row, k) - lse) - onehot) * grad;
      result.values[i] = factor(row) * d;
      if (factorsGrad)
        factorsGrad->values[row] +=
            d * logits->values[i] * (relative ? factor(row) : 1.0);
    }
  }

  ArrayRef<int64_t> shape() const { return logits->shape; }
  ArrayRef<int64_t> rows;

private:
  const Tensor *logits = nullptr, *targets = nullptr, *factors = nullptr;
  int64_t vocabulary = 0;
};

} // namespace

static LogicalResult interpretCrossEntropy(OpCall &call, CrossEntropyOp op) {
  Scores scores;
  if (failed(scores.read(call, op)))
    return failure();
  Tensor *losses = call.allocate(0, scores.rows);
  Tensor *lse = call.allocate(1, scores.rows);
  if (!losses || !lse)
    return failure();
  for (int64_t row = 0; row < losses->size(); ++row) {
    lse->values[row] = scores.logSumExp(row);
    losses->values[row] = scores.loss(row, lse->values[row]);
  }
  return success();
}

static LogicalResult interpretCrossEntropyGrad(OpCall &call,
                                               CrossEntropyGradOp op) {
  Scores scores;
  if (failed(scores.read(call, op)) ||
      failed(call.expectShape(op.getLse(), scores.rows)) ||
      failed(call.expectShape(op.getGrad(), scores.rows)))
    return failure();
  Tensor *result = call.allocate(0, scores.shape());
  Tensor *factorsGrad =
      op.getFactors() ? call.allocate(1, scores.rows) : nullptr;
  if (!result || (op.getFactors() && !factorsGrad))
    return failure();
  const Tensor &lse = *call.get(op.getLse()), &grad = *call.get(op.getGrad());
  for (int64_t row = 0; row < lse.size(); ++row)
    scores.addGrad(row, lse.values[row], grad.values[row], op.getRelative(),
                   *result, factorsGrad);
  return success();
}

static LogicalResult interpretCrossEntropyWithGrad(OpCall &call,
                                                   CrossEntropyWithGradOp op) {
  Scores scores;
  if (failed(scores.read(call, op)) ||
      failed(call.expectShape(op.getGrad(), scores.rows)))
    return failure();
  Tensor *losses = call.allocate(0, scores.rows);
  Tensor *result = call.allocate(1, scores.shape());
  Tensor *factorsGrad =
      op.getFactors() ? call.allocate(2, scores.rows) : nullptr;
  if (!losses || !result || (op.getFactors() && !factorsGrad))
    return failure();
  const Tensor &grad = *call.get(op.getGrad());
  for (int64_t row = 0; row < losses->size(); ++row) {
    double lse = scores.logSumExp(row);
    losses->values[row] = scores.loss(row, lse);
    scores.addGrad(row, lse, grad.values[row], op.getRelative(), *result,
                   factorsGrad);
  }
  return success();
}

/// What a mean over `elements` divides by.
static int64_t countOver(OpCall &call, Value count, const Tensor &elements) {
  return count ? call.get(count)->tokens[0] : elements.size();
}

static LogicalResult interpretMean(OpCall &call, MeanOp op) {
  const Tensor &x = *call.get(op.getInput());
  Tensor *y = call.allocate(0, {});
  if (!y)
    return failure();
  for (double value : x.values)
    y->values[0] += value;
  y->values[0] /= static_cast<double>(countOver(call, op.getCount(), x));
  return success();
}

static LogicalResult interpretTargetCount(OpCall &call, TargetCountOp op) {
  const Tensor &targets = *call.get(op.getTargets());
  auto count = makeTokens({});
  count->tokens[0] =
      targets.size() - llvm::count(targets.tokens, kIgnoredTarget);
  call.results[0] = count;
  return success();
}

static LogicalResult interpretMeanGrad(OpCall &call, MeanGradOp op) {
  Tensor *result = call.allocateByType(0);
  if (!result)
    return failure();
  double grad = call.get(op.getGrad())->values[0];
  for (double &value : result->values)
    value = grad / static_cast<double>(countOver(call, op.getCount(), *result));
  return success();
}

static LogicalResult interpretReshape(OpCall &call, ReshapeOp op) {
  const Tensor &input = *call.get(op.getInput());
  // What is split or joined is static, the leading dimensions are the input's.
  SmallVector<int64_t> shape(op.getType().getShape());
  for (auto [extent, known] : llvm::zip(shape, input.shape))
    if (ShapedType::isDynamic(extent))
      extent = known;
  if (countElements(shape) != input.size())
    return op.emitOpError("cannot make ")
           << formatShape(shape) << " of " << formatShape(input.shape);
  if (Tensor *result = call.allocate(0, shape)) {
    result->values = input.values;
    return success();
  }
  return failure();
}

std::optional<LogicalResult> lns::interpret::interpretCompute(OpCall &call) {
  using Outcome = std::optional<LogicalResult>;
  return llvm::TypeSwitch<Operation *, Outcome>(call.op)
      .Case([&](EmbeddingOp op) { return interpretEmbedding(call, op); })
      .Case(
          [&](EmbeddingGradOp op) { return interpretEmbeddingGrad(call, op); })
      .Case([&](NormOp op) { return interpretNorm(call, op); })
      .Case([&](LinearOp op) { return interpretLinear(call, op); })
      .Case([&](ReshapeOp op) { return interpretReshape(call, op); })
      .Case([&](AddPositionsGradOp op) {
        return interpretAddPositionsGrad(call, op);
      })
      .Case([&](CrossEntropyOp op) { return interpretCrossEntropy(call, op); })
      .Case([&](CrossEntropyGradOp op) {
        return interpretCrossEntropyGrad(call, op);
      })
      .Case([&](CrossEntropyWithGradOp op) {
        return interpretCrossEntropyWithGrad(call, op);
      })
      .Case([&](MeanOp op) { return interpretMean(call, op); })
      .Case([&](TargetCountOp op) { return interpretTargetCount(call, op); })
      .Case([&](MeanGradOp op) { return interpretMeanGrad(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
