//===- init.cpp - Initial parameters
//----------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/init.h"

#include "runtime/base/philox.h"

#include <algorithm>

using namespace lns;

void lns::initializeParameter(const plan::Parameter &parameter, uint32_t index,
                              uint64_t seed, const StoredTensor &tensor,
                              ThreadPool &pool) {
  constexpr int64_t kGrain = 4096; // Blocks of four values.
  tensor.clear();
  double value = parameter.init_value();
  switch (parameter.init()) {
  case plan::InitKind::zeros:
    return;
  case plan::InitKind::ones:
    tensor.fill(1.0f);
    return;
  case plan::InitKind::constant:
    tensor.fill(float(value));
    return;
  case plan::InitKind::normal:
    break;
  }
  PhiloxKey key = philoxKey(seed);
  uint64_t elements = tensor.size();
  uint64_t blocks = elements / 4 + (elements % 4 != 0);
  pool.run(int64_t(blocks), kGrain, [&](int64_t begin, int64_t end, unsigned) {
    for (int64_t block = begin; block < end; ++block) {
      auto normals = philoxNormals(philoxCounter(uint64_t(block), index), key);
      uint64_t first = uint64_t(block) * 4;
      uint64_t count = std::min<uint64_t>(4, elements - first);
      for (uint64_t i = 0; i < count; ++i)
        *tensor.at(first + i) = float(normals[i] * value);
    }
  });
}
