// RUN: lns-opt %s --pass-pipeline='builtin.module(func.func(lns-fold-depth-scale))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics | FileCheck %s

// Does not fire when the product of both numbers is none.
// CHECK-LABEL: func.func @overflow
// CHECK: lns.norm {{.*}} scale(1.000000e+308)
// CHECK: alpha = 1.000000e+308
func.func @overflow(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{depth scale stays: times the alpha of a reader, it is not finite}}
  %n = lns.norm rms %x, %g scale(1.0e308) : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w {alpha = 1.0e308 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}
