//===- log_likelihood.cpp - How likely texts are to a model ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/log_likelihood.h"

#include "tools/lns/base/interrupt.h"
#include "tools/lns/eval/row_layout.h"

#include <cmath>

namespace lns::tool {

double logNormalizer(std::span<const float> logits) {
  float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(static_cast<double>(logit) - static_cast<double>(largest));
  return static_cast<double>(largest) + std::log(sum);
}

namespace {
/// The logits of a batch of rows, and of each position what its exponentials
/// add up to, computed when it is first asked for.
class BatchLogits {
public:
  explicit BatchLogits(const PlanFile &plan)
      : vocabulary(plan.info().vocabulary),
        logits(plan.batchTokens() * vocabulary),
        normalizers(plan.batchTokens()) {}

  Status compute(PlanSession &session, const Batch &batch) {
    std::fill(normalizers.begin(), normalizers.end(), NAN);
    return session.logits(batch, logits);
  }

  double logProbability(size_t position, int32_t token) {
    std::span<const float> row = {logits.data() + position * vocabulary,
                                  vocabulary};
    double &normalizer = normalizers[position];
    if (std::isnan(normalizer))
      normalizer = logNormalizer(row);
    return static_cast<double>(row[static_cast<size_t>(token)]) - normalizer;
  }

private:
  size_t vocabulary;
  std::vector<float> logits;
  std::vector<double> normalizers; ///< NAN: not computed
};
} // namespace

/// Puts rows from number `first` on into the batch, with starts if texts share
/// rows. Attention is causal: what stands behind a text does not matter, and is
/// documents of one token, which cost the least.
static void fillRows(const RowLayout &layout, size_t first, bool packed,
                     std::span<const ScoredText> texts, Batch &batch) {
  std::fill(batch.tokens.begin(), batch.tokens.end(), 0);
  if (packed) {
    batch.starts.resize(batch.tokens.size());
    for (size_t i = 0; i < batch.starts.size(); ++i)
      batch.starts[i] = static_cast<int32_t>(i % batch.sequence);
  }
  size_t end = std::min(first + batch.rows, layout.rows.size());
  for (size_t row = first; row < end; ++row)
    for (const RowPart &part : layout.rows[row]) {
      size_t place = (row - first) * batch.sequence + part.begin;
      for (size_t i = 0; i < texts[part.text].inputs(); ++i) {
        batch.tokens[place + i] = texts[part.text].input(i);
        if (packed)
          batch.starts[place + i] = static_cast<int32_t>(part.begin);
      }
    }
}

Expected<std::vector<double>>
computeLogLikelihoods(const PlanFile &plan, PlanSession &session,
                      std::span<const ScoredText> texts,
                      std::optional<uint64_t> packAlign) {
  Batch batch = plan.makeBatch();
  RowLayout layout = packAlign ? packRows(texts, batch.sequence, *packAlign)
                               : layOutRows(texts);
  // Texts by row, so that each batch finds its own.
  std::vector<std::vector<size_t>> byRow(layout.rows.size());
  for (size_t i = 0; i < texts.size(); ++i)
    byRow[layout.places[i].row].push_back(i);

  std::vector<double> sums(texts.size(), 0);
  BatchLogits logits(plan);
  for (size_t first = 0; first < layout.rows.size(); first += batch.rows) {
    LNS_RETURN_IF_ERROR(stopIfInterrupted());
    fillRows(layout, first, packAlign.has_value(), texts, batch);
    LNS_RETURN_IF_ERROR(logits.compute(session, batch));
    size_t end = std::min<size_t>(first + batch.rows, layout.rows.size());
    for (size_t row = first; row < end; ++row)
      for (size_t text : byRow[row]) {
        const std::vector<int32_t> &scored = texts[text].continuation();
        size_t position = (row - first) * batch.sequence +
                          layout.places[text].begin + texts[text].inputs() -
                          scored.size();
        for (int32_t token : scored)
          sums[text] += logits.logProbability(position++, token);
        if (!std::isfinite(sums[text]))
          return Status::failure(plan.path() +
                                 ": logits are not finite; the checkpoint is "
                                 "damaged or has diverged");
      }
  }
  return sums;
}

} // namespace lns::tool
