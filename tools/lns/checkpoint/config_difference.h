//===- config_difference.h - Two config.json of one model? ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_CONFIG_DIFFERENCE_H
#define LNS_TOOLS_LNS_CHECKPOINT_CONFIG_DIFFERENCE_H

#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// Keys of which no tensor's shape and no fact of an identity tells (windows,
/// soft-caps, multipliers, activations, RoPE), where the two texts mean
/// something else: "sliding_window: 8 here, null in the checkpoint". What one
/// of them leaves out is its family's default there; a key that one of two
/// families does not have is not compared. Empty for texts that are no JSON
/// objects.
std::vector<std::string> describeConfigDifferences(std::string_view here,
                                                   std::string_view there);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_CONFIG_DIFFERENCE_H
