// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-add-optimizer

// Nothing to optimize with.
// expected-error@+1 {{there is no function 'grads' to optimize with; run 'lns-differentiate' first}}
module {
}

// -----

// A second time.
func.func @grads() {
  return
}
// expected-error@+1 {{'train_step' exists already; it is made from 'grads'}}
func.func @train_step() {
  return
}

// -----

// No parameter.
// expected-error@+1 {{there is no lns.parameter to optimize}}
func.func @grads() {
  return
}

// -----

// A parameter without a gradient would silently never learn.
// expected-error@+1 {{has no gradient stored in 'grads', so it cannot be optimized; make 'grads' with 'lns-differentiate'}}
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @grads() {
  return
}

// -----

// Storing the parameter is not storing its gradient.
// expected-error@+1 {{has no gradient stored in 'grads'}}
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @grads(%x: tensor<3xf32>) {
  lns.set %x, parameter @w : tensor<3xf32>
  return
}

// -----

// A declaration has no gradients.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
// expected-error@+1 {{must have a body of one block}}
func.func private @grads()

// -----

// One clip factor serves parameters of one element type.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
// expected-error@+1 {{has element type 'f64', but '@w' has 'f32'; all parameters must have one}}
lns.parameter @v matrix init(normal, 1.0) decay(true) : tensor<3xf64>
func.func @grads(%x: tensor<3xf32>, %y: tensor<3xf64>) {
  lns.set %x, gradient @w : tensor<3xf32>
  lns.set %y, gradient @v : tensor<3xf64>
  return
}

// -----

// What parameters with projections need is there already.
lns.parameter @w matrix init(normal, 1.0) decay(false) project(rows) : tensor<3x4xf32>
func.func @grads(%x: tensor<3x4xf32>) {
  lns.set %x, gradient @w : tensor<3x4xf32>
  return
}
// expected-error@+1 {{'project' exists already; it is made from the parameters' projections}}
func.func @project() {
  return
}
