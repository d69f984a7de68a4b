//===- Passes.td - Where values live -----------------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_MEMORY_PASSES_TD
#define LNS_PASSES_MEMORY_PASSES_TD

include "mlir/Pass/PassBase.td"

def Recompute : Pass<"lns-recompute", "::mlir::ModuleOp"> {
  let summary = "Compute again what the budget leaves no room to keep";
  let description = [{
    Where a function's arena would be more than the budget leaves, values that live
    from the forward to the backward pass are computed again just before their
    first reader behind the loss, once each. Those go first that free most bytes
    for the time they cost (CostOpInterface): row ops, then attention and
    matmuls, up to whole blocks from the residual stream. Sums over rows
    (`row_rstd`) are kept: they are small, and their order is that of the kernel
    that they stand in.

    Numbers are the same bits as without a budget, but for CUDA in bf16, where row
    ops that are a product's epilogue in one place read what it stored, and
    rounded, in the other (`lns-fuse-products`).

    Does not fire where the arena fits; nor on ops that read or write anything
    but their operands, nor on those whose operands include a `lns.get` that is
    written before the place of the second computation.

    Every proposal is clustered and planned on a copy, so the arena is that of
    the plan. Remarks in category `lns-memory` say which ops, and how much
    memory and computation that is.

    `budget-bytes` is what a session may allocate, `reserved-bytes` what it
    allocates beside its arena. Errors: a budget that cannot be met; the error
    says the smallest that can.

    ```mlir
    %m = lns.gated_activation silu %gate, %up : tensor<2x8x176xf32>
    ...
    %dw = lns.matmul %dy, %m transpose_a : (tensor<2x8x64xf32>, tensor<2x8x176xf32>) -> tensor<64x176xf32>
    // becomes
    %m = lns.gated_activation silu %gate, %up : tensor<2x8x176xf32>
    ...
    %m2 = lns.gated_activation silu %gate, %up : tensor<2x8x176xf32>
    %dw = lns.matmul %dy, %m2 transpose_a : (tensor<2x8x64xf32>, tensor<2x8x176xf32>) -> tensor<64x176xf32>
    ```
  }];
  let options = [
    Option<"budgetBytes", "budget-bytes", "int64_t", "-1",
           "What a session may allocate; negative: no limit">,
    Option<"reservedBytes", "reserved-bytes", "int64_t", "0",
           "What a session allocates beside its arena">,
    Option<"tightest", "tightest", "bool", "false",
           "As for the smallest budget that can be met, whatever budget-bytes is">,
    Option<"cuda", "cuda", "bool", "false",
           "Plan as the rest of CUDA's pipeline does">,
    Option<"products", "products", "bool", "true",
           "With cuda: row ops become epilogues of products">
  ];
  let dependentDialects = ["::lns::LnsDialect"];
}

def PlanMemory : Pass<"lns-plan-memory", "::mlir::func::FuncOp"> {
  let summary = "Give every value an offset in one arena";
  let description = [{
    A value lives from its op to its last reader; values that live at the same
    time never overlap. Offsets are multiples of 64 bytes, in the attribute
    `lns.offsets` (one per result, -1 for a value that lives elsewhere: function
    arguments, `lns.get`, and a gradient or compute weight that `lns.set` stores
    where nothing else reads or writes at that time). An `lns.get` whose memory may
    be written before the value's last reader gets an offset, too: a copy, of which
    a remark in category `lns-memory` tells. The function gets `lns.arena_bytes`,
    `lns.live_bytes` (most bytes in use at one time: what the arena exceeds them
    by is waste) and `lns.activation_bytes`. An op with InPlaceOpInterface
    writes over its operand when nobody reads that later, and the op itself reads
    the value through no other operand.
  }];
}

def VerifyPlan : Pass<"lns-verify-plan", "::mlir::func::FuncOp"> {
  let summary = "Check that no value loses its memory before its last reader";
  let description = [{
    Ends the memory phase. Replays the block and watches who owns which bytes
    of the arena: offsets are multiples of 64 inside the arena, an op reads only
    what is still there, and a result stands on no operand of its op but the one
    that InPlaceOpInterface allows, if the op reads it once. What is kept for the
    backward pass is a part of the arena.

    So with the homes of what is stored: what `lns.get` gave without a copy is read
    before anything may write there, and a value that is computed where `lns.set`
    stores it stands there until then. Who may write is asked of memory effects, so
    that a call may write everything.
  }];
}

#endif // LNS_PASSES_MEMORY_PASSES_TD
