//===- Shrink.h - A failing case in a few lines -----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_SHRINK_H
#define LNS_TEST_FUZZ_SHRINK_H

#include "test/fuzz/Case.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace lns::fuzz {

/// Makes a case smaller as long as `fails` says that it still fails: without
/// options, with fewer ops, operands and blocks, with smaller sizes. Asks at
/// most so many times, of legal models only.
Case shrink(const Case &test, llvm::function_ref<bool(const Case &)> fails,
            unsigned trials);

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_SHRINK_H
