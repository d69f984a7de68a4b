//===- tensor_view.cpp - A matrix inside a tensor of a file ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/tensor_view.h"

#include <algorithm>
#include <vector>

namespace lns::tool {

static constexpr uint64_t blockElements = 1 << 20; // that are read at once

Status readView(const WeightFiles &files, const TensorView &view,
                std::span<float> out, uint64_t first) {
  if (!view.isTransposed)
    return files.readF32(view.tensor, out, first);
  if (out.empty())
    return Status::success();
  // The view's rows that the part touches are neighbours in each row of the
  // tensor. Where they are most of it, several rows are read at once, with what
  // stands between; else each by itself, and no more of it.
  uint64_t last = first + out.size() - 1, firstRow = first / view.columns;
  uint64_t width = last / view.columns - firstRow + 1;
  uint64_t together =
      2 * width >= view.stride
          ? std::clamp<uint64_t>(blockElements / view.stride, 1, view.columns)
          : 1;
  std::vector<float> block((together - 1) * view.stride + width);
  for (uint64_t row = 0; row < view.columns; row += together) {
    uint64_t count = std::min(together, view.columns - row);
    auto part = std::span(block).first((count - 1) * view.stride + width);
    LNS_RETURN_IF_ERROR(files.readF32(
        view.tensor, part, row * view.stride + view.begin + firstRow));
    for (uint64_t j = 0; j < count; ++j) {
      uint64_t at = firstRow * view.columns + row + j;
      for (float value : part.subspan(j * view.stride, width)) {
        if (at >= first && at <= last)
          out[at - first] = value;
        at += view.columns;
      }
    }
  }
  return Status::success();
}

} // namespace lns::tool
