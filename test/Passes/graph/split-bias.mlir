// RUN: lns-opt %s --pass-pipeline='builtin.module(func.func(lns-split-bias))' | FileCheck %s
// RUN: lns-interpret %s --check-pipeline='builtin.module(func.func(lns-split-bias))'

// Every reader gets the sum; alpha stays with the product.
// CHECK-LABEL: func.func @bias
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[W:[a-z0-9]+]]: tensor<5x4xf32>, %[[B:[a-z0-9]+]]: tensor<5xf32>
// CHECK-NEXT: %[[P:.*]] = lns.linear %[[X]], %[[W]] {alpha = 5.000000e-01 : f64} : (tensor<2x3x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5xf32>
// CHECK-NEXT: %[[Y:.*]] = lns.add_bias %[[P]], %[[B]] : tensor<2x3x5xf32>, tensor<5xf32>
// CHECK-NEXT: %[[Z:.*]] = lns.residual %[[Y]], %[[Y]]
// CHECK-NEXT: return %[[Y]], %[[Z]]
func.func @bias(%x: tensor<2x3x4xf32>, %w: tensor<5x4xf32>, %b: tensor<5xf32>) -> (tensor<2x3x5xf32>, tensor<2x3x5xf32>) {
  %y = lns.linear %x, %w bias(%b) {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>
  %z = lns.residual %y, %y : tensor<2x3x5xf32>
  return %y, %z : tensor<2x3x5xf32>, tensor<2x3x5xf32>
}

// A linear without a bias stays as it is.
// CHECK-LABEL: func.func @no_bias
// CHECK-NEXT: %[[Y:.*]] = lns.linear
// CHECK-NEXT: return %[[Y]]
func.func @no_bias(%x: tensor<2x4xf32>, %w: tensor<5x4xf32>) -> tensor<2x5xf32> {
  %y = lns.linear %x, %w : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  return %y : tensor<2x5xf32>
}
