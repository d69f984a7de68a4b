// RUN: lns-opt %s --split-input-file --lns-keep-weights | FileCheck %s
// RUN: lns-opt %s --split-input-file --lns-keep-weights --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null

// Every function gives the same numbers, and leaves compute weights as they are by
// definition.
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(lns-keep-weights)'

// Twice is once: a module that keeps weights is left as it is.
// RUN: lns-opt %s --split-input-file --lns-keep-weights -o %t.once.mlir
// RUN: lns-opt %s --split-input-file --lns-keep-weights --lns-keep-weights | diff %t.once.mlir -

// A weight with a gain is one compute weight in all functions. AdamW writes it, and
// the gain is updated before.
// expected-remark@+1 {{[Passed] keep-weights | Category:lns-weights | Remark="compute weights are kept", bytes=64, values=2, weights=1}}
module {
// CHECK: lns.parameter @w
// CHECK-NEXT: lns.parameter @g
// CHECK-NEXT: lns.compute_weight @w.scaled.bf16 of @w gain(@g) : tensor<8x4xbf16>
lns.parameter @w matrix init(normal, 0.5) decay(true) : tensor<8x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>

// CHECK-LABEL: func.func @logits
// CHECK-NEXT: %[[V:.*]] = lns.get compute @w.scaled.bf16 : tensor<8x4xbf16>
// CHECK-NEXT: lns.linear %{{.*}}, %[[V]]
func.func @logits(%x: tensor<3x4xbf16>) -> tensor<3x8xbf16> {
  %w = lns.get parameter @w : tensor<8x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %s = lns.scale_columns %w, %g : tensor<8x4xf32>, tensor<4xf32>
  %v = lns.cast %s : tensor<8x4xf32> to tensor<8x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  return %y : tensor<3x8xbf16>
}

// CHECK-LABEL: func.func @apply
// CHECK: lns.clip_factor
// CHECK-NEXT: lns.adamw @g, %{{.*}} decay(false) :
// CHECK-NEXT: lns.adamw @w, %{{.*}} decay(true) compute(@w.scaled.bf16) :
// CHECK-NEXT: return
func.func @apply(%o: tensor<8xf32>) -> tensor<f32> {
  %dw = lns.get gradient @w : tensor<8x4xf32>
  %dg = lns.get gradient @g : tensor<4xf32>
  %n, %f, %p = lns.clip_factor %o, %dw, %dg : (tensor<8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @g, %dg, %f, %o decay(false) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return %n : tensor<f32>
}

// The gradient of the weight itself reads the weight itself.
// CHECK-LABEL: func.func @train_step
// CHECK-NEXT: %[[W:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[V:.*]] = lns.get compute @w.scaled.bf16
// CHECK-NEXT: lns.linear %{{.*}}, %[[V]]
// CHECK: lns.column_dot %{{.*}}, %[[W]]
// CHECK: lns.adamw @g, %{{.*}} decay(false) :
// CHECK-NEXT: lns.adamw @w, %{{.*}} decay(true) compute(@w.scaled.bf16) :
func.func @train_step(%x: tensor<3x4xbf16>, %o: tensor<8xf32>) -> tensor<f32> {
  %g = lns.get parameter @g : tensor<4xf32>
  %w = lns.get parameter @w : tensor<8x4xf32>
  %s = lns.scale_columns %w, %g : tensor<8x4xf32>, tensor<4xf32>
  %v = lns.cast %s : tensor<8x4xf32> to tensor<8x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  %dw = lns.matmul %y, %x transpose_a : (tensor<3x8xbf16>, tensor<3x4xbf16>) -> tensor<8x4xf32>
  %dg = lns.column_dot %dw, %w : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<4xf32>
  %n, %f, %p = lns.clip_factor %o, %dw, %dg : (tensor<8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @g, %dg, %f, %o decay(false) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return %n : tensor<f32>
}

// All of them, for who writes parameters from outside.
// CHECK-LABEL: func.func @refresh() {
// CHECK-NEXT: %[[W:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[G:.*]] = lns.get parameter @g
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[W]], %[[G]] :
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[S]]
// CHECK-NEXT: lns.set %[[V]], compute @w.scaled.bf16 : tensor<8x4xbf16>
// CHECK-NEXT: return
}

// -----

// A rounded weight, and a scaled one in f32. The name of one is taken. Their
// parameters are padded, and so are they.
// expected-remark@+1 {{Remark="compute weights are kept", bytes=224, values=2, weights=2}}
module {
// CHECK: lns.compute_weight @w.bf16_0 of @w : tensor<8x4xbf16>
// CHECK-NEXT: lns.compute_weight @u.scaled of @u gain(@g) : tensor<10x4xf32>
lns.parameter @w matrix init(zeros) decay(true) storage(tensor<8x4xf32>) : tensor<7x3xf32>
lns.parameter @u matrix init(zeros) decay(true) storage(tensor<10x4xf32>) : tensor<9x3xf32>
lns.parameter @g gain init(zeros) decay(true) storage(tensor<4xf32>) : tensor<3xf32>
lns.parameter @w.bf16 gain init(zeros) decay(true) : tensor<4xf32>
// CHECK-LABEL: func.func @logits
// CHECK: %[[V:.*]] = lns.get compute @w.bf16_0
// CHECK: lns.linear %{{.*}}, %[[V]]
// CHECK: %[[T:.*]] = lns.get compute @u.scaled
// CHECK: lns.linear %{{.*}}, %[[T]]
func.func @logits(%x: tensor<3x4xbf16>, %z: tensor<3x4xf32>) -> (tensor<3x8xbf16>, tensor<3x10xf32>, tensor<4xf32>) {
  %w = lns.get parameter @w : tensor<8x4xf32>
  %v = lns.cast %w : tensor<8x4xf32> to tensor<8x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  %u = lns.get parameter @u : tensor<10x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %s = lns.scale_columns %u, %g : tensor<10x4xf32>, tensor<4xf32>
  %a = lns.linear %z, %s : (tensor<3x4xf32>, tensor<10x4xf32>) -> tensor<3x10xf32>
  %b = lns.get parameter @w.bf16 : tensor<4xf32>
  return %y, %a, %b : tensor<3x8xbf16>, tensor<3x10xf32>, tensor<4xf32>
}
}

// -----

// A gain that is stored less a number: AdamW adds it, and so does @refresh.
// expected-remark@+1 {{Remark="compute weights are kept", bytes=64, values=1, weights=1}}
module {
// CHECK: lns.compute_weight @w.scaled.bf16 of @w gain(@g) {gain_offset = 1.000000e+00 : f64} : tensor<8x4xbf16>
lns.parameter @w matrix init(normal, 0.5) decay(true) : tensor<8x4xf32>
lns.parameter @g gain init(zeros) decay(false) : tensor<4xf32>
// CHECK-LABEL: func.func @logits
// CHECK-NEXT: %[[V:.*]] = lns.get compute @w.scaled.bf16 : tensor<8x4xbf16>
// CHECK-NEXT: lns.linear %{{.*}}, %[[V]]
func.func @logits(%x: tensor<3x4xbf16>) -> tensor<3x8xbf16> {
  %w = lns.get parameter @w : tensor<8x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %h = lns.offset %g by(1.0) : tensor<4xf32>
  %s = lns.scale_columns %w, %h : tensor<8x4xf32>, tensor<4xf32>
  %v = lns.cast %s : tensor<8x4xf32> to tensor<8x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  return %y : tensor<3x8xbf16>
}
// CHECK-LABEL: func.func @refresh
// CHECK: %[[G:.*]] = lns.get parameter @g
// CHECK-NEXT: %[[H:.*]] = lns.offset %[[G]] by(1.000000e+00) : tensor<4xf32>
// CHECK-NEXT: lns.scale_columns %{{.*}}, %[[H]]
}

// -----

// Of a weight with two gains, AdamW writes the first compute weight, and the second
// one is computed behind the updates, where both have happened.
// expected-remark@+1 {{Remark="compute weights are kept", bytes=64, values=2, weights=2}}
module {
// CHECK: lns.compute_weight @w.scaled.bf16 of @w gain(@g) : tensor<4x4xbf16>
// CHECK-NEXT: lns.compute_weight @w.scaled.bf16_0 of @w gain(@h) : tensor<4x4xbf16>
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
lns.parameter @g gain init(zeros) decay(true) : tensor<4xf32>
lns.parameter @h gain init(zeros) decay(true) : tensor<4xf32>
func.func @logits(%x: tensor<3x4xbf16>) -> (tensor<3x4xbf16>, tensor<3x4xbf16>) {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %h = lns.get parameter @h : tensor<4xf32>
  %s = lns.scale_columns %w, %g : tensor<4x4xf32>, tensor<4xf32>
  %v = lns.cast %s : tensor<4x4xf32> to tensor<4x4xbf16>
  %t = lns.scale_columns %w, %h : tensor<4x4xf32>, tensor<4xf32>
  %u = lns.cast %t : tensor<4x4xf32> to tensor<4x4xbf16>
  %a = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  %b = lns.linear %x, %u : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  return %a, %b : tensor<3x4xbf16>, tensor<3x4xbf16>
}
// CHECK-LABEL: func.func @apply
// CHECK: lns.adamw @g
// CHECK-NEXT: lns.adamw @h
// CHECK-NEXT: lns.adamw @w, {{.*}} compute(@w.scaled.bf16) :
// CHECK-NEXT: %[[W:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[H:.*]] = lns.get parameter @h
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[W]], %[[H]]
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[S]]
// CHECK-NEXT: lns.set %[[V]], compute @w.scaled.bf16_0
// CHECK-NEXT: return
func.func @apply(%o: tensor<8xf32>, %dw: tensor<4x4xf32>, %dg: tensor<4xf32>, %f: tensor<f32>) {
  lns.adamw @g, %dg, %f, %o decay(true) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @h, %dg, %f, %o decay(true) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return
}
// A gain may be updated alone, and so may a parameter of no compute weight.
// CHECK-LABEL: func.func @gain_alone
// CHECK-NEXT: lns.adamw @g, {{.*}} decay(true) :
// CHECK-NEXT: lns.get parameter @w
// CHECK-NEXT: lns.get parameter @g
// CHECK: lns.set %{{.*}}, compute @w.scaled.bf16 :
// CHECK-NEXT: return
func.func @gain_alone(%o: tensor<8xf32>, %dg: tensor<4xf32>, %f: tensor<f32>) {
  lns.adamw @g, %dg, %f, %o decay(true) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return
}
}

// -----

// A repeated function reads memory that is written once for all its runs.
// expected-remark@+1 {{Remark="compute weights are kept", bytes=32, values=1, weights=1}}
module {
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
// CHECK-LABEL: func.func @micro_grads
// CHECK: lns.embedding
// CHECK-NEXT: %[[V:.*]] = lns.get compute @w.bf16
// CHECK-NEXT: lns.linear %{{.*}}, %[[V]]
func.func @micro_grads(%tokens: tensor<1x3xi32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %x = lns.embedding %w, %tokens : (tensor<4x4xf32>, tensor<1x3xi32>) -> tensor<1x3x4xbf16>
  %v = lns.cast %w : tensor<4x4xf32> to tensor<4x4xbf16>
  %y = lns.linear %x, %v : (tensor<1x3x4xbf16>, tensor<4x4xbf16>) -> tensor<1x3x4xbf16>
  %dw = lns.matmul %y, %x transpose_a : (tensor<1x3x4xbf16>, tensor<1x3x4xbf16>) -> tensor<4x4xf32>
  lns.set %dw, gradient @w : tensor<4x4xf32>
  %r = lns.row_dot %y, %y : (tensor<1x3x4xbf16>, tensor<1x3x4xbf16>) -> tensor<1x3xf32>
  %l = lns.mean %r : (tensor<1x3xf32>) -> tensor<f32>
  return %l : tensor<f32>
}
// CHECK-LABEL: func.func @train_step
// CHECK: lns.repeat
// CHECK: lns.adamw @w, {{.*}} compute(@w.bf16)
func.func @train_step(%tokens: tensor<2x3xi32>, %f: tensor<f32>, %o: tensor<8xf32>) -> tensor<f32> {
  %l = lns.repeat @micro_grads(%tokens) count(2) : (tensor<2x3xi32>) -> tensor<f32>
  %dw = lns.get gradient @w : tensor<4x4xf32>
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  return %l : tensor<f32>
}
}

// -----

// Does not fire for centered rows, for another scale than 1, for a gain that is no
// parameter, nor for what is no matrix.
// CHECK-LABEL: func.func @other_forms
// CHECK: lns.center_rows
// CHECK: lns.scale_columns {{.*}} scale(5.000000e-01)
// CHECK: lns.scale_columns
// CHECK-NOT: lns.get compute
// CHECK: return
// CHECK-NOT: func.func @refresh
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
lns.parameter @g gain init(zeros) decay(true) : tensor<4xf32>
func.func @other_forms(%x: tensor<3x4xf32>, %h: tensor<4xf32>, %z: tensor<4xbf16>)
    -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<4x4xbf16>) {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  // expected-remark@+1 {{[Missed] keep-weights | Category:lns-weights | Remark="computed in every step: it is more than a weight's gain and its rounding"}}
  %c = lns.center_rows %w : tensor<4x4xf32>
  %a = lns.linear %x, %c : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  // expected-remark@+1 {{it is more than a weight's gain and its rounding}}
  %s = lns.scale_columns %w, %g scale(0.5) : tensor<4x4xf32>, tensor<4xf32>
  %b = lns.linear %x, %s : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  %t = lns.scale_columns %w, %h : tensor<4x4xf32>, tensor<4xf32>
  %d = lns.linear %x, %t : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  // expected-remark@+1 {{it is more than a weight's gain and its rounding}}
  %v = lns.cast %g : tensor<4xf32> to tensor<4xbf16>
  %e = lns.matmul %z, %v transpose_a : (tensor<4xbf16>, tensor<4xbf16>) -> tensor<4x4xbf16>
  return %a, %b, %d, %e : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<4x4xbf16>
}

// -----

// Does not fire where a function stores a parameter.
// CHECK-NOT: lns.compute_weight
// CHECK-LABEL: func.func @stores
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
lns.parameter @g gain init(zeros) decay(true) : tensor<4xf32>
func.func @stores(%g: tensor<4xf32>) {
  lns.set %g, parameter @g : tensor<4xf32>
  return
}
func.func @logits(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  // expected-remark@+1 {{a parameter of it is written by other than one run of updates}}
  %s = lns.scale_columns %w, %g : tensor<4x4xf32>, tensor<4xf32>
  %y = lns.linear %x, %s : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----

// Does not fire where something stands between the updates.
// CHECK-NOT: lns.compute_weight
// CHECK-LABEL: func.func @apart
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
lns.parameter @g gain init(zeros) decay(true) : tensor<4xf32>
func.func @apart(%o: tensor<8xf32>, %dw: tensor<4x4xf32>, %dg: tensor<4xf32>, %f: tensor<f32>) {
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  %d = lns.add %dg, %dg : tensor<4xf32>
  lns.adamw @g, %d, %f, %o decay(true) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return
}
func.func @logits(%x: tensor<3x4xbf16>) -> tensor<3x4xbf16> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  // expected-remark@+1 {{a parameter of it is written by other than one run of updates}}
  %v = lns.cast %w : tensor<4x4xf32> to tensor<4x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  return %y : tensor<3x4xbf16>
}

// -----

// Does not fire for a parameter that is updated twice.
// CHECK-NOT: lns.compute_weight
// CHECK-LABEL: func.func @twice
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @twice(%o: tensor<8xf32>, %dw: tensor<4x4xf32>, %f: tensor<f32>) {
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  return
}
func.func @logits(%x: tensor<3x4xbf16>) -> tensor<3x4xbf16> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  // expected-remark@+1 {{a parameter of it is written by other than one run of updates}}
  %v = lns.cast %w : tensor<4x4xf32> to tensor<4x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  return %y : tensor<3x4xbf16>
}

// -----

// Does not fire for what a repeated function updates: its caller may read on both
// sides.
// CHECK-NOT: lns.compute_weight
// CHECK-LABEL: func.func @part
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @part(%tokens: tensor<1x3xi32>) -> tensor<f32> {
  %o = arith.constant dense<0.5> : tensor<8xf32>
  %f = lns.constant 1.0 : tensor<f32>
  %w = lns.get parameter @w : tensor<4x4xf32>
  // expected-remark@+1 {{a parameter of it is written by other than one run of updates}}
  %v = lns.cast %w : tensor<4x4xf32> to tensor<4x4xbf16>
  %x = lns.embedding %w, %tokens : (tensor<4x4xf32>, tensor<1x3xi32>) -> tensor<1x3x4xbf16>
  %y = lns.linear %x, %v : (tensor<1x3x4xbf16>, tensor<4x4xbf16>) -> tensor<1x3x4xbf16>
  %dw = lns.matmul %y, %x transpose_a : (tensor<1x3x4xbf16>, tensor<1x3x4xbf16>) -> tensor<4x4xf32>
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  return %f : tensor<f32>
}
func.func @steps(%tokens: tensor<2x3xi32>) -> tensor<f32> {
  %l = lns.repeat @part(%tokens) count(2) : (tensor<2x3xi32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// Does not fire for what is read across an update. Behind it, what is computed of
// the new parameters is the new compute weight.
// CHECK: lns.compute_weight @u.bf16 of @u
// CHECK-NOT: lns.compute_weight
// CHECK-LABEL: func.func @across
// CHECK: lns.adamw @u, {{.*}} compute(@u.bf16)
// CHECK: lns.adamw @w, {{.*}} decay(true) :
// CHECK-NEXT: lns.linear
// CHECK-NEXT: %[[U:.*]] = lns.get compute @u.bf16
// CHECK-NEXT: lns.linear %{{.*}}, %[[U]]
// expected-remark@+1 {{Remark="compute weights are kept", bytes=32, values=1, weights=1}}
module {
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
lns.parameter @u matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @across(%x: tensor<3x4xbf16>, %o: tensor<8xf32>, %dw: tensor<4x4xf32>, %f: tensor<f32>) -> (tensor<3x4xbf16>, tensor<3x4xbf16>) {
  %w = lns.get parameter @w : tensor<4x4xf32>
  // expected-remark@+1 {{it is read across an update}}
  %v = lns.cast %w : tensor<4x4xf32> to tensor<4x4xbf16>
  lns.adamw @u, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @w, %dw, %f, %o decay(true) : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  %u = lns.get parameter @u : tensor<4x4xf32>
  %t = lns.cast %u : tensor<4x4xf32> to tensor<4x4xbf16>
  %z = lns.linear %x, %t : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  return %y, %z : tensor<3x4xbf16>, tensor<3x4xbf16>
}
}

// -----

// A weight that is projected is written behind the updates, from what it is then; in
// @project, too. AdamW writes that of another, and gains are updated first all the same.
// expected-remark@+1 {{[Passed] keep-weights | Category:lns-weights | Remark="compute weights are kept", bytes=128, values=2, weights=2}}
module {
lns.parameter @w matrix init(normal, 0.5) decay(false) project(rows) : tensor<8x4xf32>
lns.parameter @u matrix init(normal, 0.5) decay(true) : tensor<8x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
func.func @logits(%x: tensor<3x4xbf16>) -> (tensor<3x8xbf16>, tensor<3x8xbf16>) {
  %w = lns.get parameter @w : tensor<8x4xf32>
  %v = lns.cast %w : tensor<8x4xf32> to tensor<8x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  %u = lns.get parameter @u : tensor<8x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %s = lns.scale_columns %u, %g : tensor<8x4xf32>, tensor<4xf32>
  %t = lns.cast %s : tensor<8x4xf32> to tensor<8x4xbf16>
  %z = lns.linear %x, %t : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  return %y, %z : tensor<3x8xbf16>, tensor<3x8xbf16>
}
// CHECK-LABEL: func.func @apply
// CHECK: lns.clip_factor
// CHECK-NEXT: lns.adamw @g,
// CHECK-NEXT: lns.adamw @w, %{{.*}} decay(false) :
// CHECK-NEXT: lns.project @w rows factor(
// CHECK-NEXT: lns.adamw @u, %{{.*}} decay(true) compute(@u.scaled.bf16) :
// CHECK-NEXT: %[[W:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[W]]
// CHECK-NEXT: lns.set %[[V]], compute @w.bf16
// CHECK-NEXT: return
func.func @apply(%o: tensor<8xf32>) -> tensor<f32> {
  %dw = lns.get gradient @w : tensor<8x4xf32>
  %du = lns.get gradient @u : tensor<8x4xf32>
  %dg = lns.get gradient @g : tensor<4xf32>
  %n, %f, %p = lns.clip_factor %o, %dw, %du, %dg : (tensor<8xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<3xf64>)
  lns.adamw @w, %dw, %f, %o decay(false) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  lns.project @w rows factor(%f) : tensor<8x4xf32>, tensor<f32>
  lns.adamw @u, %du, %f, %o decay(true) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @g, %dg, %f, %o decay(false) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return %n : tensor<f32>
}
// CHECK-LABEL: func.func @project
// CHECK-NEXT: lns.project @w rows : tensor<8x4xf32>
// CHECK-NEXT: %[[W:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[W]]
// CHECK-NEXT: lns.set %[[V]], compute @w.bf16
// CHECK-NEXT: return
func.func @project() {
  lns.project @w rows : tensor<8x4xf32>
  return
}
}

// -----

// Does not fire: a projection that stands apart from the updates.
// CHECK-NOT: lns.compute_weight
module {
lns.parameter @w matrix init(normal, 0.5) decay(false) project(rows) : tensor<8x4xf32>
func.func @train_step(%x: tensor<3x4xbf16>, %f: tensor<f32>, %o: tensor<8xf32>) -> tensor<3x8xbf16> {
  lns.project @w rows factor(%f) : tensor<8x4xf32>, tensor<f32>
  %w = lns.get parameter @w : tensor<8x4xf32>
  // expected-remark@+1 {{a parameter of it is written by other than one run of updates}}
  %v = lns.cast %w : tensor<8x4xf32> to tensor<8x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xbf16>
  %dw = lns.get gradient @w : tensor<8x4xf32>
  lns.adamw @w, %dw, %f, %o decay(false) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  return %y : tensor<3x8xbf16>
}
}
