//===- TinyStore.h - The tensors of a model of two parameters ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_LIBFUZZER_TINYSTORE_H
#define LNS_TEST_UNIT_LIBFUZZER_TINYSTORE_H

#include "Target.h"

#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/tensor_store.h"

#include <algorithm>

namespace lns::fuzz {

class TinyStore : public tool::TensorStore {
public:
  TinyStore() {
    for (auto &kind : values)
      for (const tool::TensorDescription &tensor : descriptions)
        kind.emplace_back(tensor.elements, 0.5f);
  }
  const std::vector<tool::TensorDescription> &tensors() const override {
    return descriptions;
  }
  tool::Status read(tool::TensorKind kind, size_t index, uint64_t first,
                    std::span<float> out) override {
    std::vector<float> &from = values[size_t(kind)][index];
    require(first <= from.size() && out.size() <= from.size() - first);
    std::copy_n(from.begin() + ptrdiff_t(first), out.size(), out.begin());
    return tool::Status::success();
  }
  tool::Status write(tool::TensorKind kind, size_t index,
                     std::span<const float> data) override {
    std::vector<float> &to = values[size_t(kind)][index];
    require(data.size() == to.size());
    std::copy(data.begin(), data.end(), to.begin());
    return tool::Status::success();
  }

private:
  std::vector<tool::TensorDescription> descriptions = {
      {"model.embed_tokens.weight", {3, 2}, 6}, {"model.norm.weight", {2}, 2}};
  std::vector<std::vector<float>> values[4];
};

/// An error says something, and what a terminal is given of it is one line that
/// is not too long.
inline void requireError(const tool::Status &status) {
  require(!status.message().empty());
  std::string shown = tool::boundedMessage(status.message());
  require(shown.size() <= 2000 &&
          std::none_of(shown.begin(), shown.end(), [](unsigned char byte) {
            return byte < ' ' || byte == 0x7f;
          }));
}

} // namespace lns::fuzz

#endif // LNS_TEST_UNIT_LIBFUZZER_TINYSTORE_H
