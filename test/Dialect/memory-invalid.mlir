// RUN: lns-opt %s --split-input-file --verify-diagnostics

// lns.repeat (C1): the count.
func.func @f(%t: tensor<2x8xi32>) { return }
func.func @repeat(%t: tensor<2x8xi32>) {
  // expected-error @below {{has count 0, expected at least 1}}
  lns.repeat @f(%t) count(0) : (tensor<2x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C1): a function that is not there.
func.func @repeat(%t: tensor<2x8xi32>) {
  // expected-error @below {{names 'f', but there is no such function}}
  lns.repeat @f(%t) count(2) : (tensor<2x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C1): what is named is no function.
lns.parameter @f gain init(ones) decay(false) : tensor<64xf32>
func.func @repeat(%t: tensor<2x8xi32>) {
  // expected-error @below {{names 'f', but there is no such function}}
  lns.repeat @f(%t) count(2) : (tensor<2x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C1): a body.
func.func private @f(%t: tensor<1x8xi32>)
func.func @repeat(%t: tensor<2x8xi32>) {
  // expected-error @below {{calls 'f', which must have a body of one block without an lns.repeat}}
  lns.repeat @f(%t) count(2) : (tensor<2x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C1): not itself, nor another one that repeats.
func.func @repeat(%t: tensor<2x8xi32>) {
  // expected-error @below {{calls 'repeat', which must have a body of one block without an lns.repeat}}
  lns.repeat @repeat(%t) count(1) : (tensor<2x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C2): as many inputs.
func.func @f(%t: tensor<1x8xi32>, %u: tensor<1x8xi32>) { return }
func.func @repeat(%t: tensor<2x8xi32>) {
  // expected-error @below {{has 1 inputs, but 'f' takes 2}}
  lns.repeat @f(%t) count(2) : (tensor<2x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C2): the first dimension.
func.func @f(%t: tensor<2x8xi32>) { return }
func.func @repeat(%t: tensor<5x8xi32>) {
  // expected-error @below {{input 0 has type 'tensor<5x8xi32>', which is not 2 times the callee's 'tensor<2x8xi32>'}}
  lns.repeat @f(%t) count(2) : (tensor<5x8xi32>) -> ()
  return
}

// -----

// lns.repeat (C2): the other dimensions.
func.func @f(%t: tensor<2x8xi32>) { return }
func.func @repeat(%t: tensor<4x9xi32>) {
  // expected-error @below {{input 0 has type 'tensor<4x9xi32>', which is not 2 times the callee's 'tensor<2x8xi32>'}}
  lns.repeat @f(%t) count(2) : (tensor<4x9xi32>) -> ()
  return
}

// -----

// lns.repeat (C2): the element type.
func.func @f(%t: tensor<2x8xi32>) { return }
func.func @repeat(%t: tensor<4x8xf32>) {
  // expected-error @below {{input 0 has type 'tensor<4x8xf32>', which is not 2 times the callee's 'tensor<2x8xi32>'}}
  lns.repeat @f(%t) count(2) : (tensor<4x8xf32>) -> ()
  return
}

// -----

// lns.repeat (C2): a scalar is handed on as it is.
func.func @f(%t: tensor<i32>) { return }
func.func @repeat(%t: tensor<f32>) {
  // expected-error @below {{input 0 is the scalar 'tensor<f32>', but the callee takes 'tensor<i32>'}}
  lns.repeat @f(%t) count(2) : (tensor<f32>) -> ()
  return
}

// -----

// lns.repeat (C2): nothing that is cut becomes a scalar.
func.func @f(%t: tensor<i32>) { return }
func.func @repeat(%t: tensor<2xi32>) {
  // expected-error @below {{input 0 has type 'tensor<2xi32>', which is not 2 times the callee's 'tensor<i32>'}}
  lns.repeat @f(%t) count(2) : (tensor<2xi32>) -> ()
  return
}

// -----

// lns.repeat (C3): the results.
func.func @f(%x: tensor<2x8xf32>) -> tensor<f32> {
  %loss = lns.mean %x : (tensor<2x8xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
func.func @repeat(%x: tensor<4x8xf32>) {
  // expected-error @below {{has result types 'tensor<f64>', but 'f' returns 'tensor<f32>'}}
  %loss = lns.repeat @f(%x) count(2) : (tensor<4x8xf32>) -> tensor<f64>
  return
}
