//===- LnsInterfaces.cpp - Op interfaces ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsInterfaces.h"
#include "dialect/LnsShapes.h"

using namespace mlir;

#include "dialect/LnsInterfaces.cpp.inc"

int64_t lns::bytesTouchedOnce(Operation *op) {
  int64_t bytes = 0;
  for (Type type : op->getOperandTypes())
    bytes = saturatingAdd(bytes, bytesOf(type));
  for (Type type : op->getResultTypes())
    bytes = saturatingAdd(bytes, bytesOf(type));
  return bytes;
}
