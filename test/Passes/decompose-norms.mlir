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
