//===- onednn_gemm.cpp - Matrix products by oneDNN
//--------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// oneDNN brings OpenMP's threads with it. There must not be two pools, so each
// of our threads calls it with OpenMP limited to that one thread. The limit is
// a property of the calling thread and is put back afterwards, because worker 0
// is the caller's own.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu_matmul.h"

#include <algorithm>
#include <atomic>
#include <dlfcn.h>
#include <dnnl.h>

using namespace lns;

namespace {

/// OpenMP's own functions, found where oneDNN has loaded them. Nothing to limit
/// when there is no OpenMP.
struct OpenMp {
  using SetThreads = void (*)(int);
  using GetThreads = int (*)();
  SetThreads set = nullptr;
  GetThreads get = nullptr;

  OpenMp() {
    set = reinterpret_cast<SetThreads>(
        dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    get = reinterpret_cast<GetThreads>(
        dlsym(RTLD_DEFAULT, "omp_get_max_threads"));
  }
};

class SingleThreadedOpenMp {
public:
  SingleThreadedOpenMp() {
    if (functions().set && functions().get) {
      before = functions().get();
      functions().set(1);
    }
  }
  ~SingleThreadedOpenMp() {
    if (before != 0)
      functions().set(before);
  }

private:
  static const OpenMp &functions() {
    static const OpenMp openMp;
    return openMp;
  }
  int before = 0;
};

} // namespace

/// Tile extents: large enough for oneDNN to pack its operands once, and small
/// enough that a few threads share the work evenly. From the shape only.
static constexpr int64_t kTileRows = 512;
static constexpr int64_t kTileColumns = 768;

Error lns::oneDnnMatmul(const MatmulShape &shape, const float *a,
                        const float *b, float *c, ThreadPool &pool) {
  int64_t tilesM = (shape.m + kTileRows - 1) / kTileRows;
  int64_t tilesN = (shape.n + kTileColumns - 1) / kTileColumns;
  // A single tile would keep all other threads idle: halve it.
  if (tilesM * tilesN == 1)
    (shape.m >= shape.n ? tilesM : tilesN) = 2;
  int64_t rows = (shape.m + tilesM - 1) / tilesM;
  int64_t columns = (shape.n + tilesN - 1) / tilesN;
  int64_t lda = shape.transA ? shape.m : shape.k;
  int64_t ldb = shape.transB ? shape.k : shape.n;
  std::atomic<int> status = dnnl_success;
  pool.run(tilesM * tilesN, 1, [&](int64_t begin, int64_t end, unsigned) {
    SingleThreadedOpenMp limit;
    for (int64_t tile = begin; tile < end; ++tile) {
      int64_t i = tile / tilesN * rows;
      int64_t j = tile % tilesN * columns;
      int64_t height = std::min(rows, shape.m - i);
      int64_t width = std::min(columns, shape.n - j);
      if (height <= 0 || width <= 0)
        continue;
      int result = dnnl_sgemm(shape.transA ? 'T' : 'N',
                              shape.transB ? 'T' : 'N', height, width, shape.k,
                              shape.alpha, a + (shape.transA ? i : i * lda),
                              lda, b + (shape.transB ? j * ldb : j), ldb,
                              shape.beta, c + i * shape.n + j, shape.n);
      if (result != dnnl_success)
        status.store(result, std::memory_order_relaxed);
    }
  });
  int result = status.load(std::memory_order_relaxed);
  if (result == dnnl_success)
    return nullptr;
  return makeError(
      result == dnnl_out_of_memory ? LNSRT_OUT_OF_MEMORY : LNSRT_INTERNAL,
      "oneDNN", "product of ", shape.m, " x ", shape.k, " and ", shape.k, " x ",
      shape.n, " failed with status ", result, "; use matmul 'builtin'");
}
