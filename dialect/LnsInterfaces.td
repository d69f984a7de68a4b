//===- LnsInterfaces.td - Op interfaces and traits -        *- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_INTERFACES_TD
#define LNS_INTERFACES_TD

include "mlir/IR/OpBase.td"

def LNS_DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::lns";
  let description = [{
    Reverse-mode differentiation. A primal value that `buildAdjoint` uses is
    thereby kept for the backward pass; there is no other list. An op without
    this interface on a differentiated path is an error that names the op.
  }];
  let methods = [
    InterfaceMethod<[{
      Replaces the op by a form with the extra results that its adjoint wants
      (for example attention with its log-sum-exp) and returns the new op; by
      default the op itself. Called once, before any adjoint is built.
    }], "::mlir::Operation *", "prepareForward",
      (ins "::mlir::OpBuilder &":$builder), "",
      [{ return $_op.getOperation(); }]>,
    InterfaceMethod<[{
      Builds the adjoint. `resultGrads` has one value per result, null where no
      gradient arrives (at least one is not null). Fills `operandGrads`, one per
      operand, null for an operand that gets none (tokens). Each gradient has
      its operand's type. Emits an error at the op and fails where no adjoint
      exists.
    }], "::llvm::LogicalResult", "buildAdjoint",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultGrads,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$operandGrads)>
  ];
}

def LNS_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::lns";
  let description = [{
    What an op costs, for plans, benchmarks and cost models. Shapes must be
    static.
  }];
  let methods = [
    InterfaceMethod<[{
      Floating-point operations; a multiply-add counts as two. Causal attention
      counts the lower triangle only.
    }], "int64_t", "getFlops", (ins)>,
    InterfaceMethod<[{
      Bytes read and written when every operand and result is touched once.
    }], "int64_t", "getBytes", (ins), "",
      [{ return ::lns::bytesTouchedOnce($_op.getOperation()); }]>
  ];
}

def LNS_InPlaceOpInterface : OpInterface<"InPlaceOpInterface"> {
  let cppNamespace = "::lns";
  let description = [{
    An op whose kernel may write a result over an operand. The memory planner
    does so when the operand has no later reader, and the op itself reads the
    value through no other operand.
  }];
  let methods = [
    InterfaceMethod<[{
      Index of the operand that result `result` may overwrite, or -1. No other
      result may overwrite the same one.
    }], "int64_t", "getInPlaceOperand", (ins "unsigned":$result)>
  ];
}

/// Each row of every result depends only on the same row of the row operands:
/// the op may join an `lns.cluster` and become a part of one row kernel.
def LNS_RowOp : NativeOpTrait<"RowOp"> {
  let cppNamespace = "::lns::OpTrait";
}

#endif // LNS_INTERFACES_TD
