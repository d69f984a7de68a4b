// A reshape is no memory: what reads it reads its operand's bytes, which live until
// the last reader of any view of them. Each case is run before and after planning,
// with NaN where a plan gives bytes away.
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-plan-memory,lns-verify-plan))' | FileCheck %s
// RUN: lns-interpret %s --split-input-file --poison --entry=f --check-pipeline='builtin.module(func.func(lns-plan-memory,lns-verify-plan))'
// RUN: lns-interpret %s --split-input-file --poison --entry=f --check-pipeline='builtin.module(canonicalize,cse,lns-fuse,func.func(lns-plan-memory,lns-verify-plan))'
// RUN: lns-interpret %s --split-input-file --poison --entry=f --check-pipeline='builtin.module(canonicalize,cse,lns-fuse-cuda,func.func(lns-plan-memory,lns-verify-plan))'

// A view has no offset, and keeps the value that it is a view of: the third value
// does not get the first one's bytes.
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 3072
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: [[A:[0-9]+]]>}
// CHECK: lns.reshape %{{[a-z0-9]+}} : tensor<4x64xf32> to tensor<4x4x16xf32>
// CHECK: lns.center_rows
// CHECK-NOT: lns.offsets = array<i64: [[A]]>
// CHECK: lns.add
func.func @f(%x: tensor<4x64xf32>) -> tensor<4x4x16xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  %v = lns.reshape %a : tensor<4x64xf32> to tensor<4x4x16xf32>
  %b = lns.center_rows %x : tensor<4x64xf32>
  %w = lns.reshape %b : tensor<4x64xf32> to tensor<4x4x16xf32>
  %s = lns.add %v, %w : tensor<4x4x16xf32>
  return %s : tensor<4x4x16xf32>
}

// -----

// A view of an argument, a view of that, and one that is returned as it is.
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 0
func.func @f(%x: tensor<4x64xf32>) -> (tensor<4x4x16xf32>, tensor<4x4x4x4xf32>) {
  %v = lns.reshape %x : tensor<4x64xf32> to tensor<4x4x16xf32>
  %w = lns.reshape %v : tensor<4x4x16xf32> to tensor<4x4x4x4xf32>
  return %v, %w : tensor<4x4x16xf32>, tensor<4x4x4x4xf32>
}

// -----

// A view of a value is returned: the value lives to the end.
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 2048
func.func @f(%x: tensor<4x64xf32>) -> (tensor<4x4x16xf32>, tensor<4x64xf32>) {
  %a = lns.scale %x factor(2.0) : tensor<4x64xf32>
  %v = lns.reshape %a : tensor<4x64xf32> to tensor<4x4x16xf32>
  %b = lns.scale %x factor(3.0) : tensor<4x64xf32>
  return %v, %b : tensor<4x4x16xf32>, tensor<4x64xf32>
}

// -----

// A view of a parameter is the parameter's memory where nobody writes there.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 1024
// CHECK: lns.get parameter @w :
func.func @f(%x: tensor<4x4x16xf32>) -> tensor<4x4x16xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  %v = lns.reshape %w : tensor<4x64xf32> to tensor<4x4x16xf32>
  %s = lns.add %x, %v : tensor<4x4x16xf32>
  return %s : tensor<4x4x16xf32>
}

// -----

// Where somebody does before a reader of the view, the parameter is copied.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @f
// CHECK: lns.get parameter @w {lns.offsets = array<i64: {{[0-9]+}}>}
func.func @f(%x: tensor<4x64xf32>) -> tensor<4x4x16xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  %v = lns.reshape %w : tensor<4x64xf32> to tensor<4x4x16xf32>
  lns.set %x, parameter @w : tensor<4x64xf32>
  %s = lns.scale %v factor(2.0) : tensor<4x4x16xf32>
  return %s : tensor<4x4x16xf32>
}

// -----

// A parameter that is stored where it comes from, through views, is not copied.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @f
// CHECK: lns.get parameter @w :
func.func @f(%x: tensor<4x64xf32>) -> tensor<4x4x16xf32> {
  %w = lns.get parameter @w : tensor<4x64xf32>
  %v = lns.reshape %w : tensor<4x64xf32> to tensor<4x4x16xf32>
  %b = lns.reshape %v : tensor<4x4x16xf32> to tensor<4x64xf32>
  lns.set %b, parameter @w : tensor<4x64xf32>
  %s = lns.scale %v factor(2.0) : tensor<4x4x16xf32>
  return %s : tensor<4x4x16xf32>
}

// -----

// A gradient is computed where it is stored, through a view.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 0
// CHECK: lns.scale
// CHECK-NOT: lns.offsets
func.func @f(%x: tensor<4x4x16xf32>) {
  %a = lns.scale %x factor(2.0) : tensor<4x4x16xf32>
  %v = lns.reshape %a : tensor<4x4x16xf32> to tensor<4x64xf32>
  lns.set %v, gradient @w : tensor<4x64xf32>
  return
}

// -----

// But not while a view of what was there is read.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @f
// CHECK: lns.scale {{.*}} {lns.offsets
func.func @f(%x: tensor<4x4x16xf32>) -> tensor<4x4x16xf32> {
  %old = lns.get gradient @w : tensor<4x64xf32>
  %o = lns.reshape %old : tensor<4x64xf32> to tensor<4x4x16xf32>
  %a = lns.scale %x factor(2.0) : tensor<4x4x16xf32>
  %s = lns.add %a, %o : tensor<4x4x16xf32>
  %v = lns.reshape %a : tensor<4x4x16xf32> to tensor<4x64xf32>
  lns.set %v, gradient @w : tensor<4x64xf32>
  return %s : tensor<4x4x16xf32>
}

// -----

// A sum is computed over the gradient that a view of is its addend, in its home.
lns.parameter @w matrix init(ones) decay(true) : tensor<64xf32>
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 0
func.func @f(%x: tensor<8x4xf32>, %y: tensor<8x16xf32>) {
  %old = lns.get gradient @w : tensor<64xf32>
  %o = lns.reshape %old : tensor<64xf32> to tensor<4x16xf32>
  %a = lns.matmul %x, %y transpose_a addend(%o) : (tensor<8x4xf32>, tensor<8x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %v = lns.reshape %a : tensor<4x16xf32> to tensor<64xf32>
  lns.set %v, gradient @w : tensor<64xf32>
  return
}

// -----

// A chain of sums in the home of the last one, each through a view of the one
// before.
lns.parameter @w matrix init(ones) decay(true) : tensor<64xf32>
// CHECK-LABEL: func.func @f
// CHECK-SAME: lns.arena_bytes = 0
func.func @f(%x: tensor<8x4xf32>, %y: tensor<8x16xf32>, %p: tensor<16x8xf32>, %q: tensor<16x8xf32>) {
  %a = lns.matmul %x, %y transpose_a : (tensor<8x4xf32>, tensor<8x16xf32>) -> tensor<4x16xf32>
  %r = lns.reshape %a : tensor<4x16xf32> to tensor<64xf32>
  %v = lns.reshape %r : tensor<64xf32> to tensor<4x16xf32>
  %b = lns.matmul %x, %y transpose_a addend(%v) : (tensor<8x4xf32>, tensor<8x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %w = lns.reshape %b : tensor<4x16xf32> to tensor<64xf32>
  lns.set %w, gradient @w : tensor<64xf32>
  return
}

// -----

// What an op would be computed over is read through a view later: it is not.
// CHECK-LABEL: func.func @f
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: [[A:[0-9]+]]>}
// CHECK: lns.matmul
// CHECK-NOT: lns.offsets = array<i64: [[A]]>
// CHECK: lns.add
func.func @f(%x: tensor<4x16xf32>, %y: tensor<16x16xf32>) -> tensor<4x2x8xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x16xf32>
  %v = lns.reshape %a : tensor<4x16xf32> to tensor<4x2x8xf32>
  %p = lns.matmul %x, %y addend(%a) : (tensor<4x16xf32>, tensor<16x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  %w = lns.reshape %p : tensor<4x16xf32> to tensor<4x2x8xf32>
  %s = lns.add %v, %w : tensor<4x2x8xf32>
  return %s : tensor<4x2x8xf32>
}

// -----

// Nor over what the op itself reads through a view.
// CHECK-LABEL: func.func @f
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: [[A:[0-9]+]]>}
// CHECK: lns.matmul
// CHECK-NOT: lns.offsets = array<i64: [[A]]>
// CHECK: return
func.func @f(%x: tensor<4x4x4xf32>, %y: tensor<4x4xf32>) -> tensor<4x16xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x4x4xf32>
  %v = lns.reshape %a : tensor<4x4x4xf32> to tensor<4x16xf32>
  %p = lns.matmul %y, %a transpose_b addend(%v) : (tensor<4x4xf32>, tensor<4x4x4xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %p : tensor<4x16xf32>
}

// -----

// Where nobody does, it is computed over the bytes of the view.
// CHECK-LABEL: func.func @f
// CHECK: lns.scale {{.*}} {lns.offsets = array<i64: [[A:[0-9]+]]>}
// CHECK: lns.matmul {{.*}}lns.offsets = array<i64: [[A]]>
func.func @f(%x: tensor<4x2x8xf32>, %y: tensor<4x16xf32>, %z: tensor<16x16xf32>) -> tensor<4x16xf32> {
  %a = lns.scale %x factor(2.0) : tensor<4x2x8xf32>
  %v = lns.reshape %a : tensor<4x2x8xf32> to tensor<4x16xf32>
  %p = lns.matmul %y, %z addend(%v) : (tensor<4x16xf32>, tensor<16x16xf32>, tensor<4x16xf32>) -> tensor<4x16xf32>
  return %p : tensor<4x16xf32>
}
