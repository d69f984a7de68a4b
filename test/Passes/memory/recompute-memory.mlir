// What `lns.get` reads may be read again as long as nobody writes it.

// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{budget-bytes=8511})' | FileCheck %s
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-recompute{budget-bytes=8511})'

// Where it is written, see recompute-errors.mlir: that differs in what the first
// line reads. The read itself is not repeated.
// CHECK: %[[OLD:.*]] = lns.get gradient @other
// CHECK: lns.residual %[[OLD]], %[[X:[a-z0-9]+]]
// CHECK: lns.mean
// CHECK-NOT: lns.get
// CHECK: lns.set %{{.*}}, gradient @w
// CHECK: %[[AGAIN:.*]] = lns.residual %[[OLD]], %[[X]]
// CHECK-NEXT: lns.column_dot %[[AGAIN]], %[[X]]
lns.parameter @g gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @other matrix init(ones) decay(true) : tensor<16x64xf32>
lns.parameter @w matrix init(ones) decay(true) : tensor<16x64xf32>
func.func @read(%x: tensor<16x64xf32>) -> tensor<f32> {
  %old = lns.get gradient @other : tensor<16x64xf32>
  %a = lns.residual %old, %x : tensor<16x64xf32>
  %loss = lns.mean %a : (tensor<16x64xf32>) -> tensor<f32>
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one : (tensor<f32>) -> tensor<16x64xf32>
  lns.set %d, gradient @w : tensor<16x64xf32>
  %e = lns.residual %x, %x : tensor<16x64xf32>
  %dot = lns.column_dot %e, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %sum = lns.column_dot %a, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %both = lns.add %dot, %sum : tensor<64xf32>
  lns.set %both, gradient @g : tensor<64xf32>
  return %loss : tensor<f32>
}
