//===- attention_kernel_test.cpp - Attention kernels against the reference ===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include <array>

using namespace lns::test;

namespace {

struct Shape {
  int batch, time, heads, kvHeads, headDim;
  bool causal;
  int window = 0; ///< 0: none
  double cap = 0; ///< 0: none
  /// Of documents in a row, one behind the other; none: a row is no documents.
  std::vector<int64_t> documents = {};
};

std::ostream &operator<<(std::ostream &stream, const Shape &s) {
  return stream << s.batch << "x" << s.time << " heads " << s.heads << "/"
                << s.kvHeads << " of " << s.headDim
                << (s.causal ? " causal" : " full") << " window " << s.window
                << " cap " << s.cap << " documents " << s.documents.size();
}

class AttentionKernel
    : public KernelTest,
      public testing::WithParamInterface<std::tuple<Shape, const char *>> {};

INSTANTIATE_TEST_SUITE_P(
    Shapes, AttentionKernel,
    testing::Combine(
        testing::Values(
            Shape{2, 12, 4, 2, 8, true}, Shape{1, 1, 1, 1, 4, true},
            Shape{1, 16, 2, 2, 16, false}, Shape{2, 37, 3, 1, 48, true},
            Shape{1, 50, 2, 1, 52, false}, Shape{1, 97, 1, 1, 80, true},
            Shape{1, 64, 2, 2, 128, true}, Shape{1, 48, 2, 2, 6, true},
            Shape{1, 130, 2, 2, 32, true}, Shape{1, 49, 2, 2, 26, false},
            // Windows of two keys, within blocks and across them, longer than
            // the sequence; soft-caps that act.
            Shape{2, 37, 4, 2, 8, true, 2}, Shape{1, 130, 2, 1, 16, true, 5},
            Shape{1, 200, 2, 2, 6, true, 17}, Shape{1, 130, 1, 1, 20, true, 48},
            Shape{1, 241, 2, 1, 8, true, 64}, Shape{1, 49, 2, 2, 26, true, 99},
            Shape{2, 4, 1, 1, 4, true, 9},
            Shape{1, 50, 2, 1, 52, false, 0, 1.5},
            Shape{2, 37, 4, 2, 8, true, 0, 0.5},
            Shape{1, 145, 3, 1, 12, true, 33, 2},
            // Documents of one token and of several blocks, that start on the
            // borders of vectors, tiles and blocks and beside them, with
            // windows and soft-caps.
            Shape{2, 37, 3, 1, 48, true, 0, 0, {3, 1, 1, 7, 2}},
            Shape{2, 131, 4, 2, 8, true, 0, 0, {1, 1, 1, 2, 1}},
            Shape{1, 200, 2, 1, 20, true, 0, 0, {16, 32, 48, 96, 8}},
            Shape{2, 145, 2, 2, 6, true, 0, 0, {47, 2, 49, 1, 30}},
            Shape{3, 97, 1, 1, 80, true, 0, 0, {97, 50}},
            Shape{1, 241, 4, 1, 16, true, 0, 0, {100, 141}},
            Shape{2, 130, 4, 2, 8, true, 17, 0, {60, 1, 5, 64}},
            Shape{1, 200, 2, 1, 26, true, 5, 0, {3, 90, 6, 101}},
            Shape{2, 145, 3, 1, 12, true, 0, 1.5, {33, 2, 110}},
            Shape{1, 150, 2, 2, 8, true, 64, 2, {20, 130}}),
        testing::Values("f32", "bf16")));

// Forward with and without log-sum-exp, then backward from its results.
TEST_P(AttentionKernel, AgreesWithTheReference) {
  Shape s = std::get<0>(GetParam());
  std::string element = std::get<1>(GetParam());
  auto tensor = [&](int heads) {
    return "tensor<" + std::to_string(s.batch) + "x" + std::to_string(s.time) +
           "x" + std::to_string(heads * s.headDim) + "x" + element + ">";
  };
  std::string q = tensor(s.heads), k = tensor(s.kvHeads);
  std::string lse = "tensor<" + std::to_string(s.batch) + "x" +
                    std::to_string(s.heads) + "x" + std::to_string(s.time) +
                    "xf32>";
  std::string attributes = " heads(" + std::to_string(s.heads) + ") kv_heads(" +
                           std::to_string(s.kvHeads) + ")" +
                           (s.causal ? " causal" : "");
  if (s.window)
    attributes += " window(" + std::to_string(s.window) + ")";
  if (s.cap != 0)
    attributes += " softcap(" + std::to_string(s.cap) + ")";
  std::string arguments =
      "%q: " + q + ", %k: " + k + ", %v: " + k + ", %g: " + q;
  std::string startsType; // as the last of the operands
  if (!s.documents.empty()) {
    documentLengths = s.documents;
    std::string type = "tensor<" + std::to_string(s.batch) + "x" +
                       std::to_string(s.time) + "xi32>";
    arguments += ", %s: " + type;
    attributes = " starts(%s)" + attributes;
    startsType = ", " + type;
  }
  check(arguments, "%0 = lns.attention %q, %k, %v" + attributes + " : (" + q +
                       ", " + k + ", " + k + startsType + ") -> " + q +
                       "\n%1:2 = lns.attention %q, %k, %v" + attributes +
                       " : (" + q + ", " + k + ", " + k + startsType +
                       ") -> (" + q + ", " + lse +
                       ")\n%2:3 = lns.attention_grad %q, %k, %v, %1#0, "
                       "%1#1, %g" +
                       attributes + " : (" + q + ", " + k + ", " + k + ", " +
                       q + ", " + lse + ", " + q + startsType + ") -> (" + q +
                       ", " + k + ", " + k + ")");
}

using AttentionKernels = KernelTest;

// An explicit scale and scores far apart.
TEST_F(AttentionKernels, LargeScores) {
  deviation = 5;
  std::string x = "tensor<1x40x32xf32>";
  check("%q: " + x + ", %k: " + x + ", %v: " + x,
        "%0:2 = lns.attention %q, %k, %v heads(2) kv_heads(2) causal "
        "{softmax_scale = 0.7} : (" +
            x + ", " + x + ", " + x + ") -> (" + x + ", tensor<1x2x40xf32>)");
}

// A query that sees its own key alone is a copy of the value; its gradients of
// queries and keys are zero, which the comparison above is not made for.
TEST_F(AttentionKernels, WindowsOfOneKey) {
  for (std::string element : {"f32", "bf16"}) {
    std::string x = "tensor<2x37x32x" + element + ">";
    std::string y = "tensor<2x37x16x" + element + ">";
    check("%q: " + x + ", %k: " + y + ", %v: " + y,
          "%0:2 = lns.attention %q, %k, %v heads(4) kv_heads(2) causal "
          "window(1) : (" +
              x + ", " + y + ", " + y + ") -> (" + x + ", tensor<2x4x37xf32>)");
  }
}

// So it is where every token is a document.
TEST_F(AttentionKernels, DocumentsOfOneToken) {
  documentLengths = {1};
  for (std::string element : {"f32", "bf16"}) {
    std::string x = "tensor<2x131x32x" + element + ">";
    std::string y = "tensor<2x131x16x" + element + ">";
    std::string s = "tensor<2x131xi32>";
    check("%q: " + x + ", %k: " + y + ", %v: " + y + ", %s: " + s,
          "%0:2 = lns.attention %q, %k, %v starts(%s) heads(4) kv_heads(2) "
          "causal : (" +
              x + ", " + y + ", " + y + ", " + s + ") -> (" + x +
              ", tensor<2x4x131xf32>)");
  }
}

// The scale is an argument, the shape is not.
TEST_F(AttentionKernels, AreSharedByShape) {
  std::string x = "tensor<1x8x32xf32>", y = "tensor<3x8x32xf32>";
  auto op = [](const std::string &x, const std::string &rest) {
    return "%" + std::to_string(rest.size()) + " = lns.attention %q, %k, %v" +
           rest + " : (" + x + ", " + x + ", " + x + ") -> " + x + "\n";
  };
  parse("%q: " + x + ", %k: " + x + ", %v: " + x,
        op(x, " heads(2) kv_heads(2)") +
            op(x, " heads(2) kv_heads(2) {softmax_scale = 0.1}") +
            op(x, " heads(2) kv_heads(2) causal") +
            op(x, " heads(4) kv_heads(4) causal {softmax_scale = 0.1}"));
  ASSERT_EQ(launches.size(), 4u);
  EXPECT_EQ(launches[0].kernel, launches[1].kernel);
  EXPECT_NE(launches[0].kernel, launches[2].kernel);
  EXPECT_NE(launches[2].kernel, launches[3].kernel);
  EXPECT_EQ(launches[1].floats[0], 0.1f);
}

namespace {
/// An attention and its gradient, run with numbers that are none where the one
/// or the other must not look.
class AttentionBlocks : public AttentionKernels {
protected:
  static constexpr int64_t time = 400, width = 8;

  void runWhole() {
    ASSERT_EQ(launches.size(), 2u);
    makeInputs();
    build();
    ASSERT_TRUE(code);
    unsigned count = 0;
    for (mlir::Operation &op :
         getFunction().getBody().front().without_terminator())
      for (mlir::Value result : op.getResults())
        results[count++] = result;
    whole = run(Split::Whole);
  }

  /// With NaN in rows [from, to) of some arguments.
  RunResult runWithout(std::initializer_list<unsigned> arguments, int64_t from,
                       int64_t to) {
    Tensors before = inputs;
    for (unsigned argument : arguments) {
      Tensor &tensor = inputs[getFunction().getArgument(argument)];
      std::fill(tensor.begin() + from * width, tensor.begin() + to * width,
                NAN);
    }
    RunResult result = run(Split::Whole);
    inputs = before;
    return result;
  }

  void expectSame(RunResult &other, mlir::Value value, int64_t from,
                  int64_t to) {
    auto f32 = mlir::Float32Type::get(&context);
    Tensor a = readBuffer(*whole[nameOf(value)], f32);
    Tensor b = readBuffer(*other[nameOf(value)], f32);
    for (int64_t i = from * width; i < to * width; ++i)
      ASSERT_EQ(a[i], b[i]) << nameOf(value) << " " << i / width;
  }

  /// Output, log-sum-exp, and gradients of query, key and value.
  std::array<mlir::Value, 5> results;
  RunResult whole;
};
} // namespace

// What a window hides from a whole block is not looked at: a number that is
// none would show, however small what it is multiplied by.
TEST_F(AttentionBlocks, OutsideOfTheWindowAreNotLookedAt) {
  std::string x = "tensor<1x400x8xf32>", lse = "tensor<1x1x400xf32>";
  std::string clauses = " heads(1) kv_heads(1) causal window(8) : (";
  parse("%q: " + x + ", %k: " + x + ", %v: " + x + ", %g: " + x,
        "%0:2 = lns.attention %q, %k, %v" + clauses + x + ", " + x + ", " + x +
            ") -> (" + x + ", " + lse +
            ")\n%1:3 = lns.attention_grad %q, %k, %v, %0#0, %0#1, %g" +
            clauses + x + ", " + x + ", " + x + ", " + x + ", " + lse + ", " +
            x + ") -> (" + x + ", " + x + ", " + x + ")");
  ASSERT_NO_FATAL_FAILURE(runWhole());
  auto [out, lses, queryGrad, keyGrad, valueGrad] = results;
  RunResult hidden = runWithout({1, 2}, 0, 150);
  expectSame(hidden, out, 256, time);
  expectSame(hidden, queryGrad, 256, time);
  RunResult later = runWithout({0, 3}, 350, time);
  expectSame(later, keyGrad, 0, 200);
  expectSame(later, valueGrad, 0, 200);
}

// Nor is what lies before a block's first document, or behind its last.
TEST_F(AttentionBlocks, OfOtherDocumentsAreNotLookedAt) {
  std::string x = "tensor<1x400x8xf32>", lse = "tensor<1x1x400xf32>";
  std::string s = "tensor<1x400xi32>";
  std::string clauses = " starts(%s) heads(1) kv_heads(1) causal : (";
  documentLengths = {150, 250};
  parse("%q: " + x + ", %k: " + x + ", %v: " + x + ", %g: " + x + ", %s: " + s,
        "%0:2 = lns.attention %q, %k, %v" + clauses + x + ", " + x + ", " + x +
            ", " + s + ") -> (" + x + ", " + lse +
            ")\n%1:3 = lns.attention_grad %q, %k, %v, %0#0, %0#1, %g" +
            clauses + x + ", " + x + ", " + x + ", " + x + ", " + lse + ", " +
            x + ", " + s + ") -> (" + x + ", " + x + ", " + x + ")");
  ASSERT_NO_FATAL_FAILURE(runWhole());
  auto [out, lses, queryGrad, keyGrad, valueGrad] = results;
  // The block that holds the border looks at both documents; those after it at
  // the second alone.
  RunResult hidden = runWithout({1, 2}, 0, 144);
  expectSame(hidden, out, 192, time);
  expectSame(hidden, queryGrad, 192, time);
  RunResult later = runWithout({0, 1, 2, 3}, 192, time);
  expectSame(later, out, 0, 150);
  expectSame(later, keyGrad, 0, 150);
  expectSame(later, valueGrad, 0, 150);
}

// One document a row is what a kernel without documents computes, to the bit.
TEST_F(AttentionKernels, OneDocumentIsNone) {
  for (std::string clause : {"", " window(17)", " softcap(1.5)"}) {
    std::string x = "tensor<2x131x24xf32>", y = "tensor<2x131x12xf32>";
    std::string s = "tensor<2x131xi32>", lse = "tensor<2x4x131xf32>";
    auto pair = [&](const std::string &number, const std::string &starts,
                    const std::string &type) {
      std::string rest =
          starts + " heads(4) kv_heads(2) causal" + clause + " : (" + x + ", ";
      return "%a" + number + ":2 = lns.attention %q, %k, %v" + rest + y + ", " +
             y + type + ") -> (" + x + ", " + lse + ")\n%b" + number +
             ":3 = lns.attention_grad %q, %k, %v, %a" + number + "#0, %a" +
             number + "#1, %g" + rest + y + ", " + y + ", " + x + ", " + lse +
             ", " + x + type + ") -> (" + x + ", " + y + ", " + y + ")\n";
    };
    documentLengths = {131};
    parse("%q: " + x + ", %k: " + y + ", %v: " + y + ", %g: " + x +
              ", %s: " + s,
          pair("0", "", "") + pair("1", " starts(%s)", ", " + s));
    ASSERT_EQ(launches.size(), 4u);
    makeInputs();
    build();
    ASSERT_TRUE(code);
    RunResult buffers = run(Split::Whole);
    std::vector<mlir::Value> results;
    for (mlir::Operation &op :
         getFunction().getBody().front().without_terminator())
      results.insert(results.end(), op.result_begin(), op.result_end());
    ASSERT_EQ(results.size(), 10u);
    auto f32 = mlir::Float32Type::get(&context);
    for (unsigned i = 0; i < 5; ++i)
      EXPECT_EQ(readBuffer(*buffers[nameOf(results[i])], f32),
                readBuffer(*buffers[nameOf(results[i + 5])], f32))
          << clause << " result " << i;
  }
}

// So are how far a window reaches and what scores are capped at: that there is
// one is not.
TEST_F(AttentionKernels, AreSharedByWindowsAndCaps) {
  std::string x = "tensor<1x8x32xf32>";
  std::string body;
  for (const char *rest :
       {"", "window(2)", "window(3)", "window(1000)", "softcap(5.0)",
        "softcap(0.5)", "window(3) softcap(5.0)"})
    body += "%" + std::to_string(body.size()) +
            " = lns.attention %q, %k, %v heads(2) kv_heads(2) causal " + rest +
            " : (" + x + ", " + x + ", " + x + ") -> " + x + "\n";
  parse("%q: " + x + ", %k: " + x + ", %v: " + x, body);
  ASSERT_EQ(launches.size(), 7u);
  EXPECT_NE(launches[0].kernel, launches[1].kernel);
  EXPECT_EQ(launches[1].kernel, launches[2].kernel);
  EXPECT_EQ(launches[1].kernel, launches[3].kernel);
  EXPECT_EQ(launches[1].ints[0], 2);
  // No more than there are keys.
  EXPECT_EQ(launches[3].ints[0], 8);
  EXPECT_NE(launches[0].kernel, launches[4].kernel);
  EXPECT_EQ(launches[4].kernel, launches[5].kernel);
  EXPECT_EQ(launches[5].floats[1], 0.5f);
  EXPECT_NE(launches[4].kernel, launches[6].kernel);
  EXPECT_NE(launches[1].kernel, launches[6].kernel);
}

} // namespace
