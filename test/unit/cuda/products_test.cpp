//===- products_test.cpp - Lowered products on the emulator ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lns.linear, lns.matmul and lns.weight_grad to launches, generated and with a
// library's products; the launches run on the emulator. The kernels themselves
// are the matter of matmul_test.cpp.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/CudaKernels.h"
#include "codegen/cuda/ProductSchedule.h"
#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "test/emulation/EmulatedLaunch.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace mlir;
using namespace lns;
using namespace lns::emulation;

namespace {

class CudaProducts : public testing::Test {
protected:
  /// The numbers of a value, of f32 or bf16.
  struct Buffer {
    bool isBf16 = false;
    std::vector<float> f32;
    std::vector<Bf16> bf16;

    double at(size_t i) const { return isBf16 ? float(bf16[i]) : f32[i]; }
  };

  CudaProducts()
      : handler(&context, [this](Diagnostic &diagnostic) {
          errors += diagnostic.str() + "\n";
          return success();
        }) {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
  }

  static std::string getText(const std::string &arguments,
                             const std::string &body) {
    bool isPair = body.find("lns.weight_grad") == 0;
    return "func.func @f(" + arguments + ") {\n" + (isPair ? "%r, %g2" : "%r") +
           " = " + body + "\nreturn\n}\n";
  }

  /// Parses a function of one op and lowers it in both ways.
  void lower(const std::string &arguments, const std::string &body) {
    modules.push_back(parseSourceString<ModuleOp>(getText(arguments, body),
                                                  ParserConfig(&context)));
    ASSERT_TRUE(modules.back()) << errors;
    function = *modules.back()->getOps<func::FuncOp>().begin();
    op = &function.getBody().front().front();
    launches.clear();
    steps.clear();
    ASSERT_TRUE(succeeded(lowering.lower(op, launches))) << errors;
    ASSERT_TRUE(succeeded(lowering.lowerWithLibrary(op, steps))) << errors;
  }

  std::string getError(const std::string &arguments, const std::string &body) {
    errors.clear();
    auto module = parseSourceString<ModuleOp>(getText(arguments, body),
                                              ParserConfig(&context));
    if (!module)
      return errors;
    auto parsed = *module->getOps<func::FuncOp>().begin();
    SmallVector<KernelLaunch> none;
    bool ok =
        succeeded(lowering.lower(&parsed.getBody().front().front(), none));
    return ok ? "no error" : errors;
  }

  void makeBuffers() {
    buffers.clear();
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    auto make = [&](Value value, bool isInput) {
      auto type = cast<RankedTensorType>(value.getType());
      Buffer &buffer = buffers[value];
      buffer.isBf16 = type.getElementType().isBF16();
      buffer.f32.assign(type.getNumElements(), NAN);
      if (isInput)
        for (float &x : buffer.f32)
          x = normal(random);
      buffer.bf16 = toBf16(buffer.f32);
    };
    for (BlockArgument argument : function.getArguments())
      make(argument, true);
    for (Value result : op->getResults())
      make(result, false);
    scratch.clear();
    // The plan writer puts an addend where its product is computed.
    auto put = [&](Value addend, Value result) {
      if (addend)
        buffers[result] = Buffer(buffers.at(addend));
    };
    if (auto matmul = dyn_cast<MatmulOp>(op))
      put(matmul.getAddend(), matmul.getResult());
    if (auto grad = dyn_cast<WeightGradOp>(op)) {
      put(grad.getAddend(), grad.getWeightGrad());
      put(grad.getGainAddend(), grad.getGainGrad());
    }
  }

  /// A part of the workspace, which the op's launches share.
  std::vector<float> &getScratch(const KernelArgument &argument) {
    EXPECT_LE(argument.offset + argument.size, lowering.getScratchBytes());
    std::vector<float> &part = scratch[argument.offset];
    part.resize(argument.size / sizeof(float), NAN);
    return part;
  }

  void run(const KernelLaunch &launch, uint64_t seed) {
    const cuda::KernelInfo &kernel = lowering.getKernels()[launch.kernel];
    SCOPED_TRACE(kernel.text);
    ASSERT_EQ(kernel.buffers, launch.buffers.size());
    ASSERT_EQ(kernel.floats, launch.floats.size());
    ASSERT_EQ(kernel.ints, launch.ints.size());
    EmulatedProgram program(
        kernel.text, readHeaders(LNS_TEST_DIR "/../codegen/cuda/kernels"));
    ASSERT_TRUE(program) << program.log();
    EmulatedLaunch emulated;
    emulated.threads(kernel.threads).shared(kernel.sharedBytes).seed(seed);
    emulated.grid(launch.grid[0], launch.grid[1], launch.grid[2]);
    for (const auto &argument : launch.buffers) {
      if (argument.kind == KernelArgument::Kind::Scratch) {
        emulated.inOut(getScratch(argument));
        continue;
      }
      Buffer &buffer = buffers.at(argument.value);
      bool isInput = isa<BlockArgument>(argument.value);
      // Both the source of a sum and where it goes.
      auto first = llvm::find_if(launch.buffers, [&](const auto &other) {
        return other.value == argument.value;
      });
      if (first != &argument)
        emulated.alias(first - launch.buffers.begin());
      else if (buffer.isBf16)
        isInput ? emulated.input(buffer.bf16) : emulated.inOut(buffer.bf16);
      else
        isInput ? emulated.input(buffer.f32) : emulated.inOut(buffer.f32);
    }
    for (float number : launch.floats)
      emulated.number(number);
    for (int64_t number : launch.ints)
      emulated.integer(number);
    ASSERT_EQ(emulated.run(program, kernel.symbol), "");
  }

  /// c = alpha op(a) op(b) + beta c, what the runtime has a library do.
  void run(const KernelProduct &product) {
    const Buffer &a = buffers.at(product.a.value);
    const Buffer &b = buffers.at(product.b.value);
    ASSERT_EQ(a.isBf16, product.bf16A);
    ASSERT_EQ(b.isBf16, product.bf16B);
    bool inScratch = product.c.kind == KernelArgument::Kind::Scratch;
    if (!inScratch)
      ASSERT_EQ(buffers.at(product.c.value).isBf16, product.bf16C);
    for (size_t i = 0; i < product.m; ++i) {
      for (size_t j = 0; j < product.n; ++j) {
        double sum = 0;
        for (size_t k = 0; k < product.k; ++k)
          sum += a.at(product.transA ? k * product.m + i : i * product.k + k) *
                 b.at(product.transB ? j * product.k + k : k * product.n + j);
        size_t place = i * product.n + j;
        sum *= product.alpha;
        if (product.beta != 0)
          sum += product.beta * buffers.at(product.c.value).at(place);
        if (inScratch) {
          getScratch(product.c)[place] = sum;
        } else {
          buffers.at(product.c.value).f32[place] = sum;
          buffers.at(product.c.value).bf16[place] = Bf16(float(sum));
        }
      }
    }
  }

  /// The results against the op's definition.
  void compare() {
    if (auto grad = dyn_cast<WeightGradOp>(op))
      return compareGradients(grad);
    bool transA = false, transB = true;
    double alpha;
    Value a, b, gain, addend;
    if (auto linear = dyn_cast<LinearOp>(op)) {
      a = linear.getInput(), b = linear.getWeight();
      alpha = linear.getAlpha().convertToDouble();
    } else {
      auto matmul = cast<MatmulOp>(op);
      a = matmul.getA(), b = matmul.getB();
      gain = matmul.getGain(), addend = matmul.getAddend();
      transA = matmul.getTransposeA(), transB = matmul.getTransposeB();
      alpha = matmul.getAlpha().convertToDouble();
    }
    auto aType = cast<RankedTensorType>(a.getType());
    auto cType = cast<RankedTensorType>(op->getResult(0).getType());
    size_t n = cType.getShape().back(), m = cType.getNumElements() / n;
    size_t k = aType.getNumElements() / m;
    const Buffer &c = buffers.at(op->getResult(0));
    bool rounds = buffers.at(a).isBf16 || buffers.at(b).isBf16;
    auto read = [&](Value value, size_t i) {
      double x = buffers.at(value).at(i);
      return rounds ? double(float(Bf16(float(x)))) : x;
    };
    for (size_t i = 0; i < m; ++i) {
      for (size_t j = 0; j < n; ++j) {
        double sum = 0, magnitude = 0;
        for (size_t l = 0; l < k; ++l) {
          double term = read(a, transA ? l * m + i : i * k + l) *
                        read(b, transB ? j * k + l : l * n + j);
          sum += term;
          magnitude += std::fabs(term);
        }
        double factor = alpha * (gain ? buffers.at(gain).at(j) : 1);
        double added = addend ? buffers.at(addend).at(i * n + j) : 0;
        double expected = sum * factor + added;
        double bound = (magnitude * std::fabs(factor) + std::fabs(added)) *
                           (4 + std::sqrt(double(k))) * 0x1p-24 +
                       (c.isBf16 ? std::fabs(expected) * 0x1p-8 : 0);
        ASSERT_NEAR(c.at(i * n + j), expected, bound) << i << ", " << j;
      }
    }
  }

  void compareGradients(WeightGradOp grad) {
    auto type = cast<RankedTensorType>(grad.getWeight().getType());
    size_t m = type.getDimSize(0), n = type.getDimSize(1);
    const Buffer &u = buffers.at(grad.getGrad());
    const Buffer &x = buffers.at(grad.getInput());
    const Buffer &dw = buffers.at(grad.getWeightGrad());
    const Buffer &dg = buffers.at(grad.getGainGrad());
    size_t tokens = u.f32.size() / m;
    bool rounds = u.isBf16 || x.isBf16;
    auto read = [&](const Buffer &buffer, size_t i) {
      return rounds ? double(float(Bf16(float(buffer.at(i))))) : buffer.at(i);
    };
    auto readOr0 = [&](Value value, size_t i) {
      return value ? buffers.at(value).at(i) : 0.0;
    };
    double alpha = grad.getAlpha().convertToDouble();
    double error = 0x1p-24 * (4 + std::sqrt(double(tokens)));
    for (size_t k = 0; k < n; ++k) {
      double sum = readOr0(grad.getGainAddend(), k);
      double bound = std::fabs(sum) * 0x1p-22;
      for (size_t j = 0; j < m; ++j) {
        double folded = 0, magnitude = 0;
        for (size_t i = 0; i < tokens; ++i) {
          double term = alpha * read(u, i * m + j) * read(x, i * n + k);
          folded += term;
          magnitude += std::fabs(term);
        }
        double weight = buffers.at(grad.getWeight()).at(j * n + k);
        sum += weight * folded;
        bound += std::fabs(weight) * magnitude * error;
        double gain = buffers.at(grad.getGain()).at(k);
        double added = readOr0(grad.getAddend(), j * n + k);
        ASSERT_NEAR(dw.at(j * n + k), gain * folded + added,
                    (std::fabs(gain) * magnitude + std::fabs(added)) * error)
            << j << ", " << k;
      }
      ASSERT_NEAR(dg.at(k), sum, bound) << k;
    }
  }

  /// Runs both ways; they agree with the op's definition, and have the same
  /// bits for all orders of blocks and threads.
  void check(const std::string &arguments, const std::string &body) {
    ASSERT_NO_FATAL_FAILURE(lower(arguments, body));
    std::vector<std::vector<float>> first;
    for (uint64_t seed : {0, 5}) {
      makeBuffers();
      for (const KernelLaunch &launch : launches)
        ASSERT_NO_FATAL_FAILURE(run(launch, seed));
      ASSERT_NO_FATAL_FAILURE(compare());
      for (OpResult result : op->getResults()) {
        const Buffer &buffer = buffers.at(result);
        if (seed == 0)
          first.push_back(buffer.f32);
        else if (!buffer.isBf16)
          ASSERT_EQ(buffer.f32, first[result.getResultNumber()]);
      }
    }
    if (steps.empty())
      return;
    makeBuffers();
    for (const KernelStep &step : steps) {
      if (const auto *launch = std::get_if<KernelLaunch>(&step))
        ASSERT_NO_FATAL_FAILURE(run(*launch, 0));
      else
        ASSERT_NO_FATAL_FAILURE(run(std::get<KernelProduct>(step)));
    }
    ASSERT_NO_FATAL_FAILURE(compare());
  }

  MLIRContext context;
  std::string errors;
  ScopedDiagnosticHandler handler;
  std::vector<OwningOpRef<ModuleOp>> modules;
  cuda::KernelLowering lowering{&context};
  func::FuncOp function;
  Operation *op = nullptr;
  SmallVector<KernelLaunch> launches;
  SmallVector<KernelStep, 2> steps;
  llvm::DenseMap<Value, Buffer> buffers;
  std::map<uint64_t, std::vector<float>> scratch; ///< by offset
};

TEST_F(CudaProducts, Forward) {
  check("%x: tensor<2x9x40xbf16>, %w: tensor<24x40xbf16>",
        "lns.linear %x, %w {alpha = 0.7071 : f64} : (tensor<2x9x40xbf16>, "
        "tensor<24x40xbf16>) -> tensor<2x9x24xbf16>");
  EXPECT_EQ(launches.size(), 1u);
  EXPECT_EQ(steps.size(), 1u);
  check("%x: tensor<2x9x13xf32>, %w: tensor<11x13xf32>",
        "lns.linear %x, %w {alpha = -3.0 : f64} : (tensor<2x9x13xf32>, "
        "tensor<11x13xf32>) -> tensor<2x9x11xf32>");
  // Of a vector.
  check("%x: tensor<40xf32>, %w: tensor<12x40xf32>",
        "lns.linear %x, %w : (tensor<40xf32>, tensor<12x40xf32>) -> "
        "tensor<12xf32>");
}

TEST_F(CudaProducts, OfInputs) {
  check("%g: tensor<2x9x24xbf16>, %w: tensor<24x40xbf16>",
        "lns.matmul %g, %w : (tensor<2x9x24xbf16>, tensor<24x40xbf16>) -> "
        "tensor<2x9x40xbf16>");
  check("%g: tensor<2x9x24xbf16>, %w: tensor<24x40xbf16>, "
        "%c: tensor<2x9x40xbf16>",
        "lns.matmul %g, %w addend(%c) : (tensor<2x9x24xbf16>, "
        "tensor<24x40xbf16>, tensor<2x9x40xbf16>) -> tensor<2x9x40xbf16>");
  EXPECT_EQ(std::get<KernelProduct>(steps[0]).beta, 1);
  check("%g: tensor<18x24xf32>, %w: tensor<40x24xf32>, %c: tensor<18x40xf32>",
        "lns.matmul %g, %w transpose_b addend(%c) {alpha = 0.5 : f64} : "
        "(tensor<18x24xf32>, tensor<40x24xf32>, tensor<18x40xf32>) -> "
        "tensor<18x40xf32>");
}

TEST_F(CudaProducts, OfWeights) {
  std::string arguments = "%d: tensor<2x9x24xbf16>, %x: tensor<2x9x40xbf16>, "
                          "%g: tensor<40xf32>, %c: tensor<24x40xf32>";
  check(arguments, "lns.matmul %d, %x transpose_a : (tensor<2x9x24xbf16>, "
                   "tensor<2x9x40xbf16>) -> tensor<24x40xf32>");
  check(arguments,
        "lns.matmul %d, %x transpose_a gain(%g) {alpha = 0.5 : f64} : "
        "(tensor<2x9x24xbf16>, tensor<2x9x40xbf16>, tensor<40xf32>) -> "
        "tensor<24x40xf32>");
  // The library's sums are scaled where they are.
  EXPECT_EQ(steps.size(), 2u);
  check(arguments,
        "lns.matmul %d, %x transpose_a gain(%g) addend(%c) {alpha = 0.5 : f64}"
        " : (tensor<2x9x24xbf16>, tensor<2x9x40xbf16>, tensor<40xf32>, "
        "tensor<24x40xf32>) -> tensor<24x40xf32>");
  EXPECT_EQ(std::get<KernelProduct>(steps[0]).c.kind,
            KernelArgument::Kind::Scratch);
  // A gain of the sums' terms is a gain of the result's columns in disguise
  // only where b is not transposed.
  EXPECT_NE(getError("%d: tensor<9x40xbf16>, %x: tensor<24x40xbf16>, "
                     "%g: tensor<40xf32>",
                     "lns.matmul %d, %x transpose_b gain(%g) : "
                     "(tensor<9x40xbf16>, tensor<24x40xbf16>, tensor<40xf32>)"
                     " -> tensor<9x24xf32>")
                .find("run 'lns-materialize-weights'"),
            std::string::npos);
}

// Gradients of a weight and of the gain that was folded into it: few tokens and
// many, whole cells and odd extents, added to what is there or not.
TEST_F(CudaProducts, OfWeightsAndGains) {
  auto gradients = [&](const std::string &type, int tokens, int out, int in,
                       bool adds) {
    auto tensor = [](std::string shape, const std::string &type) {
      return "tensor<" + shape + "x" + type + ">";
    };
    std::string u =
        tensor(std::to_string(tokens) + "x" + std::to_string(out), type);
    std::string x =
        tensor(std::to_string(tokens) + "x" + std::to_string(in), type);
    std::string w =
        tensor(std::to_string(out) + "x" + std::to_string(in), "f32");
    std::string g = tensor(std::to_string(in), "f32");
    check("%u: " + u + ", %x: " + x + ", %w: " + w + ", %g: " + g +
              ", %c: " + w + ", %d: " + g,
          "lns.weight_grad %u, %x weight(%w) gain(%g) " +
              std::string(adds ? "addend(%c) gain_addend(%d) " : "") +
              "{alpha = 0.7 : f64} : (" + u + ", " + x + ", " + w + ", " + g +
              (adds ? ", " + w + ", " + g : "") + ") -> (" + w + ", " + g +
              ")");
  };
  for (bool adds : {false, true}) {
    gradients("bf16", 18, 24, 40, adds);
    EXPECT_EQ(launches.size(), 2u);
    // The library's sums, then the same kernels as behind slices.
    EXPECT_EQ(steps.size(), 3u);
    gradients("bf16", 19, 71, 13, adds);
    gradients("f32", 18, 24, 40, adds);
    gradients("f32", 19, 71, 13, adds);
  }
  // Several tiles each way, large ones, and slices.
  gradients("bf16", 1030, 130, 136, false);
  gradients("bf16", 3000, 40, 72, true);
  EXPECT_EQ(launches.size(), 3u);
  EXPECT_GT(launches[0].grid[2], 1u);
  gradients("f32", 2049, 33, 21, true);
  EXPECT_EQ(launches.size(), 3u);
}

TEST_F(CudaProducts, OfTwoTypes) {
  check("%x: tensor<9x40xbf16>, %w: tensor<24x40xf32>",
        "lns.linear %x, %w : (tensor<9x40xbf16>, tensor<24x40xf32>) -> "
        "tensor<9x24xbf16>");
  EXPECT_TRUE(steps.empty());
  check("%u: tensor<9x24xbf16>, %x: tensor<9x40xf32>, %w: tensor<24x40xf32>, "
        "%g: tensor<40xf32>",
        "lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<9x24xbf16>, "
        "tensor<9x40xf32>, tensor<24x40xf32>, tensor<40xf32>) -> "
        "(tensor<24x40xf32>, tensor<40xf32>)");
  EXPECT_TRUE(steps.empty());
}

TEST_F(CudaProducts, OfLongSums) {
  check(
      "%d: tensor<3000x40xbf16>, %x: tensor<3000x72xbf16>, %g: tensor<72xf32>",
      "lns.matmul %d, %x transpose_a gain(%g) {alpha = 0.5 : f64} : "
      "(tensor<3000x40xbf16>, tensor<3000x72xbf16>, tensor<72xf32>) -> "
      "tensor<40x72xf32>");
  EXPECT_EQ(launches.size(), 2u);
  EXPECT_GT(launches[0].grid[2], 1u);
  check("%d: tensor<9x2001xf32>, %w: tensor<2001x33xf32>, %c: tensor<9x33xf32>",
        "lns.matmul %d, %w addend(%c) : (tensor<9x2001xf32>, "
        "tensor<2001x33xf32>, tensor<9x33xf32>) -> tensor<9x33xf32>");
  // Only sums over tokens are cut.
  EXPECT_EQ(launches.size(), 1u);
}

TEST_F(CudaProducts, ShareKernels) {
  auto linear = [&](int rows, int in, int out, double alpha) {
    std::string x = "tensor<" + std::to_string(rows) + "x" +
                    std::to_string(in) + "xbf16>",
                w = "tensor<" + std::to_string(out) + "x" + std::to_string(in) +
                    "xbf16>",
                y = "tensor<" + std::to_string(rows) + "x" +
                    std::to_string(out) + "xbf16>";
    lower("%x: " + x + ", %w: " + w,
          "lns.linear %x, %w {alpha = " + std::to_string(alpha) +
              " : f64} : (" + x + ", " + w + ") -> " + y);
  };
  linear(16384, 768, 768, 1);
  linear(16384, 768, 2048, 0.5);
  linear(8192, 2048, 768, 0.25);
  EXPECT_EQ(lowering.getKernels().size(), 1u);
  EXPECT_EQ(lowering.getKernels()[0].symbol, "matmul_0_nt_128x128");
  EXPECT_EQ(lowering.getKernels()[0].text.find("0.25"), std::string::npos);
  EXPECT_TRUE(lowering.getKernels()[0].noSpills);
  // Rows that begin anywhere need other moves.
  linear(16384, 765, 768, 1);
  EXPECT_EQ(lowering.getKernels().size(), 2u);
  EXPECT_FALSE(lowering.getKernels()[1].noSpills);
}

// Whether a gain's gradient is wanted is an argument.
TEST_F(CudaProducts, ShareKernelsOfWeights) {
  std::string arguments = "%u: tensor<16384x768xbf16>, %x: "
                          "tensor<16384x768xbf16>, %w: tensor<768x768xf32>, "
                          "%g: tensor<768xf32>";
  lower(arguments, "lns.matmul %u, %x transpose_a : (tensor<16384x768xbf16>, "
                   "tensor<16384x768xbf16>) -> tensor<768x768xf32>");
  EXPECT_EQ(lowering.getKernels().size(), 2u);
  lower(arguments,
        "lns.weight_grad %u, %x weight(%w) gain(%g) : "
        "(tensor<16384x768xbf16>, tensor<16384x768xbf16>, "
        "tensor<768x768xf32>, tensor<768xf32>) -> (tensor<768x768xf32>, "
        "tensor<768xf32>)");
  EXPECT_EQ(launches.size(), 3u);
  EXPECT_EQ(lowering.getKernels().size(), 3u);
  for (const cuda::KernelInfo &kernel : lowering.getKernels())
    EXPECT_TRUE(kernel.noSpills) << kernel.symbol;
}

TEST_F(CudaProducts, Errors) {
  EXPECT_NE(getError("%x: tensor<9x40xf32>, %w: tensor<24x40xf32>, "
                     "%b: tensor<24xf32>",
                     "lns.linear %x, %w bias(%b) : (tensor<9x40xf32>, "
                     "tensor<24x40xf32>, tensor<24xf32>) -> tensor<9x24xf32>")
                .find("run 'lns-split-bias'"),
            std::string::npos);
  EXPECT_NE(getError("%x: tensor<9x40xf32>, %w: tensor<24x40xf32>, "
                     "%g: tensor<40xf32>",
                     "lns.linear %x, %w gain(%g) : (tensor<9x40xf32>, "
                     "tensor<24x40xf32>, tensor<40xf32>) -> tensor<9x24xf32>")
                .find("run 'lns-materialize-weights'"),
            std::string::npos);
}

TEST(CudaProductSchedule, CutsFewTilesOfLongSums) {
  // Weight gradients of 16384 tokens.
  auto weights = [](bool mayCut) {
    return cuda::getProductSchedule(768, 768, 16384, 16384, true, mayCut);
  };
  EXPECT_EQ(weights(true).tile.m, 128);
  EXPECT_GE(weights(true).slices, 4);
  EXPECT_EQ(weights(false).slices, 1);
  // Slices cover k once, and fit into the workspace.
  for (int64_t m : {1, 100, 768, 4096, 32000})
    for (int64_t k : {1, 31, 255, 2049, 65536})
      for (bool isBf16 : {false, true}) {
        cuda::ProductSchedule s =
            cuda::getProductSchedule(m, 768, k, k, isBf16, true);
        EXPECT_GE(s.slice * s.slices, k);
        EXPECT_LT(s.slice * (s.slices - 1), k);
        EXPECT_EQ(s.slice % s.tile.k, 0);
        if (s.slices > 1)
          EXPECT_LE(m * 768 * s.slices, int64_t(16) << 20);
      }
}

TEST(CudaProductSchedule, TilesFollowFromTheNumberOfTokens) {
  for (bool isBf16 : {false, true})
    for (int64_t n : {64, 768, 32000})
      for (int64_t tokens : {1, 1023, 1024, 65536}) {
        int64_t tile = tokens < 1024 ? 64 : 128;
        cuda::ProductSchedule s = cuda::getProductSchedule(
            tokens, n, 768, tokens, isBf16, /*mayCut=*/false);
        EXPECT_EQ(s.tile.m, tile);
        EXPECT_EQ(s.tile.n, tile);
        EXPECT_EQ(cuda::getFusedTile(tokens, isBf16, false).n, tile);
        // Sums over rows are cut in one way for all numbers of tokens.
        EXPECT_EQ(cuda::getFusedTile(tokens, isBf16, true).m, tile);
        EXPECT_EQ(cuda::getFusedTile(tokens, isBf16, true).n, 128);
      }
}

} // namespace
