// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-gain-gradients))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-gain-gradients))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-gain-gradients))'

// Whatever it costs: the same numbers.
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-gain-gradients{always=true}))' | FileCheck %s --check-prefix=ALWAYS
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-gain-gradients{always=true}))'

// Twice is once: nothing is left to do.
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-gain-gradients))' -o %t.once.mlir
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-gain-gradients,lns-gain-gradients))' | diff %t.once.mlir -

// Of one linear: dx is a product with the folded weight, dg comes with dW. 9 rows of
// p and x are 432 bytes, the weight is 128.
// CHECK-LABEL: func.func @one
// CHECK-SAME: %[[U:[a-z0-9]+]]: tensor<9x8xf32>, %[[X:[a-z0-9]+]]: tensor<9x4xf32>, %[[W:[a-z0-9]+]]: tensor<8x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[DX:.*]] = lns.matmul %[[U]], %[[W]] gain(%[[G]]) {alpha = 5.000000e-01 : f64} : (tensor<9x8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<9x4xf32>
// CHECK-NEXT: %[[DW:.*]], %[[DG:.*]] = lns.weight_grad %[[U]], %[[X]] weight(%[[W]]) gain(%[[G]]) {alpha = 5.000000e-01 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4xf32>)
// CHECK-NEXT: return %[[DX]], %[[DW]], %[[DG]]
func.func @one(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{[Passed] gain-gradients | Category:lns-norm | Remark="the gradient of a gain is taken from those of weights", bytes=432, weight_bytes=128, weights=1}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// The readers of one norm, as lns-factor-sums leaves them in bf16: each product of
// the sum gets the gain, and dg goes from one weight to the next. That weights are
// 384 bytes and rows 216 does not count as much as that the forward products have
// them in bf16 with the gain already, and here they would be written without it.
// CHECK-LABEL: func.func @three
// CHECK: %[[Y:.*]] = lns.linear
// CHECK-NOT: lns.scale_columns
// CHECK-NOT: lns.column_dot
// CHECK: %[[P1:.*]] = lns.matmul %[[U1:[a-z0-9]+]], %{{.*}} gain(%[[G:[a-z0-9]+]]) {alpha = 5.000000e-01 : f64}
// CHECK-NEXT: %[[DW1:.*]], %[[DG1:.*]] = lns.weight_grad %[[U1]], %[[X:[a-z0-9]+]] weight({{.*}}) gain(%[[G]]) {alpha = 5.000000e-01 : f64} : (tensor<9x8xbf16>, tensor<9x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4xf32>)
// CHECK-NEXT: %[[P2:.*]] = lns.matmul {{.*}} gain(%[[G]])
// CHECK-NEXT: %[[DW2:.*]], %[[DG2:.*]] = lns.weight_grad {{.*}} gain_addend(%[[DG1]])
// CHECK-NEXT: %[[P3:.*]] = lns.matmul {{.*}} gain(%[[G]])
// CHECK-NEXT: %[[DW3:.*]], %[[DG3:.*]] = lns.weight_grad {{.*}} gain_addend(%[[DG2]])
// CHECK-NEXT: %[[P12:.*]] = lns.add %[[P1]], %[[P2]]
// CHECK-NEXT: %[[P:.*]] = lns.add %[[P12]], %[[P3]]
// CHECK-NEXT: %[[DX:.*]] = lns.add %{{.*}}, %[[P]]
// CHECK-NEXT: return %{{.*}}, %[[DX]], %[[DW1]], %[[DW2]], %[[DW3]], %[[DG3]]
func.func @three(%u1: tensor<9x8xbf16>, %u2: tensor<9x8xbf16>, %u3: tensor<9x8xbf16>, %x: tensor<9x4xbf16>, %old: tensor<9x4xbf16>, %w1: tensor<8x4xf32>, %w2: tensor<8x4xf32>, %w3: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x8xbf16>, tensor<9x4xbf16>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %y1 = lns.linear %x, %w1 gain(%g) : (tensor<9x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<9x8xbf16>
  %y2 = lns.linear %x, %w2 gain(%g) : (tensor<9x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<9x8xbf16>
  %y3 = lns.linear %x, %w3 gain(%g) : (tensor<9x4xbf16>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<9x8xbf16>
  %y12 = lns.add %y1, %y2 : tensor<9x8xbf16>
  %y = lns.add %y12, %y3 : tensor<9x8xbf16>
  %p1 = lns.matmul %u1, %w1 : (tensor<9x8xbf16>, tensor<8x4xf32>) -> tensor<9x4xbf16>
  %dw1 = lns.matmul %u1, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xbf16>, tensor<9x4xbf16>, tensor<4xf32>) -> tensor<8x4xf32>
  %p2 = lns.matmul %u2, %w2 : (tensor<9x8xbf16>, tensor<8x4xf32>) -> tensor<9x4xbf16>
  %dw2 = lns.matmul %u2, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xbf16>, tensor<9x4xbf16>, tensor<4xf32>) -> tensor<8x4xf32>
  %p3 = lns.matmul %u3, %w3 : (tensor<9x8xbf16>, tensor<8x4xf32>) -> tensor<9x4xbf16>
  %dw3 = lns.matmul %u3, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xbf16>, tensor<9x4xbf16>, tensor<4xf32>) -> tensor<8x4xf32>
  %p12 = lns.add %p1, %p2 : tensor<9x4xbf16>
  %p123 = lns.add %p12, %p3 : tensor<9x4xbf16>
  // expected-remark@+1 {{weight_bytes=384, weights=3}}
  %dg = lns.column_dot %p123, %x scale(0.5) : (tensor<9x4xbf16>, tensor<9x4xbf16>) -> tensor<4xf32>
  %s = lns.scale_columns %p123, %g scale(0.5) : tensor<9x4xbf16>, tensor<4xf32>
  %dx = lns.add %old, %s : tensor<9x4xbf16>
  return %y, %dx, %dw1, %dw2, %dw3, %dg : tensor<9x8xbf16>, tensor<9x4xbf16>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// In f32 the sum is in addends. What is stored already, in steps of micro-batches,
// is where the sums begin.
// CHECK-LABEL: func.func @accumulated
// CHECK-DAG: %[[OLDW:.*]] = lns.get gradient @w
// CHECK-DAG: %[[OLDG:.*]] = lns.get gradient @g
// CHECK: %[[P1:.*]] = lns.matmul %[[U:[a-z0-9]+]], %[[W:[a-z0-9]+]] gain(%[[G:[a-z0-9]+]]) :
// CHECK-NEXT: %[[P2:.*]] = lns.matmul %[[V:[a-z0-9]+]], %[[W]] gain(%[[G]]) addend(%[[P1]]) :
// CHECK-NEXT: %[[DW1:.*]], %[[DG1:.*]] = lns.weight_grad %[[U]], %[[X:[a-z0-9]+]] weight(%[[W]]) gain(%[[G]]) addend(%[[OLDW]]) gain_addend(%[[OLDG]]) :
// CHECK-NEXT: %[[DW2:.*]], %[[DG2:.*]] = lns.weight_grad %[[V]], %[[X]] weight(%[[W]]) gain(%[[G]]) addend(%[[DW1]]) gain_addend(%[[DG1]]) :
// CHECK-NOT: lns.add
// CHECK: lns.set %[[DW2]], gradient @w
// CHECK: lns.set %[[DG2]], gradient @g
// CHECK: return %[[P2]]
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
func.func @accumulated(%u: tensor<9x8xf32>, %v: tensor<9x8xf32>, %x: tensor<9x4xf32>) -> (tensor<9x4xf32>) {
  %oldw = lns.get gradient @w : tensor<8x4xf32>
  %oldg = lns.get gradient @g : tensor<4xf32>
  %w = lns.get parameter @w : tensor<8x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %p1 = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %p2 = lns.matmul %v, %w addend(%p1) : (tensor<9x8xf32>, tensor<8x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p2, %g : tensor<9x4xf32>, tensor<4xf32>
  %dw1 = lns.matmul %u, %x transpose_a gain(%g) addend(%oldw) : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  %dw2 = lns.matmul %v, %x transpose_a gain(%g) addend(%dw1) : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{weights=2}}
  %d = lns.column_dot %p2, %x : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %dg = lns.add %oldg, %d : tensor<4xf32>
  lns.set %dw2, gradient @w : tensor<8x4xf32>
  lns.set %dg, gradient @g : tensor<4xf32>
  return %dx : tensor<9x4xf32>
}

// -----

// A weight that two norms share, each with its own gain: each has its own sum.
// CHECK-LABEL: func.func @shared_weight
// CHECK: lns.matmul %[[U:[a-z0-9]+]], %[[W:[a-z0-9]+]] gain(%[[G:[a-z0-9]+]])
// CHECK: lns.weight_grad %[[U]], %{{.*}} weight(%[[W]]) gain(%[[G]])
// CHECK: lns.matmul %[[V:[a-z0-9]+]], %[[W]] gain(%[[H:[a-z0-9]+]])
// CHECK: lns.weight_grad %[[V]], %{{.*}} weight(%[[W]]) gain(%[[H]])
func.func @shared_weight(%u: tensor<9x8xf32>, %v: tensor<9x8xf32>, %x: tensor<9x4xf32>, %y: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %h: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{weights=1}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %q = lns.matmul %v, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dy = lns.scale_columns %q, %h scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %ew = lns.matmul %v, %y transpose_a gain(%h) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{weights=1}}
  %dh = lns.column_dot %q, %y scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg, %dy, %ew, %dh : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// A gain that a norm shares that was not folded, whose gradient stays a sum over
// rows: the others begin with it.
// CHECK-LABEL: func.func @shared_gain
// CHECK: %[[E:.*]] = lns.column_dot
// CHECK: %[[DW:.*]], %[[DG:.*]] = lns.weight_grad {{.*}} gain_addend(%[[E]])
// CHECK-NOT: lns.add
// CHECK: return {{.*}}, %[[DG]]
func.func @shared_gain(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %d: tensor<9x4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: nothing reads its rows times the gain}}
  %e = lns.column_dot %d, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{weights=1}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %s = lns.add %dg, %e : tensor<4xf32>
  return %dx, %dw, %s : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// The other term may come later: then the sum stays behind.
// CHECK-LABEL: func.func @late_term
// CHECK: %[[DW:.*]], %[[DG:.*]] = lns.weight_grad
// CHECK: %[[E:.*]] = lns.scale
// CHECK: lns.add %[[DG]], %[[E]]
func.func @late_term(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{weights=1}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %e = lns.scale %g factor(2.0) : tensor<4xf32>
  %s = lns.add %dg, %e : tensor<4xf32>
  return %dx, %dw, %s : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// A tied head: rows of tokens are added onto its gradient as before.
// CHECK-LABEL: func.func @tied
// CHECK: %[[DW:.*]], %[[DG:.*]] = lns.weight_grad
// CHECK: %[[DT:.*]] = lns.embedding_grad {{.*}} addend(%[[DW]])
// CHECK: return %[[DT]], %[[DG]]
func.func @tied(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %t: tensor<1x9xi32>) -> (tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{weights=1}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %rows = lns.constant 2.0 : tensor<1x9x4xf32>
  %dt = lns.embedding_grad %rows, %t addend(%dw) : (tensor<1x9x4xf32>, tensor<1x9xi32>, tensor<8x4xf32>) -> tensor<8x4xf32>
  return %dt, %dg : tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Does not fire where the weight is larger than the rows, unless told to.
// CHECK-LABEL: func.func @few_rows
// CHECK-NOT: lns.weight_grad
// CHECK: lns.column_dot
// ALWAYS-LABEL: func.func @few_rows
// ALWAYS: lns.weight_grad
// ALWAYS-NOT: lns.column_dot
// ALWAYS: return
func.func @few_rows(%u: tensor<2x8xf32>, %x: tensor<2x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<2x8xf32>, tensor<8x4xf32>) -> tensor<2x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<2x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<2x8xf32>, tensor<2x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{[Missed] gain-gradients | Category:lns-norm | Remark="the gradient of a gain stays a sum over rows: weights are larger", bytes=96, weight_bytes=128}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<2x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Does not fire where something else reads the rows without the gain.
// CHECK-LABEL: func.func @other_reader
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @other_reader
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @other_reader(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<9x4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: 'func.return' reads its rows, too, and needs them without the gain}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg, %p : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<9x4xf32>
}

// -----

// Nor where it reads a part of them.
// CHECK-LABEL: func.func @part_read
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @part_read
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @part_read(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %v: tensor<9x8xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<9x4xf32>) {
  %p1 = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %p2 = lns.matmul %v, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %p = lns.add %p1, %p2 : tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw1 = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  %dw2 = lns.matmul %v, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: a part of its rows has another reader}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw1, %dw2, %dg, %p1 : tensor<9x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>, tensor<9x4xf32>
}

// -----

// Nor where nothing reads the rows times the gain: they are computed for nothing else.
// CHECK-LABEL: func.func @no_reader
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @no_reader
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @no_reader(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: nothing reads its rows times the gain}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dw, %dg : tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for a part that is no product: that of a norm with another reader than linears.
// CHECK-LABEL: func.func @no_product
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @no_product
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @no_product(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %d: tensor<9x4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p1 = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %d2 = lns.scale %d factor(2.0) : tensor<9x4xf32>
  %p = lns.add %p1, %d2 : tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: a part of its rows, of 'lns.scale', is no product with a weight}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for rows that are given.
// CHECK-LABEL: func.func @given_rows
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @given_rows
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @given_rows(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %d: tensor<9x4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %dx = lns.scale_columns %d, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: a part of its rows is an argument, no product with a weight}}
  %dg = lns.column_dot %d, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for a LayerNorm whose weights were centered: that is a sum over their rows
// already.
// CHECK-LABEL: func.func @centered
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @centered
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @centered(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<8x4xf32>, tensor<4xf32>) {
  %d = lns.matmul %u, %x transpose_a : (tensor<9x8xf32>, tensor<9x4xf32>) -> tensor<8x4xf32>
  %c = lns.center_rows %d : tensor<8x4xf32>
  %dw = lns.scale_columns %c, %g : tensor<8x4xf32>, tensor<4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: a part of its rows, of 'lns.center_rows', is no product with a weight}}
  %dg = lns.column_dot %c, %w : (tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<4xf32>
  return %dw, %dg : tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for rows of which the weight's gradient is not: they were rounded between.
// CHECK-LABEL: func.func @other_rows
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @other_rows
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @other_rows(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %r = lns.cast %u : tensor<9x8xf32> to tensor<9x8xbf16>
  %v = lns.cast %r : tensor<9x8xbf16> to tensor<9x8xf32>
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %v, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: no product gives the gradient of a weight, with the gain, from the same rows and with the same factor}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor where that has another factor or another gain.
// CHECK-LABEL: func.func @other_factor
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @other_factor
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @other_factor(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>, %h: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw1 = lns.matmul %u, %x transpose_a gain(%g) : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  %dw2 = lns.matmul %u, %x transpose_a gain(%h) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{and with the same factor}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw1, %dw2, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor where it is read before the weight's gradient is there.
// CHECK-LABEL: func.func @read_early
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @read_early
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @read_early(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: it is read before the gradient of a weight is computed}}
  %d = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  %dg = lns.scale %d factor(2.0) : tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for a weight that is made after its gradient.
// CHECK-LABEL: func.func @late_weight
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @late_weight
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @late_weight(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %v: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  %w = lns.scale %v factor(2.0) : tensor<8x4xf32>
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: a weight is computed after its gradient}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for a gain that is made after the rows.
// CHECK-LABEL: func.func @late_gain
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @late_gain
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
func.func @late_gain(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %h: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %g = lns.scale %h factor(2.0) : tensor<4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: the gain is computed after its rows}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// Nor for a weight that is overwritten before its gradient is computed.
// CHECK-LABEL: func.func @overwritten
// CHECK-NOT: lns.weight_grad
// CHECK: return
// ALWAYS-LABEL: func.func @overwritten
// ALWAYS-NOT: lns.weight_grad
// ALWAYS: return
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x4xf32>
func.func @overwritten(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %v: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %w = lns.get parameter @w : tensor<8x4xf32>
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  lns.set %v, parameter @w : tensor<8x4xf32>
  %dx = lns.scale_columns %p, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{the gradient of a gain stays a sum over rows: 'w' is overwritten before the gradient of a weight is computed}}
  %dg = lns.column_dot %p, %x scale(0.5) : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// A bias's gradient is none of this: there is no remark.
// CHECK-LABEL: func.func @bias
// CHECK: lns.column_dot
// ALWAYS-LABEL: func.func @bias
func.func @bias(%d: tensor<9x4xf32>) -> (tensor<4xf32>) {
  %db = lns.column_dot %d : (tensor<9x4xf32>) -> tensor<4xf32>
  return %db : tensor<4xf32>
}

// -----

// Does not fire where the rows are the input of the product: the gain would go into
// it, too.
// CHECK-LABEL: func.func @own_input
// CHECK: lns.column_dot
func.func @own_input(%u: tensor<9x8xf32>, %w: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) {
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g : tensor<9x4xf32>, tensor<4xf32>
  %dw = lns.matmul %u, %p transpose_a gain(%g) : (tensor<9x8xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<8x4xf32>
  // expected-remark@+1 {{its rows are the input, too, which must stay without the gain}}
  %dg = lns.column_dot %p, %p : (tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<4xf32>
  return %dx, %dw, %dg : tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>
}

// -----

// A gain without a gradient, frozen: both products that add up to p get it, and read
// the weights that the forward pass reads. The frozen weight has no gradient either.
// CHECK-LABEL: func.func @frozen
// CHECK: %[[T:.*]] = lns.matmul %{{.*}} -> tensor<9x2xf32>
// CHECK: %[[P:.*]] = lns.matmul %{{.*}} gain(%{{.*}}) {alpha = 5.000000e-01 : f64} : {{.*}} -> tensor<9x4xf32>
// CHECK: lns.matmul %[[T]], %{{.*}} gain(%{{.*}}) addend(%[[P]]) {alpha = 5.000000e-01 : f64}
// CHECK: lns.matmul %[[T]], %{{.*}} transpose_a gain
// CHECK-NOT: lns.scale_columns
func.func @frozen(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %a: tensor<2x4xf32>, %b: tensor<8x2xf32>, %g: tensor<4xf32>) -> (tensor<9x8xf32>, tensor<9x2xf32>, tensor<9x4xf32>, tensor<2x4xf32>) {
  %y = lns.linear %x, %w gain(%g) {alpha = 0.5 : f64} : (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<9x8xf32>
  %z = lns.linear %x, %a gain(%g) {alpha = 0.5 : f64} : (tensor<9x4xf32>, tensor<2x4xf32>, tensor<4xf32>) -> tensor<9x2xf32>
  %t = lns.matmul %u, %b : (tensor<9x8xf32>, tensor<8x2xf32>) -> tensor<9x2xf32>
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %q = lns.matmul %t, %a addend(%p) : (tensor<9x2xf32>, tensor<2x4xf32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  // expected-remark@+1 {{[Passed] gain-gradients | Category:lns-norm | Remark="a gain without a gradient is folded into its products", weights=2}}
  %dx = lns.scale_columns %q, %g scale(0.5) : tensor<9x4xf32>, tensor<4xf32>
  %da = lns.matmul %t, %x transpose_a gain(%g) {alpha = 0.5 : f64} : (tensor<9x2xf32>, tensor<9x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  return %y, %z, %dx, %da : tensor<9x8xf32>, tensor<9x2xf32>, tensor<9x4xf32>, tensor<2x4xf32>
}

// -----

// Not where p has another reader, nor with a gain that no linear has of the weight.
// CHECK-LABEL: func.func @frozen_read
// CHECK-COUNT-2: lns.scale_columns
func.func @frozen_read(%u: tensor<9x8xf32>, %x: tensor<9x4xf32>, %w: tensor<8x4xf32>, %v: tensor<8x4xf32>, %g: tensor<4xf32>) -> (tensor<9x8xf32>, tensor<9x4xf32>, tensor<9x4xf32>, tensor<9x4xf32>) {
  %y = lns.linear %x, %w gain(%g) : (tensor<9x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<9x8xf32>
  %p = lns.matmul %u, %w : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dx = lns.scale_columns %p, %g : tensor<9x4xf32>, tensor<4xf32>
  %q = lns.matmul %u, %v : (tensor<9x8xf32>, tensor<8x4xf32>) -> tensor<9x4xf32>
  %dv = lns.scale_columns %q, %g : tensor<9x4xf32>, tensor<4xf32>
  return %y, %p, %dx, %dv : tensor<9x8xf32>, tensor<9x4xf32>, tensor<9x4xf32>, tensor<9x4xf32>
}
