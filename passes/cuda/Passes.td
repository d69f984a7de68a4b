//===- Passes.td - What only CUDA kernels want -------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_CUDA_PASSES_TD
#define LNS_PASSES_CUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseLoss : Pass<"lns-fuse-loss", "::mlir::func::FuncOp"> {
  let summary = "Make the loss and the logits' gradient one op";
  let description = [{
    A cross_entropy and the cross_entropy_grad that reads its log-sum-exp become
    one cross_entropy_with_grad in the place of the first. It reads the logits
    once, and writes their gradient over them where nothing reads them later.

    ```mlir
    %losses, %lse = lns.cross_entropy %logits, %targets : (tensor<2x8x256xf32>, tensor<2x8xi32>) -> (tensor<2x8xf32>, tensor<2x8xf32>)
    %loss = lns.mean %losses over(%n) : (tensor<2x8xf32>, tensor<i32>) -> tensor<f32>
    %d = lns.mean_grad %one over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x8xf32>
    %dlogits = lns.cross_entropy_grad %logits, %targets, %lse, %d : (tensor<2x8x256xf32>, tensor<2x8xi32>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8x256xf32>
    // becomes
    %d = lns.mean_grad %one over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x8xf32>
    %losses, %dlogits = lns.cross_entropy_with_grad %logits, %targets, %d : (tensor<2x8x256xf32>, tensor<2x8xi32>, tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x8x256xf32>)
    %loss = lns.mean %losses over(%n) : (tensor<2x8xf32>, tensor<i32>) -> tensor<f32>
    ```

    A mean's gradient that is made behind the loss moves before it, if the number
    that it is over is there. Does not fire where the log-sum-exp has another
    reader, where the gradient is of other logits, targets or factors, nor where
    the gradient of the losses needs what is made behind them, as that of
    anything but a sum would. Remarks in category
    `lns-loss` say why.
  }];
  let dependentDialects = ["::lns::LnsDialect"];
}

def GainGradients : Pass<"lns-gain-gradients", "::mlir::func::FuncOp"> {
  let summary = "Take the gradients of gains from those of weights";
  let description = [{
    For a gain that was folded into linears. Its gradient is a sum over tokens,
    column_dot(p, x), of a p that is computed and written without the gain for
    it. It becomes one over the outputs of the weights, and falls off where
    their gradients are computed: `lns.weight_grad`. The product that gave p
    then gets the gain, so that forward and backward multiply by one folded
    weight (`lns-materialize-weights`).

    ```mlir
    %p = lns.matmul %u, %w : (tensor<2x8x32xf32>, tensor<32x64xf32>) -> tensor<2x8x64xf32>
    %dx = lns.scale_columns %p, %g scale(5.000000e-01) : tensor<2x8x64xf32>, tensor<64xf32>
    %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 5.000000e-01 : f64} : (tensor<2x8x32xf32>, tensor<2x8x64xf32>, tensor<64xf32>) -> tensor<32x64xf32>
    %dg = lns.column_dot %p, %x scale(5.000000e-01) : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> tensor<64xf32>
    // becomes
    %dx = lns.matmul %u, %w gain(%g) {alpha = 5.000000e-01 : f64} : (tensor<2x8x32xf32>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<2x8x64xf32>
    %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) {alpha = 5.000000e-01 : f64} : (tensor<2x8x32xf32>, tensor<2x8x64xf32>, tensor<32x64xf32>, tensor<64xf32>) -> (tensor<32x64xf32>, tensor<64xf32>)
    ```

    p may be a sum of products, one for each linear that a norm feeds, by
    `lns.add` or in addends; dg is then summed from one weight_grad to the next,
    starting with what else it is added to.

    A gain whose gradient nobody wants, because it is frozen, goes into the products
    that add up to p in the same way, so that they read the folded weight, too.

    Does not fire

    - where p, or a part of it, has another reader, a part is no product with a
      weight (a norm that was not folded into linears, a folded weight that was
      centered), or nothing reads p times the gain;
    - where no product gives a weight's gradient, with that gain, from the same
      rows and x and with the same factor;
    - where the gain is computed after p, or a weight after its gradient; where a
      weight is overwritten between, or dg read before that gradient is there;
    - where the weights are more bytes than what is saved: p is written and
      read, x is read, and a weight that the forward product reads in another
      type with the gain would be written without it.

    Remarks are in category `lns-norm`.
  }];
  let options = [
    Option<"always", "always", "bool", "false",
           "Also where that reads and writes more bytes">
  ];
  let dependentDialects = ["::lns::LnsDialect"];
}

def MaterializeWeights : Pass<"lns-materialize-weights", "::mlir::func::FuncOp"> {
  let summary = "Write the weights of products in the type that they compute in";
  let description = [{
    For products that take operands from memory as they are, of one type, and
    scale nothing but their result. An operand of another type than the product
    computes in (an f32 weight of a bf16 product) and a gain along what it sums
    over become an ordinary value, W' = cast(scale_columns(W, gain)). Afterwards
    both operands of every product have one type, and a gain scales the columns
    of its result.

    ```mlir
    %y = lns.linear %x, %w gain(%g) {alpha = 5.000000e-01 : f64} : (tensor<2x8x64xbf16>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<2x8x32xbf16>
    // becomes
    %s = lns.scale_columns %w, %g : tensor<32x64xf32>, tensor<64xf32>
    %v = lns.cast %s : tensor<32x64xf32> to tensor<32x64xbf16>
    %y = lns.linear %x, %v {alpha = 5.000000e-01 : f64} : (tensor<2x8x64xbf16>, tensor<32x64xbf16>) -> tensor<2x8x32xbf16>
    ```

    There is one value for each operand, gain and type in a function, made before
    its first reader. It is computed from W and g in every call, so it can never
    be stale. alpha stays where it is: a depth scale is never in a weight.

    A gain of the result's columns, as `lns-gain-gradients` leaves it in the
    backward product, scales the weight just as well:

    ```mlir
    %dx = lns.matmul %u, %w gain(%g) : (tensor<2x8x32xbf16>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<2x8x64xbf16>
    // becomes, with the value of the forward product
    %dx = lns.matmul %u, %v : (tensor<2x8x32xbf16>, tensor<32x64xbf16>) -> tensor<2x8x64xbf16>
    ```

    So it does where W' is there already, or a value of W would be made anyway.

    Does not fire for operands in the type of the product, nor for a gain of the
    result's columns in other products: in sums over rows (`transpose_a`), which
    multiply activations, and where W can be read as it is. A remark in category `lns-weights` says how many values
    there are, their bytes, and how often products read them.
  }];
  let dependentDialects = ["::lns::LnsDialect"];
}

def KeepWeights : Pass<"lns-keep-weights", "::mlir::ModuleOp"> {
  let summary = "Keep compute weights from step to step";
  let description = [{
    A value that is cast(scale_columns(W, g)), cast(W) or scale_columns(W, g) of
    parameters W and g alone is the same until one of them is updated. It becomes
    an `lns.compute_weight`, one for each W, g and type of a module, which
    functions read; AdamW writes it in the kernel that has the new W in registers.

    ```mlir
    %s = lns.scale_columns %w, %g : tensor<32x64xf32>, tensor<64xf32>
    %v = lns.cast %s : tensor<32x64xf32> to tensor<32x64xbf16>
    // ... and at the end of the step
    lns.adamw @w, %dw, %factor, %optimizer decay(true) : tensor<32x64xf32>, tensor<f32>, tensor<8xf32>
    lns.adamw @g, %dg, %factor, %optimizer decay(false) : tensor<64xf32>, tensor<f32>, tensor<8xf32>
    // becomes, with lns.compute_weight @w.scaled.bf16 of @w gain(@g) : tensor<32x64xbf16>
    %v = lns.get compute @w.scaled.bf16 : tensor<32x64xbf16>
    // ...
    lns.adamw @g, %dg, %factor, %optimizer decay(false) : tensor<64xf32>, tensor<f32>, tensor<8xf32>
    lns.adamw @w, %dw, %factor, %optimizer decay(true) compute(@w.scaled.bf16) : tensor<32x64xf32>, tensor<f32>, tensor<8xf32>
    ```

    Gains are updated before the weights that they multiply. A second compute
    weight of one W (two norms share it, or one pass reads it with a gain and the
    other without) is computed behind the updates, and so is one whose gain alone
    is updated, or whose W an `lns.project` changes once more. `@refresh` computes
    all of them, for who writes parameters from outside.

    Does not fire for a value of another form (centered rows, a scale, a gain
    that is no parameter); nor where W or g is written by anything but one run of
    `lns.adamw` and `lns.project` in a function that nobody repeats; nor where the
    value, or a parameter that it is made of, is read on both sides of that.
    Remarks in category `lns-weights` say which. A module with compute weights is
    left as it is. An error: a function `refresh` that is there already.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

def FuseProducts : Pass<"lns-fuse-products", "::mlir::func::FuncOp"> {
  let summary = "Make row ops the epilogue of the product that they read";
  let description = [{
    A product whose result a cluster reads moves into it, before its row ops:
    one kernel computes both, while the result is in registers. Two products of
    one input, such as gate and up, share a kernel, and so do products that are
    only added up, such as those of the gradient of an input that several linears
    read: their sum is then neither rounded nor in memory before it is complete.
    A result is written only where others read it, too (for the backward pass,
    say). What a linear or matmul does beside multiplying becomes a row op: a
    bias, a gain of the result's columns, an addend. The kernel is called after
    its products.

    ```mlir
    %p = lns.linear %m, %w : (tensor<2x8x96xf32>, tensor<64x96xf32>) -> tensor<2x8x64xf32>
    %y, %r = lns.cluster(%a = %x, %b = %p) : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> (tensor<2x8x64xf32>, tensor<2x8xf32>) {
      %s = lns.residual %a, %b : tensor<2x8x64xf32>
      %t = lns.row_rstd %s eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
      lns.yield %s, %t : tensor<2x8x64xf32>, tensor<2x8xf32>
    }
    // becomes
    %y, %r = lns.cluster(%c = %m, %v = %w, %a = %x) : (tensor<2x8x96xf32>, tensor<64x96xf32>, tensor<2x8x64xf32>) -> (tensor<2x8x64xf32>, tensor<2x8xf32>) {
      %b = lns.linear %c, %v : (tensor<2x8x96xf32>, tensor<64x96xf32>) -> tensor<2x8x64xf32>
      %s = lns.residual %a, %b : tensor<2x8x64xf32>
      %t = lns.row_rstd %s eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
      lns.yield %s, %t : tensor<2x8x64xf32>, tensor<2x8xf32>
    }
    ```

    ```mlir
    %p = lns.matmul %dq, %wq : (tensor<2x8x64xbf16>, tensor<64x96xbf16>) -> tensor<2x8x96xbf16>
    %q = lns.matmul %dk, %wk : (tensor<2x8x16xbf16>, tensor<16x96xbf16>) -> tensor<2x8x96xbf16>
    %d = lns.cluster(%a = %p, %b = %x, %c = %q) : (tensor<2x8x96xbf16>, tensor<2x8x96xbf16>, tensor<2x8x96xbf16>) -> tensor<2x8x96xbf16> {
      %s = lns.add %a, %b : tensor<2x8x96xbf16>
      %t = lns.add %s, %c : tensor<2x8x96xbf16>
      lns.yield %t : tensor<2x8x96xbf16>
    }
    // becomes
    %d = lns.cluster(%e = %dq, %f = %wq, %g = %dk, %h = %wk, %b = %x) : (tensor<2x8x64xbf16>, tensor<64x96xbf16>, tensor<2x8x16xbf16>, tensor<16x96xbf16>, tensor<2x8x96xbf16>) -> tensor<2x8x96xbf16> {
      %a = lns.matmul %e, %f : (tensor<2x8x64xbf16>, tensor<64x96xbf16>) -> tensor<2x8x96xbf16>
      %c = lns.matmul %g, %h : (tensor<2x8x16xbf16>, tensor<16x96xbf16>) -> tensor<2x8x96xbf16>
      %s = lns.add %a, %c : tensor<2x8x96xbf16>
      %t = lns.add %s, %b : tensor<2x8x96xbf16>
      lns.yield %t : tensor<2x8x96xbf16>
    }
    ```

    A product's kernel has rows in tiles. What works element by element fits, and
    so does a rotation whose heads divide a tile's 128 columns. Sums over rows
    (`row_rstd`, `row_dot`) are taken tile by tile and completed behind the
    kernel, so that nothing in it can read them. Of a cluster that does, or that
    has an op which needs whole rows (`center_rows`), the rest becomes a cluster
    before or behind, where all together then read and write fewer bytes.

    Does not fire for a product that sums over rows (`transpose_a`), has operands
    of two types or a gain along its sum, reads a parameter that is overwritten
    before the cluster, or whose result another op must read before it; nor where
    the cluster reads the result as a gain, a bias or a number per row, or
    follows another product. Products are no sum whose alphas, kinds or element
    types differ, that are read elsewhere, or that are more than four. Remarks in
    category `lns-products` say why.
  }];
  let dependentDialects = ["::lns::LnsDialect"];
}

def GroupProducts : Pass<"lns-group-products", "::mlir::func::FuncOp"> {
  let summary = "Compute products of one input side by side, in one kernel";
  let description = [{
    Clusters with one product each that have one left operand become members of
    one cluster, such as the query, key and value projections of attention: one
    launch has the tiles of all of them, and those that run together share what
    they read. Their row ops and widths may differ. A product that stands alone
    joins if there is such a cluster.

    ```mlir
    %q = lns.cluster(%a = %x, %w = %wq, %s = %r) : (tensor<2x8x64xbf16>, tensor<64x64xbf16>, tensor<2x8xf32>) -> tensor<2x8x64xbf16> {
      %p = lns.linear %a, %w : (tensor<2x8x64xbf16>, tensor<64x64xbf16>) -> tensor<2x8x64xbf16>
      %t = lns.row_scale %p, %s : tensor<2x8x64xbf16>, tensor<2x8xf32>
      lns.yield %t : tensor<2x8x64xbf16>
    }
    %v = lns.linear %x, %wv : (tensor<2x8x64xbf16>, tensor<16x64xbf16>) -> tensor<2x8x16xbf16>
    // becomes
    %q, %v = lns.cluster(%a = %x, %w = %wq, %s = %r, %u = %wv) : (tensor<2x8x64xbf16>, tensor<64x64xbf16>, tensor<2x8xf32>, tensor<16x64xbf16>) -> (tensor<2x8x64xbf16>, tensor<2x8x16xbf16>) {
      %p = lns.linear %a, %w : (tensor<2x8x64xbf16>, tensor<64x64xbf16>) -> tensor<2x8x64xbf16>
      %v = lns.linear %a, %u : (tensor<2x8x64xbf16>, tensor<16x64xbf16>) -> tensor<2x8x16xbf16>
      %t = lns.row_scale %p, %s : tensor<2x8x64xbf16>, tensor<2x8xf32>
      lns.yield %t, %v : tensor<2x8x64xbf16>, tensor<2x8x16xbf16>
    }
    ```

    The cluster stands where the last of its members stood. Does not fire where a
    result is read before that, or a parameter overwritten that a member reads;
    for clusters of several products, for products that sum over rows, store
    their operands in another way, or are more than four. Remarks in category
    `lns-products` say why.
  }];
  let dependentDialects = ["::lns::LnsDialect"];
}

#endif // LNS_PASSES_CUDA_PASSES_TD
