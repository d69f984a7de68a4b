//===- InterpretAttention.cpp - Attention, its adjoint, caches ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/OpCall.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

namespace {

/// Extents and strides that attention and its gradient share. Query head h
/// reads key/value head h / (heads / kv_heads).
struct Heads {
  template <typename Op>
  Heads(Op op, const Tensor &query, const Tensor *starts)
      : batch(query.shape[0]), time(query.shape[1]),
        heads(static_cast<int64_t>(op.getHeads())),
        kvHeads(static_cast<int64_t>(op.getKvHeads())), width(query.shape[2]),
        dim(width / heads), kvWidth(dim * kvHeads),
        scale(op.getEffectiveScale()), causal(op.getCausal()),
        window(op.getWindow() ? static_cast<int64_t>(*op.getWindow()) : time),
        cap(op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0),
        starts(starts) {}

  int64_t query(int64_t b, int64_t h, int64_t t) const {
    return (b * time + t) * width + h * dim;
  }
  int64_t key(int64_t b, int64_t h, int64_t t) const {
    return (b * time + t) * kvWidth + h / (heads / kvHeads) * dim;
  }
  int64_t lse(int64_t b, int64_t h, int64_t t) const {
    return (b * heads + h) * time + t;
  }
  /// The query at time `t` sees keys from the first of these to the second.
  int64_t firstSeen(int64_t b, int64_t t) const {
    return std::max<int64_t>(t - window + 1,
                             starts ? starts->tokens[b * time + t] : 0);
  }
  int64_t seenEnd(int64_t t) const { return causal ? t + 1 : time; }
  /// Of a product of query and key; and its derivative by scale times that.
  double score(double product) const {
    double s = scale * product;
    return cap == 0 ? s : cap * std::tanh(s / cap);
  }
  double slope(double score) const {
    return cap == 0 ? 1 : 1 - score / cap * (score / cap);
  }

  int64_t batch, time, heads, kvHeads, width, dim, kvWidth;
  double scale;
  bool causal;
  int64_t window;
  double cap;           ///< 0: none
  const Tensor *starts; ///< null: a row is one document
};

} // namespace

static double dot(const double *a, const double *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

static LogicalResult interpretForward(OpCall &call, AttentionOp op) {
  const Tensor &query = *call.get(op.getQuery());
  const Tensor &key = *call.get(op.getKey());
  const Tensor &value = *call.get(op.getValue());
  const Tensor *starts = call.get(op.getStarts());
  if (starts && failed(call.expectStarts(op.getStarts(), query.shape)))
    return failure();
  Heads heads(op, query, starts);
  int64_t keyShape[] = {heads.batch, heads.time, heads.kvWidth};
  Tensor *out = call.allocate(0, query.shape);
  Tensor *lse = op.getLse()
                    ? call.allocate(1, {heads.batch, heads.heads, heads.time})
                    : nullptr;
  if (!out || (op.getLse() && !lse) ||
      failed(call.expectShape(op.getKey(), keyShape)) ||
      failed(call.expectShape(op.getValue(), keyShape)))
    return failure();

  std::vector<double> weights(heads.time);
  for (int64_t b = 0; b < heads.batch; ++b)
    for (int64_t h = 0; h < heads.heads; ++h)
      for (int64_t t = 0; t < heads.time; ++t) {
        int64_t row = heads.query(b, h, t);
        int64_t first = heads.firstSeen(b, t), end = heads.seenEnd(t);
        for (int64_t s = first; s < end; ++s)
          weights[s] = heads.score(dot(
              &query.values[row], &key.values[heads.key(b, h, s)], heads.dim));
        double greatest =
            *std::max_element(weights.begin() + first, weights.begin() + end);
        double sum = 0;
        for (int64_t s = first; s < end; ++s)
          sum += weights[s] = std::exp(weights[s] - greatest);
        for (int64_t s = first; s < end; ++s)
          for (int64_t k = 0; k < heads.dim; ++k)
            out->values[row + k] +=
                weights[s] / sum * value.values[heads.key(b, h, s) + k];
        if (lse)
          lse->values[heads.lse(b, h, t)] = greatest + std::log(sum);
      }
  return success();
}

static LogicalResult interpretAppend(OpCall &call, AppendOp op) {
  const Tensor &cache = *call.get(op.getCache());
  const Tensor &rows = *call.get(op.getRows());
  const Tensor &starts = *call.get(op.getStarts());
  int64_t positions = cache.shape[1], time = rows.shape[1],
          width = cache.columns();
  Tensor *result = call.allocate(0, cache.shape);
  if (!result ||
      failed(call.expectShape(op.getRows(), {cache.shape[0], time, width})) ||
      failed(call.expectPositions(op.getStarts(), rows.shape, positions)))
    return failure();
  result->values = cache.values;
  std::vector<bool> isTaken(cache.rows());
  for (int64_t row = 0; row < rows.rows(); ++row) {
    int64_t place = row / time * positions + row % time - starts.tokens[row];
    if (isTaken[place])
      return op.emitOpError("puts two rows of sequence ")
             << row / time << " at position " << place % positions;
    isTaken[place] = true;
    std::copy_n(rows.values.begin() + row * width, width,
                result->values.begin() + place * width);
  }
  return success();
}

static LogicalResult interpretCached(OpCall &call, CachedAttentionOp op) {
  const Tensor &query = *call.get(op.getQuery());
  const Tensor &key = *call.get(op.getKey());
  const Tensor &value = *call.get(op.getValue());
  const Tensor &starts = *call.get(op.getStarts());
  int64_t batch = query.shape[0], time = query.shape[1],
          positions = key.shape[1], heads = op.getHeads(),
          kvHeads = op.getKvHeads(), width = query.columns(),
          dim = width / heads, kvWidth = dim * kvHeads;
  double scale = op.getEffectiveScale();
  double cap = op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0;
  Tensor *out = call.allocate(0, query.shape);
  if (!out ||
      failed(call.expectShape(op.getKey(), {batch, positions, kvWidth})) ||
      failed(call.expectShape(op.getValue(), key.shape)) ||
      failed(call.expectPositions(op.getStarts(), query.shape, positions)))
    return failure();
  std::vector<double> weights(positions);
  for (int64_t row = 0; row < query.rows(); ++row) {
    int64_t position = row % time - starts.tokens[row];
    int64_t first =
        op.getWindow()
            ? std::max<int64_t>(position + 1 - int64_t(*op.getWindow()), 0)
            : 0;
    for (int64_t h = 0; h < heads; ++h) {
      const double *q = &query.values[row * width + h * dim];
      auto at = [&](int64_t s) {
        return (row / time * positions + s) * kvWidth +
               h / (heads / kvHeads) * dim;
      };
      double greatest = -std::numeric_limits<double>::infinity();
      for (int64_t s = first; s <= position; ++s) {
        double score = scale * dot(q, &key.values[at(s)], dim);
        weights[s] = cap == 0 ? score : cap * std::tanh(score / cap);
        greatest = std::max(greatest, weights[s]);
      }
      double sum = 0;
      for (int64_t s = first; s <= position; ++s)
        sum += weights[s] = std::exp(weights[s] - greatest);
      for (int64_t s = first; s <= position; ++s)
        for (int64_t k = 0; k < dim; ++k)
          out->values[row * width + h * dim + k] +=
              weights[s] / sum * value.values[at(s) + k];
    }
  }
  return success();
}

static LogicalResult interpretGrad(OpCall &call, AttentionGradOp op) {
  const Tensor &query = *call.get(op.getQuery());
  const Tensor &key = *call.get(op.getKey());
  const Tensor &value = *call.get(op.getValue());
  const Tensor &out = *call.get(op.getOutput());
  const Tensor &lse = *call.get(op.getLse());
  const Tensor &grad = *call.get(op.getGrad());
  const Tensor *starts = call.get(op.getStarts());
  if (starts && failed(call.expectStarts(op.getStarts(), query.shape)))
    return failure();
  Heads heads(op, query, starts);
  int64_t keyShape[] = {heads.batch, heads.time, heads.kvWidth};
  Tensor *queryGrad = call.allocate(0, query.shape);
  Tensor *keyGrad = call.allocate(1, keyShape);
  Tensor *valueGrad = call.allocate(2, keyShape);
  if (!queryGrad || !keyGrad || !valueGrad ||
      failed(call.expectShape(op.getKey(), keyShape)) ||
      failed(call.expectShape(op.getValue(), keyShape)) ||
      failed(call.expectShape(op.getOutput(), query.shape)) ||
      failed(call.expectShape(op.getGrad(), query.shape)) ||
      failed(call.expectShape(op.getLse(),
                              {heads.batch, heads.heads, heads.time})))
    return failure();

  for (int64_t b = 0; b < heads.batch; ++b)
    for (int64_t h = 0; h < heads.heads; ++h)
      for (int64_t t = 0; t < heads.time; ++t) {
        int64_t row = heads.query(b, h, t);
        const double *dout = &grad.values[row];
        double d = dot(dout, &out.values[row], heads.dim);
        for (int64_t s = heads.firstSeen(b, t); s < heads.seenEnd(t); ++s) {
          int64_t other = heads.key(b, h, s);
          double score = heads.score(
              dot(&query.values[row], &key.values[other], heads.dim));
          double p = std::exp(score - lse.values[heads.lse(b, h, t)]);
          double ds = p * heads.slope(score) *
                      (dot(dout, &value.values[other], heads.dim) - d);
          for (int64_t k = 0; k < heads.dim; ++k) {
            valueGrad->values[other + k] += p * dout[k];
            queryGrad->values[row + k] +=
                heads.scale * ds * key.values[other + k];
            keyGrad->values[other + k] +=
                heads.scale * ds * query.values[row + k];
          }
        }
      }
  return success();
}

std::optional<LogicalResult> lns::interpret::interpretAttention(OpCall &call) {
  if (auto op = dyn_cast<AttentionOp>(call.op))
    return interpretForward(call, op);
  if (auto op = dyn_cast<AttentionGradOp>(call.op))
    return interpretGrad(call, op);
  if (auto op = dyn_cast<AppendOp>(call.op))
    return interpretAppend(call, op);
  if (auto op = dyn_cast<CachedAttentionOp>(call.op))
    return interpretCached(call, op);
  return std::nullopt;
}
