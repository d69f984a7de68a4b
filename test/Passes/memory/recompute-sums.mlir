// A sum over a row is kept for what is computed again: it is small, and computed in
// another kernel it would be summed in another order.

// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{budget-bytes=9000})' | FileCheck %s
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-recompute{budget-bytes=9000})'
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{budget-bytes=9000},lns-fuse,func.func(lns-plan-memory))' | FileCheck %s --check-prefix=SUMS

// CHECK: lns.residual %[[X:.*]], %[[Y:.*]] :
// CHECK: %[[R:.*]] = lns.row_rstd
// CHECK: lns.mean
// CHECK-NOT: lns.row_rstd
// CHECK: %[[H:.*]] = lns.residual %[[X]], %[[Y]] :
// CHECK-NEXT: lns.row_scale %[[H]], %[[R]] :
// CHECK-NOT: lns.row_rstd
// SUMS-COUNT-1: lns.row_rstd
// SUMS-NOT: lns.row_rstd
lns.parameter @g1 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g2 gain init(ones) decay(false) : tensor<64xf32>
func.func @norm(%x: tensor<16x64xf32>, %y: tensor<16x64xf32>) -> tensor<f32> {
  %h = lns.residual %x, %y : tensor<16x64xf32>
  %r = lns.row_rstd %h eps(1.0e-6) : (tensor<16x64xf32>) -> tensor<16xf32>
  %a = lns.row_scale %h, %r : tensor<16x64xf32>, tensor<16xf32>
  %b = lns.activation relu %a : tensor<16x64xf32>
  %loss = lns.mean %b : (tensor<16x64xf32>) -> tensor<f32>
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one : (tensor<f32>) -> tensor<16x64xf32>
  %e = lns.residual %d, %x : tensor<16x64xf32>
  %dot = lns.column_dot %e, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  lns.set %dot, gradient @g1 : tensor<64xf32>
  %first = lns.column_dot %b, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %second = lns.column_dot %a, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %both = lns.add %first, %second : tensor<64xf32>
  lns.set %both, gradient @g2 : tensor<64xf32>
  return %loss : tensor<f32>
}
