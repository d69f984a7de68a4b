//===- usefulness.cpp - Blocks that a linear map can replace --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/usefulness.h"

#include "tools/lns/base/interrupt.h"
#include "tools/lns/diagnose/interventions.h"
#include "tools/lns/diagnose/stream_stats.h"

#include "runtime/lnsrt.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

using Json = nlohmann::ordered_json;

namespace {
/// Tokens for each column of the map, at least.
constexpr uint64_t kTokensPerColumn = 10;
/// A loss that is larger by this much says that a block is of use.
constexpr double kRise = 0.1;
/// A pivot this much smaller than its diagonal is one of rounding.
constexpr double kSmallestPivot = 1e-13;
} // namespace

AffineFit::AffineFit(uint32_t width)
    : width(width), size(size_t{width} + 1), gram(size * size),
      moments(size * width) {}

void AffineFit::add(const float *from, const float *to, uint64_t rows) {
  std::vector<double> x(size, 1.0);
  for (uint64_t r = 0; r < rows; ++r, from += width, to += width) {
    std::copy_n(from, width, x.begin());
    for (size_t i = 0; i < size; ++i) {
      for (size_t j = 0; j <= i; ++j)
        gram[i * size + j] += x[i] * x[j];
      for (size_t j = 0; j < width; ++j)
        moments[i * width + j] += x[i] * static_cast<double>(to[j]);
    }
  }
}

/// Cholesky's decomposition, in place, and both substitutions.
bool AffineFit::solve() {
  for (size_t j = 0; j < size; ++j) {
    double diagonal = gram[j * size + j], pivot = diagonal;
    for (size_t k = 0; k < j; ++k)
      pivot -= gram[j * size + k] * gram[j * size + k];
    if (!(pivot > kSmallestPivot * diagonal))
      return false;
    double root = std::sqrt(pivot);
    gram[j * size + j] = root;
    for (size_t i = j + 1; i < size; ++i) {
      double sum = gram[i * size + j];
      for (size_t k = 0; k < j; ++k)
        sum -= gram[i * size + k] * gram[j * size + k];
      gram[i * size + j] = sum / root;
    }
  }
  map = moments;
  for (size_t i = 0; i < size; ++i)
    for (size_t c = 0; c < width; ++c) {
      double &value = map[i * width + c];
      for (size_t k = 0; k < i; ++k)
        value -= gram[i * size + k] * map[k * width + c];
      value /= gram[i * size + i];
    }
  for (size_t i = size; i-- > 0;)
    for (size_t c = 0; c < width; ++c) {
      double &value = map[i * width + c];
      for (size_t k = i + 1; k < size; ++k)
        value -= gram[k * size + i] * map[k * width + c];
      value /= gram[i * size + i];
    }
  return true;
}

void AffineFit::apply(const float *x, float *y) const {
  for (size_t c = 0; c < width; ++c) {
    double sum = map[width * width + c];
    for (size_t k = 0; k < width; ++k)
      sum += static_cast<double>(x[k]) * map[k * width + c];
    y[c] = static_cast<float>(sum);
  }
}

Expected<StreamInput> findStreamInput(const ModelGraph &graph,
                                      const Subject &subject) {
  auto refuse = [&](const std::string &why) {
    return Status::failure(fmt::format("{}: --measure=usefulness: {}; leave it "
                                       "out",
                                       subject.plan.path(), why));
  };
  StreamInput input;
  std::string value = graph.runs.empty() ? "" : graph.runs.front().input;
  const GraphOp *op = graph.find(value);
  for (size_t steps = 0; op && op->kind == "scale" && !op->operands.empty() &&
                         steps <= graph.ops.size();
       ++steps) {
    input.factor *= op->number("factor", 1);
    op = graph.find(op->operands[0].name);
  }
  if (!op || op->kind != "embedding" || op->operands.empty() ||
      op->operands[0].kind != GraphOperand::Kind::Parameter ||
      input.factor == 0)
    return refuse(fmt::format(
        "what the first block takes is no row of the embedding, but '{}'",
        op ? op->kind : "nothing"));
  const std::string &name = op->operands[0].name;
  size_t users = 0;
  for (const GraphOp &other : graph.ops)
    for (const GraphOperand &operand : other.operands)
      users +=
          operand.kind == GraphOperand::Kind::Parameter && operand.name == name;
  if (users != 1)
    return refuse("the head has the embedding's table, which would be another");
  const std::vector<TensorDescription> &all = subject.session.tensors();
  auto it = std::find_if(
      all.begin(), all.end(),
      [&](const TensorDescription &tensor) { return tensor.name == name; });
  if (it == all.end() || it->shape.size() != 2)
    return refuse("the embedding has no table of rows");
  input.table = static_cast<size_t>(it - all.begin());
  const lnsrt_plan_info &info = subject.plan.info();
  input.rows = std::min<uint64_t>(info.batch, info.vocabulary / info.sequence);
  if (input.rows == 0)
    return refuse(fmt::format(
        "a stream is put in as rows of the embedding, one for each token of a "
        "row, but the vocabulary has {} and a row {}; compile with a smaller "
        "--seq",
        info.vocabulary, info.sequence));
  return input;
}

namespace {
/// Measures losses of streams behind a block.
class StreamLoss {
public:
  StreamLoss(const Subject &subject, const TraceLayout &layout,
             const std::vector<BlockTensors> &blocks, const StreamInput &input)
      : subject(subject), blocks(blocks), input(input), width(layout.width),
        sequence(subject.rows.sequence) {}

  /// Sum over `count` rows, of data from `firstRow` on, of their mean loss with
  /// `stream`, [count x T, d], behind block `block` (from 0).
  Expected<double> sum(uint64_t block, uint64_t firstRow, uint64_t count,
                       const std::vector<float> &stream) {
    ChangedTensors changed(subject.session);
    for (uint64_t l = 0; l <= block; ++l)
      LNS_RETURN_IF_ERROR(changed.makeZero(blocks[l].ends));
    std::vector<float> table(subject.session.tensors()[input.table].elements);
    std::vector<int32_t> tokens(subject.plan.batchTokens(), 0);
    std::vector<int32_t> targets(tokens.size());
    double total = 0;
    for (uint64_t first = 0; first < count; first += input.rows) {
      LNS_RETURN_IF_ERROR(stopIfInterrupted());
      uint64_t rows = std::min(input.rows, count - first);
      std::fill(targets.begin(), targets.end(), LNSRT_IGNORED_TARGET);
      for (uint64_t i = 0; i < rows * sequence; ++i) {
        tokens[i] = static_cast<int32_t>(i);
        targets[i] = subject.rows.targets[(firstRow + first) * sequence + i];
        for (uint32_t j = 0; j < width; ++j)
          table[i * width + j] = static_cast<float>(
              static_cast<double>(stream[(first * sequence + i) * width + j]) /
              input.factor);
      }
      LNS_RETURN_IF_ERROR(changed.change(input.table, table));
      float loss = 0;
      LNS_RETURN_IF_ERROR(takeError(lnsrt_eval(
          subject.session.get(), tokens.data(), targets.data(), &loss)));
      total += static_cast<double>(loss) * static_cast<double>(rows);
    }
    LNS_RETURN_IF_ERROR(changed.restore());
    return total;
  }

private:
  const Subject &subject;
  const std::vector<BlockTensors> &blocks;
  const StreamInput &input;
  uint32_t width, sequence;
};
} // namespace

Expected<Json> measureUsefulness(const Subject &subject,
                                 const TraceLayout &layout,
                                 const std::vector<BlockTensors> &blocks,
                                 const StreamInput &input) {
  for (const BlockTensors &block : blocks)
    if (!block.refusal.empty())
      return Status::failure(
          fmt::format("{}: --measure=usefulness: {}; leave it out",
                      subject.plan.path(), block.refusal));
  uint32_t width = layout.width, sequence = subject.rows.sequence;
  uint64_t fitRows = subject.rows.rows / 2;
  if (fitRows * sequence < kTokensPerColumn * width)
    return Status::failure(fmt::format(
        "{}: --measure=usefulness: {} tokens to fit a map of {} columns on, "
        "half of the rows, but {} a column are needed; give more --rows",
        subject.plan.path(), fitRows * sequence, width, kTokensPerColumn));
  std::vector<AffineFit> fits(layout.blocks(), AffineFit(width));
  Trace trace(layout, subject.plan.batchTokens());
  uint64_t size = subject.plan.info().batch;
  auto forEachPart = [&](bool fit, auto visit) -> Status {
    for (uint64_t batch = 0; batch < subject.batches(); ++batch) {
      uint64_t first = batch * size, end = first + subject.rowsIn(batch);
      uint64_t from = fit ? first : std::max(first, fitRows);
      uint64_t to = fit ? std::min(end, fitRows) : end;
      if (from >= to)
        continue;
      LNS_RETURN_IF_ERROR(traceBatch(subject, batch, trace));
      LNS_RETURN_IF_ERROR(
          visit(from, (from - first) * sequence, (to - from) * sequence));
    }
    return Status::success();
  };
  LNS_RETURN_IF_ERROR(forEachPart(
      true, [&](uint64_t, uint64_t offset, uint64_t tokens) -> Status {
        for (uint64_t l = 0; l < layout.blocks(); ++l)
          fits[l].add(trace.stream(l) + offset * width,
                      trace.stream(l + 1) + offset * width, tokens);
        return Status::success();
      }));
  std::vector<bool> solved;
  for (AffineFit &fit : fits)
    solved.push_back(fit.solve());
  StreamLoss loss(subject, layout, blocks, input);
  std::vector<double> replaced(layout.blocks());
  double whole = 0;
  LNS_RETURN_IF_ERROR(forEachPart(
      false,
      [&](uint64_t firstRow, uint64_t offset, uint64_t tokens) -> Status {
        std::vector<float> stream(tokens * width);
        auto addLoss = [&](uint64_t l, double &to) -> Status {
          Expected<double> sum =
              loss.sum(l, firstRow, tokens / sequence, stream);
          if (!sum)
            return sum.status();
          to += *sum;
          return Status::success();
        };
        // The same way with the stream as it is, so that both are rounded
        // alike.
        const float *end = trace.stream(layout.blocks()) + offset * width;
        std::copy_n(end, stream.size(), stream.begin());
        LNS_RETURN_IF_ERROR(addLoss(layout.blocks() - 1, whole));
        for (uint64_t l = 0; l < layout.blocks(); ++l) {
          if (!solved[l])
            continue;
          const float *x = trace.stream(l) + offset * width;
          for (uint64_t t = 0; t < tokens; ++t)
            fits[l].apply(x + t * width, stream.data() + t * width);
          LNS_RETURN_IF_ERROR(addLoss(l, replaced[l]));
        }
        return Status::success();
      }));
  auto rows = static_cast<double>(subject.rows.rows - fitRows);
  Json losses = Json::array();
  uint64_t useful = 0, known = 0;
  for (uint64_t l = 0; l < layout.blocks(); ++l) {
    losses.push_back(solved[l] ? finiteOrNull(replaced[l] / rows)
                               : Json(nullptr));
    known += solved[l];
    // What is not finite is no better.
    useful += solved[l] && !(replaced[l] <= whole * (1 + kRise));
  }
  return Json{{"loss", finiteOrNull(whole / rows)},
              {"loss_with_affine_map", losses},
              {"useful_share", finiteOrNull(static_cast<double>(useful) /
                                            static_cast<double>(known))},
              {"fit_rows", fitRows},
              {"score_rows", subject.rows.rows - fitRows}};
}

} // namespace lns::tool
