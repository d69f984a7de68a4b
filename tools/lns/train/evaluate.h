//===- evaluate.h - Held-out loss and generated text ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_EVALUATE_H
#define LNS_TOOLS_LNS_TRAIN_EVALUATE_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/batch.h"
#include "tools/lns/train/plan_session.h"
#include "tools/lns/train/sampler.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lns::tool {

struct HeldOutLoss {
  double mean = 0;      ///< nats per target
  uint64_t targets = 0; ///< measured
};

/// Mean loss over all targets of the rows, or of those in the first
/// `maxBatches` batches of the plan's size (0: all). Every target weighs the
/// same: the last batch is padded with ignored targets. The mean is the same
/// for every batch size up to the rounding of each batch's loss to f32. An
/// interrupt (interrupt.h) ends it, and what is generated, within one batch.
Expected<HeldOutLoss> evaluateLoss(const PlanFile &plan, PlanSession &session,
                                   const HeldOutSource &heldOut,
                                   uint64_t maxBatches);

/// What to draw.
struct Generation {
  std::vector<int32_t> start; ///< what every text begins with; not empty
  uint64_t texts = 1;
  uint64_t count = 0; ///< tokens to add to each
  /// By id, which tokens may be drawn, none beyond it; empty: all of the plan.
  std::vector<bool> allowed;
  std::vector<uint32_t> ends; ///< a text ends before such a token
};

/// Continues a text, `texts` times over in rows of one batch (so `texts` <= B
/// cost no more than one), and hands out each token with its text's number as
/// it is drawn. The model sees the last T tokens. With a plan that decodes, a
/// token costs a token until there are T of them.
Status generateTokens(const PlanFile &plan, PlanSession &session,
                      const Generation &wanted, const SamplerOptions &options,
                      const std::function<Status(uint64_t, uint32_t)> &emit);

/// The same for bytes: continues `prompt` by `count` bytes, `texts` times over,
/// or until byte 0 if `endsAtZero`, as documents of bytes end. The plan's
/// vocabulary must be bytes (256).
Status generateTexts(const PlanFile &plan, PlanSession &session,
                     const std::string &prompt, uint64_t texts, uint64_t count,
                     bool endsAtZero, const SamplerOptions &options,
                     const std::function<void(uint64_t, unsigned char)> &emit);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_EVALUATE_H
