// The syntax of ops about memory.

// RUN: lns-opt %s | lns-opt | FileCheck %s
// RUN: lns-opt %s --mlir-print-op-generic | lns-opt | FileCheck %s

func.func @micro_eval(%t: tensor<2x8xi32>, %x: tensor<1x4xf32>) -> tensor<f32> {
  %loss = lns.mean %x : (tensor<1x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// CHECK-LABEL: func.func @eval
func.func @eval(%t: tensor<6x8xi32>, %x: tensor<3x4xf32>) -> tensor<f32> {
  // CHECK: lns.repeat @micro_eval(%{{.*}}, %{{.*}}) count(3) {test.note} : (tensor<6x8xi32>, tensor<3x4xf32>) -> tensor<f32>
  %loss = lns.repeat @micro_eval(%t, %x) count(3) {test.note} : (tensor<6x8xi32>, tensor<3x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

func.func @nothing() {
  return
}
func.func @nothings() {
  // CHECK: lns.repeat @nothing() count(1) : () -> ()
  lns.repeat @nothing() count(1) : () -> ()
  return
}
