//===- stored_tensor.h - A parameter's tensor, without padding ---- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Outside of the plan's commands, a parameter has the shape of the model. In
// memory it may be the leading corner of a larger tensor that is zero
// elsewhere; whoever sets elements leaves it so.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_STORED_TENSOR_H
#define LNS_RUNTIME_PLAN_STORED_TENSOR_H

#include "runtime/plan/plan_generated.h"

#include <cstdint>

namespace lns {

class StoredTensor {
public:
  StoredTensor() = default;
  /// `data` is where the parameter, or a tensor like it, is stored. Only for
  /// verified plans.
  StoredTensor(const plan::Parameter &parameter, float *data);

  /// Elements, without padding.
  uint64_t size() const { return elements; }

  /// Where an element is, counted row-major; and how far from the start.
  float *at(uint64_t element) const { return data + offset(element); }
  uint64_t offset(uint64_t element) const;

  /// Elements [first, first + count) to `to`.
  void read(uint64_t first, uint64_t count, float *to) const;
  /// The same out of a copy of what is stored from element `first` on.
  void gather(uint64_t first, uint64_t count, const float *copy,
              float *to) const;
  /// All elements from `from`; zeros around them.
  void write(const float *from) const;
  /// All elements; nothing else.
  void fill(float value) const;
  /// Zeros everywhere.
  void clear() const;

private:
  /// Calls `visit(offset, index, count)` for pieces that lie together and make
  /// up the elements [first, first + count).
  template <typename Visitor>
  void forEachPiece(uint64_t first, uint64_t count, Visitor visit) const;

  const plan::Parameter *parameter = nullptr;
  float *data = nullptr;
  uint64_t elements = 0;
  uint64_t stored = 0; ///< elements with padding
  uint64_t piece = 0;  ///< elements that lie together
  unsigned outer = 0;  ///< leading dimensions that count pieces
};

} // namespace lns

#endif // LNS_RUNTIME_PLAN_STORED_TENSOR_H
