// RUN: lns-opt %s --verify-diagnostics --pass-pipeline='builtin.module(func.func(lns-decompose-norms))'

// A LayerNorm has no kernels: it is an error, not a silently different norm.
func.func @layer_norm(%x: tensor<2x3x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  // expected-error@+1 {{of kind 'layer' cannot be compiled; only 'rms' can}}
  %n = lns.norm layer %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  return %n : tensor<2x3x4xf32>
}
