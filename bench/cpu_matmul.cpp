//===- cpu_matmul.cpp - Speed of the runtime's matrix products
//--------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lns-bench-matmul [THREADS [LEVEL]]: GFLOP/s of both backends for the three
// products of a linear layer on 1024 rows. The backends take turns, and with
// one thread (the default) its own processor time counts, so that other
// programs on the machine disturb little. The median of all turns is shown, and
// the best.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu_matmul.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

using namespace lns;

static double now(bool ownTime) {
  timespec time;
  clock_gettime(ownTime ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

/// Buffers start on multiples of 64 bytes.
static int64_t roundUp(int64_t floats) { return (floats + 15) / 16 * 16; }

namespace {
struct Layer {
  int64_t in, out;
};
} // namespace

int main(int argc, char **argv) {
  constexpr int64_t kRows = 1024;
  constexpr Layer kLayers[] = {{128, 128},  {128, 352},  {352, 128},
                               {128, 256},  {768, 768},  {768, 2048},
                               {2048, 768}, {768, 32000}};
  unsigned threads = argc > 1 ? unsigned(std::atoi(argv[1])) : 1;
  const char *level = argc > 2 ? argv[2] : "";
  ThreadPool pool;
  CpuMatmul backends[2];
  if (threads < 1 || threads > kMaxThreads || pool.start(threads) ||
      backends[0].create("builtin", level, pool) ||
      backends[1].create("onednn", level, pool)) {
    std::fprintf(stderr, "usage: lns-bench-matmul [THREADS [LEVEL]]\n");
    return 1;
  }
  std::printf("%u threads, GFLOP/s: median (best)\n", threads);
  std::printf("%12s %-10s %18s %18s\n", "in x out", "product",
              backends[0].name(), backends[1].name());
  for (Layer layer : kLayers) {
    struct {
      const char *name;
      MatmulShape shape;
    } products[] = {
        {"x W^T", {kRows, layer.out, layer.in, false, true}},
        {"dy W", {kRows, layer.in, layer.out, false, false}},
        {"dy^T x", {layer.out, layer.in, kRows, true, false}},
    };
    for (auto &[name, shape] : products) {
      // In one allocation of huge pages, as in a session.
      int64_t sizeA = roundUp(shape.m * shape.k);
      int64_t sizeB = roundUp(shape.k * shape.n);
      int64_t sizeC = roundUp(shape.m * shape.n);
      PageMemory memory;
      if (PageMemory::allocate(uint64_t(sizeA + sizeB + sizeC) * sizeof(float),
                               "operands", memory))
        return 1;
      auto *a = reinterpret_cast<float *>(memory.data());
      float *b = a + sizeA, *c = b + sizeB;
      std::fill_n(a, sizeA, 0.5f);
      std::fill_n(b, sizeB, 0.25f);
      double flops = 2.0 * double(shape.m) * double(shape.n) * double(shape.k);
      int turns = int(std::clamp(4e10 / flops, 5.0, 500.0));
      std::vector<double> seconds[2];
      for (int turn = -1; turn < turns; ++turn)
        for (int backend = 0; backend < 2; ++backend) {
          double start = now(threads == 1);
          if (backends[backend].run(shape, a, b, c))
            return 1;
          if (turn >= 0)
            seconds[backend].push_back(now(threads == 1) - start);
        }
      std::printf("%5lld x %-5lld %-10s", static_cast<long long>(layer.in),
                  static_cast<long long>(layer.out), name);
      for (auto &all : seconds) {
        std::sort(all.begin(), all.end());
        std::printf("    %6.1f (%6.1f)", 1e-9 * flops / all[all.size() / 2],
                    1e-9 * flops / all[0]);
      }
      std::printf("\n");
    }
  }
  return 0;
}
