//===- Passes.td - All passes, in the order of the pipeline -*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_TD
#define LNS_PASSES_TD

include "mlir/Pass/PassBase.td"

def WarnDeadScales : Pass<"lns-warn-dead-scales"> {
  let summary = "Warn of scales whose result only norms read";
  let description = [{
    norm(f x) = norm(x) for f > 0, but for eps, so such a factor is dead code:
    an `lns.scale`, the alpha of a linear without bias, the scale or depth scale
    of a norm, and the scales of a residual when both are the same.

    Warns at the op, with a note at a norm that reads it; changes nothing.

    ```mlir
    // warning: factor 0.5 has no effect: only norms read the result, and but for eps they divide it out; remove it, or scale the norm's output instead
    %s = lns.scale %x factor(5.000000e-01) : tensor<2x8x64xf32>
    %n = lns.norm rms %s : tensor<2x8x64xf32>
    ```
  }];
}

def WarnUnreadParameters : Pass<"lns-warn-unread-parameters", "::mlir::ModuleOp"> {
  let summary = "Warn of parameters that the logits do not depend on";
  let description = [{
    Such a parameter is stored, checkpointed and decayed, and its gradient is zero:
    as a rule an op reads another parameter than was meant, or is missing.

    Warns at each `lns.param`, once for a name; changes nothing.

    ```mlir
    // warning: parameter 'lm_head.weight' has no effect: the logits do not depend on it; remove it, or read it
    %head = lns.param "lm_head.weight" matrix init(normal, 0.02) : tensor<256x64xf32>
    %y = lns.linear %n, %embed : (tensor<?x?x64xf32>, tensor<256x64xf32>) -> tensor<?x?x256xf32>
    ```
  }];
}

def Instantiate : Pass<"lns-instantiate", "::mlir::ModuleOp"> {
  let summary = "Write every block out, with sizes and depth scales as numbers";
  let description = [{
    Turns the module's one `lns.model` into graph form: `lns.parameter` symbols
    and the functions `@logits(tokens)` and `@eval(tokens, targets)`. Batch and
    time get their sizes; a norm with `depth_scale(inv_sqrt_depth)` gets
    `scale(1/sqrt(l))`, l the 1-based index of its block in the whole model.
    Every op is named, for profiles and errors, by a NameLoc such as
    `layers.3.mlp.gate_proj`. The module attribute `lns.model` keeps the model's
    name, sizes and norm scheme.

    Errors: a module without exactly one model; tokens whose batch or time is
    fixed already; other dynamic dimensions than these two; a tensor of more
    than 2^40 elements; a table with fewer positions than a sequence; a parameter
    called as another symbol.

    ```mlir
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x64xf32>, tensor<64xf32>
    // in block 4:
    %n = lns.norm rms %h, %g scale(5.000000e-01) : tensor<2x8x64xf32>, tensor<64xf32>
    ```
  }];
  let options = [
    Option<"batch", "batch", "int64_t", "8", "Sequences in a step">,
    Option<"seq", "seq", "int64_t", "256", "Tokens in a sequence">
  ];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

def VerifyGraph : Pass<"lns-verify-graph", "::mlir::ModuleOp"> {
  let summary = "Check that no model form is left";
  let description = [{
    Ends the graph phase: lists every `lns.model`, `lns.layers` and `lns.param`,
    every dynamic shape and every symbolic depth scale that is still there.
  }];
}

def Pad : Pass<"lns-pad", "::mlir::ModuleOp"> {
  let summary = "Pad odd widths between linears with zeros"
                " to what the target's kernels like";
  let description = [{
    An inner width, such as the 5461 columns of a feed-forward block, is rounded
    up to the next multiple of `multiple` elements. The weights and biases of the
    linears on both sides get a storage type with zeros in the new rows and
    columns; results and gradients are the same, and the gradient of every new
    element is exactly 0. The parameter's own type stays: initial values,
    checkpoints and names do not know of it.

    ```mlir
    lns.parameter @up matrix init(zeros) decay(true) : tensor<171x64xf32>
    lns.parameter @down matrix init(zeros) decay(true) : tensor<64x171xf32>
    %y = lns.linear %x, %up : (tensor<2x8x64xf32>, tensor<171x64xf32>) -> tensor<2x8x171xf32>
    %m = lns.activation relu %y : tensor<2x8x171xf32>
    %z = lns.linear %m, %down : (tensor<2x8x171xf32>, tensor<64x171xf32>) -> tensor<2x8x64xf32>
    // becomes
    lns.parameter @up matrix init(zeros) decay(true) storage(tensor<176x64xf32>) : tensor<171x64xf32>
    lns.parameter @down matrix init(zeros) decay(true) storage(tensor<64x176xf32>) : tensor<64x171xf32>
    %y = lns.linear %x, %up : (tensor<2x8x64xf32>, tensor<176x64xf32>) -> tensor<2x8x176xf32>
    %m = lns.activation relu %y : tensor<2x8x176xf32>
    %z = lns.linear %m, %down : (tensor<2x8x176xf32>, tensor<64x176xf32>) -> tensor<2x8x64xf32>
    ```

    Does not fire where another op than a linear, an activation, add, add_bias,
    cast, residual, row_scale or scale makes or reads such a value: a norm, for
    one, divides by the width, and rope and attention take their heads from it
    (heads of 48 or 80 cost as much for each element as heads of 64: see "What
    head sizes cost" in docs/performance.md). Nor where such an op reads a parameter of that width, as an embedding does,
    nor where a linear's weight is no parameter. All values that must have the
    same width are padded, or none. Remarks in category `lns-pad` say why.

    Error: a `multiple` that is not at least 1 and at most 4096.
  }];
  let options = [
    Option<"multiple", "multiple", "int64_t", "16",
           "What widths are rounded up to; for the CPU, floats of a vector">
  ];
}

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
  let summary = "Apply the last row scale inside the loss";
  let description = [{
    cross_entropy(row_scale(z, r)) becomes cross_entropy(z) factors(r): the row
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

def SplitBias : Pass<"lns-split-bias"> {
  let summary = "Write the biases of linears as row ops";
  let description = [{
    A linear with a bias becomes one without and an `lns.add_bias`, which joins
    the kernel of whoever reads the result.

    ```mlir
    %y = lns.linear %x, %w bias(%b) : (tensor<2x8x64xf32>, tensor<32x64xf32>, tensor<32xf32>) -> tensor<2x8x32xf32>
    // becomes
    %p = lns.linear %x, %w : (tensor<2x8x64xf32>, tensor<32x64xf32>) -> tensor<2x8x32xf32>
    %y = lns.add_bias %p, %b : tensor<2x8x32xf32>, tensor<32xf32>
    ```
  }];
}

def MixedPrecision : Pass<"lns-mixed-precision", "::mlir::ModuleOp"> {
  let summary = "Make activations bf16, keep what is summed or kept f32";
  let description = [{
    From an `lns.embedding` with an f32 table on, activations are bf16: where an
    operand of an op is bf16, its other large operands are rounded by an
    `lns.cast` and its large results become bf16. Parameters, gains, numbers per
    row and losses stay f32; a product rounds a weight itself, while it reads it.
    A function's results keep their types.

    ```mlir
    %x = lns.embedding %e, %t : (tensor<256x64xf32>, tensor<2x8xi32>) -> tensor<2x8x64xf32>
    %y = lns.linear %x, %w gain(%g) : (tensor<2x8x64xf32>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<2x8x32xf32>
    // becomes
    %x = lns.embedding %e, %t : (tensor<256x64xf32>, tensor<2x8xi32>) -> tensor<2x8x64xbf16>
    %y = lns.linear %x, %w gain(%g) : (tensor<2x8x64xbf16>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<2x8x32xbf16>
    ```

    An `lns.cast` to f32 that the model itself has is kept, and so is f32 behind
    it, up to the first op that also reads bf16; a diagnostic remark says where.
    An op without a bf16 form (of another dialect) reads f32. Remarks in category
    `lns-precision` say how much became bf16, and what did not and why. The
    module attribute `lns.model` gets `dtype = "bf16"`.

    Errors: f64 values; an `lns.norm` or `lns.cluster`; a function of several
    blocks.
  }];
  let dependentDialects = ["::lns::LnsDialect"];
}

def MicroBatch : Pass<"lns-micro-batch", "::mlir::ModuleOp"> {
  let summary = "Make a step of several micro-batches";
  let description = [{
    What was `@eval` of a batch is now `@micro_eval`, and `@eval` takes `steps`
    times that batch: `lns.repeat` calls the other for each part and adds up what
    they return. The loss is a mean over the targets that are not ignored: those
    of the whole batch are counted once, and every call divides by that count, so
    that the sum is the mean over all of them. `lns-differentiate` makes `@grads`
    of that, which adds up gradients in their homes, in the order of the parts.
    The length of a plan does not depend on `steps`, nor does the memory of
    activations. `@logits` stays as it is.

    Errors: no `@eval`, or one whose arguments have no static first dimension or
    whose result is no `lns.mean` over the `lns.target_count` of an argument; an
    `lns.matmul` that adds up over the rows of all sequences, of which a part has
    but its own; a `@micro_eval` that is there already; `steps` that is not positive.

    ```mlir
    func.func @eval(%tokens: tensor<2x256xi32>, %targets: tensor<2x256xi32>) -> tensor<f32> { ... }
    // becomes, with steps=4
    func.func @micro_eval(%tokens: tensor<2x256xi32>, %targets: tensor<2x256xi32>, %n: tensor<i32>) -> tensor<f32> { ... }
    func.func @eval(%tokens: tensor<8x256xi32>, %targets: tensor<8x256xi32>) -> tensor<f32> {
      %n = lns.target_count %targets : tensor<8x256xi32>
      %loss = lns.repeat @micro_eval(%tokens, %targets, %n) count(4)
        : (tensor<8x256xi32>, tensor<8x256xi32>, tensor<i32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    ```
  }];
  let options = [Option<"steps", "steps", "int64_t", "1",
                        "Micro-batches in a step">];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

def Differentiate : Pass<"lns-differentiate", "::mlir::ModuleOp"> {
  let summary = "Make @grads from @eval by reverse-mode differentiation";
  let description = [{
    `@grads(tokens, targets)` returns the loss and stores every parameter's
    gradient with `lns.set gradient`, zero for one that the loss does not
    depend on. Each op builds its own adjoint; an op on the way that has none is
    an error. Gradients of a value with several readers are summed in a fixed
    order. An adjoint is called after its op, as in `layers.3.mlp.up_proj.grad`.

    Where `@eval` is an `lns.repeat`, its callee gives `@micro_grads`, which adds
    its share to the stored gradients, and `@grads` clears these and repeats it.

    ```mlir
    func.func @eval(%x: tensor<8x64xf32>) -> tensor<f32> {
      %g = lns.get parameter @g : tensor<64xf32>
      %y = lns.scale_columns %x, %g : tensor<8x64xf32>, tensor<64xf32>
      %loss = lns.mean %y : (tensor<8x64xf32>) -> tensor<f32>
      return %loss : tensor<f32>
    }
    // gives
    func.func @grads(%x: tensor<8x64xf32>) -> tensor<f32> {
      %g = lns.get parameter @g : tensor<64xf32>
      %y = lns.scale_columns %x, %g : tensor<8x64xf32>, tensor<64xf32>
      %loss = lns.mean %y : (tensor<8x64xf32>) -> tensor<f32>
      %one = lns.constant 1.000000e+00 : tensor<f32>
      %dy = lns.mean_grad %one : (tensor<f32>) -> tensor<8x64xf32>
      %dg = lns.column_dot %dy, %x : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
      lns.set %dg, gradient @g : tensor<64xf32>
      return %loss : tensor<f32>
    }
    ```
  }];
  let dependentDialects = ["::lns::LnsDialect"];
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

def FactorSums : Pass<"lns-factor-sums"> {
  let summary = "Take common factors out of sums, and sums into products";
  let description = [{
    The adjoint of a norm that feeds several linears is a sum with a term for
    each: add(scale_columns(a, g), scale_columns(b, g)) becomes
    scale_columns(add(a, b), g), and add(column_dot(a, x), column_dot(b, x))
    becomes column_dot(add(a, b), x), and the two add(a, b) are one value.

    Does not fire for a term with another reader: it would be computed twice.

    ```mlir
    %sa = lns.scale_columns %a, %g : tensor<2x8x64xf32>, tensor<64xf32>
    %sb = lns.scale_columns %b, %g : tensor<2x8x64xf32>, tensor<64xf32>
    %d = lns.add %sa, %sb : tensor<2x8x64xf32>
    // becomes
    %ab = lns.add %a, %b : tensor<2x8x64xf32>
    %d = lns.scale_columns %ab, %g : tensor<2x8x64xf32>, tensor<64xf32>
    ```
  }];
}

def AccumulateProducts : Pass<"lns-accumulate-products"> {
  let summary = "Compute sums with a product inside the product";
  let description = [{
    add(matmul(a, b), c) becomes matmul(a, b) addend(c), computed over c where
    nothing reads c later. Of two products, the later one takes the other.

    Does not fire for a product that has another reader or an addend already,
    that is added to itself, or whose type is narrower than 32 bits: partial sums
    would be rounded. Remarks are in category `lns-norm`.

    ```mlir
    %p = lns.matmul %dq, %wq : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
    %s = lns.add %c, %p : tensor<2x8x64xf32>
    // becomes
    %s = lns.matmul %dq, %wq addend(%c) : (tensor<2x8x64xf32>, tensor<64x64xf32>, tensor<2x8x64xf32>) -> tensor<2x8x64xf32>
    ```
  }];
}

def RecomputeActivations : Pass<"lns-recompute-activations", "::mlir::func::FuncOp"> {
  let summary = "Compute activation functions again instead of keeping them";
  let description = [{
    The result of an `lns.gated_activation` or `lns.activation` that is read
    behind the loss is computed again there, from inputs that are kept for its
    adjoint anyway: in one kernel with that adjoint, which reads them. A third
    of what an MLP keeps is so kept no more, for one write.

    ```mlir
    %m = lns.gated_activation silu %g, %u : tensor<2x8x176xf32>
    // ... the loss, then
    %dw = lns.matmul %dy, %m transpose_a : (tensor<2x8x64xf32>, tensor<2x8x176xf32>) -> tensor<64x176xf32>
    // becomes
    %m2 = lns.gated_activation silu %g, %u : tensor<2x8x176xf32>
    %dw = lns.matmul %dy, %m2 transpose_a : (tensor<2x8x64xf32>, tensor<2x8x176xf32>) -> tensor<64x176xf32>
    ```

    Does not fire when an input is not read behind the loss: it would have to be
    kept instead. Remarks in category
    `lns-memory` say why.
  }];
}

def AddOptimizer : Pass<"lns-add-optimizer", "::mlir::ModuleOp"> {
  let summary = "Make @apply and @train_step: clip and AdamW";
  let description = [{
    `@apply(optimizer)` takes the stored gradients, `@train_step(tokens,
    targets, optimizer)` is `@grads` followed by the same updates, so both ways
    give the same bits. `optimizer` holds the 8 values of
    runtime/kernel_abi.h. Both return the global norm of the gradients, and
    train_step the loss before it, which its updates look at: where it is not
    finite, they write nothing.

    ```mlir
    func.func @apply(%optimizer: tensor<8xf32>) -> tensor<f32> {
      %dg = lns.get gradient @g : tensor<64xf32>
      %norm, %factor, %partials = lns.clip_factor %optimizer, %dg : (tensor<8xf32>, tensor<64xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
      lns.adamw @g, %dg, %factor, %optimizer decay(false) : tensor<64xf32>, tensor<f32>, tensor<8xf32>
      return %norm : tensor<f32>
    }
    ```

    Every parameter's gradient must be stored in `@grads`, and all parameters
    must have one element type.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

def VerifyTrain : Pass<"lns-verify-train", "::mlir::ModuleOp"> {
  let summary = "Check that training form is complete";
  let description = [{
    Ends the training phase: the five entry points are there, no `lns.norm` and
    no linear with a bias is left, and every parameter's gradient is stored once
    in `@grads` and `@train_step`.
  }];
}

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
    is updated. `@refresh` computes all of them, for who writes parameters from
    outside.

    Does not fire for a value of another form (centered rows, a scale, a gain
    that is no parameter); nor where W or g is written by anything but one run of
    `lns.adamw` in a function that nobody repeats; nor where the value, or a
    parameter that it is made of, is read on both sides of that. Remarks in
    category `lns-weights` say which. A module with compute weights is left as
    it is. An error: a function `refresh` that is there already.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

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

def VerifyFused : Pass<"lns-verify-fused", "::mlir::func::FuncOp"> {
  let summary = "Check that every row op is part of a kernel";
  let description = [{
    Ends the fusing phase: lists every row op that stands outside of an
    `lns.cluster`.
  }];
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

def Pack : Pass<"lns-pack"> {
  let summary = "Solve packing problems";
  let description = [{
    Gives every `lns.pack` offsets and a total, with the algorithm of
    `lns-plan-memory`: each interval at the lowest offset that is free for its
    whole life, in the better one of two orders, largest first and longest
    first.

    ```mlir
    lns.pack [0, 1] 1024, [1, 2] 100, [2, 3] 1024
    // becomes
    lns.pack [0, 1] 1024 at 0, [1, 2] 100 at 1024, [2, 3] 1024 at 0 total 1152
    ```
  }];
}

def VerifyPlan : Pass<"lns-verify-plan", "::mlir::func::FuncOp"> {
  let summary = "Check that no value loses its memory before its last reader";
  let description = [{
    Ends the memory phase. Replays the block and watches who owns which bytes
    of the arena: offsets are multiples of 64 inside the arena, an op reads only
    what is still there, and a result stands on no operand of its op but the one
    that InPlaceOpInterface allows, if the op reads it once.

    So with the homes of what is stored: what `lns.get` gave without a copy is read
    before anything may write there, and a value that is computed where `lns.set`
    stores it stands there until then. Who may write is asked of memory effects, so
    that a call may write everything.
  }];
}

#endif // LNS_PASSES_TD
