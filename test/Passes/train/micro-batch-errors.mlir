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

// No body.
// expected-error@+1 {{must have a body of one block to be repeated}}
func.func private @eval(tensor<2x3xf32>, tensor<2x3xi32>) -> tensor<f32>

// -----

// A mean over the elements of each part weighs parts, not targets.
// expected-error@+1 {{returns a loss to which those of parts do not add up; expected an lns.mean over the lns.target_count of an argument, which nothing else reads}}
func.func @eval(%losses: tensor<2x3xf32>, %t: tensor<2x3xi32>) -> tensor<f32> {
  %loss = lns.mean %losses : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Nor do shares add up that are not the whole loss.
// expected-error@+1 {{returns a loss to which those of parts do not add up}}
func.func @eval(%losses: tensor<2x3xf32>, %t: tensor<2x3xi32>) -> (tensor<f32>, tensor<f32>) {
  %n = lns.target_count %t : tensor<2x3xi32>
  %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss, %loss : tensor<f32>, tensor<f32>
}

// -----

// Another reader of the count would see that of the whole batch.
// expected-error@+1 {{returns a loss to which those of parts do not add up}}
func.func @eval(%x: tensor<2x3xf32>, %t: tensor<2x3xi32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2x3xi32>
  %share = lns.mean %x over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  %losses = lns.mean_grad %share over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x3xf32>
  %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A scalar has no parts.
// expected-error@+1 {{argument 2 has type 'tensor<f32>', but a batch is repeated along a static first dimension}}
func.func @eval(%losses: tensor<2x3xf32>, %t: tensor<2x3xi32>, %s: tensor<f32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2x3xi32>
  %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Nor has a batch of any size.
// expected-error@+1 {{argument 0 has type 'tensor<?x3xf32>', but a batch is repeated along a static first dimension}}
func.func @eval(%losses: tensor<?x3xf32>, %t: tensor<2x3xi32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2x3xi32>
  %loss = lns.mean %losses over(%n) : (tensor<?x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A batch beyond all numbers.
// expected-error@+1 {{argument 0 of type 'tensor<4611686018427387904x0xf32>', 3 times, is too large}}
func.func @eval(%losses: tensor<4611686018427387904x0xf32>, %t: tensor<2x3xi32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2x3xi32>
  %loss = lns.mean %losses over(%n) : (tensor<4611686018427387904x0xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Every sequence reads the sum over all of them.
func.func @eval(%x: tensor<2x3x4xf32>, %t: tensor<2x3xi32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2x3xi32>
  %h = lns.scale %x factor(2.0) : tensor<2x3x4xf32>
  // expected-error@+1 {{adds up over all sequences of the batch, which no part of it has; compile without micro-batches, or make each sequence's result its own}}
  %w = lns.matmul %h, %x transpose_a : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<4x4xf32>
  %y = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %losses, %lse = lns.cross_entropy %y, %t : (tensor<2x3x4xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// As the weight of a product, too.
func.func @eval(%w: tensor<2x3x4xf32>, %t: tensor<2x3xi32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2x3xi32>
  %x = lns.constant 1.0 : tensor<2x3x6xf32>
  // expected-error@+1 {{adds up over all sequences of the batch}}
  %y = lns.matmul %x, %w : (tensor<2x3x6xf32>, tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %losses, %lse = lns.cross_entropy %y, %t : (tensor<2x3x4xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// Sequences become columns of one row.
func.func @eval(%x: tensor<2x4xf32>, %t: tensor<2xi32>) -> tensor<f32> {
  %n = lns.target_count %t : tensor<2xi32>
  // expected-error@+1 {{makes another dimension of the batch, of which no part of it has all sequences; compile without micro-batches}}
  %v = lns.reshape %x : tensor<2x4xf32> to tensor<8xf32>
  %c = lns.center_rows %v : tensor<8xf32>
  %y = lns.reshape %c : tensor<8xf32> to tensor<2x4xf32>
  %losses, %lse = lns.cross_entropy %y, %t : (tensor<2x4xf32>, tensor<2xi32>) -> (tensor<2xf32>, tensor<2xf32>)
  %loss = lns.mean %losses over(%n) : (tensor<2xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}
