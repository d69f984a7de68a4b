// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-decompose-norms))' | FileCheck %s
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-decompose-norms))'

// A norm that could not be fused becomes three row ops.
// CHECK-LABEL: func.func @norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK: %[[R:.*]] = lns.row_rstd %[[X]] eps(1.000000e-03) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
// CHECK: %[[S:.*]] = lns.scale_columns %[[X]], %[[G]] scale(5.000000e-01)
// CHECK: %[[Y:.*]] = lns.row_scale %[[S]], %[[R]]
// CHECK: return %[[Y]]
func.func @norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm rms %x, %g eps(1.0e-3) scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// Without gain and scale there is nothing to scale columns by.
// CHECK-LABEL: func.func @bare
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>
// CHECK: %[[R:.*]] = lns.row_rstd %[[X]]
// CHECK-NEXT: lns.row_scale %[[X]], %[[R]]
func.func @bare(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm rms %x : tensor<2x3x4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// A scale alone is a scale_columns without gain.
// CHECK-LABEL: func.func @scale_only
// CHECK: lns.scale_columns %{{[a-z0-9]+}} scale(5.000000e-01) : tensor<2x3x4xf32>
func.func @scale_only(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm rms %x scale(0.5) : tensor<2x3x4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// A LayerNorm is the same of centered rows, plus its bias, which the scale
// covers too.
// CHECK-LABEL: func.func @layer_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[C:.*]] = lns.center_rows %[[X]]
// CHECK-NEXT: %[[R:.*]] = lns.row_rstd %[[C]] eps(1.000000e-03) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[C]], %[[G]] scale(5.000000e-01)
// CHECK-NEXT: %[[T:.*]] = lns.row_scale %[[S]], %[[R]]
// CHECK-NEXT: %[[Y:.*]] = lns.add_bias %[[T]], %[[B]] scale(5.000000e-01)
// CHECK-NEXT: return %[[Y]]
func.func @layer_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm layer %x, %g bias(%b) eps(1.0e-3) scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// Without gain, bias and scale, the mean and the spread are left.
// CHECK-LABEL: func.func @bare_layer_norm
// CHECK-NEXT: %[[C:.*]] = lns.center_rows
// CHECK-NEXT: %[[R:.*]] = lns.row_rstd %[[C]]
// CHECK-NEXT: %[[Y:.*]] = lns.row_scale %[[C]], %[[R]]
// CHECK-NEXT: return %[[Y]]
func.func @bare_layer_norm(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm layer %x : tensor<2x3x4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// A tanh has no statistics.
// CHECK-LABEL: func.func @tanh_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>, %[[A:[a-z0-9]+]]: tensor<1xf32>
// CHECK-NEXT: %[[Z:.*]] = lns.scale_by %[[X]], %[[A]]
// CHECK-NEXT: %[[T:.*]] = lns.activation tanh %[[Z]]
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[T]], %[[G]] scale(5.000000e-01)
// CHECK-NEXT: %[[Y:.*]] = lns.add_bias %[[S]], %[[B]] scale(5.000000e-01)
// CHECK-NEXT: return %[[Y]]
func.func @tanh_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %a: tensor<1xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm tanh %x, %g bias(%b) alpha(%a) scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// CHECK-LABEL: func.func @bare_tanh_norm
// CHECK-NEXT: lns.scale_by
// CHECK-NEXT: %[[Y:.*]] = lns.activation tanh
// CHECK-NEXT: return %[[Y]]
func.func @bare_tanh_norm(%x: tensor<2x3x4xf32>, %a: tensor<1xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm tanh %x alpha(%a) : tensor<2x3x4xf32>, tensor<1xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// Nor has an erf, whose argument is shifted.
// CHECK-LABEL: func.func @erf_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[B:[a-z0-9]+]]: tensor<4xf32>, %[[A:[a-z0-9]+]]: tensor<1xf32>, %[[S:[a-z0-9]+]]: tensor<1xf32>
// CHECK-NEXT: %[[Z:.*]] = lns.scale_by %[[X]], %[[A]]
// CHECK-NEXT: %[[Q:.*]] = lns.shift_by %[[Z]], %[[S]]
// CHECK-NEXT: %[[T:.*]] = lns.activation erf %[[Q]]
// CHECK-NEXT: %[[U:.*]] = lns.scale_columns %[[T]], %[[G]]
// CHECK-NEXT: %[[Y:.*]] = lns.add_bias %[[U]], %[[B]]
// CHECK-NEXT: return %[[Y]]
func.func @erf_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>, %b: tensor<4xf32>, %a: tensor<1xf32>, %s: tensor<1xf32>) -> tensor<2x3x4xf32> {
  %n = lns.norm erf %x, %g bias(%b) alpha(%a) shift(%s) : tensor<2x3x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<1xf32>, tensor<1xf32>
  return %n : tensor<2x3x4xf32>
}
