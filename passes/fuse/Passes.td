//===- Passes.td - Training form to kernels ----------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_FUSE_PASSES_TD
#define LNS_PASSES_FUSE_PASSES_TD

include "mlir/Pass/PassBase.td"

def Cluster : Pass<"lns-cluster", "::mlir::func::FuncOp"> {
  let summary = "Group row ops that feed each other into one kernel";
  let description = [{
    Row ops over the same rows and width become one `lns.cluster` when no path
    through another op lies between them, and neither makes what all rows of the
    other read (a gain, a bias). Ops that cost one multiplication or addition per
    element (`row_scale`, `scale_columns`, `scale`, `add_bias`) are first cloned
    for each row op that reads them, so that their results never reach memory.
    Sums over rows (`row_rstd`, `center_rows`) stay apart from rotations and
    activations, with which they would be added up in another order, and
    rotations of heads of two widths from each other.

    ```mlir
    %y = lns.residual %x, %f : tensor<2x8x64xf32>
    %r = lns.row_rstd %y eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
    // becomes
    %y, %r = lns.cluster(%a = %x, %b = %f) : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> (tensor<2x8x64xf32>, tensor<2x8xf32>) {
      %s = lns.residual %a, %b : tensor<2x8x64xf32>
      %t = lns.row_rstd %s eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
      lns.yield %s, %t : tensor<2x8x64xf32>, tensor<2x8xf32>
    }
    ```
  }];
  let dependentDialects = ["::lns::LnsDialect"];
}

def VerifyFused : Pass<"lns-verify-fused", "::mlir::func::FuncOp"> {
  let summary = "Check that every row op is part of a kernel";
  let description = [{
    Ends the fusing phase: lists every row op that stands outside of an
    `lns.cluster`.
  }];
}

#endif // LNS_PASSES_FUSE_PASSES_TD
