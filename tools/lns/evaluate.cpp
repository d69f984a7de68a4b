//===- evaluate.cpp - Held-out loss and generated text --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "evaluate.h"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

namespace lns::tool {

Expected<double> evaluateLoss(const PlanFile &plan, PlanSession &session,
                              const DataLoader &loader, uint64_t maxBatches) {
  uint64_t count = loader.sequentialBatches();
  if (maxBatches > 0)
    count = std::min(count, maxBatches);
  std::vector<int32_t> tokens(plan.batchTokens()), targets(tokens.size());
  double sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    LNS_RETURN_IF_ERROR(
        loader.sequentialBatch(i, tokens.data(), targets.data()));
    float loss = 0;
    LNS_RETURN_IF_ERROR(takeError(
        lnsrt_eval(session.get(), tokens.data(), targets.data(), &loss)));
    sum += static_cast<double>(loss);
  }
  return sum / static_cast<double>(count);
}

Status generateText(const PlanFile &plan, PlanSession &session,
                    const std::string &prompt, uint64_t count,
                    const SamplerOptions &options,
                    const std::function<void(unsigned char)> &emit) {
  const lnsrt_plan_info &info = plan.info();
  if (info.vocabulary != 256)
    return Status::failure(fmt::format(
        "{}: vocabulary of {}, text can be sampled from byte models (256) only",
        plan.path(), info.vocabulary));
  // Without a prompt the text starts as after a line break.
  std::vector<int32_t> text;
  for (char c : prompt.empty() ? std::string("\n") : prompt)
    text.push_back(static_cast<unsigned char>(c));

  // Only the first row is used; attention is causal, so what stands after the
  // last byte does not matter.
  std::vector<int32_t> tokens(plan.batchTokens());
  std::vector<float> logits(plan.batchTokens() * info.vocabulary);
  for (uint64_t i = 0; i < count; ++i) {
    size_t length = std::min<size_t>(text.size(), info.sequence);
    std::copy(text.end() - static_cast<ptrdiff_t>(length), text.end(),
              tokens.begin());
    LNS_RETURN_IF_ERROR(
        takeError(lnsrt_logits(session.get(), tokens.data(), logits.data())));
    std::span<const float> last(logits.data() + (length - 1) * info.vocabulary,
                                info.vocabulary);
    int32_t token = sampleToken(last, options, i);
    if (token < 0)
      return Status::failure(
          "no logit is finite; the checkpoint is damaged or has diverged");
    text.push_back(token);
    emit(static_cast<unsigned char>(token));
  }
  return Status::success();
}

} // namespace lns::tool
