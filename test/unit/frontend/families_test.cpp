//===- families_test.cpp - Two tables of families say the same ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The compiler and the trainer share no code, and each has a table of what it
// has to know of a model_type. What both know must be the same.
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"
#include "tools/lns/checkpoint/families.h"

#include <algorithm>
#include <gtest/gtest.h>

using namespace lns;

namespace {

/// How the trainer says it.
tool::NormStand getStand(NormScheme scheme) {
  switch (scheme) {
  case NormScheme::Reordered:
    return tool::NormStand::Behind;
  case NormScheme::Sandwich:
    return tool::NormStand::Around;
  default:
    EXPECT_EQ(scheme, NormScheme::Pre);
    return tool::NormStand::Before;
  }
}

tool::HeadNorm getHeadNorm(QkNorm norm) {
  switch (norm) {
  case QkNorm::Off:
    return tool::HeadNorm::None;
  case QkNorm::Head:
    return tool::HeadNorm::Head;
  case QkNorm::Full:
    return tool::HeadNorm::Full;
  case QkNorm::Free:
    return tool::HeadNorm::Free;
  }
  llvm_unreachable("unknown norm");
}

tool::BiasKind getBiases(BiasRule rule) {
  switch (rule) {
  case BiasRule::ByKeys:
    return tool::BiasKind::AttentionMlp;
  case BiasRule::ByAttentionKey:
    return tool::BiasKind::Attention;
  case BiasRule::QueryKeyValue:
    return tool::BiasKind::QueryKeyValue;
  case BiasRule::Always:
    return tool::BiasKind::All;
  case BiasRule::Never:
    return tool::BiasKind::None;
  }
  llvm_unreachable("unknown rule");
}

TEST(FamilyTables, SayTheSame) {
  for (const Family *family : getFamilies()) {
    SCOPED_TRACE(family->modelType.str());
    const tool::FamilyInfo *info = tool::findFamily(family->modelType.str());
    ASSERT_TRUE(info);
    EXPECT_EQ(family->architecture, info->architecture);
    EXPECT_EQ(family->keys.hidden, info->keys.hidden);
    EXPECT_EQ(family->keys.intermediate, info->keys.intermediate);
    EXPECT_EQ(family->keys.layers, info->keys.layers);
    EXPECT_EQ(family->keys.heads, info->keys.heads);
    EXPECT_EQ(family->keys.positions, info->keys.positions);
    EXPECT_EQ(family->keys.normEps, info->keys.eps);
    EXPECT_EQ(family->activationKey, info->keys.activation);
    EXPECT_EQ(getStand(family->norm.scheme), info->stand);
    EXPECT_EQ(getHeadNorm(family->qkNorm), info->headNorm);
    EXPECT_EQ(getBiases(family->biases), info->biases);
    EXPECT_EQ(family->gainOffset, info->hasGainOffset ? 1 : 0);
    EXPECT_EQ(family->normKind == NormKind::layer, info->hasLayerNorm);
    EXPECT_EQ(family->learnedPositions, info->hasLearnedPositions);
    EXPECT_EQ(family->isGated, info->isGated);
    EXPECT_EQ(family->defaults.innerFactor.value_or(0), info->innerFactor);
    // Under the name of a key, or under the one that others have for it.
    tool::ConfigKeys usual;
    for (const KeyAlias &alias : family->aliases)
      EXPECT_TRUE(alias.name == usual.hidden || alias.name == usual.layers ||
                  alias.name == usual.heads || alias.name == usual.positions)
          << alias.name.str();
  }
}

// What the trainer writes and the compiler does not read, by name.
TEST(FamilyTables, HaveTheSameFamilies) {
  for (const tool::FamilyInfo &info : tool::allFamilies())
    EXPECT_EQ(findFamily(info.modelType) == nullptr,
              llvm::StringRef(info.modelType) == "bitnet")
        << info.modelType;
}

TEST(FamilyTables, KnowTheKeysOfActivations) {
  for (const Family *family : getFamilies())
    EXPECT_TRUE(llvm::is_contained(tool::activationKeys, family->activationKey))
        << family->modelType.str();
}

} // namespace
