//===- LayerVariants.h - What layers of a model differ in -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_LAYERVARIANTS_H
#define LNS_FRONTEND_LAYERVARIANTS_H

#include "frontend/DecoderConfig.h"

#include "mlir/IR/Builders.h"

namespace lns {

/// What layers of one model differ in: a type of lns.layers.
struct LayerVariant {
  bool slides, rotates;
  int64_t ownScale; ///< l, where layer l has a scale of scores of its own; or 0

  bool operator==(const LayerVariant &other) const = default;
  /// "sliding_attention", as in Hugging Face's files, with what these do not
  /// say behind it.
  std::string getName() const;
};

/// The variants of the layers that are being written.
class LayerVariants {
public:
  LayerVariants(const DecoderConfig &decoder, mlir::Builder &builder)
      : decoder(decoder), builder(builder) {}

  /// Takes the layers from `first` on, and gives the types that the lns.layers
  /// of them names: none if all are alike, else the shortest list that repeats,
  /// or one for each.
  mlir::ArrayAttr take(int64_t first, int64_t depth, bool &repeats);

  /// Each once.
  llvm::ArrayRef<LayerVariant> get() const { return variants; }
  /// Whether all are alike, so that an op says of itself what it is.
  bool isUniform() const { return variants.size() == 1; }

  /// `by_type` of an op: what `describe` gives for each of the types; null
  /// where there is one type, or nothing to say of any.
  mlir::DictionaryAttr byType(
      llvm::function_ref<mlir::Attribute(const LayerVariant &)> describe) const;

private:
  LayerVariant getVariant(int64_t layer) const;

  const DecoderConfig &decoder;
  mlir::Builder &builder;
  llvm::SmallVector<LayerVariant, 2> variants;
};

} // namespace lns

#endif // LNS_FRONTEND_LAYERVARIANTS_H
