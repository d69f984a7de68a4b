//===- init.cpp - Initial parameters --------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/init.h"

#include "runtime/base/sha256.h"

#include <algorithm>
#include <cmath>

using namespace lns;

/// Four standard normal values within 3 of zero. Each that lies beyond is drawn
/// again, from the next counter by its last word.
static std::array<double, 4> truncatedNormals(PhiloxCounter counter,
                                              PhiloxKey key) {
  constexpr double kLimit = 3;
  std::array<double, 4> result = philoxNormals(counter, key);
  auto isOutside = [](double value) { return !(std::abs(value) <= kLimit); };
  while (std::any_of(result.begin(), result.end(), isOutside)) {
    ++counter[3];
    std::array<double, 4> others = philoxNormals(counter, key);
    for (size_t i = 0; i < result.size(); ++i)
      if (isOutside(result[i]))
        result[i] = others[i];
  }
  return result;
}

PhiloxKey lns::getInitKey(uint64_t seed, std::string_view name) {
  Digest digest = sha256(name.data(), name.size());
  uint64_t hash = 0;
  for (int i = 0; i < 8; ++i)
    hash |= uint64_t(digest[i]) << 8 * i;
  PhiloxCounter words = philox4x32(philoxCounter(hash, 0), philoxKey(seed));
  return {words[0], words[1]};
}

void lns::initializeParameter(const plan::Parameter &parameter, uint64_t seed,
                              const StoredTensor &tensor, ThreadPool &pool) {
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
  case plan::InitKind::truncated_normal:
    break;
  }
  bool isTruncated = parameter.init() == plan::InitKind::truncated_normal;
  PhiloxKey key = getInitKey(seed, parameter.name()->string_view());
  uint64_t elements = tensor.size();
  uint64_t blocks = elements / 4 + (elements % 4 != 0);
  pool.run(int64_t(blocks), kGrain, [&](int64_t begin, int64_t end, unsigned) {
    for (int64_t block = begin; block < end; ++block) {
      PhiloxCounter counter = philoxCounter(uint64_t(block), 0);
      auto normals = isTruncated ? truncatedNormals(counter, key)
                                 : philoxNormals(counter, key);
      uint64_t first = uint64_t(block) * 4;
      uint64_t count = std::min<uint64_t>(4, elements - first);
      for (uint64_t i = 0; i < count; ++i)
        *tensor.at(first + i) = float(normals[i] * value);
    }
  });
}
