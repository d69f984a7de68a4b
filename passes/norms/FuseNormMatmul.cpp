//===- FuseNormMatmul.cpp - Norms into the matmuls they feed ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// linear(norm(x, g), W) = row_scale(linear(x, W, gain g), r), r = row_rstd(x).
//
// The matmul then reads the raw residual stream, the normalized activation is
// never written nor kept, and the row scale is applied where the result is next
// touched. The same algebra was used by hand for inference (FlashNorm, arXiv
// 2407.09577); its backward half follows from the adjoints of the three ops.
// The folded weight W diag(g) is never written either: the product scales W's
// columns while it reads them.
//
// A LayerNorm is an RMSNorm of centered rows, plus its bias b. With the
// projection P = I - 1 1^T / K, c = P x and r = row_rstd(c), for one row,
//
//   W (r diag(g) c + b) = r (W diag(g) P x) + W b.
//
// P may be applied on either side of the product: W diag(g) P is
// center_rows(scale_columns(W, g)), P x is center_rows(x). The first leaves x
// as it is, but writes a folded weight, which the backward pass needs again,
// and centers its gradient; the second writes c in the kernel that makes x, and
// keeps it in place of x. So the cheaper one is where the fewer rows are:
// tokens or outputs. W b does not depend on tokens: a product of a vector.
//
// A bias of the linear is added after the row scale, with W b.
//
// A norm of kind tanh has no row scale: its gain and bias go the same way, and
// tanh(alpha x), which is written, is computed again for its gradient, as any
// activation is.
//
// x, g and b are read by the linear then, not by the norm, which may stand far
// above it: nothing may write in between what an lns.get gave.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "dialect/LnsShapes.h"
#include "passes/Passes.h"
#include "passes/analysis/Overwritten.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"

namespace lns {
#define GEN_PASS_DEF_FUSENORMMATMUL
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

struct FuseNormMatmulPass : lns::impl::FuseNormMatmulBase<FuseNormMatmulPass> {
  using Base::Base;

  void runOnOperation() override {
    SmallVector<NormOp> norms;
    getOperation()->walk([&](NormOp norm) { norms.push_back(norm); });
    for (NormOp norm : norms) {
      auto options =
          remark::RemarkOpts::name("fuse-norm-matmul").category("lns-norm");
      std::string reason = getRefusal(norm);
      if (!reason.empty()) {
        remark::missed(norm.getLoc(), options) << reason;
        continue;
      }
      bool centersWeights = shouldCenterWeights(norm);
      StringRef done =
          norm.getKind() == NormKind::rms ? "norm fused into its matmuls"
          : norm.getKind() == NormKind::tanh
              ? "norm fused into its matmuls, but for its tanh"
          : norm.getKind() == NormKind::erf
              ? "norm fused into its matmuls, but for its erf"
          : centersWeights ? "norm fused into its matmuls, centering weights"
                           : "norm fused into its matmuls, centering rows";
      Location location = norm.getLoc();
      unsigned readers = fuse(norm, centersWeights);
      remark::passed(location, options)
          << done << remark::metric("matmuls", readers);
    }
  }

private:
  /// Why the norm cannot or should not be fused; empty if it can.
  std::string getRefusal(NormOp norm) {
    if (norm.getScale().convertToDouble() != 1.0)
      return "its scale is not folded";
    if (norm.getResult().use_empty())
      return "it has no reader";
    for (OpOperand &use : norm.getResult().getUses()) {
      auto linear = dyn_cast<LinearOp>(use.getOwner());
      if (!linear || use.getOperandNumber() != 0)
        return ("a reader is '" + use.getOwner()->getName().getStringRef() +
                "', not the input of lns.linear: the normalized value must "
                "exist "
                "for it")
            .str();
      if (linear.getGain())
        return "a reader has a gain already";
      if (StringRef symbol = findOverwritten(norm, linear); !symbol.empty())
        return ("'" + symbol +
                "', which it reads, is overwritten before a reader")
            .str();
      // The loss takes a row scale, but no bias before it.
      int64_t width = columnsOf(type(linear.getResult()));
      int64_t inputWidth = columnsOf(type(norm.getInput()));
      if ((norm.getBias() || linear.getBias()) &&
          width > saturatingMul(maxWidening, inputWidth))
        return ("a reader's result is " + llvm::Twine(width) +
                " wide for an input of " + llvm::Twine(inputWidth) +
                ", more than " + llvm::Twine(int64_t(maxWidening)) +
                " times, and a bias would be added to all of it")
            .str();
    }
    // The adjoint of a function has no sums over a row that would have to
    // cancel.
    return bf16 && norm.isOfRows() ? getRoundingRefusal(norm) : "";
  }

  /// Why the gradient would be worse than the norm's own, once activations are
  /// rounded.
  std::string getRoundingRefusal(NormOp norm) {
    int64_t width = columnsOf(type(norm.getInput()));
    if (width < minWidth)
      return ("its input is " + llvm::Twine(width) + " wide, less than " +
              llvm::Twine(int64_t(minWidth)) +
              ": rounded to bf16, its gradient along a row would not vanish")
          .str();
    if (Operation *source = findLoneSource(norm.getInput()))
      return ("its input is '" + source->getName().getStringRef() +
              "' alone, no sum: rounded to bf16, its gradient along a row "
              "would not vanish")
          .str();
    return "";
  }

  /// The op whose result is scaled to `value`, row by row; null where that is a
  /// sum of several values, or rows that are parameters themselves.
  static Operation *findLoneSource(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (isa<EmbeddingOp, AddPositionsOp, GetOp>(op))
        return nullptr;
      if (auto norm = dyn_cast<NormOp>(op); norm && norm.isOfRows()) {
        value = norm.getInput();
        continue;
      }
      if (auto residual = dyn_cast<ResidualOp>(op)) {
        Value skip = residual.getSkip(), branch = residual.getBranch();
        if (residual.getSkipScale().isZero())
          skip = branch;
        if (residual.getBranchScale().isZero())
          branch = skip;
        if (skip != branch)
          return nullptr;
        value = skip;
        continue;
      }
      // A norm that is computed where it stands, in parts or not, also one of
      // heads.
      if (isa<ScaleOp, ScaleByOp, CastOp, RowScaleOp, ScaleColumnsOp,
              CenterRowsOp, ReshapeOp, StopGradientOp>(op)) {
        value = op->getOperand(0);
        continue;
      }
      return op;
    }
    return nullptr;
  }

  static RankedTensorType type(Value value) {
    return cast<RankedTensorType>(value.getType());
  }

  /// Whether there are so many more tokens than rows of weights that centering
  /// the weights, and their gradients, costs less.
  bool shouldCenterWeights(NormOp norm) {
    // Rounded, a row of weights does not add up to zero.
    if (bf16)
      return false;
    int64_t outputs = 0;
    for (Operation *user : norm.getResult().getUsers())
      outputs += columnsOf(type(user->getResult(0)));
    return rowsOf(type(norm.getInput())) >=
           saturatingMul(centerWeightsFrom, outputs);
  }

  static unsigned fuse(NormOp norm, bool centersWeights) {
    OpBuilder builder(norm);
    bool isLayer = norm.getKind() == NormKind::layer;
    Value input = norm.getInput(), rows = input, rstd;
    if (isLayer)
      rows = CenterRowsOp::create(builder, norm.getLoc(), input);
    if (!norm.isOfRows())
      rows = norm.buildFunction(builder);
    else
      rstd =
          RowRstdOp::create(builder, norm.getLoc(), rowVectorType(type(input)),
                            rows, norm.getEpsAttr());
    centersWeights &= isLayer;
    unsigned readers = 0;
    for (Operation *user :
         llvm::make_early_inc_range(norm.getResult().getUsers())) {
      auto linear = cast<LinearOp>(user);
      builder.setInsertionPoint(linear);
      Location location = linear.getLoc();
      Value weight = linear.getWeight(), gain = norm.getGain();
      if (centersWeights) {
        if (gain)
          weight =
              ScaleColumnsOp::create(builder, location, weight.getType(),
                                     weight, gain, builder.getF64FloatAttr(1));
        weight = CenterRowsOp::create(builder, location, weight);
        gain = Value();
      }
      Value result =
          LinearOp::create(builder, location, linear.getResult().getType(),
                           centersWeights ? input : rows, weight, gain,
                           /*bias=*/Value(), linear.getAlphaAttr());
      if (rstd)
        result = RowScaleOp::create(builder, location, result.getType(), result,
                                    rstd);
      if (Value bias = foldBias(builder, norm, linear))
        result = AddBiasOp::create(builder, location, result, bias,
                                   builder.getF64FloatAttr(1));
      linear.getResult().replaceAllUsesWith(result);
      linear.erase();
      ++readers;
    }
    norm.erase();
    return readers;
  }

  /// alpha W b + the linear's own bias; null if there is neither.
  static Value foldBias(OpBuilder &builder, NormOp norm, LinearOp linear) {
    Value own = linear.getBias();
    if (!norm.getBias())
      return own;
    return LinearOp::create(builder, linear.getLoc(),
                            columnVectorType(type(linear.getResult())),
                            norm.getBias(), linear.getWeight(),
                            /*gain=*/Value(), own, linear.getAlphaAttr());
  }
};

} // namespace
