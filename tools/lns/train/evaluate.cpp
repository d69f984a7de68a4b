//===- evaluate.cpp - Held-out loss and generated text --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/evaluate.h"

#include "tools/lns/base/interrupt.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <span>
#include <vector>

namespace lns::tool {

Expected<HeldOutLoss> evaluateLoss(const PlanFile &plan, PlanSession &session,
                                   const HeldOutSource &heldOut,
                                   uint64_t maxBatches) {
  uint32_t batch = plan.info().batch;
  uint64_t batches = (heldOut.rowCount() + batch - 1) / batch;
  if (maxBatches > 0)
    batches = std::min(batches, maxBatches);
  Batch rows = plan.makeBatch();
  HeldOutLoss result;
  double sum = 0;
  for (uint64_t i = 0; i < batches; ++i) {
    LNS_RETURN_IF_ERROR(stopIfInterrupted());
    LNS_RETURN_IF_ERROR(heldOut.fillRows(i * batch, rows));
    float loss = 0;
    LNS_RETURN_IF_ERROR(session.eval(rows, loss));
    sum += static_cast<double>(loss) * static_cast<double>(rows.targetCount);
    result.targets += rows.targetCount;
  }
  result.mean = sum / static_cast<double>(result.targets);
  return result;
}

namespace {

/// The logits of the token behind each of some rows of one length, row by row.
/// With an entry point for it, a token costs a token as long as the rows fit
/// into a sequence of the plan; behind that, and without it, what the model
/// makes of the last T tokens.
class NextLogits {
public:
  NextLogits(const PlanFile &plan, PlanSession &session)
      : plan(plan), session(session) {}

  Status compute(const std::vector<std::vector<int32_t>> &rows) {
    if (plan.info().decode && rows.front().size() <= plan.info().sequence)
      return decode(rows);
    return computeAll(rows);
  }

  std::span<float> row(size_t index) {
    uint32_t vocabulary = plan.info().vocabulary;
    return {logits.data() + index * stride + offset, vocabulary};
  }

private:
  /// Hands on the tokens that have not been yet.
  Status decode(const std::vector<std::vector<int32_t>> &rows) {
    const lnsrt_plan_info &info = plan.info();
    logits.resize(size_t(info.batch) * info.vocabulary);
    stride = info.vocabulary;
    tokens.assign(info.batch, 0);
    std::vector<int32_t> positions(info.batch, 0);
    for (; done < rows.front().size(); ++done) {
      LNS_RETURN_IF_ERROR(stopIfInterrupted());
      for (size_t r = 0; r < rows.size(); ++r)
        tokens[r] = rows[r][done];
      std::fill(positions.begin(), positions.end(), static_cast<int32_t>(done));
      LNS_RETURN_IF_ERROR(takeError(lnsrt_decode(
          session.get(), tokens.data(), positions.data(), logits.data())));
    }
    return Status::success();
  }

  /// Attention is causal, so what stands after the last token does not matter.
  Status computeAll(const std::vector<std::vector<int32_t>> &rows) {
    const lnsrt_plan_info &info = plan.info();
    tokens.resize(plan.batchTokens());
    logits.resize(plan.batchTokens() * info.vocabulary);
    size_t length = std::min<size_t>(rows.front().size(), info.sequence);
    for (size_t r = 0; r < rows.size(); ++r)
      std::copy(rows[r].end() - static_cast<ptrdiff_t>(length), rows[r].end(),
                tokens.begin() + static_cast<ptrdiff_t>(r * info.sequence));
    stride = size_t(info.sequence) * info.vocabulary;
    offset = (length - 1) * info.vocabulary;
    return takeError(lnsrt_logits(session.get(), tokens.data(), logits.data()));
  }

  const PlanFile &plan;
  PlanSession &session;
  std::vector<int32_t> tokens;
  std::vector<float> logits;
  size_t stride = 0, offset = 0; ///< of rows in `logits`
  size_t done = 0;               ///< tokens of each row that were decoded
};

} // namespace

Status generateTokens(const PlanFile &plan, PlanSession &session,
                      const Generation &wanted, const SamplerOptions &options,
                      const std::function<Status(uint64_t, uint32_t)> &emit) {
  const lnsrt_plan_info &info = plan.info();
  if (wanted.texts > info.batch)
    return Status::failure(
        fmt::format("{}: {} texts at once, the plan's batch is {}; ask for "
                    "fewer or compile a plan with a larger --batch",
                    plan.path(), wanted.texts, info.batch));
  std::vector<std::vector<int32_t>> rows(wanted.texts, wanted.start);
  std::vector<bool> ended(wanted.texts, false);

  NextLogits next(plan, session);
  for (uint64_t i = 0; i < wanted.count; ++i) {
    if (std::find(ended.begin(), ended.end(), false) == ended.end())
      break;
    LNS_RETURN_IF_ERROR(stopIfInterrupted());
    LNS_RETURN_IF_ERROR(next.compute(rows));
    for (uint64_t r = 0; r < wanted.texts; ++r) {
      std::span<float> row = next.row(r);
      for (size_t id = 0; id < row.size() && !wanted.allowed.empty(); ++id)
        if (id >= wanted.allowed.size() || !wanted.allowed[id])
          row[id] = -std::numeric_limits<float>::infinity();
      SamplerOptions ownOptions = options;
      ownOptions.text = static_cast<uint32_t>(r);
      int32_t token = sampleToken(row, ownOptions, i);
      if (token < 0)
        return Status::failure(
            "no logit is finite; the checkpoint is damaged or has diverged");
      // An ended text goes on unseen, in step with the others.
      rows[r].push_back(token);
      auto id = static_cast<uint32_t>(token);
      ended[r] = ended[r] || std::find(wanted.ends.begin(), wanted.ends.end(),
                                       id) != wanted.ends.end();
      if (!ended[r])
        LNS_RETURN_IF_ERROR(emit(r, id));
    }
  }
  return Status::success();
}

Status generateTexts(const PlanFile &plan, PlanSession &session,
                     const std::string &prompt, uint64_t texts, uint64_t count,
                     bool endsAtZero, const SamplerOptions &options,
                     const std::function<void(uint64_t, unsigned char)> &emit) {
  if (plan.info().vocabulary != 256)
    return Status::failure(fmt::format(
        "{}: vocabulary of {}, text can be sampled from byte models (256) "
        "only; give the model's tokenizer (lns sample --tokenizer)",
        plan.path(), plan.info().vocabulary));
  Generation wanted;
  wanted.texts = texts;
  wanted.count = count;
  if (endsAtZero)
    wanted.ends = {0};
  // Without a prompt the text starts as after a line break.
  for (char c : prompt.empty() ? std::string("\n") : prompt)
    wanted.start.push_back(static_cast<unsigned char>(c));
  return generateTokens(plan, session, wanted, options,
                        [&](uint64_t text, uint32_t token) {
                          emit(text, static_cast<unsigned char>(token));
                          return Status::success();
                        });
}

} // namespace lns::tool
