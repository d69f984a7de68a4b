// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))'

// Two linears share one statistic and the gain; each keeps its own alpha. The
// matmuls read the raw x and the raw weights.
// CHECK-LABEL: func.func @two_readers
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[V:[a-z0-9]+]]: tensor<4x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>
// CHECK: %[[R:.*]] = lns.row_rstd %[[X]] eps(1.000000e-03)
// CHECK-DAG: %[[P:.*]] = lns.linear %[[X]], %[[V]] gain(%[[G]]) :
// CHECK-DAG: %[[Y:.*]] = lns.row_scale %[[P]], %[[R]]
// CHECK-DAG: %[[Q:.*]] = lns.linear %[[X]], %[[W]] gain(%[[G]]) {alpha = 5.000000e-01 : f64} :
// CHECK-DAG: %[[Z:.*]] = lns.row_scale %[[Q]], %[[R]]
// CHECK-NOT: lns.norm
// CHECK: return %[[Y]], %[[Z]]
func.func @two_readers(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %v: tensor<4x4xf32>, %w: tensor<8x4xf32>)
    -> (tensor<2x3x4xf32>, tensor<2x3x8xf32>) {
  // expected-remark@+1 {{[Passed] fuse-norm-matmul | Category:lns-norm | Remark="norm fused into its matmuls", matmuls=2}}
  %n = lns.norm rms %x, %g eps(1.0e-3) : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %v : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %z = lns.linear %n, %w {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<8x4xf32>) -> tensor<2x3x8xf32>
  return %y, %z : tensor<2x3x4xf32>, tensor<2x3x8xf32>
}

// -----

// A norm without a gain leaves the linear as it is but for its input.
// CHECK-LABEL: func.func @no_gain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[W:[a-z0-9]+]]: tensor<4x4xf32>
// CHECK: %[[P:.*]] = lns.linear %[[X]], %[[W]] {alpha = 5.000000e-01 : f64}
// CHECK: lns.row_scale %[[P]]
func.func @no_gain(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{norm fused into its matmuls}}
  %n = lns.norm rms %x : tensor<2x3x4xf32>
  %y = lns.linear %n, %w {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// A weight that two norms share is read with each one's gain; the weight itself
// is left as it is, for other readers such as an embedding (a tied head).
// CHECK-LABEL: func.func @shared_weight
// CHECK-SAME: %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[H:[a-z0-9]+]]: tensor<4xf32>, %[[W:[a-z0-9]+]]: tensor<4x4xf32>, %[[TOKENS:[a-z0-9]+]]: tensor<2x3xi32>
// CHECK: lns.embedding %[[W]], %[[TOKENS]]
// CHECK: lns.linear %{{.*}}, %[[W]] gain(%[[G]]) {alpha = 5.000000e-01 : f64}
// CHECK: lns.linear %{{.*}}, %[[W]] gain(%[[H]]) {alpha = 2.500000e-01 : f64}
func.func @shared_weight(%g: tensor<4xf32>, %h: tensor<4xf32>, %w: tensor<4x4xf32>, %tokens: tensor<2x3xi32>) -> tensor<2x3x4xf32> {
  %x = lns.embedding %w, %tokens : (tensor<4x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %m = lns.norm rms %y, %h : tensor<2x3x4xf32>, tensor<4xf32>
  %z = lns.linear %m, %w {alpha = 0.25 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// -----

// Does not fire when something else reads the norm: the normalized value must
// then exist anyway.
// CHECK-LABEL: func.func @other_reader
// CHECK: lns.norm
// CHECK-NOT: lns.row_scale
func.func @other_reader(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{a reader is 'lns.residual', not the input of lns.linear: the normalized value must exist for it}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %z = lns.residual %n, %y : tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// -----

// Does not fire when the scale is still at the norm.
// CHECK-LABEL: func.func @scaled
// CHECK: lns.norm {{.*}} scale(5.000000e-01)
func.func @scaled(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{its scale is not folded}}
  %n = lns.norm rms %x, %g scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire when a reader has a bias: the row scale would hit it too.
// CHECK-LABEL: func.func @bias
// CHECK: lns.norm
func.func @bias(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{a reader has a bias, which comes after the row scale}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w bias(%b) : (tensor<2x3x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire when a reader has a gain already: there is place for one.
// CHECK-LABEL: func.func @gain
// CHECK: lns.norm
func.func @gain(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{a reader has a gain already}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w gain(%g) : (tensor<2x3x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire for a LayerNorm, whose mean needs a second term.
// CHECK-LABEL: func.func @layer_norm
// CHECK: lns.norm layer
func.func @layer_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{only rms norms are fused}}
  %n = lns.norm layer %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire for a norm that nobody reads.
// CHECK-LABEL: func.func @unread
// CHECK: lns.norm
func.func @unread(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{it has no reader}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  return %x : tensor<2x3x4xf32>
}
