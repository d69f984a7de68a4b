//===- LnsComputeOps.td - Ops of model form and of the forward graph -*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_COMPUTE_OPS_TD
#define LNS_COMPUTE_OPS_TD

include "dialect/LnsInterfaces.td"
include "dialect/LnsModelOps.td"

defvar LNS_Diff = DeclareOpInterfaceMethods<LNS_DifferentiableOpInterface>;
defvar LNS_DiffPrepare = DeclareOpInterfaceMethods<LNS_DifferentiableOpInterface, ["prepareForward"]>;
defvar LNS_Cost = DeclareOpInterfaceMethods<LNS_CostOpInterface, ["getFlops"]>;

class LNS_ComputeOp<string mnemonic, list<Trait> traits = []>
    : LNS_Op<mnemonic, !listconcat([Pure, LNS_Cost], traits)>;

// Computes rows: `methods` are those of LNS_RowOpInterface that it has. What it
// costs follows from its programs.
class LNS_RowOp<string mnemonic, list<string> methods, list<Trait> traits = []>
    : LNS_Op<mnemonic, !listconcat([Pure, LNS_CostOpInterface,
        DeclareOpInterfaceMethods<LNS_RowOpInterface, methods>], traits)>;

def LNS_EmbeddingOp : LNS_ComputeOp<"embedding", [LNS_Diff]> {
  let summary = "looks up one row of a table per token";
  let description = [{
        y[b, t, :] = table[tokens[b, t], :]

    - (C1) result = tokens' shape followed by the table's width.
    - (C2) result has the table's element type, or bf16 for a table of f32.

    ```mlir
    %x = lns.embedding %table, %tokens
      : (tensor<256x64xf32>, tensor<?x?xi32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins LNS_WideMatrix:$table, LNS_Tokens:$tokens);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$table `,` $tokens attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def LNS_NormOp : LNS_ComputeOp<"norm", [LNS_Diff, AttrSizedOperandSegments, AllTypesMatch<["input", "result"]>]> {
  let summary = "normalizes every row, then applies gain, bias and depth scale";
  let description = [{
        rms:   y = scale * (gain * x / sqrt(mean(x^2) + eps))
        layer: y = scale * (gain * (x - mean(x)) / sqrt(var(x) + eps) + bias)
        tanh:  y = scale * (gain * tanh(alpha * x) + bias)
        erf:   y = scale * (gain * erf(alpha * x + shift) + bias)

    `tanh` and `erf` stand in a norm's place (DyT, arXiv 2503.10622; Derf, arXiv
    2512.10938) but look at no other element of the row; alpha and shift are one
    learned number each. erf(shift) is not 0, so that columns of zeros do not
    stay zeros.

    `depth_scale(inv_sqrt_depth)` is symbolic: in block l (1-based, counted over
    the whole model) instantiation turns it into scale(1/sqrt(l)), LayerNorm
    Scaling (arXiv 2502.05795). Both norms of a block have the same l.

    - (C1) gain and bias have the row's width and the input's wide type.
    - (C2) eps > 0 and finite; scale is finite.
    - (C3) A bias needs kind `layer`, `tanh` or `erf`.
    - (C4) depth_scale other than `none` only inside `lns.layers`, with scale 1.
    - (C5) Kinds `tanh` and `erf` have an alpha, of one element and the input's
         wide type, and no eps; other kinds have no alpha.
    - (C6) Kind `erf` has a shift, of alpha's type; other kinds have none.

    ```mlir
    %y = lns.norm rms %x, %g eps(1.0e-05) depth_scale(inv_sqrt_depth)
      : tensor<?x?x64xf32>, tensor<64xf32>
    %z = lns.norm tanh %x, %g alpha(%a) : tensor<?x?x64xf32>, tensor<64xf32>, tensor<1xf32>
    %e = lns.norm erf %x alpha(%a) shift(%s) : tensor<?x?x64xf32>, tensor<1xf32>, tensor<1xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, Optional<LNS_Vector>:$gain,
                       Optional<LNS_Vector>:$bias, Optional<LNS_Vector>:$alpha,
                       Optional<LNS_Vector>:$shift, LNS_NormKindAttr:$kind,
                       DefaultValuedAttr<F64Attr, "1.0e-6">:$eps,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale,
                       DefaultValuedAttr<LNS_DepthScaleAttr, "::lns::DepthScale::none">:$depth_scale);
  let results = (outs LNS_Tensor:$result);
  // lns.norm rms %x, %gain bias(%b) alpha(%a) shift(%s) eps(1e-6) scale(0.5) : types
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$input, "::mlir::Value":$gain,
    "::mlir::Value":$bias, "::lns::NormKind":$kind, "double":$eps, "double":$scale)>];
  let extraClassDeclaration = [{
    /// Whether it looks at rows: kinds `tanh` and `erf` do not.
    bool isOfRows() {
      return getKind() == ::lns::NormKind::rms || getKind() == ::lns::NormKind::layer;
    }
    /// tanh(alpha * x) or erf(alpha * x + shift), of a norm that is not of rows,
    /// as row ops.
    ::lns::ActivationOp buildFunction(::mlir::OpBuilder &builder);
  }];
}

def LNS_LinearOp : LNS_ComputeOp<"linear", [LNS_Diff, AttrSizedOperandSegments]> {
  let summary = "y = alpha * x diag(gain) W^T + bias, W as [out, in]";
  let description = [{
    `alpha` is where `lns-fold-depth-scale` puts a norm's scale, and `gain` where
    `lns-fuse-norm-matmul` puts its gain: the product multiplies W's columns by
    it while it reads them, so that the folded weight alpha * W diag(gain) is
    never in memory.

    - (C1) the last dimension of x is W's `in`; result is x's shape with `out`
         for its last dimension.
    - (C2) bias has `out` elements, gain has `in`, both of the result's wide type.
    - (C3) x, W and result have one element type, or bf16 and f32 if x or W is
         bf16. Then x and W are rounded to bf16 where they are not, products are
         summed in f32, and a bf16 result is rounded once, at the end.
    - (C4) alpha is finite.

    ```mlir
    %q = lns.linear %x, %wq : (tensor<?x?x64xf32>, tensor<32x64xf32>) -> tensor<?x?x32xf32>
    %z = lns.linear %x, %wq gain(%g) {alpha = 5.0e-01 : f64}
      : (tensor<?x?x64xf32>, tensor<32x64xf32>, tensor<64xf32>) -> tensor<?x?x32xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_Matrix:$weight,
                       Optional<LNS_Vector>:$gain, Optional<LNS_Vector>:$bias,
                       DefaultValuedAttr<F64Attr, "1.0">:$alpha);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`gain` `(` $gain^ `)`)? (`bias` `(` $bias^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$input,
    "::mlir::Value":$weight, CArg<"::mlir::Value", "{}">:$bias, CArg<"double", "1.0">:$alpha)>];
}

def LNS_RopeOp : LNS_RowOp<"rope",
    ["getRotatedHeadDim", "getRowOperand"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding, Hugging Face's half-split layout";
  let description = [{
    In every head of `head_dim` columns and at time t, pair (j, j + head_dim/2)
    is rotated by t * f_j, with f_j = base^(-2j / head_dim), or
    `frequencies[j]` when given (scaled RoPE). `inverse` rotates back: it is the
    adjoint. The time is the index of dimension 1; with `starts`, which are those
    of `lns.attention`, it counts from the start of the row's document, t - starts[b, t].
    With `positions` the document may have begun before the row, with a negative
    start, as where tokens are decoded one by one: the time is less than that number.

    In `lns.layers` with types, `by_type` gives blocks of a type their own base or
    frequencies, or no rotation (`none`).

    - (C1) [batch, time, features], or [batch, time, heads, features] with head_dim
         features; head_dim is even, positive and divides the width.
    - (C2) base > 0 and finite; `frequencies` has head_dim/2 finite entries.
    - (C3) `by_type` is as `lns.layers` C4 says.
    - (C4) `starts` are [batch, time].
    - (C5) `positions` need starts, and are at least 1 and at least `time`.

    ```mlir
    %r = lns.rope %q head_dim(16) {base = 5.0e+05 : f64} : tensor<?x?x64xf32>
    %s = lns.rope %heads head_dim(16) : tensor<?x?x4x16xf32>
    %d = lns.rope %one starts(%starts) positions(256) head_dim(16) : tensor<2x1x64xf32>, tensor<2x1xi32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, Optional<LNS_Tokens>:$starts,
                       OptionalAttr<I64Attr>:$positions, I64Attr:$head_dim,
                       DefaultValuedAttr<F64Attr, "1.0e4">:$base,
                       OptionalAttr<DenseF64ArrayAttr>:$frequencies,
                       UnitAttr:$inverse, OptionalAttr<DictionaryAttr>:$by_type);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $input (`starts` `(` $starts^ `)`)? (`positions` `(` $positions^ `)`)?
    `head_dim` `(` $head_dim `)` (`inverse` $inverse^)?
    attr-dict `:` type($input) (`,` type($starts)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// f_j for j in [0, head_dim/2), in radians per position.
    ::llvm::SmallVector<double> getAngularFrequencies();
  }];
}

def LNS_AttentionOp : LNS_ComputeOp<"attention", [LNS_DiffPrepare]> {
  let summary = "softmax(scale * q k^T) v per head, grouped-query, causal or full";
  let description = [{
    q is [B, T, heads * d], k and v are [B, T, kv_heads * d]; query head h reads
    key/value head h / (heads / kv_heads). `softmax_scale` is 1/sqrt(d) when
    absent. With a second result it also gives the log-sum-exp of each row of
    scores, [B, heads, T], from which the adjoint recomputes probabilities: no
    T x T matrix outlives the op.

    With a window W, the query at time i sees keys i - W + 1 to i (Longformer,
    arXiv 2004.05150; Mistral 7B, arXiv 2310.06825), and what a kernel does grows
    with W, not with T. With a soft-cap c, a score s is c tanh(s / c) instead,
    before the softmax and the mask (Gemma 2, arXiv 2408.00118). In `lns.layers`
    with types, `by_type` gives blocks of a type their own window, soft-cap or
    scale; kernels take them as arguments.

    With `starts`, a row of the batch holds several documents, one behind the
    other: `starts[b, t]` is the time at which the document of time t starts, and
    the query at t sees no key before it. What a kernel does grows with the sum of
    the squared lengths. Starts are data, and so is what they must be: at least 0,
    at most t, and never less than at the time before.

    - (C1) heads, kv_heads >= 1; kv_heads divides heads.
    - (C2) heads divides q's width, which is static; k and v are [B, T, kv_heads * d].
    - (C3) result has q's type; lse is [B, heads, T] in its wide type.
    - (C4) softmax_scale is finite.
    - (C5) window >= 1, and only of causal attention.
    - (C6) softcap > 0; f32 holds it and its reciprocal.
    - (C7) `by_type` is as `lns.layers` C4 says.
    - (C8) `starts` are [B, T], and only of causal attention.

    ```mlir
    %a = lns.attention %q, %k, %v heads(4) kv_heads(2) causal
      : (tensor<?x?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x64xf32>
    %b = lns.attention %q, %k, %v heads(4) kv_heads(2) causal window(512) softcap(5.0e+01)
      : (tensor<?x?x64xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$query, LNS_Tensor:$key, LNS_Tensor:$value,
                       Optional<LNS_Tokens>:$starts, I64Attr:$heads, I64Attr:$kv_heads, UnitAttr:$causal,
                       OptionalAttr<F64Attr>:$softmax_scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap,
                       OptionalAttr<DictionaryAttr>:$by_type);
  let results = (outs LNS_Tensor:$result, Optional<LNS_Tensor>:$lse);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`starts` `(` $starts^ `)`)? `heads` `(` $heads `)` `kv_heads` `(` $kv_heads `)`
    (`causal` $causal^)? (`window` `(` $window^ `)`)? (`softcap` `(` $softcap^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeadDim();
    double getEffectiveScale();
  }];
}

def LNS_ActivationOp : LNS_RowOp<"activation",
    ["buildElement"], [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = act(x)";
  let description = [{
        silu:      x * sigmoid(x)
        gelu_tanh: x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
        relu:      max(x, 0)
        tanh:      tanh(x)
        gelu:      x/2 * (1 + erf(x / sqrt(2)))
        sigmoid:   1 / (1 + e^-x)
        relu2:     max(x, 0)^2 (Primer, arXiv 2109.08668)
        erf:       erf(x)
        abs:       |x|

    `gelu` is the GELU of Hendrycks and Gimpel (arXiv 1606.08415), and Hugging
    Face's. `gelu_tanh`, an approximation of it, is GPT-2's: `gelu_new` and
    `gelu_pytorch_tanh` at Hugging Face, `approximate="tanh"` in PyTorch. The
    derivatives of relu and abs at 0 are 0.

    ```mlir
    %m = lns.activation gelu_tanh %x : tensor<?x?x256xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_ActivationAttr:$activation);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$activation $input attr-dict `:` type($result)";
}

def LNS_AddPositionsOp : LNS_RowOp<"add_positions",
    ["buildElement", "getRowOperand"], [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "adds a learned vector to every position in time";
  let description = [{
        y[b, t, :] = x[b, t, :] + table[t, :]

    The table may have rows for more positions than the sequence is long. With
    `starts`, which are those of `lns.attention`, the row is t - starts[b, t]; a
    negative start is one before the row, as `lns.rope` has it, and the table has
    a row for it.

    - (C1) x is [batch, time, features]; the table has as many columns.
    - (C2) the table has at least `time` rows.
    - (C3) the table has the input's wide type.
    - (C4) `starts` are [batch, time].

    ```mlir
    %y = lns.add_positions %x, %table : tensor<?x?x64xf32>, tensor<1024x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_WideMatrix:$table, Optional<LNS_Tokens>:$starts);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $table (`starts` `(` $starts^ `)`)? attr-dict `:` type($input) `,` type($table)
    (`,` type($starts)^)?
  }];
  let hasVerifier = 1;
}

def LNS_GatedActivationOp : LNS_RowOp<"gated_activation",
    ["buildElement"], [LNS_Diff, AllTypesMatch<["gate", "up", "result"]>]> {
  let summary = "y = act(gate) * up";
  let description = [{
    SwiGLU (silu), GeGLU (gelu, gelu_tanh) and ReGLU (relu), Shazeer, arXiv
    2002.05202; `lns.activation` has the formulas. All tensors have one type.

    ```mlir
    %m = lns.gated_activation silu %gate, %up : tensor<?x?x176xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$gate, LNS_Tensor:$up, LNS_ActivationAttr:$activation);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$activation $gate `,` $up attr-dict `:` type($result)";
}

def LNS_SoftcapOp : LNS_RowOp<"softcap",
    ["buildElement", "getArgumentNames"], [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = cap * tanh(x / cap)";
  let description = [{
    Keeps numbers between -cap and cap, and small ones as they are: what Gemma 2
    does to logits (arXiv 2408.00118), and Bello et al. before (arXiv 1611.09940).
    That of attention's scores is `lns.attention`'s.

    - (C1) cap > 0; f32 holds it and its reciprocal.

    ```mlir
    %y = lns.softcap %x cap(3.0e+01) : tensor<?x?x256xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, F64Attr:$cap);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `cap` `(` $cap `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def LNS_OffsetOp : LNS_RowOp<"offset",
    ["buildElement", "getArgumentNames", "isCheap"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = x + by";
  let description = [{
    Of a norm's gain that is stored as w and is 1 + w, as Gemma's are: it starts
    from zeros, and weight decay pulls the gain to 1. Where the norm is folded into
    its products, they read 1 + w.

    - (C1) by is finite.

    ```mlir
    %w = lns.param "model.norm.weight" gain init(zeros) : tensor<64xf32>
    %g = lns.offset %w by(1.0) : tensor<64xf32>
    %n = lns.norm rms %x, %g : tensor<?x?x64xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, F64Attr:$by);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `by` `(` $by `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def LNS_ResidualOp : LNS_RowOp<"residual",
    ["buildElement", "getArgumentNames", "worksOnNumbers"],
    [LNS_Diff, AllTypesMatch<["skip", "branch", "result"]>]> {
  let summary = "y = skip_scale * skip + branch_scale * branch";
  let description = [{
    - (C1) both scales are finite.

    ```mlir
    %h = lns.residual %x, %f {branch_scale = 5.0e-01 : f64} : tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$skip, LNS_Tensor:$branch,
                       DefaultValuedAttr<F64Attr, "1.0">:$skip_scale,
                       DefaultValuedAttr<F64Attr, "1.0">:$branch_scale);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$skip `,` $branch attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def LNS_ScaleByOp : LNS_RowOp<"scale_by",
    ["buildElement", "getRowOperand", "isCheap"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = factor * x, the factor a number of a tensor";
  let description = [{
    One factor for all elements, which may be learned: the alpha of a dynamic
    tanh (DyT, arXiv 2503.10622), the gate of a branch that starts closed
    (ReZero, arXiv 2003.04887). A constant is `lns.scale`'s.

    - (C1) factor has one dimension, of one element, and the input's wide type.

    ```mlir
    %z = lns.scale_by %x, %a : tensor<?x?x64xf32>, tensor<1xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_Vector:$factor);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `,` $factor attr-dict `:` type($input) `,` type($factor)";
  let hasVerifier = 1;
}

def LNS_ShiftByOp : LNS_RowOp<"shift_by",
    ["buildElement", "getRowOperand", "isCheap"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = x + shift, the shift a number of a tensor";
  let description = [{
    One number for all elements, which may be learned, as in a norm of kind `erf`.

    - (C1) shift has one dimension, of one element, and the input's wide type.

    ```mlir
    %z = lns.shift_by %x, %s : tensor<?x?x64xf32>, tensor<1xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_Vector:$shift);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `,` $shift attr-dict `:` type($input) `,` type($shift)";
  let hasVerifier = 1;
}

def LNS_StopGradientOp : LNS_RowOp<"stop_gradient",
    ["buildElement", "isCheap", "worksOnNumbers"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "the same numbers, through which no gradient flows";
  let description = [{
    The identity, with an adjoint of zero: GPAS (arXiv 2506.22049) takes
    silu(c) * stop_gradient(y) from y, so that y gets the gradient as it is. It
    does not fold, since x - c * stop_gradient(x) is not (1 - c) * x before it is
    differentiated. `lns-differentiate` leaves it out of gradients, and
    `lns-drop-stop-gradients` everywhere once there is nothing more to
    differentiate: no kernel has it.

    ```mlir
    %s = lns.stop_gradient %y : tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def LNS_MixFactorsOp : LNS_RowOp<"mix_factors",
    ["buildElement", "getArgumentNames"],
    [LNS_Diff, AllTypesMatch<["scale", "a", "b", "first", "second"]>]> {
  let summary = "scale * a and scale * b, divided by the length of (a, b)";
  let description = [{
        first  = scale * a / sqrt(a^2 + b^2 + eps)
        second = scale * b / sqrt(a^2 + b^2 + eps)

    Learned factors of two values that are mixed, whose own length does not
    matter: of a block's value and the first block's (value residual, arXiv
    2410.17897, as IMU-1 has it). Where scale, a and b are 1, 1 and 0 the mix is
    the first value.

    - (C1) eps > 0 and finite.

    ```mlir
    %f, %g = lns.mix_factors %s, %a, %b eps(1.0e-08) : tensor<1xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$scale, LNS_Tensor:$a, LNS_Tensor:$b, F64Attr:$eps);
  let results = (outs LNS_Tensor:$first, LNS_Tensor:$second);
  let assemblyFormat = "$scale `,` $a `,` $b `eps` `(` $eps `)` attr-dict `:` type($scale)";
  let hasVerifier = 1;
}

def LNS_RampOp : LNS_ComputeOp<"ramp", []> {
  let summary = "min(t / steps, 1), t the optimizer steps that are done";
  let description = [{
    A number that follows the training, as the learning rate does: 0 in the
    first step's forward pass, 1 from step `steps` on. With `per_layer`, block l
    (1-based, counted over the whole model) takes l times as many steps, which
    instantiation writes out: ProRes (arXiv 2603.05369).

    It is no parameter and has no gradient. In a plan it is no command: the
    runtime computes it before each step (docs/plan-format.md). `lns-interpret`
    takes t from `--steps-done`.

    - (C1) steps >= 1 and finite.
    - (C2) the result has one dimension, of one element.
    - (C3) `per_layer` only inside `lns.layers`.

    ```mlir
    %a = lns.ramp steps(1.0e+03) : tensor<1xf32>
    ```
  }];
  let arguments = (ins F64Attr:$steps, UnitAttr:$per_layer);
  let results = (outs LNS_Vector:$result);
  let assemblyFormat = "`steps` `(` $steps `)` (`per_layer` $per_layer^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def LNS_CrossEntropyOp : LNS_ComputeOp<"cross_entropy", [LNS_Diff]> {
  let summary = "negative log-likelihood of each target, and the log-sum-exp";
  let description = [{
        losses[b, t] = lse[b, t] - logits[b, t, targets[b, t]]
        lse = log(sum(exp(logits)))

    A target of -100 is ignored (PyTorch's ignore_index): its row's loss is 0,
    and so is the gradient of its row of logits, whatever these are. Any other
    target is a column of the logits.

    The loss is the `lns.mean` of the losses over the `lns.target_count` of the
    whole batch. Factors multiply every row of the logits first, as
    `lns.row_scale` would: a norm before the head is so deferred into the loss,
    and costs no pass over the vocabulary.

    - (C1) targets have the logits' leading dimensions; so have losses, lse and
         factors.
    - (C2) losses, lse and factors have the logits' wide type.

    ```mlir
    %losses, %lse = lns.cross_entropy %logits, %targets
      : (tensor<2x8x256xf32>, tensor<2x8xi32>) -> (tensor<2x8xf32>, tensor<2x8xf32>)
    ```
  }];
  let arguments = (ins LNS_Tensor:$logits, LNS_Tokens:$targets, Optional<LNS_Tensor>:$factors);
  let results = (outs LNS_Tensor:$losses, LNS_Tensor:$lse);
  let assemblyFormat = [{
    $logits `,` $targets (`factors` `(` $factors^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_MeanOp : LNS_ComputeOp<"mean", [LNS_Diff]> {
  let summary = "mean over all elements, or over those that count";
  let description = [{
    The sum over all elements divided by their number, or by `count` where that
    is given: the mean over those elements that count, where the others are 0. A
    count of more than these elements makes it their share of a larger mean. A
    count of 0 gives no number.

    - (C1) the result has the input's wide type.

    ```mlir
    %mean = lns.mean %losses : (tensor<2x8xf32>) -> tensor<f32>
    %n = lns.target_count %targets : tensor<2x8xi32>
    %loss = lns.mean %losses over(%n) : (tensor<2x8xf32>, tensor<i32>) -> tensor<f32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, Optional<LNS_Count>:$count);
  let results = (outs LNS_Scalar:$result);
  let assemblyFormat = [{
    $input (`over` `(` $count^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_TargetCountOp : LNS_ComputeOp<"target_count", []> {
  let summary = "the number of targets that are not ignored";
  let description = [{
    How many of them are not -100 (see `lns.cross_entropy`). An op of its own, of
    the targets of a whole step: its value is handed to every part of one.

    ```mlir
    %n = lns.target_count %targets : tensor<2x8xi32>
    ```
  }];
  let arguments = (ins LNS_Tokens:$targets);
  let results = (outs LNS_Count:$result);
  let assemblyFormat = "$targets attr-dict `:` type($targets)";
}

def LNS_CastOp : LNS_RowOp<"cast", ["buildElement", "worksOnNumbers"], [LNS_Diff]> {
  let summary = "the same numbers in another element type";
  let description = [{
    Rounds to nearest even where the result's type is narrower. Folds: a cast to
    the input's own type, a cast of a cast that lost nothing, exact constants.
    Canonicalization gives a product the f32 result that its only reader, a
    cast, would make of the rounded bf16 one.

    - (C1) input and result have one shape.

    ```mlir
    %y = lns.cast %x : tensor<2x8x64xf32> to tensor<2x8x64xbf16>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def LNS_ReshapeOp : LNS_Op<"reshape", [Pure, LNS_Diff,
    DeclareOpInterfaceMethods<LNS_CostOpInterface, ["getFlops", "getBytes"]>]> {
  let summary = "the same elements in the same order, under another shape";
  let description = [{
    Splits the last dimension in two, or makes one of the last two. Columns of
    heads so become rows: a norm of heads is `lns.norm`, a gate of heads
    `lns.row_scale`, of rows that are heads.

    In a plan it is no command and no memory: the result is the operand's bytes.
    An op that computes over one of them does so where nothing reads the other
    later.

    Folds: to the input's own type, back to the type before another reshape, of
    a constant.

    - (C1) input and result have one element type.
    - (C2) the result has the input's shape, or that with its last dimension split
         in two, or with its last two as one. What is split or joined is static.

    ```mlir
    %heads = lns.reshape %q : tensor<?x?x64xf32> to tensor<?x?x4x16xf32>
    %n = lns.norm rms %heads, %g : tensor<?x?x4x16xf32>, tensor<16xf32>
    %back = lns.reshape %n : tensor<?x?x4x16xf32> to tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // LNS_COMPUTE_OPS_TD
