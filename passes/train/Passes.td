//===- Passes.td - Graph form to training form -------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_TRAIN_PASSES_TD
#define LNS_PASSES_TRAIN_PASSES_TD

include "mlir/Pass/PassBase.td"

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

    No gradient flows through an `lns.stop_gradient`, and what is differentiated
    has none any more.

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

def DropStopGradients : Pass<"lns-drop-stop-gradients", "::mlir::func::FuncOp"> {
  let summary = "Replace each lns.stop_gradient by its operand";
  let description = [{
    Behind differentiation it is the identity, and costs no kernel and no copy.
    `lns-differentiate` leaves none in the gradients that it makes; those of
    `@eval` and `@logits` stay in training form, so that differences of `@eval`
    can still be compared with the gradients, and go here.

    Not before `lns-differentiate`: what is read through it has no gradient.

    ```mlir
    %s = lns.stop_gradient %y : tensor<2x8x64xf32>
    %z = lns.scale_by %s, %f : tensor<2x8x64xf32>, tensor<1xf32>
    // becomes
    %z = lns.scale_by %y, %f : tensor<2x8x64xf32>, tensor<1xf32>
    ```
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
    runtime/plan/kernel_abi.h. Both return the global norm of the gradients, and
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

    A parameter with a projection has an `lns.project` behind its update, which
    looks at the same factor. `@project()` has those of all parameters, for
    whoever writes parameters from outside.

    Every parameter's gradient must be stored in `@grads`, and all parameters
    must have one element type.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::lns::LnsDialect"];
}

def VerifyTrain : Pass<"lns-verify-train", "::mlir::ModuleOp"> {
  let summary = "Check that training form is complete";
  let description = [{
    Ends the training phase: the five entry points are there, no `lns.norm` and
    no linear with a bias is left, every parameter's gradient is stored once in
    `@grads` and `@train_step`, in `@micro_grads` if that reads the parameter, and
    every parameter is updated once in `@apply` and `@train_step`. One with a
    projection is projected once behind that, and once in `@project`, which is
    then there, too.

    Fused and planned form must be this, too.
  }];
  let options = [
    Option<"logits", "logits", "bool", /*default=*/"true",
           "Demand @logits, which a memory budget may leave out">
  ];
}

#endif // LNS_PASSES_TRAIN_PASSES_TD
