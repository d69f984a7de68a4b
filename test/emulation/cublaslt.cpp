//===- cublaslt.cpp - Emulated cuBLASLt --------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// D = alpha op(A) op(B) + beta C in plain loops, products summed in float in
// the order of k. Two algorithms with the same result, of which the second
// wants a workspace, so that who calls has a choice and a workspace to provide.
//
//===----------------------------------------------------------------------===//

#include "test/emulation/cuda_abi.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <memory>
#include <vector>

enum cublasStatus_t : int {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_NOT_SUPPORTED = 15,
};
enum cublasComputeType_t : int { CUBLAS_COMPUTE_32F = 68 };
enum cudaDataType : int { CUDA_R_32F = 0, CUDA_R_16BF = 14 };
enum cublasOperation_t : int32_t { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum cublasLtOrder_t : int32_t {
  CUBLASLT_ORDER_COL = 0,
  CUBLASLT_ORDER_ROW = 1
};

enum cublasLtMatrixLayoutAttribute_t : int {
  CUBLASLT_MATRIX_LAYOUT_ORDER = 1,
  CUBLASLT_MATRIX_LAYOUT_LD = 4,
  CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT = 5,
};
enum cublasLtMatmulDescAttributes_t : int {
  CUBLASLT_MATMUL_DESC_POINTER_MODE = 2,
  CUBLASLT_MATMUL_DESC_TRANSA = 3,
  CUBLASLT_MATMUL_DESC_TRANSB = 4,
  CUBLASLT_MATMUL_DESC_EPILOGUE = 7,
};
enum cublasLtMatmulPreferenceAttributes_t : int {
  CUBLASLT_MATMUL_PREF_SEARCH_MODE = 0,
  CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,
  CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8,
  CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT = 9,
  CUBLASLT_MATMUL_PREF_IMPL_MASK = 12,
};

struct EmulatedLtHandle {};

struct EmulatedLtLayout {
  cudaDataType type;
  uint64_t rows, columns;
  int64_t leading;
  int32_t order = CUBLASLT_ORDER_COL;

  size_t elementBytes() const { return type == CUDA_R_32F ? 4 : 2; }
  bool isValid() const {
    uint64_t inner = order == CUBLASLT_ORDER_COL ? rows : columns;
    return rows && columns && leading >= static_cast<int64_t>(inner);
  }
  /// From the first element to behind the last.
  size_t bytes() const {
    uint64_t inner = order == CUBLASLT_ORDER_COL ? rows : columns;
    uint64_t outer = order == CUBLASLT_ORDER_COL ? columns : rows;
    return ((outer - 1) * leading + inner) * elementBytes();
  }
  size_t index(uint64_t row, uint64_t column) const {
    return order == CUBLASLT_ORDER_COL ? row + column * leading
                                       : row * leading + column;
  }
};

struct EmulatedLtDesc {
  int32_t transA = CUBLAS_OP_N, transB = CUBLAS_OP_N;
};

struct EmulatedLtPreference {
  uint64_t maxWorkspace = 0;
};

// The layouts of cublasLt.h.
struct cublasLtMatmulAlgo_t {
  uint64_t data[8];
};
struct cublasLtMatmulHeuristicResult_t {
  cublasLtMatmulAlgo_t algo;
  size_t workspaceSize;
  cublasStatus_t state;
  float wavesCount;
  int reserved[4];
};

#define LNS_EMU_API __attribute__((visibility("default"))) cublasStatus_t

namespace {

constexpr uint64_t kAlgoMark = 0x6c6e732d656d7500; // and its number, 0 or 1
constexpr size_t kWorkspaces[] = {0, 4096};

/// All of a call, as it was when it was made.
struct Product {
  float alpha, beta;
  const void *a, *b, *c;
  void *d, *workspace;
  size_t workspaceBytes;
  EmulatedLtDesc desc;
  EmulatedLtLayout aLayout, bLayout, cLayout, dLayout;
  CUstream stream;
};

float load(const void *matrix, cudaDataType type, size_t index) {
  if (type == CUDA_R_32F)
    return static_cast<const float *>(matrix)[index];
  uint32_t bits = static_cast<const uint16_t *>(matrix)[index];
  return std::bit_cast<float>(bits << 16);
}

void store(void *matrix, cudaDataType type, size_t index, float value) {
  if (type == CUDA_R_32F) {
    static_cast<float *>(matrix)[index] = value;
    return;
  }
  auto bits = std::bit_cast<uint32_t>(value);
  static_cast<uint16_t *>(matrix)[index] =
      value != value
          ? 0x7fff
          : static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// op(matrix), dense and row-major.
std::vector<float> gather(const void *matrix, const EmulatedLtLayout &layout,
                          int32_t operation) {
  bool isTransposed = operation == CUBLAS_OP_T;
  uint64_t rows = isTransposed ? layout.columns : layout.rows;
  uint64_t columns = isTransposed ? layout.rows : layout.columns;
  std::vector<float> result;
  result.reserve(rows * columns);
  for (uint64_t i = 0; i < rows; ++i)
    for (uint64_t j = 0; j < columns; ++j)
      result.push_back(
          load(matrix, layout.type,
               isTransposed ? layout.index(j, i) : layout.index(i, j)));
  return result;
}

CUresult multiply(void *state) {
  const Product &p = *static_cast<Product *>(state);
  uint64_t m = p.dLayout.rows, n = p.dLayout.columns;
  uint64_t k =
      p.desc.transA == CUBLAS_OP_T ? p.aLayout.rows : p.aLayout.columns;
  struct Range {
    const void *pointer;
    size_t bytes;
  };
  std::vector<Range> ranges = {{p.a, p.aLayout.bytes()},
                               {p.b, p.bLayout.bytes()},
                               {p.d, p.dLayout.bytes()}};
  if (p.beta != 0)
    ranges.push_back({p.c, p.cLayout.bytes()});
  if (p.workspaceBytes)
    ranges.push_back({p.workspace, p.workspaceBytes});
  for (const Range &range : ranges)
    if (CUresult error = lnsEmuCheckRange(p.stream, "cublasLtMatmul",
                                          range.pointer, range.bytes))
      return error;
  // What is in a workspace afterwards is nobody's to read.
  if (p.workspaceBytes)
    std::memset(p.workspace, 0xff, p.workspaceBytes);

  std::vector<float> a = gather(p.a, p.aLayout, p.desc.transA);
  std::vector<float> b = gather(p.b, p.bLayout, p.desc.transB);
  std::vector<float> sums(n);
  for (uint64_t i = 0; i < m; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (uint64_t l = 0; l < k; ++l)
      for (uint64_t j = 0; j < n; ++j)
        sums[j] += a[i * k + l] * b[l * n + j];
    for (uint64_t j = 0; j < n; ++j) {
      float value = p.alpha * sums[j];
      if (p.beta != 0)
        value += p.beta * load(p.c, p.cLayout.type, p.cLayout.index(i, j));
      store(p.d, p.dLayout.type, p.dLayout.index(i, j), value);
    }
  }
  return CUDA_SUCCESS;
}

/// What a call or a question is about must fit together.
cublasStatus_t check(const EmulatedLtDesc *desc, const EmulatedLtLayout *a,
                     const EmulatedLtLayout *b, const EmulatedLtLayout *c,
                     const EmulatedLtLayout *d) {
  if (!desc || !a || !b || !c || !d)
    return CUBLAS_STATUS_INVALID_VALUE;
  for (const EmulatedLtLayout *layout : {a, b, c, d})
    if (!layout->isValid())
      return CUBLAS_STATUS_INVALID_VALUE;
  bool transA = desc->transA == CUBLAS_OP_T,
       transB = desc->transB == CUBLAS_OP_T;
  if ((transA ? a->columns : a->rows) != d->rows ||
      (transB ? b->rows : b->columns) != d->columns ||
      (transA ? a->rows : a->columns) != (transB ? b->columns : b->rows) ||
      c->rows != d->rows || c->columns != d->columns)
    return CUBLAS_STATUS_INVALID_VALUE;
  // From f32 to bf16 there is no product in the library's table of types.
  bool isKnown = a->type == b->type && c->type == d->type &&
                 (a->type == CUDA_R_16BF || d->type == CUDA_R_32F);
  return isKnown ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

template <class T>
cublasStatus_t readAttribute(T &value, const void *buffer, size_t bytes) {
  if (!buffer || bytes != sizeof(T))
    return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&value, buffer, sizeof(T));
  return CUBLAS_STATUS_SUCCESS;
}

/// An attribute of which only one value is emulated.
template <class T>
cublasStatus_t expectAttribute(T only, const void *buffer, size_t bytes) {
  T value{};
  if (cublasStatus_t status = readAttribute(value, buffer, bytes))
    return status;
  return value == only ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

template <class T> cublasStatus_t destroy(T *object) {
  if (!object)
    return CUBLAS_STATUS_INVALID_VALUE;
  delete object;
  return CUBLAS_STATUS_SUCCESS;
}

} // namespace

extern "C" {

__attribute__((visibility("default"))) size_t cublasLtGetVersion() {
  return 130000;
}

__attribute__((visibility("default"))) const char *
cublasLtGetStatusString(cublasStatus_t status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return "the operation completed successfully";
  case CUBLAS_STATUS_INVALID_VALUE:
    return "an unsupported value or parameter was passed to the function";
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return "the GPU program failed to execute";
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return "the functionality requested is not supported";
  }
  return "unknown cublas status";
}

LNS_EMU_API cublasLtCreate(EmulatedLtHandle **handle) {
  if (!handle)
    return CUBLAS_STATUS_INVALID_VALUE;
  *handle = new EmulatedLtHandle();
  return CUBLAS_STATUS_SUCCESS;
}

LNS_EMU_API cublasLtDestroy(EmulatedLtHandle *handle) {
  return destroy(handle);
}

LNS_EMU_API cublasLtMatmulDescCreate(EmulatedLtDesc **desc,
                                     cublasComputeType_t compute,
                                     cudaDataType scale) {
  if (!desc)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  *desc = new EmulatedLtDesc();
  return CUBLAS_STATUS_SUCCESS;
}

LNS_EMU_API cublasLtMatmulDescDestroy(EmulatedLtDesc *desc) {
  return destroy(desc);
}

LNS_EMU_API
cublasLtMatmulDescSetAttribute(EmulatedLtDesc *desc,
                               cublasLtMatmulDescAttributes_t attribute,
                               const void *buffer, size_t bytes) {
  if (!desc)
    return CUBLAS_STATUS_INVALID_VALUE;
  int32_t operation = 0;
  switch (attribute) {
  case CUBLASLT_MATMUL_DESC_TRANSA:
  case CUBLASLT_MATMUL_DESC_TRANSB:
    if (cublasStatus_t status = readAttribute(operation, buffer, bytes))
      return status;
    if (operation != CUBLAS_OP_N && operation != CUBLAS_OP_T)
      return CUBLAS_STATUS_NOT_SUPPORTED;
    (attribute == CUBLASLT_MATMUL_DESC_TRANSA ? desc->transA : desc->transB) =
        operation;
    return CUBLAS_STATUS_SUCCESS;
  case CUBLASLT_MATMUL_DESC_POINTER_MODE:
    return expectAttribute(int32_t(0), buffer, bytes); // on the host
  case CUBLASLT_MATMUL_DESC_EPILOGUE:
    return expectAttribute(uint32_t(1), buffer, bytes); // none
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

LNS_EMU_API cublasLtMatrixLayoutCreate(EmulatedLtLayout **layout,
                                       cudaDataType type, uint64_t rows,
                                       uint64_t columns, int64_t leading) {
  if (!layout)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (type != CUDA_R_32F && type != CUDA_R_16BF)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  *layout = new EmulatedLtLayout{type, rows, columns, leading};
  return CUBLAS_STATUS_SUCCESS;
}

LNS_EMU_API cublasLtMatrixLayoutDestroy(EmulatedLtLayout *layout) {
  return destroy(layout);
}

LNS_EMU_API
cublasLtMatrixLayoutSetAttribute(EmulatedLtLayout *layout,
                                 cublasLtMatrixLayoutAttribute_t attribute,
                                 const void *buffer, size_t bytes) {
  if (!layout)
    return CUBLAS_STATUS_INVALID_VALUE;
  int32_t order = 0;
  switch (attribute) {
  case CUBLASLT_MATRIX_LAYOUT_ORDER:
    if (cublasStatus_t status = readAttribute(order, buffer, bytes))
      return status;
    if (order != CUBLASLT_ORDER_COL && order != CUBLASLT_ORDER_ROW)
      return CUBLAS_STATUS_NOT_SUPPORTED;
    layout->order = order;
    return CUBLAS_STATUS_SUCCESS;
  case CUBLASLT_MATRIX_LAYOUT_LD:
    return readAttribute(layout->leading, buffer, bytes);
  case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
    return expectAttribute(int32_t(1), buffer, bytes);
  }
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

LNS_EMU_API cublasLtMatmulPreferenceCreate(EmulatedLtPreference **preference) {
  if (!preference)
    return CUBLAS_STATUS_INVALID_VALUE;
  *preference = new EmulatedLtPreference();
  return CUBLAS_STATUS_SUCCESS;
}

LNS_EMU_API cublasLtMatmulPreferenceDestroy(EmulatedLtPreference *preference) {
  return destroy(preference);
}

LNS_EMU_API cublasLtMatmulPreferenceSetAttribute(
    EmulatedLtPreference *preference,
    cublasLtMatmulPreferenceAttributes_t attribute, const void *buffer,
    size_t bytes) {
  if (!preference)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
    return readAttribute(preference->maxWorkspace, buffer, bytes);
  // What else may be preferred leaves the two algorithms as they are.
  uint64_t mask = 0;
  if (attribute == CUBLASLT_MATMUL_PREF_IMPL_MASK)
    return readAttribute(mask, buffer, bytes);
  bool isKnown = attribute == CUBLASLT_MATMUL_PREF_SEARCH_MODE ||
                 attribute == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK ||
                 (attribute >= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES &&
                  attribute <= CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT);
  uint32_t word = 0;
  return isKnown ? readAttribute(word, buffer, bytes)
                 : CUBLAS_STATUS_NOT_SUPPORTED;
}

LNS_EMU_API cublasLtMatmulAlgoGetHeuristic(
    EmulatedLtHandle *handle, EmulatedLtDesc *desc, EmulatedLtLayout *a,
    EmulatedLtLayout *b, EmulatedLtLayout *c, EmulatedLtLayout *d,
    EmulatedLtPreference *preference, int requested,
    cublasLtMatmulHeuristicResult_t *results, int *returned) {
  if (!handle || !preference || requested <= 0 || !results || !returned)
    return CUBLAS_STATUS_INVALID_VALUE;
  *returned = 0;
  if (cublasStatus_t status = check(desc, a, b, c, d))
    return status;
  for (size_t i = 0; i < std::size(kWorkspaces); ++i) {
    if (*returned == requested || kWorkspaces[i] > preference->maxWorkspace)
      continue;
    cublasLtMatmulHeuristicResult_t result = {};
    result.algo.data[0] = kAlgoMark + i;
    result.workspaceSize = kWorkspaces[i];
    result.wavesCount = 1;
    results[(*returned)++] = result;
  }
  return CUBLAS_STATUS_SUCCESS;
}

LNS_EMU_API cublasLtMatmul(EmulatedLtHandle *handle, EmulatedLtDesc *desc,
                           const void *alpha, const void *a,
                           EmulatedLtLayout *aLayout, const void *b,
                           EmulatedLtLayout *bLayout, const void *beta,
                           const void *c, EmulatedLtLayout *cLayout, void *d,
                           EmulatedLtLayout *dLayout,
                           const cublasLtMatmulAlgo_t *algo, void *workspace,
                           size_t workspaceBytes, CUstream stream) {
  if (!handle || !alpha || !beta || !a || !b || !d)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (cublasStatus_t status = check(desc, aLayout, bLayout, cLayout, dLayout))
    return status;
  uint64_t number = algo ? algo->data[0] - kAlgoMark : 0;
  if (number >= std::size(kWorkspaces) ||
      workspaceBytes < kWorkspaces[number] ||
      (kWorkspaces[number] && reinterpret_cast<uintptr_t>(workspace) % 16))
    return CUBLAS_STATUS_INVALID_VALUE;
  auto product = std::make_unique<Product>(Product{
      *static_cast<const float *>(alpha), *static_cast<const float *>(beta), a,
      b, c, d, workspace, kWorkspaces[number], *desc, *aLayout, *bLayout,
      *cLayout, *dLayout, stream});
  if (product->beta != 0 && !c)
    return CUBLAS_STATUS_INVALID_VALUE;
  CUresult error =
      lnsEmuSubmit(stream, multiply, product.release(),
                   [](void *state) { delete static_cast<Product *>(state); });
  return error ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

} // extern "C"
