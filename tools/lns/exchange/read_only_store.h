//===- read_only_store.h - Parameters on their way into a run ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_READ_ONLY_STORE_H
#define LNS_TOOLS_LNS_EXCHANGE_READ_ONLY_STORE_H

#include "tools/lns/base/interrupt.h"
#include "tools/lns/checkpoint/tensor_store.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// Parameters that are read in parts, and no moments: a model of any size is
/// written without ever being in memory. A number that is not finite is an
/// error, as is an interrupt.
class ReadOnlyStore : public TensorStore {
public:
  const std::vector<TensorDescription> &tensors() const override {
    return descriptions;
  }
  Status read(TensorKind kind, size_t index, uint64_t first,
              std::span<float> out) override {
    LNS_RETURN_IF_ERROR(failIfInterrupted());
    if (kind != TensorKind::Parameter) {
      std::fill(out.begin(), out.end(), 0.0f);
      return Status::success();
    }
    LNS_RETURN_IF_ERROR(readParameter(index, first, out));
    for (size_t i = 0; i < out.size(); ++i)
      if (!std::isfinite(out[i]))
        return Status::failure(
            fmt::format("{}: element {} of '{}' is {}; take other files", place,
                        first + i, descriptions[index].name, out[i]));
    return Status::success();
  }
  Status write(TensorKind, size_t, std::span<const float>) override {
    return Status::failure(place + ": files are not written into");
  }

protected:
  /// `place` is where numbers come from, for messages.
  explicit ReadOnlyStore(std::string place) : place(std::move(place)) {}

  virtual Status readParameter(size_t index, uint64_t first,
                               std::span<float> out) = 0;

  std::string place;
  std::vector<TensorDescription> descriptions;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_READ_ONLY_STORE_H
