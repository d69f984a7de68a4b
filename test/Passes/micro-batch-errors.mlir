// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(lns-micro-batch{steps=3})'

// Nothing to repeat.
// expected-error@+1 {{there is no function 'eval' to repeat; run 'lns-instantiate' first}}
module {
}

// -----

// The name is taken.
func.func @eval(%t: tensor<2x3xf32>) -> tensor<f32> {
  %loss = lns.mean %t : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// expected-error@+1 {{'micro_eval' exists already; it is made from 'eval'}}
func.func @micro_eval() { return }

// -----

// A scalar has no parts.
// expected-error@+1 {{argument 1 has type 'tensor<f32>', but a batch is repeated along a static first dimension}}
func.func @eval(%t: tensor<2x3xf32>, %s: tensor<f32>) -> tensor<f32> {
  return %s : tensor<f32>
}

// -----

// Nor has a batch of any size.
// expected-error@+1 {{argument 0 has type 'tensor<?x3xf32>', but a batch is repeated along a static first dimension}}
func.func @eval(%t: tensor<?x3xf32>) -> tensor<f32> {
  %loss = lns.mean %t : (tensor<?x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A batch beyond all numbers.
// expected-error@+1 {{argument 0 of type 'tensor<4611686018427387904x0xf32>', 3 times, is too large}}
func.func @eval(%t: tensor<4611686018427387904x0xf32>, %s: tensor<1xf32>) -> tensor<f32> {
  %loss = lns.mean %s : (tensor<1xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Only scalars have a mean over calls.
// expected-error@+1 {{returns 'tensor<2x3xf32>', but the mean over calls is one of scalars}}
func.func @eval(%t: tensor<2x3xf32>) -> tensor<2x3xf32> {
  return %t : tensor<2x3xf32>
}
