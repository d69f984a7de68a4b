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

// What may be computed over an operand is so element on element, or not at all.
func.func @besideOperand(%a: tensor<8x8xf32>, %b: tensor<8x8xf32>) -> tensor<8x8xf32> attributes {lns.arena_bytes = 512 : i64} {
  %first = lns.matmul %a, %b {lns.offsets = array<i64: 0>} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %over = lns.matmul %a, %b addend(%first) {lns.offsets = array<i64: 0>} : (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-error@+1 {{'lns.matmul' op result 0 shares memory with an operand of the same op}}
  %beside = lns.matmul %a, %b addend(%over) {lns.offsets = array<i64: 64>} : (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %beside : tensor<8x8xf32>
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

// In place is fine where the op allows it, and freed memory is taken again.
func.func @good(%x: tensor<1x4x64xf32>, %targets: tensor<1x4xi32>) -> tensor<1x4x64xf32> attributes {lns.arena_bytes = 1280 : i64} {
  %logits = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<1x4x64xf32>
  %losses, %lse = lns.cross_entropy %logits, %targets {lns.offsets = array<i64: 1024, 1088>}
    : (tensor<1x4x64xf32>, tensor<1x4xi32>) -> (tensor<1x4xf32>, tensor<1x4xf32>)
  %grad = lns.cross_entropy_grad %logits, %targets, %lse, %losses {lns.offsets = array<i64: 0>}
    : (tensor<1x4x64xf32>, tensor<1x4xi32>, tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4x64xf32>
  return %grad : tensor<1x4x64xf32>
}

// -----

// In place is not fine where the op reads the value through another operand.
func.func @onFactor(%x: tensor<16x16xf32>) -> tensor<16x16xf32> attributes {lns.arena_bytes = 1024 : i64} {
  %a = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<16x16xf32>
  // expected-error@+1 {{'lns.matmul' op result 0 shares memory with an operand of the same op}}
  %p = lns.matmul %a, %x addend(%a) {lns.offsets = array<i64: 0>} : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %p : tensor<16x16xf32>
}

// -----

// A value has no place: it is not stored, or in a parameter, which has readers.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @nowhere(%x: tensor<4x8xf32>) attributes {lns.arena_bytes = 0 : i64} {
  // expected-error@+1 {{'lns.scale' op result 0 has no place; run 'lns-plan-memory'}}
  %a = lns.scale %x factor(2.0) : tensor<4x8xf32>
  lns.set %a, parameter @w : tensor<4x8xf32>
  return
}

// -----

// What is read without a copy is gone when its home is written: by lns.set,
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @stale(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 128 : i64} {
  %w = lns.get parameter @w : tensor<4x8xf32>
  // expected-note@+1 {{it is overwritten here}}
  lns.set %x, parameter @w : tensor<4x8xf32>
  // expected-error@+1 {{'lns.add' op reads operand 1 after '@w', where it stands, was overwritten}}
  %s = lns.add %x, %w {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// by a call,
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func private @anything()
func.func @staleAfterCall(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 128 : i64} {
  %w = lns.get parameter @w : tensor<4x8xf32>
  // expected-note@+1 {{it is overwritten here}}
  func.call @anything() : () -> ()
  // expected-error@+1 {{'lns.add' op reads operand 1 after '@w', where it stands, was overwritten}}
  %s = lns.add %x, %w {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// by a value that is computed there.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @computedOver(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 128 : i64} {
  %old = lns.get gradient @w : tensor<4x8xf32>
  // expected-note@+1 {{it is overwritten here}}
  %new = lns.scale %x factor(2.0) : tensor<4x8xf32>
  // expected-error@+1 {{'lns.add' op reads operand 1 after '@w', where it stands, was overwritten}}
  %s = lns.add %x, %old {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  lns.set %new, gradient @w : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// A value is computed over the home that its op reads.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @overOperand() attributes {lns.arena_bytes = 0 : i64} {
  %old = lns.get gradient @w : tensor<4x8xf32>
  // expected-error@+1 {{'lns.scale' op result 0 is computed in '@w', where an operand of the same op stands}}
  %new = lns.scale %old factor(2.0) : tensor<4x8xf32>
  lns.set %new, gradient @w : tensor<4x8xf32>
  return
}

// -----

// A home is read while a value waits there to be stored.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @tooEarly(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 128 : i64} {
  // expected-note@+1 {{the value is made here}}
  %new = lns.scale %x factor(2.0) : tensor<4x8xf32>
  // expected-error@+1 {{'lns.get' op reads '@w', where a value stands that is stored later}}
  %old = lns.get gradient @w : tensor<4x8xf32>
  lns.set %new, gradient @w : tensor<4x8xf32>
  %s = lns.add %x, %old {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// A waiting value is lost when the home is written before it is stored.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @lostInHome(%x: tensor<4x8xf32>) attributes {lns.arena_bytes = 0 : i64} {
  %new = lns.scale %x factor(2.0) : tensor<4x8xf32>
  // expected-note@+1 {{it is overwritten here}}
  lns.set %x, gradient @w : tensor<4x8xf32>
  // expected-error@+1 {{'lns.set' op reads operand 0 after '@w', where it stands, was overwritten}}
  lns.set %new, gradient @w : tensor<4x8xf32>
  return
}

// -----

// All is well where the last reader comes first, or a copy was read.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @goodHomes(%x: tensor<4x8xf32>) -> tensor<4x8xf32> attributes {lns.arena_bytes = 256 : i64} {
  %w = lns.get parameter @w : tensor<4x8xf32>
  %copy = lns.get parameter @w {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  %new = lns.scale %w factor(2.0) : tensor<4x8xf32>
  lns.set %new, gradient @w : tensor<4x8xf32>
  lns.set %x, parameter @w : tensor<4x8xf32>
  %s = lns.add %new, %copy {lns.offsets = array<i64: 128>} : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// What is read through a view was given to another value.
func.func @lostView(%x: tensor<4x8xf32>) -> tensor<4x2x4xf32> attributes {lns.arena_bytes = 256 : i64} {
  // expected-note@+1 {{the operand is made here}}
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  %view = lns.reshape %first : tensor<4x8xf32> to tensor<4x2x4xf32>
  %second = lns.scale %x factor(3.0) {lns.offsets = array<i64: 64>} : tensor<4x8xf32>
  // expected-error@+1 {{'lns.scale' op reads operand 0 after its memory was given to another value}}
  %third = lns.scale %view factor(4.0) {lns.offsets = array<i64: 0>} : tensor<4x2x4xf32>
  return %third : tensor<4x2x4xf32>
}

// -----

// A result stands on what its op reads through a view.
func.func @onView(%x: tensor<4x8xf32>) -> tensor<4x2x4xf32> attributes {lns.arena_bytes = 256 : i64} {
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x8xf32>
  %view = lns.reshape %first : tensor<4x8xf32> to tensor<4x2x4xf32>
  // expected-error@+1 {{'lns.scale' op result 0 shares memory with an operand of the same op}}
  %second = lns.scale %view factor(3.0) {lns.offsets = array<i64: 0>} : tensor<4x2x4xf32>
  return %second : tensor<4x2x4xf32>
}

// -----

// A product is computed over its addend, whose bytes it also multiplies.
func.func @overFactor(%x: tensor<4x16xf32>, %y: tensor<4x4xf32>) -> tensor<4x16xf32> attributes {lns.arena_bytes = 256 : i64} {
  %first = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x16xf32>
  %view = lns.reshape %first : tensor<4x16xf32> to tensor<4x4x4xf32>
  // expected-error@+1 {{'lns.matmul' op result 0 shares memory with an operand of the same op}}
  %second = lns.matmul %y, %view transpose_b addend(%first) {lns.offsets = array<i64: 0>} : (tensor<4x4xf32>, tensor<4x4x4xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %second : tensor<4x16xf32>
}

// -----

// A view stands nowhere but where its operand does.
func.func @placedView(%x: tensor<4x8xf32>) -> tensor<4x2x4xf32> attributes {lns.arena_bytes = 256 : i64} {
  // expected-error@+1 {{'lns.reshape' op has its result at offset 0, but stands where its operand does; remove 'lns.offsets'}}
  %view = lns.reshape %x {lns.offsets = array<i64: 0>} : tensor<4x8xf32> to tensor<4x2x4xf32>
  return %view : tensor<4x2x4xf32>
}

// -----

// A parameter that is read through a view was overwritten.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @staleView(%x: tensor<4x8xf32>) -> tensor<4x2x4xf32> attributes {lns.arena_bytes = 256 : i64} {
  %w = lns.get parameter @w : tensor<4x8xf32>
  %view = lns.reshape %w : tensor<4x8xf32> to tensor<4x2x4xf32>
  // expected-note@+1 {{it is overwritten here}}
  lns.set %x, parameter @w : tensor<4x8xf32>
  // expected-error@+1 {{'lns.scale' op reads operand 0 after '@w', where it stands, was overwritten}}
  %second = lns.scale %view factor(3.0) {lns.offsets = array<i64: 0>} : tensor<4x2x4xf32>
  return %second : tensor<4x2x4xf32>
}

// -----

// A gradient is computed in its home, where a view of what the op reads stands.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x8xf32>
func.func @homeOfView() attributes {lns.arena_bytes = 256 : i64} {
  %old = lns.get gradient @w : tensor<4x8xf32>
  %view = lns.reshape %old : tensor<4x8xf32> to tensor<4x2x4xf32>
  // expected-error@+1 {{'lns.scale' op result 0 is computed in '@w', where an operand of the same op stands}}
  %new = lns.scale %view factor(3.0) : tensor<4x2x4xf32>
  %back = lns.reshape %new : tensor<4x2x4xf32> to tensor<4x8xf32>
  lns.set %back, gradient @w : tensor<4x8xf32>
  return
}
