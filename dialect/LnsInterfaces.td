//===- LnsInterfaces.td - Op interfaces and traits ---------*- tablegen -*-===//
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
      counts the lower triangle only. By default those of a row op's programs.
    }], "int64_t", "getFlops", (ins), "",
      [{ return ::lns::getRowOpFlops($_op.getOperation()); }]>,
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

def LNS_RowOpInterface : OpInterface<"RowOpInterface"> {
  let cppNamespace = "::lns";
  let description = [{
    Each row of every result depends only on the same row of the row operands:
    the op may join an `lns.cluster` and become a part of one row kernel. What it
    computes is written here once, as scalar programs that the interpreter and
    the kernels of all targets read:

        total = total(sum over the row's columns of term(operands))
        result = element(operands, total)

    An op without a term computes elements from elements. One with a term and no
    element has a number for every row as its result. A rotation has neither: it
    takes two columns at once.
  }];
  let methods = [
    InterfaceMethod<"How elements of the results read operand `operand`.",
      "::lns::RowOperand", "getRowOperand", (ins "unsigned":$operand), "",
      [{ return ::lns::RowOperand::row; }]>,
    InterfaceMethod<[{
      The names of the op's float properties that are arguments of its kernels,
      and of its programs, in their order: never a part of the code.
    }], "::llvm::ArrayRef<::llvm::StringLiteral>", "getArgumentNames", (ins), "",
      [{ return {}; }]>,
    InterfaceMethod<[{
      Yields every result's element. Behind the operands comes the total of an op
      that has a term.
    }], "void", "buildElement", (ins "::lns::ScalarProgram &":$program), "",
      [{ (void)program; }]>,
    InterfaceMethod<"Yields what is summed up over a row.",
      "void", "buildTerm", (ins "::lns::ScalarProgram &":$program), "",
      [{ (void)program; }]>,
    InterfaceMethod<"Yields what operand 0, the sum, becomes.",
      "void", "buildTotal", (ins "::lns::ScalarProgram &":$program), "",
      [{ program.yield(program.operand(0)); }]>,
    InterfaceMethod<[{
      Whether computing the op again, in the kernel of each of its readers, is
      cheaper than writing and reading its result.
    }], "bool", "isCheap", (ins), "", [{ return false; }]>,
    InterfaceMethod<[{
      Whether the op may as well be on one number for every row, of a cluster
      that works on those rows.
    }], "bool", "worksOnNumbers", (ins), "", [{ return false; }]>,
    InterfaceMethod<"Columns of the heads that the op rotates; 0 for none.",
      "int64_t", "getRotatedHeadDim", (ins), "", [{ return 0; }]>
  ];
  let extraSharedClassDeclaration = [{
    ::lns::ScalarProgram getElementProgram(int64_t width) {
      ::lns::ScalarProgram program(width);
      $_op.buildElement(program);
      return program;
    }
    ::lns::ScalarProgram getTermProgram(int64_t width) {
      ::lns::ScalarProgram program(width);
      $_op.buildTerm(program);
      return program;
    }
    ::lns::ScalarProgram getTotalProgram(int64_t width) {
      ::lns::ScalarProgram program(width);
      $_op.buildTotal(program);
      return program;
    }
    /// Whether the op needs all columns of a row before it can start.
    bool isReduction() { return !getTermProgram(1).empty(); }
    /// Whether its result is a number for every row, summed up over columns.
    bool isRowSum() { return isReduction() && getElementProgram(1).empty(); }
    /// Whether each element is computed from the same column of its row, and
    /// from the row's numbers.
    bool isElementwise() {
      return !isReduction() && !getElementProgram(1).empty();
    }
    bool hasOperand(::lns::RowOperand kind) {
      for (unsigned i = 0; i < $_op->getNumOperands(); ++i)
        if ($_op.getRowOperand(i) == kind)
          return true;
      return false;
    }
    /// Whether operand `operand` is the same for all columns of a row, as the
    /// total behind the operands is.
    bool isUniform(unsigned operand) {
      if (operand == $_op->getNumOperands())
        return true;
      ::lns::RowOperand kind = $_op.getRowOperand(operand);
      return kind == ::lns::RowOperand::number ||
             kind == ::lns::RowOperand::scalar;
    }
    /// Whether each column of the results reads that column of the operand.
    bool readsColumns(unsigned operand) {
      ::lns::RowOperand kind = $_op.getRowOperand(operand);
      return kind == ::lns::RowOperand::row ||
             kind == ::lns::RowOperand::columns;
    }
    /// Whether a column is zero in all results where it is in the operands,
    /// whatever numbers and arguments are.
    bool keepsZeroColumns() {
      return isElementwise() && !hasOperand(::lns::RowOperand::positions) &&
             getElementProgram(1).keepsZero(
                 [&](unsigned operand) { return readsColumns(operand); });
    }
    ::llvm::SmallVector<double, 2> getArgumentValues() {
      return ::lns::getFloatProperties($_op, $_op.getArgumentNames());
    }
  }];
}

#endif // LNS_INTERFACES_TD
