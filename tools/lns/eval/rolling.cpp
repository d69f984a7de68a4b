//===- rolling.cpp - Likelihood of whole texts in windows -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/rolling.h"

#include "tools/lns/base/python_text.h"
#include "tools/lns/eval/log_likelihood.h"

#include <cmath>
#include <numbers>

namespace lns::tool {

ScoredText RollingWindows::operator[](size_t index) const {
  size_t begin = index * sequence;
  size_t end = std::min(begin + sequence, tokens.size());
  auto copy = [&](size_t from, size_t to) {
    return std::vector<int32_t>(tokens.begin() + static_cast<ptrdiff_t>(from),
                                tokens.begin() + static_cast<ptrdiff_t>(to));
  };
  std::vector<int32_t> before = {prefix};
  // T inputs, of which the last is the one before the window's last token.
  if (index > 0)
    before = copy(end - sequence - 1, begin);
  return ScoredText(
      std::make_shared<const std::vector<int32_t>>(std::move(before)),
      copy(begin, end), sequence);
}

double RollingScore::bitsPerByte() const {
  return -logLikelihood / (static_cast<double>(bytes) * std::numbers::ln2);
}
double RollingScore::bytePerplexity() const {
  return std::exp(-logLikelihood / static_cast<double>(bytes));
}
double RollingScore::wordPerplexity() const {
  return std::exp(-logLikelihood / static_cast<double>(words));
}

Status scoreRolling(const PlanFile &plan, PlanSession &session,
                    std::string_view text, std::span<const int32_t> tokens,
                    int32_t prefix, std::optional<uint64_t> packAlign,
                    RollingScore &score) {
  RollingWindows windows(tokens, prefix, plan.info().sequence);
  // Some batches at once, so that memory does not grow with the text.
  size_t atOnce = size_t{16} * plan.info().batch;
  for (size_t first = 0; first < windows.size(); first += atOnce) {
    std::vector<ScoredText> part;
    for (size_t i = first; i < std::min(first + atOnce, windows.size()); ++i)
      part.push_back(windows[i]);
    Expected<std::vector<double>> sums =
        computeLogLikelihoods(plan, session, part, packAlign);
    if (!sums)
      return sums.status();
    for (double sum : *sums)
      score.logLikelihood += sum;
  }
  score.texts += 1;
  score.windows += windows.size();
  score.tokens += tokens.size();
  score.bytes += text.size();
  score.words += countWords(text);
  return Status::success();
}

} // namespace lns::tool
