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
// twice; a parameter that is not updated, and that is updated twice.
// expected-error@+4 {{has its gradient stored 0 times in 'grads', but must have it stored once}}
// expected-error@+3 {{has its gradient stored 2 times in 'train_step', but must have it stored once}}
// expected-error@+2 {{is updated 0 times in 'apply', but must be updated once, by lns.adamw}}
// expected-error@+1 {{is updated 2 times in 'train_step', but must be updated once, by lns.adamw}}
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
func.func @train_step(%x: tensor<3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.set %x, gradient @w : tensor<3xf32>
  lns.set %x, gradient @w : tensor<3xf32>
  lns.adamw @w, %x, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @w, %x, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  return
}

// -----

// A part of a step stores the gradients of what it reads; the norm is one of all
// gradients.
// expected-error@+1 {{has its gradient stored 0 times in 'micro_grads', but must have it stored once}}
lns.parameter @read matrix init(normal, 1.0) decay(true) : tensor<3xf32>
lns.parameter @unread matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @logits() {
  return
}
func.func @eval() {
  return
}
func.func @micro_grads() -> tensor<3xf32> {
  %w = lns.get parameter @read : tensor<3xf32>
  return %w : tensor<3xf32>
}
func.func @grads(%x: tensor<3xf32>) {
  lns.set %x, gradient @read : tensor<3xf32>
  lns.set %x, gradient @unread : tensor<3xf32>
  return
}
func.func @apply(%optimizer: tensor<8xf32>) {
  %g = lns.get gradient @read : tensor<3xf32>
  // expected-error@+1 {{takes the norm of 1 gradients in 'apply', but there are 2 parameters to train; give it all gradients}}
  %norm, %factor, %partials = lns.clip_factor %optimizer, %g : (tensor<8xf32>, tensor<3xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  lns.adamw @read, %g, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @unread, %g, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  return
}
func.func @train_step(%x: tensor<3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.set %x, gradient @read : tensor<3xf32>
  lns.set %x, gradient @unread : tensor<3xf32>
  lns.adamw @read, %x, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @unread, %x, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  return
}

// -----

// Projections that are missing, stand before the update, or twice behind it.
// expected-error@+3 {{is projected 0 times in 'apply' behind its update, but must be projected once, by lns.project}}
// expected-error@+2 {{is projected 2 times in 'train_step' behind its update, but must be projected once, by lns.project}}
// expected-error@+1 {{is projected 0 times in 'project', but must be projected once, by lns.project}}
lns.parameter @w matrix init(normal, 1.0) decay(false) project(rows) : tensor<3x3xf32>
func.func @logits() {
  return
}
func.func @eval() {
  return
}
func.func @grads(%x: tensor<3x3xf32>) {
  lns.set %x, gradient @w : tensor<3x3xf32>
  return
}
func.func @apply(%x: tensor<3x3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.project @w rows : tensor<3x3xf32>
  lns.adamw @w, %x, %factor, %optimizer decay(false) : tensor<3x3xf32>, tensor<f32>, tensor<8xf32>
  return
}
func.func @train_step(%x: tensor<3x3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.set %x, gradient @w : tensor<3x3xf32>
  lns.adamw @w, %x, %factor, %optimizer decay(false) : tensor<3x3xf32>, tensor<f32>, tensor<8xf32>
  lns.project @w rows : tensor<3x3xf32>
  lns.project @w rows : tensor<3x3xf32>
  return
}
func.func @project() {
  return
}

// -----

// No @project at all.
// expected-error@+1 {{has project(columns), but training form lacks the function 'project'}}
lns.parameter @w matrix init(normal, 1.0) decay(false) project(columns) : tensor<3x3xf32>
func.func @logits() {
  return
}
func.func @eval() {
  return
}
func.func @grads(%x: tensor<3x3xf32>) {
  lns.set %x, gradient @w : tensor<3x3xf32>
  return
}
func.func @apply(%x: tensor<3x3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.adamw @w, %x, %factor, %optimizer decay(false) : tensor<3x3xf32>, tensor<f32>, tensor<8xf32>
  lns.project @w columns : tensor<3x3xf32>
  return
}
func.func @train_step(%x: tensor<3x3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.set %x, gradient @w : tensor<3x3xf32>
  lns.adamw @w, %x, %factor, %optimizer decay(false) : tensor<3x3xf32>, tensor<f32>, tensor<8xf32>
  lns.project @w columns : tensor<3x3xf32>
  return
}

// -----

// What is frozen has no gradient, and is not updated.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
// expected-error@+3 {{is frozen, but 'grads' stores a gradient for it or updates it; do not freeze it, or make the function anew with 'lns-differentiate'}}
// expected-error@+2 {{is frozen, but 'apply' stores a gradient for it or updates it}}
// expected-error@+1 {{is frozen, but 'train_step' stores a gradient for it or updates it}}
lns.parameter @f matrix init(normal, 1.0) decay(false) frozen : tensor<3xf32>
func.func @logits() {
  return
}
func.func @eval() {
  return
}
func.func @grads(%x: tensor<3xf32>) {
  lns.set %x, gradient @w : tensor<3xf32>
  lns.set %x, gradient @f : tensor<3xf32>
  return
}
func.func @apply(%x: tensor<3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.adamw @w, %x, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @f, %x, %factor, %optimizer decay(false) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  return
}
func.func @train_step(%x: tensor<3xf32>, %factor: tensor<f32>, %optimizer: tensor<8xf32>) {
  lns.set %x, gradient @w : tensor<3xf32>
  lns.set %x, gradient @f : tensor<3xf32>
  lns.adamw @w, %x, %factor, %optimizer decay(true) : tensor<3xf32>, tensor<f32>, tensor<8xf32>
  return
}
