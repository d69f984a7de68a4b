// RUN: lns-opt %s --lns-add-adapters='rank=4 alpha=8 targets=q_proj' | FileCheck %s
// RUN: lns-opt %s --lns-add-adapters='rank=4 alpha=8 targets=self_attn.q_proj,up_proj rslora save=norm,lm_head' | FileCheck %s --check-prefix=SAVE
// RUN: lns-opt %s --lns-add-adapters='rank=4 alpha=8 targets=all-linear' | FileCheck %s --check-prefix=ALL

// What the passes behind make of it is what it says, to 1e-12, and the gradients are
// those of the loss: of both factors, since all numbers are at random here.
// RUN: lns-opt %s --lns-add-adapters='rank=4 alpha=8 targets=all-linear' -o %t.mlir
// RUN: lns-interpret %t.mlir --poison --reference-pipeline='builtin.module(lns-graph{batch=3 seq=5},lns-decompose-norms,lns-split-bias,lns-train)' --check-pipeline='builtin.module(lns-graph{batch=3 seq=5},lns-eliminate-norms,lns-train,lns-fuse,func.func(lns-plan-memory,lns-verify-plan))' | FileCheck %s --check-prefix=SAME
// RUN: lns-opt %t.mlir --lns-graph='batch=3 seq=5' --lns-eliminate-norms --lns-train -o %t.train.mlir
// RUN: lns-interpret %t.train.mlir --check-gradients | FileCheck %s --check-prefix=GRADIENTS

// So it is with LayerNorms and their biases, with heads that are normed, and on CUDA.
// DEFINE: %{from} =
// DEFINE: %{same} = lns-opt %{from} --lns-add-adapters='rank=4 alpha=8 targets=all-linear' | lns-interpret --reference-pipeline='builtin.module(lns-graph{batch=3 seq=7},lns-decompose-norms,lns-split-bias,lns-train)' --check-pipeline='builtin.module(lns-graph{batch=3 seq=7},lns-eliminate-norms,lns-train,lns-fuse-cuda)' | FileCheck %s --check-prefix=SAME
// REDEFINE: %{from} = %models/gpt2.mlir
// RUN: %{same}
// REDEFINE: %{from} = %models/layernorm-scaling.mlir
// RUN: %{same}
// REDEFINE: %{from} = %models/qk-norm.mlir
// RUN: %{same}
// SAME: logits: {{[0-9]+}} tensors agree
// SAME: grads: {{[0-9]+}} tensors agree
// SAME: train_step: {{[0-9]+}} tensors agree
// GRADIENTS: gradient of model.layers.0.self_attn.q_proj.lora_A.weight agrees
// GRADIENTS: gradient of model.layers.1.mlp.up_proj.lora_B.weight agrees
// GRADIENTS-NOT: gradient of model.embed_tokens

// CHECK: lns.param "model.embed_tokens.weight" embedding init(normal, {{.*}}) frozen
// CHECK: lns.layers
// CHECK: lns.param "model.layers.{layer}.input_layernorm.weight" gain init(ones) frozen
// CHECK: %[[N:.*]] = lns.norm
// CHECK: %[[W:.*]] = lns.param "model.layers.{layer}.self_attn.q_proj.weight" matrix init(normal, 2.000000e-02) frozen : tensor<16x16xf32>
// CHECK: %[[BIAS:.*]] = lns.param "model.layers.{layer}.self_attn.q_proj.bias" bias init(zeros) frozen
// CHECK: %[[Y:.*]] = lns.linear %[[N]], %[[W]] bias(%[[BIAS]]) {alpha = 5.000000e-01 : f64}
// CHECK-NEXT: %[[A:.*]] = lns.param "model.layers.{layer}.self_attn.q_proj.lora_A.weight" matrix init(normal, 0.14433756729740646) : tensor<4x16xf32>
// CHECK-NEXT: %[[B:.*]] = lns.param "model.layers.{layer}.self_attn.q_proj.lora_B.weight" matrix init(zeros) : tensor<16x4xf32>
// CHECK-NEXT: %[[D:.*]] = lns.linear %[[N]], %[[A]] : {{.*}} -> tensor<?x?x4xf32>
// The scale of the adapter, 8 / 4, times the linear's own.
// CHECK-NEXT: %[[U:.*]] = lns.linear %[[D]], %[[B]] : {{.*}} -> tensor<?x?x16xf32>
// CHECK-NEXT: %[[Z:.*]] = lns.add %[[Y]], %[[U]]
// CHECK: lns.attention %[[Z]]
// CHECK: lns.param "model.layers.{layer}.mlp.up_proj.weight" matrix {{.*}} frozen
// CHECK-NOT: lora_A
// CHECK: lns.param "lm_head.weight" matrix {{.*}} frozen

// SAVE: lns.param "model.layers.{layer}.self_attn.q_proj.lora_A.weight"
// 8 / sqrt(4) times 0.5.
// SAVE: lns.linear {{.*}} {alpha = 2.000000e+00 : f64}
// SAVE: lns.param "model.layers.{layer}.mlp.up_proj.lora_B.weight"
// SAVE: lns.linear {{.*}} {alpha = 4.000000e+00 : f64}
// SAVE: lns.param "model.norm.weight" gain init(ones) : tensor
// SAVE: lns.param "lm_head.weight" matrix init(normal, 2.000000e-02) decay(true) : tensor

// ALL-COUNT-2: lora_A.weight
// ALL-NOT: lora_A.weight

lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "model.embed_tokens.weight" embedding init(normal, 0.5) : tensor<32x16xf32>
  %x = lns.embedding %e, %tokens : (tensor<32x16xf32>, tensor<?x?xi32>) -> tensor<?x?x16xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x16xf32> {
    %g = lns.param "model.layers.{layer}.input_layernorm.weight" gain init(ones) : tensor<16xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x16xf32>, tensor<16xf32>
    %q = lns.param "model.layers.{layer}.self_attn.q_proj.weight" matrix init(normal, 0.02) decay_factor(2.0) : tensor<16x16xf32>
    %qb = lns.param "model.layers.{layer}.self_attn.q_proj.bias" bias init(zeros) : tensor<16xf32>
    %q1 = lns.linear %n, %q bias(%qb) {alpha = 5.0e-01 : f64} : (tensor<?x?x16xf32>, tensor<16x16xf32>, tensor<16xf32>) -> tensor<?x?x16xf32>
    %a = lns.attention %q1, %n, %n heads(2) kv_heads(2) causal : (tensor<?x?x16xf32>, tensor<?x?x16xf32>, tensor<?x?x16xf32>) -> tensor<?x?x16xf32>
    %r = lns.residual %h, %a : tensor<?x?x16xf32>
    %g2 = lns.param "model.layers.{layer}.post_attention_layernorm.weight" gain init(ones) : tensor<16xf32>
    %n2 = lns.norm rms %r, %g2 depth_scale(inv_sqrt_depth) : tensor<?x?x16xf32>, tensor<16xf32>
    %u = lns.param "model.layers.{layer}.mlp.up_proj.weight" matrix init(normal, 0.02) : tensor<16x16xf32>
    %u1 = lns.linear %n2, %u : (tensor<?x?x16xf32>, tensor<16x16xf32>) -> tensor<?x?x16xf32>
    %s = lns.activation silu %u1 : tensor<?x?x16xf32>
    %r2 = lns.residual %r, %s : tensor<?x?x16xf32>
    lns.yield %r2 : tensor<?x?x16xf32>
  }
  %fg = lns.param "model.norm.weight" gain init(ones) : tensor<16xf32>
  %f = lns.norm rms %y, %fg : tensor<?x?x16xf32>, tensor<16xf32>
  %w = lns.param "lm_head.weight" matrix init(normal, 0.02) decay(true) : tensor<32x16xf32>
  %l = lns.linear %f, %w : (tensor<?x?x16xf32>, tensor<32x16xf32>) -> tensor<?x?x32xf32>
  lns.output %l : tensor<?x?x32xf32>
}
