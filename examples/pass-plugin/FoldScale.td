//===- FoldScale.td - The example's pass ---------------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef EXAMPLE_FOLDSCALE_TD
#define EXAMPLE_FOLDSCALE_TD

include "mlir/Pass/PassBase.td"

def FoldScale : Pass<"example-fold-scale"> {
  let summary = "Move the factor of a scale into the linear before it";
  let description = [{
    A scale is a pass over memory; the alpha of a linear costs nothing.

    Does not fire when the linear has another reader, which needs its unscaled
    result; when it has a bias, which alpha does not multiply; and when the new
    alpha would exceed `max-alpha`. Remarks in category `lns-example` say which
    scales were folded, and why not.

    Errors: a `max-alpha` that is not a positive finite number.

    ```mlir
    %y = lns.linear %x, %w {alpha = 3.0 : f64} : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
    %z = lns.scale %y factor(0.5) : tensor<2x8xf32>
    // becomes
    %z = lns.linear %x, %w {alpha = 1.5 : f64} : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
    ```
  }];
  let options = [Option<"maxAlpha", "max-alpha", "double", "65536.0",
                        "Largest magnitude of an alpha that a fold makes">];
}

#endif // EXAMPLE_FOLDSCALE_TD
