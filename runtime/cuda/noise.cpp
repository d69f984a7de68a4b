//===- noise.cpp - Memory that looks like a model's -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/noise.h"

#include "runtime/base/philox.h"

#include <algorithm>
#include <bit>
#include <vector>

using namespace lns;
using namespace lns::cuda;

/// What the host makes; the device copies it on.
static constexpr uint64_t kBlockBytes = 1 << 20;
/// As of weights: sums of thousands of products stay small.
static constexpr double kDeviation = 0.02;

/// The upper half of a float is a bf16, and says nearly all of it.
static uint32_t bf16Bits(double value) {
  return std::bit_cast<uint32_t>(float(kDeviation * value)) >> 16;
}

static std::vector<uint32_t> makeBlock(uint64_t bytes) {
  std::vector<uint32_t> words((bytes + 3) / 4);
  for (size_t i = 0; i < words.size(); i += 2) {
    auto normals = philoxNormals(philoxCounter(i, 0), philoxKey(0));
    words[i] = bf16Bits(normals[0]) << 16 | bf16Bits(normals[1]);
    if (i + 1 < words.size())
      words[i + 1] = bf16Bits(normals[2]) << 16 | bf16Bits(normals[3]);
  }
  return words;
}

Error lns::cuda::fillWithNoise(const Driver &driver, const DeviceMemory &memory,
                               CuStream stream) {
  uint64_t done = std::min(memory.size(), kBlockBytes);
  if (done == 0)
    return nullptr;
  std::vector<uint32_t> block = makeBlock(done);
  CuResult result =
      driver.memcpyHtoDAsync(memory.address(), block.data(), done, stream);
  // The block is pageable and dies here.
  if (result == kCuSuccess)
    result = driver.streamSynchronize(stream);
  // Twice as much each time, so that there are few copies.
  while (result == kCuSuccess && done < memory.size()) {
    uint64_t more = std::min(done, memory.size() - done);
    result = driver.memcpyDtoDAsync(memory.address() + done, memory.address(),
                                    more, stream);
    done += more;
  }
  return driver.check(result, "cuda", "cannot fill memory to time kernels on");
}
