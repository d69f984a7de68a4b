// Parameters, clipping and AdamW, by numbers that can be checked by hand.
// RUN: lns-interpret %s --split-input-file --print --print-gradients --print-parameters | FileCheck %s

// The norm of (3, 4) is 5; above the limit 2.5 it is scaled to the limit, below
// 10 and with limit 0 it is left alone.
// CHECK-LABEL: clip: result.0: []
// CHECK-NEXT:  = 5
// CHECK-NEXT:  result.1: []
// CHECK-NEXT:  = 0.5
// CHECK-NEXT:  result.2: []
// CHECK-NEXT:  = 1
// CHECK-NEXT:  result.3: []
// CHECK-NEXT:  = 1
// CHECK-NEXT:  result.4: [2]
// CHECK-NEXT:  = 9, 16
func.func @clip() -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<2xf64>) {
  %a = arith.constant dense<3.0> : tensor<1xf32>
  %b = arith.constant dense<4.0> : tensor<1xf32>
  %o = arith.constant dense<[0.0, 0.0, 0.0, 0.0, 0.0, 2.5, 0.0, 0.0]> : tensor<8xf32>
  %high = arith.constant dense<[0.0, 0.0, 0.0, 0.0, 0.0, 10.0, 0.0, 0.0]> : tensor<8xf32>
  %off = arith.constant dense<0.0> : tensor<8xf32>
  %n, %f, %p = lns.clip_factor %o, %a, %b : (tensor<8xf32>, tensor<1xf32>, tensor<1xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  %n1, %f1, %p1 = lns.clip_factor %high, %a, %b : (tensor<8xf32>, tensor<1xf32>, tensor<1xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  %n2, %f2, %p2 = lns.clip_factor %off, %a, %b : (tensor<8xf32>, tensor<1xf32>, tensor<1xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  return %n, %f, %f1, %f2, %p : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<2xf64>
}

// -----

// A norm or a loss that is not finite makes a factor that is not a number, and with
// it nothing is written: neither parameter nor moments nor compute weight.
// CHECK-LABEL: skip: result.0: []
// CHECK-NEXT:  = inf
// CHECK-NEXT:  result.1: []
// CHECK-NEXT:  = nan
// CHECK-NEXT:  result.2: []
// CHECK-NEXT:  = nan
// CHECK-NEXT:  result.3: []
// CHECK-NEXT:  = 1
// CHECK-NEXT:  result.4: [1, 1]
// CHECK-NEXT:  = 8
// CHECK-NEXT:  parameter w: [1, 1]
// CHECK-NEXT:  = 2
lns.parameter @w matrix init(zeros) decay(true) : tensor<1x1xf32>
lns.compute_weight @v of @w : tensor<1x1xbf16>
func.func @skip() -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<1x1xbf16>) {
  %o = arith.constant dense<[0.5, 0.5, 0.75, 1.0, 0.25, 0.0, 0.5, 0.25]> : tensor<8xf32>
  %two = arith.constant dense<2.0> : tensor<1x1xf32>
  %eight = arith.constant dense<8.0> : tensor<1x1xbf16>
  %inf = arith.constant dense<0x7F800000> : tensor<1x1xf32>
  %good = arith.constant dense<1.5> : tensor<f32>
  %nan = arith.constant dense<0x7FC00000> : tensor<f32>
  lns.set %two, parameter @w : tensor<1x1xf32>
  lns.set %eight, compute @v : tensor<1x1xbf16>
  %n, %f, %p = lns.clip_factor %o, %inf loss(%good) : (tensor<8xf32>, tensor<1x1xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  %n1, %f1, %p1 = lns.clip_factor %o, %two loss(%nan) : (tensor<8xf32>, tensor<1x1xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  %n2, %f2, %p2 = lns.clip_factor %o, %two loss(%good) : (tensor<8xf32>, tensor<1x1xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  lns.adamw @w, %inf, %f, %o decay(true) compute(@v) : tensor<1x1xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @w, %two, %f1, %o decay(true) compute(@v) : tensor<1x1xf32>, tensor<f32>, tensor<8xf32>
  %v = lns.get compute @v : tensor<1x1xbf16>
  return %n, %f, %f1, %f2, %v : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>, tensor<1x1xbf16>
}

// -----

// lr 0.5, beta1 0.5, beta2 0.75, eps 1, weight decay 0.25, bias corrections 0.5
// and 0.25; g = 0.5 * 2 = 1. With decay p = 1 - 0.125, then m = 0.5, v = 0.25 and
// p = 0.875 - 0.5 * 1/(1 + 1) = 0.625. Without: 1 - 0.25.
// In the second step m = 0.75, v = 0.4375:
//   p = 0.625 * 0.875 - 0.5 * 1.5/(sqrt(1.75) + 1) = 0.2239993445.
// CHECK-LABEL: adamw: result.0: [1]
// CHECK-NEXT:  = 0.625
// CHECK-NEXT:  result.1: [1]
// CHECK-NEXT:  = 0.75
// CHECK-NEXT:  result.2: [1]
// CHECK-NEXT:  = 0.2239993445
// CHECK-NEXT:  parameter w: [1]
// CHECK-NEXT:  = 0.2239993445
// CHECK-NEXT:  parameter b: [1]
// CHECK-NEXT:  = 0.75
lns.parameter @w matrix init(zeros) decay(true) : tensor<1xf64>
lns.parameter @b bias init(zeros) decay(false) : tensor<1xf64>
func.func @adamw() -> (tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) {
  %o = arith.constant dense<[0.5, 0.5, 0.75, 1.0, 0.25, 0.0, 0.5, 0.25]> : tensor<8xf32>
  %one = arith.constant dense<1.0> : tensor<1xf64>
  %g = arith.constant dense<2.0> : tensor<1xf64>
  %factor = arith.constant dense<0.5> : tensor<f64>
  lns.set %one, parameter @w : tensor<1xf64>
  lns.set %one, parameter @b : tensor<1xf64>
  lns.adamw @w, %g, %factor, %o decay(true) : tensor<1xf64>, tensor<f64>, tensor<8xf32>
  lns.adamw @b, %g, %factor, %o decay(false) : tensor<1xf64>, tensor<f64>, tensor<8xf32>
  %w1 = lns.get parameter @w : tensor<1xf64>
  %b1 = lns.get parameter @b : tensor<1xf64>
  lns.adamw @w, %g, %factor, %o decay(true) : tensor<1xf64>, tensor<f64>, tensor<8xf32>
  %w2 = lns.get parameter @w : tensor<1xf64>
  return %w1, %b1, %w2 : tensor<1xf64>, tensor<1xf64>, tensor<1xf64>
}

// -----

// A gradient is stored beside its parameter and leaves it alone.
// CHECK-LABEL: store: result.0: [2]
// CHECK-NEXT:  = 1, 2
// CHECK-NEXT:  gradient w: [2]
// CHECK-NEXT:  = 3, 4
// CHECK-NEXT:  parameter w: [2]
// CHECK-NEXT:  = 1, 2
lns.parameter @w matrix init(zeros) decay(true) : tensor<2xf64>
func.func @store() -> tensor<2xf64> {
  %p = arith.constant dense<[1.0, 2.0]> : tensor<2xf64>
  %g = arith.constant dense<[3.0, 4.0]> : tensor<2xf64>
  lns.set %p, parameter @w : tensor<2xf64>
  lns.set %g, gradient @w : tensor<2xf64>
  %q = lns.get parameter @w : tensor<2xf64>
  return %q : tensor<2xf64>
}

// -----

// A compute weight is what it is by definition when a function is called; AdamW
// writes it from the new parameter and the gain as it is then, and until somebody
// does, it stays. With decay 0.25 and lr 0.5, w becomes 0.875 w (its gradient is 0).
// CHECK-LABEL: compute: result.0: [1, 2]
// CHECK-NEXT:  = 8, 24
// CHECK-NEXT:  result.1: [1, 2]
// CHECK-NEXT:  = 8, 24
// CHECK-NEXT:  result.2: [1, 2]
// CHECK-NEXT:  = 14, 28
// CHECK-NEXT:  result.3: [1, 2]
// CHECK-NEXT:  = 5, 6
lns.parameter @w matrix init(zeros) decay(true) : tensor<1x2xf64>
lns.parameter @g gain init(zeros) decay(true) : tensor<2xf64>
lns.compute_weight @v of @w gain(@g) : tensor<1x2xf64>
func.func @compute() -> (tensor<1x2xf64>, tensor<1x2xf64>, tensor<1x2xf64>, tensor<1x2xf64>) {
  %o = arith.constant dense<[0.5, 0.5, 0.75, 1.0, 0.25, 0.0, 0.5, 0.25]> : tensor<8xf32>
  %w = arith.constant dense<[[8.0, 8.0]]> : tensor<1x2xf64>
  %g = arith.constant dense<[1.0, 3.0]> : tensor<2xf64>
  %h = arith.constant dense<[2.0, 4.0]> : tensor<2xf64>
  %zero = arith.constant dense<0.0> : tensor<1x2xf64>
  %factor = arith.constant dense<1.0> : tensor<f64>
  %any = arith.constant dense<[[5.0, 6.0]]> : tensor<1x2xf64>
  lns.set %w, parameter @w : tensor<1x2xf64>
  lns.set %g, parameter @g : tensor<2xf64>
  %s = lns.scale_columns %w, %g : tensor<1x2xf64>, tensor<2xf64>
  lns.set %s, compute @v : tensor<1x2xf64>
  %v0 = lns.get compute @v : tensor<1x2xf64>
  lns.set %h, parameter @g : tensor<2xf64>
  %v1 = lns.get compute @v : tensor<1x2xf64>
  lns.adamw @w, %zero, %factor, %o decay(true) compute(@v) : tensor<1x2xf64>, tensor<f64>, tensor<8xf32>
  %v2 = lns.get compute @v : tensor<1x2xf64>
  lns.set %any, compute @v : tensor<1x2xf64>
  %v3 = lns.get compute @v : tensor<1x2xf64>
  return %v0, %v1, %v2, %v3 : tensor<1x2xf64>, tensor<1x2xf64>, tensor<1x2xf64>, tensor<1x2xf64>
}

// -----

// Before anybody wrote it: cast(scale_columns(W, g)) of the parameters as they are.
// CHECK-LABEL: defined: result.0: [3, 4]
// CHECK-NEXT:  = [[NUMBERS:.*]]
// CHECK-NEXT:  result.1: [3, 4]
// CHECK-NEXT:  = [[NUMBERS]]
lns.parameter @w matrix init(zeros) decay(true) storage(tensor<3x4xf32>) : tensor<2x3xf32>
lns.parameter @g gain init(zeros) decay(true) storage(tensor<4xf32>) : tensor<3xf32>
lns.compute_weight @v of @w gain(@g) : tensor<3x4xbf16>
func.func @defined() -> (tensor<3x4xbf16>, tensor<3x4xbf16>) {
  %w = lns.get parameter @w : tensor<3x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %s = lns.scale_columns %w, %g : tensor<3x4xf32>, tensor<4xf32>
  %c = lns.cast %s : tensor<3x4xf32> to tensor<3x4xbf16>
  %v = lns.get compute @v : tensor<3x4xbf16>
  return %c, %v : tensor<3x4xbf16>, tensor<3x4xbf16>
}

// -----

// lr 0.5 * 0.5, eps 1 * 3 and weight decay 0.25 * 2: with what is above,
// p = 1 - 0.125 - 0.25 * 1/(1 + 3) = 0.8125.
// CHECK-LABEL: factors: result.0: [1]
// CHECK-NEXT:  = 0.8125
// CHECK-NEXT:  parameter w: [1]
lns.parameter @w matrix init(zeros) decay(true) : tensor<1xf64>
func.func @factors() -> tensor<1xf64> {
  %o = arith.constant dense<[0.5, 0.5, 0.75, 1.0, 0.25, 0.0, 0.5, 0.25]> : tensor<8xf32>
  %one = arith.constant dense<1.0> : tensor<1xf64>
  %g = arith.constant dense<2.0> : tensor<1xf64>
  %factor = arith.constant dense<0.5> : tensor<f64>
  lns.set %one, parameter @w : tensor<1xf64>
  lns.adamw @w, %g, %factor, %o decay(true) lr_factor(0.5) eps_factor(3.0) decay_factor(2.0) : tensor<1xf64>, tensor<f64>, tensor<8xf32>
  %w = lns.get parameter @w : tensor<1xf64>
  return %w : tensor<1xf64>
}

// -----

// Lengths 5, 0, nearly 1 and 1: only the first row is scaled; and of columns the first
// two, of lengths 3 and 4. Nothing where the factor is not a number.
// CHECK-LABEL: project: result.0: [4, 2]
// CHECK-NEXT:  = 3, 4, 0, 0, 1.0000002, 0, 0, -1
// CHECK-NEXT:  parameter r: [4, 2]
// CHECK-NEXT:  = 0.6, 0.8, 0, 0, 1.0000002, 0, 0, -1
// CHECK-NEXT:  parameter c: [2, 3]
// CHECK-NEXT:  = 1, 0, 1, 0, 1, 0
lns.parameter @r matrix init(zeros) decay(false) project(rows) : tensor<4x2xf64>
lns.parameter @c matrix init(zeros) decay(false) project(columns) storage(tensor<3x4xf64>) : tensor<2x3xf64>
func.func @project() -> tensor<4x2xf64> {
  %rows = arith.constant dense<[[3.0, 4.0], [0.0, 0.0], [1.0000002, 0.0], [0.0, -1.0]]> : tensor<4x2xf64>
  %columns = arith.constant dense<[[3.0, 0.0, 1.0, 0.0], [0.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]> : tensor<3x4xf64>
  %nan = arith.constant dense<0x7FF8000000000000> : tensor<f64>
  %one = arith.constant dense<1.0> : tensor<f64>
  lns.set %rows, parameter @r : tensor<4x2xf64>
  lns.set %columns, parameter @c : tensor<3x4xf64>
  lns.project @r rows factor(%nan) : tensor<4x2xf64>, tensor<f64>
  %before = lns.get parameter @r : tensor<4x2xf64>
  lns.project @r rows : tensor<4x2xf64>
  lns.project @c columns factor(%one) : tensor<3x4xf64>, tensor<f64>
  return %before : tensor<4x2xf64>
}
