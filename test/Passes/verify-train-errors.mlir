// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-verify-train

// Every entry point that is missing is listed.
// expected-error@+5 {{training form lacks the function 'logits'}}
// expected-error@+4 {{training form lacks the function 'eval'}}
// expected-error@+3 {{training form lacks the function 'grads'}}
// expected-error@+2 {{training form lacks the function 'apply'}}
// expected-error@+1 {{training form lacks the function 'train_step'}}
module {
}

// -----

// A norm and a bias that are left, a gradient that is never stored, and one that is stored
// twice.
// expected-error@+2 {{has its gradient stored 0 times in 'grads', but must have it stored once}}
// expected-error@+1 {{has its gradient stored 2 times in 'train_step', but must have it stored once}}
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @logits(%x: tensor<2x3xf32>, %v: tensor<3x3xf32>) -> tensor<2x3xf32> {
  // expected-error@+1 {{is left, but training form has no norms; run 'lns-decompose-norms'}}
  %n = lns.norm rms %x : tensor<2x3xf32>
  %w = lns.get parameter @w : tensor<3xf32>
  // expected-error@+1 {{has a bias, but in training form biases are row ops; run 'lns-split-bias'}}
  %y = lns.linear %x, %v bias(%w) : (tensor<2x3xf32>, tensor<3x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %n : tensor<2x3xf32>
}
func.func @eval() {
  return
}
func.func @grads(%x: tensor<3xf32>) {
  lns.set %x, parameter @w : tensor<3xf32>
  return
}
func.func @apply() {
  return
}
func.func @train_step(%x: tensor<3xf32>) {
  lns.set %x, gradient @w : tensor<3xf32>
  lns.set %x, gradient @w : tensor<3xf32>
  return
}
