// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-defer-row-scale))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-defer-row-scale))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-defer-row-scale))'

// The loss multiplies the rows itself; the scaled logits are not written.
// CHECK-LABEL: func.func @loss
// CHECK-SAME: %[[Z:[a-z0-9]+]]: tensor<2x3x5xf32>, %[[R:[a-z0-9]+]]: tensor<2x3xf32>, %[[T:[a-z0-9]+]]: tensor<2x3xi32>
// CHECK-NEXT: lns.cross_entropy %[[Z]], %[[T]] factors(%[[R]]) : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<2x3xf32>)
func.func @loss(%z: tensor<2x3x5xf32>, %r: tensor<2x3xf32>, %t: tensor<2x3xi32>) -> tensor<2x3xf32> {
  %y = lns.row_scale %z, %r : tensor<2x3x5xf32>, tensor<2x3xf32>
  // expected-remark@+1 {{[Passed] defer-row-scale | Category:lns-norm | Remark="row scale deferred into the loss"}}
  %losses, %lse = lns.cross_entropy %y, %t : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  return %losses : tensor<2x3xf32>
}

// -----

// Does not fire when somebody else reads the scaled logits.
// CHECK-LABEL: func.func @other_reader
// CHECK: %[[Y:.*]] = lns.row_scale
// CHECK: lns.cross_entropy %[[Y]], %{{[a-z0-9]+}} :
func.func @other_reader(%z: tensor<2x3x5xf32>, %r: tensor<2x3xf32>, %t: tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3x5xf32>) {
  %y = lns.row_scale %z, %r : tensor<2x3x5xf32>, tensor<2x3xf32>
  // expected-remark@+1 {{the scaled logits have another reader, so they are written anyway}}
  %losses, %lse = lns.cross_entropy %y, %t : (tensor<2x3x5xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  return %losses, %y : tensor<2x3xf32>, tensor<2x3x5xf32>
}

// -----

// Does not fire for a loss that has factors: there is place for one.
// CHECK-LABEL: func.func @factors
// CHECK: lns.row_scale
func.func @factors(%z: tensor<2x3x5xf32>, %r: tensor<2x3xf32>, %t: tensor<2x3xi32>) -> tensor<2x3xf32> {
  %y = lns.row_scale %z, %r : tensor<2x3x5xf32>, tensor<2x3xf32>
  // expected-remark@+1 {{the loss has factors already}}
  %losses, %lse = lns.cross_entropy %y, %t factors(%r) : (tensor<2x3x5xf32>, tensor<2x3xi32>, tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  return %losses : tensor<2x3xf32>
}

// -----

// A linear with an adapter behind a norm: one row scale, behind the sum, where the
// norm's adjoint finds the row dot; a bias comes behind it.
// CHECK-LABEL: func.func @adapter
// CHECK: %[[Z:.*]] = lns.linear %{{.*}} -> tensor<2x3x16xf64>
// CHECK: %[[A:.*]] = lns.linear %{{.*}} -> tensor<2x3x4xf64>
// CHECK: %[[U:.*]] = lns.linear %[[A]], {{.*}}alpha = 5.000000e-01
// CHECK: %[[S:.*]] = lns.add %[[Z]], %[[U]]
// CHECK: %[[Y:.*]] = lns.row_scale %[[S]]
// CHECK: lns.add_bias %[[Y]]
// CHECK-NOT: lns.row_scale
func.func @adapter(%x: tensor<2x3x8xf64>, %w: tensor<16x8xf64>, %a: tensor<4x8xf64>, %b: tensor<16x4xf64>, %bias: tensor<16xf64>, %r: tensor<2x3xf64>) -> tensor<2x3x16xf64> {
  %z = lns.linear %x, %w : (tensor<2x3x8xf64>, tensor<16x8xf64>) -> tensor<2x3x16xf64>
  %s = lns.row_scale %z, %r : tensor<2x3x16xf64>, tensor<2x3xf64>
  %y = lns.add_bias %s, %bias : tensor<2x3x16xf64>, tensor<16xf64>
  %d = lns.linear %x, %a : (tensor<2x3x8xf64>, tensor<4x8xf64>) -> tensor<2x3x4xf64>
  %t = lns.row_scale %d, %r : tensor<2x3x4xf64>, tensor<2x3xf64>
  // expected-remark@+1 {{[Passed] defer-row-scale | Category:lns-norm | Remark="row scale deferred behind a sum of products"}}
  %u = lns.linear %t, %b {alpha = 0.5 : f64} : (tensor<2x3x4xf64>, tensor<16x4xf64>) -> tensor<2x3x16xf64>
  %v = lns.add %y, %u : tensor<2x3x16xf64>
  return %v : tensor<2x3x16xf64>
}

// -----

// Not with other factors, nor where a row scale is read by others, too.
// CHECK-LABEL: func.func @other_factors
// CHECK-COUNT-2: lns.row_scale
// CHECK: lns.add
// CHECK-NEXT: return
func.func @other_factors(%z: tensor<2x3x16xf64>, %d: tensor<2x3x4xf64>, %b: tensor<16x4xf64>, %r: tensor<2x3xf64>, %q: tensor<2x3xf64>) -> tensor<2x3x16xf64> {
  %s = lns.row_scale %z, %r : tensor<2x3x16xf64>, tensor<2x3xf64>
  %t = lns.row_scale %d, %q : tensor<2x3x4xf64>, tensor<2x3xf64>
  %u = lns.linear %t, %b : (tensor<2x3x4xf64>, tensor<16x4xf64>) -> tensor<2x3x16xf64>
  %v = lns.add %s, %u : tensor<2x3x16xf64>
  return %v : tensor<2x3x16xf64>
}

// CHECK-LABEL: func.func @other_reader_of_rows
// CHECK-COUNT-2: lns.row_scale
// CHECK: lns.add
// CHECK-NEXT: return
func.func @other_reader_of_rows(%z: tensor<2x3x16xf64>, %d: tensor<2x3x4xf64>, %b: tensor<16x4xf64>, %r: tensor<2x3xf64>) -> (tensor<2x3x16xf64>, tensor<2x3x4xf64>) {
  %s = lns.row_scale %z, %r : tensor<2x3x16xf64>, tensor<2x3xf64>
  %t = lns.row_scale %d, %r : tensor<2x3x4xf64>, tensor<2x3xf64>
  %u = lns.linear %t, %b : (tensor<2x3x4xf64>, tensor<16x4xf64>) -> tensor<2x3x16xf64>
  // expected-remark@+1 {{a row scale of a sum has another reader}}
  %v = lns.add %s, %u : tensor<2x3x16xf64>
  return %v, %t : tensor<2x3x16xf64>, tensor<2x3x4xf64>
}
