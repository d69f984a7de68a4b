//===- evaluate.h - Held-out loss and generated text ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EVALUATE_H
#define LNS_TOOLS_LNS_EVALUATE_H

#include "data_loader.h"
#include "plan_session.h"
#include "sampler.h"
#include "status.h"

#include <cstdint>
#include <functional>
#include <string>

namespace lns::tool {

/// Mean loss in nats per token over the loader's first `maxBatches` sequential
/// batches (0: all of them). An interrupt (interrupt.h) ends it, and
/// generateTexts, within one batch.
Expected<double> evaluateLoss(const PlanFile &plan, PlanSession &session,
                              const DataLoader &loader, uint64_t maxBatches);

/// Continues `prompt` by `count` bytes, `texts` times over in rows of one batch
/// (so `texts` <= B cost no more than one), and hands out each byte with its
/// text's number as it is made. The plan's vocabulary must be bytes (256). The
/// model sees the last T bytes.
Status generateTexts(const PlanFile &plan, PlanSession &session,
                     const std::string &prompt, uint64_t texts, uint64_t count,
                     const SamplerOptions &options,
                     const std::function<void(uint64_t, unsigned char)> &emit);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EVALUATE_H
