//===- Report.h - Prints tensors --------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_INTERPRET_REPORT_H
#define LNS_TOOLS_LNS_INTERPRET_REPORT_H

#include "tools/interpret/Tensor.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace lns::interpret {

/// "what: [2, 3] norm 3.741657387 sum 6"; with `withValues` also its first 64
/// elements. Ten digits, unless a test is to see the last bits.
void printTensor(llvm::raw_ostream &os, llvm::StringRef what,
                 const Tensor &tensor, bool withValues, int digits = 10);

} // namespace lns::interpret

#endif // LNS_TOOLS_LNS_INTERPRET_REPORT_H
