//===- LnsAdjointOps.td - Slopes of ops                    -*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What lns-differentiate makes of an op where no other op is its slope.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_ADJOINT_OPS_TD
#define LNS_ADJOINT_OPS_TD

include "dialect/LnsGraphOps.td"

def LNS_EmbeddingGradOp : LNS_ComputeOp<"embedding_grad", [
    DeclareOpInterfaceMethods<LNS_InPlaceOpInterface>]> {
  let summary = "adds every row of the gradient to its token's row of the table";
  let description = [{
    Rows start as the addend's, or as zero. Terms are added in the order of the
    tokens. The result is computed over the addend where nothing reads that
    later.

    - (C1) grad is tokens' shape followed by the table's width, of the result's
         element type, or bf16 for a result of f32.
    - (C2) addend has the result's type.

    ```mlir
    %dt = lns.embedding_grad %dy, %tokens
      : (tensor<2x8x64xf32>, tensor<2x8xi32>) -> tensor<256x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$grad, LNS_Tokens:$tokens, Optional<LNS_Tensor>:$addend);
  let results = (outs LNS_WideMatrix:$result);
  let assemblyFormat = "$grad `,` $tokens (`addend` `(` $addend^ `)`)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def LNS_AddPositionsGradOp : LNS_ComputeOp<"add_positions_grad", []> {
  let summary = "adds up the gradients of every position over the batch";
  let description = [{
        dtable[t, :] = sum over b of dy[b, t, :], in the order of b

    With `starts`, dtable[p, :] is the sum over all b and t with t - starts[b, t] = p,
    in the order of b and then of t. Rows that no position reads are zero.

    - (C1) grad is [batch, time, features]; the result has as many columns.
    - (C2) the result has at least `time` rows.
    - (C3) the result has the gradient's wide type.
    - (C4) `starts` are [batch, time].

    ```mlir
    %dt = lns.add_positions_grad %dy : (tensor<2x8x64xf32>) -> tensor<1024x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$grad, Optional<LNS_Tokens>:$starts);
  let results = (outs LNS_WideMatrix:$result);
  let assemblyFormat = [{
    $grad (`starts` `(` $starts^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_ActivationGradOp : LNS_RowOp<"activation_grad",
    ["buildElement"], [AllTypesMatch<["grad", "input", "result"]>]> {
  let summary = "dx = dy * act'(x)";
  let description = [{
    The adjoint of `lns.activation`, from its input.

    ```mlir
    %dx = lns.activation_grad gelu_tanh %dy, %x : tensor<2x8x256xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$grad, LNS_Tensor:$input, LNS_ActivationAttr:$activation);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$activation $grad `,` $input attr-dict `:` type($result)";
}

def LNS_MixFactorsGradOp : LNS_RowOp<"mix_factors_grad",
    ["buildElement", "getArgumentNames"],
    [AllTypesMatch<["scale", "a", "b", "first_grad", "second_grad",
                    "scale_grad", "a_grad", "b_grad"]>]> {
  let summary = "gradients of lns.mix_factors";
  let description = [{
    With n = sqrt(a^2 + b^2 + eps), u and v the gradients of first and second,
    and d = (a u + b v) / n:

        scale_grad = d
        a_grad = scale / n * (u - a d / n)
        b_grad = scale / n * (v - b d / n)

    - (C1) as `lns.mix_factors` C1.

    ```mlir
    %ds, %da, %db = lns.mix_factors_grad %s, %a, %b, %u, %v eps(1.0e-08) : tensor<1xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$scale, LNS_Tensor:$a, LNS_Tensor:$b,
                       LNS_Tensor:$first_grad, LNS_Tensor:$second_grad, F64Attr:$eps);
  let results = (outs LNS_Tensor:$scale_grad, LNS_Tensor:$a_grad, LNS_Tensor:$b_grad);
  let assemblyFormat = [{
    $scale `,` $a `,` $b `,` $first_grad `,` $second_grad `eps` `(` $eps `)`
    attr-dict `:` type($scale)
  }];
  let hasVerifier = 1;
}

def LNS_AttentionGradOp : LNS_ComputeOp<"attention_grad", []> {
  let summary = "gradients of attention, probabilities recomputed from lse";
  let description = [{
    With P = exp(scale * q k^T - lse) and D = row sums of dout * out:

        dv = P^T dout
        dS = P * (dout v^T - D)
        dq = scale * dS k
        dk = scale * dS^T q

    Window and soft-cap are those of the attention: P is 0 outside of the window,
    and with a soft-cap c, t = tanh(scale * q k^T / c), P is exp(c t - lse) and dS
    is multiplied by 1 - t^2. With `starts`, P is 0 for keys before a query's document.

    - (C1) operands, starts, window and softcap as in `lns.attention`; results have the
         types of q, k and v.

    ```mlir
    %dq, %dk, %dv = lns.attention_grad %q, %k, %v, %out, %lse, %dout heads(4) kv_heads(2) causal
      : (tensor<2x8x64xf32>, tensor<2x8x32xf32>, tensor<2x8x32xf32>,
         tensor<2x8x64xf32>, tensor<2x4x8xf32>, tensor<2x8x64xf32>)
      -> (tensor<2x8x64xf32>, tensor<2x8x32xf32>, tensor<2x8x32xf32>)
    ```
  }];
  let arguments = (ins LNS_Tensor:$query, LNS_Tensor:$key, LNS_Tensor:$value,
                       LNS_Tensor:$output, LNS_Tensor:$lse, LNS_Tensor:$grad,
                       Optional<LNS_Tokens>:$starts, I64Attr:$heads, I64Attr:$kv_heads, UnitAttr:$causal,
                       OptionalAttr<F64Attr>:$softmax_scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let results = (outs LNS_Tensor:$query_grad, LNS_Tensor:$key_grad, LNS_Tensor:$value_grad);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $output `,` $lse `,` $grad
    (`starts` `(` $starts^ `)`)? `heads` `(` $heads `)` `kv_heads` `(` $kv_heads `)` (`causal` $causal^)?
    (`window` `(` $window^ `)`)? (`softcap` `(` $softcap^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeadDim();
    double getEffectiveScale();
  }];
}

def LNS_SoftcapGradOp : LNS_RowOp<"softcap_grad",
    ["buildElement", "getArgumentNames"], [AllTypesMatch<["grad", "input", "result"]>]> {
  let summary = "dx = dy * (1 - tanh(x / cap)^2)";
  let description = [{
    The adjoint of `lns.softcap`, from its input.

    - (C1) cap > 0; f32 holds it and its reciprocal.

    ```mlir
    %dx = lns.softcap_grad %dy, %x cap(3.0e+01) : tensor<2x8x256xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$grad, LNS_Tensor:$input, F64Attr:$cap);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$grad `,` $input `cap` `(` $cap `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def LNS_GatedActivationGradOp : LNS_RowOp<"gated_activation_grad",
    ["buildElement"], [AllTypesMatch<["grad", "gate", "up", "gate_grad", "up_grad"]>]> {
  let summary = "gradients of a gated activation";
  let description = [{
    dgate = dy * up * act'(gate), dup = dy * act(gate).

    ```mlir
    %dgate, %dup = lns.gated_activation_grad silu %dy, %gate, %up : tensor<2x8x176xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$grad, LNS_Tensor:$gate, LNS_Tensor:$up, LNS_ActivationAttr:$activation);
  let results = (outs LNS_Tensor:$gate_grad, LNS_Tensor:$up_grad);
  let assemblyFormat = "$activation $grad `,` $gate `,` $up attr-dict `:` type($grad)";
}

def LNS_CrossEntropyGradOp : LNS_ComputeOp<"cross_entropy_grad", [
    DeclareOpInterfaceMethods<LNS_InPlaceOpInterface>, AllTypesMatch<["logits", "result"]>]> {
  let summary = "dlogits = (exp(logits - lse) - onehot(target)) * grad, in place when it may";
  let description = [{
    The logits are the largest tensor of a step: where nothing reads them later,
    the memory planner puts the result over them. A row whose target is -100 has
    the gradient 0.

    With factors f (as in `lns.cross_entropy`), and d the gradient of f * logits:

        result = f * d
        factors_grad = sum over columns of d * logits      (times f if `relative`)

    - (C1) targets, lse and grad have the logits' leading dimensions; lse and grad
         have their wide type.
    - (C2) factors and factors_grad are there both or not at all, and have the
         logits' leading dimensions and wide type; `relative` only with them.

    ```mlir
    %dlogits = lns.cross_entropy_grad %logits, %targets, %lse, %dlosses
      : (tensor<2x8x256xf32>, tensor<2x8xi32>, tensor<2x8xf32>, tensor<2x8xf32>)
      -> tensor<2x8x256xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$logits, LNS_Tokens:$targets, LNS_Tensor:$lse, LNS_Tensor:$grad,
                       Optional<LNS_Tensor>:$factors, UnitAttr:$relative);
  let results = (outs LNS_Tensor:$result, Optional<LNS_Tensor>:$factors_grad);
  let assemblyFormat = [{
    $logits `,` $targets `,` $lse `,` $grad (`factors` `(` $factors^ `)`)?
    (`relative` $relative^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_CrossEntropyWithGradOp : LNS_ComputeOp<"cross_entropy_with_grad", [
    DeclareOpInterfaceMethods<LNS_InPlaceOpInterface>, AllTypesMatch<["logits", "result"]>]> {
  let summary = "cross_entropy and its gradient in one pass over the logits, in place when it may";
  let description = [{
    `lns.cross_entropy` and the `lns.cross_entropy_grad` of its results, for a
    gradient of the losses that is known before them, as that of their mean is:
    targets make the count that it is over, and no logit. The
    log-sum-exp is no value any more. A row of logits is read from memory once and
    its gradient written over it.

    - (C1) targets, losses and grad have the logits' leading dimensions; losses and
         grad have their wide type.
    - (C2) factors and factors_grad are there both or not at all, and have the
         logits' leading dimensions and wide type; `relative` only with them.

    ```mlir
    %losses, %dlogits = lns.cross_entropy_with_grad %logits, %targets, %dlosses
      : (tensor<2x8x256xf32>, tensor<2x8xi32>, tensor<2x8xf32>)
      -> (tensor<2x8xf32>, tensor<2x8x256xf32>)
    ```
  }];
  let arguments = (ins LNS_Tensor:$logits, LNS_Tokens:$targets, LNS_Tensor:$grad,
                       Optional<LNS_Tensor>:$factors, UnitAttr:$relative);
  let results = (outs LNS_Tensor:$losses, LNS_Tensor:$result, Optional<LNS_Tensor>:$factors_grad);
  let assemblyFormat = [{
    $logits `,` $targets `,` $grad (`factors` `(` $factors^ `)`)?
    (`relative` $relative^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_MeanGradOp : LNS_ComputeOp<"mean_grad", []> {
  let summary = "spreads a scalar's gradient: grad / n in each of n elements";
  let description = [{
    The adjoint of `lns.mean`; n is `count` where that is given. Without one, it
    folds to a constant of a constant.

    - (C1) grad has the result's wide type; the result is static and not empty.

    ```mlir
    %dlosses = lns.mean_grad %dloss : (tensor<f32>) -> tensor<2x8xf32>
    %dlosses2 = lns.mean_grad %dloss over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins LNS_Scalar:$grad, Optional<LNS_Count>:$count);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $grad (`over` `(` $count^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

#endif // LNS_ADJOINT_OPS_TD
