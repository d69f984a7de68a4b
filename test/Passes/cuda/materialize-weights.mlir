// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-materialize-weights))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-materialize-weights))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-materialize-weights))'
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-materialize-weights))' --mlir-print-debuginfo | FileCheck %s --check-prefix=NAMES

// Twice is once: nothing is left to do.
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-materialize-weights))' -o %t.once.mlir
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-materialize-weights,lns-materialize-weights))' | diff %t.once.mlir -

// A bf16 product reads a weight that is scaled in f32 and rounded once; its alpha
// stays with it.
// CHECK-LABEL: func.func @gain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xbf16>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[W]], %[[G]] : tensor<8x4xf32>, tensor<4xf32>
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[S]] : tensor<8x4xf32> to tensor<8x4xbf16>
// CHECK-NEXT: %[[Y:.*]] = lns.linear %[[X]], %[[V]] {alpha = 5.000000e-01 : f64} : (tensor<2x3x4xbf16>, tensor<8x4xbf16>) -> tensor<2x3x8xbf16>
// CHECK-NEXT: return %[[Y]]
// expected-remark@+1 {{[Passed] materialize-weights | Category:lns-weights | Remark="compute weights are values", bytes=64, reads=1, values=1}}
func.func @gain(%x: tensor<2x3x4xbf16>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x8xbf16> {
  %y = lns.linear %x, %w gain(%g) {alpha = 0.5 : f64} : (tensor<2x3x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<2x3x8xbf16>
  return %y : tensor<2x3x8xbf16>
}

// -----

// Without a gain, the weight is only rounded, once for both passes: the forward
// product and the backward one read the same value, made before the first.
// CHECK-LABEL: func.func @both_passes
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xbf16>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[W]] : tensor<8x4xf32> to tensor<8x4xbf16>
// CHECK-NEXT: %[[Y:.*]] = lns.linear %[[X]], %[[V]] :
// CHECK-NEXT: lns.matmul %[[Y]], %[[V]] : (tensor<2x3x8xbf16>, tensor<8x4xbf16>) -> tensor<2x3x4xbf16>
// CHECK-NEXT: return
// expected-remark@+1 {{bytes=64, reads=2, values=1}}
func.func @both_passes(%x: tensor<2x3x4xbf16>, %w: tensor<8x4xf32>) -> tensor<2x3x4xbf16> {
  %y = lns.linear %x, %w : (tensor<2x3x4xbf16>, tensor<8x4xf32>) -> tensor<2x3x8xbf16>
  %dx = lns.matmul %y, %w : (tensor<2x3x8xbf16>, tensor<8x4xf32>) -> tensor<2x3x4xbf16>
  return %dx : tensor<2x3x4xbf16>
}

// -----

// With a gain, too: the backward product has it as one of its result's columns
// (lns-gain-gradients).
// CHECK-LABEL: func.func @gain_of_both_passes
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xbf16>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[W]], %[[G]]
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[S]]
// CHECK-NEXT: %[[Y:.*]] = lns.linear %[[X]], %[[V]] :
// CHECK-NEXT: lns.matmul %[[Y]], %[[V]] {alpha = 5.000000e-01 : f64} : (tensor<2x3x8xbf16>, tensor<8x4xbf16>) -> tensor<2x3x4xbf16>
// expected-remark@+1 {{bytes=64, reads=2, values=1}}
func.func @gain_of_both_passes(%x: tensor<2x3x4xbf16>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xbf16> {
  %y = lns.linear %x, %w gain(%g) : (tensor<2x3x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<2x3x8xbf16>
  %dx = lns.matmul %y, %w gain(%g) {alpha = 0.5 : f64} : (tensor<2x3x8xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<2x3x4xbf16>
  return %dx : tensor<2x3x4xbf16>
}

// -----

// Where the backward product has no gain, they read two values, each made where it
// is read first.
// CHECK-LABEL: func.func @one_for_each_pass
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x4xbf16>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK: %[[S:.*]] = lns.scale_columns %[[W]], %[[G]]
// CHECK: %[[V:.*]] = lns.cast %[[S]]
// CHECK: %[[Y:.*]] = lns.linear %[[X]], %[[V]] :
// CHECK-NEXT: %[[U:.*]] = lns.cast %[[W]]
// CHECK-NEXT: lns.matmul %[[Y]], %[[U]] :
// expected-remark@+1 {{bytes=128, reads=2, values=2}}
func.func @one_for_each_pass(%x: tensor<2x3x4xbf16>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xbf16> {
  %y = lns.linear %x, %w gain(%g) : (tensor<2x3x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<2x3x8xbf16>
  %dx = lns.matmul %y, %w : (tensor<2x3x8xbf16>, tensor<8x4xf32>) -> tensor<2x3x4xbf16>
  return %dx : tensor<2x3x4xbf16>
}

// -----

// A gain of the result's columns stays one where the weight without it is there
// already; otherwise it is the weight's, which has to be rounded anyway.
// CHECK-LABEL: func.func @outer_gain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x4xbf16>, %[[U:[a-z0-9]+]]: tensor<3x8xbf16>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[Z:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[W]]
// CHECK-NEXT: lns.linear %[[X]], %[[V]] :
// CHECK-NEXT: lns.matmul %[[U]], %[[V]] gain(%[[G]]) :
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[Z]], %[[G]]
// CHECK-NEXT: %[[T:.*]] = lns.cast %[[S]]
// CHECK-NEXT: lns.matmul %[[U]], %[[T]] :
// expected-remark@+1 {{bytes=128, reads=3, values=2}}
func.func @outer_gain(%x: tensor<3x4xbf16>, %u: tensor<3x8xbf16>, %w: tensor<8x4xf32>, %z: tensor<8x4xf32>, %g: tensor<4xf32>)
    -> (tensor<3x8xbf16>, tensor<3x4xbf16>, tensor<3x4xbf16>) {
  %y = lns.linear %x, %w : (tensor<3x4xbf16>, tensor<8x4xf32>) -> tensor<3x8xbf16>
  %a = lns.matmul %u, %w gain(%g) : (tensor<3x8xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<3x4xbf16>
  %b = lns.matmul %u, %z gain(%g) : (tensor<3x8xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<3x4xbf16>
  return %y, %a, %b : tensor<3x8xbf16>, tensor<3x4xbf16>, tensor<3x4xbf16>
}

// -----

// Of a weight that two norms share, each gain makes a value of its own, for all
// products that have it; they keep their own alpha.
// CHECK-LABEL: func.func @shared_weight
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x4xbf16>, %[[W:[a-z0-9]+]]: tensor<4x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[H:[a-z0-9]+]]: tensor<4xf32>
// CHECK: %[[S:.*]] = lns.scale_columns %[[W]], %[[G]]
// CHECK: %[[V:.*]] = lns.cast %[[S]]
// CHECK: lns.linear %[[X]], %[[V]] {alpha = 5.000000e-01 : f64}
// CHECK: %[[T:.*]] = lns.scale_columns %[[W]], %[[H]]
// CHECK: %[[U:.*]] = lns.cast %[[T]]
// CHECK: lns.linear %[[X]], %[[U]] {alpha = 2.500000e-01 : f64}
// CHECK-NEXT: lns.linear %[[X]], %[[V]] {alpha = 1.250000e-01 : f64}
// expected-remark@+1 {{bytes=64, reads=3, values=2}}
func.func @shared_weight(%x: tensor<3x4xbf16>, %w: tensor<4x4xf32>, %g: tensor<4xf32>, %h: tensor<4xf32>)
    -> (tensor<3x4xbf16>, tensor<3x4xbf16>, tensor<3x4xbf16>) {
  %a = lns.linear %x, %w gain(%g) {alpha = 0.5 : f64} : (tensor<3x4xbf16>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<3x4xbf16>
  %b = lns.linear %x, %w gain(%h) {alpha = 0.25 : f64} : (tensor<3x4xbf16>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<3x4xbf16>
  %c = lns.linear %x, %w gain(%g) {alpha = 0.125 : f64} : (tensor<3x4xbf16>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<3x4xbf16>
  return %a, %b, %c : tensor<3x4xbf16>, tensor<3x4xbf16>, tensor<3x4xbf16>
}

// -----

// In f32 only the gain needs a value, which the backward product reads as well if it
// has the same gain. Without the forward product's value, the weight is read as it is.
// CHECK-LABEL: func.func @f32
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[H:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[V:.*]] = lns.scale_columns %[[W]], %[[G]]
// CHECK-NEXT: %[[Y:.*]] = lns.linear %[[X]], %[[V]] : (tensor<3x4xf32>, tensor<8x4xf32>) -> tensor<3x8xf32>
// CHECK-NEXT: lns.matmul %[[Y]], %[[V]] : (tensor<3x8xf32>, tensor<8x4xf32>) -> tensor<3x4xf32>
// CHECK-NEXT: lns.matmul %[[Y]], %[[W]] : (tensor<3x8xf32>, tensor<8x4xf32>) -> tensor<3x4xf32>
// CHECK-NEXT: lns.matmul %[[Y]], %[[W]] gain(%[[H]]) : (tensor<3x8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
// expected-remark@+1 {{bytes=128, reads=2, values=1}}
func.func @f32(%x: tensor<3x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %h: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>) {
  %y = lns.linear %x, %w gain(%g) : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<3x8xf32>
  %a = lns.matmul %y, %w gain(%g) : (tensor<3x8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  %b = lns.matmul %y, %w : (tensor<3x8xf32>, tensor<8x4xf32>) -> tensor<3x4xf32>
  %c = lns.matmul %y, %w gain(%h) : (tensor<3x8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  return %a, %b, %c : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// A transposed operand's gain lies along the sum, too, and a bias is added after
// it and stays.
// CHECK-LABEL: func.func @transposed
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>, %[[C:[a-z0-9]+]]: tensor<3x8xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>
// CHECK-NEXT: %[[V:.*]] = lns.scale_columns %[[W]], %[[G]]
// CHECK-NEXT: lns.matmul %[[X]], %[[V]] transpose_b addend(%[[C]]) : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
// CHECK-NEXT: lns.linear %[[X]], %[[V]] bias(%[[B]]) : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<8xf32>) -> tensor<3x8xf32>
// expected-remark@+1 {{bytes=128, reads=2, values=1}}
func.func @transposed(%x: tensor<3x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %c: tensor<3x8xf32>, %b: tensor<8xf32>)
    -> (tensor<3x8xf32>, tensor<3x8xf32>) {
  %y = lns.matmul %x, %w transpose_b gain(%g) addend(%c) : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %z = lns.linear %x, %w gain(%g) bias(%b) : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<8xf32>) -> tensor<3x8xf32>
  return %y, %z : tensor<3x8xf32>, tensor<3x8xf32>
}

// -----

// Does not fire for a gain of the result's columns in a sum over rows: the gradient
// of a weight that a gain was folded into keeps it. Only its f32 operand is rounded, on either side.
// CHECK-LABEL: func.func @result_columns
// CHECK-SAME: %[[DY:[a-z0-9]+]]: tensor<3x8xbf16>, %[[X:[a-z0-9]+]]: tensor<3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[X]] : tensor<3x4xf32> to tensor<3x4xbf16>
// CHECK-NEXT: lns.matmul %[[DY]], %[[V]] transpose_a gain(%[[G]]) : (tensor<3x8xbf16>, tensor<3x4xbf16>, tensor<4xf32>) -> tensor<8x4xf32>
// CHECK-NEXT: lns.matmul %[[V]], %[[DY]] transpose_a : (tensor<3x4xbf16>, tensor<3x8xbf16>) -> tensor<4x8xf32>
// CHECK-NEXT: lns.weight_grad %[[DY]], %[[V]] weight(%{{.*}}) gain(%[[G]]) : (tensor<3x8xbf16>, tensor<3x4xbf16>, tensor<8x4xf32>, tensor<4xf32>)
// expected-remark@+1 {{bytes=24, reads=3, values=1}}
func.func @result_columns(%dy: tensor<3x8xbf16>, %x: tensor<3x4xf32>, %g: tensor<4xf32>, %w: tensor<8x4xf32>) -> (tensor<8x4xf32>, tensor<4x8xf32>, tensor<4xf32>) {
  %dw = lns.matmul %dy, %x transpose_a gain(%g) : (tensor<3x8xbf16>, tensor<3x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  %du = lns.matmul %x, %dy transpose_a : (tensor<3x4xf32>, tensor<3x8xbf16>) -> tensor<4x8xf32>
  %ew, %dg = lns.weight_grad %dy, %x weight(%w) gain(%g) : (tensor<3x8xbf16>, tensor<3x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4xf32>)
  return %dw, %du, %dg : tensor<8x4xf32>, tensor<4x8xf32>, tensor<4xf32>
}

// -----

// Does not fire where operands are of the product's type, f32 or bf16; nor does a
// bias or another op's f32 operand count.
// CHECK-LABEL: func.func @as_they_are
// CHECK-NOT: lns.cast
// CHECK-NOT: lns.scale_columns
// CHECK: return
// expected-remark@+1 {{[Missed] materialize-weights | Category:lns-weights | Remark="no product needs another type or a gain along its sum"}}
func.func @as_they_are(%x: tensor<3x4xf32>, %w: tensor<8x4xf32>, %a: tensor<3x4xbf16>, %v: tensor<8x4xbf16>, %b: tensor<8xf32>)
    -> (tensor<3x8xf32>, tensor<3x8xbf16>, tensor<3x8xf32>) {
  %y = lns.linear %x, %w bias(%b) : (tensor<3x4xf32>, tensor<8x4xf32>, tensor<8xf32>) -> tensor<3x8xf32>
  %z = lns.linear %a, %v bias(%b) : (tensor<3x4xbf16>, tensor<8x4xbf16>, tensor<8xf32>) -> tensor<3x8xbf16>
  %u = lns.linear %a, %v : (tensor<3x4xbf16>, tensor<8x4xbf16>) -> tensor<3x8xf32>
  return %y, %z, %u : tensor<3x8xf32>, tensor<3x8xbf16>, tensor<3x8xf32>
}

// -----

// An input that stands before a parameter is overwritten is read before: the weight
// is made at its first reader, never later.
// CHECK-LABEL: func.func @overwritten
// CHECK: %[[W:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[V:.*]] = lns.cast %[[W]]
// CHECK-NEXT: %[[Y:.*]] = lns.linear %{{.*}}, %[[V]]
// CHECK-NEXT: lns.set
// CHECK-NEXT: %[[NEW:.*]] = lns.get parameter @w
// CHECK-NEXT: %[[U:.*]] = lns.cast %[[NEW]]
// CHECK-NEXT: lns.linear %[[Y]], %[[U]]
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
// expected-remark@+1 {{bytes=64, reads=2, values=2}}
func.func @overwritten(%x: tensor<3x4xbf16>, %v: tensor<4x4xf32>) -> tensor<3x4xbf16> {
  %old = lns.get parameter @w : tensor<4x4xf32>
  %y = lns.linear %x, %old : (tensor<3x4xbf16>, tensor<4x4xf32>) -> tensor<3x4xbf16>
  lns.set %v, parameter @w : tensor<4x4xf32>
  %new = lns.get parameter @w : tensor<4x4xf32>
  %z = lns.linear %y, %new : (tensor<3x4xbf16>, tensor<4x4xf32>) -> tensor<3x4xbf16>
  return %z : tensor<3x4xbf16>
}

// -----

// A weight is called after its first reader.
// NAMES-LABEL: func.func @name
// NAMES: lns.cast {{.*}} loc(#[[WEIGHT:loc[0-9]*]])
// NAMES: #[[WEIGHT]] = loc("layers.3.mlp.down_proj.weight"
// expected-remark@+1 {{bytes=32, reads=1, values=1}}
func.func @name(%x: tensor<3x4xbf16>, %w: tensor<4x4xf32>) -> tensor<3x4xbf16> {
  %y = lns.linear %x, %w : (tensor<3x4xbf16>, tensor<4x4xf32>) -> tensor<3x4xbf16> loc("layers.3.mlp.down_proj")
  return %y : tensor<3x4xbf16>
}
