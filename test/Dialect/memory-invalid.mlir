// RUN: lns-opt %s --split-input-file --verify-diagnostics

// lns.pack (C1): positions.
// expected-error @below {{interval 1 is [3, 2], expected 0 <= first <= last < 2^31}}
lns.pack [0, 1] 64, [3, 2] 64

// -----

// lns.pack (C1): positions are not negative.
// expected-error @below {{interval 0 is [-1, 2], expected 0 <= first <= last < 2^31}}
lns.pack [-1, 2] 64

// -----

// lns.pack (C1): sizes.
// expected-error @below {{interval 0 has 70368744177665 bytes, expected 0 to 2^46}}
lns.pack [0, 1] 70368744177665

// -----

// lns.pack (C2): alignment.
// expected-error @below {{interval 1 is at 65, expected a multiple of 64}}
lns.pack [0, 1] 64 at 0, [2, 3] 64 at 65 total 192

// -----

// lns.pack (C2): what lives at the same time does not overlap.
// expected-error @below {{intervals 0 and 2 live at the same time and overlap: bytes [0, 128) and [64, 128)}}
lns.pack [0, 1] 128 at 0, [2, 3] 64 at 64, [1, 2] 64 at 64 total 128

// -----

// lns.pack (C3): too small a total, and too large a one.
// expected-error @below {{has a total of 64 bytes, but its last one ends at 128}}
lns.pack [0, 1] 100 at 0 total 64

// -----

// expected-error @below {{has a total of 192 bytes, but its last one ends at 128}}
lns.pack [0, 1] 100 at 0 total 192

// -----

// Offsets come with a total.
// expected-error @below {{has a total but no offsets}}
"lns.pack"() <{first = array<i64: 0>, last = array<i64: 1>, sizes = array<i64: 64>, total = 64 : i64}> : () -> ()

// -----

// One of each for every interval.
// expected-error @below {{has 1 first positions, 2 last ones, 1 sizes and 1 offsets, expected equally many}}
"lns.pack"() <{first = array<i64: 0>, last = array<i64: 1, 2>, sizes = array<i64: 64>}> : () -> ()

// -----

// Syntax: all intervals have an offset, or none.
// expected-error @below {{has 1 offsets for 2 intervals, expected one each or none}}
lns.pack [0, 1] 64 at 0, [1, 2] 64

// -----

// Syntax: offsets end with a total.
// expected-error @below {{expected 'total' after offsets}}
lns.pack [0, 1] 64 at 0 {note}

// -----

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
