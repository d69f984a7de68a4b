// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-loss))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-loss))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-fuse-loss))'
// RUN: lns-interpret %s --split-input-file --ignore-every=3 --check-pipeline='builtin.module(func.func(lns-fuse-loss))'

// The gradient of a mean is known beforehand: one op makes losses and gradient,
// where the losses were.
// CHECK-LABEL: func.func @plain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4x8xf32>, %[[T:[a-z0-9]+]]: tensor<2x4xi32>
// CHECK-NEXT: %[[D:.*]] = lns.constant 1.250000e-01
// CHECK-NEXT: %[[L:.*]], %[[DX:.*]] = lns.cross_entropy_with_grad %[[X]], %[[T]], %[[D]] : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4x8xf32>)
// CHECK-NEXT: %[[M:.*]] = lns.mean %[[L]]
// CHECK-NEXT: return %[[M]], %[[DX]]
func.func @plain(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>) -> (tensor<f32>, tensor<2x4x8xf32>) {
  %d = lns.constant 0.125 : tensor<2x4xf32>
  // expected-remark@+1 {{[Passed] fuse-loss | Category:lns-loss | Remark="the loss and its gradient are one pass over the logits"}}
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  %loss = lns.mean %losses : (tensor<2x4xf32>) -> tensor<f32>
  %dx = lns.cross_entropy_grad %x, %t, %lse, %d : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return %loss, %dx : tensor<f32>, tensor<2x4x8xf32>
}

// -----

// Over a count it is known when the targets are: what makes it moves before the
// logits' reader.
// CHECK-LABEL: func.func @counted
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4x8xf32>, %[[T:[a-z0-9]+]]: tensor<2x4xi32>
// CHECK-NEXT: %[[ONE:.*]] = lns.constant 1.0
// CHECK-NEXT: %[[N:.*]] = lns.target_count %[[T]]
// CHECK-NEXT: %[[D:.*]] = lns.mean_grad %[[ONE]] over(%[[N]])
// CHECK-NEXT: %[[L:.*]], %[[DX:.*]] = lns.cross_entropy_with_grad %[[X]], %[[T]], %[[D]]
// CHECK-NEXT: %[[M:.*]] = lns.mean %[[L]] over(%[[N]])
// CHECK-NEXT: return %[[M]], %[[DX]]
func.func @counted(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>) -> (tensor<f32>, tensor<2x4x8xf32>) {
  %one = lns.constant 1.0 : tensor<f32>
  %n = lns.target_count %t : tensor<2x4xi32>
  // expected-remark@+1 {{the loss and its gradient are one pass over the logits}}
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  %loss = lns.mean %losses over(%n) : (tensor<2x4xf32>, tensor<i32>) -> tensor<f32>
  %d = lns.mean_grad %one over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x4xf32>
  %dx = lns.cross_entropy_grad %x, %t, %lse, %d : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return %loss, %dx : tensor<f32>, tensor<2x4x8xf32>
}

// -----

// A mean's gradient whose scalar comes from the loss cannot move: the loss is
// squared here.
// CHECK-LABEL: func.func @squared
// CHECK: lns.cross_entropy %
// CHECK: lns.cross_entropy_grad
func.func @squared(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>) -> tensor<2x4x8xf32> {
  // expected-remark@+1 {{"the gradient of its losses is made behind it"}}
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  %loss = lns.mean %losses : (tensor<2x4xf32>) -> tensor<f32>
  %d = lns.mean_grad %loss : (tensor<f32>) -> tensor<2x4xf32>
  %dx = lns.cross_entropy_grad %x, %t, %lse, %d : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return %dx : tensor<2x4x8xf32>
}

// -----

// Factors and their gradient, relative or not, go along.
// CHECK-LABEL: func.func @factors
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x8xf32>, %[[T:[a-z0-9]+]]: tensor<3xi32>, %[[F:[a-z0-9]+]]: tensor<3xf32>, %[[D:[a-z0-9]+]]: tensor<3xf32>
// CHECK-NEXT: %[[L:.*]], %[[DX:.*]], %[[DF:.*]] = lns.cross_entropy_with_grad %[[X]], %[[T]], %[[D]] factors(%[[F]]) relative :
// CHECK-NEXT: return %[[L]], %[[DX]], %[[DF]]
func.func @factors(%x: tensor<3x8xf32>, %t: tensor<3xi32>, %f: tensor<3xf32>, %d: tensor<3xf32>) -> (tensor<3xf32>, tensor<3x8xf32>, tensor<3xf32>) {
  // expected-remark@+1 {{one pass over the logits}}
  %losses, %lse = lns.cross_entropy %x, %t factors(%f) : (tensor<3x8xf32>, tensor<3xi32>, tensor<3xf32>) -> (tensor<3xf32>, tensor<3xf32>)
  %dx, %df = lns.cross_entropy_grad %x, %t, %lse, %d factors(%f) relative : (tensor<3x8xf32>, tensor<3xi32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<3x8xf32>, tensor<3xf32>)
  return %losses, %dx, %df : tensor<3xf32>, tensor<3x8xf32>, tensor<3xf32>
}

// -----

// A loss without a gradient stays, and is nothing to report.
// CHECK-LABEL: func.func @evaluation
// CHECK: lns.cross_entropy %
func.func @evaluation(%x: tensor<3x8xf32>, %t: tensor<3xi32>) -> tensor<3xf32> {
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<3x8xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  return %losses : tensor<3xf32>
}

// -----

// The gradient depends on the losses here: their sum of squares is minimized.
// CHECK-LABEL: func.func @late
// CHECK: lns.cross_entropy %
// CHECK: lns.cross_entropy_grad
func.func @late(%x: tensor<3x8xf32>, %t: tensor<3xi32>) -> tensor<3x8xf32> {
  // expected-remark@+1 {{[Missed] fuse-loss | Category:lns-loss | Remark="the gradient of its losses is made behind it"}}
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<3x8xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  %d = lns.scale %losses factor(2.0) : tensor<3xf32>
  %dx = lns.cross_entropy_grad %x, %t, %lse, %d : (tensor<3x8xf32>, tensor<3xi32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3x8xf32>
  return %dx : tensor<3x8xf32>
}

// -----

// The log-sum-exp is a result, too: it must exist.
// CHECK-LABEL: func.func @log_sum_exp
// CHECK: lns.cross_entropy %
// CHECK: lns.cross_entropy_grad
func.func @log_sum_exp(%x: tensor<3x8xf32>, %t: tensor<3xi32>, %d: tensor<3xf32>) -> (tensor<3xf32>, tensor<3x8xf32>) {
  // expected-remark@+1 {{"its log-sum-exp has another reader than one gradient"}}
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<3x8xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  %dx = lns.cross_entropy_grad %x, %t, %lse, %d : (tensor<3x8xf32>, tensor<3xi32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3x8xf32>
  return %lse, %dx : tensor<3xf32>, tensor<3x8xf32>
}

// -----

// The gradient is of other targets.
// CHECK-LABEL: func.func @other_targets
// CHECK: lns.cross_entropy %
// CHECK: lns.cross_entropy_grad
func.func @other_targets(%x: tensor<3x8xf32>, %t: tensor<3xi32>, %u: tensor<3xi32>, %d: tensor<3xf32>) -> (tensor<3xf32>, tensor<3x8xf32>) {
  // expected-remark@+1 {{"its gradient is of other logits, targets or factors"}}
  %losses, %lse = lns.cross_entropy %x, %t : (tensor<3x8xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  %dx = lns.cross_entropy_grad %x, %u, %lse, %d : (tensor<3x8xf32>, tensor<3xi32>, tensor<3xf32>, tensor<3xf32>) -> tensor<3x8xf32>
  return %losses, %dx : tensor<3xf32>, tensor<3x8xf32>
}
