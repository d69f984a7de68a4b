//===- RandomInputs.cpp - Seeded inputs -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/RandomInputs.h"
#include "runtime/plan/kernel_abi.h"
#include "tools/lns/base/philox.h"
#include <cmath>
#include <numbers>

using namespace lns;
using namespace lns::interpret;

TensorRef lns::interpret::makeOptimizer(const OptimizerValues &values,
                                        int64_t step) {
  auto tensor = makeTensor(LNS_OPT_SLOTS);
  std::vector<double> &slots = tensor->values;
  slots[LNS_OPT_LR] = values.lr;
  slots[LNS_OPT_BETA1] = values.beta1;
  slots[LNS_OPT_BETA2] = values.beta2;
  slots[LNS_OPT_EPS] = values.eps;
  slots[LNS_OPT_WEIGHT_DECAY] = values.weightDecay;
  slots[LNS_OPT_CLIP] = values.clip;
  auto count = static_cast<double>(step);
  slots[LNS_OPT_BIAS_CORRECTION1] = 1.0 - std::pow(values.beta1, count);
  slots[LNS_OPT_BIAS_CORRECTION2] = 1.0 - std::pow(values.beta2, count);
  return tensor;
}

/// 128 random bits.
static std::array<uint32_t, 4> draw(uint64_t seed, uint64_t stream,
                                    uint64_t index) {
  return tool::philox(seed, {static_cast<uint32_t>(index),
                             static_cast<uint32_t>(index >> 32),
                             static_cast<uint32_t>(stream),
                             static_cast<uint32_t>(stream >> 32)});
}

/// Uniform in (0, 1], 53 bits.
static double toUniform(uint32_t high, uint32_t low) {
  uint64_t bits = (uint64_t{high} << 32 | low) >> 11;
  return static_cast<double>(bits + 1) * 0x1p-53;
}

/// Box and Muller.
double lns::interpret::randomNormal(uint64_t seed, uint64_t stream,
                                    uint64_t index) {
  std::array<uint32_t, 4> words = draw(seed, stream, index);
  double radius = std::sqrt(-2.0 * std::log(toUniform(words[0], words[1])));
  return radius *
         std::cos(2.0 * std::numbers::pi * toUniform(words[2], words[3]));
}

/// FNV-1a.
uint64_t lns::interpret::streamOf(llvm::StringRef name) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char c : name)
    hash = (hash ^ c) * 0x100000001b3u;
  return hash;
}

static TensorRef makeScaled(llvm::ArrayRef<int64_t> shape, double offset,
                            double factor, uint64_t seed, uint64_t stream) {
  auto tensor = makeTensor(shape);
  for (size_t i = 0; i < tensor->values.size(); ++i)
    tensor->values[i] = offset + factor * randomNormal(seed, stream, i);
  return tensor;
}

TensorRef lns::interpret::makeNormal(llvm::ArrayRef<int64_t> shape,
                                     uint64_t seed, uint64_t stream) {
  return makeScaled(shape, 0.0, 1.0, seed, stream);
}

TensorRef lns::interpret::makeRandomTokens(llvm::ArrayRef<int64_t> shape,
                                           int64_t vocabulary, uint64_t seed,
                                           uint64_t stream) {
  auto tensor = makeTokens(shape);
  for (size_t i = 0; i < tensor->tokens.size(); ++i) {
    std::array<uint32_t, 4> words = draw(seed, stream, i);
    tensor->tokens[i] = static_cast<int64_t>(
        (uint64_t{words[0]} << 32 | words[1]) % vocabulary);
  }
  return tensor;
}

TensorRef lns::interpret::makeRandomDocuments(llvm::ArrayRef<int64_t> shape,
                                              uint64_t seed) {
  auto tensor = makeTokens(shape);
  std::vector<int64_t> &starts = tensor->tokens;
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t time = static_cast<int64_t>(i) % shape[1];
    bool isStart = draw(seed, streamOf("starts"), i)[0] % 4 == 0;
    starts[i] = time == 0 ? 0 : isStart ? time : starts[i - 1];
  }
  return tensor;
}

TensorRef lns::interpret::makeEqualDocuments(llvm::ArrayRef<int64_t> shape,
                                             int64_t length) {
  auto tensor = makeTokens(shape);
  for (size_t i = 0; length > 0 && i < tensor->tokens.size(); ++i) {
    int64_t time = static_cast<int64_t>(i) % shape[1];
    tensor->tokens[i] = time / length * length;
  }
  return tensor;
}

void lns::interpret::randomizeParameters(Environment &environment,
                                         uint64_t seed, bool moments) {
  for (auto &[name, state] : environment) {
    llvm::ArrayRef<int64_t> shape = state.value->shape;
    double offset = 0.0, factor = 0.3;
    switch (state.role) {
    case Role::gain:
      offset = 1.0;
      factor = 0.1;
      break;
    case Role::bias:
      factor = 0.1;
      break;
    case Role::embedding:
      break;
    case Role::matrix:
      factor = 1.0 / std::sqrt(shape.empty() ? 1.0 : shape.back());
      break;
    }
    state.value = makeScaled(shape, offset, factor, seed, streamOf(name));
    state.gradient =
        makeScaled(shape, 0.0, 0.1, seed, streamOf(name + "/gradient"));
    if (!moments)
      continue;
    state.expAvg = makeScaled(shape, 0.0, 0.1, seed, streamOf(name + "/first"));
    auto square = makeTensor(shape);
    for (size_t i = 0; i < square->values.size(); ++i)
      square->values[i] =
          std::abs(0.01 * randomNormal(seed, streamOf(name + "/second"), i));
    state.expAvgSq = square;
  }
}
