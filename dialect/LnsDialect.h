//===- LnsDialect.h - The lns dialect and its attributes --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSDIALECT_H
#define LNS_DIALECT_LNSDIALECT_H

#include "dialect/LnsEnums.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

#include "dialect/LnsDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialect/LnsAttrs.h.inc"

#endif // LNS_DIALECT_LNSDIALECT_H
