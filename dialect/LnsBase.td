//===- LnsBase.td - Dialect, enums and attributes -         *- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_BASE_TD
#define LNS_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Lns_Dialect : Dialect {
  let name = "lns";
  let cppNamespace = "::lns";
  let summary = "Normalized transformers, from their description to a training step";
  let description = [{
    The dialect has two forms.

    *Model form* is what a person writes: one `lns.model` with its parameters
    declared where they are used, and one `lns.layers` op that holds the block
    once and says how deep the model is. Batch and sequence are dynamic
    dimensions.

    *Graph form* is what passes work on: `lns.parameter` symbols and functions
    over static tensors (`logits`, `eval`, then `grads`, `apply` and
    `train_step`). Where compute weights are kept, there are `lns.compute_weight`
    symbols and `refresh`, too; where lines of parameters have length 1, `project`. All
    ops are pure on tensors but for `lns.get`, `lns.set`, `lns.adamw`, `lns.project` and
    `lns.repeat`, which read and write what outlives a call. What they
    touch is a side-effect resource for each storage (`Parameter`, `Gradient`,
    `ComputeWeight`, and `Moment` for both of AdamW's) and, in it, a symbol. An op that
    names neither, as a call or an op of another dialect, may touch all of it.

    A tensor is `[batch, time, features]`. Its *rows* are all leading
    dimensions together, its *columns* (features) the last one. Weights have
    Hugging Face's layout `[out, in]`.

    Element types are bf16, f32 and f64. What belongs to a tensor but is not as
    large (gains, biases, one number per row, losses, parameters' gradients) has
    its *wide* type: f32 for bf16, else the element type itself. Kernels compute
    in the wide type and round to bf16, to nearest even, where they store.

    A key that an op does not know is an error, among its attributes and in the
    `<{...}>` of its generic form.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
}

class LNS_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::lns";
}
class LNS_EnumAttr<EnumAttrInfo info, string mnemonic>
    : EnumAttr<Lns_Dialect, info, mnemonic>;

// Schemes and kinds are exhaustive enums: a name that is not one of them is a
// parse error, never a silent default.
def LNS_NormKind : LNS_Enum<"NormKind", "kind of normalization", [
  I32EnumAttrCase<"rms", 0>,   // x / sqrt(mean(x^2) + eps)
  I32EnumAttrCase<"layer", 1>, // (x - mean(x)) / sqrt(var(x) + eps)
  I32EnumAttrCase<"tanh", 2>,  // tanh(alpha x), alpha learned
  I32EnumAttrCase<"erf", 3>    // erf(alpha x + shift), both learned
]>;
def LNS_NormKindAttr : LNS_EnumAttr<LNS_NormKind, "norm_kind">;

def LNS_DepthScale : LNS_Enum<"DepthScale", "how a norm's output, or an initial value, is scaled with depth", [
  I32EnumAttrCase<"none", 0>,          // 1
  I32EnumAttrCase<"inv_sqrt_depth", 1> // 1/sqrt(l), l the 1-based block index
]>;
def LNS_DepthScaleAttr : LNS_EnumAttr<LNS_DepthScale, "depth_scale">;

def LNS_Role : LNS_Enum<"Role", "what a parameter is to the optimizer and to folds", [
  I32EnumAttrCase<"matrix", 0>,
  I32EnumAttrCase<"gain", 1>,
  I32EnumAttrCase<"bias", 2>,
  I32EnumAttrCase<"embedding", 3>
]>;
def LNS_RoleAttr : LNS_EnumAttr<LNS_Role, "role">;

def LNS_InitKind : LNS_Enum<"InitKind", "how a parameter is initialized", [
  I32EnumAttrCase<"zeros", 0>,
  I32EnumAttrCase<"ones", 1>,
  I32EnumAttrCase<"normal", 2>,   // mean 0, standard deviation `init_value`
  I32EnumAttrCase<"constant", 3>, // `init_value`
  I32EnumAttrCase<"truncated_normal", 4> // normal, drawn again beyond 3 standard deviations
]>;
def LNS_InitKindAttr : LNS_EnumAttr<LNS_InitKind, "init">;

def LNS_Activation : LNS_Enum<"Activation", "activation of a feed-forward block", [
  I32EnumAttrCase<"silu", 0>,      // x * sigmoid(x)
  I32EnumAttrCase<"gelu_tanh", 1>, // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
  I32EnumAttrCase<"relu", 2>,      // max(x, 0)
  I32EnumAttrCase<"tanh", 3>,
  I32EnumAttrCase<"gelu", 4>,      // x/2 * (1 + erf(x / sqrt(2)))
  I32EnumAttrCase<"sigmoid", 5>,   // 1 / (1 + e^-x)
  I32EnumAttrCase<"relu2", 6>,     // max(x, 0)^2
  I32EnumAttrCase<"erf", 7>,
  I32EnumAttrCase<"abs", 8>        // |x|
]>;
def LNS_ActivationAttr : LNS_EnumAttr<LNS_Activation, "activation">;

def LNS_Projection : LNS_Enum<"Projection", "which lines of a matrix have length 1", [
  I32EnumAttrCase<"rows", 0>,
  I32EnumAttrCase<"columns", 1>
]>;
def LNS_ProjectionAttr : LNS_EnumAttr<LNS_Projection, "projection">;

def LNS_Storage : LNS_Enum<"Storage", "which tensor a symbol stands for", [
  I32EnumAttrCase<"parameter", 0>,
  I32EnumAttrCase<"gradient", 1>, // of a parameter
  I32EnumAttrCase<"compute", 2>,  // of a compute weight
  I32EnumAttrCase<"cache", 3>     // of tokens that were decoded
]>;
def LNS_StorageAttr : LNS_EnumAttr<LNS_Storage, "storage">;

/// An attribute that the op does not know, without the prefix of a dialect, is an
/// error: whoever wrote `branch_scal` means something by it.
def LNS_KnownAttributes : NativeOpTrait<"KnownAttributes"> {
  let cppNamespace = "::lns::OpTrait";
}

// Types. Activations and compute weights are bf16 or f32; f64 is for tests. What
// is summed or kept over steps (parameters, gains, losses) is never bf16.
def LNS_Tensor : RankedTensorOf<[BF16, F32, F64]>;
def LNS_Matrix : 2DTensorOf<[BF16, F32, F64]>;
def LNS_WideTensor : RankedTensorOf<[F32, F64]>;
def LNS_WideMatrix : 2DTensorOf<[F32, F64]>;
def LNS_Scalar : 0DTensorOf<[F32, F64]>;
def LNS_Vector : 1DTensorOf<[F32, F64]>;
def LNS_Tokens : RankedTensorOf<[I32]>;
def LNS_Count : 0DTensorOf<[I32]>,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI32Type())">;

#endif // LNS_BASE_TD
