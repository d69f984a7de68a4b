//===- stored_tensor.cpp - A parameter's tensor, without padding ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/stored_tensor.h"

#include "runtime/plan/plan_file.h"

#include <algorithm>
#include <cstring>

using namespace lns;

StoredTensor::StoredTensor(const plan::Parameter &parameter, float *data)
    : parameter(&parameter), data(data), elements(elementCount(parameter)),
      stored(elements), piece(elements) {
  if (!isPadded(parameter))
    return;
  const auto &shape = *parameter.shape();
  const auto &storage = *parameter.storage_shape();
  stored = 1;
  for (int64_t extent : storage)
    stored *= uint64_t(extent);
  // From the innermost dimension outwards, up to the first that has padding:
  // all of that lies together.
  piece = 1;
  outer = shape.size();
  while (outer > 0) {
    --outer;
    piece *= uint64_t(shape.Get(outer));
    if (shape.Get(outer) != storage.Get(outer))
      break;
  }
}

uint64_t StoredTensor::offset(uint64_t element) const {
  if (outer == 0)
    return element;
  const auto &shape = *parameter->shape();
  const auto &storage = *parameter->storage_shape();
  uint64_t place = element % piece, rest = element / piece, stride = 1;
  for (unsigned i = outer; i < storage.size(); ++i)
    stride *= uint64_t(storage.Get(i));
  for (unsigned i = outer; i-- > 0;) {
    uint64_t extent = uint64_t(shape.Get(i));
    place += rest % extent * stride;
    rest /= extent;
    stride *= uint64_t(storage.Get(i));
  }
  return place;
}

template <typename Visitor>
void StoredTensor::forEachPiece(uint64_t first, uint64_t count,
                                Visitor visit) const {
  for (uint64_t done = 0; done < count;) {
    uint64_t index = first + done;
    uint64_t some = std::min(count - done, piece - index % piece);
    visit(offset(index), done, some);
    done += some;
  }
}

void StoredTensor::read(uint64_t first, uint64_t count, float *to) const {
  forEachPiece(first, count,
               [&](uint64_t place, uint64_t index, uint64_t some) {
                 std::memcpy(to + index, data + place, some * sizeof(float));
               });
}

void StoredTensor::gather(uint64_t first, uint64_t count, const float *copy,
                          float *to) const {
  uint64_t start = offset(first);
  forEachPiece(
      first, count, [&](uint64_t place, uint64_t index, uint64_t some) {
        std::memcpy(to + index, copy + (place - start), some * sizeof(float));
      });
}

void StoredTensor::write(const float *from) const {
  // Also what is zero already: after a training that diverged it is not.
  if (stored != elements)
    clear();
  forEachPiece(0, elements, [&](uint64_t place, uint64_t index, uint64_t some) {
    std::memcpy(data + place, from + index, some * sizeof(float));
  });
}

void StoredTensor::fill(float value) const {
  forEachPiece(0, elements, [&](uint64_t place, uint64_t, uint64_t some) {
    std::fill_n(data + place, some, value);
  });
}

void StoredTensor::clear() const { std::fill_n(data, stored, 0.0f); }
