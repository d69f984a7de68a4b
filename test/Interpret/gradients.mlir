// A model of two blocks with every kind of op, through the whole pipeline: the
// logits, the loss, the gradients and the updates stay what they were, and the
// gradients agree with finite differences of the loss, for every parameter.

// Model form against graph form and against fused training form.
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-instantiate{batch=2 seq=5})' | FileCheck %s --check-prefix=MODEL
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-graph{batch=2 seq=5},lns-eliminate-norms,lns-train,lns-fuse)' | FileCheck %s --check-prefix=MODEL
// MODEL: logits: {{[0-9]+}} tensors agree
// MODEL: eval: {{[0-9]+}} tensors agree

// Training form before and after fusion: all five entry points.
// RUN: lns-opt %s --lns-graph='batch=2 seq=5' --lns-eliminate-norms --lns-train -o %t.train.mlir
// RUN: lns-interpret %t.train.mlir --check-pipeline='builtin.module(lns-fuse,canonicalize,cse)' | FileCheck %s --check-prefix=TRAIN
// TRAIN-DAG: logits: {{[0-9]+}} tensors agree
// TRAIN-DAG: eval: {{[0-9]+}} tensors agree
// TRAIN-DAG: grads: {{[0-9]+}} tensors agree
// TRAIN-DAG: apply: {{[0-9]+}} tensors agree
// TRAIN-DAG: train_step: {{[0-9]+}} tensors agree

// Norms that were folded before differentiation have the gradients of norms
// that were only decomposed.
// RUN: lns-opt %s --lns-graph='batch=2 seq=5' --lns-decompose-norms --lns-train -o %t.plain.mlir
// RUN: lns-interpret %t.plain.mlir --check-gradients | FileCheck %s --check-prefix=GRADIENTS
// RUN: lns-interpret %t.train.mlir --check-gradients | FileCheck %s --check-prefix=GRADIENTS
// RUN: lns-opt %t.train.mlir --lns-fuse | lns-interpret --check-gradients | FileCheck %s --check-prefix=GRADIENTS
// GRADIENTS-COUNT-21: gradient of {{.*}} agrees
// GRADIENTS-NOT: gradient of

// So have those of a model whose inner width is padded: gradients and updates
// are 0 outside of the parameters, or the interpreter would complain.
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-graph{batch=2 seq=5},lns-pad,lns-eliminate-norms,lns-train,lns-fuse)' | FileCheck %s --check-prefix=MODEL
// RUN: lns-opt %s --lns-graph='batch=2 seq=5' --lns-pad --lns-eliminate-norms --lns-train -o %t.padded.mlir
// RUN: FileCheck %s --check-prefix=PADDED --input-file=%t.padded.mlir
// PADDED: lns.parameter @model.layers.1.mlp.gate_proj.weight matrix {{.*}} storage(tensor<16x12xf32>) : tensor<10x12xf32>
// RUN: lns-interpret %t.padded.mlir --check-gradients | FileCheck %s --check-prefix=GRADIENTS
// RUN: lns-interpret %t.padded.mlir --check-pipeline='builtin.module(lns-fuse,canonicalize,cse)' | FileCheck %s --check-prefix=TRAIN

// A gradient that is off fails.
// RUN: not lns-interpret %t.train.mlir --check-gradients --perturb-adjoint=1e-4 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: error: the gradient of 'model.embed_tokens.weight' is wrong

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x12xf32>
!keys = tensor<?x?x6xf32>
!inner = tensor<?x?x10xf32>
!logits = tensor<?x?x11xf32>

lns.model @tiny(%tokens: !tokens) {
  %embed = lns.param "model.embed_tokens.weight" embedding init(normal, 0.02) : tensor<11x12xf32>
  %x0 = lns.embedding %embed, %tokens : (tensor<11x12xf32>, !tokens) -> !hidden
  %x = lns.layers(%h = %x0) depth(2) : !hidden {
    %g1 = lns.param "model.layers.{layer}.input_layernorm.weight" gain init(ones) : tensor<12xf32>
    %wq = lns.param "model.layers.{layer}.self_attn.q_proj.weight" matrix init(normal, 0.02) : tensor<12x12xf32>
    %wk = lns.param "model.layers.{layer}.self_attn.k_proj.weight" matrix init(normal, 0.02) : tensor<6x12xf32>
    %wv = lns.param "model.layers.{layer}.self_attn.v_proj.weight" matrix init(normal, 0.02) : tensor<6x12xf32>
    %wo = lns.param "model.layers.{layer}.self_attn.o_proj.weight" matrix init(normal, 0.02) : tensor<12x12xf32>
    %n1 = lns.norm rms %h, %g1 eps(1.0e-3) depth_scale(inv_sqrt_depth) : !hidden, tensor<12xf32>
    %q0 = lns.linear %n1, %wq : (!hidden, tensor<12x12xf32>) -> !hidden
    %k0 = lns.linear %n1, %wk : (!hidden, tensor<6x12xf32>) -> !keys
    %v = lns.linear %n1, %wv : (!hidden, tensor<6x12xf32>) -> !keys
    %q = lns.rope %q0 head_dim(2) {base = 5.0e+02 : f64} : !hidden
    %k = lns.rope %k0 head_dim(2) {base = 5.0e+02 : f64} : !keys
    %a = lns.attention %q, %k, %v heads(6) kv_heads(3) causal : (!hidden, !keys, !keys) -> !hidden
    %o = lns.linear %a, %wo : (!hidden, tensor<12x12xf32>) -> !hidden
    %h1 = lns.residual %h, %o : !hidden
    %g2 = lns.param "model.layers.{layer}.post_attention_layernorm.weight" gain init(ones) : tensor<12xf32>
    %wg = lns.param "model.layers.{layer}.mlp.gate_proj.weight" matrix init(normal, 0.02) : tensor<10x12xf32>
    %wu = lns.param "model.layers.{layer}.mlp.up_proj.weight" matrix init(normal, 0.02) : tensor<10x12xf32>
    %wd = lns.param "model.layers.{layer}.mlp.down_proj.weight" matrix init(normal, 0.02) : tensor<12x10xf32>
    %n2 = lns.norm rms %h1, %g2 depth_scale(inv_sqrt_depth) : !hidden, tensor<12xf32>
    %g = lns.linear %n2, %wg : (!hidden, tensor<10x12xf32>) -> !inner
    %u = lns.linear %n2, %wu : (!hidden, tensor<10x12xf32>) -> !inner
    %m = lns.gated_activation silu %g, %u : !inner
    %d = lns.linear %m, %wd : (!inner, tensor<12x10xf32>) -> !hidden
    %h2 = lns.residual %h1, %d {branch_scale = 5.0e-01 : f64} : !hidden
    lns.yield %h2 : !hidden
  }
  %gn = lns.param "model.norm.weight" gain init(ones) : tensor<12xf32>
  %head = lns.param "lm_head.weight" matrix init(normal, 0.02) : tensor<11x12xf32>
  %n = lns.norm rms %x, %gn : !hidden, tensor<12xf32>
  %y = lns.linear %n, %head : (!hidden, tensor<11x12xf32>) -> !logits
  lns.output %y : !logits
}
