//===- plan_verifier.h - The semantic check of a plan ------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_PLAN_VERIFIER_H
#define LNS_RUNTIME_PLAN_PLAN_VERIFIER_H

#include "runtime/base/error.h"
#include "runtime/plan/plan_generated.h"

#include <string_view>

namespace lns {

/// Whether an entry point takes the starts of documents; verified plans only
/// have some that do if all do that take tokens.
bool takesDocuments(const plan::Plan &table);

/// Whether a program has an entry point that takes one token of each row.
bool canDecode(const plan::Plan &table);

/// Checks what FlatBuffers cannot: every index, arity, shape, offset and size.
/// A session may then use the table without a further look. `file` is the whole
/// file; the table lies inside it. Allocates only for sorting and for the
/// message of an error.
Error verifyPlan(const plan::Plan &table, const unsigned char *file,
                 uint64_t fileSize, uint64_t tableSize, std::string_view place);

} // namespace lns

#endif // LNS_RUNTIME_PLAN_PLAN_VERIFIER_H
