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
