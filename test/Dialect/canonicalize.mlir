// RUN: lns-opt %s --canonicalize | FileCheck %s

// A factor of one does nothing.
// CHECK-LABEL: func.func @scale_by_one
// CHECK-SAME:    (%[[X:.*]]: tensor<4x8xf32>)
// CHECK-NEXT:  return %[[X]]
func.func @scale_by_one(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = lns.scale %x factor(1.0) : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// Factors in a row are multiplied, and two that cancel vanish.
// CHECK-LABEL: func.func @scale_twice
// CHECK-SAME:    (%[[X:.*]]: tensor<4x8xf32>)
// CHECK-NEXT:  %[[Y:.*]] = lns.scale %[[X]] factor(6.000000e+00)
// CHECK-NEXT:  return %[[Y]], %[[X]]
func.func @scale_twice(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %a = lns.scale %x factor(2.0) : tensor<4x8xf32>
  %b = lns.scale %a factor(3.0) : tensor<4x8xf32>
  %c = lns.scale %a factor(0.5) : tensor<4x8xf32>
  return %b, %c : tensor<4x8xf32>, tensor<4x8xf32>
}

// A product of factors that would not be finite is left alone.
// CHECK-LABEL: func.func @no_overflow
// CHECK-COUNT-2: lns.scale {{.*}} factor({{.*}}E+199)
func.func @no_overflow(%x: tensor<4xf64>) -> tensor<4xf64> {
  %a = lns.scale %x factor(1.0e200) : tensor<4xf64>
  %b = lns.scale %a factor(1.0e200) : tensor<4xf64>
  return %b : tensor<4xf64>
}

// The seed of a backward pass: the gradient of a mean is a constant. Its value
// is kept as f64, also where the tensor is f32.
// CHECK-LABEL: func.func @seed
// CHECK-NEXT:  %[[S:.*]] = lns.constant 0.16666666666666666 : tensor<2x3xf32>
// CHECK-NEXT:  return %[[S]]
func.func @seed() -> tensor<2x3xf32> {
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one : (tensor<f32>) -> tensor<2x3xf32>
  return %d : tensor<2x3xf32>
}

// Over a count that is not known, it is none.
// CHECK-LABEL: func.func @counted_seed
// CHECK: lns.mean_grad {{.*}} over(
func.func @counted_seed(%n: tensor<i32>) -> tensor<2x3xf32> {
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x3xf32>
  return %d : tensor<2x3xf32>
}

// A scaled constant is a constant.
// CHECK-LABEL: func.func @scaled_constant
// CHECK-NEXT:  %[[S:.*]] = lns.constant -1.000000e+00 : tensor<4xf32>
// CHECK-NEXT:  return %[[S]]
func.func @scaled_constant() -> tensor<4xf32> {
  %two = lns.constant 2.0 : tensor<4xf32>
  %y = lns.scale %two factor(-0.5) : tensor<4xf32>
  return %y : tensor<4xf32>
}

// What is not known stays.
// CHECK-LABEL: func.func @unknown_seed
// CHECK: lns.mean_grad
// CHECK: lns.scale {{.*}} factor(2.000000e+00)
func.func @unknown_seed(%s: tensor<f32>, %x: tensor<4xf32>) -> (tensor<2x3xf32>, tensor<4xf32>) {
  %d = lns.mean_grad %s : (tensor<f32>) -> tensor<2x3xf32>
  %y = lns.scale %x factor(2.0) : tensor<4xf32>
  return %d, %y : tensor<2x3xf32>, tensor<4xf32>
}

// Centering rows that are centered changes nothing: after another centering, or
// where each centered row was only multiplied by a number.
// CHECK-LABEL: func.func @centered
// CHECK-SAME:  %[[X:[a-z0-9]+]]: tensor<4x8xf32>, %[[R:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT:  %[[C:.*]] = lns.center_rows %[[X]]
// CHECK-NEXT:  %[[A:.*]] = lns.scale_columns %[[C]] scale(5.000000e-01)
// CHECK-NEXT:  %[[B:.*]] = lns.row_scale %[[A]], %[[R]]
// CHECK-NEXT:  %[[D:.*]] = lns.row_rstd_grad %[[B]], %[[R]], %[[R]]
// CHECK-NEXT:  %[[E:.*]] = lns.scale %[[D]] factor(3.000000e+00)
// CHECK-NEXT:  return %[[C]], %[[E]]
func.func @centered(%x: tensor<4x8xf32>, %r: tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %c = lns.center_rows %x : tensor<4x8xf32>
  %twice = lns.center_rows %c : tensor<4x8xf32>
  %a = lns.scale_columns %c scale(0.5) : tensor<4x8xf32>
  %b = lns.row_scale %a, %r : tensor<4x8xf32>, tensor<4xf32>
  %d = lns.row_rstd_grad %b, %r, %r : (tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  %e = lns.scale %d factor(3.0) : tensor<4x8xf32>
  %z = lns.center_rows %e : tensor<4x8xf32>
  return %twice, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// A gain moves the mean, and so do a bias and what is not known.
// CHECK-LABEL: func.func @not_centered
// CHECK-COUNT-4: lns.center_rows
func.func @not_centered(%x: tensor<4x8xf32>, %g: tensor<8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  %c = lns.center_rows %x : tensor<4x8xf32>
  %a = lns.scale_columns %c, %g : tensor<4x8xf32>, tensor<8xf32>
  %b = lns.add_bias %c, %g : tensor<4x8xf32>, tensor<8xf32>
  %s = lns.scale %x factor(2.0) : tensor<4x8xf32>
  %ca = lns.center_rows %a : tensor<4x8xf32>
  %cb = lns.center_rows %b : tensor<4x8xf32>
  %cs = lns.center_rows %s : tensor<4x8xf32>
  return %ca, %cb, %cs : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// Unused ops vanish, but those that write parameters do not.
// CHECK-LABEL: func.func @effects
// CHECK-NOT:   lns.row_rstd
// CHECK:       lns.set %{{.*}}, gradient @a
// CHECK:       lns.adamw @a
lns.parameter @a matrix init(zeros) decay(true) : tensor<4x8xf32>
func.func @effects(%x: tensor<4x8xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
  lns.set %x, gradient @a : tensor<4x8xf32>
  lns.adamw @a, %x, %f, %o decay(true) : tensor<4x8xf32>, tensor<f32>, tensor<8xf32>
  return
}

// A cast to the type that is there does nothing, and one that only took back a
// widening vanishes with it.
// CHECK-LABEL: func.func @casts_that_cancel
// CHECK-SAME:    (%[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xbf16>)
// CHECK-NEXT:  return %[[X]], %[[Y]]
func.func @casts_that_cancel(%x: tensor<4xf32>, %y: tensor<4xbf16>) -> (tensor<4xf32>, tensor<4xbf16>) {
  %a = lns.cast %x : tensor<4xf32> to tensor<4xf32>
  %b = lns.cast %y : tensor<4xbf16> to tensor<4xf32>
  %c = lns.cast %b : tensor<4xf32> to tensor<4xbf16>
  return %a, %c : tensor<4xf32>, tensor<4xbf16>
}

// A cast of a widening cast reads what that read.
// CHECK-LABEL: func.func @cast_of_widening
// CHECK-NEXT:  %[[C:.*]] = lns.cast %{{.*}} : tensor<4xbf16> to tensor<4xf64>
// CHECK-NEXT:  return %[[C]]
func.func @cast_of_widening(%y: tensor<4xbf16>) -> tensor<4xf64> {
  %b = lns.cast %y : tensor<4xbf16> to tensor<4xf32>
  %c = lns.cast %b : tensor<4xf32> to tensor<4xf64>
  return %c : tensor<4xf64>
}

// Rounding stays: it is not undone by widening, and twice is not once.
// CHECK-LABEL: func.func @rounding_stays
// CHECK-NEXT:  lns.cast %{{.*}} : tensor<4xf32> to tensor<4xbf16>
// CHECK-NEXT:  lns.cast %{{.*}} : tensor<4xbf16> to tensor<4xf32>
// CHECK-NEXT:  lns.cast %{{.*}} : tensor<4xf64> to tensor<4xf32>
// CHECK-NEXT:  lns.cast %{{.*}} : tensor<4xf32> to tensor<4xbf16>
func.func @rounding_stays(%x: tensor<4xf32>, %z: tensor<4xf64>) -> (tensor<4xf32>, tensor<4xbf16>) {
  %a = lns.cast %x : tensor<4xf32> to tensor<4xbf16>
  %b = lns.cast %a : tensor<4xbf16> to tensor<4xf32>
  %c = lns.cast %z : tensor<4xf64> to tensor<4xf32>
  %d = lns.cast %c : tensor<4xf32> to tensor<4xbf16>
  return %b, %d : tensor<4xf32>, tensor<4xbf16>
}

// A constant takes the other type where it is a number of both.
// CHECK-LABEL: func.func @cast_constants
// CHECK-DAG: %[[A:.*]] = lns.constant 5.000000e-01 : tensor<4xbf16>
// CHECK-DAG: %[[B:.*]] = lns.constant 1.000000e-01 : tensor<4xf32>
// CHECK:     %[[C:.*]] = lns.cast %[[B]] : tensor<4xf32> to tensor<4xbf16>
// CHECK:     return %[[A]], %[[C]]
func.func @cast_constants() -> (tensor<4xbf16>, tensor<4xbf16>) {
  %half = lns.constant 0.5 : tensor<4xf32>
  %tenth = lns.constant 0.1 : tensor<4xf32>
  %a = lns.cast %half : tensor<4xf32> to tensor<4xbf16>
  %b = lns.cast %tenth : tensor<4xf32> to tensor<4xbf16>
  return %a, %b : tensor<4xbf16>, tensor<4xbf16>
}

// The f32 sum of a product is not rounded for a reader that widens it.
// CHECK-LABEL: func.func @wide_products
// CHECK-NEXT:  %[[P:.*]] = lns.matmul %{{.*}} : (tensor<4x8xbf16>, tensor<8x6xbf16>) -> tensor<4x6xf32>
// CHECK-NEXT:  %[[L:.*]] = lns.linear %{{.*}} : (tensor<4x8xbf16>, tensor<8x8xf32>) -> tensor<4x8xf32>
// CHECK-NEXT:  return %[[P]], %[[L]]
func.func @wide_products(%a: tensor<4x8xbf16>, %b: tensor<8x6xbf16>, %w: tensor<8x8xf32>) -> (tensor<4x6xf32>, tensor<4x8xf32>) {
  %p = lns.matmul %a, %b : (tensor<4x8xbf16>, tensor<8x6xbf16>) -> tensor<4x6xbf16>
  %q = lns.cast %p : tensor<4x6xbf16> to tensor<4x6xf32>
  %l = lns.linear %a, %w : (tensor<4x8xbf16>, tensor<8x8xf32>) -> tensor<4x8xbf16>
  %m = lns.cast %l : tensor<4x8xbf16> to tensor<4x8xf32>
  return %q, %m : tensor<4x6xf32>, tensor<4x8xf32>
}

// It is where somebody else reads the rounded product, or it becomes f64.
// CHECK-LABEL: func.func @narrow_products
// CHECK-NEXT:  lns.matmul %{{.*}} -> tensor<4x6xbf16>
// CHECK-NEXT:  lns.cast %{{.*}} to tensor<4x6xf32>
// CHECK-NEXT:  lns.matmul %{{.*}} -> tensor<6x6xbf16>
// CHECK-NEXT:  lns.cast %{{.*}} to tensor<6x6xf64>
func.func @narrow_products(%a: tensor<4x8xbf16>, %b: tensor<8x6xbf16>) -> (tensor<4x6xbf16>, tensor<4x6xf32>, tensor<6x6xf64>) {
  %p = lns.matmul %a, %b : (tensor<4x8xbf16>, tensor<8x6xbf16>) -> tensor<4x6xbf16>
  %q = lns.cast %p : tensor<4x6xbf16> to tensor<4x6xf32>
  %r = lns.matmul %b, %b transpose_a : (tensor<8x6xbf16>, tensor<8x6xbf16>) -> tensor<6x6xbf16>
  %s = lns.cast %r : tensor<6x6xbf16> to tensor<6x6xf64>
  return %p, %q, %s : tensor<4x6xbf16>, tensor<4x6xf32>, tensor<6x6xf64>
}

// -----

// Nor is a product made f32 whose addend is bf16: an addend has the result's type.
// CHECK-LABEL: func.func @wide_addend
// CHECK: %[[P:.*]] = lns.matmul {{.*}} addend({{.*}}) : {{.*}} -> tensor<4x16xbf16>
// CHECK-NEXT: lns.cast %[[P]] : tensor<4x16xbf16> to tensor<4x16xf32>
func.func @wide_addend(%a: tensor<4x8xbf16>, %b: tensor<8x16xbf16>, %c: tensor<4x16xbf16>) -> tensor<4x16xf32> {
  %p = lns.matmul %a, %b addend(%c) : (tensor<4x8xbf16>, tensor<8x16xbf16>, tensor<4x16xbf16>) -> tensor<4x16xbf16>
  %q = lns.cast %p : tensor<4x16xbf16> to tensor<4x16xf32>
  return %q : tensor<4x16xf32>
}

// A view of a view of the first one's shape is no view, nor is one of the same
// shape. A constant has any shape.
// CHECK-LABEL: func.func @views
// CHECK-SAME:    (%[[X:.*]]: tensor<2x8xf32>)
// CHECK-NEXT:  %[[C:.*]] = lns.constant 2.000000e+00 : tensor<2x4xf32>
// CHECK-NEXT:  return %[[X]], %[[X]], %[[C]]
func.func @views(%x: tensor<2x8xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x4xf32>) {
  %a = lns.reshape %x : tensor<2x8xf32> to tensor<2x2x4xf32>
  %b = lns.reshape %a : tensor<2x2x4xf32> to tensor<2x8xf32>
  %c = lns.reshape %x : tensor<2x8xf32> to tensor<2x8xf32>
  %two = lns.constant 2.0 : tensor<8xf32>
  %d = lns.reshape %two : tensor<8xf32> to tensor<2x4xf32>
  return %b, %c, %d : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x4xf32>
}

// Split in another way, it is another one.
// CHECK-LABEL: func.func @other_heads
// CHECK-COUNT-2: lns.reshape
func.func @other_heads(%x: tensor<2x2x4xf32>) -> tensor<2x4x2xf32> {
  %a = lns.reshape %x : tensor<2x2x4xf32> to tensor<2x8xf32>
  %b = lns.reshape %a : tensor<2x8xf32> to tensor<2x4x2xf32>
  return %b : tensor<2x4x2xf32>
}
