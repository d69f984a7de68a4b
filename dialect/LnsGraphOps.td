//===- LnsGraphOps.td - Ops that passes make: folded norms, optimizer -*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_GRAPH_OPS_TD
#define LNS_GRAPH_OPS_TD

include "dialect/LnsComputeOps.td"

//===----------------------------------------------------------------------===//
// Parameters and functions
//===----------------------------------------------------------------------===//

def LNS_ParameterOp : LNS_Op<"parameter", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "a parameter with its gradient and optimizer state (graph form)";
  let description = [{
    The symbol's name is the Hugging Face name. Gradient and both moments of
    AdamW have the parameter's storage type: its type, unless `storage` gives
    another. Then the parameter is the leading corner of what is stored, [0,
    extent) in every dimension; the rest is zero, for gradient and moments too.
    Only functions see it: checkpoints and initial values know the type alone.

    `project`, the factors and `frozen` are those of `lns.param`.

    - (C1) as `lns.param` C1, C2, C5, C6 and C7.
    - (C2) a storage type satisfies C1, has the type's element type and rank,
         differs from it, and no extent of it is smaller.

    ```mlir
    lns.parameter @model.norm.weight gain init(ones) decay(false) : tensor<128xf32>
    lns.parameter @up_proj.weight matrix init(zeros) decay(true) storage(tensor<176x64xf32>) : tensor<171x64xf32>
    lns.parameter @q_proj.weight matrix init(normal, 0.02) decay(false) project(rows) lr_factor(0.5) : tensor<64x64xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, LNS_RoleAttr:$role,
                       LNS_InitKindAttr:$init, OptionalAttr<F64Attr>:$init_value,
                       BoolAttr:$decay, TypeAttrOf<LNS_WideTensor>:$type,
                       OptionalAttr<TypeAttrOf<LNS_WideTensor>>:$storage,
                       OptionalAttr<LNS_ProjectionAttr>:$projection, UnitAttr:$frozen,
                       DefaultValuedAttr<F64Attr, "1.0">:$lr_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$eps_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$decay_factor);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// What functions read and write.
    ::mlir::Type getStoredType() { return getStorage().value_or(getType()); }
  }];
}

def LNS_ComputeWeightOp : LNS_Op<"compute_weight", [Symbol, HasParent<"::mlir::ModuleOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight as products read it, kept from step to step (graph form)";
  let description = [{
    Memory for W' = cast(scale_columns(W, gain)), W and gain being parameters, in
    the type that products compute in; without a gain, cast(W). With a
    `gain_offset`, the gain is that number and the parameter's value. By definition it
    is that of the current parameters whenever an entry point is called: who
    writes a parameter in a function writes its compute weights there, too
    (`lns.adamw`, or `lns.set` behind what writes), and who writes it from outside calls `@refresh`,
    which computes all of them. Made by `lns-keep-weights`.

    - (C1) weight and gain name an `lns.parameter`.
    - (C2) the type is that of the weight's storage, or the same in bf16; without
         a gain, it is another than the weight's.
    - (C3) the gain's storage is a vector of the weight's columns and element type.
    - (C4) gain_offset is finite, and 0 without a gain.

    ```mlir
    lns.compute_weight @up_proj.weight.bf16 of @up_proj.weight gain(@norm.weight) : tensor<176x64xbf16>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$gain,
                       TypeAttrOf<LNS_Matrix>:$type,
                       DefaultValuedAttr<F64Attr, "0.0">:$gain_offset);
  let assemblyFormat = "$sym_name `of` $weight (`gain` `(` $gain^ `)`)? attr-dict `:` $type";
}

def LNS_CacheOp : LNS_Op<"cache", [Symbol, HasParent<"::mlir::ModuleOp">]> {
  let summary = "keys or values of tokens that were decoded (graph form)";
  let description = [{
    Memory for what an attention needs of the tokens before the one that is
    decoded: their keys, or their values, one row for each position of each
    sequence. It lasts from call to call; only `@decode` reads and writes it. What
    stands there before the first call is no number that anybody may see.

    - (C1) the type is static, [batch, positions, features].

    ```mlir
    lns.cache @attention.0.keys : tensor<2x256x64xf32>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<LNS_Tensor>:$type);
  let assemblyFormat = "$sym_name attr-dict `:` $type";
  let hasVerifier = 1;
}

def LNS_GetOp : LNS_Op<"get", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "the current value of a parameter, of its gradient, of a compute weight or of a cache";
  let description = [{
    The value is what stood there when the op ran, whatever is written later. In
    a plan it is that memory itself, without a copy, where nothing writes there
    before its last reader; `lns-plan-memory` places a copy where something does.
    Two reads are one only when no write lies between them.

    Memory effect: reads the storage's resource (`Parameter`, `Gradient`,
    `ComputeWeight`, `Cache`) at the symbol.

    - (C1) the symbol names an `lns.parameter` of the result's type, or storage
         type; for `compute`, an `lns.compute_weight` of that type; for `cache`,
         an `lns.cache`.

    ```mlir
    %w = lns.get parameter @lm_head.weight : tensor<256x64xf32>
    ```
  }];
  let arguments = (ins LNS_StorageAttr:$storage, FlatSymbolRefAttr:$symbol);
  let results = (outs LNS_Tensor:$value);
  let assemblyFormat = "$storage $symbol attr-dict `:` type($value)";
}

def LNS_SetOp : LNS_Op<"set", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "stores a parameter, its gradient, a compute weight or a cache";
  let description = [{
    `gradient` overwrites; gradients of several readers are summed before. What
    `compute` stores is the compute weight's definition, of the parameters as
    they are then.

    In a plan a gradient, a compute weight or a cache may be computed in the
    memory where it is stored; then the op does nothing more.

    Memory effect: writes the storage's resource at the symbol.

    - (C1) as `lns.get` C1, of the value's type.

    ```mlir
    lns.set %dw, gradient @lm_head.weight : tensor<256x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$value, LNS_StorageAttr:$storage, FlatSymbolRefAttr:$symbol);
  let assemblyFormat = "$value `,` $storage $symbol attr-dict `:` type($value)";
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

def LNS_AppendOp : LNS_ComputeOp<"append", [
    DeclareOpInterfaceMethods<LNS_CostOpInterface, ["getBytes"]>,
    DeclareOpInterfaceMethods<LNS_InPlaceOpInterface>,
    AllTypesMatch<["cache", "result"]>]> {
  let summary = "a cache with the rows of some positions replaced";
  let description = [{
        y[b, t - starts[b, t], :] = rows[b, t, :], all else as in `cache`

    `starts` are those of `lns.attention`, or negative: a document began so many
    tokens before the rows. No two times of a sequence have one position, and
    each is one of the cache.

    In place, what is not replaced is not touched.

    - (C1) cache is [batch, positions, features], rows are [batch, time, features]
         of its element type.
    - (C2) `starts` are [batch, time].

    ```mlir
    %k1 = lns.append %k0, %k starts(%starts)
      : tensor<2x256x64xf32>, tensor<2x1x64xf32>, tensor<2x1xi32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$cache, LNS_Tensor:$rows, LNS_Tokens:$starts);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $cache `,` $rows `starts` `(` $starts `)` attr-dict
    `:` type($cache) `,` type($rows) `,` type($starts)
  }];
  let hasVerifier = 1;
}

def LNS_CachedAttentionOp : LNS_ComputeOp<"cached_attention",
    [DeclareOpInterfaceMethods<LNS_CostOpInterface, ["getBytes"]>]> {
  let summary = "causal attention of queries to keys and values in caches";
  let description = [{
    What `lns.attention` is, causal, with keys and values of more positions than
    there are queries. The query at time t has position p = t - starts[b, t] and
    sees keys 0 to p; with a window W, p - W + 1 to p. Soft-cap, scale and heads
    are as there. A cache has garbage behind p, and nothing of it is looked at.

    - (C1) as `lns.attention` C1, C2, C4, C5 and C6, but that keys and values are
         [batch, positions, kv_heads * d].
    - (C2) the result has the query's type.
    - (C3) `starts` are [batch, time].

    ```mlir
    %a = lns.cached_attention %q, %k1, %v1 starts(%starts) heads(4) kv_heads(2)
      : (tensor<2x1x64xf32>, tensor<2x256x32xf32>, tensor<2x256x32xf32>, tensor<2x1xi32>) -> tensor<2x1x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$query, LNS_Tensor:$key, LNS_Tensor:$value,
                       LNS_Tokens:$starts, I64Attr:$heads, I64Attr:$kv_heads,
                       OptionalAttr<F64Attr>:$softmax_scale,
                       OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value `starts` `(` $starts `)` `heads` `(` $heads `)` `kv_heads` `(` $kv_heads `)`
    (`window` `(` $window^ `)`)? (`softcap` `(` $softcap^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getHeadDim();
    double getEffectiveScale();
    /// A query sees no key behind its own position.
    bool getCausal() { return true; }
  }];
}

//===----------------------------------------------------------------------===//
// Linear algebra of adjoints
//===----------------------------------------------------------------------===//

def LNS_MatmulOp : LNS_ComputeOp<"matmul", [LNS_Diff, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<LNS_InPlaceOpInterface>]> {
  let summary = "c = alpha * op(a) op(b diag(gain)) + addend, leading dimensions taken together as rows";
  let description = [{
    `transpose_a` and `transpose_b` transpose the 2-D views. A gain scales the
    columns of b as it is given, before it is transposed: the gradient of a
    weight that a norm's gain was folded into. The result is computed over the
    addend where nothing reads that later: a sum of products needs no more
    memory than one of them.

    A vector is one row.

    - (C1) a, b and the result have rank >= 1; the views' inner extents agree; the
         result's view is [rows, columns] of the product.
    - (C2) a, b and the result have one element type, or bf16 and f32 if a or b
         is bf16. Then a and b are rounded to bf16 where they are not, products
         are summed in f32, and a bf16 result is rounded once, at the end.
    - (C3) gain has b's last dimension and the result's wide type; addend has the
         result's type; alpha is finite.

    ```mlir
    %dw = lns.matmul %dy, %x transpose_a
      : (tensor<2x8x32xf32>, tensor<2x8x64xf32>) -> tensor<32x64xf32>
    %dw2 = lns.matmul %dy, %x transpose_a gain(%g) addend(%dw) {alpha = 5.0e-01 : f64}
      : (tensor<2x8x32xf32>, tensor<2x8x64xf32>, tensor<64xf32>, tensor<32x64xf32>)
      -> tensor<32x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$a, LNS_Tensor:$b, Optional<LNS_Vector>:$gain,
                       Optional<LNS_Tensor>:$addend,
                       UnitAttr:$transpose_a, UnitAttr:$transpose_b,
                       DefaultValuedAttr<F64Attr, "1.0">:$alpha);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $a `,` $b (`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)?
    (`gain` `(` $gain^ `)`)? (`addend` `(` $addend^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Type":$result, "::mlir::Value":$a, "::mlir::Value":$b,
                   "bool":$transposeA, "bool":$transposeB,
                   CArg<"::mlir::Value", "{}">:$gain, CArg<"double", "1.0">:$alpha),
      [{
        build($_builder, $_state, result, a, b, gain, /*addend=*/::mlir::Value(), transposeA,
              transposeB, ::llvm::APFloat(alpha));
      }]>
  ];
  let hasVerifier = 1;
}

def LNS_WeightGradOp : LNS_ComputeOp<"weight_grad", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<LNS_InPlaceOpInterface>]> {
  let summary = "gradients of a weight and of the gain that was folded into it";
  let description = [{
    Of y = linear(input, W gain(g)), with grad the gradient that arrives at y and
    leading dimensions taken together as rows:

        D = alpha * grad^T input                     gradient of W diag(g)
        weight_grad[j, k] = g[k] * D[j, k]           + addend[j, k]
        gain_grad[k] = sum over j of W[j, k] * D[j, k]   + gain_addend[k]

    So the gain's gradient needs no pass over tokens: D is at hand where the
    weight's gradient is computed, and W is read once. Made by
    `lns-gain-gradients`; only CUDA has kernels for it.

    Results are computed over their addends where nothing reads those later.

    - (C1) grad and input have rank >= 1 and equally many rows; the weight is
         [columns of grad, columns of input].
    - (C2) grad, input and weight_grad have one element type, or bf16 and f32, as
         in `lns.matmul` C2; what is multiplied and summed is as there.
    - (C3) weight_grad and addend have the weight's type.
    - (C4) gain, gain_grad and gain_addend have the weight's last dimension and
         wide type.
    - (C5) alpha is finite.

    ```mlir
    %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) {alpha = 5.0e-01 : f64}
      : (tensor<2x8x32xf32>, tensor<2x8x64xf32>, tensor<32x64xf32>, tensor<64xf32>)
      -> (tensor<32x64xf32>, tensor<64xf32>)
    %dw2, %dg2 = lns.weight_grad %u, %x weight(%w) gain(%g) addend(%dw) gain_addend(%dg)
      : (tensor<2x8x32xf32>, tensor<2x8x64xf32>, tensor<32x64xf32>, tensor<64xf32>,
         tensor<32x64xf32>, tensor<64xf32>) -> (tensor<32x64xf32>, tensor<64xf32>)
    ```
  }];
  let arguments = (ins LNS_Tensor:$grad, LNS_Tensor:$input, LNS_Matrix:$weight,
                       LNS_Vector:$gain, Optional<LNS_Matrix>:$addend,
                       Optional<LNS_Vector>:$gain_addend,
                       DefaultValuedAttr<F64Attr, "1.0">:$alpha);
  let results = (outs LNS_Matrix:$weight_grad, LNS_Vector:$gain_grad);
  let assemblyFormat = [{
    $grad `,` $input `weight` `(` $weight `)` `gain` `(` $gain `)`
    (`addend` `(` $addend^ `)`)? (`gain_addend` `(` $gain_addend^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// What a norm becomes. With r = row_rstd(x):
//   norm(x, g, s) = row_scale(scale_columns(x, g, s), r)
//   linear(norm(x, g, s), W) = row_scale(linear(x, scale_columns(W, g, s)), r)
// A LayerNorm is the same of centered rows, plus its bias.
//===----------------------------------------------------------------------===//

def LNS_RowRstdOp : LNS_RowOp<"row_rstd",
    ["buildTerm", "buildTotal", "getArgumentNames"], [LNS_Diff]> {
  let summary = "r = 1 / sqrt(mean(x^2) + eps) for every row";
  let description = [{
    - (C1) result is the input's shape without its last dimension, in the input's
         wide type.
    - (C2) eps > 0 and finite.

    ```mlir
    %r = lns.row_rstd %x eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, F64Attr:$eps);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `eps` `(` $eps `)` attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def LNS_RowRstdGradOp : LNS_RowOp<"row_rstd_grad", ["buildElement", "getRowOperand"]> {
  let summary = "dx = -x * r^3 / K * dr, K the row's width";
  let description = [{
    The adjoint of `lns.row_rstd`, from its input, its result r and the gradient
    dr that arrives at it. `relative` says that grad is r * dr, so that dx = -x *
    r^2 / K * grad: with y = row_scale(z, r), that is row_dot(dy, y), which needs
    no z (`lns-reuse-outputs`).

    - (C1) result has the input's type, rstd and grad its leading dimensions and
         wide type.

    ```mlir
    %dx = lns.row_rstd_grad %x, %r, %dr
      : (tensor<2x8x64xf32>, tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_Tensor:$rstd, LNS_Tensor:$grad,
                       UnitAttr:$relative);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $rstd `,` $grad (`relative` $relative^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_RowScaleOp : LNS_RowOp<"row_scale",
    ["buildElement", "getRowOperand", "isCheap"], [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "multiplies every row by its own scalar";
  let description = [{
    y[b, t, k] = factors[b, t] * x[b, t, k]. Of rows that are heads, it is a gate
    of heads: factors[b, t, h].

    - (C1) factors have the input's leading dimensions and wide type.

    ```mlir
    %y = lns.row_scale %x, %r : tensor<2x8x64xf32>, tensor<2x8xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_Tensor:$factors);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `,` $factors attr-dict `:` type($input) `,` type($factors)";
  let hasVerifier = 1;
}

def LNS_RowDotOp : LNS_RowOp<"row_dot", ["buildTerm"]> {
  let summary = "sum over columns of a * b, for every row";
  let description = [{
    The adjoint of `lns.row_scale` for its factors.

    - (C1) a and b have one type; result is its shape without the last dimension,
         in its wide type.

    ```mlir
    %d = lns.row_dot %a, %b : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$a, LNS_Tensor:$b);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def LNS_RowSumOp : LNS_RowOp<"row_sum", ["buildTerm"]> {
  let summary = "sum over columns, for every row";
  let description = [{
    The adjoint of `lns.shift_by` for its shift, of which `lns.sum` makes one
    number.

    - (C1) the result is the input's shape without its last dimension, in its
         wide type.

    ```mlir
    %d = lns.row_sum %a : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def LNS_ScaleColumnsOp : LNS_RowOp<"scale_columns",
    ["buildElement", "getRowOperand", "getArgumentNames", "isCheap"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = scale * gain[k] * x[.., k]";
  let description = [{
    On a weight [out, in] this is the folded weight W' = s * W diag(g); on an
    activation it is what is left of a norm that could not be folded. The scale
    becomes a scalar argument of the kernel, never a part of its text.

    - (C1) gain has the input's last dimension and wide type; scale is finite.

    ```mlir
    %w2 = lns.scale_columns %w, %g scale(5.0e-01) : tensor<32x64xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, Optional<LNS_Vector>:$gain,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input (`,` $gain^)? (`scale` `(` $scale^ `)`)? attr-dict `:` type($input) (`,` type($gain)^)?";
  let hasVerifier = 1;
}

def LNS_AddBiasOp : LNS_RowOp<"add_bias",
    ["buildElement", "getRowOperand", "getArgumentNames", "isCheap"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = x[.., k] + scale * bias[k]";
  let description = [{
    The bias of a linear or of a LayerNorm, added to every row. Its adjoint is
    the `column_dot` of one operand.

    - (C1) bias has the input's last dimension and wide type; scale is finite.

    ```mlir
    %y = lns.add_bias %x, %b : tensor<2x8x64xf32>, tensor<64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, LNS_Vector:$bias,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `,` $bias (`scale` `(` $scale^ `)`)? attr-dict `:` type($input) `,` type($bias)";
  let hasVerifier = 1;
}

def LNS_CenterRowsOp : LNS_RowOp<"center_rows",
    ["buildTerm", "buildTotal", "buildElement"], [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "y = x - mean(x) for every row";
  let description = [{
    The mean is over the row's columns. Linear and symmetric, so that it is its
    own adjoint, and a projection: centering twice is centering once. On a
    weight [out, in] it takes from x W^T what the mean of x would add:
    center(x) W^T = x center(W)^T.

    Folds: the input when its rows are centered already.

    - (C1) the input has a last dimension.

    ```mlir
    %c = lns.center_rows %x : tensor<2x8x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def LNS_ColumnDotOp : LNS_ComputeOp<"column_dot", []> {
  let summary = "y[k] = scale * sum over rows of a[.., k] * b[.., k]";
  let description = [{
    The adjoint of `scale_columns` for its gain. Without b, the sum of a (the
    adjoint of a bias).

    - (C1) a and b have one type; the result has its last dimension and wide type.

    ```mlir
    %dg = lns.column_dot %dy, %x : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> tensor<64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$a, Optional<LNS_Tensor>:$b,
                       DefaultValuedAttr<F64Attr, "1.0">:$scale);
  let results = (outs LNS_Vector:$result);
  let assemblyFormat = "$a (`,` $b^)? (`scale` `(` $scale^ `)`)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def LNS_SumOp : LNS_ComputeOp<"sum"> {
  let summary = "the sum of all elements";
  let description = [{
    The adjoint of a number that all elements read. Elements are added up in a
    fixed order, in f64.

    - (C1) the result has one dimension, of one element, and the input's wide
         type.

    ```mlir
    %da = lns.sum %d : (tensor<2x8xf32>) -> tensor<1xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input);
  let results = (outs LNS_Vector:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Elementwise ops of adjoints
//===----------------------------------------------------------------------===//

def LNS_ConstantOp : LNS_ComputeOp<"constant", [ConstantLike]> {
  let summary = "a tensor with one value in every element";
  let arguments = (ins F64Attr:$value);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let description = [{
    The value is an f64 whatever the element type is, so that folding does not
    round.

    - (C1) the type is static.

    ```mlir
    %seed = lns.constant 1.0 : tensor<f32>
    ```
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def LNS_AddOp : LNS_RowOp<"add",
    ["buildElement", "worksOnNumbers"],
    [LNS_Diff, Commutative, AllTypesMatch<["a", "b", "result"]>]> {
  let summary = "a + b; sums gradients of a value with several readers";
  let description = [{
    Made by `lns-differentiate`. All tensors have one type.

    ```mlir
    %d = lns.add %d1, %d2 : tensor<2x8x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$a, LNS_Tensor:$b);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($result)";
}

def LNS_ScaleOp : LNS_RowOp<"scale",
    ["buildElement", "getArgumentNames", "isCheap", "worksOnNumbers"],
    [LNS_Diff, AllTypesMatch<["input", "result"]>]> {
  let summary = "factor * x";
  let description = [{
    Folds: a factor of 1, scales of scales, scaled constants.

    - (C1) factor is finite.

    ```mlir
    %y = lns.scale %x factor(0.5) : tensor<2x8x64xf32>
    ```
  }];
  let arguments = (ins LNS_Tensor:$input, F64Attr:$factor);
  let results = (outs LNS_Tensor:$result);
  let assemblyFormat = "$input `factor` `(` $factor `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Optimizer
//===----------------------------------------------------------------------===//

def LNS_ClipFactorOp : LNS_ComputeOp<"clip_factor", [AttrSizedOperandSegments]> {
  let summary = "global gradient norm, and the factor that clips to the limit";
  let description = [{
        norm = sqrt(sum of squares over all gradients)
        factor = norm or loss not finite ? NaN
               : clip > 0 and norm > clip ? clip / norm : 1

    with clip from `optimizer` (layout: runtime/plan/kernel_abi.h, 8 values). A factor
    of NaN tells `lns.adamw` to leave everything as it is: a step whose norm or
    `loss` is not finite, in their own type, changes no parameter. The order of the sum
    is fixed: chunks of 65536 elements, then the chunks in order. `partials`
    is the sum of every chunk, in that order: the kernels' workspace, made a
    result so that the memory planner sees it.

    - (C1) at least one gradient; optimizer is tensor<8xf32>.
    - (C2) partials has one f64 per chunk of every gradient.
    - (C3) gradients, loss, norm and factor have one element type.

    ```mlir
    %norm, %factor, %partials = lns.clip_factor %optimizer, %dw, %dg loss(%loss)
      : (tensor<8xf32>, tensor<256x64xf32>, tensor<64xf32>, tensor<f32>)
      -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
    ```
  }];
  let arguments = (ins LNS_Vector:$optimizer, Variadic<LNS_WideTensor>:$gradients,
                       Optional<LNS_Scalar>:$loss);
  let results = (outs LNS_Scalar:$norm, LNS_Scalar:$factor, LNS_Vector:$partials);
  let assemblyFormat = [{
    $optimizer `,` $gradients (`loss` `(` $loss^ `)`)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def LNS_AdamWOp : LNS_Op<"adamw", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<LNS_CostOpInterface, ["getFlops", "getBytes"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "AdamW: updates a parameter and its moments";
  let description = [{
    With g = factor * gradient and the values of `optimizer`, unless `factor` is
    NaN: then nothing is written
    (Loshchilov and Hutter, arXiv 1711.05101, as in torch.optim.AdamW):

        p = p - lr * weight_decay * p                 if `decay`
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g^2
        p = p - lr * (m / bias1) / (sqrt(v / bias2) + eps)

    with lr, eps and weight_decay each times the op's factor, 1 where none is
    given.

    With `compute`, that compute weight of the parameter is written as well, from
    the new p and its gain as it is: the gain's own update comes before.

    Memory effects: reads and writes `Parameter` and `Moment` at the symbol; with
    `compute`, writes `ComputeWeight` there and reads `Parameter`, where the gain
    is.

    - (C1) the symbol names an `lns.parameter` of the gradient's type.
    - (C2) optimizer is tensor<8xf32>.
    - (C3) factor has the gradient's element type.
    - (C4) compute names an `lns.compute_weight` of the symbol.
    - (C5) as `lns.param` C6.

    ```mlir
    lns.adamw @lm_head.weight, %dw, %factor, %optimizer decay(true) compute(@lm_head.weight.bf16)
      : tensor<256x64xf32>, tensor<f32>, tensor<8xf32>
    lns.adamw @up_proj.weight, %du, %factor, %optimizer decay(true) lr_factor(0.25) eps_factor(0.5) decay_factor(4.0)
      : tensor<176x64xf32>, tensor<f32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$symbol, LNS_WideTensor:$gradient,
                       LNS_Scalar:$factor, LNS_Vector:$optimizer, BoolAttr:$decay,
                       OptionalAttr<FlatSymbolRefAttr>:$compute,
                       DefaultValuedAttr<F64Attr, "1.0">:$lr_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$eps_factor,
                       DefaultValuedAttr<F64Attr, "1.0">:$decay_factor);
  let assemblyFormat = [{
    $symbol `,` $gradient `,` $factor `,` $optimizer `decay` `(` $decay `)`
    (`lr_factor` `(` $lr_factor^ `)`)? (`eps_factor` `(` $eps_factor^ `)`)?
    (`decay_factor` `(` $decay_factor^ `)`)? (`compute` `(` $compute^ `)`)? attr-dict
    `:` type($gradient) `,` type($factor) `,` type($optimizer)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The compute weight that is written; null where there is none.
    ComputeWeightOp getComputeWeight();
  }];
}

def LNS_ProjectOp : LNS_Op<"project", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    DeclareOpInterfaceMethods<LNS_CostOpInterface, ["getFlops", "getBytes"]>,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "scales rows or columns of a parameter to length 1";
  let description = [{
    With s the sum of squares of a row, or column, in f64 and in an order that
    does not depend on threads:

        w = w / sqrt(s)    unless |s - 1| <= 2^-20, s = 0 or s is not finite

    What is scaled and rounded to f32 has an s within 2^-22 of 1, so that it stays
    as it is from then on, bit for bit: whoever loads what was stored, or projects
    twice, changes nothing. A line of zeros, as one that pads a parameter, stays
    zero. (nGPT, arXiv 2410.01131.)

    With a `factor`, as `lns.adamw` has one, nothing is written where that is NaN.

    Memory effects: reads and writes `Parameter` at the symbol.

    - (C1) the symbol names an `lns.parameter` that has this projection, stored as
         this type.
    - (C2) factor has the type's element type.

    ```mlir
    lns.project @q_proj.weight rows factor(%factor) : tensor<64x64xf32>, tensor<f32>
    lns.project @down_proj.weight columns : tensor<64x176xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$symbol, LNS_ProjectionAttr:$along,
                       TypeAttrOf<LNS_WideMatrix>:$type,
                       Optional<LNS_Scalar>:$factor);
  let assemblyFormat = [{
    $symbol $along (`factor` `(` $factor^ `)`)? attr-dict `:` $type (`,` type($factor)^)?
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

def LNS_ClusterOp : LNS_Op<"cluster", [IsolatedFromAbove, Pure, LNS_Cost,
    SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "row ops, and products before them, that become one kernel";
  let description = [{
    Made by `lns-cluster`, consumed by code generation. The body holds row ops
    (RowOpInterface); all full-row tensors have the same rows and, within the
    cluster, the same width. What all rows share (gains, biases, tables of
    positions, learned numbers) comes from outside.

    `lns-fuse-products` moves products before the row ops: these then are their
    epilogue, computed from what they sum up before that is rounded. Such a
    kernel has a row in parts, in several blocks, so that a sum over a row is
    complete only behind it. There are one product, two of one input (a gate and
    an up projection), or several that are only added up (the gradient of what
    both read). `lns-group-products` puts clusters of one input (query, key and
    value projections) into one: *members* of it, which share no value but the
    cluster's operands, and differ in width.

    - (C1) block arguments and operands agree in types; yielded values and
         results agree in types.
    - (C2) the body's ops are row ops over one number of rows and one width,
         behind at most four products that give such rows. Several members may
         each have a width of their own.
    - (C3) what all rows share are block arguments; a table of positions has
         no other reader inside than `lns.add_positions`, and is not yielded.
    - (C4) a product's operands are block arguments of one element type. A gain,
         a bias or an addend is not theirs but a row op's. Two products of a
         member have the same first operand, kind and types; or two and more are
         of one kind, alpha and element type, and nothing but `lns.add` reads
         them or their partial sums. Several members have one product each, of
         one kind and first operand.
    - (C5) behind a product, `lns.row_rstd` and `lns.row_dot` are only yielded, and
         there is no `lns.center_rows`.

    ```mlir
    %y, %r = lns.cluster(%a = %x, %b = %f)
        : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> (tensor<2x8x64xf32>, tensor<2x8xf32>) {
      %s = lns.residual %a, %b : tensor<2x8x64xf32>
      %t = lns.row_rstd %s eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
      lns.yield %s, %t : tensor<2x8x64xf32>, tensor<2x8xf32>
    }
    %h, %u = lns.cluster(%a = %f, %w = %wo, %b = %x)
        : (tensor<2x8x64xf32>, tensor<64x64xf32>, tensor<2x8x64xf32>) -> (tensor<2x8x64xf32>, tensor<2x8xf32>) {
      %p = lns.linear %a, %w : (tensor<2x8x64xf32>, tensor<64x64xf32>) -> tensor<2x8x64xf32>
      %s = lns.residual %b, %p : tensor<2x8x64xf32>
      %t = lns.row_rstd %s eps(1.0e-06) : (tensor<2x8x64xf32>) -> tensor<2x8xf32>
      lns.yield %s, %t : tensor<2x8x64xf32>, tensor<2x8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The products that the row ops follow; they stand first in the body.
    ::llvm::SmallVector<::mlir::Operation *> getProducts();
    /// The parts of a body with products that share no value but block
    /// arguments, each with products, in the order of these. A row op that
    /// shares no value with a product is the first member's with such rows.
    ::llvm::SmallVector<ClusterMember> getMembers();
  }];
}

#endif // LNS_GRAPH_OPS_TD
