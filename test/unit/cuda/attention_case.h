//===- attention_case.h - CUDA attention of parsed ops ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Lowers lns.attention and lns.attention_grad, runs the kernels on the emulator
// with every access checked, and compares each number with float64 under a
// bound of its own. With u = 2^-8 (bf16 rounds to within u) the kernels round,
// beside f32's own errors, where tensor cores take bf16: P before P v and P^T
// dout, dS before dS k and dS^T q; and the result. Hence
//
//   |out error| <= u sum_j P_ij |v_j| + u |out|
//   |dv error|  <= u sum_i P_ij |dout_i| + u |dv|
//   |dq error|  <= u scale sum_j |dS_ij| |k_j| + u |dq|,    dk alike.
//
// f32's errors move an exponent by eps = 2^-24 ((d + 8) scale sum |q k| + ...),
// which is an error of P relative to P; `noise` below. LNS_TEST_SEED draws
// other inputs.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_ATTENTION_CASE_H
#define LNS_TEST_UNIT_CUDA_ATTENTION_CASE_H

#include "test/emulation/EmulatedLaunch.h"

#include "mlir/IR/MLIRContext.h"
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace lns::test {

/// An attention, and the sequence lengths that it is computed for.
struct Case {
  bool isBf16;
  int headDim, heads, kvHeads;
  bool causal;
  std::vector<int> times = {1, 7, 50, 65, 130};
  double scale = 0; ///< 0: 1/sqrt(d)
  double amplitude = 1;
  int window = 0; ///< 0: none
  double cap = 0; ///< 0: none
  /// How long documents are that share a row, one behind the other and again
  /// from the first on, new ones in each row; none: there are no starts.
  std::vector<int> documents = {};
};

std::ostream &operator<<(std::ostream &os, const Case &c);
std::string getName(const testing::TestParamInfo<Case> &info);

/// A tensor of either type.
struct Buffer {
  bool isBf16 = false;
  std::vector<float> f32;
  std::vector<emulation::Bf16> bf16;

  size_t size() const { return isBf16 ? bf16.size() : f32.size(); }
  double operator[](size_t i) const { return isBf16 ? float(bf16[i]) : f32[i]; }
  bool operator==(const Buffer &) const = default;
};

/// Values of one run, by name: q k v dout, out lse, dq dk dv.
using Values = std::map<std::string, Buffer>;

class CudaAttention : public testing::TestWithParam<Case> {
protected:
  CudaAttention();

  const Case &c = GetParam();
  mlir::MLIRContext context;
  std::mt19937_64 generator;
  int batch = 1, time = 1;
  bool hasStarts = !c.documents.empty();
  std::vector<int32_t> starts; ///< of every time, also where no op has them

  /// For `batch` rows of `time`.
  void makeStarts();

  double getScale() const {
    return c.scale ? float(c.scale) : float(1 / std::sqrt(c.headDim));
  }

  /// A random tensor [batch, time, width].
  Buffer draw(int width);

  /// A function with all that `run` runs.
  std::string getModule() const;

  /// Lowers and runs everything; adds the results to `values`.
  void run(Values &values, uint64_t seed);

  size_t rowOf(int b, int t, int head, int heads) const {
    return (size_t(b * time + t) * heads + head) * c.headDim;
  }

  /// What float64 says, and how far a result may be from it.
  struct Expected {
    std::vector<double> value, bound;
    explicit Expected(size_t size) : value(size), bound(size) {}
  };

  void check(const Buffer &got, const Expected &expected, const char *name);

  /// Of a run, against float64.
  void compare(Values &v);
};

/// Asks whether a result depends on inputs that it must not depend on.
class CudaHiddenTiles : public CudaAttention {
protected:
  /// Draws inputs for one long row, and computes what comes of them.
  void start(int times) {
    time = times;
    makeStarts();
    for (const char *name : {"q", "dout"})
      inputs[name] = draw(c.heads * c.headDim);
    for (const char *name : {"k", "v"})
      inputs[name] = draw(c.kvHeads * c.headDim);
    whole = inputs;
    ASSERT_NO_FATAL_FAILURE(run(whole, 0));
  }
  /// Fills times [from, to).
  void spoil(Buffer &buffer, int heads, int from, int to, float by = NAN) {
    for (size_t i = size_t(from) * heads * c.headDim;
         i < size_t(to) * heads * c.headDim; ++i)
      buffer.isBf16 ? void(buffer.bf16[i] = emulation::Bf16(by))
                    : void(buffer.f32[i] = by);
  }
  void expectSame(Values &other, const char *name, int heads, int from,
                  int to) {
    for (size_t i = size_t(from) * heads * c.headDim;
         i < size_t(to) * heads * c.headDim; ++i)
      ASSERT_EQ(whole[name][i], other[name][i]) << name << "[" << i << "]";
  }

  Values inputs, whole;
};

} // namespace lns::test

#endif // LNS_TEST_UNIT_CUDA_ATTENTION_CASE_H
