// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-drop-stop-gradients))' | FileCheck %s
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-drop-stop-gradients))'

// The identity costs no kernel, wherever it stands.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4xf32>, %[[C:[a-z0-9]+]]: tensor<1xf32>
// CHECK-NEXT: %[[Y:.*]] = lns.scale_by %[[X]], %[[C]]
// CHECK-NEXT: return %[[X]], %[[Y]]
func.func @chain(%x: tensor<2x4xf32>, %c: tensor<1xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %s = lns.stop_gradient %x : tensor<2x4xf32>
  %t = lns.stop_gradient %s : tensor<2x4xf32>
  %y = lns.scale_by %t, %c : tensor<2x4xf32>, tensor<1xf32>
  return %s, %y : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// What has none stays as it is.
// CHECK-LABEL: func.func @none
// CHECK-NEXT: lns.scale
// CHECK-NEXT: return
func.func @none(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = lns.scale %x factor(2.0) : tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
