// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-differentiate

// Nothing to differentiate.
// expected-error@+1 {{there is no function 'eval' to differentiate; run 'lns-instantiate' first}}
module {
}

// -----

// A second time.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @eval() -> tensor<f32> {
  %w = lns.get parameter @w : tensor<3xf32>
  %loss = lns.mean %w : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// expected-error@+1 {{'grads' exists already; it is made from 'eval'}}
func.func @grads() {
  return
}

// -----

// A loss that depends on no parameter.
// expected-error@+1 {{returns no value that depends on a parameter, so there is nothing to differentiate}}
func.func @eval(%x: tensor<3xf32>) -> tensor<f32> {
  %loss = lns.mean %x : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// One that depends on what is frozen alone.
lns.parameter @w matrix init(normal, 1.0) decay(false) frozen : tensor<3xf32>
// expected-error@+1 {{returns no value that depends on a parameter that is not frozen, so there is nothing to differentiate}}
func.func @eval() -> tensor<f32> {
  %w = lns.get parameter @w : tensor<3xf32>
  %loss = lns.mean %w : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A loss that is no scalar.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
// expected-error@+1 {{returns 'tensor<3xf32>', but a loss is a scalar, tensor<f32>}}
func.func @eval() -> tensor<3xf32> {
  %w = lns.get parameter @w : tensor<3xf32>
  return %w : tensor<3xf32>
}

// -----

// Two results: it would be a guess which of them is the loss.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
// expected-error@+1 {{returns 2 values, but must return one, the loss}}
func.func @eval() -> (tensor<f32>, tensor<f32>) {
  %w = lns.get parameter @w : tensor<3xf32>
  %loss = lns.mean %w : (tensor<3xf32>) -> tensor<f32>
  return %loss, %loss : tensor<f32>, tensor<f32>
}

// -----

// A declaration has no body.
// expected-error@+1 {{must have a body of one block to be differentiated}}
func.func private @eval(tensor<3xf32>) -> tensor<f32>

// -----

// An op on the way from a parameter to the loss that has no adjoint.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3x4xf32>
func.func @eval() -> tensor<f32> {
  %w = lns.get parameter @w : tensor<3x4xf32>
  // expected-error@+1 {{lies between a parameter and the loss, but has no adjoint}}
  %d = lns.row_dot %w, %w : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3xf32>
  %loss = lns.mean %d : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// The same op is no error where no gradient passes: from no parameter, or not to
// the loss.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @eval(%x: tensor<3x4xf32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<3xf32>
  %d = lns.row_dot %x, %x : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3xf32>
  %s = lns.add %w, %d : tensor<3xf32>
  %unused = lns.column_dot %w : (tensor<3xf32>) -> tensor<3xf32>
  %loss = lns.mean %s : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// An op whose adjoint does not cover all of its results.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3x4xf32>
func.func @eval(%targets: tensor<3xi32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<3x4xf32>
  // expected-error@+1 {{no gradient can flow through result 1, only through result 0}}
  %losses, %lse = lns.cross_entropy %w, %targets : (tensor<3x4xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
  %loss = lns.mean %lse : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// The derivative of what is repeated needs a name.
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
func.func @part(%x: tensor<1x4xf32>) -> tensor<f32> {
  %g = lns.get parameter @g : tensor<4xf32>
  %y = lns.scale_columns %x, %g : tensor<1x4xf32>, tensor<4xf32>
  %loss = lns.mean %y : (tensor<1x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
func.func @eval(%x: tensor<2x4xf32>) -> tensor<f32> {
  %loss = lns.repeat @part(%x) count(2) : (tensor<2x4xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// expected-error@+1 {{'micro_grads' exists already; it is made from 'part'}}
func.func @micro_grads() { return }

// -----

// A loss whose function stores something, or may: what it computes behind that
// depends on what was stored.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @eval(%x: tensor<3xf32>) -> tensor<f32> {
  // expected-error@+1 {{'lns.set' op may write what is stored, so that the function cannot be differentiated; remove it}}
  lns.set %x, parameter @w : tensor<3xf32>
  %w = lns.get parameter @w : tensor<3xf32>
  %loss = lns.mean %w : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func private @anything()
func.func @eval() -> tensor<f32> {
  // expected-error@+1 {{'func.call' op may write what is stored, so that the function cannot be differentiated; remove it}}
  func.call @anything() : () -> ()
  %w = lns.get parameter @w : tensor<3xf32>
  %loss = lns.mean %w : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
