//===- tensor_store.h - Where tensors are loaded to -------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_TENSOR_STORE_H
#define LNS_TOOLS_LNS_CHECKPOINT_TENSOR_STORE_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

enum class TensorKind { Parameter, Gradient, ExpAvg, ExpAvgSq };

struct TensorDescription {
  std::string name; ///< Hugging Face name
  std::vector<int64_t> shape;
  uint64_t elements = 0; ///< all are f32
  bool frozen = false;   ///< has neither a gradient nor moments

  bool has(TensorKind kind) const {
    return kind == TensorKind::Parameter || !frozen;
  }
};

/// What a checkpoint is read from and written to: a session of the runtime, or
/// plain memory in a test.
class TensorStore {
public:
  virtual ~TensorStore() = default;
  virtual const std::vector<TensorDescription> &tensors() const = 0;
  /// How many elements are best read at a time: what is not one piece in a file
  /// is read in fewer where more is asked for.
  virtual uint64_t partElements(TensorKind, size_t) const { return 1 << 18; }
  /// The elements from `first` on, as many as `out` has.
  virtual Status read(TensorKind kind, size_t index, uint64_t first,
                      std::span<float> out) = 0;
  virtual Status write(TensorKind kind, size_t index,
                       std::span<const float> data) = 0;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_TENSOR_STORE_H
