//===- Passes.td - Model form to graph form ----------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_GRAPH_PASSES_TD
#define LNS_PASSES_GRAPH_PASSES_TD

include "mlir/Pass/PassBase.td"

def AddAdapters : Pass<"lns-add-adapters", "::mlir::ModuleOp"> {
  let summary = "Freeze a model and add low-rank adapters to its linears";
  let description = [{
    LoRA (arXiv 2106.09685), on model form. A linear whose weight is that of a
    target gets two parameters, called as PEFT's files call them, and computes

        y = alpha W n + b + (c alpha) B (A n),   c = lora_alpha / rank

    or lora_alpha / sqrt(rank) with `rslora`. All other parameters become
    `frozen`, but for those of the modules in `save`. A target is the name of a
    module, the parameter's without `.weight`, or the end of it behind a dot;
    `all-linear` is all linears of `lns.layers`.

    B starts with zeros, A with normal numbers of the standard deviation
    1/sqrt(3 in), which is that of PEFT's uniform ones in +-1/sqrt(in).

    ```mlir
    %w = lns.param "layers.{layer}.q_proj.weight" matrix init(normal, 0.02) : tensor<32x64xf32>
    %y = lns.linear %n, %w : (tensor<?x?x64xf32>, tensor<32x64xf32>) -> tensor<?x?x32xf32>
    // becomes, with rank=4 alpha=8 targets=q_proj
    %w = lns.param "layers.{layer}.q_proj.weight" matrix init(normal, 0.02) frozen : tensor<32x64xf32>
    %y = lns.linear %n, %w : (tensor<?x?x64xf32>, tensor<32x64xf32>) -> tensor<?x?x32xf32>
    %a = lns.param "layers.{layer}.q_proj.lora_A.weight" matrix init(normal, 0.072168783648703216) : tensor<4x64xf32>
    %b = lns.param "layers.{layer}.q_proj.lora_B.weight" matrix init(zeros) : tensor<32x4xf32>
    %d = lns.linear %n, %a : (tensor<?x?x64xf32>, tensor<4x64xf32>) -> tensor<?x?x4xf32>
    %u = lns.linear %d, %b {alpha = 2.0 : f64} : (tensor<?x?x4xf32>, tensor<32x4xf32>) -> tensor<?x?x32xf32>
    %z = lns.add %y, %u : tensor<?x?x32xf32>
    ```

    Errors: no target, one that is given twice, or that no linear has, with the
    nearest name; a weight that something else reads (a tied head), that is frozen
    or has an adapter already, or whose name does not end with `.weight`; a linear
    with a gain; a parameter with a projection, whose lines are to stay of length 1;
    a rank that is not 1 to 65536; an alpha that is not above 0.
  }];
  let options = [
    Option<"rank", "rank", "int64_t", "8", "Rows of A and columns of B">,
    Option<"alpha", "alpha", "double", "8", "Numerator of the adapters' scale">,
    ListOption<"targets", "targets", "std::string",
               "Modules that get an adapter, or all-linear">,
    ListOption<"save", "save", "std::string", "Modules that are trained whole">,
    Option<"rslora", "rslora", "bool", "false",
           "Divide alpha by the square root of the rank">
  ];
  let dependentDialects = ["::lns::LnsDialect"];
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
    called as another symbol; starts of documents in a model.

    With `documents`, rows of a batch hold several documents: both functions take
    `starts`, i32 [batch, time], behind tokens and targets, and hand them to every
    attention, rotation and table of positions. An attention that is not causal is
    an error then. The attribute `lns.model` notes it.

    With `diagnostics` there is `@trace`, too: the stream before every block, each
    followed by what the block's residuals add to it, and the stream behind the last.
    Blocks that carry streams of several types, or a module without blocks, are
    errors then.

    With `decode` there is `@decode(tokens, starts)`, too, both i32 [decode, 1]: the
    logits of one token more of so many sequences, whose documents began -starts
    tokens before. Each attention is `lns.cached_attention` then, of keys and values that
    `lns.append` puts into an `lns.cache` of `seq` positions. An attention that is
    not causal is an error.

    ```mlir
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x64xf32>, tensor<64xf32>
    // in block 4:
    %n = lns.norm rms %h, %g scale(5.000000e-01) : tensor<2x8x64xf32>, tensor<64xf32>
    ```
  }];
  let options = [
    Option<"batch", "batch", "int64_t", "8", "Sequences in a step">,
    Option<"seq", "seq", "int64_t", "256", "Tokens in a sequence">,
    Option<"documents", "documents", "bool", "false",
           "Sequences hold several documents, whose starts are an input">,
    Option<"diagnostics", "diagnostics", "bool", "false",
           "Add @trace: the stream, and what blocks add to it">,
    Option<"decode", "decode", "int64_t", "0",
           "Add @decode: one token more of so many sequences, with caches">
  ];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

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

    Does not fire where another op makes or reads such a value than a linear or
    an elementwise row op whose programs make zeros of zero rows and columns: a
    norm, for one, divides by the width, and rope and attention take their heads
    from it (heads of 48 or 80 cost as much for each element as heads of 64: see
    "What head sizes cost" in docs/performance.md). Nor where such an op reads a
    parameter of that width, as an embedding does, nor where a linear's weight is
    no parameter. All values that must have the
    same width are padded, or none. Remarks in category `lns-pad` say why.

    Error: a `multiple` that is not at least 1 and at most 4096.
  }];
  let options = [
    Option<"multiple", "multiple", "int64_t", "16",
           "What widths are rounded up to; for the CPU, floats of a vector">
  ];
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

def VerifyGraph : Pass<"lns-verify-graph", "::mlir::ModuleOp"> {
  let summary = "Check that no model form is left";
  let description = [{
    Ends the graph phase: lists every `lns.model`, `lns.layers` and `lns.param`,
    every dynamic shape and every symbolic depth scale that is still there.
  }];
}

#endif // LNS_PASSES_GRAPH_PASSES_TD
