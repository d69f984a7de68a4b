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
#include <vector>

namespace lns::tool {

Expected<HeldOutLoss> evaluateLoss(const PlanFile &plan, PlanSession &session,
                                   const HeldOutRows &heldOut,
                                   uint64_t maxBatches) {
  uint32_t batch = plan.info().batch;
  uint64_t batches = (heldOut.rowCount() + batch - 1) / batch;
  if (maxBatches > 0)
    batches = std::min(batches, maxBatches);
  std::vector<int32_t> tokens(plan.batchTokens()), targets(tokens.size());
  HeldOutLoss result;
  double sum = 0;
  for (uint64_t i = 0; i < batches; ++i) {
    LNS_RETURN_IF_ERROR(stopIfInterrupted());
    Expected<uint64_t> counted =
        heldOut.fill(i * batch, batch, tokens.data(), targets.data());
    if (!counted)
      return counted.status();
    float loss = 0;
    LNS_RETURN_IF_ERROR(takeError(
        lnsrt_eval(session.get(), tokens.data(), targets.data(), &loss)));
    sum += static_cast<double>(loss) * static_cast<double>(*counted);
    result.targets += *counted;
  }
  result.mean = sum / static_cast<double>(result.targets);
  return result;
}

Status generateTexts(const PlanFile &plan, PlanSession &session,
                     const std::string &prompt, uint64_t texts, uint64_t count,
                     const SamplerOptions &options,
                     const std::function<void(uint64_t, unsigned char)> &emit) {
  const lnsrt_plan_info &info = plan.info();
  if (info.vocabulary != 256)
    return Status::failure(fmt::format(
        "{}: vocabulary of {}, text can be sampled from byte models (256) only",
        plan.path(), info.vocabulary));
  if (texts > info.batch)
    return Status::failure(
        fmt::format("{}: {} texts at once, the plan's batch is {}; ask for "
                    "fewer or compile a plan with a larger --batch",
                    plan.path(), texts, info.batch));
  // Without a prompt the text starts as after a line break.
  std::vector<int32_t> start;
  for (char c : prompt.empty() ? std::string("\n") : prompt)
    start.push_back(static_cast<unsigned char>(c));
  std::vector<std::vector<int32_t>> rows(texts, start);

  // Attention is causal, so what stands after the last byte does not matter.
  std::vector<int32_t> tokens(plan.batchTokens());
  std::vector<float> logits(plan.batchTokens() * info.vocabulary);
  for (uint64_t i = 0; i < count; ++i) {
    LNS_RETURN_IF_ERROR(stopIfInterrupted());
    size_t length = std::min<size_t>(start.size() + i, info.sequence);
    for (uint64_t r = 0; r < texts; ++r)
      std::copy(rows[r].end() - static_cast<ptrdiff_t>(length), rows[r].end(),
                tokens.begin() + static_cast<ptrdiff_t>(r * info.sequence));
    LNS_RETURN_IF_ERROR(
        takeError(lnsrt_logits(session.get(), tokens.data(), logits.data())));
    for (uint64_t r = 0; r < texts; ++r) {
      size_t last = r * info.sequence + length - 1;
      SamplerOptions ownOptions = options;
      ownOptions.text = static_cast<uint32_t>(r);
      int32_t token =
          sampleToken({logits.data() + last * info.vocabulary, info.vocabulary},
                      ownOptions, i);
      if (token < 0)
        return Status::failure(
            "no logit is finite; the checkpoint is damaged or has diverged");
      rows[r].push_back(token);
      emit(r, static_cast<unsigned char>(token));
    }
  }
  return Status::success();
}

} // namespace lns::tool
