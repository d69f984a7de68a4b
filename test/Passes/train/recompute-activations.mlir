// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-recompute-activations))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-recompute-activations))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-recompute-activations))'

// In clusters, what is computed again stands in the adjoint's kernel, not in the
// one before the loss, where it would be kept.
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-recompute-activations,lns-cluster))' | FileCheck %s --check-prefix=FUSED

// The weight's gradient reads the second computation, which reads what the
// adjoint reads.
// CHECK-LABEL: func.func @gated
// CHECK-SAME: %[[DY:[a-z0-9]+]]: tensor<2x3x5xf32>
// CHECK: %[[M:.*]] = lns.gated_activation silu %[[G:.*]], %[[U:.*]] :
// CHECK: lns.linear %[[M]]
// CHECK: lns.mean
// CHECK: %[[M2:.*]] = lns.gated_activation silu %[[G]], %[[U]]
// CHECK: lns.matmul %[[DY]], %[[M2]] transpose_a
// FUSED-LABEL: func.func @gated
// FUSED: lns.mean
// FUSED: lns.cluster
// FUSED: lns.gated_activation
// FUSED: lns.gated_activation_grad
// FUSED: lns.yield
func.func @gated(%g: tensor<2x3x4xf32>, %u: tensor<2x3x4xf32>, %r: tensor<2x3xf32>, %dy: tensor<2x3x5xf32>, %w: tensor<5x4xf32>)
    -> (tensor<f32>, tensor<5x4xf32>, tensor<2x3x4xf32>) {
  %g0 = lns.row_scale %g, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %u0 = lns.row_scale %u, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  // expected-remark@+1 {{[Passed] recompute-activations | Category:lns-memory | Remark="computed again for its gradient", bytes=96}}
  %m = lns.gated_activation silu %g0, %u0 : tensor<2x3x4xf32>
  %y = lns.linear %m, %w : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
  %loss = lns.mean %y : (tensor<2x3x5xf32>) -> tensor<f32>
  %dm = lns.matmul %dy, %w : (tensor<2x3x5xf32>, tensor<5x4xf32>) -> tensor<2x3x4xf32>
  %dw = lns.matmul %dy, %m transpose_a : (tensor<2x3x5xf32>, tensor<2x3x4xf32>) -> tensor<5x4xf32>
  %dg, %du = lns.gated_activation_grad silu %dm, %g0, %u0 : tensor<2x3x4xf32>
  %d = lns.add %dg, %du : tensor<2x3x4xf32>
  return %loss, %dw, %d : tensor<f32>, tensor<5x4xf32>, tensor<2x3x4xf32>
}

// -----

// Does not fire where an input is not read behind the loss: keeping the input
// instead of the result would be no gain.
// CHECK-LABEL: func.func @input_is_not_kept
// CHECK: %[[M:.*]] = lns.activation
// CHECK: lns.matmul %{{.*}}, %[[M]] transpose_a
func.func @input_is_not_kept(%x: tensor<3x4xf32>, %dy: tensor<3x5xf32>, %v: tensor<4x4xf32>, %w: tensor<5x4xf32>) -> (tensor<f32>, tensor<5x4xf32>) {
  %z = lns.linear %x, %v : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  // expected-remark@+1 {{its input is not kept, so its result is}}
  %m = lns.activation relu %z : tensor<3x4xf32>
  %y = lns.linear %m, %w : (tensor<3x4xf32>, tensor<5x4xf32>) -> tensor<3x5xf32>
  %loss = lns.mean %y : (tensor<3x5xf32>) -> tensor<f32>
  %dw = lns.matmul %dy, %m transpose_a : (tensor<3x5xf32>, tensor<3x4xf32>) -> tensor<5x4xf32>
  return %loss, %dw : tensor<f32>, tensor<5x4xf32>
}

// -----

// Does not fire where nothing behind the loss reads the result.
// CHECK-LABEL: func.func @forward
// CHECK-COUNT-1: lns.activation
// CHECK-NOT: lns.activation
func.func @forward(%x: tensor<3x4xf32>) -> tensor<f32> {
  %m = lns.activation relu %x : tensor<3x4xf32>
  %loss = lns.mean %m : (tensor<3x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Does not fire where what the activation reads is overwritten before its gradient.
// CHECK-LABEL: func.func @overwritten
// CHECK-COUNT-1: lns.activation relu
// CHECK-NOT: lns.activation relu
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3x4xf32>
func.func @overwritten(%dy: tensor<3x5xf32>, %dm: tensor<3x4xf32>) -> (tensor<f32>, tensor<5x4xf32>, tensor<3x4xf32>) {
  %w = lns.get parameter @w : tensor<3x4xf32>
  // expected-remark@+1 {{'w', which it reads, is overwritten before its gradient}}
  %m = lns.activation relu %w : tensor<3x4xf32>
  %loss = lns.mean %m : (tensor<3x4xf32>) -> tensor<f32>
  lns.set %dm, parameter @w : tensor<3x4xf32>
  %dw = lns.matmul %dy, %m transpose_a : (tensor<3x5xf32>, tensor<3x4xf32>) -> tensor<5x4xf32>
  %dx = lns.activation_grad relu %dm, %w : tensor<3x4xf32>
  return %loss, %dw, %dx : tensor<f32>, tensor<5x4xf32>, tensor<3x4xf32>
}

// -----

// An input is kept, too, where only another shape of it is read behind the loss.
// CHECK-LABEL: func.func @view_is_kept
// CHECK: %[[M:.*]] = lns.activation relu %[[H:.*]] :
// CHECK: lns.mean
// CHECK: %[[M2:.*]] = lns.activation relu %[[H]]
// CHECK: lns.matmul %{{.*}}, %[[M2]] transpose_a
func.func @view_is_kept(%x: tensor<3x4xf32>, %dy: tensor<3x2x5xf32>, %w: tensor<5x2xf32>) -> (tensor<f32>, tensor<5x2xf32>, tensor<3x4xf32>) {
  %z = lns.scale %x factor(2.0) : tensor<3x4xf32>
  %h = lns.reshape %z : tensor<3x4xf32> to tensor<3x2x2xf32>
  // expected-remark@+1 {{computed again for its gradient}}
  %m = lns.activation relu %h : tensor<3x2x2xf32>
  %y = lns.linear %m, %w : (tensor<3x2x2xf32>, tensor<5x2xf32>) -> tensor<3x2x5xf32>
  %loss = lns.mean %y : (tensor<3x2x5xf32>) -> tensor<f32>
  %dw = lns.matmul %dy, %m transpose_a : (tensor<3x2x5xf32>, tensor<3x2x2xf32>) -> tensor<5x2xf32>
  %d = lns.scale %z factor(3.0) : tensor<3x4xf32>
  return %loss, %dw, %d : tensor<f32>, tensor<5x2xf32>, tensor<3x4xf32>
}
