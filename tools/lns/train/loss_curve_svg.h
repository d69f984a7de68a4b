//===- loss_curve_svg.h - The loss curve as a picture -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_LOSS_CURVE_SVG_H
#define LNS_TOOLS_LNS_TRAIN_LOSS_CURVE_SVG_H

#include "tools/lns/train/metrics.h"

#include <string>

namespace lns::tool {

/// An SVG picture: training loss of every step (faint), smoothed (bold), and
/// held-out loss (dots), over steps, in nats per token.
std::string drawLossCurve(const MetricsHistory &history,
                          const std::string &title);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_LOSS_CURVE_SVG_H
