//===- memory_store.h - A store of tensors for tests ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOOLS_MEMORY_STORE_H
#define LNS_TEST_UNIT_TOOLS_MEMORY_STORE_H

#include "tools/lns/checkpoint/tensor_store.h"

#include <algorithm>
#include <string>
#include <vector>

/// A store in memory with two parameters.
class MemoryStore : public lns::tool::TensorStore {
public:
  using Status = lns::tool::Status;
  using TensorKind = lns::tool::TensorKind;
  using TensorDescription = lns::tool::TensorDescription;

  MemoryStore()
      : MemoryStore({{"model.embed_tokens.weight", {3, 2}, 6},
                     {"model.norm.weight", {2}, 2}}) {}
  explicit MemoryStore(std::vector<TensorDescription> tensors)
      : descriptions(std::move(tensors)) {
    for (auto &kind : values)
      for (const TensorDescription &d : descriptions)
        kind.emplace_back(d.elements);
  }
  void fill(float seed) {
    for (auto &kind : values)
      for (auto &tensor : kind)
        for (float &x : tensor)
          x = (seed += 0.37f);
  }
  const std::vector<TensorDescription> &tensors() const override {
    return descriptions;
  }
  Status read(TensorKind kind, size_t index, uint64_t first,
              std::span<float> out) override {
    std::copy_n(at(kind, index).begin() + static_cast<ptrdiff_t>(first),
                out.size(), out.begin());
    largestRead = std::max(largestRead, out.size());
    return Status::success();
  }
  Status write(TensorKind kind, size_t index,
               std::span<const float> data) override {
    at(kind, index).assign(data.begin(), data.end());
    return Status::success();
  }
  size_t largestRead = 0;
  std::vector<float> &at(TensorKind kind, size_t index) {
    return values[static_cast<size_t>(kind)][index];
  }

  std::vector<TensorDescription> descriptions;
  std::vector<std::vector<float>> values[4];
};

#endif // LNS_TEST_UNIT_TOOLS_MEMORY_STORE_H
