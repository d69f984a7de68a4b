// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(lns-recompute{budget-bytes=8191 reserved-bytes=100})'

// Nothing can be done about an arena that no backward pass is the reason of.
// expected-error@+1 {{memory budget of 8191 bytes cannot be met: 'logits' needs an arena of 8192 bytes when all is computed again that can be, and a session allocates 100 others; the smallest budget is 8292 bytes}}
func.func @logits(%x: tensor<16x64xf32>, %w: tensor<64x64xf32>) -> tensor<16x64xf32> {
  %a = lns.linear %x, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  %b = lns.linear %a, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  return %b : tensor<16x64xf32>
}

// -----

// The largest function counts, wherever it stands.
func.func @logits(%x: tensor<16x64xf32>, %w: tensor<64x64xf32>) -> tensor<16x64xf32> {
  %a = lns.linear %x, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  %b = lns.linear %a, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  return %b : tensor<16x64xf32>
}
// expected-error@+1 {{'eval' needs an arena of 12288 bytes when all is computed again that can be, and a session allocates 100 others; the smallest budget is 12388 bytes}}
func.func @eval(%x: tensor<16x64xf32>, %w: tensor<64x64xf32>) -> tensor<16x64xf32> {
  %a = lns.linear %x, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  %b = lns.linear %a, %w : (tensor<16x64xf32>, tensor<64x64xf32>) -> tensor<16x64xf32>
  %c = lns.residual %a, %b : tensor<16x64xf32>
  return %c : tensor<16x64xf32>
}

// -----

// What `lns.get` reads is not read again after it was written: the sum would be
// another one. So there is nothing to compute again.
lns.parameter @g gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @w matrix init(ones) decay(true) : tensor<16x64xf32>
// expected-error@+1 {{'written' needs an arena of}}
func.func @written(%x: tensor<16x64xf32>) -> tensor<f32> {
  %old = lns.get gradient @w : tensor<16x64xf32>
  %a = lns.residual %old, %x : tensor<16x64xf32>
  %loss = lns.mean %a : (tensor<16x64xf32>) -> tensor<f32>
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one : (tensor<f32>) -> tensor<16x64xf32>
  lns.set %d, gradient @w : tensor<16x64xf32>
  %e = lns.residual %x, %x : tensor<16x64xf32>
  %dot = lns.column_dot %e, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %sum = lns.column_dot %a, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %both = lns.add %dot, %sum : tensor<64xf32>
  lns.set %both, gradient @g : tensor<64xf32>
  return %loss : tensor<f32>
}

// -----

// An optimizer writes too.
lns.parameter @g gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @w matrix init(ones) decay(true) : tensor<16x64xf32>
// expected-error@+1 {{'updated' needs an arena of}}
func.func @updated(%x: tensor<16x64xf32>, %factor: tensor<f32>, %o: tensor<8xf32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<16x64xf32>
  %a = lns.residual %w, %x : tensor<16x64xf32>
  %loss = lns.mean %a : (tensor<16x64xf32>) -> tensor<f32>
  lns.adamw @w, %x, %factor, %o decay(true) : tensor<16x64xf32>, tensor<f32>, tensor<8xf32>
  %e = lns.residual %x, %x : tensor<16x64xf32>
  %dot = lns.column_dot %e, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %sum = lns.column_dot %a, %x : (tensor<16x64xf32>, tensor<16x64xf32>) -> tensor<64xf32>
  %both = lns.add %dot, %sum : tensor<64xf32>
  lns.set %both, gradient @g : tensor<64xf32>
  return %loss : tensor<f32>
}
