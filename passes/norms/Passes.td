//===- Passes.td - Norms go into their products ------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_NORMS_PASSES_TD
#define LNS_PASSES_NORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FoldDepthScale : Pass<"lns-fold-depth-scale"> {
  let summary = "Move a norm's depth scale into the linears that read it";
  let description = [{
    A linear's alpha is multiplied by the scale; its bias is added after and
    stays.

    Does not fire when the normalized value has a reader that is no linear: the
    scale then stays on the norm. Nor when the product is not finite. Remarks in
    category `lns-norm` say which norms were folded, and why not.

    ```mlir
    %n = lns.norm rms %x, %g scale(5.000000e-01) : tensor<2x8x64xf32>, tensor<64xf32>
    %y = lns.linear %n, %w : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
    // becomes
    %n = lns.norm rms %x, %g : tensor<2x8x64xf32>, tensor<64xf32>
    %y = lns.linear %n, %w {alpha = 5.000000e-01 : f64} : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
    ```
  }];
}

def FuseNormMatmul : Pass<"lns-fuse-norm-matmul"> {
  let summary = "Fuse a norm with the matmuls that it feeds";
  let description = [{
    linear(norm(x, g), W) becomes row_scale(linear(x, W, gain g), r), r =
    row_rstd(x). The matmul reads the raw residual stream; the normalized
    activation is never written, nor is the folded weight W diag(g): the product
    scales W's columns while it reads them. All readers share one row_rstd, and
    each keeps its own alpha.

    ```mlir
    %n = lns.norm rms %x, %g : tensor<2x8x64xf32>, tensor<64xf32>
    %y = lns.linear %n, %w {alpha = 5.000000e-01 : f64} : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
    // becomes
    %r = lns.row_rstd %x eps(1.000000e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
    %p = lns.linear %x, %w gain(%g) {alpha = 5.000000e-01 : f64} : (tensor<2x8x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<2x8x64xf32>
    %y = lns.row_scale %p, %r : tensor<2x8x64xf32>, tensor<2x8xf32>
    ```

    A LayerNorm is the same of centered rows. Where tokens are at least
    `center-weights-from` times as many as the outputs of all linears, the
    folded weights are centered and the matmul still reads the raw x; otherwise
    x is, in the kernel that makes it:

    ```mlir
    %n = lns.norm layer %x, %g bias(%b) : tensor<2x8x64xf32>, tensor<64xf32>, tensor<64xf32>
    %y = lns.linear %n, %w bias(%a) : (tensor<2x8x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<2x8x64xf32>
    // becomes
    %c = lns.center_rows %x : tensor<2x8x64xf32>
    %r = lns.row_rstd %c eps(1.000000e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
    %p = lns.linear %c, %w gain(%g) : (tensor<2x8x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<2x8x64xf32>
    %s = lns.row_scale %p, %r : tensor<2x8x64xf32>, tensor<2x8xf32>
    %d = lns.linear %b, %w bias(%a) : (tensor<64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<64xf32>
    %y = lns.add_bias %s, %d : tensor<2x8x64xf32>, tensor<64xf32>
    // or, with centered weights,
    %w2 = lns.scale_columns %w, %g : tensor<64x64xf32>, tensor<64xf32>
    %w3 = lns.center_rows %w2 : tensor<64x64xf32>
    %p = lns.linear %x, %w3 : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
    ```

    Of a norm of kind `tanh` the gain and the bias go into the matmuls, which
    then read tanh(alpha x):

    ```mlir
    %n = lns.norm tanh %x, %g alpha(%a) : tensor<2x8x64xf32>, tensor<64xf32>, tensor<1xf32>
    %y = lns.linear %n, %w : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
    // becomes
    %z = lns.scale_by %x, %a : tensor<2x8x64xf32>, tensor<1xf32>
    %t = lns.activation tanh %z : tensor<2x8x64xf32>
    %y = lns.linear %t, %w gain(%g) : (tensor<2x8x64xf32>, tensor<64x64xf32>, tensor<64xf32>) -> tensor<2x8x64xf32>
    ```

    Does not fire for norms whose scale is not folded, or that nobody reads; nor
    with a reader that is no linear or has a gain already, or before which a
    parameter that the norm reads is written, nor where a bias, the
    norm's or the linear's, would be added to a result more than `max-widening`
    times as wide as the input: over the vocabulary that costs more than the
    norm. Remarks in category `lns-norm` say why.

    With `bf16`, activations are going to be rounded. A norm's gradient has no
    part along its input x; with the norm eliminated, that part is a difference
    of two sums that are rounded apart, one over the linears' outputs and one
    over x. It is one of as many errors as x is wide and mostly goes unnoticed
    where x is a sum, as a residual stream is. It would be all of the gradient where x is
    a linear's result alone, scaled: that linear's own gradient is then mostly
    along x, and zero. So norms of such an x, and of one less than `min-width`
    wide, stay. Rows are centered, never weights: rounded weights do not add up
    to zero, and would let through the mean of x.
  }];
  let options = [
    Option<"maxWidening", "max-widening", "int64_t", "8",
           "Widest result with a bias, in widths of the input">,
    Option<"centerWeightsFrom", "center-weights-from", "int64_t", "8",
           "Tokens per output of a LayerNorm's linears from which on their "
           "weights are centered, not the tokens">,
    Option<"bf16", "bf16", "bool", "false",
           "Whether activations will be bf16">,
    Option<"minWidth", "min-width", "int64_t", "16",
           "Least width of a norm's input with bf16">
  ];
}

def DeferRowScale : Pass<"lns-defer-row-scale"> {
  let summary = "Apply row scales behind adapters and inside the loss";
  let description = [{
    A norm that feeds a linear with an adapter has left a row scale on both
    products: row_scale(z, r) + linear(row_scale(a, r), B) becomes
    row_scale(z + linear(a, B), r). So the norm's adjoint finds what it wants in the
    sum's output, and neither product is kept for it. A bias that stands on the
    first term is added behind. Does not fire where a row scale has another reader
    than these, or the second linear a gain or bias.

    ```mlir
    %s = lns.row_scale %z, %r : tensor<2x8x64xf32>, tensor<2x8xf32>
    %t = lns.row_scale %a, %r : tensor<2x8x4xf32>, tensor<2x8xf32>
    %u = lns.linear %t, %b : (tensor<2x8x4xf32>, tensor<64x4xf32>) -> tensor<2x8x64xf32>
    %y = lns.add %s, %u : tensor<2x8x64xf32>
    // becomes
    %u = lns.linear %a, %b : (tensor<2x8x4xf32>, tensor<64x4xf32>) -> tensor<2x8x64xf32>
    %v = lns.add %z, %u : tensor<2x8x64xf32>
    %y = lns.row_scale %v, %r : tensor<2x8x64xf32>, tensor<2x8xf32>
    ```

    And then, cross_entropy(row_scale(z, r)) becomes cross_entropy(z) factors(r): the row
    scale of the norm before the head then costs no pass over the vocabulary,
    neither forward nor backward. A row scale with other readers stays for them.

    ```mlir
    %y = lns.row_scale %z, %r : tensor<2x8x256xf32>, tensor<2x8xf32>
    %losses, %lse = lns.cross_entropy %y, %targets : (tensor<2x8x256xf32>, tensor<2x8xi32>) -> (tensor<2x8xf32>, tensor<2x8xf32>)
    // becomes
    %losses, %lse = lns.cross_entropy %z, %targets factors(%r) : (tensor<2x8x256xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>)
    ```

    Does not fire for a loss that has factors already, nor when the row scale has
    another reader: the scaled logits are then written anyway. Remarks in
    category `lns-norm` say why.
  }];
}

def DecomposeNorms : Pass<"lns-decompose-norms"> {
  let summary = "Write the norms that stay as row ops";
  let description = [{
    norm(x, g) * s = row_scale(scale_columns(x, g, s), row_rstd(x)) for kind rms;
    for kind layer the same of center_rows(x), plus s times the bias.

    ```mlir
    %n = lns.norm layer %x, %g bias(%b) : tensor<2x8x64xf32>, tensor<64xf32>, tensor<64xf32>
    // becomes
    %c = lns.center_rows %x : tensor<2x8x64xf32>
    %r = lns.row_rstd %c eps(1.000000e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
    %s = lns.scale_columns %c, %g : tensor<2x8x64xf32>, tensor<64xf32>
    %t = lns.row_scale %s, %r : tensor<2x8x64xf32>, tensor<2x8xf32>
    %n = lns.add_bias %t, %b : tensor<2x8x64xf32>, tensor<64xf32>
    ```
  }];
}

def ReuseOutputs : Pass<"lns-reuse-outputs"> {
  let summary = "Take the row dots of a norm's adjoint from outputs, not inputs";
  let description = [{
    The gradient of r in y = row_scale(z, r) is row_dot(dy, z), for which z would
    have to be kept. But r times it is row_dot(dy, y), and where y is only
    rotated, q = rope(y), that is row_dot(dq, q): a rotation keeps dot products.
    q is kept for attention's adjoint anyway. Where a bias stands between y and
    q, y is computed from q, unless q is bf16: what is left of q less a bias may
    be the error of its rounding alone. All parts of one row_rstd_grad
    change together; it then is `relative`. A loss with factors gives r times
    their gradient just as well.

    ```mlir
    %dr = lns.row_dot %dy, %z : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> tensor<2x8xf32>
    %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x8x64xf32>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8x64xf32>
    // becomes, with %y = lns.row_scale %z, %r and %q = lns.rope %y in the forward part
    %d = lns.row_dot %dq, %q : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> tensor<2x8xf32>
    %dx = lns.row_rstd_grad %x, %r, %d relative : (tensor<2x8x64xf32>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8x64xf32>
    ```

    Does not fire when a part of the gradient of r is neither such a row dot nor
    a loss's. Remarks in category `lns-norm` say why.
  }];
}

#endif // LNS_PASSES_NORMS_PASSES_TD
