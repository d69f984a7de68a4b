// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-mixed-precision)' | FileCheck %s
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-mixed-precision)' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null

// An op of another dialect reads f32, and a remark says so.
// CHECK-LABEL: func.func @foreign
// CHECK: %[[X:.*]] = lns.embedding {{.*}} -> tensor<2x3x4xbf16>
// CHECK-NEXT: %[[Y:.*]] = lns.cast %[[X]] : tensor<2x3x4xbf16> to tensor<2x3x4xf32>
// CHECK-NEXT: call @f(%[[Y]])
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
func.func private @f(tensor<2x3x4xf32>)
// expected-remark@+1 {{activations=1, bytes_saved=48}}
func.func @foreign(%tokens: tensor<2x3xi32>) {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  // expected-remark@+1 {{'func.call' stays f32: it has no bf16 form}}
  call @f(%x) : (tensor<2x3x4xf32>) -> ()
  return
}
