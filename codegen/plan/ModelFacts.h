//===- ModelFacts.h - What people say of a model ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The lines of a model's identity that stand before its graph, by which a
// mismatch is named, and how numbers are written in either.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_PLAN_MODELFACTS_H
#define LNS_CODEGEN_PLAN_MODELFACTS_H

#include "dialect/LnsOps.h"
#include "llvm/ADT/SetVector.h"
#include <string>
#include <vector>

namespace lns {

/// The shortest text that reads back as the same number.
std::string formatNumber(double value);

/// Frequencies are computed by pow, whose last bit is not the same in every
/// mathematical library: two machines must not take one model for two.
std::string formatFrequency(double value);

/// Whether the op's frequencies are those of its base.
bool hasPlainFrequencies(RopeOp op);

/// "heads: 4" and so on, of the ops that the logits depend on. Each value once,
/// in the order of the ops.
std::vector<std::string>
collectFacts(ModelOp model, const llvm::SetVector<mlir::Operation *> &live);

} // namespace lns

#endif // LNS_CODEGEN_PLAN_MODELFACTS_H
