//===- attention_test.cpp - CUDA attention against float64 ----------------===//
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

#include "codegen/cuda/CudaKernels.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "test/emulation/EmulatedLaunch.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace lns::emulation;

namespace {

constexpr double kF32Unit = 0x1p-24, kBf16Unit = 0x1p-8;

struct Case {
  bool isBf16;
  int headDim, heads, kvHeads;
  bool causal;
  std::vector<int> times = {1, 7, 50, 65, 130};
  double scale = 0; ///< 0: 1/sqrt(d)
  double amplitude = 1;
  int window = 0; ///< 0: none
  double cap = 0; ///< 0: none
};

std::ostream &operator<<(std::ostream &os, const Case &c) {
  return os << (c.isBf16 ? "bf16" : "f32") << " head size " << c.headDim
            << ", heads " << c.heads << "/" << c.kvHeads
            << (c.causal ? ", causal" : ", full") << ", scale " << c.scale
            << ", window " << c.window << ", cap " << c.cap;
}

std::string getName(const testing::TestParamInfo<Case> &info) {
  const Case &c = info.param;
  std::string name =
      llvm::formatv("{0}_d{1}_h{2}_kv{3}_{4}{5}", c.isBf16 ? "bf16" : "f32",
                    c.headDim, c.heads, c.kvHeads, c.causal ? "causal" : "full",
                    c.scale < 0 ? "_negative" : "");
  if (c.window)
    name += "_w" + std::to_string(c.window);
  return c.cap ? name + "_capped" : name;
}

struct Buffer {
  bool isBf16 = false;
  std::vector<float> f32;
  std::vector<Bf16> bf16;

  size_t size() const { return isBf16 ? bf16.size() : f32.size(); }
  double operator[](size_t i) const { return isBf16 ? float(bf16[i]) : f32[i]; }
  bool operator==(const Buffer &) const = default;
};

/// Values of one run, by name: q k v dout, out lse, dq dk dv.
using Values = std::map<std::string, Buffer>;

class CudaAttention : public testing::TestWithParam<Case> {
protected:
  CudaAttention() {
    context.loadDialect<lns::LnsDialect, mlir::func::FuncDialect>();
    const char *seed = std::getenv("LNS_TEST_SEED");
    generator.seed(c.headDim + 1000 * (seed ? std::atoll(seed) : 0));
  }

  const Case &c = GetParam();
  mlir::MLIRContext context;
  std::mt19937_64 generator;
  int batch = 1, time = 1;

  double getScale() const {
    return c.scale ? float(c.scale) : float(1 / std::sqrt(c.headDim));
  }

  Buffer draw(int width) {
    std::normal_distribution<float> normal(0, c.amplitude);
    Buffer buffer{c.isBf16, {}, {}};
    for (int i = 0; i < batch * time * width; ++i)
      c.isBf16 ? buffer.bf16.push_back(Bf16(normal(generator)))
               : buffer.f32.push_back(normal(generator));
    return buffer;
  }

  std::string getModule() const {
    auto type = [&](int width) {
      return llvm::formatv("tensor<{0}x{1}x{2}x{3}>", batch, time, width,
                           c.isBf16 ? "bf16" : "f32")
          .str();
    };
    std::string q = type(c.heads * c.headDim), k = type(c.kvHeads * c.headDim);
    std::string lse =
        llvm::formatv("tensor<{0}x{1}x{2}xf32>", batch, c.heads, time);
    std::string attributes =
        llvm::formatv("heads({0}) kv_heads({1}) {2}", c.heads, c.kvHeads,
                      c.causal ? "causal" : "");
    if (c.window)
      attributes += llvm::formatv(" window({0})", c.window).str();
    if (c.cap)
      attributes += llvm::formatv(" softcap({0:e})", c.cap).str();
    if (c.scale)
      attributes +=
          llvm::formatv(" {{softmax_scale = {0:e} : f64}", c.scale).str();
    return llvm::formatv(R"(
      func.func @f(%q: {0}, %k: {1}, %v: {1}, %dout: {0}) {
        %out, %lse = lns.attention %q, %k, %v {3}
          : ({0}, {1}, {1}) -> ({0}, {2})
        %again = lns.attention %q, %k, %v {3} : ({0}, {1}, {1}) -> {0}
        %dq, %dk, %dv = lns.attention_grad %q, %k, %v, %out, %lse, %dout {3}
          : ({0}, {1}, {1}, {0}, {2}, {0}) -> ({0}, {1}, {1})
        return
      })",
                         q, k, lse, attributes);
  }

  /// Lowers and runs everything; adds the results to `values`.
  void run(Values &values, uint64_t seed) {
    auto module =
        mlir::parseSourceString<mlir::ModuleOp>(getModule(), &context);
    ASSERT_TRUE(module);
    auto function = *module->getOps<mlir::func::FuncOp>().begin();
    llvm::DenseMap<mlir::Value, std::string> names;
    const char *arguments[] = {"q", "k", "v", "dout"};
    for (auto [argument, name] : llvm::zip(function.getArguments(), arguments))
      names[argument] = name;
    std::vector<std::vector<std::string>> results = {
        {"out", "lse"}, {"again"}, {"dq", "dk", "dv"}};
    lns::cuda::KernelLowering lowering(&context);
    for (auto [op, resultNames] :
         llvm::zip(function.getBody().front().without_terminator(), results)) {
      for (auto [result, name] : llvm::zip(op.getResults(), resultNames)) {
        names[result] = name;
        auto type = mlir::cast<mlir::RankedTensorType>(result.getType());
        Buffer &buffer = values[name];
        buffer.isBf16 = type.getElementType().isBF16();
        buffer.isBf16 ? buffer.bf16.resize(type.getNumElements())
                      : buffer.f32.resize(type.getNumElements());
      }
      llvm::SmallVector<lns::KernelLaunch> launches;
      ASSERT_TRUE(succeeded(lowering.lower(&op, launches)));
      std::vector<float> scratch(lowering.getScratchBytes() / 4);
      bool isScratchWritten = false;
      for (const lns::KernelLaunch &launch : launches) {
        const lns::cuda::KernelInfo &kernel =
            lowering.getKernels()[launch.kernel];
        EmulatedProgram program(
            kernel.text, readHeaders(LNS_TEST_DIR "/../codegen/cuda/kernels"));
        ASSERT_TRUE(program) << kernel.text << program.log();
        EmulatedLaunch emulated;
        emulated.threads(kernel.threads).shared(kernel.sharedBytes);
        emulated.grid(launch.grid[0], launch.grid[1], launch.grid[2]);
        emulated.seed(seed);
        for (const lns::KernelArgument &argument : launch.buffers) {
          if (argument.kind == lns::KernelArgument::Kind::Scratch) {
            isScratchWritten ? emulated.input(scratch)
                             : emulated.output(scratch);
            isScratchWritten = true;
            continue;
          }
          Buffer &buffer = values[names.at(argument.value)];
          if (argument.value.getDefiningOp() == &op)
            buffer.isBf16 ? emulated.output(buffer.bf16)
                          : emulated.output(buffer.f32);
          else
            buffer.isBf16 ? emulated.input(buffer.bf16)
                          : emulated.input(buffer.f32);
        }
        for (float number : launch.floats)
          emulated.number(number);
        for (int64_t number : launch.ints)
          emulated.integer(number);
        ASSERT_EQ(emulated.run(program, kernel.symbol), "") << kernel.text;
      }
    }
  }

  size_t rowOf(int b, int t, int head, int heads) const {
    return (size_t(b * time + t) * heads + head) * c.headDim;
  }

  /// What float64 says, and how far a result may be from it.
  struct Expected {
    std::vector<double> value, bound;
    explicit Expected(size_t size) : value(size), bound(size) {}
  };

  void check(const Buffer &got, const Expected &expected, const char *name) {
    ASSERT_EQ(got.size(), expected.value.size());
    double unit = got.isBf16 ? kBf16Unit : kF32Unit;
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_LE(std::fabs(got[i] - expected.value[i]),
                expected.bound[i] + unit * std::fabs(expected.value[i]) + 1e-35)
          << name << "[" << i << "] is " << got[i] << ", float64 says "
          << expected.value[i];
  }

  void compare(Values &v);
};

void CudaAttention::compare(Values &v) {
  const double scale = getScale(), round = c.isBf16 ? kBf16Unit : 0;
  const int d = c.headDim;
  const Buffer &q = v["q"], &k = v["k"], &val = v["v"], &dout = v["dout"];
  const Buffer &givenOut = v["out"], &givenLse = v["lse"];
  Expected out(q.size()), lse(givenLse.size()), dq(q.size()), dk(k.size()),
      dv(k.size());

  std::vector<double> score(time);
  for (int b = 0; b < batch; ++b)
    for (int h = 0; h < c.heads; ++h)
      for (int i = 0; i < time; ++i) {
        const size_t row = rowOf(b, i, h, c.heads);
        const size_t at = size_t(b * c.heads + h) * time + i;
        const int seen = c.causal ? i + 1 : time;
        const int first = c.window ? std::max(i + 1 - c.window, 0) : 0;
        auto keyRow = [&](int j) {
          return rowOf(b, j, h / (c.heads / c.kvHeads), c.kvHeads);
        };
        double most = -INFINITY, size = 0;
        for (int j = first; j < seen; ++j) {
          double sum = 0, absolute = 0;
          for (int x = 0; x < d; ++x) {
            double product = q[row + x] * k[keyRow(j) + x];
            sum += product, absolute += std::fabs(product);
          }
          score[j] = scale * sum;
          size = std::max(size, std::fabs(scale) * absolute);
          // An error of the score before is no greater behind; tanh has one.
          if (c.cap) {
            score[j] = c.cap * std::tanh(score[j] / c.cap);
            size += c.cap;
          }
          most = std::max(most, score[j]);
        }
        double total = 0;
        for (int j = first; j < seen; ++j)
          total += std::exp(score[j] - most);
        lse.value[at] = most + std::log(total);
        // An error of the exponent, of exp2 and of up to `seen` additions.
        double noise = kF32Unit * ((d + 8) * size + seen + 16);
        lse.bound[at] = noise + 4 * kF32Unit * std::fabs(lse.value[at]);
        for (int j = first; j < seen; ++j) {
          double p = std::exp(score[j] - lse.value[at]);
          for (int x = 0; x < d; ++x) {
            double term = p * val[keyRow(j) + x];
            out.value[row + x] += term;
            out.bound[row + x] += (round + 3 * noise) * std::fabs(term);
          }
        }

        // The gradients of the log-sum-exp and of the output that are given.
        noise += 4 * kF32Unit * std::fabs(givenLse[at]);
        double mean = 0, meanSize = 0;
        for (int x = 0; x < d; ++x) {
          double product = dout[row + x] * givenOut[row + x];
          mean += product, meanSize += std::fabs(product);
        }
        for (int j = first; j < seen; ++j) {
          const size_t key = keyRow(j);
          double p = std::exp(score[j] - givenLse[at]);
          double dp = 0, dpSize = 0;
          for (int x = 0; x < d; ++x) {
            double product = dout[row + x] * val[key + x];
            dp += product, dpSize += std::fabs(product);
          }
          double ds = p * (dp - mean);
          // Near the cap, the slope is what is left of 1 - t^2.
          double slopeError = 0;
          if (c.cap) {
            double t = score[j] / c.cap, slope = 1 - t * t;
            slopeError =
                std::fabs(ds) * kF32Unit * (8 + 4 * (d + 8) * size / c.cap);
            ds *= slope;
          }
          double sums = kF32Unit * time * c.heads; // of the second product
          double dsError = (round + noise + sums) * std::fabs(ds) + slopeError +
                           kF32Unit * (d + 4) * p * (dpSize + meanSize);
          for (int x = 0; x < d; ++x) {
            double term = p * dout[row + x];
            dv.value[key + x] += term;
            dv.bound[key + x] += (round + noise + sums) * std::fabs(term);
            dq.value[row + x] += scale * ds * k[key + x];
            dq.bound[row + x] += std::fabs(scale * k[key + x]) * dsError;
            dk.value[key + x] += scale * ds * q[row + x];
            dk.bound[key + x] += std::fabs(scale * q[row + x]) * dsError;
          }
        }
      }
  check(v["out"], out, "out");
  check(v["lse"], lse, "lse");
  check(v["dq"], dq, "dq");
  check(v["dk"], dk, "dk");
  check(v["dv"], dv, "dv");
}

TEST_P(CudaAttention, IsFloat64sWithinBoundsInAnyOrder) {
  for (int t : c.times) {
    SCOPED_TRACE(testing::Message() << "time " << t);
    time = t;
    batch = t < 60 ? 2 : 1;
    Values inputs;
    inputs["q"] = draw(c.heads * c.headDim);
    inputs["k"] = draw(c.kvHeads * c.headDim);
    inputs["v"] = draw(c.kvHeads * c.headDim);
    inputs["dout"] = draw(c.heads * c.headDim);
    Values first = inputs;
    ASSERT_NO_FATAL_FAILURE(run(first, 0));
    ASSERT_NO_FATAL_FAILURE(compare(first));
    EXPECT_TRUE(first["out"] == first["again"]) << "with lse and without";
    Values second = inputs;
    ASSERT_NO_FATAL_FAILURE(run(second, generator()));
    EXPECT_TRUE(first == second) << "another order gives other bits";
  }
}

class CudaNarrowWindow : public CudaAttention {};

/// What a window hides from whole tiles is not looked at: a number that is none
/// would show, however small what it is multiplied by.
TEST_P(CudaNarrowWindow, LooksAtNoTileOutside) {
  time = 500;
  Values inputs;
  for (const char *name : {"q", "dout"})
    inputs[name] = draw(c.heads * c.headDim);
  for (const char *name : {"k", "v"})
    inputs[name] = draw(c.kvHeads * c.headDim);
  Values whole = inputs;
  ASSERT_NO_FATAL_FAILURE(run(whole, 0));
  auto spoil = [&](Buffer &buffer, int heads, int from, int to) {
    for (size_t i = size_t(from) * heads * c.headDim;
         i < size_t(to) * heads * c.headDim; ++i)
      buffer.isBf16 ? void(buffer.bf16[i] = Bf16(NAN))
                    : void(buffer.f32[i] = NAN);
  };
  auto expectSame = [&](Values &other, const char *name, int heads, int from,
                        int to) {
    for (size_t i = size_t(from) * heads * c.headDim;
         i < size_t(to) * heads * c.headDim; ++i)
      ASSERT_EQ(whole[name][i], other[name][i]) << name << "[" << i << "]";
  };
  // Tiles are of 128 rows at most, here.
  Values hidden = inputs;
  for (const char *name : {"k", "v"})
    spoil(hidden[name], c.kvHeads, 0, 150);
  ASSERT_NO_FATAL_FAILURE(run(hidden, 0));
  for (const char *name : {"out", "dq"})
    expectSame(hidden, name, c.heads, 256, time);
  Values later = inputs;
  for (const char *name : {"q", "dout"})
    spoil(later[name], c.heads, 400, time);
  ASSERT_NO_FATAL_FAILURE(run(later, 0));
  for (const char *name : {"dk", "dv"})
    expectSame(later, name, c.kvHeads, 0, 250);
}

std::vector<Case> getCases() {
  std::vector<Case> cases;
  for (bool isBf16 : {true, false}) {
    for (int headDim : {8, 10, 26, 48, 64, 80}) {
      cases.push_back({isBf16, headDim, 4, 2, true});
      cases.push_back({isBf16, headDim, 2, 2, false});
    }
    cases.push_back({isBf16, 128, 2, 1, true, {70}});
    cases.push_back({isBf16, 256, 2, 1, true, {70}});
    cases.push_back({isBf16, 130, 2, 1, false, {70}});
    cases.push_back({isBf16, 16, 3, 1, true, {150}, -0.7, 3});
    // Windows of one key, within a tile, across tiles, longer than sequences.
    for (int window : {1, 5, 40, 64, 100, 1000})
      cases.push_back({isBf16, 16, 4, 2, true, {1, 50, 65, 200}, 0, 1, window});
    cases.push_back({isBf16, 16, 2, 1, true, {150}, -0.7, 3, 33});
    cases.push_back({isBf16, 64, 2, 1, true, {150}, 0, 1, 20});
    // Scores that are far above the cap, and some below it.
    cases.push_back({isBf16, 16, 4, 2, true, {7, 130}, 0, 2, 0, 3});
    cases.push_back({isBf16, 26, 2, 2, false, {65}, -0.5, 1, 0, 2});
    cases.push_back({isBf16, 128, 2, 1, true, {70}, 0, 1, 17, 50});
    cases.push_back({isBf16, 256, 2, 1, true, {70}, 0, 1, 30, 1.5});
    // All that a row sees of a tile may be hidden, however large scores are.
    cases.push_back({isBf16, 16, 2, 1, true, {200}, 2, 3, 3, 50});
    cases.push_back({isBf16, 10, 2, 1, true, {200}, 2, 3, 3});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, CudaAttention, testing::ValuesIn(getCases()),
                         getName);
INSTANTIATE_TEST_SUITE_P(
    All, CudaNarrowWindow,
    testing::Values(Case{true, 16, 4, 2, true, {}, 0, 1, 5},
                    Case{false, 16, 2, 1, true, {}, 0, 1, 5, 3}),
    getName);

} // namespace
