//===- fake_cublaslt.cpp - Matrix products for the fake driver ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Column-major, as cuBLASLt is, of f32 only. It offers three algorithms.
//
//   FAKE_LT_COST  "5,2,3": milliseconds that each takes, by the fake clock
//   FAKE_LT_NONE  set: there is no algorithm for anything
//   FAKE_LT_PICKY set: operands of one value, or not finite, are refused
//   FAKE_LT_LOG   a file that gets a line for every call of the heuristic
//
//===----------------------------------------------------------------------===//

#include "fake_driver.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>

using namespace lns;
using namespace lns::cuda;

#define FAKE extern "C" __attribute__((visibility("default")))

namespace lns::cuda {
struct LtHandleOpaque {};
struct LtMatmulDescOpaque {
  int32_t transA = 0, transB = 0;
};
struct LtMatrixLayoutOpaque {
  uint64_t rows = 0, columns = 0;
  int64_t leading = 0;
};
struct LtPreferenceOpaque {
  uint64_t workspace = 0;
  uint32_t reductions = 7;
};
} // namespace lns::cuda

static constexpr int kAlgorithms = 3;

static double costOf(uint64_t algorithm) {
  const char *all = std::getenv("FAKE_LT_COST");
  std::string text = all ? all : "2,2,2";
  for (; algorithm > 0; --algorithm)
    text = text.substr(text.find(',') + 1);
  return std::atof(text.c_str());
}

FAKE size_t cublasLtGetVersion() { return 130100; }
FAKE const char *cublasLtGetStatusString(LtStatus status) {
  return status == 15 ? "CUBLAS_STATUS_NOT_SUPPORTED"
                      : "CUBLAS_STATUS_INVALID_VALUE";
}
FAKE LtStatus cublasLtCreate(LtHandle *handle) {
  *handle = new LtHandleOpaque();
  return kLtSuccess;
}
FAKE LtStatus cublasLtDestroy(LtHandle handle) {
  delete handle;
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulDescCreate(LtMatmulDesc *desc,
                                       LtComputeType compute,
                                       LtDataType scale) {
  if (compute != kLtCompute32F || scale != kLtF32)
    return 7;
  *desc = new LtMatmulDescOpaque();
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulDescDestroy(LtMatmulDesc desc) {
  delete desc;
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulDescSetAttribute(LtMatmulDesc desc,
                                             LtMatmulDescAttribute attribute,
                                             const void *value, size_t size) {
  if (size != 4)
    return 7;
  std::memcpy(attribute == kLtDescTransA ? &desc->transA : &desc->transB, value,
              size);
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatrixLayoutCreate(LtMatrixLayout *layout,
                                         LtDataType type, uint64_t rows,
                                         uint64_t columns, int64_t leading) {
  if (type != kLtF32 || leading < int64_t(rows))
    return 7;
  *layout = new LtMatrixLayoutOpaque{rows, columns, leading};
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatrixLayoutDestroy(LtMatrixLayout layout) {
  delete layout;
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulPreferenceCreate(LtPreference *preference) {
  *preference = new LtPreferenceOpaque();
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulPreferenceDestroy(LtPreference preference) {
  delete preference;
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulPreferenceSetAttribute(
    LtPreference preference, LtPreferenceAttribute attribute, const void *value,
    size_t size) {
  if (attribute == kLtMaxWorkspaceBytes)
    std::memcpy(&preference->workspace, value, size);
  else if (attribute == kLtReductionSchemeMask)
    std::memcpy(&preference->reductions, value, size);
  return kLtSuccess;
}
FAKE LtStatus cublasLtMatmulAlgoGetHeuristic(
    LtHandle, LtMatmulDesc, LtMatrixLayout, LtMatrixLayout, LtMatrixLayout,
    LtMatrixLayout, LtPreference preference, int requested,
    LtHeuristicResult *results, int *returned) {
  if (const char *path = std::getenv("FAKE_LT_LOG")) {
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || write(file, "heuristic\n", 10) != 10)
      return 7;
    close(file);
  }
  *returned = 0;
  if (std::getenv("FAKE_LT_NONE"))
    return 15;
  // Only reductions in a step of their own are the same bits every time.
  if (preference->reductions != kLtReduceInComputeType)
    return 7;
  for (int i = 0; i < kAlgorithms && i < requested; ++i) {
    results[i] = {};
    results[i].algorithm.data[0] = uint64_t(i);
    results[i].workspaceSize = preference->workspace;
    *returned = i + 1;
  }
  return kLtSuccess;
}

static float element(const float *data, LtMatrixLayout layout, bool transposed,
                     uint64_t row, uint64_t column) {
  return transposed ? data[row * uint64_t(layout->leading) + column]
                    : data[column * uint64_t(layout->leading) + row];
}

/// Whether there are at least two values, and all are finite.
static bool isLively(const float *data, uint64_t count) {
  bool differs = false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!std::isfinite(data[i]))
      return false;
    differs |= data[i] != data[0];
  }
  return differs;
}

FAKE LtStatus cublasLtMatmul(LtHandle, LtMatmulDesc desc, const void *alpha,
                             const void *a, LtMatrixLayout layoutA,
                             const void *b, LtMatrixLayout layoutB,
                             const void *beta, const void *c,
                             LtMatrixLayout layoutC, void *d, LtMatrixLayout,
                             const LtAlgorithm *algorithm, void *workspace,
                             size_t workspaceBytes, CuStream stream) {
  uint64_t rows = layoutC->rows, columns = layoutC->columns;
  uint64_t inner = desc->transA ? layoutA->rows : layoutA->columns;
  if (rows != (desc->transA ? layoutA->columns : layoutA->rows) ||
      columns != (desc->transB ? layoutB->rows : layoutB->columns) ||
      inner != (desc->transB ? layoutB->columns : layoutB->rows) ||
      algorithm->data[0] >= kAlgorithms)
    return 7;
  fake::mustBeAllocated(a, layoutA->rows * layoutA->columns * 4);
  fake::mustBeAllocated(b, layoutB->rows * layoutB->columns * 4);
  fake::mustBeAllocated(d, rows * columns * 4);
  fake::mustBeAllocated(workspace, workspaceBytes);
  if (std::getenv("FAKE_LT_PICKY") &&
      (!isLively(static_cast<const float *>(a),
                 layoutA->rows * layoutA->columns) ||
       !isLively(static_cast<const float *>(b),
                 layoutB->rows * layoutB->columns)))
    return 7;
  bool transA = desc->transA != 0, transB = desc->transB != 0;
  float scale = *static_cast<const float *>(alpha);
  float old = *static_cast<const float *>(beta);
  LtMatrixLayoutOpaque la = *layoutA, lb = *layoutB;
  fake::enqueue(stream, costOf(algorithm->data[0]), [=]() mutable {
    auto *to = static_cast<float *>(d);
    for (uint64_t j = 0; j < columns; ++j)
      for (uint64_t i = 0; i < rows; ++i) {
        float sum = 0;
        for (uint64_t p = 0; p < inner; ++p)
          sum += element(static_cast<const float *>(a), &la, transA, i, p) *
                 element(static_cast<const float *>(b), &lb, transB, p, j);
        float before =
            old == 0 ? 0 : static_cast<const float *>(c)[j * rows + i];
        to[j * rows + i] = scale * sum + old * before;
      }
  });
  return kLtSuccess;
}
