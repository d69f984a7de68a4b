// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))'
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul{max-widening=9 center-weights-from=0}))' | FileCheck %s --check-prefix=OPTIONS
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-fuse-norm-matmul{max-widening=9 center-weights-from=0}))'

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

// The gain and the bias of a tanh go where others' go; the tanh is one value for
// both readers, and no row has a factor.
// CHECK-LABEL: func.func @tanh_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>, %[[A:[a-z0-9]+]]: tensor<1xf32>, %[[V:[a-z0-9]+]]: tensor<4x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>
// CHECK: %[[S:.*]] = lns.scale_by %[[X]], %[[A]]
// CHECK: %[[T:.*]] = lns.activation tanh %[[S]]
// CHECK-DAG: %[[P:.*]] = lns.linear %[[T]], %[[V]] gain(%[[G]]) :
// CHECK-DAG: %[[C:.*]] = lns.linear %[[B]], %[[V]] :
// CHECK-DAG: %[[Y:.*]] = lns.add_bias %[[P]], %[[C]]
// CHECK-DAG: %[[Q:.*]] = lns.linear %[[T]], %[[W]] gain(%[[G]]) {alpha = 5.000000e-01 : f64} :
// CHECK-DAG: %[[D:.*]] = lns.linear %[[B]], %[[W]] {alpha = 5.000000e-01 : f64} :
// CHECK-DAG: %[[Z:.*]] = lns.add_bias %[[Q]], %[[D]]
// CHECK-NOT: lns.row
// CHECK: return %[[Y]], %[[Z]]
func.func @tanh_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %a: tensor<1xf32>, %v: tensor<4x4xf32>, %w: tensor<8x4xf32>)
    -> (tensor<2x3x4xf32>, tensor<2x3x8xf32>) {
  // expected-remark@+1 {{[Passed] fuse-norm-matmul | Category:lns-norm | Remark="norm fused into its matmuls, but for its tanh", matmuls=2}}
  %n = lns.norm tanh %x, %g bias(%b) alpha(%a) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>
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

// Does not fire for a norm that nobody reads.
// CHECK-LABEL: func.func @unread
// CHECK: lns.norm
func.func @unread(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{it has no reader}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  return %x : tensor<2x3x4xf32>
}

// -----

// A bias of the linear is added after the row scale.
// CHECK-LABEL: func.func @bias
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<5xf32>)
// CHECK: %[[P:.*]] = lns.linear %{{.*}} gain(%{{[a-z0-9]+}}) {alpha = 5.000000e-01 : f64} :
// CHECK: %[[S:.*]] = lns.row_scale %[[P]]
// CHECK: %[[Y:.*]] = lns.add_bias %[[S]], %[[B]]
// CHECK: return %[[Y]]
func.func @bias(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<5x4xf32>, %b: tensor<5xf32>) -> tensor<2x3x5xf32> {
  // expected-remark@+1 {{norm fused into its matmuls", matmuls=1}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w bias(%b) {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// -----

// A LayerNorm: the product reads centered rows; the norm's bias goes through the
// weight once, with alpha, and takes the linear's bias along.
// CHECK-LABEL: func.func @layer_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>, %[[W:[a-z0-9]+]]: tensor<5x4xf32>, %[[A:[a-z0-9]+]]: tensor<5xf32>
// CHECK-NEXT: %[[C:.*]] = lns.center_rows %[[X]]
// CHECK-NEXT: %[[R:.*]] = lns.row_rstd %[[C]] eps(1.000000e-03)
// CHECK-NEXT: %[[P:.*]] = lns.linear %[[C]], %[[W]] gain(%[[G]]) {alpha = 5.000000e-01 : f64} :
// CHECK-NEXT: %[[S:.*]] = lns.row_scale %[[P]], %[[R]]
// CHECK-NEXT: %[[D:.*]] = lns.linear %[[B]], %[[W]] bias(%[[A]]) {alpha = 5.000000e-01 : f64} : (tensor<4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<5xf32>
// CHECK-NEXT: %[[Y:.*]] = lns.add_bias %[[S]], %[[D]]
// CHECK-NEXT: return %[[Y]]
// With centered weights the product reads x as it is.
// OPTIONS-LABEL: func.func @layer_norm
// OPTIONS-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>, %[[W:[a-z0-9]+]]: tensor<5x4xf32>
// OPTIONS-NEXT: %[[C:.*]] = lns.center_rows %[[X]]
// OPTIONS-NEXT: %[[R:.*]] = lns.row_rstd %[[C]]
// OPTIONS-NEXT: %[[W2:.*]] = lns.scale_columns %[[W]], %[[G]]
// OPTIONS-NEXT: %[[W3:.*]] = lns.center_rows %[[W2]]
// OPTIONS-NEXT: %[[P:.*]] = lns.linear %[[X]], %[[W3]] {alpha = 5.000000e-01 : f64} :
// OPTIONS-NEXT: lns.row_scale %[[P]], %[[R]]
// OPTIONS-NEXT: lns.linear %[[B]], %[[W]] bias
// OPTIONS-NEXT: lns.add_bias
func.func @layer_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %w: tensor<5x4xf32>, %a: tensor<5xf32>) -> tensor<2x3x5xf32> {
  // expected-remark@+1 {{norm fused into its matmuls, centering rows", matmuls=1}}
  %n = lns.norm layer %x, %g bias(%b) eps(1.0e-3) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w bias(%a) {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// -----

// A bare LayerNorm leaves nothing to fold but the mean; a norm's bias alone is a
// bias of the linear.
// CHECK-LABEL: func.func @layer_norms
// CHECK: %[[P:.*]] = lns.linear %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : (tensor<2x4xf32>, tensor<5x4xf32>)
// CHECK-NEXT: %[[Y:.*]] = lns.row_scale %[[P]]
// CHECK: %[[Q:.*]] = lns.linear %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : (tensor<2x4xf32>, tensor<5x4xf32>)
// CHECK-NEXT: %[[S:.*]] = lns.row_scale %[[Q]]
// CHECK-NEXT: %[[D:.*]] = lns.linear %{{[a-z0-9]+}}, %{{[a-z0-9]+}} : (tensor<4xf32>, tensor<5x4xf32>)
// CHECK-NEXT: %[[Z:.*]] = lns.add_bias %[[S]], %[[D]]
// CHECK: return %[[Y]], %[[Z]]
// OPTIONS-LABEL: func.func @layer_norms
// OPTIONS-NOT: lns.scale_columns
// OPTIONS: lns.center_rows %{{[a-z0-9]+}} : tensor<5x4xf32>
func.func @layer_norms(%x: tensor<2x4xf32>, %b: tensor<4xf32>, %w: tensor<5x4xf32>) -> (tensor<2x5xf32>, tensor<2x5xf32>) {
  // expected-remark@+1 {{norm fused into its matmuls, centering rows}}
  %n = lns.norm layer %x : tensor<2x4xf32>
  // expected-remark@+1 {{norm fused into its matmuls, centering rows}}
  %m = lns.norm layer %x bias(%b) : tensor<2x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %z = lns.linear %m, %w : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  return %y, %z : tensor<2x5xf32>, tensor<2x5xf32>
}

// -----

// Many more tokens than outputs: the weights are centered without being asked.
// CHECK-LABEL: func.func @many_tokens
// CHECK: lns.center_rows %{{[a-z0-9]+}} : tensor<1x4xf32>
func.func @many_tokens(%x: tensor<16x4xf32>, %v: tensor<1x4xf32>, %w: tensor<1x4xf32>) -> (tensor<16x1xf32>, tensor<16x1xf32>) {
  // expected-remark@+1 {{norm fused into its matmuls, centering weights", matmuls=2}}
  %n = lns.norm layer %x : tensor<16x4xf32>
  %y = lns.linear %n, %v : (tensor<16x4xf32>, tensor<1x4xf32>) -> tensor<16x1xf32>
  %z = lns.linear %n, %w : (tensor<16x4xf32>, tensor<1x4xf32>) -> tensor<16x1xf32>
  return %y, %z : tensor<16x1xf32>, tensor<16x1xf32>
}

// -----

// Does not fire when a bias would be added to a result so wide that it costs more
// than the norm; without one, the loss takes the row scale. The limit is an option.
// CHECK-LABEL: func.func @wide
// CHECK: lns.norm rms
// CHECK: lns.norm layer
// CHECK-NOT: lns.norm
// OPTIONS-LABEL: func.func @wide
// OPTIONS-NOT: lns.norm
// OPTIONS: return
func.func @wide(%x: tensor<2x4xf32>, %b: tensor<4xf32>, %a: tensor<36xf32>, %w: tensor<36x4xf32>)
    -> (tensor<2x36xf32>, tensor<2x36xf32>, tensor<2x36xf32>) {
  // expected-remark@+1 {{a reader's result is 36 wide for an input of 4, more than 8 times, and a bias would be added to all of it}}
  %n = lns.norm rms %x : tensor<2x4xf32>
  %y = lns.linear %n, %w bias(%a) : (tensor<2x4xf32>, tensor<36x4xf32>, tensor<36xf32>) -> tensor<2x36xf32>
  // expected-remark@+1 {{a reader's result is 36 wide for an input of 4, more than 8 times, and a bias would be added to all of it}}
  %m = lns.norm layer %x bias(%b) : tensor<2x4xf32>, tensor<4xf32>
  %z = lns.linear %m, %w : (tensor<2x4xf32>, tensor<36x4xf32>) -> tensor<2x36xf32>
  // expected-remark@+1 {{norm fused into its matmuls, centering rows}}
  %o = lns.norm layer %x : tensor<2x4xf32>
  %u = lns.linear %o, %w : (tensor<2x4xf32>, tensor<36x4xf32>) -> tensor<2x36xf32>
  return %y, %z, %u : tensor<2x36xf32>, tensor<2x36xf32>, tensor<2x36xf32>
}

// -----

// Does not fire in post-norm position: what the norm makes is the residual stream,
// which the next block's linear and residual read.
// CHECK-LABEL: func.func @post_norm
// CHECK: lns.norm layer
// CHECK-NOT: lns.row_scale
func.func @post_norm(%x: tensor<2x3x4xf32>, %f: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  %h = lns.residual %x, %f : tensor<2x3x4xf32>
  // expected-remark@+1 {{a reader is 'lns.residual', not the input of lns.linear}}
  %n = lns.norm layer %h, %g bias(%b) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %z = lns.residual %n, %y : tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// -----

// Of a sandwich, the norm before the branch fuses; the one behind it does not, as
// only a residual reads it.
// CHECK-LABEL: func.func @sandwich
// CHECK-NOT: lns.norm
// CHECK: lns.linear
// CHECK: lns.row_scale
// CHECK: lns.norm rms
// CHECK-NOT: lns.row_scale
func.func @sandwich(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %h: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{norm fused into its matmuls}}
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  // expected-remark@+1 {{a reader is 'lns.residual', not the input of lns.linear}}
  %m = lns.norm rms %y, %h : tensor<2x3x4xf32>, tensor<4xf32>
  %z = lns.residual %x, %m : tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// -----

// Does not fire when a parameter that the norm reads is overwritten before the
// linear, which would read it too late: what lns.get gives is the parameter's own
// memory.
// CHECK-LABEL: func.func @overwritten
// CHECK-COUNT-3: lns.norm
// CHECK-NOT: lns.row_scale
lns.parameter @x matrix init(zeros) decay(true) : tensor<3x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
lns.parameter @b bias init(zeros) decay(false) : tensor<4xf32>
func.func @overwritten(%y: tensor<3x4xf32>, %h: tensor<4xf32>, %w: tensor<4x4xf32>, %f: tensor<f32>, %o: tensor<8xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %x = lns.get parameter @x : tensor<3x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %b = lns.get gradient @b : tensor<4xf32>
  // expected-remark@+1 {{'g', which it reads, is overwritten before a reader}}
  %n0 = lns.norm rms %y, %g : tensor<3x4xf32>, tensor<4xf32>
  // expected-remark@+1 {{'x', which it reads, is overwritten before a reader}}
  %n1 = lns.norm rms %x, %h : tensor<3x4xf32>, tensor<4xf32>
  // expected-remark@+1 {{'b', which it reads, is overwritten before a reader}}
  %n2 = lns.norm layer %y bias(%b) : tensor<3x4xf32>, tensor<4xf32>
  lns.set %h, parameter @g : tensor<4xf32>
  lns.adamw @x, %y, %f, %o decay(true) : tensor<3x4xf32>, tensor<f32>, tensor<8xf32>
  lns.set %h, gradient @b : tensor<4xf32>
  %z0 = lns.linear %n0, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  %z1 = lns.linear %n1, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  %z2 = lns.linear %n2, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  return %z0, %z1, %z2 : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// Fires when only what the norm does not read is written: the other storage of its
// gain, and another parameter.
// CHECK-LABEL: func.func @others_written
// CHECK-NOT: lns.norm
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
lns.parameter @b bias init(zeros) decay(false) : tensor<4xf32>
func.func @others_written(%y: tensor<3x4xf32>, %h: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<3x4xf32> {
  %g = lns.get parameter @g : tensor<4xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %n = lns.norm rms %y, %g : tensor<3x4xf32>, tensor<4xf32>
  lns.set %h, gradient @g : tensor<4xf32>
  lns.set %h, parameter @b : tensor<4xf32>
  %z = lns.linear %n, %w : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  return %z : tensor<3x4xf32>
}

// -----

// Does not look through a view: a norm of heads stays where it is, and a norm of
// whole rows is not taken for one of heads. A linear that reads heads takes a norm of
// heads.
// CHECK-LABEL: func.func @heads
// CHECK: lns.norm rms %{{.*}} : tensor<2x3x2x4xf32>
// CHECK: lns.norm rms %{{.*}} : tensor<2x3x8xf32>
// CHECK: %[[R:.*]] = lns.row_rstd %[[H:.*]] eps
// CHECK: %[[P:.*]] = lns.linear %[[H]], %{{.*}} : (tensor<2x3x2x4xf32>, tensor<5x4xf32>) -> tensor<2x3x2x5xf32>
// CHECK: lns.row_scale %[[P]], %[[R]] : tensor<2x3x2x5xf32>, tensor<2x3x2xf32>
func.func @heads(%x: tensor<2x3x8xf32>, %w: tensor<5x8xf32>, %v: tensor<5x4xf32>)
    -> (tensor<2x3x5xf32>, tensor<2x3x2x5xf32>, tensor<2x3x2x5xf32>) {
  %h = lns.reshape %x : tensor<2x3x8xf32> to tensor<2x3x2x4xf32>
  // expected-remark@+1 {{a reader is 'lns.reshape', not the input of lns.linear}}
  %n = lns.norm rms %h : tensor<2x3x2x4xf32>
  %b = lns.reshape %n : tensor<2x3x2x4xf32> to tensor<2x3x8xf32>
  %y = lns.linear %b, %w : (tensor<2x3x8xf32>, tensor<5x8xf32>) -> tensor<2x3x5xf32>
  // expected-remark@+1 {{a reader is 'lns.reshape', not the input of lns.linear}}
  %m = lns.norm rms %x : tensor<2x3x8xf32>
  %c = lns.reshape %m : tensor<2x3x8xf32> to tensor<2x3x2x4xf32>
  %z = lns.linear %c, %v : (tensor<2x3x2x4xf32>, tensor<5x4xf32>) -> tensor<2x3x2x5xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %k = lns.norm rms %h : tensor<2x3x2x4xf32>
  %u = lns.linear %k, %v : (tensor<2x3x2x4xf32>, tensor<5x4xf32>) -> tensor<2x3x2x5xf32>
  return %y, %z, %u : tensor<2x3x5xf32>, tensor<2x3x2x5xf32>, tensor<2x3x2x5xf32>
}

// -----

// An erf stays, and its gain goes where others' go.
// CHECK-LABEL: func.func @erf_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[A:[a-z0-9]+]]: tensor<1xf32>, %[[S:[a-z0-9]+]]: tensor<1xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>
// CHECK: %[[Z:.*]] = lns.scale_by %[[X]], %[[A]]
// CHECK: %[[Q:.*]] = lns.shift_by %[[Z]], %[[S]]
// CHECK: %[[T:.*]] = lns.activation erf %[[Q]]
// CHECK: %[[Y:.*]] = lns.linear %[[T]], %[[W]] gain(%[[G]]) :
// CHECK-NEXT: return %[[Y]]
func.func @erf_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %a: tensor<1xf32>, %s: tensor<1xf32>, %w: tensor<8x4xf32>) -> tensor<2x3x8xf32> {
  // expected-remark@+1 {{norm fused into its matmuls, but for its erf}}
  %n = lns.norm erf %x, %g alpha(%a) shift(%s) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<1xf32>, tensor<1xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<8x4xf32>) -> tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}
