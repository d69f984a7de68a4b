//===- onednn_gemm.cpp - Matrix products by oneDNN ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// oneDNN is loaded when a session asks for it, never linked: the runtime works
// on machines that do not have it, and does not start OpenMP there is no use
// for.
//
// oneDNN brings OpenMP's threads with it. There must not be two pools, so each
// of our threads calls it with OpenMP limited to that one thread. The limit is
// a property of the calling thread and is put back afterwards, because worker 0
// is the caller's own.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_matmul.h"

#include <algorithm>
#include <atomic>
#include <dlfcn.h>
#include <dnnl.h>
#include <string>

using namespace lns;

namespace {

/// oneDNN's function, and OpenMP's own where oneDNN has loaded it: nothing to
/// limit when there is no OpenMP.
struct Functions {
  decltype(&dnnl_sgemm) sgemm = nullptr;
  void (*setThreads)(int) = nullptr;
  int (*getThreads)() = nullptr;
  std::string problem;

  Functions() {
    void *library = nullptr;
    for (const char *name : {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"}) {
      library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (library)
        break;
      const char *why = dlerror();
      if (problem.empty() && why)
        problem = why;
    }
    if (!library)
      return;
    problem.clear();
    find(library, "dnnl_sgemm", sgemm);
    find(library, "omp_set_num_threads", setThreads);
    find(library, "omp_get_max_threads", getThreads);
    if (!sgemm)
      problem = "the library has no dnnl_sgemm";
  }

private:
  /// In the library and in those that it needs.
  template <typename Function>
  static void find(void *library, const char *name, Function &function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
  }
};

/// Loaded once, kept for ever: OpenMP does not survive being closed.
const Functions &functions() {
  static const Functions loaded;
  return loaded;
}

class SingleThreadedOpenMp {
public:
  SingleThreadedOpenMp() {
    if (functions().setThreads && functions().getThreads) {
      before = functions().getThreads();
      functions().setThreads(1);
    }
  }
  ~SingleThreadedOpenMp() {
    if (before != 0)
      functions().setThreads(before);
  }

private:
  int before = 0;
};

} // namespace

/// Tile extents: large enough for oneDNN to pack its operands once, and small
/// enough that a few threads share the work evenly. From the shape only.
static constexpr int64_t kTileRows = 512;
static constexpr int64_t kTileColumns = 768;

Error lns::openOneDnn() {
  if (functions().sgemm)
    return nullptr;
  return makeError(LNSRT_UNSUPPORTED, "oneDNN",
                   "cannot be loaded: ", functions().problem,
                   "; install libdnnl, or use matmul 'builtin'");
}

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
      int result = functions().sgemm(
          shape.transA ? 'T' : 'N', shape.transB ? 'T' : 'N', height, width,
          shape.k, shape.alpha, a + (shape.transA ? i : i * lda), lda,
          b + (shape.transB ? j * ldb : j), ldb, shape.beta,
          c + i * shape.n + j, shape.n);
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
