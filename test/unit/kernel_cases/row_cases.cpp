//===- row_cases.cpp - Row kernels against the reference ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

using namespace lns::test;

namespace {

/// The widths of a target, of f32 and bf16.
class RowKernelWidths
    : public KernelTest,
      public testing::WithParamInterface<std::tuple<int, const char *>> {
protected:
  std::string width() { return std::to_string(std::get<0>(GetParam())); }
  std::string x() {
    return "tensor<2x5x" + width() + "x" + std::get<1>(GetParam()) + ">";
  }
  std::string g() { return "tensor<" + width() + "xf32>"; }
  const std::string r = "tensor<2x5xf32>";
};

INSTANTIATE_TEST_SUITE_P(Widths, RowKernelWidths,
                         testing::Combine(rowWidths(),
                                          testing::Values("f32", "bf16")));

// Every elementwise and reducing row op as a kernel of its own.
TEST_P(RowKernelWidths, SingleOps) {
  check("%a: " + x() + ", %b: " + x() + ", %g: " + g() + ", %r: " + r +
            ", %d: " + r,
        "%0 = lns.add %a, %b : " + x() +
            "\n%1 = lns.scale %a factor(-0.3) : " + x() +
            "\n%2 = lns.residual %a, %b {skip_scale = 0.5, branch_scale = "
            "-2.0} : " +
            x() + "\n%3 = lns.row_scale %a, %r : " + x() + ", " + r +
            "\n%4 = lns.scale_columns %a, %g scale(0.25) : " + x() + ", " +
            g() + "\n%5 = lns.scale_columns %a scale(3.0) : " + x() +
            "\n%6 = lns.row_rstd %a eps(1.0e-5) : (" + x() + ") -> " + r +
            "\n%7 = lns.row_rstd_grad %a, %r, %d : (" + x() + ", " + r + ", " +
            r + ") -> " + x() + "\n%8 = lns.row_dot %a, %b : (" + x() + ", " +
            x() + ") -> " + r + "\n%9 = lns.row_dot %a, %a : (" + x() + ", " +
            x() + ") -> " + r + "\n%10 = lns.add_bias %a, %g : " + x() + ", " +
            g() + "\n%11 = lns.add_bias %a, %g scale(-0.5) : " + x() + ", " +
            g() + "\n%12 = lns.center_rows %a : " + x());
}

// A soft-cap and its slope, far above the cap, about it and far below; and what
// is added to a gain, a vector that is one row.
TEST_P(RowKernelWidths, SoftcapsAndOffsets) {
  deviation = 4;
  check("%y: " + x() + ", %a: " + x() + ", %g: " + g(),
        "%0 = lns.softcap %a cap(1.5) : " + x() +
            "\n%1 = lns.softcap %a cap(50.0) : " + x() +
            "\n%2 = lns.softcap_grad %y, %a cap(1.5) : " + x() +
            "\n%3 = lns.softcap_grad %y, %a cap(50.0) : " + x() +
            "\n%4 = lns.offset %a by(1.0) : " + x() +
            "\n%5 = lns.offset %g by(-0.25) : " + g() +
            "\n%6 = lns.cluster(%b = %a, %h = %5) : (" + x() + ", " + g() +
            ") -> " + x() + " {\n%s = lns.scale_columns %b, %h : " + x() +
            ", " + g() + "\n%t = lns.softcap %s cap(3.0) : " + x() +
            "\n%u = lns.offset %t by(1.0) : " + x() +
            "\nlns.yield %u : " + x() + "\n}",
        1e-5, 1.0 / 256);
}

// A number that all elements read, alone, before a function and beside what
// columns and rows have of their own.
TEST_P(RowKernelWidths, ScaleBy) {
  std::string n = "tensor<1xf32>";
  check("%x: " + x() + ", %f: " + n + ", %g: " + g() + ", %q: " + r,
        "%0 = lns.scale_by %x, %f : " + x() + ", " + n +
            "\n%1:3 = lns.cluster(%a = %x, %b = %f, %c = %g, %d = %q) : (" +
            x() + ", " + n + ", " + g() + ", " + r + ") -> (" + x() + ", " + r +
            ", " + x() + ") {\n%s = lns.scale_by %a, %b : " + x() + ", " + n +
            "\n%t = lns.activation tanh %s : " + x() +
            "\n%u = lns.scale_columns %t, %c : " + x() + ", " + g() +
            "\n%v = lns.row_dot %u, %a : (" + x() + ", " + x() + ") -> " + r +
            "\n%w = lns.row_scale %a, %d : " + x() + ", " + r +
            "\n%y = lns.scale_by %w, %b : " + x() + ", " + n +
            "\nlns.yield %u, %v, %y : " + x() + ", " + r + ", " + x() + "\n}",
        1e-5, 1.0 / 256);
}

// A shift alone and in a function's argument, with the sums of its gradient;
// and the identity, of rows and of numbers.
TEST_P(RowKernelWidths, ShiftBy) {
  std::string n = "tensor<1xf32>";
  check("%x: " + x() + ", %f: " + n + ", %s: " + n + ", %q: " + r,
        "%0 = lns.shift_by %x, %s : " + x() + ", " + n +
            "\n%1 = lns.row_sum %x : (" + x() + ") -> " + r +
            "\n%2 = lns.stop_gradient %x : " + x() +
            "\n%3:4 = lns.cluster(%a = %x, %b = %f, %c = %s, %d = %q) : (" +
            x() + ", " + n + ", " + n + ", " + r + ") -> (" + x() + ", " + x() +
            ", " + r + ", " + r + ") {\n%t = lns.scale_by %a, %b : " + x() +
            ", " + n + "\n%u = lns.shift_by %t, %c : " + x() + ", " + n +
            "\n%v = lns.activation erf %u : " + x() +
            "\n%w = lns.activation_grad erf %a, %u : " + x() +
            "\n%y = lns.row_sum %w : (" + x() + ") -> " + r +
            "\n%z = lns.stop_gradient %d : " + r + "\nlns.yield %v, %w, %y, " +
            "%z : " + x() + ", " + x() + ", " + r + ", " + r + "\n}",
        1e-5, 1.0 / 256);
}

// A table with as many rows as a sequence, and one with more.
TEST_P(RowKernelWidths, AddPositions) {
  std::string width = this->width();
  std::string p = "tensor<5x" + width + "xf32>",
              q = "tensor<7x" + width + "xf32>";
  check("%x: " + x() + ", %p: " + p + ", %q: " + q,
        "%0 = lns.add_positions %x, %p : " + x() + ", " + p +
            "\n%1 = lns.add_positions %x, %q : " + x() + ", " + q +
            "\n%2 = lns.add_positions_grad %x : (" + x() + ") -> " + p +
            "\n%3 = lns.add_positions_grad %x : (" + x() + ") -> " + q);
}

// The same where documents start within a row, of other lengths in each.
TEST_P(RowKernelWidths, PositionsOfDocuments) {
  std::string width = this->width(), s = "tensor<2x5xi32>";
  std::string p = "tensor<5x" + width + "xf32>",
              q = "tensor<7x" + width + "xf32>";
  check("%x: " + x() + ", %p: " + p + ", %q: " + q + ", %s: " + s,
        "%0 = lns.add_positions %x, %p starts(%s) : " + x() + ", " + p + ", " +
            s + "\n%1 = lns.add_positions %x, %q starts(%s) : " + x() + ", " +
            q + ", " + s + "\n%2 = lns.add_positions_grad %x starts(%s) : (" +
            x() + ", " + s + ") -> " + p +
            "\n%3 = lns.add_positions_grad %x starts(%s) : (" + x() + ", " + s +
            ") -> " + q);
}

// Where an activation is saturated, products of two bf16 numbers are often half
// way between two others, and the last bit of the sigmoid decides: one
// rounding.
TEST_P(RowKernelWidths, Activations) {
  deviation = 4;
  for (std::string name : {"silu", "gelu_tanh", "relu", "tanh", "gelu",
                           "sigmoid", "relu2", "erf", "abs"})
    check("%y: " + x() + ", %a: " + x() + ", %b: " + x(),
          "%0 = lns.activation " + name + " %a : " + x() +
              "\n%1 = lns.activation_grad " + name + " %y, %a : " + x() +
              "\n%2 = lns.gated_activation " + name + " %a, %b : " + x() +
              "\n%3:2 = lns.gated_activation_grad " + name +
              " %y, %a, %b : " + x(),
          1e-5, 1.0 / 256);
}

// To bf16 and back, of rows and of numbers per row; also where the rounded
// value is used in the kernel that makes it.
TEST_P(RowKernelWidths, Casts) {
  std::string y = "tensor<2x5x" + width() + "xbf16>", q = "tensor<2x5xbf16>";
  std::string z = "tensor<2x5x" + width() + "xf32>";
  check("%a: " + x() + ", %r: " + r,
        "%0 = lns.cast %a : " + x() + " to " + y + "\n%1 = lns.cast %0 : " + y +
            " to " + z + "\n%2:2 = lns.cluster(%b = %a, %c = %r) : (" + x() +
            ", " + r + ") -> (" + y + ", " + q + ") {\n%s = lns.cast %b : " +
            x() + " to " + y + "\n%t = lns.row_scale %s, %c : " + y + ", " + r +
            "\n%u = lns.cast %c : " + r + " to " + q +
            "\nlns.yield %t, %u : " + y + ", " + q + "\n}");
}

// A residual that is stored, its norm's factor, and the norm itself: three
// phases over one row.
TEST_P(RowKernelWidths, NormCluster) {
  check("%x: " + x() + ", %f: " + x() + ", %g: " + g(),
        "%0:3 = lns.cluster(%a = %x, %b = %f, %w = %g) : (" + x() + ", " + x() +
            ", " + g() + ") -> (" + x() + ", " + r + ", " + x() +
            ") {\n%s = lns.residual %a, %b : " + x() +
            "\n%t = lns.row_rstd %s eps(1.0e-6) : (" + x() + ") -> " + r +
            "\n%u = lns.scale_columns %s, %w scale(0.5) : " + x() + ", " + g() +
            "\n%v = lns.row_scale %u, %t : " + x() + ", " + r +
            "\nlns.yield %s, %t, %v : " + x() + ", " + r + ", " + x() + "\n}");
  EXPECT_TRUE(lowering->getKernels()[0].isNorm);
}

// A norm without a gain, written as it is.
TEST_P(RowKernelWidths, FreeNormCluster) {
  check("%x: " + x(),
        "%0:2 = lns.cluster(%a = %x) : (" + x() + ") -> (" + x() + ", " + r +
            ") {\n%t = lns.row_rstd %a eps(1.0e-6) : (" + x() + ") -> " + r +
            "\n%v = lns.row_scale %a, %t : " + x() + ", " + r +
            "\nlns.yield %v, %t : " + x() + ", " + r + "\n}");
  EXPECT_TRUE(lowering->getKernels()[0].isNorm);
}

// A branch's norm goes into the residual, which is there anyway: what the norm
// computes is not written.
TEST_P(RowKernelWidths, NormInsideResidual) {
  check("%x: " + x() + ", %f: " + x() + ", %g: " + g(),
        "%0:2 = lns.cluster(%a = %x, %b = %f, %w = %g) : (" + x() + ", " + x() +
            ", " + g() + ") -> (" + x() + ", " + r +
            ") {\n%t = lns.row_rstd %b eps(1.0e-6) : (" + x() + ") -> " + r +
            "\n%u = lns.scale_columns %b, %w : " + x() + ", " + g() +
            "\n%v = lns.row_scale %u, %t : " + x() + ", " + r +
            "\n%s = lns.residual %a, %v : " + x() +
            "\nlns.yield %s, %t : " + x() + ", " + r + "\n}");
  EXPECT_FALSE(lowering->getKernels()[0].isNorm);
}

// A LayerNorm after learned positions: the mean, then the squares around it,
// then the rest; all columns of all rows read the same gain and bias.
TEST_P(RowKernelWidths, LayerNormCluster) {
  std::string table = "tensor<6x" + width() + "xf32>";
  check("%x: " + x() + ", %p: " + table + ", %g: " + g() + ", %h: " + g(),
        "%0:4 = lns.cluster(%a = %x, %t = %p, %w = %g, %b = %h) : (" + x() +
            ", " + table + ", " + g() + ", " + g() + ") -> (" + x() + ", " +
            x() + ", " + r + ", " + x() +
            ") {\n%s = lns.add_positions %a, %t : " + x() + ", " + table +
            "\n%c = lns.center_rows %s : " + x() +
            "\n%v = lns.row_rstd %c eps(1.0e-5) : (" + x() + ") -> " + r +
            "\n%d = lns.scale_columns %c, %w : " + x() + ", " + g() +
            "\n%e = lns.row_scale %d, %v : " + x() + ", " + r +
            "\n%f = lns.add_bias %e, %b scale(0.5) : " + x() + ", " + g() +
            "\nlns.yield %s, %c, %v, %f : " + x() + ", " + x() + ", " + r +
            ", " + x() + "\n}");
  EXPECT_TRUE(lowering->getKernels()[0].isNorm);
}

// A reduction of what depends on another reduction, sums of row scalars, and a
// block argument that is yielded as it is.
TEST_P(RowKernelWidths, ChainedReductions) {
  check("%x: " + x() + ", %f: " + x() + ", %q: " + r,
        "%0:4 = lns.cluster(%a = %x, %b = %f, %c = %q) : (" + x() + ", " + x() +
            ", " + r + ") -> (" + x() + ", " + r + ", " + r + ", " + x() +
            ") {\n%s = lns.row_dot %a, %b : (" + x() + ", " + x() + ") -> " +
            r + "\n%t = lns.row_scale %a, %s : " + x() + ", " + r +
            "\n%u = lns.row_dot %t, %b : (" + x() + ", " + x() + ") -> " + r +
            "\n%v = lns.add %u, %c : " + r +
            "\n%w = lns.row_rstd_grad %t, "
            "%c, %v : (" +
            x() + ", " + r + ", " + r + ") -> " + x() +
            "\nlns.yield %w, %s, %v, %a : " + x() + ", " + r + ", " + r + ", " +
            x() + "\n}");
  EXPECT_FALSE(lowering->getKernels()[0].isNorm);
}

class Rotations : public KernelTest,
                  public testing::WithParamInterface<
                      std::tuple<std::pair<int, int>, const char *>> {};

INSTANTIATE_TEST_SUITE_P(
    Heads, Rotations,
    testing::Combine(testing::Values(std::pair(1, 2), std::pair(3, 8),
                                     std::pair(2, 24), std::pair(2, 32),
                                     std::pair(3, 48), std::pair(1, 52),
                                     std::pair(2, 64), std::pair(2, 80),
                                     std::pair(1, 128)),
                     testing::Values("f32", "bf16")));

// Alone, backwards, and in a cluster with a reduction over the rotated row.
TEST_P(Rotations, AgreeWithTheReference) {
  auto [heads, headDim] = std::get<0>(GetParam());
  std::string x = "tensor<2x5x" + std::to_string(heads * headDim) + "x" +
                  std::get<1>(GetParam()) + ">";
  std::string r = "tensor<2x5xf32>", d = std::to_string(headDim);
  check("%x: " + x + ", %f: " + r,
        "%0 = lns.rope %x head_dim(" + d + ") : " + x +
            "\n%1 = lns.rope %0 head_dim(" + d + ") inverse : " + x +
            "\n%2:3 = lns.cluster(%a = %x, %b = %f) : (" + x + ", " + r +
            ") -> (" + x + ", " + r + ", " + x +
            ") {\n%s = lns.row_scale %a, %b : " + x + ", " + r +
            "\n%t = lns.rope %s head_dim(" + d + ") : " + x +
            "\n%u = lns.row_dot %t, %a : (" + x + ", " + x + ") -> " + r +
            "\n%v = lns.row_scale %t, %u : " + x + ", " + r +
            "\nlns.yield %s, %u, %v : " + x + ", " + r + ", " + x + "\n}");
}

// Rows that are heads: the norm, its rotation, and what a gate makes of it,
// forwards; then what their gradient is made of. Heads of one time are rotated
// alike.
TEST_P(Rotations, OfRowsThatAreHeads) {
  auto [heads, headDim] = std::get<0>(GetParam());
  std::string numbers = "2x5x" + std::to_string(heads);
  std::string d = std::to_string(headDim), r = "tensor<" + numbers + "xf32>";
  std::string x =
      "tensor<" + numbers + "x" + d + "x" + std::get<1>(GetParam()) + ">";
  std::string g = "tensor<" + d + "xf32>", rope = " head_dim(" + d + ")";
  check("%x: " + x + ", %g: " + g + ", %f: " + r + ", %y: " + x,
        "%0 = lns.rope %x" + rope + " : " + x +
            "\n%1:3 = lns.cluster(%a = %x, %b = %g, %c = %f) : (" + x + ", " +
            g + ", " + r + ") -> (" + x + ", " + r + ", " + x +
            ") {\n%s = lns.row_rstd %a eps(1.0e-6) : (" + x + ") -> " + r +
            "\n%t = lns.scale_columns %a, %b : " + x + ", " + g +
            "\n%u = lns.row_scale %t, %s : " + x + ", " + r +
            "\n%v = lns.rope %u" + rope + " : " + x +
            "\n%w = lns.row_scale %v, %c : " + x + ", " + r +
            "\nlns.yield %v, %s, %w : " + x + ", " + r + ", " + x +
            "\n}\n%2:2 = lns.cluster(%a = %y, %b = %x, %c = %g, %d = %f) : (" +
            x + ", " + x + ", " + g + ", " + r + ") -> (" + x + ", " + x +
            ") {\n%p = lns.rope %a" + rope + " inverse : " + x +
            "\n%q = lns.row_scale %p, %d : " + x + ", " + r +
            "\n%s = lns.scale_columns %b, %c : " + x + ", " + g +
            "\n%t = lns.row_dot %p, %s : (" + x + ", " + x + ") -> " + r +
            "\n%u = lns.scale_columns %q, %c : " + x + ", " + g +
            "\n%v = lns.row_rstd_grad %b, %d, %t : (" + x + ", " + r + ", " +
            r + ") -> " + x + "\n%w = lns.add %u, %v : " + x +
            "\nlns.yield %q, %w : " + x + ", " + x + "\n}");
}

// Rows and heads whose times count from their documents' starts: forwards and
// backwards, with what does not rotate, and with rotations of other starts or
// none in one kernel.
TEST_P(Rotations, OfDocuments) {
  auto [heads, headDim] = std::get<0>(GetParam());
  std::string d = std::to_string(headDim), element = std::get<1>(GetParam());
  std::string x =
      "tensor<2x5x" + std::to_string(heads * headDim) + "x" + element + ">";
  std::string y =
      "tensor<2x5x" + std::to_string(heads) + "x" + d + "x" + element + ">";
  std::string r = "tensor<2x5xf32>", s = "tensor<2x5xi32>";
  std::string rope = " starts(%s) head_dim(" + d + ")", to = ", " + s;
  check("%x: " + x + ", %y: " + y + ", %f: " + r + ", %s: " + s + ", %z: " + s +
            ", %p: tensor<6x" + std::to_string(heads * headDim) + "xf32>",
        "%0 = lns.rope %x" + rope + " : " + x + to + "\n%1 = lns.rope %0" +
            rope + " inverse : " + x + to + "\n%2 = lns.rope %y" + rope +
            " : " + y + to +
            "\n%3:2 = lns.cluster(%a = %x, %b = %f, %u = %s, %v = %z, %w = "
            "%p) : (" +
            x + ", " + r + ", " + s + ", " + s + ", tensor<6x" +
            std::to_string(heads * headDim) + "xf32>) -> (" + x + ", " + x +
            ") {\n%c = lns.row_scale %a, %b : " + x + ", " + r +
            "\n%d = lns.rope %c starts(%u) head_dim(" + d + ") : " + x + to +
            "\n%e = lns.rope %c starts(%v) head_dim(" + d + ") inverse : " + x +
            to + "\n%g = lns.rope %a head_dim(" + d + ") : " + x +
            "\n%h = lns.add %d, %e : " + x + "\n%i = lns.add %h, %g : " + x +
            "\n%j = lns.add_positions %i, %w starts(%v) : " + x +
            ", tensor<6x" + std::to_string(heads * headDim) + "xf32>" + to +
            "\nlns.yield %i, %j : " + x + ", " + x + "\n}\n%4 = lns.cluster(" +
            "%a = %y, %u = %s) : (" + y + ", " + s + ") -> " + y +
            " {\n%b = lns.rope %a starts(%u) head_dim(" + d +
            ") inverse : " + y + to + "\n%c = lns.scale %b factor(0.5) : " + y +
            "\nlns.yield %c : " + y + "\n}");
}

using RowKernel = KernelTest;

// A folded weight has the rank of a matrix, and vectors are one row.
TEST_F(RowKernel, OtherRanks) {
  check("%w: tensor<9x40xf32>, %g: tensor<40xf32>, %h: tensor<40xf32>, "
        "%s: tensor<f32>",
        "%0 = lns.scale_columns %w, %g scale(0.7) : tensor<9x40xf32>, "
        "tensor<40xf32>\n"
        "%1 = lns.add %g, %h : tensor<40xf32>\n"
        "%2 = lns.add %s, %s : tensor<f32>\n"
        "%3 = lns.scale_columns %h, %g scale(0.7) : tensor<40xf32>, "
        "tensor<40xf32>\n"
        "%4 = lns.scale_columns %g, %g : tensor<40xf32>, tensor<40xf32>");
}

// Where a row has one column, a gain and a number for all rows have one type,
// and one value may be both, or the row.
TEST_F(RowKernel, OneColumn) {
  check("%x: tensor<9x1xf32>, %a: tensor<1xf32>, %v: tensor<40xf32>",
        "%0 = lns.scale_by %x, %a : tensor<9x1xf32>, tensor<1xf32>\n"
        "%1 = lns.scale_by %a, %a : tensor<1xf32>, tensor<1xf32>\n"
        "%2 = lns.scale_by %v, %a : tensor<40xf32>, tensor<1xf32>\n"
        "%3 = lns.cluster(%b = %x, %c = %a) : (tensor<9x1xf32>, tensor<1xf32>) "
        "-> tensor<9x1xf32> {\n"
        "%s = lns.scale_columns %b, %c : tensor<9x1xf32>, tensor<1xf32>\n"
        "%t = lns.scale_by %s, %c : tensor<9x1xf32>, tensor<1xf32>\n"
        "lns.yield %t : tensor<9x1xf32>\n}");
}

// Numbers of a model, of which kernels of one row make others; and the same of
// vectors.
TEST_F(RowKernel, MixFactors) {
  check("%s: tensor<1xf32>, %a: tensor<1xf32>, %b: tensor<1xf32>, "
        "%u: tensor<40xf32>, %v: tensor<40xf32>, %w: tensor<40xf32>",
        "%0:2 = lns.mix_factors %s, %a, %b eps(1.0e-8) : tensor<1xf32>\n"
        "%1:3 = lns.mix_factors_grad %s, %a, %b, %a, %s eps(1.0e-8) : "
        "tensor<1xf32>\n"
        "%2:2 = lns.mix_factors %u, %v, %w eps(0.5) : tensor<40xf32>\n"
        "%3:3 = lns.mix_factors_grad %u, %v, %w, %v, %w eps(0.5) : "
        "tensor<40xf32>\n"
        "%4 = lns.activation silu %a : tensor<1xf32>\n"
        "%5 = lns.activation_grad silu %b, %a : tensor<1xf32>");
}

// A gain of as many columns as there are rows is no row scalar.
TEST_F(RowKernel, SquareWeight) {
  check("%w: tensor<24x24xf32>, %g: tensor<24xf32>, %r: tensor<24xf32>",
        "%0 = lns.cluster(%a = %w, %b = %g, %c = %r) : (tensor<24x24xf32>, "
        "tensor<24xf32>, tensor<24xf32>) -> tensor<24x24xf32> {\n"
        "%s = lns.scale_columns %a, %b : tensor<24x24xf32>, tensor<24xf32>\n"
        "%t = lns.row_scale %s, %c : tensor<24x24xf32>, tensor<24xf32>\n"
        "lns.yield %t : tensor<24x24xf32>\n}");
}

// Large and small arguments of the exponential.
TEST_F(RowKernel, SaturatedSigmoid) {
  deviation = 60;
  check("%a: tensor<4x64xf32>, %b: tensor<4x64xf32>",
        "%0 = lns.gated_activation silu %a, %b : tensor<4x64xf32>\n"
        "%1 = lns.activation gelu_tanh %a : tensor<4x64xf32>\n"
        "%2 = lns.activation gelu %a : tensor<4x64xf32>\n"
        "%3 = lns.activation tanh %a : tensor<4x64xf32>");
}

// Near zero, where results are as small as arguments.
TEST_F(RowKernel, SmallArguments) {
  deviation = 1e-3;
  check("%a: tensor<4x64xf32>",
        "%0 = lns.activation tanh %a : tensor<4x64xf32>\n"
        "%1 = lns.activation gelu %a : tensor<4x64xf32>");
}

// Kernels that differ in the function alone, or in the length of sequences
// that an op asks for, or in the heads of a time, are two.
TEST_F(RowKernel, AreToldApart) {
  parse("%a: tensor<4x2x32xf32>, %b: tensor<2x4x32xf32>, %p: "
        "tensor<4x32xf32>, %h: tensor<2x3x4x8xf32>, %i: tensor<2x3x2x8xf32>",
        "%0 = lns.activation relu %a : tensor<4x2x32xf32>\n"
        "%1 = lns.activation silu %a : tensor<4x2x32xf32>\n"
        "%2 = lns.add_positions %a, %p : tensor<4x2x32xf32>, tensor<4x32xf32>\n"
        "%3 = lns.add_positions %b, %p : tensor<2x4x32xf32>, tensor<4x32xf32>\n"
        "%4 = lns.add_positions_grad %a : (tensor<4x2x32xf32>) -> "
        "tensor<4x32xf32>\n"
        "%5 = lns.add_positions_grad %b : (tensor<2x4x32xf32>) -> "
        "tensor<4x32xf32>\n"
        "%6 = lns.rope %h head_dim(8) : tensor<2x3x4x8xf32>\n"
        "%7 = lns.rope %i head_dim(8) : tensor<2x3x2x8xf32>");
  ASSERT_EQ(launches.size(), 8u);
  for (int i : {0, 2, 4, 6})
    EXPECT_NE(launches[i].kernel, launches[i + 1].kernel) << i;
}

// Kernels do not depend on scales, on the number of rows or on names.
TEST_F(RowKernel, AreSharedByStructure) {
  parse("%a: tensor<4x32xf32>, %b: tensor<4x32xf32>, %c: tensor<9x32xf32>, "
        "%d: tensor<4x33xf32>",
        "%0 = lns.residual %a, %b {branch_scale = 0.5} : tensor<4x32xf32>\n"
        "%1 = lns.residual %a, %0 {branch_scale = 0.7} : tensor<4x32xf32>\n"
        "%2 = lns.residual %c, %c : tensor<9x32xf32>\n"
        "%3 = lns.residual %c, %2 : tensor<9x32xf32>\n"
        "%4 = lns.residual %d, %d : tensor<4x33xf32>");
  ASSERT_EQ(launches.size(), 5u);
  EXPECT_EQ(launches[0].kernel, launches[1].kernel);
  EXPECT_EQ(launches[0].kernel, launches[3].kernel);
  EXPECT_NE(launches[0].kernel, launches[2].kernel) << "one operand, not two";
  EXPECT_NE(launches[2].kernel, launches[4].kernel) << "another width";
  EXPECT_EQ(launches[1].floats[1], 0.7f);
  EXPECT_EQ(rowsOf(launches[3]), 9);
}

// But they do on element types.
TEST_F(RowKernel, AreNotSharedByTypes) {
  parse("%a: tensor<4x32xf32>, %b: tensor<4x32xbf16>, %g: tensor<32xf32>",
        "%0 = lns.scale_columns %a, %g : tensor<4x32xf32>, tensor<32xf32>\n"
        "%1 = lns.scale_columns %b, %g : tensor<4x32xbf16>, tensor<32xf32>\n"
        "%2 = lns.scale_columns %1, %g : tensor<4x32xbf16>, tensor<32xf32>\n"
        "%3 = lns.cast %a : tensor<4x32xf32> to tensor<4x32xbf16>\n"
        "%4 = lns.cast %b : tensor<4x32xbf16> to tensor<4x32xf32>");
  ASSERT_EQ(launches.size(), 5u);
  EXPECT_NE(launches[0].kernel, launches[1].kernel);
  EXPECT_EQ(launches[1].kernel, launches[2].kernel);
  EXPECT_NE(launches[3].kernel, launches[4].kernel);
}

} // namespace
