// RUN: lns-opt %s --split-input-file --verify-diagnostics

// An attribute of the dialect that it does not know.
// expected-error@+1 {{'func.func' op has attribute 'lns.arena_byte', which the lns dialect does not know; remove it}}
func.func @unknown() attributes {lns.arena_byte = 64 : i64} {
  return
}

// -----

// Offsets of another type.
func.func @type(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'lns.scale' op has 'lns.offsets' of [0], expected an array<i64> with an offset for each result}}
  %y = lns.scale %x factor(2.0) {lns.offsets = [0]} : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Offsets and results differ in number.
func.func @count(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'lns.scale' op has 2 offsets for 1 results}}
  %y = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0, 64>} : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// No place at all is -1, not less.
func.func @negative(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'lns.scale' op has result 0 at offset -64, expected -1, outside of the arena, or 0 to 1152921504606846976}}
  %y = lns.scale %x factor(2.0) {lns.offsets = array<i64: -64>} : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// An end that would overflow.
func.func @overflow(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'lns.scale' op has result 0 at offset 9223372036854775744}}
  %y = lns.scale %x factor(2.0) {lns.offsets = array<i64: 9223372036854775744>} : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Sizes are 64-bit integers that are not negative,
// expected-error@+1 {{'func.func' op has 'lns.arena_bytes' of 64 : i32, expected an i64 of 0 to 1152921504606846976 bytes}}
func.func @narrow() attributes {lns.arena_bytes = 64 : i32} {
  return
}

// -----

// expected-error@+1 {{'func.func' op has 'lns.activation_bytes' of -1 : i64, expected an i64 of 0 to 1152921504606846976 bytes}}
func.func @below() attributes {lns.activation_bytes = -1 : i64} {
  return
}

// -----

// on functions.
func.func @place(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error@+1 {{'lns.scale' op has 'lns.live_bytes', which is an attribute of functions}}
  %y = lns.scale %x factor(2.0) {lns.live_bytes = 64 : i64} : tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// What is noted of the model are numbers and texts, on a module.
// expected-error@+1 {{'builtin.module' op has 'batch' of 0 : i64 in 'lns.model', expected a positive 32-bit integer, as i64}}
module attributes {lns.model = {batch = 0 : i64}} {
}

// -----

// expected-error@+1 {{'builtin.module' op has 'layers' of -3 : i64 in 'lns.model', expected 0 or a positive 32-bit integer, as i64}}
module attributes {lns.model = {layers = -3 : i64}} {
}

// -----

// expected-error@+1 {{'builtin.module' op has 'dtype' of 16 : i64 in 'lns.model', expected a string}}
module attributes {lns.model = {dtype = 16 : i64}} {
}

// -----

// expected-error@+1 {{'func.func' op has 'lns.model' of {}, expected a dictionary, on a module}}
func.func @facts() attributes {lns.model = {}} {
  return
}
