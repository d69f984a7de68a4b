//===- fused_products_test.cpp - Clusters with products on the emulator ---===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Clusters as lns-fuse-products makes them, against float64: by the one kernel
// that they become, in several orders of threads, and with a library's products
// before it.
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace lns;
using namespace lns::test;

namespace {

/// A cluster's text by its shape: "{x}" stands for [2, time, in], "{y}" for
/// [2, time, out], "{r}" for [2, time], and so on.
struct Shape {
  std::string element = "bf16";
  int time = 9, in = 40, out = 24;
  /// Of a second operand or result, {x2}, {y2} and so on.
  int in2 = 16, out2 = 16;

  std::string expand(llvm::StringRef text) const {
    auto tensor = [&](std::initializer_list<int> extents,
                      const std::string &type) {
      std::string result = "tensor<";
      for (int extent : extents)
        result += std::to_string(extent) + "x";
      return result + type + ">";
    };
    std::pair<const char *, std::string> names[] = {
        {"{x}", tensor({2, time, in}, element)},
        {"{y}", tensor({2, time, out}, element)},
        {"{y32}", tensor({2, time, out}, "f32")},
        {"{w}", tensor({out, in}, element)},  // of a linear
        {"{wt}", tensor({in, out}, element)}, // of a matmul
        {"{x2}", tensor({2, time, in2}, element)},
        {"{y2}", tensor({2, time, out2}, element)},
        {"{w2}", tensor({out2, in}, element)},  // of a linear of {x}
        {"{v2}", tensor({out, in2}, element)},  // of a linear of {x2}
        {"{vt2}", tensor({in2, out}, element)}, // of a matmul of {x2}
        {"{wt2}", tensor({in, out2}, element)}, // of a matmul of {x}
        {"{r}", tensor({2, time}, "f32")},
        {"{s}", tensor({2, time}, "i32")},
        {"{p}", tensor({time + 2, out}, "f32")},
        {"{g}", tensor({out}, "f32")}};
    std::string result = text.str();
    for (auto &[name, type] : names)
      for (size_t at; (at = result.find(name)) != std::string::npos;)
        result.replace(at, std::strlen(name), type);
    return result;
  }
};

class CudaFusedProducts : public KernelTest {
protected:
  /// `kernels` is how many the cluster takes: one, one more for sums over rows.
  void checkFused(const Shape &shape, const std::string &arguments,
                  const std::string &body, size_t kernels = 1) {
    SCOPED_TRACE(shape.element + " " + std::to_string(shape.time) + " " +
                 std::to_string(shape.in) + " " + std::to_string(shape.out));
    ASSERT_NO_FATAL_FAILURE(
        check(shape.expand(arguments), shape.expand(body), 2e-6, 1e-3));
    EXPECT_EQ(lowering->getKernels().size(), kernels);
    ASSERT_NO_FATAL_FAILURE(checkLibrary());
    EXPECT_EQ(lowering->getKernels().size(), kernels)
        << "what follows a library's product is no new kernel";
  }

  /// The bits of all results, by the kernels of the text.
  std::vector<std::shared_ptr<Buffer>> getResults(const std::string &arguments,
                                                  const std::string &body) {
    std::vector<std::shared_ptr<Buffer>> results;
    parse(arguments, body);
    makeInputs();
    build();
    RunResult buffers = run(0);
    for (Operation &op : getFunction().getBody().front().without_terminator())
      for (Value result : op.getResults())
        results.push_back(buffers.at(nameOf(result)));
    return results;
  }

  /// A cluster's results have the bits that those of `parts` have together.
  void checkBits(const Shape &shape, const std::string &arguments,
                 const std::string &whole,
                 const std::vector<std::string> &parts) {
    std::string expanded = shape.expand(arguments);
    auto together = getResults(expanded, shape.expand(whole));
    size_t next = 0;
    for (const std::string &part : parts)
      for (const auto &buffer : getResults(expanded, shape.expand(part))) {
        ASSERT_LT(next, together.size());
        ASSERT_EQ(buffer->size(), together[next]->size());
        EXPECT_EQ(
            std::memcmp(buffer->data(), together[next]->data(), buffer->size()),
            0)
            << "result " << next;
        ++next;
      }
    EXPECT_EQ(next, together.size());
  }

  void checkLibrary() {
    SmallVector<KernelStep, 2> steps;
    Operation &op = getFunction().getBody().front().front();
    ASSERT_TRUE(succeeded(lowering->lowerWithLibrary(&op, steps))) << errors;
    ASSERT_TRUE(std::holds_alternative<KernelProduct>(steps.front()));
    ASSERT_TRUE(std::holds_alternative<KernelLaunch>(steps.back()));
    build();
    RunResult buffers = makeBuffers();
    for (const KernelStep &step : steps) {
      if (auto *launch = std::get_if<KernelLaunch>(&step))
        ASSERT_NO_FATAL_FAILURE(execute(*launch, buffers, 3));
      else
        multiply(std::get<KernelProduct>(step), buffers);
    }
    compare(buffers, 2e-6, 1e-3);
  }

  /// What the runtime has a library do.
  void multiply(const KernelProduct &product, RunResult &buffers) {
    Type f32 = Float32Type::get(&context), bf16 = BFloat16Type::get(&context);
    Tensor a =
        readBuffer(*buffers.at(nameOf(product.a)), product.bf16A ? bf16 : f32);
    Tensor b =
        readBuffer(*buffers.at(nameOf(product.b)), product.bf16B ? bf16 : f32);
    std::string name = nameOf(product.c);
    if (name.empty()) {
      name = "scratch" + std::to_string(product.c.offset);
      if (product.beta == 0)
        buffers[name] = std::make_shared<Buffer>(product.c.size);
    }
    ASSERT_TRUE(product.beta == 0 || !product.bf16C)
        << "sums are not rounded in between";
    Buffer &c = *buffers.at(name);
    ASSERT_EQ(c.size(), product.m * product.n * (product.bf16C ? 2 : 4));
    for (size_t i = 0; i < product.m * product.n; ++i) {
      size_t row = i / product.n, column = i % product.n;
      double sum = 0;
      for (size_t k = 0; k < product.k; ++k)
        sum +=
            a[product.transA ? k * product.m + row : row * product.k + k] *
            b[product.transB ? column * product.k + k : k * product.n + column];
      sum *= product.alpha;
      if (product.bf16C)
        reinterpret_cast<uint16_t *>(c.data())[i] = bitsOfBf16(sum);
      else if (product.beta != 0)
        reinterpret_cast<float *>(c.data())[i] += float(sum);
      else
        reinterpret_cast<float *>(c.data())[i] = float(sum);
    }
  }
};

/// Several tiles and one, rows that end in a cell and operands that begin
/// anywhere.
std::vector<Shape> getShapes() {
  return {{"bf16", 9, 40, 24}, {"bf16", 40, 32, 136}, {"bf16", 5, 27, 75},
          {"f32", 9, 20, 24},  {"f32", 40, 16, 136},  {"f32", 5, 27, 75}};
}

} // namespace

TEST_F(CudaFusedProducts, RowScale) {
  for (const Shape &shape : getShapes())
    checkFused(shape, "%x: {x}, %w: {w}, %r: {r}", R"(
      %0 = lns.cluster(%a = %x, %b = %w, %f = %r) : ({x}, {w}, {r}) -> {y} {
        %1 = lns.linear %a, %b {alpha = 0.7 : f64} : ({x}, {w}) -> {y}
        %2 = lns.row_scale %1, %f : {y}, {r}
        lns.yield %2 : {y}
      })");
}

TEST_F(CudaFusedProducts, Cast) {
  for (const Shape &shape : getShapes())
    if (shape.element == "bf16")
      checkFused(shape, "%x: {x}, %w: {w}, %r: {r}", R"(
      %0 = lns.cluster(%a = %x, %b = %w, %f = %r) : ({x}, {w}, {r}) -> {y32} {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.row_scale %1, %f : {y}, {r}
        %3 = lns.cast %2 : {y} to {y32}
        lns.yield %3 : {y32}
      })");
}

TEST_F(CudaFusedProducts, Rope) {
  for (const char *inverse : {"", " inverse"})
    for (int head : {16, 64, 128})
      for (const char *element : {"bf16", "f32"})
        checkFused({element, 7, 24, 2 * head}, "%x: {x}, %w: {w}, %b: {g}",
                   R"(
      %0:2 = lns.cluster(%a = %x, %v = %w, %c = %b)
          : ({x}, {w}, {g}) -> ({y}, {y}) {
        %1 = lns.linear %a, %v {alpha = 0.7 : f64} : ({x}, {w}) -> {y}
        %2 = lns.add_bias %1, %c : {y}, {g}
        %3 = lns.rope %2 head_dim()" +
                       std::to_string(head) + ")" + inverse + R"( : {y}
        lns.yield %2, %3 : {y}, {y}
      })");
}

/// Rotations whose times count from their documents' starts, one whose times do
/// not, and positions of a table that do.
TEST_F(CudaFusedProducts, RopeOfDocuments) {
  for (int head : {16, 64, 128})
    for (const char *element : {"bf16", "f32"}) {
      std::string size = "head_dim(" + std::to_string(head) + ")";
      checkFused({element, 17, 24, 2 * head},
                 "%x: {x}, %w: {w}, %s: {s}, %z: {s}, %p: {p}",
                 R"(
      %0:3 = lns.cluster(%a = %x, %v = %w, %c = %s, %d = %z, %t = %p)
          : ({x}, {w}, {s}, {s}, {p}) -> ({y}, {y}, {y}) {
        %1 = lns.linear %a, %v {alpha = 0.7 : f64} : ({x}, {w}) -> {y}
        %2 = lns.rope %1 starts(%c) )" +
                     size + R"( : {y}, {s}
        %3 = lns.rope %1 starts(%d) )" +
                     size + R"( inverse : {y}, {s}
        %4 = lns.rope %1 )" +
                     size + R"( : {y}
        %5 = lns.add %2, %3 : {y}
        %6 = lns.add %5, %4 : {y}
        %7 = lns.add_positions %6, %t starts(%d) : {y}, {p}, {s}
        lns.yield %2, %6, %7 : {y}, {y}, {y}
      })");
    }
}

/// Starts that are all zero are none, to the bit.
TEST_F(CudaFusedProducts, RopeOfOneDocument) {
  for (const char *element : {"bf16", "f32"}) {
    Shape shape = {element, 17, 24, 64};
    documentLengths = {17};
    auto body = [&](const std::string &clause, const std::string &type) {
      return shape.expand(R"(
      %0 = lns.cluster(%a = %x, %v = %w, %c = %s) : ({x}, {w}, {s}) -> {y} {
        %1 = lns.linear %a, %v : ({x}, {w}) -> {y}
        %2 = lns.rope %1 )" +
                          clause + "head_dim(32) : {y}" + type +
                          "\nlns.yield %2 : {y}\n}");
    };
    std::string arguments = shape.expand("%x: {x}, %w: {w}, %s: {s}");
    auto with = getResults(arguments, body("starts(%c) ", ", {s}"));
    auto without = getResults(arguments, body("", ""));
    ASSERT_EQ(with.size(), 1u);
    EXPECT_EQ(std::memcmp(with[0]->data(), without[0]->data(), with[0]->size()),
              0);
  }
}

/// A tile cannot rotate these: the products are a kernel and the rest is one.
TEST_F(CudaFusedProducts, RopeApart) {
  for (int head : {8, 10, 26, 192})
    checkFused({"f32", 7, 24, 2 * head}, "%x: {x}, %w: {w}, %r: {r}",
               R"(
      %0 = lns.cluster(%a = %x, %v = %w, %f = %r) : ({x}, {w}, {r}) -> {y} {
        %1 = lns.linear %a, %v {alpha = 0.7 : f64} : ({x}, {w}) -> {y}
        %2 = lns.row_scale %1, %f : {y}, {r}
        %3 = lns.rope %2 head_dim()" +
                   std::to_string(head) + R"() : {y}
        lns.yield %3 : {y}
      })",
               2);
  checkFused({"f32", 7, 24, 20}, "%x: {x}, %w: {w}, %s: {s}", R"(
      %0 = lns.cluster(%a = %x, %v = %w, %c = %s) : ({x}, {w}, {s}) -> {y} {
        %1 = lns.linear %a, %v : ({x}, {w}) -> {y}
        %2 = lns.rope %1 starts(%c) head_dim(10) : {y}, {s}
        lns.yield %2 : {y}
      })",
             2);
}

TEST_F(CudaFusedProducts, ResidualAndStatistic) {
  std::vector<Shape> shapes = getShapes();
  // Three tiles of a row.
  shapes.push_back({"bf16", 3, 24, 264});
  shapes.push_back({"f32", 3, 8, 300});
  for (const Shape &shape : shapes)
    checkFused(shape, "%x: {x}, %w: {w}, %s: {y}", R"(
      %0:2 = lns.cluster(%a = %x, %b = %w, %c = %s)
          : ({x}, {w}, {y}) -> ({y}, {r}) {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.residual %c, %1
          {skip_scale = 0.5 : f64, branch_scale = -0.25 : f64} : {y}
        %3 = lns.row_rstd %2 eps(0.01) : ({y}) -> {r}
        lns.yield %2, %3 : {y}, {r}
      })",
               2);
}

TEST_F(CudaFusedProducts, Gated) {
  std::vector<Shape> shapes = getShapes();
  shapes.push_back({"bf16", 3, 24, 72});
  for (const Shape &shape : shapes) {
    const char *arguments = "%x: {x}, %w: {w}, %v: {w}, %r: {r}";
    checkFused(shape, arguments, R"(
      %0 = lns.cluster(%a = %x, %b = %w, %c = %v, %f = %r)
          : ({x}, {w}, {w}, {r}) -> {y} {
        %1 = lns.linear %a, %b {alpha = 0.25 : f64} : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c {alpha = -0.5 : f64} : ({x}, {w}) -> {y}
        %3 = lns.row_scale %1, %f : {y}, {r}
        %4 = lns.row_scale %2, %f : {y}, {r}
        %5 = lns.gated_activation silu %3, %4 : {y}
        lns.yield %5 : {y}
      })");
    checkFused(shape, arguments, R"(
      %0:3 = lns.cluster(%a = %x, %b = %w, %c = %v, %f = %r)
          : ({x}, {w}, {w}, {r}) -> ({y}, {y}, {y}) {
        %1 = lns.linear %a, %b {alpha = 0.25 : f64} : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c {alpha = -0.5 : f64} : ({x}, {w}) -> {y}
        %3 = lns.row_scale %1, %f : {y}, {r}
        %4 = lns.row_scale %2, %f : {y}, {r}
        %5 = lns.gated_activation gelu_tanh %3, %4 : {y}
        lns.yield %1, %2, %5 : {y}, {y}, {y}
      })");
  }
}

/// Sums over rows of a pair, one result kept and one not, a rotated head.
TEST_F(CudaFusedProducts, PairWithSums) {
  checkFused({"bf16", 9, 40, 160}, "%x: {x}, %w: {w}, %v: {w}", R"(
      %0:4 = lns.cluster(%a = %x, %b = %w, %c = %v)
          : ({x}, {w}, {w}) -> ({y}, {y}, {r}, {r}) {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c : ({x}, {w}) -> {y}
        %3 = lns.rope %2 head_dim(32) : {y}
        %4 = lns.add %1, %3 : {y}
        %5 = lns.row_dot %1, %2 : ({y}, {y}) -> {r}
        %6 = lns.row_rstd %4 eps(0.1) : ({y}) -> {r}
        lns.yield %2, %4, %5, %6 : {y}, {y}, {r}, {r}
      })",
             2);
}

TEST_F(CudaFusedProducts, GradientOfInput) {
  for (const Shape &shape : getShapes())
    checkFused(shape, "%x: {x}, %w: {wt}, %g: {g}, %y: {y}, %r: {r}, %d: {r}",
               R"(
      %0:2 = lns.cluster(%a = %x, %b = %w, %c = %g, %e = %y, %f = %r, %h = %d)
          : ({x}, {wt}, {g}, {y}, {r}, {r}) -> ({y}, {y}) {
        %1 = lns.matmul %a, %b {alpha = 0.7 : f64} : ({x}, {wt}) -> {y}
        %2 = lns.add %e, %1 : {y}
        %3 = lns.row_rstd_grad %e, %f, %h relative : ({y}, {r}, {r}) -> {y}
        %4 = lns.scale_columns %2, %c scale(0.3) : {y}, {g}
        %5 = lns.add %4, %3 : {y}
        lns.yield %2, %5 : {y}, {y}
      })");
}

TEST_F(CudaFusedProducts, GradientOfGate) {
  for (const Shape &shape : getShapes())
    checkFused(shape, "%x: {x}, %w: {wt}, %u: {y}, %g: {y}, %r: {r}", R"(
      %0:5 = lns.cluster(%a = %x, %b = %w, %c = %u, %f = %r, %d = %g)
          : ({x}, {wt}, {y}, {r}, {y}) -> ({y}, {y}, {r}, {y}, {r}) {
        %1 = lns.matmul %a, %b : ({x}, {wt}) -> {y}
        %2 = lns.row_scale %c, %f : {y}, {r}
        %3 = lns.row_scale %d, %f : {y}, {r}
        %4 = lns.gated_activation silu %3, %2 : {y}
        %5, %6 = lns.gated_activation_grad silu %1, %3, %2 : {y}
        %7 = lns.row_scale %6, %f : {y}, {r}
        %8 = lns.row_dot %6, %2 : ({y}, {y}) -> {r}
        %9 = lns.row_scale %5, %f : {y}, {r}
        %10 = lns.row_dot %5, %3 : ({y}, {y}) -> {r}
        lns.yield %4, %7, %8, %9, %10 : {y}, {y}, {r}, {y}, {r}
      })",
               2);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// The gradient of what query and key read: terms of two lengths, which end
/// within a tile or do not.
TEST_F(CudaFusedProducts, Sum) {
  std::vector<Shape> shapes = {
      {"bf16", 9, 40, 24, 72},  {"bf16", 40, 96, 136, 32},
      {"bf16", 5, 27, 75, 150}, {"f32", 9, 20, 24, 8},
      {"f32", 40, 16, 136, 36}, {"f32", 5, 27, 75, 13}};
  for (const Shape &shape : shapes) {
    checkFused(shape, "%x: {x}, %w: {wt}, %z: {x2}, %v: {vt2}, %y: {y}", R"(
      %0:2 = lns.cluster(%a = %x, %b = %w, %c = %z, %d = %v, %e = %y)
          : ({x}, {wt}, {x2}, {vt2}, {y}) -> ({y}, {y}) {
        %1 = lns.matmul %a, %b {alpha = 0.7 : f64} : ({x}, {wt}) -> {y}
        %2 = lns.matmul %c, %d {alpha = 0.7 : f64} : ({x2}, {vt2}) -> {y}
        %3 = lns.add %2, %1 : {y}
        %4 = lns.add %e, %3 : {y}
        lns.yield %3, %4 : {y}, {y}
      })");
    // Of three linears, two of one input, and of four.
    checkFused(shape, "%x: {x}, %w: {w}, %z: {x2}, %v: {v2}, %u: {w}", R"(
      %0 = lns.cluster(%a = %x, %b = %w, %c = %z, %d = %v, %e = %u)
          : ({x}, {w}, {x2}, {v2}, {w}) -> {y} {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %c, %d : ({x2}, {v2}) -> {y}
        %3 = lns.linear %a, %e : ({x}, {w}) -> {y}
        %4 = lns.add %1, %2 : {y}
        %5 = lns.add %4, %3 : {y}
        %6 = lns.activation relu %5 : {y}
        lns.yield %6 : {y}
      })");
    checkFused(shape, "%x: {x}, %w: {w}, %z: {x2}, %v: {v2}", R"(
      %0 = lns.cluster(%a = %x, %b = %w, %c = %z, %d = %v)
          : ({x}, {w}, {x2}, {v2}) -> {y} {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %c, %d : ({x2}, {v2}) -> {y}
        %3 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %4 = lns.linear %c, %d : ({x2}, {v2}) -> {y}
        %5 = lns.add %1, %2 : {y}
        %6 = lns.add %3, %4 : {y}
        %7 = lns.add %5, %6 : {y}
        lns.yield %7 : {y}
      })");
  }
}

/// Sums over rows of a sum, in large tiles and in small ones.
TEST_F(CudaFusedProducts, SumWithSums) {
  for (int time : {9, 513})
    for (const char *element : {"bf16", "f32"})
      checkFused({element, time, 16, 136, 40},
                 "%x: {x}, %w: {wt}, %z: {x2}, %v: {vt2}, %y: {y}", R"(
      %0:2 = lns.cluster(%a = %x, %b = %w, %c = %z, %d = %v, %e = %y)
          : ({x}, {wt}, {x2}, {vt2}, {y}) -> ({y}, {r}) {
        %1 = lns.matmul %a, %b : ({x}, {wt}) -> {y}
        %2 = lns.matmul %c, %d : ({x2}, {vt2}) -> {y}
        %3 = lns.add %1, %2 : {y}
        %4 = lns.row_dot %3, %e : ({y}, {y}) -> {r}
        %5 = lns.scale %3 factor(0.5) : {y}
        lns.yield %5, %4 : {y}, {r}
      })",
                 2);
}

/// A tile cannot rotate these: each product adds to those before. A library
/// does that in f32 alone.
TEST_F(CudaFusedProducts, SumApart) {
  const char *arguments = "%x: {x}, %w: {wt}, %z: {x2}, %v: {vt2}";
  const char *body = R"(
      %0 = lns.cluster(%a = %x, %b = %w, %c = %z, %d = %v)
          : ({x}, {wt}, {x2}, {vt2}) -> {y} {
        %1 = lns.matmul %a, %b : ({x}, {wt}) -> {y}
        %2 = lns.matmul %c, %d : ({x2}, {vt2}) -> {y}
        %3 = lns.add %1, %2 : {y}
        %4 = lns.rope %3 head_dim(8) : {y}
        lns.yield %4 : {y}
      })";
  checkFused({"f32", 7, 24, 16, 12}, arguments, body, 2);
  Shape shape = {"bf16", 7, 24, 16, 12};
  // Rounded twice.
  check(shape.expand(arguments), shape.expand(body), 2e-6, 5e-3);
  SmallVector<KernelStep, 2> steps;
  ASSERT_TRUE(succeeded(lowering->lowerWithLibrary(
      &getFunction().getBody().front().front(), steps)));
  EXPECT_TRUE(steps.empty());
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

namespace {

/// Query, key and value projections of grouped queries, each in a cluster.
const char *kQuery = R"(
      %0 = lns.cluster(%a = %x, %b = %w, %f = %r) : ({x}, {w}, {r}) -> {y} {
        %1 = lns.linear %a, %b {alpha = 0.7 : f64} : ({x}, {w}) -> {y}
        %2 = lns.row_scale %1, %f : {y}, {r}
        %3 = lns.rope %2 head_dim(16) : {y}
        lns.yield %3 : {y}
      })";
const char *kKey = R"(
      %0 = lns.cluster(%a = %x, %b = %v, %f = %r) : ({x}, {w2}, {r}) -> {y2} {
        %1 = lns.linear %a, %b {alpha = 0.3 : f64} : ({x}, {w2}) -> {y2}
        %2 = lns.row_scale %1, %f : {y2}, {r}
        %3 = lns.rope %2 head_dim(16) : {y2}
        lns.yield %3 : {y2}
      })";
const char *kValue = R"(
      %0 = lns.cluster(%a = %x, %b = %u, %f = %r) : ({x}, {w2}, {r}) -> {y2} {
        %1 = lns.linear %a, %b {alpha = 0.3 : f64} : ({x}, {w2}) -> {y2}
        %2 = lns.row_scale %1, %f : {y2}, {r}
        lns.yield %2 : {y2}
      })";
/// And in one.
const char *kQueryKeyValue = R"(
      %0:3 = lns.cluster(%a = %x, %b = %w, %c = %v, %d = %u, %f = %r)
          : ({x}, {w}, {w2}, {w2}, {r}) -> ({y}, {y2}, {y2}) {
        %1 = lns.linear %a, %b {alpha = 0.7 : f64} : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c {alpha = 0.3 : f64} : ({x}, {w2}) -> {y2}
        %3 = lns.linear %a, %d {alpha = 0.3 : f64} : ({x}, {w2}) -> {y2}
        %4 = lns.row_scale %1, %f : {y}, {r}
        %5 = lns.rope %4 head_dim(16) : {y}
        %6 = lns.row_scale %2, %f : {y2}, {r}
        %7 = lns.rope %6 head_dim(16) : {y2}
        %8 = lns.row_scale %3, %f : {y2}, {r}
        lns.yield %5, %7, %8 : {y}, {y2}, {y2}
      })";
const char *kGroupArguments = "%x: {x}, %w: {w}, %v: {w2}, %u: {w2}, %r: {r}";

} // namespace

TEST_F(CudaFusedProducts, Group) {
  for (const Shape &shape : std::vector<Shape>{{"bf16", 9, 40, 96, 0, 32},
                                               {"bf16", 40, 27, 144, 0, 16},
                                               {"bf16", 3, 32, 32, 0, 32},
                                               {"f32", 9, 20, 96, 0, 32},
                                               {"f32", 40, 13, 144, 0, 80},
                                               {"bf16", 513, 16, 144, 0, 48},
                                               {"f32", 513, 8, 144, 0, 48}}) {
    checkFused(shape, kGroupArguments, kQueryKeyValue);
    checkBits(shape, kGroupArguments, kQueryKeyValue, {kQuery, kKey, kValue});
  }
}

/// The same of documents, whose starts each member reads.
TEST_F(CudaFusedProducts, GroupOfDocuments) {
  auto ofDocuments = [](std::string text) {
    auto replaceAll = [&](const std::string &from, const std::string &to) {
      for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
           at += to.size())
        text.replace(at, from.size(), to);
    };
    replaceAll("%f = %r)", "%f = %r, %s = %t)");
    replaceAll("{r})", "{r}, {s})");
    replaceAll(" head_dim(16) : {y}", " starts(%s) head_dim(16) : {y}, {s}");
    replaceAll(" head_dim(16) : {y2}", " starts(%s) head_dim(16) : {y2}, {s}");
    return text;
  };
  std::string arguments = std::string(kGroupArguments) + ", %t: {s}";
  // The value does not rotate, and reads none.
  for (const Shape &shape : std::vector<Shape>{{"bf16", 9, 40, 96, 0, 32},
                                               {"f32", 40, 13, 144, 0, 80},
                                               {"bf16", 513, 16, 144, 0, 48}}) {
    checkFused(shape, arguments, ofDocuments(kQueryKeyValue));
    checkBits(shape, arguments, ofDocuments(kQueryKeyValue),
              {ofDocuments(kQuery), ofDocuments(kKey), kValue});
  }
}

/// Members with nothing behind a product, with a bias and with sums over rows;
/// rows that end in a cell.
TEST_F(CudaFusedProducts, GroupOfKinds) {
  for (const Shape &shape : std::vector<Shape>{{"bf16", 9, 40, 75, 0, 24},
                                               {"bf16", 5, 24, 264, 0, 27},
                                               {"f32", 9, 27, 75, 0, 24},
                                               {"f32", 513, 8, 136, 0, 75}})
    checkFused(shape,
               "%x: {x}, %w: {wt}, %v: {wt2}, %u: {wt}, %g: {g}, %y: {y}, "
               "%z: {y2}",
               R"(
      %0:6 = lns.cluster(%a = %x, %b = %w, %c = %v, %d = %u, %h = %g, %e = %y,
                         %f = %z)
          : ({x}, {wt}, {wt2}, {wt}, {g}, {y}, {y2})
          -> ({y}, {y2}, {r}, {r}, {y}, {r}) {
        %1 = lns.matmul %a, %b {alpha = 0.7 : f64} : ({x}, {wt}) -> {y}
        %2 = lns.matmul %a, %c : ({x}, {wt2}) -> {y2}
        %3 = lns.matmul %a, %d : ({x}, {wt}) -> {y}
        %4 = lns.add %2, %f : {y2}
        %5 = lns.row_rstd %4 eps(0.01) : ({y2}) -> {r}
        %6 = lns.row_dot %2, %f : ({y2}, {y2}) -> {r}
        %7 = lns.scale %4 factor(0.5) : {y2}
        %8 = lns.add_bias %3, %h : {y}, {g}
        %9 = lns.row_dot %8, %e : ({y}, {y}) -> {r}
        %10 = lns.activation relu %8 : {y}
        lns.yield %1, %7, %5, %6, %10, %9 : {y}, {y2}, {r}, {r}, {y}, {r}
      })",
               2);
}

/// A row op that reads no product is one of the member that it is as wide as.
TEST_F(CudaFusedProducts, GroupWithOther) {
  checkFused({"bf16", 9, 40, 24, 0, 72}, "%x: {x}, %w: {w}, %v: {w2}, %z: {y2}",
             R"(
      %0:3 = lns.cluster(%a = %x, %b = %w, %c = %v, %d = %z)
          : ({x}, {w}, {w2}, {y2}) -> ({y}, {y2}, {y2}) {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c : ({x}, {w2}) -> {y2}
        %3 = lns.activation relu %2 : {y2}
        %4 = lns.activation silu %d : {y2}
        lns.yield %1, %3, %4 : {y}, {y2}, {y2}
      })");
}

/// A tile cannot rotate these: every member is what it is alone.
TEST_F(CudaFusedProducts, GroupApart) {
  checkFused({"f32", 7, 24, 16, 0, 24}, "%x: {x}, %w: {w}, %v: {w2}", R"(
      %0:2 = lns.cluster(%a = %x, %b = %w, %c = %v)
          : ({x}, {w}, {w2}) -> ({y}, {y2}) {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c : ({x}, {w2}) -> {y2}
        %3 = lns.rope %1 head_dim(8) : {y}
        %4 = lns.scale %2 factor(0.5) : {y2}
        lns.yield %3, %4 : {y}, {y2}
      })",
             3);
}

/// A library's products take turns in one workspace, of which there is so much.
TEST_F(CudaFusedProducts, GroupWorkspace) {
  for (int time : {4096, 4097}) {
    Shape shape = {"bf16", time, 16, 2048, 0, 16};
    parse(shape.expand(kGroupArguments), shape.expand(kQueryKeyValue));
    SmallVector<KernelStep, 2> steps;
    ASSERT_TRUE(succeeded(lowering->lowerWithLibrary(
        &getFunction().getBody().front().front(), steps)));
    EXPECT_EQ(steps.size(), time == 4096 ? 6u : 0u);
    if (time == 4096)
      EXPECT_EQ(lowering->getScratchBytes(), uint64_t(64) << 20);
  }
}

/// Many tokens take large tiles.
TEST_F(CudaFusedProducts, LargeTiles) {
  for (const char *element : {"bf16", "f32"}) {
    checkFused({element, 513, 16, 136}, "%x: {x}, %w: {w}, %s: {y}", R"(
      %0:2 = lns.cluster(%a = %x, %b = %w, %c = %s)
          : ({x}, {w}, {y}) -> ({y}, {r}) {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.residual %c, %1 : {y}
        %3 = lns.row_rstd %2 eps(0.01) : ({y}) -> {r}
        lns.yield %2, %3 : {y}, {r}
      })",
               2);
    checkFused({element, 513, 16, 72}, "%x: {x}, %w: {w}, %v: {w}", R"(
      %0 = lns.cluster(%a = %x, %b = %w, %c = %v) : ({x}, {w}, {w}) -> {y} {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c : ({x}, {w}) -> {y}
        %3 = lns.gated_activation relu %1, %2 : {y}
        lns.yield %3 : {y}
      })");
  }
}

TEST_F(CudaFusedProducts, ShareGroups) {
  Shape shape = {"bf16", 9, 40, 96, 0, 32};
  std::string body = shape.expand(kQueryKeyValue), other = body;
  for (auto &[from, to] : {std::pair("0.7", "0.57735"), {"%0:3", "%p:3"}})
    other.replace(other.find(from), std::strlen(from), to);
  parse(shape.expand(kGroupArguments), body + other);
  ASSERT_EQ(launches.size(), 2u);
  ASSERT_EQ(lowering->getKernels().size(), 1u);
  const cuda::KernelInfo &kernel = lowering->getKernels().front();
  EXPECT_EQ(launches[1].floats[0], 0.57735f);
  EXPECT_EQ(kernel.text.find("0.57735"), std::string::npos);
  EXPECT_TRUE(kernel.noSpills);
  EXPECT_EQ(kernel.source, "linear, row_scale, rope; linear, row_scale, rope; "
                           "linear, row_scale: bf16 x bf16 -> bf16");
}

/// Numbers are arguments: layers, training and evaluation share kernels.
TEST_F(CudaFusedProducts, ShareKernels) {
  Shape shape;
  auto linear = [&](const char *name, double alpha, double branch) {
    return shape.expand(llvm::formatv(R"(
      {0}:2 = lns.cluster(%a = %x, %b = %w, %c = %s)
          : ({{x}, {{w}, {{y}) -> ({{y}, {{r}) {{
        %1 = lns.linear %a, %b {{alpha = {1} : f64} : ({{x}, {{w}) -> {{y}
        %2 = lns.residual %c, %1 {{branch_scale = {2} : f64} : {{y}
        %3 = lns.row_rstd %2 eps(0.01) : ({{y}) -> {{r}
        lns.yield %2, %3 : {{y}, {{r}
      })",
                                      name, llvm::formatv("{0:f5}", alpha),
                                      llvm::formatv("{0:f5}", branch))
                            .str());
  };
  parse(shape.expand("%x: {x}, %w: {w}, %s: {y}"),
        linear("%p", 0.70711, 1) + linear("%q", 0.57735, 0.5));
  ASSERT_EQ(launches.size(), 4u);
  EXPECT_EQ(lowering->getKernels().size(), 2u);
  EXPECT_EQ(launches[0].floats[0], 0.70711f);
  for (const cuda::KernelInfo &kernel : lowering->getKernels()) {
    EXPECT_EQ(kernel.text.find("0.70711"), std::string::npos);
    EXPECT_TRUE(kernel.noSpills);
    EXPECT_FALSE(kernel.isNorm);
  }
  EXPECT_EQ(lowering->getKernels()[0].source,
            "linear, residual, row_rstd: bf16 x bf16 -> bf16");

  auto pair = [&](const char *name, const char *kept, const char *types) {
    return std::string(name) +
           " = lns.cluster(%a = %x, %b = %w, %c = %v) : "
           "({x}, {w}, {w}) -> (" +
           types + R"() {
        %1 = lns.linear %a, %b : ({x}, {w}) -> {y}
        %2 = lns.linear %a, %c : ({x}, {w}) -> {y}
        %3 = lns.gated_activation silu %1, %2 : {y}
        lns.yield )" +
           kept + " : " + types + "\n}\n";
  };
  parse(shape.expand("%x: {x}, %w: {w}, %v: {w}"),
        shape.expand(pair("%p", "%3", "{y}") +
                     pair("%q:3", "%1, %2, %3", "{y}, {y}, {y}")));
  EXPECT_EQ(launches.size(), 2u);
  EXPECT_EQ(lowering->getKernels().size(), 1u);
}
