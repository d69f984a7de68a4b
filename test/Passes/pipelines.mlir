// The phases by name, and all of them together keep the meaning of the model:
// the elimination of norms keeps logits and loss, and the gradients that are
// made after it are those of the loss before it.
// RUN: lns-opt %s --lns-graph='batch=2 seq=4' --lns-eliminate-norms --lns-train -o %t.mlir
// RUN: FileCheck %s --implicit-check-not=lns.norm < %t.mlir
// RUN: lns-interpret %s --batch=2 --seq=4 --check-pipeline='builtin.module(lns-graph{batch=2 seq=4},lns-eliminate-norms,lns-train)'
// RUN: lns-interpret %t.mlir --check-gradients

// The same as one pipeline after the other; the optimizer is not touched by
// fusion.
// RUN: lns-interpret %t.mlir --check-pipeline='builtin.module(lns-fuse)'
// RUN: lns-interpret %t.mlir --check-pipeline='builtin.module(lns-fuse-cuda)'
// RUN: lns-opt %t.mlir --pass-pipeline='builtin.module(lns-fuse-cuda{products=false})' -o %t.apart.mlir
// RUN: lns-opt %t.mlir --pass-pipeline='builtin.module(func.func(lns-fuse-loss,lns-gain-gradients,lns-materialize-weights),lns-keep-weights,lns-fuse)' | diff %t.apart.mlir -

// With bf16 activations too: the numbers are the same where nothing rounds. A
// weight's gradient is the f32 sum of a product, never rounded on its way.
// RUN: lns-opt %s --lns-graph='batch=2 seq=4' --lns-eliminate-norms --lns-bf16 --lns-train -o %t.bf16.mlir
// RUN: FileCheck %s --check-prefix=BF16 < %t.bf16.mlir
// RUN: lns-interpret %s --batch=2 --seq=4 --check-pipeline='builtin.module(lns-graph{batch=2 seq=4},lns-eliminate-norms,lns-bf16,lns-train)'
// RUN: lns-interpret %t.bf16.mlir --check-gradients
// RUN: lns-interpret %t.bf16.mlir --check-pipeline='builtin.module(lns-fuse)'
// BF16-LABEL: func.func @grads
// BF16: lns.embedding_grad %{{.*}} addend({{.*}}) : (tensor<2x4x4xbf16>, tensor<2x4xi32>, tensor<7x4xf32>) -> tensor<7x4xf32>
// BF16-NOT: tensor<4x4xbf16> to tensor<4x4xf32>

// One statistic serves the query and the key, and one x is read by both; the
// head is as wide as the input allows, so the final norm is fused too.
// CHECK-LABEL: func.func @logits
// CHECK: lns.row_rstd
// CHECK-NOT: lns.row_rstd
// CHECK: lns.attention
// CHECK: lns.row_rstd
// CHECK: return
// CHECK-LABEL: func.func @eval
// CHECK-LABEL: func.func @grads
// CHECK-LABEL: func.func @apply
// CHECK-LABEL: func.func @train_step
lns.model @small(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<7x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x4xf32> {
    %g = lns.param "g.{layer}" gain init(ones) : tensor<4xf32>
    %wq = lns.param "q.{layer}" matrix init(normal, 1.0) : tensor<4x4xf32>
    %wk = lns.param "k.{layer}" matrix init(normal, 1.0) : tensor<4x4xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x4xf32>, tensor<4xf32>
    %q = lns.linear %n, %wq : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    %k = lns.linear %n, %wk : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    %qr = lns.rope %q head_dim(2) : tensor<?x?x4xf32>
    %kr = lns.rope %k head_dim(2) : tensor<?x?x4xf32>
    %a = lns.attention %qr, %kr, %k heads(2) kv_heads(2) causal : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
    %r = lns.residual %h, %a : tensor<?x?x4xf32>
    lns.yield %r : tensor<?x?x4xf32>
  }
  %g = lns.param "g" gain init(ones) : tensor<4xf32>
  %n = lns.norm rms %y, %g : tensor<?x?x4xf32>, tensor<4xf32>
  %logits = lns.linear %n, %e : (tensor<?x?x4xf32>, tensor<7x4xf32>) -> tensor<?x?x7xf32>
  lns.output %logits : tensor<?x?x7xf32>
}
