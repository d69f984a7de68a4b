// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-plan-memory,lns-verify-plan))' | FileCheck %s

// A value's memory is taken again as soon as its last reader is done: three
// values of 1024 bytes in a chain need two places.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: lns.arena_bytes = 2048
// CHECK-SAME: lns.live_bytes = 2048
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 1024>}
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
func.func @chain(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  %b = lns.scale %a factor(3.0) : tensor<4x64xf32>
  %c = lns.scale %b factor(4.0) : tensor<4x64xf32>
  return %c : tensor<4x64xf32>
}

// -----

// Offsets are multiples of 64 bytes, also for values smaller than that, and
// values that live together do not overlap.
// CHECK-LABEL: func.func @alignment
// CHECK-SAME: lns.arena_bytes = 192
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 64>}
// CHECK: lns.add {{.*}} {lns.offsets = array<i64: 128>}
func.func @alignment(%x: tensor<1x3xf32>) -> tensor<1x3xf32> {
  %a = lns.scale %x factor(2.0) : tensor<1x3xf32>
  %b = lns.scale %x factor(3.0) : tensor<1x3xf32>
  %c = lns.add %a, %b : tensor<1x3xf32>
  return %c : tensor<1x3xf32>
}

// -----

// A gradient that is stored is computed where it is stored: it takes no room
// in the arena.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @stored
// CHECK-SAME: lns.arena_bytes = 0
// CHECK: lns.scale
// CHECK-NOT: lns.offsets
// CHECK: lns.set
func.func @stored(%x: tensor<4x64xf32>) {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  lns.set %a, gradient @w : tensor<4x64xf32>
  return
}

// -----

// So is a compute weight.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
lns.compute_weight @v of @w : tensor<4x64xbf16>
// CHECK-LABEL: func.func @stored_compute_weight
// CHECK-SAME: lns.arena_bytes = 0
// CHECK: lns.cast
// CHECK-NOT: lns.offsets
// CHECK: lns.set
func.func @stored_compute_weight() {
  %w = lns.get parameter @w : tensor<4x64xf32>
  %v = lns.cast %w : tensor<4x64xf32> to tensor<4x64xbf16>
  lns.set %v, compute @v : tensor<4x64xbf16>
  return
}

// -----

// But not while AdamW writes its home, or somebody reads there what was before.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
lns.compute_weight @v of @w : tensor<4x64xbf16>
// CHECK-LABEL: func.func @written_in_between
// CHECK: lns.cast {{.*}} {lns.offsets = array<i64: 0>}
func.func @written_in_between(%dw: tensor<4x64xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  %w = lns.get parameter @w : tensor<4x64xf32>
  %v = lns.cast %w : tensor<4x64xf32> to tensor<4x64xbf16>
  lns.adamw @w, %dw, %f, %o decay(true) compute(@v) : tensor<4x64xf32>, tensor<f32>, tensor<8xf32>
  lns.set %v, compute @v : tensor<4x64xbf16>
  return
}
// CHECK-LABEL: func.func @read_in_between
// CHECK: lns.cast {{.*}} {lns.offsets = array<i64: 0>}
func.func @read_in_between() -> tensor<4x64xbf16> {
  %old = lns.get compute @v : tensor<4x64xbf16>
  %w = lns.get parameter @w : tensor<4x64xf32>
  %v = lns.cast %w : tensor<4x64xf32> to tensor<4x64xbf16>
  %sum = lns.add %old, %v : tensor<4x64xbf16>
  lns.set %v, compute @v : tensor<4x64xbf16>
  return %sum : tensor<4x64xbf16>
}

// -----

// The gradient of logits takes their place when nobody reads them later.
// CHECK-LABEL: func.func @in_place
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: [[LOGITS:[0-9]+]]>}
// CHECK: lns.cross_entropy_grad
// CHECK-SAME: lns.offsets = array<i64: [[LOGITS]]>
func.func @in_place(%x: tensor<1x4x256xf32>, %targets: tensor<1x4xi32>)
    -> tensor<1x4x256xf32> {
  %logits = lns.scale %x factor(2.0) : tensor<1x4x256xf32>
  %losses, %lse = lns.cross_entropy %logits, %targets
    : (tensor<1x4x256xf32>, tensor<1x4xi32>) -> (tensor<1x4xf32>, tensor<1x4xf32>)
  %g = lns.cross_entropy_grad %logits, %targets, %lse, %losses
    : (tensor<1x4x256xf32>, tensor<1x4xi32>, tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4x256xf32>
  return %g : tensor<1x4x256xf32>
}

// -----

// Does not happen in place when there is a later reader.
// CHECK-LABEL: func.func @not_in_place
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.cross_entropy_grad
// CHECK-SAME: lns.offsets = array<i64: {{[1-9]}}
func.func @not_in_place(%x: tensor<1x4x256xf32>, %targets: tensor<1x4xi32>)
    -> (tensor<1x4x256xf32>, tensor<1x4x256xf32>) {
  %logits = lns.scale %x factor(2.0) : tensor<1x4x256xf32>
  %losses, %lse = lns.cross_entropy %logits, %targets
    : (tensor<1x4x256xf32>, tensor<1x4xi32>) -> (tensor<1x4xf32>, tensor<1x4xf32>)
  %g = lns.cross_entropy_grad %logits, %targets, %lse, %losses
    : (tensor<1x4x256xf32>, tensor<1x4xi32>, tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<1x4x256xf32>
  return %g, %logits : tensor<1x4x256xf32>, tensor<1x4x256xf32>
}

// -----

// A new parameter is not computed where it is stored: the old one has a reader
// after that.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @stored_parameter
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.add {{.*}} {lns.offsets = array<i64: 1024>}
func.func @stored_parameter() -> tensor<4x64xf32> {
  %old = lns.get parameter @w : tensor<4x64xf32>
  %new = lns.scale %old factor(2.0) : tensor<4x64xf32>
  %sum = lns.add %old, %new : tensor<4x64xf32>
  lns.set %new, parameter @w : tensor<4x64xf32>
  return %sum : tensor<4x64xf32>
}

// -----

// Nor is a gradient that is added to the one before, which is read again.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @accumulated
// CHECK: lns.add {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.add {{.*}} {lns.offsets = array<i64: 1024>}
func.func @accumulated(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %old = lns.get gradient @w : tensor<4x64xf32>
  %new = lns.add %old, %x : tensor<4x64xf32>
  %sum = lns.add %old, %new : tensor<4x64xf32>
  lns.set %new, gradient @w : tensor<4x64xf32>
  return %sum : tensor<4x64xf32>
}

// -----

// A product that is added to what is stored is computed there, and so is what is
// computed over it: no value needs room.
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x64xf32>
// CHECK-LABEL: func.func @accumulated_in_place
// CHECK-SAME: lns.arena_bytes = 0
// CHECK-NOT: lns.offsets
func.func @accumulated_in_place(%d: tensor<3x5xf32>, %x: tensor<3x64xf32>, %tokens: tensor<1x3xi32>, %dx: tensor<1x3x64xf32>) {
  %old = lns.get gradient @e : tensor<5x64xf32>
  %head = lns.matmul %d, %x transpose_a addend(%old) : (tensor<3x5xf32>, tensor<3x64xf32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  %sum = lns.embedding_grad %dx, %tokens addend(%head) : (tensor<1x3x64xf32>, tensor<1x3xi32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  lns.set %sum, gradient @e : tensor<5x64xf32>
  return
}

// -----

// Not where the old value is read later.
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x64xf32>
// CHECK-LABEL: func.func @accumulated_too_early
// CHECK: lns.matmul {{.*}} {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @accumulated_too_early(%d: tensor<3x5xf32>, %x: tensor<3x64xf32>) -> tensor<5x64xf32> {
  %old = lns.get gradient @e : tensor<5x64xf32>
  %new = lns.matmul %d, %x transpose_a addend(%old) : (tensor<3x5xf32>, tensor<3x64xf32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  %difference = lns.add %old, %new : tensor<5x64xf32>
  lns.set %new, gradient @e : tensor<5x64xf32>
  return %difference : tensor<5x64xf32>
}

// -----

// Nor where the result of the first has another reader.
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x64xf32>
// CHECK-LABEL: func.func @accumulated_and_read
// CHECK: lns.matmul {{.*}} {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @accumulated_and_read(%d: tensor<3x5xf32>, %x: tensor<3x64xf32>, %tokens: tensor<1x3xi32>, %dx: tensor<1x3x64xf32>) -> tensor<5x64xf32> {
  %old = lns.get gradient @e : tensor<5x64xf32>
  %head = lns.matmul %d, %x transpose_a addend(%old) : (tensor<3x5xf32>, tensor<3x64xf32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  %sum = lns.embedding_grad %dx, %tokens addend(%head) : (tensor<1x3x64xf32>, tensor<1x3xi32>, tensor<5x64xf32>) -> tensor<5x64xf32>
  lns.set %sum, gradient @e : tensor<5x64xf32>
  return %head : tensor<5x64xf32>
}

// -----

// What a function clears before it repeats another is cleared in its home, and
// what it reads behind that is another value.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
func.func @micro_grads(%x: tensor<4x64xf32>) -> tensor<f32> {
  %old = lns.get gradient @w : tensor<4x64xf32>
  %new = lns.add %old, %x : tensor<4x64xf32>
  lns.set %new, gradient @w : tensor<4x64xf32>
  %loss = lns.mean %x : (tensor<4x64xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// CHECK-LABEL: func.func @cleared
// CHECK: lns.constant
// CHECK-NOT: lns.offsets
// CHECK: lns.set
// CHECK: lns.repeat {{.*}} {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @cleared(%x: tensor<8x64xf32>) -> (tensor<f32>, tensor<4x64xf32>) {
  %zero = lns.constant 0.0 : tensor<4x64xf32>
  lns.set %zero, gradient @w : tensor<4x64xf32>
  %loss = lns.repeat @micro_grads(%x) count(2) : (tensor<8x64xf32>) -> tensor<f32>
  %sum = lns.get gradient @w : tensor<4x64xf32>
  %twice = lns.scale %sum factor(2.0) : tensor<4x64xf32>
  return %loss, %twice : tensor<f32>, tensor<4x64xf32>
}

// -----

// A value is not computed in a home that is repeated over before it is stored.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
func.func @micro_grads(%x: tensor<4x64xf32>) -> tensor<f32> {
  lns.set %x, gradient @w : tensor<4x64xf32>
  %loss = lns.mean %x : (tensor<4x64xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// CHECK-LABEL: func.func @repeated_over
// CHECK: lns.constant {{.*}} {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @repeated_over(%x: tensor<8x64xf32>) -> tensor<f32> {
  %one = lns.constant 1.0 : tensor<4x64xf32>
  %loss = lns.repeat @micro_grads(%x) count(2) : (tensor<8x64xf32>) -> tensor<f32>
  lns.set %one, gradient @w : tensor<4x64xf32>
  return %loss : tensor<f32>
}

// -----

// Two values for one home, one after the other, both stand there.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @stored_twice
// CHECK-SAME: lns.arena_bytes = 0
func.func @stored_twice(%x: tensor<4x64xf32>) {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  lns.set %a, gradient @w : tensor<4x64xf32>
  %b = lns.scale %x factor(3.0) : tensor<4x64xf32>
  lns.set %b, gradient @w : tensor<4x64xf32>
  return
}

// -----

// Not where the first is read when the second is there.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @stored_twice_and_read
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @stored_twice_and_read(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  lns.set %a, gradient @w : tensor<4x64xf32>
  %b = lns.scale %x factor(3.0) : tensor<4x64xf32>
  lns.set %b, gradient @w : tensor<4x64xf32>
  %c = lns.add %a, %b : tensor<4x64xf32>
  return %c : tensor<4x64xf32>
}

// -----

// Not in place either when the op reads the same value through another operand:
// a matmul's addend that is one of its factors, or its gain,
// CHECK-LABEL: func.func @own_factor
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.matmul {{.*}} {lns.offsets = array<i64: 1024>}
func.func @own_factor(%x: tensor<16x16xf32>, %w: tensor<16x16xf32>) -> tensor<16x16xf32> {
  %a = lns.scale %x factor(2.0) : tensor<16x16xf32>
  %p = lns.matmul %a, %w addend(%a) : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  return %p : tensor<16x16xf32>
}
// CHECK-LABEL: func.func @own_gain
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.matmul {{.*}} {lns.offsets = array<i64: 64>}
func.func @own_gain(%x: tensor<16xf32>, %u: tensor<4xf32>, %w: tensor<4x16xf32>) -> tensor<16xf32> {
  %g = lns.scale %x factor(2.0) : tensor<16xf32>
  %p = lns.matmul %u, %w gain(%g) addend(%g) : (tensor<4xf32>, tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %p : tensor<16xf32>
}

// -----

// or an embedding's gradient that starts with the rows it adds.
// CHECK-LABEL: func.func @own_rows
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
// CHECK: lns.embedding_grad {{.*}} {lns.offsets = array<i64: 1024>}
func.func @own_rows(%x: tensor<4x64xf32>, %tokens: tensor<4xi32>) -> tensor<4x64xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  %p = lns.embedding_grad %a, %tokens addend(%a) : (tensor<4x64xf32>, tensor<4xi32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  return %p : tensor<4x64xf32>
}

// -----

// Nor in the gradient's home, over what stands there.
lns.parameter @w matrix init(ones) decay(true) : tensor<16x16xf32>
// CHECK-LABEL: func.func @own_home
// CHECK: lns.matmul {{.*}} {lns.offsets = array<i64: 0>}
func.func @own_home(%x: tensor<16x16xf32>) {
  %old = lns.get gradient @w : tensor<16x16xf32>
  %new = lns.matmul %old, %x addend(%old) : (tensor<16x16xf32>, tensor<16x16xf32>, tensor<16x16xf32>) -> tensor<16x16xf32>
  lns.set %new, gradient @w : tensor<16x16xf32>
  return
}

// -----

// What is read is a parameter's own memory, but a copy where that is overwritten
// before the last reader: by another value, by AdamW,
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @stale
// CHECK: lns.get parameter @w {lns.offsets = array<i64: 0>}
// CHECK: lns.add {{.*}} {lns.offsets = array<i64: 1024>}
func.func @stale(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  lns.set %x, parameter @w : tensor<4x64xf32>
  %s = lns.add %x, %w : tensor<4x64xf32>
  return %s : tensor<4x64xf32>
}
// CHECK-LABEL: func.func @stale_after_update
// CHECK: lns.get parameter @w {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @stale_after_update(%dw: tensor<4x64xf32>, %f: tensor<f32>, %o: tensor<8xf32>) -> tensor<4x64xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x64xf32>, tensor<f32>, tensor<8xf32>
  %s = lns.add %dw, %w : tensor<4x64xf32>
  return %s : tensor<4x64xf32>
}

// -----

// or by who knows whom: a call may write everything.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
func.func private @anything()
// CHECK-LABEL: func.func @stale_after_call
// CHECK: lns.get parameter @w {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @stale_after_call(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  func.call @anything() : () -> ()
  %s = lns.add %x, %w : tensor<4x64xf32>
  return %s : tensor<4x64xf32>
}
// Nor is a gradient computed in its home across one.
// CHECK-LABEL: func.func @stored_across_call
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: 0>}
func.func @stored_across_call(%x: tensor<4x64xf32>) {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  func.call @anything() : () -> ()
  lns.set %a, gradient @w : tensor<4x64xf32>
  return
}

// -----

// No copy where the write is another tensor's, comes after the last reader, or
// stores what was read.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
lns.parameter @v matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @fresh
// CHECK-NOT: lns.get {{.*}} {lns.offsets
func.func @fresh(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  lns.set %x, parameter @v : tensor<4x64xf32>
  lns.set %x, gradient @w : tensor<4x64xf32>
  lns.set %w, parameter @w : tensor<4x64xf32>
  %s = lns.add %x, %w : tensor<4x64xf32>
  lns.set %x, parameter @w : tensor<4x64xf32>
  return %s : tensor<4x64xf32>
}

// -----

// A ramp is the runtime's number: it has no room in the arena, and what is
// computed of it has.
// CHECK-LABEL: func.func @ramp
// CHECK-SAME: lns.arena_bytes = 1024
// CHECK: lns.ramp steps(5.000000e+00) : tensor<1xf32>
// CHECK-NEXT: lns.scale_by {{.*}} {lns.offsets = array<i64: 0>}
func.func @ramp(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %a = lns.ramp steps(5.0) : tensor<1xf32>
  %b = lns.scale_by %x, %a : tensor<4x64xf32>, tensor<1xf32>
  return %b : tensor<4x64xf32>
}

// -----

// Rows are appended to a cache where it stands: it takes no room in the arena.
lns.cache @keys : tensor<2x8x16xf32>
// CHECK-LABEL: func.func @append
// CHECK-SAME: lns.arena_bytes = 0
// CHECK: lns.append
// CHECK-NOT: lns.offsets
func.func @append(%rows: tensor<2x1x16xf32>, %starts: tensor<2x1xi32>) {
  %before = lns.get cache @keys : tensor<2x8x16xf32>
  %after = lns.append %before, %rows starts(%starts) : tensor<2x8x16xf32>, tensor<2x1x16xf32>, tensor<2x1xi32>
  lns.set %after, cache @keys : tensor<2x8x16xf32>
  return
}

// -----

// Not where what stood there is read once more: that is copied, and so is what is
// appended.
lns.cache @keys : tensor<2x8x16xf32>
// CHECK-LABEL: func.func @reread
// CHECK: lns.get cache @keys {lns.offsets = array<i64: 0>}
// CHECK: lns.append {{.*}} {lns.offsets = array<i64: 1024>}
func.func @reread(%rows: tensor<2x1x16xf32>, %starts: tensor<2x1xi32>) -> tensor<2x8x16xf32> {
  %before = lns.get cache @keys : tensor<2x8x16xf32>
  %after = lns.append %before, %rows starts(%starts) : tensor<2x8x16xf32>, tensor<2x1x16xf32>, tensor<2x1xi32>
  lns.set %after, cache @keys : tensor<2x8x16xf32>
  %sum = lns.add %before, %after : tensor<2x8x16xf32>
  return %sum : tensor<2x8x16xf32>
}
