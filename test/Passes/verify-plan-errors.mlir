// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(lns-verify-plan))'

// Without a plan there is nothing to check.
// expected-error@+1 {{has no 'lns.arena_bytes'; run 'lns-plan-memory'}}
func.func @unplanned() {
  return
}

// -----

// A value is read after another one took its bytes.
func.func @lost(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 256 : i64} {
  // expected-note@+1 {{the operand is made here}}
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  %second = lns.scale %x factor(3.0) {lns.offsets = array<i64: 64>} : tensor<4x8xf32>
  // expected-error@+1 {{'lns.add' op reads operand 0 after its memory was given to another value}}
  %sum = lns.add %first, %second {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  return %sum : tensor<4x8xf32>
}

// -----

// A result stands on an operand of its op.
func.func @onOperand(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 256 : i64} {
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  // expected-error@+1 {{'lns.scale' op result 0 shares memory with an operand of the same op}}
  %second = lns.scale %first factor(3.0) {lns.offsets = array<i64: 64>} : tensor<4x8xf32>
  return %second : tensor<4x8xf32>
}

// -----

// Two results of one op stand on the same bytes.
func.func @onResult(%x: tensor<1x4x8xf32>, %targets: tensor<1x4xi32>) -> tensor<1x4xf32> attributes {lns.arena_bytes = 256 : i64} {
  // expected-error@+1 {{'lns.cross_entropy' op result 1 shares memory with another result of the same op}}
  %losses, %lse = lns.cross_entropy %x, %targets {lns.offsets = array<i64: 0, 0>}
    : (tensor<1x4x8xf32>, tensor<1x4xi32>) -> (tensor<1x4xf32>, tensor<1x4xf32>)
  return %losses : tensor<1x4xf32>
}

// -----

// An offset is no multiple of 64.
func.func @unaligned(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 256 : i64} {
  // expected-error@+1 {{'lns.scale' op result 0 has 128 bytes at offset 32, but must stand at a multiple of 64 within the arena's 256 bytes}}
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 32>} : tensor<4x8xf32>
  return %first : tensor<4x8xf32>
}

// -----

// A value reaches beyond the arena.
func.func @outside(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 128 : i64} {
  // expected-error@+1 {{'lns.scale' op result 0 has 128 bytes at offset 64, but must stand at a multiple of 64 within the arena's 128 bytes}}
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 64>} : tensor<4x8xf32>
  return %first : tensor<4x8xf32>
}

// -----

// Offsets and results differ in number.
func.func @count(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 256 : i64} {
  // expected-error@+1 {{'lns.scale' op has 2 offsets for 1 results}}
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0, 64>} : tensor<4x8xf32>
  return %first : tensor<4x8xf32>
}

// -----

// In place is fine where the op allows it, and freed memory is taken again.
func.func @good(%x: tensor<1x4x64xf32>, %targets: tensor<1x4xi32>) -> tensor<1x4x64xf32> attributes {lns.arena_bytes = 1280 : i64} {
  %logits = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<1x4x64xf32>
  %losses, %lse = lns.cross_entropy %logits, %targets {lns.offsets = array<i64: 1024, 1088>}
    : (tensor<1x4x64xf32>, tensor<1x4xi32>) -> (tensor<1x4xf32>, tensor<1x4xf32>)
  %grad = lns.cross_entropy_grad %logits, %targets, %lse, %losses {lns.offsets = array<i64: 0>}
    : (tensor<1x4x64xf32>, tensor<1x4xi32>, tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4x64xf32>
  return %grad : tensor<1x4x64xf32>
}
