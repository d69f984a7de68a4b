//===- flat_cases.cpp - Column, loss and optimizer kernels ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "mlir/IR/TypeUtilities.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <set>

using namespace lns::test;

namespace {

/// A width, and the element type of activations.
class ActivationKernels
    : public KernelTest,
      public testing::WithParamInterface<std::tuple<int, const char *>> {
protected:
  std::string width() { return std::to_string(std::get<0>(GetParam())); }
  std::string tensor(const std::string &rows) {
    return "tensor<" + rows + "x" + width() + "x" + std::get<1>(GetParam()) +
           ">";
  }
};

using ColumnKernels = ActivationKernels;

INSTANTIATE_TEST_SUITE_P(Widths, ColumnKernels,
                         testing::Combine(columnWidths(),
                                          testing::Values("f32", "bf16")));

TEST_P(ColumnKernels, SumsOverRows) {
  std::string x = tensor("3x7"), g = "tensor<" + width() + "xf32>";
  check("%a: " + x + ", %b: " + x,
        "%0 = lns.column_dot %a, %b scale(0.5) : (" + x + ", " + x + ") -> " +
            g + "\n%1 = lns.column_dot %a : (" + x + ") -> " + g);
}

TEST_P(ColumnKernels, Embeddings) {
  std::string table = "tensor<7x" + width() + "xf32>", x = tensor("2x9");
  check("%w: " + table + ", %t: tensor<2x9xi32>, %g: " + x,
        "%0 = lns.embedding %w, %t : (" + table + ", tensor<2x9xi32>) -> " + x +
            "\n%1 = lns.embedding_grad %g, %t : (" + x +
            ", tensor<2x9xi32>) -> " + table);
}

class CrossEntropy : public ActivationKernels {};

INSTANTIATE_TEST_SUITE_P(Vocabularies, CrossEntropy,
                         testing::Combine(vocabularies(),
                                          testing::Values("f32", "bf16")));

TEST_P(CrossEntropy, LossAndGradient) {
  deviation = 3;
  std::string x = tensor("2x6");
  std::string r = "tensor<2x6xf32>", t = "tensor<2x6xi32>";
  check("%x: " + x + ", %t: " + t + ", %d: " + r,
        "%0:2 = lns.cross_entropy %x, %t : (" + x + ", " + t + ") -> (" + r +
            ", " + r + ")\n%1 = lns.cross_entropy_grad %x, %t, %0#1, %d : (" +
            x + ", " + t + ", " + r + ", " + r + ") -> " + x);
}

TEST_P(CrossEntropy, Factors) {
  deviation = 3;
  std::string x = tensor("2x6");
  std::string r = "tensor<2x6xf32>", t = "tensor<2x6xi32>";
  for (std::string relative : {"", " relative"})
    check("%x: " + x + ", %t: " + t + ", %f: " + r + ", %d: " + r,
          "%0:2 = lns.cross_entropy %x, %t factors(%f) : (" + x + ", " + t +
              ", " + r + ") -> (" + r + ", " + r +
              ")\n%1:2 = lns.cross_entropy_grad %x, %t, %0#1, %d factors(%f)" +
              relative + " : (" + x + ", " + t + ", " + r + ", " + r + ", " +
              r + ") -> (" + x + ", " + r + ")");
}

TEST_P(CrossEntropy, IgnoredTargets) {
  deviation = 3;
  std::string x = tensor("2x6");
  std::string r = "tensor<2x6xf32>", t = "tensor<2x6xi32>";
  for (int every : {1, 2, 5}) {
    ignoreEvery = every;
    check("%x: " + x + ", %t: " + t + ", %d: " + r,
          "%0:2 = lns.cross_entropy %x, %t : (" + x + ", " + t + ") -> (" + r +
              ", " + r + ")\n%1 = lns.cross_entropy_grad %x, %t, %0#1, %d : (" +
              x + ", " + t + ", " + r + ", " + r + ") -> " + x);
    check("%x: " + x + ", %t: " + t + ", %f: " + r + ", %d: " + r,
          "%0:2 = lns.cross_entropy %x, %t factors(%f) : (" + x + ", " + t +
              ", " + r + ") -> (" + r + ", " + r +
              ")\n%1:2 = lns.cross_entropy_grad %x, %t, %0#1, %d factors(%f) "
              "relative : (" +
              x + ", " + t + ", " + r + ", " + r + ", " + r + ") -> (" + x +
              ", " + r + ")");
  }
}

// A target that is nearly certain: p - 1 is what is left of it, and p itself
// rounds to one in bf16.
TEST_P(CrossEntropy, CertainTargets) {
  std::string x = tensor("1x1"), r = "tensor<1x1xf32>", t = "tensor<1x1xi32>";
  parse("%x: " + x + ", %t: " + t + ", %d: " + r,
        "%0:2 = lns.cross_entropy %x, %t : (" + x + ", " + t + ") -> (" + r +
            ", " + r + ")\n%1 = lns.cross_entropy_grad %x, %t, %0#1, %d : (" +
            x + ", " + t + ", " + r + ", " + r + ") -> " + x);
  makeInputs();
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  int width = std::get<0>(GetParam());
  inputs[function.getArgument(0)].assign(width, 0.0);
  inputs[function.getArgument(0)][width - 1] = 14;
  inputs[function.getArgument(1)] = {double(width - 1)};
  inputs[function.getArgument(2)] = {1.0};
  build();
  RunResult buffers = makeBuffers();
  for (auto &one : launches)
    execute(one, buffers);
  mlir::Value gradient = function.front().back().getPrevNode()->getResult(0);
  Tensor values = readBuffer(*buffers[nameOf(gradient)],
                             mlir::getElementTypeOrSelf(gradient.getType()));
  double rest = (width - 1) * std::exp(-14.0), p = 1 / (1 + rest);
  // The log-sum-exp is an f32 near 14, so exp(x - lse) is known to 2^-21.
  EXPECT_NEAR(values[width - 1], p - 1, (1 - p) / 256 + std::ldexp(1, -21));
  EXPECT_NEAR(values[0], std::exp(-14.0) * p, std::exp(-14.0) / 256);
}

using FlatKernels = KernelTest;

// The planner may put the gradient over the logits.
TEST_P(CrossEntropy, GradInPlace) {
  std::string x = tensor("3"), r = "tensor<3xf32>", t = "tensor<3xi32>";
  parse("%x: " + x + ", %t: " + t + ", %l: " + r + ", %d: " + r,
        "%0 = lns.cross_entropy_grad %x, %t, %l, %d : (" + x + ", " + t + ", " +
            r + ", " + r + ") -> " + x);
  makeInputs();
  build();
  RunResult apart = makeBuffers();
  execute(launches[0], apart);
  launches[0].buffers[4] = launches[0].buffers[0];
  RunResult inPlace = makeBuffers();
  execute(launches[0], inPlace);
  // The result is the only buffer that the first run has filled with other
  // values than the second; the logits of the second must equal it.
  bool found = false;
  for (auto &[name, result] : apart)
    for (auto &[other, logits] : inPlace)
      found |= name != other && result->size() == logits->size() &&
               std::memcmp(result->data(), logits->data(), result->size()) == 0;
  EXPECT_TRUE(found);
}

TEST_F(FlatKernels, MeansAndConstants) {
  check("%x: tensor<3x7xf32>, %y: tensor<4x16xf32>, %g: tensor<f32>",
        "%0 = lns.mean %x : (tensor<3x7xf32>) -> tensor<f32>\n"
        "%1 = lns.mean %y : (tensor<4x16xf32>) -> tensor<f32>\n"
        "%2 = lns.mean_grad %g : (tensor<f32>) -> tensor<3x7xf32>\n"
        "%3 = lns.mean_grad %g : (tensor<f32>) -> tensor<200x200xf32>\n"
        "%4 = lns.constant 2.5 : tensor<3x5xf32>\n"
        "%5 = lns.constant -1.0 : tensor<130x131xf32>");
}

// Of numbers for rows, of rows, of one number; of more than a block has
// threads.
TEST_F(FlatKernels, Sums) {
  check("%r: tensor<3x7xf32>, %x: tensor<5x1031xf32>, %y: tensor<4x16xbf16>, "
        "%s: tensor<f32>",
        "%0 = lns.sum %r : (tensor<3x7xf32>) -> tensor<1xf32>\n"
        "%1 = lns.sum %x : (tensor<5x1031xf32>) -> tensor<1xf32>\n"
        "%2 = lns.sum %y : (tensor<4x16xbf16>) -> tensor<1xf32>\n"
        "%3 = lns.sum %s : (tensor<f32>) -> tensor<1xf32>");
}

// Odd numbers, none at all, more than a block has threads.
TEST_F(FlatKernels, CountsAndMeansOverThem) {
  for (int every : {0, 1, 3}) {
    ignoreEvery = every;
    check("%t: tensor<3x7xi32>, %u: tensor<5x1031xi32>, %v: tensor<1xi32>",
          "%0 = lns.target_count %t : tensor<3x7xi32>\n"
          "%1 = lns.target_count %u : tensor<5x1031xi32>\n"
          "%2 = lns.target_count %v : tensor<1xi32>");
  }
  ignoreEvery = 3;
  check("%t: tensor<3x7xi32>, %x: tensor<3x7xf32>, %y: tensor<4x16xbf16>, "
        "%g: tensor<f32>",
        "%n = lns.target_count %t : tensor<3x7xi32>\n"
        "%0 = lns.mean %x over(%n) : (tensor<3x7xf32>, tensor<i32>) -> "
        "tensor<f32>\n"
        "%1 = lns.mean %y over(%n) : (tensor<4x16xbf16>, tensor<i32>) -> "
        "tensor<f32>\n"
        "%2 = lns.mean_grad %g over(%n) : (tensor<f32>, tensor<i32>) -> "
        "tensor<3x7xf32>\n"
        "%3 = lns.mean_grad %g over(%n) : (tensor<f32>, tensor<i32>) -> "
        "tensor<200x200xbf16>");
}

TEST_F(FlatKernels, MeansAndConstantsOfBf16) {
  check("%x: tensor<3x7xbf16>, %y: tensor<4x16xbf16>, %g: tensor<f32>",
        "%0 = lns.mean %x : (tensor<3x7xbf16>) -> tensor<f32>\n"
        "%1 = lns.mean %y : (tensor<4x16xbf16>) -> tensor<f32>\n"
        "%2 = lns.mean_grad %g : (tensor<f32>) -> tensor<3x7xbf16>\n"
        "%3 = lns.mean_grad %g : (tensor<f32>) -> tensor<200x200xbf16>\n"
        "%4 = lns.constant 2.7 : tensor<3x5xbf16>\n"
        "%5 = lns.constant -1.0 : tensor<130x131xbf16>");
}

TEST_F(FlatKernels, Optimizer) {
  check("%o: tensor<8xf32>, %a: tensor<37x45xf32>, %b: tensor<300x300xf32>",
        "%n, %f, %w = lns.clip_factor %o, %a, %b : (tensor<8xf32>, "
        "tensor<37x45xf32>, tensor<300x300xf32>) -> (tensor<f32>, tensor<f32>, "
        "tensor<3xf64>)\n"
        "lns.adamw @p, %a, %f, %o decay(true) : tensor<37x45xf32>, "
        "tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @q, %b, %f, %o decay(false) : tensor<300x300xf32>, "
        "tensor<f32>, tensor<8xf32>");
  // One kernel of each kind serves both parameters.
  EXPECT_EQ(lowering->getKernels().size(), 3u);
}

// Factors of a parameter are arguments of the one kernel.
TEST_F(FlatKernels, OptimizerWithFactors) {
  check("%o: tensor<8xf32>, %f: tensor<f32>, %a: tensor<37x45xf32>, "
        "%b: tensor<300x300xf32>",
        "lns.adamw @p, %a, %f, %o decay(true) lr_factor(0.25) eps_factor(4.0) "
        "decay_factor(8.0) : tensor<37x45xf32>, tensor<f32>, tensor<8xf32>\n"
        "lns.adamw @q, %b, %f, %o decay(true) lr_factor(2.0) : "
        "tensor<300x300xf32>, tensor<f32>, tensor<8xf32>");
  EXPECT_EQ(lowering->getKernels().size(), 1u);
}

// Of widths that whole vectors divide, and that none does; of one column; of
// more rows than a block has threads.
TEST_F(FlatKernels, Projections) {
  const std::pair<const char *, const char *> cases[] = {
      {"37x45", "rows"},    {"37x45", "columns"}, {"9x64", "rows"},
      {"9x64", "columns"},  {"5x18", "rows"},     {"700x1", "rows"},
      {"700x1", "columns"}, {"1x700", "rows"},    {"300x300", "columns"}};
  for (auto [shape, along] : cases) {
    std::string type = "tensor<" + std::string(shape) + "xf32>";
    for (bool hasFactor : {false, true}) {
      declarations =
          "lns.parameter @w matrix init(zeros) decay(false) project(" +
          std::string(along) + ") : " + type + "\n";
      check("%f: tensor<f32>",
            "lns.project @w " + std::string(along) +
                (hasFactor ? " factor(%f) : " + type + ", tensor<f32>"
                           : " : " + type));
    }
  }
}

// Lines of length 1, or nearly, of zeros, and of what is no number stay as they
// are, bit for bit; all that are projected do when they are once more.
TEST_F(FlatKernels, ProjectionsLeaveWhatIsProjected) {
  constexpr int kSize = 53;
  for (const char *along : {"rows", "columns"}) {
    declarations =
        std::string("lns.parameter @w matrix init(zeros) decay(false) "
                    "project(") +
        along + ") : tensor<53x53xf32>\n";
    parse("%f: tensor<f32>",
          std::string("lns.project @w ") + along + " : tensor<53x53xf32>");
    makeInputs();
    auto symbol = mlir::StringAttr::get(&context, "w");
    auto place = [&](int line, int i) {
      return along[0] == 'r' ? line * kSize + i : i * kSize + line;
    };
    auto at = [&](int line, int i) -> double & {
      return states[symbol].parameter[static_cast<size_t>(place(line, i))];
    };
    const std::set<int> kept = {3, 5, 7, 9, 11};
    for (int i = 0; i < kSize; ++i) {
      at(3, i) = 0;
      at(5, i) = i == 52;
      at(7, i) = i == 0 ? 1 - 3e-7 : 0;
      at(13, i) = 1e-38;
      at(15, i) = 1e37;
    }
    at(9, 7) = NAN;
    at(11, 52) = INFINITY;
    build();
    RunResult buffers = makeBuffers();
    auto read = [&] {
      auto *data =
          reinterpret_cast<const uint32_t *>(buffers["w.parameter"]->data());
      return std::vector<uint32_t>(data, data + kSize * kSize);
    };
    std::vector<uint32_t> before = read();
    for (auto &one : launches)
      execute(one, buffers);
    std::vector<uint32_t> once = read();
    for (int line = 0; line < kSize; ++line) {
      double squares = 0;
      for (int i = 0; i < kSize; ++i) {
        auto number = static_cast<size_t>(place(line, i));
        if (kept.count(line) != 0)
          EXPECT_EQ(once[number], before[number]) << along << " " << line;
        double value = std::bit_cast<float>(once[number]);
        squares += value * value;
      }
      if (kept.count(line) == 0)
        EXPECT_NEAR(squares, 1, 3e-7) << along << " " << line;
    }
    for (auto &one : launches)
      execute(one, buffers);
    EXPECT_EQ(read(), once) << along;
  }
}

// A NaN in the logits must reach the loss, a NaN gradient the norm.
TEST_F(FlatKernels, NaNIsNotSwallowed) {
  for (int place : {0, 5, 16, 39}) {
    parse("%x: tensor<1x40xf32>, %t: tensor<1xi32>, %o: tensor<8xf32>",
          "%0:2 = lns.cross_entropy %x, %t : (tensor<1x40xf32>, "
          "tensor<1xi32>) -> (tensor<1xf32>, tensor<1xf32>)\n"
          "%n, %f, %w = lns.clip_factor %o, %x : (tensor<8xf32>, "
          "tensor<1x40xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)");
    makeInputs();
    for (auto &[value, tensor] : inputs)
      if (tensor.size() == 40)
        tensor[place] = NAN;
    build();
    RunResult buffers = makeBuffers();
    // Results start as NaN; one that nobody writes must not pass.
    for (auto &[name, buffer] : buffers)
      if (buffer->size() == sizeof(float))
        std::memset(buffer->data(), 0, buffer->size());
    for (auto &one : launches)
      execute(one, buffers);
    auto value = [&](const lns::KernelArgument &argument) {
      std::string name = "v" + std::to_string(reinterpret_cast<uintptr_t>(
                                   argument.value.getAsOpaquePointer()));
      return *reinterpret_cast<float *>(buffers[name]->data());
    };
    EXPECT_TRUE(std::isnan(value(launches[0].buffers[2]))) << place;
    EXPECT_TRUE(std::isnan(value(launches[0].buffers[3]))) << place;
    EXPECT_TRUE(std::isnan(value(launches[2].buffers[2]))) << place;
    EXPECT_TRUE(std::isnan(value(launches[2].buffers[3]))) << place;
  }
}

// A factor that is not a number: neither rows nor columns change.
TEST_F(FlatKernels, AStepThatIsNotFiniteProjectsNothing) {
  for (const char *along : {"rows", "columns"})
    for (double factor : {1.0, double(NAN)}) {
      declarations =
          std::string("lns.parameter @w matrix init(zeros) decay(false) "
                      "project(") +
          along + ") : tensor<37x45xf32>\n";
      parse("%f: tensor<f32>", std::string("lns.project @w ") + along +
                                   " factor(%f) : tensor<37x45xf32>, "
                                   "tensor<f32>");
      makeInputs();
      for (auto &[input, tensor] : inputs)
        tensor[0] = factor;
      build();
      RunResult buffers = makeBuffers();
      Buffer &matrix = *buffers["w.parameter"];
      std::string before(matrix.data(), matrix.size());
      for (auto &one : launches)
        execute(one, buffers);
      EXPECT_EQ(std::string(matrix.data(), matrix.size()) == before,
                std::isnan(factor))
          << along;
    }
}

// A gradient or a loss that is not finite leaves parameters and moments as they
// are, bit for bit, at every place of a vector and behind the last full one.
TEST_F(FlatKernels, AStepThatIsNotFiniteChangesNothing) {
  // The first launches sum up; the update is the last one.
  auto step = [&](const char *what, size_t size, int place, double value) {
    parse("%o: tensor<8xf32>, %a: tensor<37x45xf32>, %l: tensor<f32>",
          "%n, %f, %w = lns.clip_factor %o, %a loss(%l) : (tensor<8xf32>, "
          "tensor<37x45xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, "
          "tensor<1xf64>)\n"
          "lns.adamw @p, %a, %f, %o decay(true) : tensor<37x45xf32>, "
          "tensor<f32>, tensor<8xf32>");
    makeInputs();
    for (auto &[input, tensor] : inputs)
      if (tensor.size() == size)
        tensor[static_cast<size_t>(place)] = value;
    build();
    RunResult buffers = makeBuffers();
    auto state = [&] {
      std::string bytes;
      for (const char *name : {"p.parameter", "p.m", "p.v"})
        bytes.append(buffers[name]->data(), buffers[name]->size());
      return bytes;
    };
    std::string before = state();
    for (auto &one : launches)
      execute(one, buffers);
    EXPECT_EQ(state() == before, !std::isfinite(value)) << what << " " << place;
  };
  for (double value : {double(NAN), double(INFINITY), -double(INFINITY)}) {
    for (int place : {0, 7, 800, 37 * 45 - 1})
      step("gradient", 37 * 45, place, value);
    step("loss", 1, 0, value);
  }
  step("loss", 1, 0, 3.5);
  // Its square is no f32, but the sum is f64.
  step("gradient", 37 * 45, 5, 1e30);
}

} // namespace
