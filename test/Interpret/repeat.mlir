// A function called for each part of a batch, by numbers that can be checked by
// hand.
// RUN: lns-interpret %s --entry=whole --print --print-gradients | FileCheck %s

// The parts' sums are 3, 8 and 21, each over the count that all of them get, 4;
// each call adds to what the one before has stored.
// CHECK-LABEL: whole: result.0: []
// CHECK-NEXT:  = 8
// CHECK-NEXT: gradient g: [2]
// CHECK-NEXT:  = 12, 20
lns.parameter @g gain init(ones) decay(false) : tensor<2xf64>
func.func @part(%x: tensor<1x2xf64>, %n: tensor<i32>) -> tensor<f64> {
  %old = lns.get gradient @g : tensor<2xf64>
  %sum = lns.column_dot %x : (tensor<1x2xf64>) -> tensor<2xf64>
  %new = lns.add %old, %sum : tensor<2xf64>
  lns.set %new, gradient @g : tensor<2xf64>
  %loss = lns.mean %x over(%n) : (tensor<1x2xf64>, tensor<i32>) -> tensor<f64>
  return %loss : tensor<f64>
}
func.func @whole() -> tensor<f64> {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 5.0], [8.0, 13.0]]> : tensor<3x2xf64>
  %zero = lns.constant 0.0 : tensor<2xf64>
  lns.set %zero, gradient @g : tensor<2xf64>
  %targets = arith.constant dense<[[7, -100], [0, 1], [-100, 2]]> : tensor<3x2xi32>
  %n = lns.target_count %targets : tensor<3x2xi32>
  %loss = lns.repeat @part(%x, %n) count(3) : (tensor<3x2xf64>, tensor<i32>) -> tensor<f64>
  return %loss : tensor<f64>
}
