// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-plan-memory))' | FileCheck %s

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
