//===- philox.cpp - Counter-based random numbers --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/philox.h"

#include <cmath>

using namespace lns;

PhiloxCounter lns::philox4x32(PhiloxCounter c, PhiloxKey key) {
  constexpr uint64_t kMul0 = 0xD2511F53, kMul1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = kMul0 * c[0], p1 = kMul1 * c[2];
    c = {uint32_t(p1 >> 32) ^ c[1] ^ key[0], uint32_t(p1),
         uint32_t(p0 >> 32) ^ c[3] ^ key[1], uint32_t(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return c;
}

std::array<double, 4> lns::philoxNormals(PhiloxCounter counter, PhiloxKey key) {
  constexpr double kTwoPi = 6.283185307179586476925;
  PhiloxCounter words = philox4x32(counter, key);
  std::array<double, 4> normals;
  for (int pair = 0; pair < 4; pair += 2) {
    // In (0, 1]: the logarithm is finite.
    double u = (double(words[pair]) + 1.0) * 0x1p-32;
    double angle = kTwoPi * (double(words[pair + 1]) * 0x1p-32);
    double radius = std::sqrt(-2.0 * std::log(u));
    normals[pair] = radius * std::cos(angle);
    normals[pair + 1] = radius * std::sin(angle);
  }
  return normals;
}
