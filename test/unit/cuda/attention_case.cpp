//===- attention_case.cpp - CUDA attention of parsed ops ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "attention_case.h"

#include "codegen/cuda/CudaKernels.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstdlib>

using namespace lns::emulation;
using namespace lns::test;

static constexpr double kF32Unit = 0x1p-24, kBf16Unit = 0x1p-8;

std::ostream &lns::test::operator<<(std::ostream &os, const Case &c) {
  return os << (c.isBf16 ? "bf16" : "f32") << " head size " << c.headDim
            << ", heads " << c.heads << "/" << c.kvHeads
            << (c.causal ? ", causal" : ", full") << ", scale " << c.scale
            << ", window " << c.window << ", cap " << c.cap << ", "
            << c.documents.size() << " documents";
}

std::string lns::test::getName(const testing::TestParamInfo<Case> &info) {
  const Case &c = info.param;
  std::string name =
      llvm::formatv("{0}_d{1}_h{2}_kv{3}_{4}{5}", c.isBf16 ? "bf16" : "f32",
                    c.headDim, c.heads, c.kvHeads, c.causal ? "causal" : "full",
                    c.scale < 0 ? "_negative" : "");
  if (c.window)
    name += "_w" + std::to_string(c.window);
  if (c.cap)
    name += "_capped";
  for (auto [i, length] : llvm::enumerate(c.documents))
    name += (i == 0 ? "_docs" : "_") + std::to_string(length);
  return name;
}

CudaAttention::CudaAttention() {
  context.loadDialect<lns::LnsDialect, mlir::func::FuncDialect>();
  const char *seed = std::getenv("LNS_TEST_SEED");
  generator.seed(c.headDim + 1000 * (seed ? std::atoll(seed) : 0));
}

void CudaAttention::makeStarts() {
  starts.clear();
  size_t next = 0;
  for (int b = 0; b < batch; ++b)
    for (int t = 0, start = 0, end = 0; t < time; ++t) {
      if (hasStarts && t == end) {
        start = t;
        end += c.documents[next++ % c.documents.size()];
      }
      starts.push_back(start);
    }
}

lns::test::Buffer CudaAttention::draw(int width) {
  std::normal_distribution<float> normal(0, c.amplitude);
  Buffer buffer{c.isBf16, {}, {}};
  for (int i = 0; i < batch * time * width; ++i)
    c.isBf16 ? buffer.bf16.push_back(Bf16(normal(generator)))
             : buffer.f32.push_back(normal(generator));
  return buffer;
}

std::string CudaAttention::getModule() const {
  auto type = [&](int width) {
    return llvm::formatv("tensor<{0}x{1}x{2}x{3}>", batch, time, width,
                         c.isBf16 ? "bf16" : "f32")
        .str();
  };
  std::string q = type(c.heads * c.headDim), k = type(c.kvHeads * c.headDim);
  std::string lse =
      llvm::formatv("tensor<{0}x{1}x{2}xf32>", batch, c.heads, time);
  std::string attributes = llvm::formatv("{0} heads({1}) kv_heads({2}) {3}",
                                         hasStarts ? "starts(%s)" : "", c.heads,
                                         c.kvHeads, c.causal ? "causal" : "");
  std::string startsType = llvm::formatv("tensor<{0}x{1}xi32>", batch, time);
  std::string last = hasStarts ? ", " + startsType : "";
  if (c.window)
    attributes += llvm::formatv(" window({0})", c.window).str();
  if (c.cap)
    attributes += llvm::formatv(" softcap({0:e})", c.cap).str();
  if (c.scale)
    attributes +=
        llvm::formatv(" {{softmax_scale = {0:e} : f64}", c.scale).str();
  return llvm::formatv(R"(
    func.func @f(%q: {0}, %k: {1}, %v: {1}, %dout: {0}, %s: {4}) {
      %out, %lse = lns.attention %q, %k, %v {3}
        : ({0}, {1}, {1}{5}) -> ({0}, {2})
      %again = lns.attention %q, %k, %v {3} : ({0}, {1}, {1}{5}) -> {0}
      %dq, %dk, %dv = lns.attention_grad %q, %k, %v, %out, %lse, %dout {3}
        : ({0}, {1}, {1}, {0}, {2}, {0}{5}) -> ({0}, {1}, {1})
      return
    })",
                       q, k, lse, attributes, startsType, last);
}

void CudaAttention::run(Values &values, uint64_t seed) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(getModule(), &context);
  ASSERT_TRUE(module);
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  llvm::DenseMap<mlir::Value, std::string> names;
  const char *arguments[] = {"q", "k", "v", "dout", "starts"};
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
          isScratchWritten ? emulated.input(scratch) : emulated.output(scratch);
          isScratchWritten = true;
          continue;
        }
        if (names.at(argument.value) == "starts") {
          emulated.input(starts);
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

void CudaAttention::check(const Buffer &got, const Expected &expected,
                          const char *name) {
  ASSERT_EQ(got.size(), expected.value.size());
  double unit = got.isBf16 ? kBf16Unit : kF32Unit;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::fabs(got[i] - expected.value[i]),
              expected.bound[i] + unit * std::fabs(expected.value[i]) + 1e-35)
        << name << "[" << i << "] is " << got[i] << ", float64 says "
        << expected.value[i];
}

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
        const int first = std::max(c.window ? i + 1 - c.window : 0,
                                   int(starts[b * time + i]));
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
