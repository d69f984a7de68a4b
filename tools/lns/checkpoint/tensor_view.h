//===- tensor_view.h - A matrix inside a tensor of a file -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_TENSOR_VIEW_H
#define LNS_TOOLS_LNS_CHECKPOINT_TENSOR_VIEW_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <cstdint>
#include <span>

namespace lns::tool {

/// All of a tensor, or some columns of it as the rows of a matrix:
///
///     view[i, j] = tensor[j, begin + i]
///
/// A vector is a tensor of one row, and as a view of one column.
struct TensorView {
  WeightFiles::Tensor tensor;
  bool isTransposed = false;
  uint64_t begin = 0;   ///< the first of the tensor's columns
  uint64_t stride = 0;  ///< how many the tensor has
  uint64_t columns = 1; ///< of the view, and rows of the tensor
};

/// Elements of the view, row by row, as many as `out` has, from `first` on; as
/// SafetensorsFile::readF32. What is transposed is read in pieces of its rows:
/// the larger the part that is asked for, the fewer they are.
Status readView(const WeightFiles &files, const TensorView &view,
                std::span<float> out, uint64_t first = 0);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_TENSOR_VIEW_H
