//===- tensor_view.cpp - A matrix inside a tensor of a file ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/tensor_view.h"

#include <vector>

namespace lns::tool {

Status readView(const WeightFiles &files, const TensorView &view,
                std::span<float> out, uint64_t first) {
  if (!view.isTransposed)
    return files.readF32(view.tensor, out, first);
  if (out.empty())
    return Status::success();
  // The view's rows that the part touches are neighbours in each row of the
  // tensor, which is read once, and no more of it than that.
  uint64_t last = first + out.size() - 1, firstRow = first / view.columns;
  std::vector<float> piece(last / view.columns - firstRow + 1);
  for (uint64_t j = 0; j < view.columns; ++j) {
    LNS_RETURN_IF_ERROR(files.readF32(view.tensor, piece,
                                      j * view.stride + view.begin + firstRow));
    uint64_t at = firstRow * view.columns + j;
    for (float value : piece) {
      if (at >= first && at <= last)
        out[at - first] = value;
      at += view.columns;
    }
  }
  return Status::success();
}

} // namespace lns::tool
