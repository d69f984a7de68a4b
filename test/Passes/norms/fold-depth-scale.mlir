// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fold-depth-scale))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fold-depth-scale))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-fold-depth-scale))'

// The scale goes to every linear that reads the norm, times the alpha that is
// there; a bias is added after the product and stays as it is.
// CHECK-LABEL: func.func @fold
// CHECK: %[[N:.*]] = lns.norm rms %{{.*}}, %{{[a-z0-9]+}} : tensor<2x3x4xf32>
// CHECK: lns.linear %[[N]], %{{[a-z0-9]+}} {alpha = 5.000000e-01 : f64}
// CHECK: lns.linear %[[N]], %{{[a-z0-9]+}} bias(%{{[a-z0-9]+}}) {alpha = 1.500000e+00 : f64}
func.func @fold(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>)
    -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  // expected-remark@+1 {{[Passed] fold-depth-scale | Category:lns-norm | Remark="depth scale folded into readers", readers=2}}
  %n = lns.norm rms %x, %g scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %z = lns.linear %n, %w bias(%b) {alpha = 3.0 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  return %y, %z : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// A LayerNorm's scale also covers its bias, and so folds too.
// CHECK-LABEL: func.func @layer_norm
// CHECK: lns.norm layer
// CHECK-NOT: scale(
// CHECK: lns.linear {{.*}} {alpha = 2.500000e-01 : f64}
func.func @layer_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{depth scale folded into readers}}
  %n = lns.norm layer %x, %g bias(%b) scale(0.25) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire when something else than a linear reads the norm: that reader
// needs the scaled value.
// CHECK-LABEL: func.func @other_reader
// CHECK: lns.norm {{.*}} scale(5.000000e-01)
// CHECK-NOT: alpha
func.func @other_reader(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{depth scale stays: a reader is 'lns.residual', not the input of lns.linear}}
  %n = lns.norm rms %x, %g scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %z = lns.residual %n, %y : tensor<2x3x4xf32>
  return %z : tensor<2x3x4xf32>
}

// -----

// Does not fire when the norm is a function's result.
// CHECK-LABEL: func.func @returned
// CHECK: lns.norm {{.*}} scale(5.000000e-01)
func.func @returned(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{depth scale stays: a reader is 'func.return', not the input of lns.linear}}
  %n = lns.norm rms %x, %g scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// Does not fire when the norm is a linear's weight: alpha would be right, but a
// weight that depends on tokens is no weight to fold into later.
// CHECK-LABEL: func.func @weight
// CHECK: lns.norm {{.*}} scale(5.000000e-01)
// CHECK-NOT: alpha
func.func @weight(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{depth scale stays: a reader is 'lns.linear', not the input of lns.linear}}
  %n = lns.norm rms %w, %g scale(0.5) : tensor<4x4xf32>, tensor<4xf32>
  %y = lns.linear %x, %n : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// A norm without scale is left alone, without a remark.
// CHECK-LABEL: func.func @unscaled
// CHECK-NOT: alpha
func.func @unscaled(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm rms %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %n, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}
