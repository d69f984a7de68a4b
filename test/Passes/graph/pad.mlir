// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pad{multiple=4})' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pad{multiple=4})' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(lns-pad{multiple=4})'
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(lns-pad{multiple=4},lns-pad)'

// Twice is as good as once.
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pad{multiple=4})' -o %t.once
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pad{multiple=4},lns-pad{multiple=4})' -o %t.twice
// RUN: cmp %t.once %t.twice

// RUN: not lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pad{multiple=0})' 2>&1 | FileCheck %s --check-prefix=ZERO
// ZERO: error: 'multiple' of 'lns-pad' must be at least 1 and at most 4096, got 0
// RUN: not lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pad{multiple=4097})' 2>&1 | FileCheck %s --check-prefix=LARGE
// LARGE: error: 'multiple' of 'lns-pad' must be at least 1 and at most 4096, got 4097

// A gated feed-forward block: three weights, and the width in all functions,
// one of which reads only a part.
// CHECK: lns.parameter @gate matrix init(normal, 5.000000e-01) decay(true) storage(tensor<8x3xf32>) : tensor<5x3xf32>
lns.parameter @gate matrix init(normal, 0.5) decay(true) : tensor<5x3xf32>
// CHECK: lns.parameter @up matrix init(normal, 5.000000e-01) decay(true) storage(tensor<8x3xf32>) : tensor<5x3xf32>
lns.parameter @up matrix init(normal, 0.5) decay(true) : tensor<5x3xf32>
// CHECK: lns.parameter @down matrix init(normal, 5.000000e-01) decay(true) storage(tensor<3x8xf32>) : tensor<3x5xf32>
lns.parameter @down matrix init(normal, 0.5) decay(true) : tensor<3x5xf32>

// CHECK-LABEL: func.func @gated
// CHECK-SAME: (%[[X:.*]]: tensor<2x2x3xf32>) -> tensor<2x2x3xf32>
// CHECK: %[[A:.*]] = lns.get parameter @gate : tensor<8x3xf32>
// CHECK: %[[B:.*]] = lns.get parameter @up : tensor<8x3xf32>
// CHECK: %[[C:.*]] = lns.get parameter @down : tensor<3x8xf32>
// CHECK: %[[G:.*]] = lns.linear %[[X]], %[[A]] : (tensor<2x2x3xf32>, tensor<8x3xf32>) -> tensor<2x2x8xf32>
// CHECK: %[[U:.*]] = lns.linear %[[X]], %[[B]] : (tensor<2x2x3xf32>, tensor<8x3xf32>) -> tensor<2x2x8xf32>
// CHECK: %[[M:.*]] = lns.gated_activation silu %[[G]], %[[U]] : tensor<2x2x8xf32>
// CHECK: %[[Y:.*]] = lns.linear %[[M]], %[[C]] : (tensor<2x2x8xf32>, tensor<3x8xf32>) -> tensor<2x2x3xf32>
// CHECK: return %[[Y]]
func.func @gated(%x: tensor<2x2x3xf32>) -> tensor<2x2x3xf32> {
  %a = lns.get parameter @gate : tensor<5x3xf32>
  %b = lns.get parameter @up : tensor<5x3xf32>
  %c = lns.get parameter @down : tensor<3x5xf32>
  // expected-remark@+1 {{[Passed] pad | Category:lns-pad | Remark="width padded with zeros", to=8, width=5}}
  %g = lns.linear %x, %a : (tensor<2x2x3xf32>, tensor<5x3xf32>) -> tensor<2x2x5xf32>
  %u = lns.linear %x, %b : (tensor<2x2x3xf32>, tensor<5x3xf32>) -> tensor<2x2x5xf32>
  %m = lns.gated_activation silu %g, %u : tensor<2x2x5xf32>
  // The block's own width is that of an argument and of the result.
  // expected-remark@+1 {{[Missed] pad | Category:lns-pad | Remark="width not padded: 'func.return' reads a value so wide", width=3}}
  %y = lns.linear %m, %c : (tensor<2x2x5xf32>, tensor<3x5xf32>) -> tensor<2x2x3xf32>
  return %y : tensor<2x2x3xf32>
}

// CHECK-LABEL: func.func @again
// CHECK: lns.get parameter @down : tensor<3x8xf32>
// CHECK: lns.activation relu %{{.*}} : tensor<2x2x8xf32>
func.func @again(%x: tensor<2x2x3xf32>) -> tensor<2x2x3xf32> {
  %b = lns.get parameter @up : tensor<5x3xf32>
  %c = lns.get parameter @down : tensor<3x5xf32>
  %u = lns.linear %x, %b : (tensor<2x2x3xf32>, tensor<5x3xf32>) -> tensor<2x2x5xf32>
  %m = lns.activation relu %u : tensor<2x2x5xf32>
  %y = lns.linear %m, %c : (tensor<2x2x5xf32>, tensor<3x5xf32>) -> tensor<2x2x3xf32>
  return %y : tensor<2x2x3xf32>
}

// -----

// Through everything that keeps zero columns, biases and gains included; one
// parameter is padded in both dimensions.
// CHECK: lns.parameter @a matrix {{.*}} storage(tensor<8x4xf32>) : tensor<5x4xf32>
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
// CHECK: lns.parameter @bias bias {{.*}} storage(tensor<8xf32>) : tensor<5xf32>
lns.parameter @bias bias init(normal, 0.5) decay(false) : tensor<5xf32>
// CHECK: lns.parameter @b matrix {{.*}} storage(tensor<12x8xf32>) : tensor<9x5xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<9x5xf32>
// CHECK: lns.parameter @gain gain {{.*}} storage(tensor<12xf32>) : tensor<9xf32>
lns.parameter @gain gain init(ones) decay(false) : tensor<9xf32>
// CHECK: lns.parameter @c matrix {{.*}} storage(tensor<4x12xf32>) : tensor<4x9xf32>
lns.parameter @c matrix init(normal, 0.5) decay(true) : tensor<4x9xf32>

// CHECK-LABEL: func.func @chain
// CHECK: lns.row_scale %{{.*}} : tensor<2x12xf32>, tensor<2xf32>
func.func @chain(%x: tensor<2x4xf32>, %r: tensor<2xf32>) -> tensor<2x4xf32> {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %bias = lns.get parameter @bias : tensor<5xf32>
  %b = lns.get parameter @b : tensor<9x5xf32>
  %gain = lns.get parameter @gain : tensor<9xf32>
  %c = lns.get parameter @c : tensor<4x9xf32>
  // expected-remark@+1 {{width padded with zeros", to=8, width=5}}
  %u = lns.linear %x, %a bias(%bias) : (tensor<2x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x5xf32>
  %e = lns.activation gelu_tanh %u : tensor<2x5xf32>
  %f = lns.activation tanh %e : tensor<2x5xf32>
  %h = lns.scale_columns %f, %bias : tensor<2x5xf32>, tensor<5xf32>
  %v = lns.activation gelu %h : tensor<2x5xf32>
  %w = lns.add_bias %v, %bias : tensor<2x5xf32>, tensor<5xf32>
  %s = lns.scale %w factor(2.0) : tensor<2x5xf32>
  %t = lns.residual %v, %s : tensor<2x5xf32>
  // expected-remark@+1 {{width padded with zeros", to=12, width=9}}
  %p = lns.linear %t, %b : (tensor<2x5xf32>, tensor<9x5xf32>) -> tensor<2x9xf32>
  %q = lns.row_scale %p, %r : tensor<2x9xf32>, tensor<2xf32>
  %o = lns.add %q, %p : tensor<2x9xf32>
  %y = lns.linear %o, %c gain(%gain) : (tensor<2x9xf32>, tensor<4x9xf32>, tensor<9xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A multiple already.
// CHECK: lns.parameter @a matrix init(normal, 5.000000e-01) decay(true) : tensor<8x4xf32>
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<8x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x8xf32>
func.func @even(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %a = lns.get parameter @a : tensor<8x4xf32>
  %b = lns.get parameter @b : tensor<4x8xf32>
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
  %y = lns.linear %u, %b : (tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A norm divides by the width.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @norm(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: 'lns.norm' reads a value so wide", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %n = lns.norm rms %u : tensor<2x5xf32>
  %y = lns.linear %n, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Heads are halves and whole parts of the width.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<6x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x6xf32>
func.func @rope(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %a = lns.get parameter @a : tensor<6x4xf32>
  %b = lns.get parameter @b : tensor<4x6xf32>
  // expected-remark@+1 {{width not padded: 'lns.rope' reads a value so wide", width=6}}
  %u = lns.linear %x, %a : (tensor<1x2x4xf32>, tensor<6x4xf32>) -> tensor<1x2x6xf32>
  %q = lns.rope %u head_dim(6) {base = 5.0e+02 : f64} : tensor<1x2x6xf32>
  %y = lns.linear %q, %b : (tensor<1x2x6xf32>, tensor<4x6xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// The values and the output of attention have the same width.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<6x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x6xf32>
func.func @attention(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %a = lns.get parameter @a : tensor<6x4xf32>
  %b = lns.get parameter @b : tensor<4x6xf32>
  // expected-remark@+1 {{width not padded: 'lns.attention' reads a value so wide", width=6}}
  %u = lns.linear %x, %a : (tensor<1x2x4xf32>, tensor<6x4xf32>) -> tensor<1x2x6xf32>
  %q = lns.attention %u, %u, %u heads(2) kv_heads(2) causal : (tensor<1x2x6xf32>, tensor<1x2x6xf32>, tensor<1x2x6xf32>) -> tensor<1x2x6xf32>
  %y = lns.linear %q, %b : (tensor<1x2x6xf32>, tensor<4x6xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// The loss sums over all tokens; the head could not have more.
// CHECK-NOT: storage
lns.parameter @head matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
func.func @eval(%x: tensor<1x2x4xf32>, %targets: tensor<1x2xi32>) -> tensor<1x2xf32> {
  %w = lns.get parameter @head : tensor<5x4xf32>
  // expected-remark@+1 {{width not padded: 'lns.cross_entropy' reads a value so wide", width=5}}
  %u = lns.linear %x, %w : (tensor<1x2x4xf32>, tensor<5x4xf32>) -> tensor<1x2x5xf32>
  %l, %lse = lns.cross_entropy %u, %targets : (tensor<1x2x5xf32>, tensor<1x2xi32>) -> (tensor<1x2xf32>, tensor<1x2xf32>)
  return %l : tensor<1x2xf32>
}

// -----

// The result of a function is somebody else's.
// CHECK-NOT: storage
lns.parameter @head matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
func.func @result(%x: tensor<2x4xf32>) -> tensor<2x5xf32> {
  %w = lns.get parameter @head : tensor<5x4xf32>
  // expected-remark@+1 {{width not padded: 'func.return' reads a value so wide", width=5}}
  %u = lns.linear %x, %w : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  return %u : tensor<2x5xf32>
}

// -----

// A tied weight: an embedding reads it too, in another function even.
// CHECK-NOT: storage
lns.parameter @table embedding init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @linear(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %w = lns.get parameter @table : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: parameter '@table' has another user, 'lns.embedding'", width=5}}
  %u = lns.linear %x, %w : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.linear %u, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
func.func @embedding(%tokens: tensor<1x2xi32>) -> tensor<1x2x4xf32> {
  %w = lns.get parameter @table : tensor<5x4xf32>
  %x = lns.embedding %w, %tokens : (tensor<5x4xf32>, tensor<1x2xi32>) -> tensor<1x2x4xf32>
  return %x : tensor<1x2x4xf32>
}

// -----

// A value that the caller makes.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @argument(%x: tensor<2x4xf32>, %z: tensor<2x5xf32>) -> tensor<2x4xf32> {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: an argument of a function is so wide", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %s = lns.add %z, %u : tensor<2x5xf32>
  %y = lns.linear %s, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A value that no linear makes.
// CHECK-NOT: storage
lns.parameter @table embedding init(normal, 0.5) decay(true) : tensor<4x5xf32>
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @made(%tokens: tensor<1x2xi32>, %x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  %t = lns.get parameter @table : tensor<4x5xf32>
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  %e = lns.embedding %t, %tokens : (tensor<4x5xf32>, tensor<1x2xi32>) -> tensor<1x2x5xf32>
  // expected-remark@+1 {{width not padded: 'lns.embedding' makes a value so wide", width=5}}
  %u = lns.linear %x, %a : (tensor<1x2x4xf32>, tensor<5x4xf32>) -> tensor<1x2x5xf32>
  %s = lns.add %e, %u : tensor<1x2x5xf32>
  %y = lns.linear %s, %b : (tensor<1x2x5xf32>, tensor<4x5xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// A weight that is an argument: nobody could pad it.
// CHECK-NOT: storage
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @weight(%x: tensor<2x4xf32>, %w: tensor<5x4xf32>) -> tensor<2x4xf32> {
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: a linear that makes a value so wide has a weight that is no parameter", width=5}}
  %u = lns.linear %x, %w : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.linear %u, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// A parameter whose rows another op would see: the sum has no padded rows.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @rows(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<5x4xf32>) {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: parameter '@a' has another user, 'lns.scale'", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.linear %u, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  %s = lns.scale %a factor(2.0) : tensor<5x4xf32>
  return %y, %s : tensor<2x4xf32>, tensor<5x4xf32>
}

// -----

// Factors of rows are no columns.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
func.func @factors(%x: tensor<2x4xf32>, %z: tensor<2x5x4xf32>) -> tensor<2x5x4xf32> {
  %a = lns.get parameter @a : tensor<5x4xf32>
  // expected-remark@+1 {{width not padded: 'lns.row_scale' reads a value so wide", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.row_scale %z, %u : tensor<2x5x4xf32>, tensor<2x5xf32>
  return %y : tensor<2x5x4xf32>
}

// -----

// Training form has gradients and updates of the parameter's type.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @train(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: parameter '@a' has another user, 'lns.set'", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.linear %u, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  lns.set %a, gradient @a : tensor<5x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// Another op than these reads the gradient.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @gradient(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<5x4xf32>) {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: parameter '@a' has another user, 'lns.get'", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.linear %u, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  %d = lns.get gradient @a : tensor<5x4xf32>
  return %y, %d : tensor<2x4xf32>, tensor<5x4xf32>
}

// -----

// A compute weight is of a parameter and of a gain, which so have another user.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
lns.compute_weight @c of @a gain(@g) : tensor<5x4xbf16>
func.func @compute(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<5x4xbf16>) {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: parameter '@a' has another user, 'lns.get'", width=5}}
  %u = lns.linear %x, %a : (tensor<2x4xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  %y = lns.linear %u, %b : (tensor<2x5xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  %c = lns.get compute @c : tensor<5x4xbf16>
  return %y, %c : tensor<2x4xf32>, tensor<5x4xbf16>
}

// -----

// Which row of a table is added depends on the time.
// CHECK-NOT: storage
lns.parameter @a matrix init(normal, 0.5) decay(true) : tensor<5x4xf32>
lns.parameter @b matrix init(normal, 0.5) decay(true) : tensor<4x5xf32>
func.func @positions(%x: tensor<1x2x4xf32>, %t: tensor<2x5xf32>) -> tensor<1x2x4xf32> {
  %a = lns.get parameter @a : tensor<5x4xf32>
  %b = lns.get parameter @b : tensor<4x5xf32>
  // expected-remark@+1 {{width not padded: 'lns.add_positions' reads a value so wide", width=5}}
  %u = lns.linear %x, %a : (tensor<1x2x4xf32>, tensor<5x4xf32>) -> tensor<1x2x5xf32>
  %p = lns.add_positions %u, %t : tensor<1x2x5xf32>, tensor<2x5xf32>
  %y = lns.linear %p, %b : (tensor<1x2x5xf32>, tensor<4x5xf32>) -> tensor<1x2x4xf32>
  return %y : tensor<1x2x4xf32>
}

// -----

// Does not fire where a value is viewed in another shape: padded, heads would be cut
// in other places.
// CHECK: lns.parameter @q {{.*}} : tensor<6x3xf32>
// CHECK-NOT: storage
lns.parameter @q matrix init(normal, 0.5) decay(true) : tensor<6x3xf32>
lns.parameter @o matrix init(normal, 0.5) decay(true) : tensor<3x6xf32>
lns.parameter @flat matrix init(normal, 0.5) decay(true) : tensor<18xf32>
// CHECK-LABEL: func.func @heads
func.func @heads(%x: tensor<2x2x3xf32>) -> tensor<2x2x3xf32> {
  %a = lns.get parameter @q : tensor<6x3xf32>
  %b = lns.get parameter @o : tensor<3x6xf32>
  // expected-remark@+1 {{width not padded: 'lns.reshape' reads a value so wide", width=6}}
  %q = lns.linear %x, %a : (tensor<2x2x3xf32>, tensor<6x3xf32>) -> tensor<2x2x6xf32>
  %h = lns.reshape %q : tensor<2x2x6xf32> to tensor<2x2x2x3xf32>
  %r = lns.activation relu %h : tensor<2x2x2x3xf32>
  %y = lns.reshape %r : tensor<2x2x2x3xf32> to tensor<2x2x6xf32>
  // expected-remark@+1 {{'func.return' reads a value so wide}}
  %z = lns.linear %y, %b : (tensor<2x2x6xf32>, tensor<3x6xf32>) -> tensor<2x2x3xf32>
  return %z : tensor<2x2x3xf32>
}
// Nor where a weight is a view.
func.func @weight(%x: tensor<2x2x3xf32>) -> tensor<2x2x3xf32> {
  %f = lns.get parameter @flat : tensor<18xf32>
  %a = lns.reshape %f : tensor<18xf32> to tensor<6x3xf32>
  %b = lns.get parameter @o : tensor<3x6xf32>
  // expected-remark@+1 {{width not padded: 'lns.reshape' makes a value so wide", width=6}}
  %q = lns.linear %x, %a : (tensor<2x2x3xf32>, tensor<6x3xf32>) -> tensor<2x2x6xf32>
  %r = lns.activation relu %q : tensor<2x2x6xf32>
  %z = lns.linear %r, %b : (tensor<2x2x6xf32>, tensor<3x6xf32>) -> tensor<2x2x3xf32>
  return %z : tensor<2x2x3xf32>
}
