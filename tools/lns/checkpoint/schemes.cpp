//===- schemes.cpp - Norm schemes of checkpoints --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/schemes.h"

#include <algorithm>

namespace lns::tool {

static constexpr const char *onTheStream =
    "the stream itself goes through its norms, and no class that is known here "
    "has that";
static constexpr const char *streamGates =
    "learned gates scale its stream, and no class of transformers has them";
static constexpr const char *openingBranches =
    "its branches open with the steps of the training, and no class of "
    "transformers counts them";

static constexpr SchemeInfo schemes[] = {
    {.name = "pre"},
    {.name = "lns", .fact = "lns"},
    {.name = "lns-folded-init"},
    {.name = "scaled-init"},
    {.name = "depth-scaled-init"},
    {.name = "mitchell"},
    {.name = "residual-multiplier"},
    {.name = "completep"},
    {.name = "layerscale",
     .attentionGate = "self_attn.layer_scale",
     .mlpGate = "mlp.layer_scale"},
    {.name = "skipinit",
     .attentionGate = "self_attn.branch_scale",
     .mlpGate = "mlp.branch_scale"},
    {.name = "sandwich", .stand = NormStand::Around, .fact = "sandwich"},
    {.name = "peri", .stand = NormStand::Around, .fact = "sandwich"},
    {.name = "reordered", .stand = NormStand::Behind, .fact = "reordered"},
    {.name = "sub-ln", .stand = NormStand::Inside},
    {.name = "post", .refusal = onTheStream},
    {.name = "deepnorm", .refusal = onTheStream},
    {.name = "mix", .refusal = onTheStream},
    {.name = "keel", .refusal = onTheStream},
    {.name = "hybrid", .refusal = onTheStream},
    {.name = "hybrid-star", .refusal = onTheStream},
    {.name = "rezero",
     .refusal = "its blocks have no norms, and no class of transformers lacks "
                "them"},
    {.name = "dyt",
     .refusal = "a tanh is in the place of its norms, and no class of "
                "transformers has one"},
    {.name = "derf",
     .refusal = "an erf is in the place of its norms, and no class of "
                "transformers has one"},
    {.name = "gpas", .refusal = streamGates},
    {.name = "prores", .refusal = openingBranches},
    {.name = "ngpt",
     .refusal = "its stream, queries and keys have length 1, and no class of "
                "transformers computes that"},
};

static constexpr SchemeOption options[] = {
    // Where parameters start from and how they are trained is no part of what
    // they compute; what branches are multiplied by stands in the identity.
    {.name = "init"},
    {.name = "start"},
    {.name = "branch"},
    {.name = "alpha"},
    {.name = "base-layers"},
    {.name = "base-width",
     .refusal = "its logits are divided by a width, and no class that is known "
                "here does that"},
    {.name = "qk-norm"},
    {.name = "embed-norm"},
    {.name = "final-norm"},
    {.name = "head-gate",
     .refusal = "no class of transformers has gates of heads"},
    {.name = "value-residual",
     .refusal = "its values are mixed with those of the first block by learned "
                "numbers, and no class of transformers does that"},
    {.name = "gpas", .refusal = streamGates},
    {.name = "prores", .refusal = openingBranches},
    // Of schemes that no class computes.
    {.name = "fraction"},
    {.name = "skip"},
    {.name = "T"},
};

std::span<const SchemeInfo> allSchemes() { return schemes; }

const SchemeInfo *findScheme(std::string_view name) {
  for (const SchemeInfo &scheme : schemes)
    if (scheme.name == name)
      return &scheme;
  return nullptr;
}

const SchemeOption *findSchemeOption(std::string_view name) {
  for (const SchemeOption &option : options)
    if (option.name == name)
      return &option;
  return nullptr;
}

SchemeText::SchemeText(std::string_view text) {
  name = text.substr(0, text.find(','));
  for (size_t at = name.size(); at < text.size();) {
    size_t end = std::min(text.find(',', at + 1), text.size());
    std::string_view own = text.substr(at + 1, end - at - 1);
    size_t equal = std::min(own.find('='), own.size());
    options[std::string(own.substr(0, equal))] =
        equal < own.size() ? own.substr(equal + 1) : "";
    at = end;
  }
}

std::optional<std::string> SchemeText::option(const std::string &key) const {
  auto it = options.find(key);
  return it == options.end() ? std::nullopt : std::optional(it->second);
}

} // namespace lns::tool
