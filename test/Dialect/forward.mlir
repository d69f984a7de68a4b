// RUN: lns-opt %s | lns-opt | FileCheck %s
// RUN: lns-opt %s --mlir-print-op-generic | lns-opt | FileCheck %s
// RUN: lns-opt %s --emit-bytecode | lns-opt | FileCheck %s

// CHECK-LABEL: func.func @embedding
func.func @embedding(%table: tensor<16x8xf32>, %tokens: tensor<2x4xi32>) -> tensor<2x4x8xf32> {
  // CHECK: lns.embedding %{{.*}}, %{{.*}} : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xf32>
  %y = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xf32>
  return %y : tensor<2x4x8xf32>
}

// Clauses with their default value are not printed.
// CHECK-LABEL: func.func @norm
// CHECK-SAME:    (%[[X:.*]]: tensor<2x4x8xf32>, %[[G:.*]]: tensor<8xf32>, %[[B:.*]]: tensor<8xf32>, %[[A:.*]]: tensor<1xf32>)
func.func @norm(%x: tensor<2x4x8xf32>, %g: tensor<8xf32>, %b: tensor<8xf32>, %f: tensor<1xf32>) {
  // CHECK: lns.norm rms %[[X]] : tensor<2x4x8xf32>
  %a = lns.norm rms %x eps(1.0e-6) scale(1.0) depth_scale(none) : tensor<2x4x8xf32>
  // CHECK: lns.norm rms %[[X]], %[[G]] eps(1.000000e-05) scale(5.000000e-01) {test.note} : tensor<2x4x8xf32>, tensor<8xf32>
  %c = lns.norm rms %x, %g eps(1.0e-5) scale(0.5) {test.note} : tensor<2x4x8xf32>, tensor<8xf32>
  // CHECK: lns.norm layer %[[X]] bias(%[[B]]) : tensor<2x4x8xf32>, tensor<8xf32>
  %d = lns.norm layer %x bias(%b) : tensor<2x4x8xf32>, tensor<8xf32>
  // CHECK: lns.norm layer %[[X]], %[[G]] bias(%[[B]]) : tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>
  %e = lns.norm layer %x, %g bias(%b) : tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>
  // CHECK: lns.norm tanh %[[X]] alpha(%[[A]]) : tensor<2x4x8xf32>, tensor<1xf32>
  %h = lns.norm tanh %x alpha(%f) : tensor<2x4x8xf32>, tensor<1xf32>
  // CHECK: lns.norm tanh %[[X]], %[[G]] bias(%[[B]]) alpha(%[[A]]) scale(5.000000e-01) : tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<1xf32>
  %i = lns.norm tanh %x, %g bias(%b) alpha(%f) scale(0.5) : tensor<2x4x8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<1xf32>
  return
}

// CHECK-LABEL: func.func @linear
func.func @linear(%x: tensor<2x4x8xf64>, %w: tensor<6x8xf64>, %b: tensor<6xf64>) {
  // CHECK: lns.linear %{{.*}}, %{{.*}} : (tensor<2x4x8xf64>, tensor<6x8xf64>) -> tensor<2x4x6xf64>
  %y = lns.linear %x, %w : (tensor<2x4x8xf64>, tensor<6x8xf64>) -> tensor<2x4x6xf64>
  // CHECK: lns.linear %{{.*}}, %{{.*}} bias(%{{.*}}) {alpha = 5.000000e-01 : f64} : (tensor<2x4x8xf64>, tensor<6x8xf64>, tensor<6xf64>) -> tensor<2x4x6xf64>
  %z = lns.linear %x, %w bias(%b) {alpha = 0.5 : f64} : (tensor<2x4x8xf64>, tensor<6x8xf64>, tensor<6xf64>) -> tensor<2x4x6xf64>
  return
}

// CHECK-LABEL: func.func @rope
func.func @rope(%x: tensor<2x4x8xf32>) {
  // CHECK: lns.rope %{{.*}} head_dim(4) : tensor<2x4x8xf32>
  %y = lns.rope %x head_dim(4) : tensor<2x4x8xf32>
  // CHECK: lns.rope %{{.*}} head_dim(4) inverse {base = 5.000000e+02 : f64, frequencies = array<f64: 1.000000e+00, 5.000000e-01>} : tensor<2x4x8xf32>
  %z = lns.rope %x head_dim(4) inverse {base = 500.0 : f64, frequencies = array<f64: 1.0, 0.5>} : tensor<2x4x8xf32>
  return
}

// CHECK-LABEL: func.func @attention_clauses
func.func @attention_clauses(%q: tensor<2x4x8xf32>) {
  // CHECK: lns.attention {{.*}} causal window(3) softcap(5.000000e+01) : (
  %y = lns.attention %q, %q, %q heads(2) kv_heads(2) causal window(3) softcap(50.0)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // CHECK: lns.attention {{.*}} kv_heads(2) softcap(5.000000e-01) {softmax_scale = 1.000000e+00 : f64} : (
  %z = lns.attention %q, %q, %q heads(2) kv_heads(2) softcap(0.5) {softmax_scale = 1.0 : f64}
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// CHECK-LABEL: func.func @caps_and_offsets
func.func @caps_and_offsets(%x: tensor<?x?x8xbf16>, %g: tensor<8xf32>) {
  // CHECK: lns.softcap %{{.*}} cap(3.000000e+01) : tensor<?x?x8xbf16>
  %y = lns.softcap %x cap(30.0) : tensor<?x?x8xbf16>
  // CHECK: lns.offset %{{.*}} by(1.000000e+00) : tensor<8xf32>
  %h = lns.offset %g by(1.0) : tensor<8xf32>
  return
}

// A view: the last dimension in two, the last two as one; what is not touched may
// be open.
// CHECK-LABEL: func.func @reshape
func.func @reshape(%x: tensor<?x?x8xf32>, %v: tensor<6xbf16>) {
  // CHECK: %[[H:.*]] = lns.reshape %{{.*}} : tensor<?x?x8xf32> to tensor<?x?x2x4xf32>
  %h = lns.reshape %x : tensor<?x?x8xf32> to tensor<?x?x2x4xf32>
  // CHECK: lns.rope %[[H]] head_dim(4) : tensor<?x?x2x4xf32>
  %r = lns.rope %h head_dim(4) : tensor<?x?x2x4xf32>
  // CHECK: lns.reshape %{{.*}} : tensor<?x?x2x4xf32> to tensor<?x?x8xf32>
  %y = lns.reshape %r : tensor<?x?x2x4xf32> to tensor<?x?x8xf32>
  // CHECK: lns.reshape %{{.*}} : tensor<6xbf16> to tensor<2x3xbf16>
  %m = lns.reshape %v : tensor<6xbf16> to tensor<2x3xbf16>
  // CHECK: lns.reshape %{{.*}} : tensor<2x3xbf16> to tensor<2x3xbf16>
  %same = lns.reshape %m : tensor<2x3xbf16> to tensor<2x3xbf16>
  return
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<2x4x8xf32>, %k: tensor<2x4x4xf32>) {
  // CHECK: lns.attention %{{.*}}, %{{.*}}, %{{.*}} heads(4) kv_heads(2) causal : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x8xf32>
  %a = lns.attention %q, %k, %k heads(4) kv_heads(2) causal
    : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x8xf32>
  // CHECK: lns.attention %{{.*}}, %{{.*}}, %{{.*}} heads(4) kv_heads(2) {softmax_scale = 1.000000e-01 : f64} : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x4xf32>)
  %b, %lse = lns.attention %q, %k, %k heads(4) kv_heads(2) {softmax_scale = 0.1 : f64}
    : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x4xf32>)
  return
}

// The sequence may be shorter than the table, or not known.
// CHECK-LABEL: func.func @positions
func.func @positions(%x: tensor<2x4x8xf32>, %y: tensor<?x?x8xf32>, %t: tensor<16x8xf32>) {
  // CHECK: lns.add_positions %{{.*}}, %{{.*}} : tensor<2x4x8xf32>, tensor<16x8xf32>
  %0 = lns.add_positions %x, %t : tensor<2x4x8xf32>, tensor<16x8xf32>
  // CHECK: lns.add_positions %{{.*}}, %{{.*}} : tensor<?x?x8xf32>, tensor<16x8xf32>
  %1 = lns.add_positions %y, %t : tensor<?x?x8xf32>, tensor<16x8xf32>
  return
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<2x4x8xf32>) {
  // CHECK: lns.gated_activation silu %{{.*}}, %{{.*}} : tensor<2x4x8xf32>
  %g = lns.gated_activation silu %x, %x : tensor<2x4x8xf32>
  // CHECK: lns.gated_activation gelu_tanh %{{.*}}, %{{.*}} : tensor<2x4x8xf32>
  %h = lns.gated_activation gelu_tanh %x, %x : tensor<2x4x8xf32>
  // CHECK: lns.activation gelu_tanh %{{.*}} : tensor<2x4x8xf32>
  %0 = lns.activation gelu_tanh %x : tensor<2x4x8xf32>
  // CHECK: lns.activation relu %{{.*}} : tensor<2x4x8xf32>
  %1 = lns.activation relu %x : tensor<2x4x8xf32>
  // CHECK: lns.activation silu %{{.*}} : tensor<2x4x8xf32>
  %2 = lns.activation silu %x : tensor<2x4x8xf32>
  // CHECK: lns.residual %{{.*}}, %{{.*}} {branch_scale = 2.500000e-01 : f64, skip_scale = 5.000000e-01 : f64} : tensor<2x4x8xf32>
  %r = lns.residual %x, %g {skip_scale = 0.5 : f64, branch_scale = 0.25 : f64} : tensor<2x4x8xf32>
  return
}

// CHECK-LABEL: func.func @loss
func.func @loss(%logits: tensor<2x4x8xf32>, %targets: tensor<2x4xi32>) -> tensor<f32> {
  // CHECK: %[[LOSSES:.*]], %{{.*}} = lns.cross_entropy %{{.*}}, %{{.*}} : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  %losses, %lse = lns.cross_entropy %logits, %targets : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  // CHECK: lns.mean %[[LOSSES]] : (tensor<2x4xf32>) -> tensor<f32>
  %loss = lns.mean %losses : (tensor<2x4xf32>) -> tensor<f32>
  // CHECK: %[[N:.*]] = lns.target_count %{{.*}} : tensor<2x4xi32>
  %n = lns.target_count %targets : tensor<2x4xi32>
  // CHECK: lns.mean %[[LOSSES]] over(%[[N]]) : (tensor<2x4xf32>, tensor<i32>) -> tensor<f32>
  %share = lns.mean %losses over(%n) : (tensor<2x4xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}
