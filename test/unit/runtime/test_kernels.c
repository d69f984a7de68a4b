//===- test_kernels.c - Kernels of the runtime's test plan
//------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// By hand what codegen/cpu would make: a model of an embedding and a head with
// a squared error, small enough to follow. See test_plan.h for the shapes.
// LNS_TEST_ABI is the ABI version that the object claims.
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/kernel_abi.h"

#ifdef LNS_TEST_ABI
extern const uint32_t lns_kernel_abi_version;
const uint32_t lns_kernel_abi_version = LNS_TEST_ABI;
#endif

#define KERNEL(name)                                                           \
  void name(void *const *buffers, const float *floats, const int64_t *ints,    \
            int64_t begin, int64_t end, void *scratch);                        \
  void name(void *const *buffers, const float *floats, const int64_t *ints,    \
            int64_t begin, int64_t end, void *scratch)

// h[i, :] = table[token[i], :]; an item is a row. buffers: tokens, table, h;
// ints: width. Goes through the scratch so that two threads with the same one
// would be seen.
KERNEL(test_embed) {
  (void)floats;
  const int32_t *tokens = buffers[0];
  const float *table = buffers[1];
  float *h = buffers[2];
  volatile float *row = scratch;
  int64_t width = ints[0];
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t d = 0; d < width; ++d)
      row[d] = table[tokens[i] * width + d];
    for (int64_t d = 0; d < width; ++d)
      h[i * width + d] = row[d];
  }
}

// One item. buffers: logits, targets, dlogits, loss; ints: rows, vocabulary;
// floats: scale. loss = mean (logits - onehot * scale)^2, dlogits its gradient.
KERNEL(test_loss) {
  (void)scratch;
  if (begin >= end)
    return;
  const float *logits = buffers[0];
  const int32_t *targets = buffers[1];
  float *gradient = buffers[2];
  float *loss = buffers[3];
  int64_t rows = ints[0], vocabulary = ints[1];
  float count = (float)(rows * vocabulary), sum = 0;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t v = 0; v < vocabulary; ++v) {
      float want = v == targets[i] ? floats[0] : 0;
      float miss = logits[i * vocabulary + v] - want;
      sum += miss * miss;
      gradient[i * vocabulary + v] = 2 * miss / count;
    }
  *loss = sum / count;
}

// An item is a row. buffers: tokens, starts, table, cache, h; ints: width,
// sequence. Keeps the token's row of the table at its position, which is minus
// its start, and sums up those that are kept from 0 to there.
KERNEL(test_decode) {
  (void)floats;
  (void)scratch;
  const int32_t *tokens = buffers[0];
  const int32_t *starts = buffers[1];
  const float *table = buffers[2];
  float *cache = buffers[3];
  float *h = buffers[4];
  int64_t width = ints[0], sequence = ints[1];
  for (int64_t i = begin; i < end; ++i) {
    int64_t position = -(int64_t)starts[i];
    float *kept = cache + i * sequence * width;
    for (int64_t d = 0; d < width; ++d) {
      kept[position * width + d] = table[tokens[i] * width + d];
      float sum = 0;
      for (int64_t p = 0; p <= position; ++p)
        sum += kept[p * width + d];
      h[i * width + d] = sum;
    }
  }
}

// An item is a column of the table: no two items write the same element.
// buffers: tokens, dh, dtable; ints: rows, width.
KERNEL(test_scatter) {
  (void)floats;
  (void)scratch;
  const int32_t *tokens = buffers[0];
  const float *dh = buffers[1];
  float *dtable = buffers[2];
  int64_t rows = ints[0], width = ints[1];
  for (int64_t d = begin; d < end; ++d)
    for (int64_t i = 0; i < rows; ++i)
      dtable[tokens[i] * width + d] += dh[i * width + d];
}

// One item. buffers: optimizer, gradients, parameters, exp_avg, norm; ints:
// elements. parameters -= lr * gradients; exp_avg counts steps; norm = sum of
// squares.
KERNEL(test_apply) {
  (void)floats;
  (void)scratch;
  if (begin >= end)
    return;
  const float *optimizer = buffers[0];
  const float *gradients = buffers[1];
  float *parameters = buffers[2];
  float *moments = buffers[3];
  float *norm = buffers[4];
  float sum = 0;
  for (int64_t i = 0; i < ints[0]; ++i) {
    sum += gradients[i] * gradients[i];
    parameters[i] -= optimizer[LNS_OPT_LR] * gradients[i];
    moments[i] += 1;
  }
  *norm = sum;
}
