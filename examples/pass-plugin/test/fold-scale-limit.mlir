// RUN: lns-opt %s --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(func.func(example-fold-scale{max-alpha=5}))' \
// RUN:   --remarks-filter='lns-example' --remark-format=emitRemark --verify-diagnostics | FileCheck %s
// RUN: not lns-opt %s --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(example-fold-scale{max-alpha=nan})' 2>&1 | FileCheck %s --check-prefix=NAN
// NAN: error: max-alpha is nan, expected a positive number

// Does not fire when alpha would exceed the limit, and does up to it.
// CHECK-LABEL: func.func @limit
// CHECK: alpha = 5.000000e+00
// CHECK: lns.scale {{.*}} factor(1.250000e+00)
func.func @limit(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) -> tensor<2x8xf32> {
  %y = lns.linear %x, %w : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  // expected-remark@+1 {{scale folded into the linear}}
  %z = lns.scale %y factor(5.0) : tensor<2x8xf32>
  // expected-remark@+1 {{scale stays: alpha would exceed max-alpha}}
  %u = lns.scale %z factor(1.25) : tensor<2x8xf32>
  return %u : tensor<2x8xf32>
}
