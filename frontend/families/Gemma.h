//===- Gemma.h - What Gemma 2 and 3 have in common --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_FAMILIES_GEMMA_H
#define LNS_FRONTEND_FAMILIES_GEMMA_H

#include "frontend/DecoderConfig.h"
#include "frontend/Families.h"
#include "frontend/JsonConfig.h"

namespace lns {

/// Soft-caps where the file does not name them; none: without.
struct GemmaCaps {
  std::optional<double> scores = std::nullopt, logits = std::nullopt;
};

/// The soft-caps, of which a null is none, the scale of scores, and that of the
/// embedding: the square root of its width.
void readGemma(JsonSection &root, DecoderConfig &config, const GemmaCaps &caps);

} // namespace lns

#endif // LNS_FRONTEND_FAMILIES_GEMMA_H
