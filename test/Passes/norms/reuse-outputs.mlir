// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-reuse-outputs))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-reuse-outputs))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-reuse-outputs))'

// The product z is row-scaled to y and rotated to q. The row dot then is taken
// behind the rotation, where dq and q are; neither z nor y is read.
// CHECK-LABEL: func.func @rotated
// CHECK-SAME: %[[DQ:[a-z0-9]+]]: tensor<2x3x4xf32>)
// CHECK: %[[Q:.*]] = lns.rope
// CHECK: lns.rope %[[DQ]] {{.*}} inverse
// CHECK: %[[D:.*]] = lns.row_dot %[[DQ]], %[[Q]]
// CHECK: lns.row_rstd_grad %{{.*}}, %{{.*}}, %[[D]] relative
func.func @rotated(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dq: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %q = lns.rope %y head_dim(2) : tensor<2x3x4xf32>
  %dy = lns.rope %dq head_dim(2) inverse : tensor<2x3x4xf32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{[Passed] reuse-outputs | Category:lns-norm | Remark="row dots taken from outputs", behind_biases=0, behind_rotations=1, dots=1}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %q, %dy, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Several linears and a loss with factors: all terms of the sum change, in
// either order of a row dot's operands.
// CHECK-LABEL: func.func @sum
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: %{{.*}}, %[[DF:.*]] = lns.cross_entropy_grad {{.*}} relative
// CHECK: %[[D:.*]] = lns.row_dot %{{.*}}, %[[Y]]
// CHECK: %[[S:.*]] = lns.add %[[D]], %[[DF]]
// CHECK: lns.row_rstd_grad %{{.*}}, %{{.*}}, %[[S]] relative
func.func @sum(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dy: tensor<2x3x4xf32>, %t: tensor<2x3xi32>, %lse: tensor<2x3xf32>)
    -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %dl, %df = lns.cross_entropy_grad %z, %t, %lse, %lse factors(%r)
    : (tensor<2x3x4xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>)
  %d = lns.row_dot %z, %dy : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %dr = lns.add %d, %df : tensor<2x3xf32>
  // expected-remark@+1 {{row dots taken from outputs", behind_biases=0, behind_rotations=0, dots=2}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %y, %dl, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// With the same starts it is one to step behind.
// CHECK-LABEL: func.func @documents
// CHECK-SAME: %[[DQ:[a-z0-9]+]]: tensor<2x3x4xf32>, %{{[a-z0-9]+}}: tensor<2x3xi32>)
// CHECK: %[[Q:.*]] = lns.rope
// CHECK: lns.row_dot %[[DQ]], %[[Q]]
func.func @documents(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dq: tensor<2x3x4xf32>, %s: tensor<2x3xi32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %q = lns.rope %y starts(%s) head_dim(2) : tensor<2x3x4xf32>, tensor<2x3xi32>
  %dy = lns.rope %dq starts(%s) head_dim(2) inverse : tensor<2x3x4xf32>, tensor<2x3xi32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{row dots taken from outputs", behind_biases=0, behind_rotations=1, dots=1}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %q, %dy, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// A rotation by times of other documents is none.
// CHECK-LABEL: func.func @other_documents
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: lns.row_dot %{{.*}}, %[[Y]]
func.func @other_documents(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dq: tensor<2x3x4xf32>, %s: tensor<2x3xi32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %q = lns.rope %y head_dim(2) : tensor<2x3x4xf32>
  %dy = lns.rope %dq starts(%s) head_dim(2) inverse : tensor<2x3x4xf32>, tensor<2x3xi32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{row dots taken from outputs", behind_biases=0, behind_rotations=0, dots=1}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %q, %dy, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// A rotation by other angles is none to step behind; the row dot still takes y.
// CHECK-LABEL: func.func @other_rotation
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: lns.row_dot %{{.*}}, %[[Y]]
func.func @other_rotation(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dq: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %q = lns.rope %y head_dim(4) : tensor<2x3x4xf32>
  %dy = lns.rope %dq head_dim(2) inverse : tensor<2x3x4xf32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{behind_biases=0, behind_rotations=0, dots=1}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %q, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Does not fire when a term is something else: all terms change or none.
// CHECK-LABEL: func.func @other_term
// CHECK-NOT: relative
func.func @other_term(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dy: tensor<2x3x4xf32>, %d: tensor<2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %s = lns.scale %d factor(2.0) : tensor<2x3xf32>
  %dot = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %dr = lns.add %dot, %s : tensor<2x3xf32>
  // expected-remark@+1 {{a part of the gradient of r is no row dot}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %y, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Does not fire when the row dot is with something that r does not scale.
// CHECK-LABEL: func.func @no_row_scale
// CHECK-NOT: relative
func.func @no_row_scale(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dy: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{a row dot is with no input of a row scale by r}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %dx : tensor<2x3x4xf32>
}

// -----

// Does not fire for a norm that is computed where it stands: its row dot reads
// what a row op computes on the way, which nobody keeps.
// CHECK-LABEL: func.func @row_op
// CHECK-NOT: relative
func.func @row_op(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %dy: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.scale_columns %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{the row dot's operand is not kept}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %y, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Does not fire when somebody else reads a term: it would get another value.
// CHECK-LABEL: func.func @shared_term
// CHECK-NOT: relative
func.func @shared_term(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dy: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{a part of the gradient of r has another reader}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %y, %dx, %dr : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3xf32>
}

// -----

// Does not fire when a loss scales by other factors than r.
// CHECK-LABEL: func.func @other_factors
// CHECK-NOT: relative
func.func @other_factors(%x: tensor<2x3x4xf32>, %f: tensor<2x3xf32>, %t: tensor<2x3xi32>, %lse: tensor<2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %dl, %df = lns.cross_entropy_grad %x, %t, %lse, %lse factors(%f)
    : (tensor<2x3x4xf32>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> (tensor<2x3x4xf32>, tensor<2x3xf32>)
  // expected-remark@+1 {{a part of the gradient of r is a loss with other factors}}
  %dx = lns.row_rstd_grad %x, %r, %df : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %dl, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// With a bias between y and what attention keeps, y is q less the bias, or q rotated
// back less the bias; neither z nor y is read.
// CHECK-LABEL: func.func @biased
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<4xf32>
// CHECK: %[[Q:.*]] = lns.rope %{{.*}} head_dim(2) :
// CHECK: %[[V:.*]] = lns.add_bias {{.*}} scale(5.000000e-01)
// CHECK: %[[DQ:.*]], %{{.*}}, %[[DV:.*]] = lns.attention_grad
// CHECK: %[[DY:.*]] = lns.rope %[[DQ]] head_dim(2) inverse
// CHECK: %[[BACK:.*]] = lns.rope %[[Q]] head_dim(2) inverse
// CHECK: %[[Y:.*]] = lns.add_bias %[[BACK]], %[[B]] scale(-1.000000e+00)
// CHECK: lns.row_dot %[[DY]], %[[Y]]
// CHECK: %[[Z:.*]] = lns.add_bias %[[V]], %[[B]] scale(-5.000000e-01)
// CHECK: lns.row_dot %[[DV]], %[[Z]]
// CHECK: lns.row_rstd_grad {{.*}} relative
func.func @biased(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>, %da: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %s = lns.add_bias %y, %b : tensor<2x3x4xf32>, tensor<4xf32>
  %q = lns.rope %s head_dim(2) : tensor<2x3x4xf32>
  %z2 = lns.linear %x, %w {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y2 = lns.row_scale %z2, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %v = lns.add_bias %y2, %b scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  %a, %lse = lns.attention %q, %x, %v heads(2) kv_heads(2) causal : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x2x3xf32>)
  %dq, %dk, %dv = lns.attention_grad %q, %x, %v, %a, %lse, %da heads(2) kv_heads(2) causal
    : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x2x3xf32>, tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>)
  %dy = lns.rope %dq head_dim(2) inverse : tensor<2x3x4xf32>
  %dr1 = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %dr2 = lns.row_dot %dv, %z2 : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %dr = lns.add %dr1, %dr2 : tensor<2x3xf32>
  // expected-remark@+1 {{behind_biases=2, behind_rotations=1, dots=2}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %a, %dx : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Where only row ops read the sum, nothing keeps it: y itself is as good, which
// the row dot's kernel computes from z.
// CHECK-LABEL: func.func @bias_not_kept
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: lns.row_dot %{{.*}}, %[[Y]]
// CHECK-NOT: lns.add_bias {{.*}} scale(-
func.func @bias_not_kept(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>, %da: tensor<2x3x4xf32>) -> (tensor<2x3xf32>, tensor<2x3x4xf32>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %z, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %s = lns.add_bias %y, %b : tensor<2x3x4xf32>, tensor<4xf32>
  %a = lns.row_rstd %s eps(1.0e-3) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %dy = lns.activation_grad gelu_tanh %da, %s : tensor<2x3x4xf32>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<2x3xf32>
  // expected-remark@+1 {{behind_biases=0, behind_rotations=0, dots=1}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xf32>
  return %a, %dx : tensor<2x3xf32>, tensor<2x3x4xf32>
}

// -----

// In bf16 the sum is rounded, and less the bias it may be nothing but the error: the
// row dot reads y.
// CHECK-LABEL: func.func @bias_behind_rounding
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: lns.row_dot %{{.*}}, %[[Y]]
// CHECK-NOT: lns.add_bias {{.*}} scale(-
func.func @bias_behind_rounding(%x: tensor<2x3x4xbf16>, %w: tensor<4x4xf32>, %b: tensor<4xf32>, %t: tensor<2x3xi32>, %d: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3x4xbf16>) {
  %r = lns.row_rstd %x eps(1.0e-3) : (tensor<2x3x4xbf16>) -> tensor<2x3xf32>
  %z = lns.linear %x, %w : (tensor<2x3x4xbf16>, tensor<4x4xf32>) -> tensor<2x3x4xbf16>
  %y = lns.row_scale %z, %r : tensor<2x3x4xbf16>, tensor<2x3xf32>
  %q = lns.add_bias %y, %b : tensor<2x3x4xbf16>, tensor<4xf32>
  %losses, %lse = lns.cross_entropy %q, %t : (tensor<2x3x4xbf16>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %dy = lns.cross_entropy_grad %q, %t, %lse, %d : (tensor<2x3x4xbf16>, tensor<2x3xi32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xbf16>
  %dr = lns.row_dot %dy, %z : (tensor<2x3x4xbf16>, tensor<2x3x4xbf16>) -> tensor<2x3xf32>
  // expected-remark@+1 {{behind_biases=0, behind_rotations=0, dots=1}}
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<2x3x4xbf16>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3x4xbf16>
  return %losses, %dx : tensor<2x3xf32>, tensor<2x3x4xbf16>
}

// -----

// A normalized vector that is a bias itself is no output with a bias: the dot is
// with the vector.
// CHECK-LABEL: func.func @bias_itself
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: lns.row_dot %{{.*}}, %[[Y]]
func.func @bias_itself(%b: tensor<4xf32>, %x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %dy: tensor<4xf32>) -> (tensor<2x3x4xf32>, tensor<4xf32>) {
  %r = lns.row_rstd %b eps(1.0e-3) : (tensor<4xf32>) -> tensor<f32>
  %y = lns.row_scale %b, %r : tensor<4xf32>, tensor<f32>
  %s = lns.add_bias %x, %y : tensor<2x3x4xf32>, tensor<4xf32>
  %z = lns.linear %s, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %dr = lns.row_dot %dy, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<f32>
  // expected-remark@+1 {{[Passed] reuse-outputs | Category:lns-norm | Remark="row dots taken from outputs", behind_biases=0, behind_rotations=0, dots=1}}
  %db = lns.row_rstd_grad %b, %r, %dr : (tensor<4xf32>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  return %z, %db : tensor<2x3x4xf32>, tensor<4xf32>
}
