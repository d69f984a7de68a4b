//===- HarmlessKeys.h - Keys of a config that compute nothing ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_HARMLESSKEYS_H
#define LNS_FRONTEND_HARMLESSKEYS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace lns {

/// Keys on the top level of a config.json that do not change what a LLaMA or a
/// Mistral computes from tokens to logits, whatever their value is.
llvm::ArrayRef<llvm::StringRef> getHarmlessKeys();

/// Keys that say that the weights are quantized.
llvm::ArrayRef<llvm::StringRef> getQuantizationKeys();

/// Keys of dropout rates, under the names that families have for them.
llvm::ArrayRef<llvm::StringRef> getDropoutKeys();

} // namespace lns

#endif // LNS_FRONTEND_HARMLESSKEYS_H
