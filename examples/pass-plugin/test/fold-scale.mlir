// RUN: lns-opt %s --split-input-file --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(example-fold-scale)' | FileCheck %s
// RUN: lns-opt %s --split-input-file --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(example-fold-scale)' \
// RUN:   --remarks-filter='lns-example' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --load-pass-plugin=%plugin \
// RUN:   --check-pipeline='builtin.module(example-fold-scale)' | FileCheck %s --check-prefix=NUMBERS

// Both factors go into the linear: the outer scale sees what the inner left.
// CHECK-LABEL: func.func @fold
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>
// CHECK-NEXT: %[[Y:.*]] = lns.linear %[[X]], %[[W]] {alpha = 6.000000e+00 : f64}
// CHECK-NEXT: return %[[Y]]
// NUMBERS: fold: 1 tensors agree
func.func @fold(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) -> tensor<2x8xf32> {
  %y = lns.linear %x, %w {alpha = 3.0 : f64} : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  // expected-remark@+1 {{[Passed] fold-scale | Category:lns-example | Remark="scale folded into the linear", alpha=1.500000e+00}}
  %z = lns.scale %y factor(0.5) : tensor<2x8xf32>
  // expected-remark@+1 {{scale folded into the linear", alpha=6.000000e+00}}
  %u = lns.scale %z factor(4.0) : tensor<2x8xf32>
  return %u : tensor<2x8xf32>
}

// -----

// Does not fire when the linear's unscaled result has another reader.
// CHECK-LABEL: func.func @other_reader
// CHECK: lns.linear
// CHECK-NOT: alpha
// CHECK: lns.scale {{.*}} factor(5.000000e-01)
// NUMBERS: other_reader: 2 tensors agree
func.func @other_reader(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) -> (tensor<2x8xf32>, tensor<2x8xf32>) {
  %y = lns.linear %x, %w : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  // expected-remark@+1 {{scale stays: the linear has another reader}}
  %z = lns.scale %y factor(0.5) : tensor<2x8xf32>
  return %y, %z : tensor<2x8xf32>, tensor<2x8xf32>
}

// -----

// Does not fire over a bias, which is added after alpha.
// CHECK-LABEL: func.func @bias
// CHECK: lns.linear
// CHECK-NOT: alpha
// CHECK: lns.scale {{.*}} factor(5.000000e-01)
// NUMBERS: bias: 1 tensors agree
func.func @bias(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>) -> tensor<2x8xf32> {
  %y = lns.linear %x, %w bias(%b) : (tensor<2x4xf32>, tensor<8x4xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  // expected-remark@+1 {{scale stays: alpha does not multiply the linear's bias}}
  %z = lns.scale %y factor(0.5) : tensor<2x8xf32>
  return %z : tensor<2x8xf32>
}

// -----

// A scale of anything else is left alone, without a remark.
// CHECK-LABEL: func.func @no_linear
// CHECK: lns.scale {{.*}} factor(5.000000e-01)
// NUMBERS: no_linear: 1 tensors agree
func.func @no_linear(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %z = lns.scale %x factor(0.5) : tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}
