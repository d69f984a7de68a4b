//===- fold_tensor.h - One tensor of an export ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_FOLD_TENSOR_H
#define LNS_TOOLS_LNS_EXCHANGE_FOLD_TENSOR_H

#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/exchange/export_tensors.h"

#include <cstdint>

namespace lns::tool {

/// Appends the tensor to the writer, in parts, as f32 or bf16. An error where a
/// number of the model is not finite, or what it becomes is not.
Status writeFolded(const SourceModel &source, const ExportTensor &tensor,
                   bool bf16, SafetensorsWriter &writer);

/// The nearest bf16, ties to even, of a number in f64; rounded once. Infinity
/// beyond the largest.
uint16_t roundToBrain(double value);

/// An error if a signal asks for the end (interrupt.h).
Status failIfInterrupted();

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_FOLD_TENSOR_H
