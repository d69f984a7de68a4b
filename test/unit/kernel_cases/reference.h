//===- reference.h - Ops in double, written from their definitions --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The oracle of the kernel tests: every op as its ODS description says it, in
// f64 and without any care for speed.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CODEGEN_REFERENCE_H
#define LNS_TEST_UNIT_CODEGEN_REFERENCE_H

#include "dialect/LnsOps.h"
#include "llvm/ADT/MapVector.h"
#include <vector>

namespace lns::test {

using Tensor = std::vector<double>; ///< row-major; tokens are whole numbers
using Tensors = llvm::DenseMap<mlir::Value, Tensor>;

/// The nearest bf16 number, and its bits.
double roundToBf16(double value);
uint16_t bitsOfBf16(double value);

/// A parameter and its moments.
struct OptimizerState {
  Tensor parameter, expAvg, expAvgSq;
};

/// Adds the results of `op` to `values`; changes `states` for adamw. Returns
/// false for an op that it does not know.
bool evaluate(mlir::Operation *op, Tensors &values,
              llvm::MapVector<mlir::StringAttr, OptimizerState> &states);

} // namespace lns::test

#endif // LNS_TEST_UNIT_CODEGEN_REFERENCE_H
