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
