//===- Caches.cpp - Attention to tokens of calls before ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/graph/Caches.h"

using namespace mlir;
using namespace lns;

Value CacheBuilder::append(OpBuilder &builder, Location location, Value rows,
                           std::string name) {
  while (isTaken(name))
    name += "_";
  auto type = cast<RankedTensorType>(rows.getType());
  auto all = type.clone({type.getDimSize(0), positions, type.getDimSize(2)});
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    CacheOp::create(builder, location, name, all);
  }
  Value before = GetOp::create(builder, location, all, Storage::cache, name);
  Value after = AppendOp::create(builder, location, before, rows,
                                 function.getArguments().back());
  SetOp::create(builder, location, after, Storage::cache, name);
  return after;
}

CachedAttentionOp CacheBuilder::replace(AttentionOp attention) {
  OpBuilder builder(attention);
  Location location = attention.getLoc();
  std::string name = "attention." + std::to_string(attentions++);
  Value keys = append(builder, location, attention.getKey(), name + ".keys");
  Value values =
      append(builder, location, attention.getValue(), name + ".values");
  auto cached = CachedAttentionOp::create(
      builder, location, attention.getResult().getType(), attention.getQuery(),
      keys, values, function.getArguments().back(), attention.getHeadsAttr(),
      attention.getKvHeadsAttr(), attention.getSoftmaxScaleAttr(),
      attention.getWindowAttr(), attention.getSoftcapAttr());
  attention.erase();
  return cached;
}
