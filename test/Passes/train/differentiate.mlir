// RUN: lns-opt %s --split-input-file --lns-differentiate | FileCheck %s
// RUN: lns-opt %s --split-input-file --lns-differentiate --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAMES
// RUN: lns-opt %s --split-input-file --lns-differentiate | lns-interpret --split-input-file --check-gradients

// The adjoints of the forward ops in reverse order; the sums of gradients in the
// order in which the reverse walk meets the readers. @eval stays.
// CHECK: func.func @eval
// CHECK-LABEL: func.func @grads(
// CHECK-SAME: %[[TOKENS:[a-z0-9]+]]: tensor<2x3xi32>, %[[TARGETS:[a-z0-9]+]]: tensor<2x3xi32>) -> tensor<f32>
// CHECK: %[[E:.*]] = lns.get parameter @e
// CHECK: %[[W:.*]] = lns.get parameter @w
// CHECK: %[[X:.*]] = lns.embedding %[[E]], %[[TOKENS]]
// CHECK: %[[Y:.*]] = lns.linear %[[X]], %[[W]]
// CHECK: %[[H:.*]] = lns.residual %[[X]], %[[Y]]
// CHECK: %[[LOSSES:.*]], %[[LSE:.*]] = lns.cross_entropy %[[H]], %[[TARGETS]]
// CHECK: %[[LOSS:.*]] = lns.mean %[[LOSSES]]
// CHECK: %[[ONE:.*]] = lns.constant 1.0{{.*}} : tensor<f32>
// CHECK: %[[DLOSSES:.*]] = lns.mean_grad %[[ONE]]
// CHECK: %[[DH:.*]] = lns.cross_entropy_grad %[[H]], %[[TARGETS]], %[[LSE]], %[[DLOSSES]]
// CHECK: %[[DX:.*]] = lns.matmul %[[DH]], %[[W]]
// CHECK: %[[DW:.*]] = lns.matmul %[[DH]], %[[X]] transpose_a
// CHECK: %[[SUM:.*]] = lns.add %[[DH]], %[[DX]]
// CHECK: %[[DE:.*]] = lns.embedding_grad %[[SUM]], %[[TOKENS]]
// CHECK-NEXT: lns.set %[[DE]], gradient @e
// CHECK-NEXT: lns.set %[[DW]], gradient @w
// CHECK-NEXT: return %[[LOSS]]
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x5xf32>
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<5x5xf32>
func.func @eval(%tokens: tensor<2x3xi32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<5x5xf32>
  %w = lns.get parameter @w : tensor<5x5xf32>
  %x = lns.embedding %e, %tokens : (tensor<5x5xf32>, tensor<2x3xi32>) -> tensor<2x3x5xf32>
  %y = lns.linear %x, %w : (tensor<2x3x5xf32>, tensor<5x5xf32>) -> tensor<2x3x5xf32>
  %h = lns.residual %x, %y : tensor<2x3x5xf32>
  %losses, %lse = lns.cross_entropy %h, %targets : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A parameter that is read twice, as a tied head is, has one gradient: the sum
// of both, in the order of the reads.
// CHECK-LABEL: func.func @grads(
// CHECK: %[[DHEAD:.*]] = lns.matmul {{.*}} transpose_a
// CHECK: %[[DTABLE:.*]] = lns.embedding_grad
// CHECK: %[[SUM:.*]] = lns.add %[[DTABLE]], %[[DHEAD]]
// CHECK: lns.set %[[SUM]], gradient @e
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x4xf32>
func.func @eval(%tokens: tensor<2x3xi32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<5x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<5x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %head = lns.get parameter @e : tensor<5x4xf32>
  %y = lns.linear %x, %head : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  %losses, %lse = lns.cross_entropy %y, %targets : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Attention in @grads also gives its log-sum-exp, from which its adjoint
// recomputes probabilities; in @eval it does not. What depends on no parameter
// gets no gradient: there is no product for x.
// CHECK: func.func @eval
// CHECK: lns.attention {{.*}} -> tensor<1x3x4xf32>
// CHECK-LABEL: func.func @grads(
// CHECK: %[[Q:.*]] = lns.linear
// CHECK: %[[A:.*]], %[[LSE:.*]] = lns.attention %[[Q]], %[[Q]], %[[V:[a-z0-9]+]] heads(2) kv_heads(2) causal {{.*}} -> (tensor<1x3x4xf32>, tensor<1x2x3xf32>)
// CHECK: %[[DQ:.*]], %[[DK:.*]], %{{.*}} = lns.attention_grad %[[Q]], %[[Q]], %[[V]], %[[A]], %[[LSE]]
// CHECK: lns.add %[[DQ]], %[[DK]]
// CHECK-NOT: lns.matmul {{.*}} -> tensor<1x3x4xf32>
// CHECK: lns.set

// An adjoint is called after its op.
// NAMES: func.func @grads
// NAMES: lns.attention {{.*}} loc("block.attention"
// NAMES: lns.attention_grad {{.*}} loc("block.attention.grad"
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<4x4xf32>
func.func @eval(%x: tensor<1x3x4xf32>, %targets: tensor<1x3xi32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %q = lns.linear %x, %w : (tensor<1x3x4xf32>, tensor<4x4xf32>) -> tensor<1x3x4xf32>
  %a = lns.attention %q, %q, %x heads(2) kv_heads(2) causal : (tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x4xf32> loc("block.attention")
  %losses, %lse = lns.cross_entropy %a, %targets : (tensor<1x3x4xf32>, tensor<1x3xi32>) -> (tensor<1x3xf32>, tensor<1x3xf32>)
  %loss = lns.mean %losses : (tensor<1x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A fused norm's backward half follows from the adjoints of three small ops:
// dW' = x^T (r dz) on the raw x, dW = s dW' diag(g), dg = s sum_j W dW', and the
// row dot that gives dx its second term.
// CHECK-LABEL: func.func @grads(
// CHECK: %[[X:.*]] = lns.embedding
// CHECK: %[[R:.*]] = lns.row_rstd %[[X]]
// CHECK: %[[W2:.*]] = lns.scale_columns %[[W:.*]], %[[G:.*]] scale(5.000000e-01)
// CHECK: %[[P:.*]] = lns.linear %[[X]], %[[W2]]
// CHECK: %[[DZ:.*]] = lns.cross_entropy_grad
// CHECK: %[[U:.*]] = lns.row_scale %[[DZ]], %[[R]]
// CHECK: %[[Q:.*]] = lns.row_dot %[[DZ]], %[[P]]
// CHECK: lns.matmul %[[U]], %[[W2]]
// CHECK: %[[DW2:.*]] = lns.matmul %[[U]], %[[X]] transpose_a
// CHECK: %[[DW:.*]] = lns.scale_columns %[[DW2]], %[[G]] scale(5.000000e-01)
// CHECK: %[[DG:.*]] = lns.column_dot %[[DW2]], %[[W]] scale(5.000000e-01)
// CHECK: lns.row_rstd_grad %[[X]], %[[R]], %[[Q]]
// CHECK: lns.set %[[DG]], gradient @g
// CHECK: lns.set %[[DW]], gradient @w
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<5x4xf32>
func.func @eval(%tokens: tensor<2x3xi32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<5x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<5x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %w = lns.get parameter @w : tensor<5x4xf32>
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %w2 = lns.scale_columns %w, %g scale(0.5) : tensor<5x4xf32>, tensor<4xf32>
  %p = lns.linear %x, %w2 : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  %z = lns.row_scale %p, %r : tensor<2x3x5xf32>, tensor<2x3xf32>
  %losses, %lse = lns.cross_entropy %z, %targets : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// GPAS: what is read through lns.stop_gradient has no gradient, so that dx is dy,
// and nothing folds x - c x. The gradients have the op no more, @eval still has it.
// CHECK: func.func @eval
// CHECK: lns.stop_gradient
// CHECK-LABEL: func.func @grads(
// CHECK: %[[C:.*]] = lns.get parameter @c
// CHECK: %[[X:.*]] = lns.embedding
// CHECK: %[[G:.*]] = lns.activation silu %[[C]]
// CHECK: %[[P:.*]] = lns.scale_by %[[X]], %[[G]]
// CHECK: lns.residual %[[X]], %[[P]]
// CHECK: %[[DH:.*]] = lns.cross_entropy_grad
// CHECK: %[[DP:.*]] = lns.scale %[[DH]] factor(-1.0
// CHECK: %[[DOTS:.*]] = lns.row_dot %[[DP]], %[[X]]
// CHECK: %[[DG:.*]] = lns.sum %[[DOTS]]
// CHECK: %[[DC:.*]] = lns.activation_grad silu %[[DG]], %[[C]]
// CHECK: %[[DE:.*]] = lns.embedding_grad %[[DH]],
// CHECK-NOT: lns.stop_gradient
// CHECK: lns.set %[[DE]], gradient @e
// CHECK: lns.set %[[DC]], gradient @c
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x5xf32>
lns.parameter @c gain init(constant, 0.5) decay(false) : tensor<1xf32>
func.func @eval(%tokens: tensor<2x3xi32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<5x5xf32>
  %c = lns.get parameter @c : tensor<1xf32>
  %x = lns.embedding %e, %tokens : (tensor<5x5xf32>, tensor<2x3xi32>) -> tensor<2x3x5xf32>
  %g = lns.activation silu %c : tensor<1xf32>
  %s = lns.stop_gradient %x : tensor<2x3x5xf32>
  %p = lns.scale_by %s, %g : tensor<2x3x5xf32>, tensor<1xf32>
  %h = lns.residual %x, %p {branch_scale = -1.0 : f64} : tensor<2x3x5xf32>
  %losses, %lse = lns.cross_entropy %h, %targets : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
