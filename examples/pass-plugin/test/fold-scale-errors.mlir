// RUN: lns-opt %s --load-pass-plugin=%plugin \
// RUN:   --pass-pipeline='builtin.module(func.func(example-fold-scale{max-alpha=-1}))' --verify-diagnostics

// expected-error@+1 {{max-alpha is -1.000000e+00, expected a positive number}}
func.func @negative(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
