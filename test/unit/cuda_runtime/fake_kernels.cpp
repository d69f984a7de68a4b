//===- fake_kernels.cpp - Kernels of the fake driver ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The toy model of test_plan.h, as test/unit/runtime/test_kernels.c computes it
// for the CPU.
//
//===----------------------------------------------------------------------===//

#include "fake_kernels.h"

#include "runtime/plan/kernel_abi.h"

#include <cstring>

using namespace lns::fake;

namespace {
/// A kernel's parameters in their order: buffers, floats, ints.
struct Parameters {
  const uint64_t *next;
  template <typename T> T *buffer() { return reinterpret_cast<T *>(*next++); }
  float number() {
    float value;
    std::memcpy(&value, next++, sizeof(value));
    return value;
  }
  long long count() {
    long long value;
    std::memcpy(&value, next++, sizeof(value));
    return value;
  }
};
} // namespace

// h[i, :] = table[token[i], :]; a block is a row.
static void embed(const uint64_t *values, unsigned grid) {
  Parameters parameters{values};
  auto *tokens = parameters.buffer<const int32_t>();
  auto *table = parameters.buffer<const float>();
  auto *h = parameters.buffer<float>();
  long long width = parameters.count();
  for (unsigned i = 0; i < grid; ++i)
    std::memcpy(h + i * width, table + tokens[i] * width,
                size_t(width) * sizeof(float));
}

// Keeps a token's row of the table, and sums up those kept so far; a block is a
// row.
static void decode(const uint64_t *values, unsigned grid) {
  Parameters parameters{values};
  auto *tokens = parameters.buffer<const int32_t>();
  auto *starts = parameters.buffer<const int32_t>();
  auto *table = parameters.buffer<const float>();
  auto *cache = parameters.buffer<float>();
  auto *h = parameters.buffer<float>();
  long long width = parameters.count(), sequence = parameters.count();
  for (unsigned i = 0; i < grid; ++i) {
    long long position = -static_cast<long long>(starts[i]);
    float *kept = cache + i * sequence * width;
    for (long long d = 0; d < width; ++d) {
      kept[position * width + d] = table[tokens[i] * width + d];
      float sum = 0;
      for (long long p = 0; p <= position; ++p)
        sum += kept[p * width + d];
      h[i * width + d] = sum;
    }
  }
}

// loss = mean (logits - scale * onehot)^2, and its gradient.
static void loss(const uint64_t *values, unsigned) {
  Parameters parameters{values};
  auto *logits = parameters.buffer<const float>();
  auto *targets = parameters.buffer<const int32_t>();
  auto *gradient = parameters.buffer<float>();
  auto *loss = parameters.buffer<float>();
  float scale = parameters.number();
  long long rows = parameters.count(), vocabulary = parameters.count();
  float count = float(rows * vocabulary), sum = 0;
  for (long long i = 0; i < rows; ++i)
    for (long long v = 0; v < vocabulary; ++v) {
      float want = v == targets[i] ? scale : 0;
      float miss = logits[i * vocabulary + v] - want;
      sum += miss * miss;
      gradient[i * vocabulary + v] = 2 * miss / count;
    }
  *loss = sum / count;
}

// A block is a column of the table.
static void scatter(const uint64_t *values, unsigned grid) {
  Parameters parameters{values};
  auto *tokens = parameters.buffer<const int32_t>();
  auto *dh = parameters.buffer<const float>();
  auto *dtable = parameters.buffer<float>();
  long long rows = parameters.count(), width = parameters.count();
  for (unsigned d = 0; d < grid; ++d)
    for (long long i = 0; i < rows; ++i)
      dtable[tokens[i] * width + d] += dh[i * width + d];
}

// parameters -= lr * gradients; exp_avg counts steps; norm = sum of squares.
static void apply(const uint64_t *values, unsigned) {
  Parameters parameters{values};
  auto *optimizer = parameters.buffer<const float>();
  auto *gradients = parameters.buffer<const float>();
  auto *weights = parameters.buffer<float>();
  auto *moments = parameters.buffer<float>();
  auto *norm = parameters.buffer<float>();
  long long count = parameters.count();
  float sum = 0;
  for (long long i = 0; i < count; ++i) {
    sum += gradients[i] * gradients[i];
    weights[i] -= optimizer[LNS_OPT_LR] * gradients[i];
    moments[i] += 1;
  }
  *norm = sum;
}

// c[m,n] = op(a) op(b), all f32: the generated alternative of a product.
static void product(const uint64_t *values, unsigned) {
  Parameters parameters{values};
  auto *a = parameters.buffer<const float>();
  auto *b = parameters.buffer<const float>();
  auto *c = parameters.buffer<float>();
  long long m = parameters.count(), n = parameters.count(),
            k = parameters.count();
  bool transA = parameters.count() != 0, transB = parameters.count() != 0;
  for (long long i = 0; i < m; ++i)
    for (long long j = 0; j < n; ++j) {
      float sum = 0;
      for (long long p = 0; p < k; ++p)
        sum += a[transA ? p * m + i : i * k + p] *
               b[transB ? j * k + p : p * n + j];
      c[i * n + j] = sum;
    }
}

static void nothing(const uint64_t *, unsigned) {}

namespace {
struct Entry {
  const char *symbol;
  KernelFunction run;
  size_t parameters;
};
} // namespace

static constexpr Entry kKernels[] = {
    {"test_embed", embed, 4},     {"test_loss", loss, 7},
    {"test_scatter", scatter, 5}, {"test_apply", apply, 6},
    {"test_product", product, 8}, {"test_decode", decode, 7},
    {"test_spills", nothing, 0},
};

KernelFunction lns::fake::findKernel(const char *symbol) {
  for (const Entry &entry : kKernels)
    if (std::strcmp(entry.symbol, symbol) == 0)
      return entry.run;
  return nullptr;
}

size_t lns::fake::parameterCount(KernelFunction kernel) {
  for (const Entry &entry : kKernels)
    if (entry.run == kernel)
      return entry.parameters;
  return 0;
}
