//===- LnsModelOps.td - Model form -                        *- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_MODEL_OPS_TD
#define LNS_MODEL_OPS_TD

include "dialect/LnsBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class LNS_Op<string mnemonic, list<Trait> traits = []>
    : Op<Lns_Dialect, mnemonic, !listconcat([LNS_KnownAttributes], traits)>;

def LNS_ModelOp : LNS_Op<"model", [
    IsolatedFromAbove, Symbol, HasParent<"::mlir::ModuleOp">, SingleBlock]> {
  let summary = "a transformer, described once";
  let description = [{
    Model form's root: maps tokens `[batch, time]` to logits
    `[batch, time, vocabulary]`. `lns-instantiate` turns it into graph form.
    `config` holds the Hugging Face config.json text that the model came from.

    - (C1) The body has one argument, a rank-2 `i32` tensor.
    - (C2) The terminator yields one rank-3 tensor, the logits.
    - (C3) Parameter names are unique within the model, after `{layer}` is
         replaced (two `lns.param` with one name must agree in everything and
         then are the same parameter, as a tied head is).
    - (C4) All ops in it are of this dialect.
    - (C5) A table of an `lns.embedding` has a row for each token of the
         vocabulary, or more.
    - (C6) The depths of its `lns.layers` add up to at most 2048. Each layer's
         commands are in the plan, so that compiling takes time and memory in
         proportion.

    ```mlir
    lns.model @bigram(%tokens: tensor<?x?xi32>) {
      %e = lns.param "embed" embedding init(normal, 0.02) : tensor<256x256xf32>
      %y = lns.embedding %e, %tokens
        : (tensor<256x256xf32>, tensor<?x?xi32>) -> tensor<?x?x256xf32>
      lns.output %y : tensor<?x?x256xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<StrAttr>:$config);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def LNS_OutputOp : LNS_Op<"output", [Terminator, Pure, HasParent<"ModelOp">]> {
  let summary = "ends a model with its logits";
  let description = [{
    The terminator of `lns.model`. Its operand is what the model computes.

    ```mlir
    lns.output %logits : tensor<?x?x256xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$logits);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

def LNS_ParamOp : LNS_Op<"param", [Pure, ParentOneOf<["ModelOp", "LayersOp"]>]> {
  let summary = "declares a parameter and is its value (model form)";
  let description = [{
    `name` is the parameter's Hugging Face name. Inside `lns.layers` it must
    contain `{layer}`, which instantiation replaces by the 0-based block index.
    `decay` says whether weight decay applies; when absent, matrices and
    embeddings decay, gains and biases do not.

    `truncated_normal` draws again what lies beyond 3 standard deviations, and
    is not scaled up for it: what is left has 0.9866 of `init_value`. A third
    word, `inv_sqrt_depth`, divides the value by sqrt(l) in block l, which counts
    as in `lns.norm`: output projections that start smaller in deeper blocks.

    `project` keeps rows, or columns, of a matrix at length 1: what it starts
    from is scaled so (`lns.project`), and it is again behind every step of the
    optimizer. Weight decay would do nothing but change how long steps are; when
    `decay` is absent, such a matrix has none.

    `lr_factor`, `eps_factor` and `decay_factor` are what this parameter's
    learning rate, AdamW's epsilon and its weight decay are multiplied by. The
    decay of a step is that of the learning rate as it is for this parameter:
    p = p - lr_factor lr decay_factor decay p.

    A `frozen` parameter is not trained: it has no gradient and no moments, and
    what is computed for its gradient alone is not computed (LoRA, arXiv
    2106.09685). It is read, written and saved as any other.

    - (C1) The type is static and has at least one element.
    - (C2) `init_value` is given for, and only for, `normal`, `truncated_normal`
         and `constant`; a standard deviation is not negative; all are finite.
    - (C3) The name is not empty, and contains `{layer}` exactly when the op is
         inside `lns.layers`.
    - (C4) A depth scale other than `none` needs an `init_value`, and is only
         inside `lns.layers`.
    - (C5) What has a projection has two dimensions.
    - (C6) Factors are from 1e-12 to 1e12; that of the decay may be 0.
    - (C7) What is frozen has no decay(true), no projection, and factors of 1.

    ```mlir
    %o = lns.param "layers.{layer}.o_proj.weight" matrix init(normal, 0.02, inv_sqrt_depth) : tensor<64x64xf32>
    %w = lns.param "lm_head.weight" matrix init(normal, 0.02) : tensor<256x128xf32>
    %g = lns.param "model.norm.weight" gain init(ones) : tensor<128xf32>
    %q = lns.param "layers.{layer}.q_proj.weight" matrix init(normal, 0.02) project(rows) : tensor<64x64xf32>
    %u = lns.param "layers.{layer}.up_proj.weight" matrix init(normal, 0.02)
      lr_factor(0.25) eps_factor(0.5) decay_factor(4.0) : tensor<176x64xf32>
    ```
  }];
  let arguments = (ins StrAttr:$name, LNS_RoleAttr:$role, LNS_InitKindAttr:$init,
                       OptionalAttr<F64Attr>:$init_value,
                       DefaultValuedAttr<LNS_DepthScaleAttr, "::lns::DepthScale::none">:$init_depth_scale,
                       OptionalAttr<BoolAttr>:$decay,
                       OptionalAttr<LNS_ProjectionAttr>:$projection, UnitAttr:$frozen,
                       DefaultValuedAttr<F64Attr, "1.0">:$lr_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$eps_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$decay_factor);
  let results = (outs LNS_WideTensor:$value);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def LNS_LayersOp : LNS_Op<"layers", [
    SingleBlockImplicitTerminator<"YieldOp">, HasParent<"ModelOp">]> {
  let summary = "depth x the same block";
  let description = [{
    Applies its body `depth` times to the carried values (one hidden state, or
    several). The body is written once; its parameters exist once per block. What
    the body yields beyond what it carries are further results, those of the last
    block; then the types of all results stand behind an arrow.

    Blocks that differ in constants alone have types, one for each block in their
    order, or fewer that repeat where the list ends with `...`. An op in the body
    says in `by_type` what it is in blocks of a type: the attributes that it has
    there, in place of its own, or `none`, where its operand is its result. So
    windows, and what rotary embeddings turn by, follow `layer_types` of Hugging
    Face's files.

    - (C1) 1 <= depth <= 2048.
    - (C2) Block arguments and carried operands agree in number and types, and so
         do yielded values and results, whose first ones are the carried; at
         least one value is carried.
    - (C3) There are as many types as the depth says, or, where they repeat, at
         most as many; none of them is empty.
    - (C4) `by_type` of an op in the body names these types only; what it gives
         are attributes of the op, with which the op is as its own page says.
         `none` is for ops of one operand, of the result's type.

    ```mlir
    %y = lns.layers(%h = %x) depth(12) : tensor<?x?x64xf32> {
      %g = lns.param "layers.{layer}.norm" gain init(ones) : tensor<64xf32>
      %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x64xf32>, tensor<64xf32>
      %r = lns.residual %h, %n : tensor<?x?x64xf32>
      lns.yield %r : tensor<?x?x64xf32>
    }
    // Five blocks see the last 512 tokens, the sixth sees all, and so on.
    %z = lns.layers(%h = %y) depth(26)
        types("local", "local", "local", "local", "local", "full", ...) : tensor<?x?x64xf32> {
      %q = lns.rope %h head_dim(16) {by_type = {full = {base = 1.0e6 : f64}}} : tensor<?x?x64xf32>
      %a = lns.attention %q, %q, %h heads(4) kv_heads(4) causal {by_type = {local = {window = 512 : i64}}}
        : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
      lns.yield %a : tensor<?x?x64xf32>
    }
    %z, %w = lns.layers(%h = %y) depth(1) : tensor<?x?x64xf32>
        -> (tensor<?x?x64xf32>, tensor<?x?x64xf32>) {
      %n = lns.norm rms %h : tensor<?x?x64xf32>
      %r = lns.residual %h, %n : tensor<?x?x64xf32>
      lns.yield %r, %n : tensor<?x?x64xf32>, tensor<?x?x64xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<LNS_Tensor>:$inits,
                       I64Attr:$depth, OptionalAttr<StrArrayAttr>:$types,
                       UnitAttr:$types_repeat);
  let results = (outs Variadic<LNS_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The type of the op's block `index`, from 0; empty where it has none.
    ::llvm::StringRef getBlockType(int64_t index);
  }];
}

def LNS_YieldOp : LNS_Op<"yield", [Terminator, Pure, ReturnLike,
    ParentOneOf<["LayersOp", "ClusterOp"]>]> {
  let summary = "yields the values of a block or a cluster";
  let description = [{
    The terminator of `lns.layers` and `lns.cluster`. In a block, its operands are
    what the next block starts from.

    ```mlir
    lns.yield %h : tensor<?x?x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange{}); }]>];
}

#endif // LNS_MODEL_OPS_TD
