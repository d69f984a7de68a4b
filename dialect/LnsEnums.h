//===- LnsEnums.h - Enums of the lns dialect --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSENUMS_H
#define LNS_DIALECT_LNSENUMS_H

#include "mlir/IR/BuiltinAttributes.h"

#include "dialect/LnsEnums.h.inc"

#endif // LNS_DIALECT_LNSENUMS_H
