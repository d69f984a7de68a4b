//===- fold_mark.h - Files whose gains hold a depth scale -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// LayerNorm Scaling multiplies the output of a norm in block l by 1/sqrt(l),
// which its gain can do as well. An export does that, so that what knows plain
// models alone computes the same, and says so in config.json and in the
// metadata of each file, so that nothing does it twice.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_FOLD_MARK_H
#define LNS_TOOLS_LNS_CHECKPOINT_FOLD_MARK_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// The key of the mark in config.json, where it is an object, and in the
/// metadata of a safetensors file, where it is that object as text.
inline constexpr const char *markKey = "lnsc";

/// {"folded": true, "norm": "lns", "version": 1}: what the scheme `norm`
/// multiplies by has gone into the parameters. With "lns" it can come out
/// again; with others the file is what its model_type says, and the mark tells
/// where it came from.
struct FoldMark {
  std::string norm;

  bool operator==(const FoldMark &) const = default;
  /// Whether gains are those of the scheme, scaled.
  bool unfolds() const { return norm == "lns"; }
};

nlohmann::json toJson(const FoldMark &mark);

/// The mark of a config.json, if it has one: a file of ours that is not folded
/// has a model_type of its own, and no mark. `place` is for messages.
Expected<std::optional<FoldMark>> readMark(const nlohmann::json &config,
                                           const std::string &place);

/// That which the metadata of a file says.
Expected<std::optional<FoldMark>>
readMetadataMark(const std::optional<std::string> &text,
                 const std::string &place);

/// The gains, and biases, of the norms whose output is scaled with depth, as
/// the graph of an identity has them.
class ScaledNorms {
public:
  explicit ScaledNorms(std::string_view identity);

  /// l, from 1, of a parameter of such a norm; none for another parameter.
  std::optional<uint64_t> block(std::string_view name) const;
  /// Whether such a norm has no gain to hold the scale.
  bool isBare() const { return bare; }
  /// "model.layers.{layer}.input_layernorm.weight".
  const std::vector<std::string> &templates() const { return names; }

private:
  std::vector<std::string> names;
  bool bare = false;
};

/// g of a file's g' = fl(g / sqrt(l)), l the block: g' sqrt(l), in f64 and
/// rounded once. It is g or its neighbour, and folds to the same g' again, bit
/// by bit: where f32 is coarser at g than at g', it is g, and elsewhere one
/// rounding undoes the other.
float unfoldGain(float folded, uint64_t block);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_FOLD_MARK_H
