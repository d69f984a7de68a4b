//===- key_cases.cpp - Every attribute reaches the device -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Two ops that differ in an attribute differ in their kernel or in what they
// pass to it. Asked of every attribute that an op of the sample has or could
// have, so that one which is new, and forgotten where kernels are told apart,
// is found here.
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace lns;
using namespace lns::test;

namespace {

constexpr const char *kSample = R"(
lns.parameter @p matrix init(zeros) decay(true) : tensor<8x16xf32>
lns.parameter @q matrix init(zeros) decay(true) : tensor<8x16xf32>
lns.parameter @g gain init(zeros) decay(true) : tensor<16xf32>
lns.parameter @r matrix init(zeros) decay(false) project(rows) : tensor<8x16xf32>
lns.parameter @c matrix init(zeros) decay(false) project(columns) : tensor<8x16xf32>
lns.compute_weight @p.bf16 of @p : tensor<8x16xbf16>
lns.compute_weight @p.scaled of @p gain(@g) : tensor<8x16xbf16>
func.func @f(%x: tensor<2x4x16xf32>, %y: tensor<2x4x16xf32>, %r: tensor<2x4xf32>,
             %g: tensor<16xf32>, %w: tensor<8x16xf32>, %s: tensor<16x16xf32>,
             %t: tensor<2x4xi32>, %d: tensor<4x16xf32>, %dw: tensor<8x16xf32>,
             %f: tensor<f32>, %o: tensor<8xf32>, %u: tensor<2x4x8xf32>) {
  %0 = lns.residual %x, %y {skip_scale = 2.0 : f64, branch_scale = 0.5 : f64} : tensor<2x4x16xf32>
  %1 = lns.scale %x factor(0.5) : tensor<2x4x16xf32>
  %2 = lns.scale_columns %x, %g scale(0.5) : tensor<2x4x16xf32>, tensor<16xf32>
  %3 = lns.add_bias %x, %g scale(0.5) : tensor<2x4x16xf32>, tensor<16xf32>
  %4 = lns.row_rstd %x eps(1.0e-03) : (tensor<2x4x16xf32>) -> tensor<2x4xf32>
  %5 = lns.row_rstd_grad %x, %r, %r : (tensor<2x4x16xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x16xf32>
  %6 = lns.rope %x head_dim(8) : tensor<2x4x16xf32>
  %7 = lns.activation silu %x : tensor<2x4x16xf32>
  %8 = lns.activation_grad silu %x, %y : tensor<2x4x16xf32>
  %9 = lns.gated_activation silu %x, %y : tensor<2x4x16xf32>
  %10:2 = lns.gated_activation_grad silu %x, %y, %y : tensor<2x4x16xf32>
  %11 = lns.attention %x, %y, %y heads(2) kv_heads(2) causal : (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>) -> tensor<2x4x16xf32>
  %12:2 = lns.attention %x, %y, %y heads(2) kv_heads(2) : (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>) -> (tensor<2x4x16xf32>, tensor<2x2x4xf32>)
  %13:3 = lns.attention_grad %x, %y, %y, %12#0, %12#1, %x heads(2) kv_heads(2) causal : (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x2x4xf32>, tensor<2x4x16xf32>) -> (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>)
  %14:2 = lns.cross_entropy %x, %t factors(%r) : (tensor<2x4x16xf32>, tensor<2x4xi32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  %15:2 = lns.cross_entropy_grad %x, %t, %r, %r factors(%r) : (tensor<2x4x16xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4x16xf32>, tensor<2x4xf32>)
  %16:3 = lns.cross_entropy_with_grad %x, %t, %r factors(%r) : (tensor<2x4x16xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4x16xf32>, tensor<2x4xf32>)
  %17 = lns.column_dot %x, %y scale(0.5) : (tensor<2x4x16xf32>, tensor<2x4x16xf32>) -> tensor<16xf32>
  %18 = lns.constant 0.5 : tensor<2x4xbf16>
  lns.adamw @p, %dw, %f, %o decay(true) : tensor<8x16xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @p, %dw, %f, %o decay(true) compute(@p.bf16) : tensor<8x16xf32>, tensor<f32>, tensor<8xf32>
  %19 = lns.linear %x, %w {alpha = 0.5 : f64} : (tensor<2x4x16xf32>, tensor<8x16xf32>) -> tensor<2x4x8xf32>
  %20 = lns.matmul %s, %s {alpha = 0.5 : f64} : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  %21:2 = lns.weight_grad %u, %x weight(%w) gain(%g) {alpha = 0.5 : f64} : (tensor<2x4x8xf32>, tensor<2x4x16xf32>, tensor<8x16xf32>, tensor<16xf32>) -> (tensor<8x16xf32>, tensor<16xf32>)
  %22:2 = lns.cluster(%a = %x, %b = %g, %c = %r) : (tensor<2x4x16xf32>, tensor<16xf32>, tensor<2x4xf32>) -> (tensor<2x4x16xf32>, tensor<2x4xf32>) {
    %i = lns.scale_columns %a, %b scale(0.5) : tensor<2x4x16xf32>, tensor<16xf32>
    %j = lns.activation relu %i : tensor<2x4x16xf32>
    %k = lns.row_rstd_grad %j, %c, %c : (tensor<2x4x16xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x16xf32>
    %l = lns.rope %k head_dim(8) : tensor<2x4x16xf32>
    %m = lns.row_rstd %l eps(1.0e-03) : (tensor<2x4x16xf32>) -> tensor<2x4xf32>
    lns.yield %l, %m : tensor<2x4x16xf32>, tensor<2x4xf32>
  }
  %23 = lns.cluster(%a = %s, %b = %s) : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32> {
    %p = lns.matmul %a, %b {alpha = 0.5 : f64} : (tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
    %q = lns.activation silu %p : tensor<16x16xf32>
    %v = lns.scale %q factor(0.5) : tensor<16x16xf32>
    lns.yield %v : tensor<16x16xf32>
  }
  %24:2 = lns.attention %x, %y, %y heads(2) kv_heads(2) causal window(3) softcap(2.0) : (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>) -> (tensor<2x4x16xf32>, tensor<2x2x4xf32>)
  %25:3 = lns.attention_grad %x, %y, %y, %24#0, %24#1, %x heads(2) kv_heads(2) causal window(3) softcap(2.0) : (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x2x4xf32>, tensor<2x4x16xf32>) -> (tensor<2x4x16xf32>, tensor<2x4x16xf32>, tensor<2x4x16xf32>)
  %26 = lns.softcap %x cap(2.0) : tensor<2x4x16xf32>
  %27 = lns.softcap_grad %x, %y cap(2.0) : tensor<2x4x16xf32>
  lns.project @r rows factor(%f) : tensor<8x16xf32>, tensor<f32>
  lns.project @r rows : tensor<8x16xf32>
  lns.project @c columns : tensor<8x16xf32>
  %28 = lns.offset %g by(1.0) : tensor<16xf32>
  return
}
)";

/// What an attribute could be instead; null for its absence.
SmallVector<Attribute> getOthers(Attribute attribute, MLIRContext *context) {
  Builder builder(context);
  if (!attribute)
    return {builder.getUnitAttr(), builder.getF64FloatAttr(0.3),
            builder.getI64IntegerAttr(2),
            builder.getDenseF64ArrayAttr({1.0, 0.5, 0.25, 0.125}),
            FlatSymbolRefAttr::get(context, "p.bf16")};
  if (isa<UnitAttr>(attribute))
    return {Attribute()};
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return {builder.getBoolAttr(!flag.getValue())};
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return {builder.getF64FloatAttr(2 * number.getValueAsDouble() + 1)};
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return {builder.getI64IntegerAttr(2 * number.getInt()),
            builder.getI64IntegerAttr(number.getInt() / 2)};
  if (auto activation = dyn_cast<ActivationAttr>(attribute))
    return {ActivationAttr::get(context,
                                activation.getValue() == Activation::gelu_tanh
                                    ? Activation::relu
                                    : Activation::gelu_tanh)};
  if (isa<FlatSymbolRefAttr>(attribute))
    return {FlatSymbolRefAttr::get(context, "q"),
            FlatSymbolRefAttr::get(context, "p.scaled"), Attribute()};
  return {};
}

class KernelKeys : public KernelTest {
protected:
  /// What `op` launches, as text; empty where the target has no kernel for it.
  std::string describe(Operation *op) {
    SmallVector<KernelLaunch> own;
    if (!target->hasKernel(op) || failed(target->lower(op, own)))
      return "";
    std::string text;
    llvm::raw_string_ostream os(text);
    for (const KernelLaunch &launch : own) {
      os << "kernel " << launch.kernel << " items " << launch.items;
      for (uint32_t extent : launch.grid)
        os << " " << extent;
      for (float number : launch.floats)
        os << " " << number;
      for (int64_t number : launch.ints)
        os << " " << number;
      for (const KernelArgument &buffer : launch.buffers) {
        os << " b" << int(buffer.kind) << buffer.symbol << buffer.constant;
        for (OpOperand &operand : op->getOpOperands())
          if (operand.get() == buffer.value)
            os << "o" << operand.getOperandNumber();
        for (OpResult result : op->getResults())
          if (result == buffer.value)
            os << "r" << result.getResultNumber();
      }
      os << "\n";
    }
    return text;
  }
};

/// The op of the copy that is as `op` of the block: `path` says which ops it is
/// in, from the outermost.
Operation *findAgain(Block &block, ArrayRef<unsigned> path) {
  Operation *op = &*std::next(block.begin(), path.front());
  return path.size() == 1
             ? op
             : findAgain(op->getRegion(0).front(), path.drop_front());
}

TEST_F(KernelKeys, EveryAttributeReachesTheDevice) {
  auto sample = parseSourceString<ModuleOp>(kSample, ParserConfig(&context));
  ASSERT_TRUE(sample) << errors;
  target = &startLowering();
  auto bodyOf = [](ModuleOp module) -> Block & {
    return (*module.getOps<func::FuncOp>().begin()).getBody().front();
  };
  // A lowering looks symbols up in tables that it keeps by module: none may
  // go, and another take its place, while it is used.
  std::vector<OwningOpRef<ModuleOp>> copies;
  unsigned compared = 0;
  auto check = [&](ArrayRef<unsigned> path) {
    Block &body = bodyOf(*sample);
    Operation *op = findAgain(body, path);
    std::string before = describe(findAgain(body, path.front()));
    if (before.empty())
      return;
    for (StringAttr name : op->getName().getAttributeNames()) {
      if (name.getValue().ends_with("SegmentSizes"))
        continue;
      Attribute old = op->getAttr(name);
      for (Attribute other : getOthers(old, &context)) {
        ModuleOp copy = *copies.emplace_back(sample->clone());
        Operation *changed = findAgain(bodyOf(copy), path);
        if (other)
          changed->setAttr(name, other);
        else
          changed->removeAttr(name);
        if (changed->getAttr(name) == old || failed(verify(copy)))
          continue;
        std::string after = describe(findAgain(bodyOf(copy), path.front()));
        if (after.empty())
          continue;
        ++compared;
        std::string what =
            (op->getName().getStringRef() + " " + name.str()).str();
        EXPECT_NE(before, after) << what << " makes no difference";
      }
    }
  };
  unsigned place = 0;
  for (Operation &op : bodyOf(*sample)) {
    check({place});
    if (op.getNumRegions() != 0) {
      unsigned inner = 0;
      for (Operation &member : op.getRegion(0).front()) {
        (void)member;
        check({place, inner++});
      }
    }
    ++place;
  }
  // The CPU's products are commands of the plan.
  EXPECT_GE(compared, 35u);
}

} // namespace
