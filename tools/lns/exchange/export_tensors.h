//===- export_tensors.h - The tensors of an export --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_EXPORT_TENSORS_H
#define LNS_TOOLS_LNS_EXCHANGE_EXPORT_TENSORS_H

#include "tools/lns/exchange/hf_class.h"
#include "tools/lns/exchange/source_model.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// How a tensor is made of those of the model, in f64 and rounded once:
///
///     y[i, j] = gate[i] * normed(x)[i, j] * factor / divisor + offset
///
/// A vector has rows of one element.
struct Fold {
  double factor = 1, divisor = 1, offset = 0;
  /// A tensor of one element, or of one for each row; empty: 1.
  std::string gate;
  /// The gain of an RMSNorm that each row goes through; empty: none does.
  std::string rowNorm;

  bool isTrivial() const {
    return factor == 1 && divisor == 1 && offset == 0 && gate.empty() &&
           rowNorm.empty();
  }
};

/// A parameter of the class, in the shape that the model has.
struct ExportPart {
  std::string name;
  std::string source; ///< the model's parameter; empty: ones
  std::vector<int64_t> shape;
  bool isOfNorm = false; ///< stays f32, whatever the matrices are
  Fold fold;
};

/// A tensor of the files, with the parameters that it holds (file_layout.h).
struct ExportTensor {
  std::string name;
  std::vector<int64_t> shape;
  bool isOfNorm = false;
  bool isTransposed = false;
  std::vector<ExportPart> parts;
};

/// All tensors of the class, in the order of the model. The model must have
/// exactly the parameters that they are made of, in their shapes; the error
/// lists what is missing, what is too many and what has another shape.
Expected<std::vector<ExportTensor>> planTensors(const SourceModel &source,
                                                const ExportClass &target);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_EXPORT_TENSORS_H
