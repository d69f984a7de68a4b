//===- LayerVariants.cpp - What layers of a model differ in ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/LayerVariants.h"

using namespace mlir;
using namespace lns;

std::string LayerVariant::getName() const {
  std::string name = slides ? "sliding_attention" : "full_attention";
  if (!rotates)
    name += "_no_rope";
  if (ownScale)
    name += "_" + std::to_string(ownScale);
  return name;
}

LayerVariant LayerVariants::getVariant(int64_t layer) const {
  return {!decoder.slides.empty() && decoder.slides[layer],
          decoder.rotates.empty() || decoder.rotates[layer],
          decoder.layerAttentionScales.empty() ? 0 : layer + 1};
}

ArrayAttr LayerVariants::take(int64_t first, int64_t depth, bool &repeats) {
  SmallVector<LayerVariant> types;
  variants.clear();
  for (int64_t i = 0; i < depth; ++i) {
    types.push_back(getVariant(first + i));
    if (!llvm::is_contained(variants, types.back()))
      variants.push_back(types.back());
  }
  repeats = false;
  if (isUniform())
    return nullptr;
  size_t period = 1;
  auto isPeriod = [&] {
    for (size_t i = period; i < types.size(); ++i)
      if (types[i] != types[i - period])
        return false;
    return true;
  };
  while (!isPeriod())
    ++period;
  repeats = period < types.size();
  types.truncate(period);
  SmallVector<Attribute> names;
  for (const LayerVariant &type : types)
    names.push_back(builder.getStringAttr(type.getName()));
  return builder.getArrayAttr(names);
}

DictionaryAttr LayerVariants::byType(
    llvm::function_ref<Attribute(const LayerVariant &)> describe) const {
  if (isUniform())
    return nullptr;
  SmallVector<NamedAttribute> entries;
  for (const LayerVariant &type : variants)
    if (Attribute entry = describe(type))
      entries.push_back(builder.getNamedAttr(type.getName(), entry));
  return entries.empty() ? nullptr : builder.getDictionaryAttr(entries);
}
