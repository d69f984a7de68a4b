//===- cpu_matmul.cpp - Speed of the runtime's matrix products ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lns-bench-matmul [THREADS [LEVEL]]: GFLOP/s for the three products of a
// linear layer on 1024 rows: in f32 by both backends, and as a bf16 model has
// them: x, y and their gradients in bf16, W and its gradient in f32. All take
// turns, and with one thread (the default) its own processor time counts, so
// that other programs on the machine disturb little. The median of all turns is
// shown, and the best. The last columns are medians of each turn's ratio of
// speeds: bf16 over builtin f32, and each of them with a gain over without.
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_matmul.h"

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

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Median of before / after over all turns.
static double speedUp(const std::vector<double> &before,
                      const std::vector<double> &after) {
  std::vector<double> ratios;
  for (size_t i = 0; i < before.size(); ++i)
    ratios.push_back(before[i] / after[i]);
  return median(std::move(ratios));
}

namespace {

struct Layer {
  int64_t in, out;
};

struct Product {
  const char *name;
  MatmulShape shape;
  MatmulType a, b, c; ///< in a bf16 model
};

/// Operands in one allocation of huge pages, as in a session. Each starts on a
/// multiple of 64 bytes and is large enough for f32.
struct Operands {
  PageMemory memory;
  unsigned char *a = nullptr, *b = nullptr, *c = nullptr;

  Error allocate(const MatmulShape &shape) {
    auto bytes = [](int64_t rows, int64_t columns) {
      return uint64_t(rows * columns * 4 + 63) / 64 * 64;
    };
    uint64_t sizeA = bytes(shape.m, shape.k), sizeB = bytes(shape.k, shape.n);
    if (Error error = PageMemory::allocate(
            sizeA + sizeB + bytes(shape.m, shape.n), "operands", memory))
      return error;
    a = memory.data();
    b = a + sizeA;
    c = b + sizeB;
    return nullptr;
  }

  void fill(const MatmulShape &shape) {
    fill(a, shape.m * shape.k, shape.typeA, 0.5f);
    fill(b, shape.k * shape.n, shape.typeB, 0.25f);
  }

private:
  static void fill(unsigned char *data, int64_t elements, MatmulType type,
                   float value) {
    if (type == MatmulType::F32)
      std::fill_n(reinterpret_cast<float *>(data), elements, value);
    else // The upper half of 0.5 or 0.25 is that number in bf16.
      std::fill_n(reinterpret_cast<uint16_t *>(data), elements,
                  value == 0.5f ? 0x3f00 : 0x3e80);
  }
};

} // namespace

int main(int argc, char **argv) {
  constexpr int64_t kRows = 1024;
  constexpr Layer kLayers[] = {
      {128, 128},  {128, 352},  {352, 128},  {128, 256},  {768, 768},
      {768, 2304}, {768, 2048}, {768, 4096}, {2048, 768}, {768, 32000}};
  constexpr MatmulType kF32 = MatmulType::F32, kBf16 = MatmulType::Bf16;
  unsigned threads = argc > 1 ? unsigned(std::atoi(argv[1])) : 1;
  const char *level = argc > 2 ? argv[2] : "";
  ThreadPool pool;
  CpuMatmul builtin, oneDnn;
  if (threads < 1 || threads > kMaxThreads || pool.start(threads) ||
      builtin.create("builtin", level, pool) ||
      oneDnn.create("onednn", level, pool)) {
    std::fprintf(stderr, "usage: lns-bench-matmul [THREADS [LEVEL]]\n");
    return 1;
  }
  std::printf("%u threads, %s, GFLOP/s: median (best)\n", threads,
              builtin.name());
  std::printf("%12s %-10s %18s %18s %18s %10s %10s %10s\n", "in x out",
              "product", "builtin f32", "oneDNN f32", "builtin bf16",
              "bf16/f32", "f32 gain", "bf16 gain");
  for (Layer layer : kLayers) {
    const Product products[] = {
        {"x W^T",
         {kRows, layer.out, layer.in, false, true},
         kBf16,
         kF32,
         kBf16},
        {"dy W",
         {kRows, layer.in, layer.out, false, false},
         kBf16,
         kF32,
         kBf16},
        {"dy^T x",
         {layer.out, layer.in, kRows, true, false},
         kBf16,
         kBf16,
         kF32},
    };
    for (const Product &product : products) {
      MatmulShape shape = product.shape, mixed = product.shape;
      mixed.typeA = product.a;
      mixed.typeB = product.b;
      mixed.typeC = product.c;
      Operands plain, halves;
      if (plain.allocate(shape) || halves.allocate(mixed))
        return 1;
      plain.fill(shape);
      halves.fill(mixed);
      struct {
        CpuMatmul &matmul;
        const MatmulShape &shape;
        const Operands &operands;
        bool scaled;
        std::vector<double> seconds;
      } turns[] = {{builtin, shape, plain, false, {}},
                   {oneDnn, shape, plain, false, {}},
                   {builtin, mixed, halves, false, {}},
                   {builtin, shape, plain, true, {}},
                   {builtin, mixed, halves, true, {}}};
      std::vector<float> gain(size_t(std::max(shape.k, shape.n)), 1.5f);
      double flops = 2.0 * double(shape.m) * double(shape.n) * double(shape.k);
      int rounds = int(std::clamp(4e10 / flops, 5.0, 500.0));
      for (int round = -1; round < rounds; ++round)
        for (auto &turn : turns) {
          const Operands &operands = turn.operands;
          double start = now(threads == 1);
          if (turn.matmul.run(turn.shape, operands.a, operands.b, operands.c,
                              turn.scaled ? gain.data() : nullptr))
            return 1;
          if (round >= 0)
            turn.seconds.push_back(now(threads == 1) - start);
        }
      std::printf("%5lld x %-5lld %-10s", static_cast<long long>(layer.in),
                  static_cast<long long>(layer.out), product.name);
      for (int i = 0; i < 3; ++i) {
        const std::vector<double> &seconds = turns[i].seconds;
        std::printf("    %6.1f (%6.1f)", 1e-9 * flops / median(seconds),
                    1e-9 * flops /
                        *std::min_element(seconds.begin(), seconds.end()));
      }
      std::printf(" %10.2f %10.2f %10.2f\n",
                  speedUp(turns[0].seconds, turns[2].seconds),
                  speedUp(turns[0].seconds, turns[3].seconds),
                  speedUp(turns[2].seconds, turns[4].seconds));
    }
  }
  return 0;
}
