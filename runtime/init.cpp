//===- init.cpp - Initial parameters
//----------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/init.h"

#include "runtime/philox.h"

#include <algorithm>

using namespace lns;

void lns::initializeParameter(const plan::Parameter &parameter, uint32_t index,
                              uint64_t elements, uint64_t seed, float *data,
                              ThreadPool &pool) {
  constexpr int64_t kGrain = 4096; // Blocks of four values.
  double value = parameter.init_value();
  switch (parameter.init()) {
  case plan::InitKind::zeros:
    std::fill_n(data, elements, 0.0f);
    return;
  case plan::InitKind::ones:
    std::fill_n(data, elements, 1.0f);
    return;
  case plan::InitKind::constant:
    std::fill_n(data, elements, float(value));
    return;
  case plan::InitKind::normal:
    break;
  }
  PhiloxKey key = philoxKey(seed);
  uint64_t blocks = elements / 4 + (elements % 4 != 0);
  pool.run(int64_t(blocks), kGrain, [&](int64_t begin, int64_t end, unsigned) {
    for (int64_t block = begin; block < end; ++block) {
      auto normals = philoxNormals(philoxCounter(uint64_t(block), index), key);
      uint64_t first = uint64_t(block) * 4;
      uint64_t count = std::min<uint64_t>(4, elements - first);
      for (uint64_t i = 0; i < count; ++i)
        data[first + i] = float(normals[i] * value);
    }
  });
}
