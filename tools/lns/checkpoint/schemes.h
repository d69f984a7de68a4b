//===- schemes.h - Norm schemes of checkpoints ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What the trainer has to know of the schemes that lnsc compiles
// (docs/schemes.md) to take their files and to write some for others.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_SCHEMES_H
#define LNS_TOOLS_LNS_CHECKPOINT_SCHEMES_H

#include "tools/lns/checkpoint/families.h"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lns::tool {

struct SchemeInfo {
  const char *name;
  NormStand stand = NormStand::Before;
  /// What an identity calls these norms.
  const char *fact = "pre";
  /// Parameters by which the branches of attention and feed-forward are
  /// multiplied, without "model.layers.N."; null without them.
  const char *attentionGate = nullptr, *mlpGate = nullptr;
  /// Why no class computes it; null where one does.
  const char *refusal = nullptr;
};

/// An option of schemes; with "off" it asks for nothing that could be refused.
struct SchemeOption {
  const char *name;
  /// Why no class computes it; null where one does, or where it depends on more
  /// than the option.
  const char *refusal = nullptr;
};

std::span<const SchemeInfo> allSchemes();

/// Null for an unknown one.
const SchemeInfo *findScheme(std::string_view name);
const SchemeOption *findSchemeOption(std::string_view name);

/// "mix,fraction=0.5": a scheme and its options, as lnsc writes them.
struct SchemeText {
  std::string name;
  std::map<std::string, std::string> options;

  explicit SchemeText(std::string_view text = "");
  std::optional<std::string> option(const std::string &key) const;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_SCHEMES_H
