// A function called for each part of a batch, by numbers that can be checked by
// hand.
// RUN: lns-interpret %s --entry=whole --print --print-gradients | FileCheck %s

// The parts' means are 1.5, 4 and 10.5; each call adds to what the one before
// has stored.
// CHECK-LABEL: whole: result.0: []
// CHECK-NEXT:  = 5.33333333
// CHECK-NEXT: gradient g: [2]
// CHECK-NEXT:  = 12, 20
lns.parameter @g gain init(ones) decay(false) : tensor<2xf64>
func.func @part(%x: tensor<1x2xf64>) -> tensor<f64> {
  %old = lns.get gradient @g : tensor<2xf64>
  %sum = lns.column_dot %x : (tensor<1x2xf64>) -> tensor<2xf64>
  %new = lns.add %old, %sum : tensor<2xf64>
  lns.set %new, gradient @g : tensor<2xf64>
  %loss = lns.mean %x : (tensor<1x2xf64>) -> tensor<f64>
  return %loss : tensor<f64>
}
func.func @whole() -> tensor<f64> {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 5.0], [8.0, 13.0]]> : tensor<3x2xf64>
  %zero = lns.constant 0.0 : tensor<2xf64>
  lns.set %zero, gradient @g : tensor<2xf64>
  %loss = lns.repeat @part(%x) count(3) : (tensor<3x2xf64>) -> tensor<f64>
  return %loss : tensor<f64>
}
