// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-factor-sums))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-factor-sums))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-factor-sums))'

// The gradient of x: two of its terms have one gain, whatever stands between
// them. The rest keeps its order.
// CHECK-LABEL: func.func @gains
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[B:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[C:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[G:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[AB:.*]] = lns.add %[[A]], %[[B]]
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[AB]], %[[G]] scale(5.000000e-01)
// CHECK-NEXT: %[[D:.*]] = lns.add %[[S]], %[[C]]
// CHECK-NEXT: return %[[D]]
func.func @gains(%a: tensor<2x3x4xf32>, %b: tensor<2x3x4xf32>, %c: tensor<2x3x4xf32>, %g: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %sa = lns.scale_columns %a, %g scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  %sb = lns.scale_columns %b, %g scale(0.5) : tensor<2x3x4xf32>, tensor<4xf32>
  %s = lns.add %sa, %c : tensor<2x3x4xf32>
  // expected-remark@+1 {{[Passed] factor-sums | Category:lns-norm | Remark="common factors taken out of a sum", terms=2}}
  %d = lns.add %s, %sb : tensor<2x3x4xf32>
  return %d : tensor<2x3x4xf32>
}

// -----

// The gradient of a gain that three linears share is one column dot.
// CHECK-LABEL: func.func @column_dots
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[B:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[C:[a-z0-9]+]]: tensor<2x3x4xf32>, %[[X:[a-z0-9]+]]: tensor<2x3x4xf32>
// CHECK-NEXT: %[[AB:.*]] = lns.add %[[A]], %[[B]]
// CHECK-NEXT: %[[ABC:.*]] = lns.add %[[AB]], %[[C]]
// CHECK-NEXT: %[[D:.*]] = lns.column_dot %[[ABC]], %[[X]]
// CHECK-NEXT: return %[[D]]
func.func @column_dots(%a: tensor<2x3x4xf32>, %b: tensor<2x3x4xf32>, %c: tensor<2x3x4xf32>, %x: tensor<2x3x4xf32>) -> tensor<4xf32> {
  %da = lns.column_dot %a, %x : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<4xf32>
  %db = lns.column_dot %b, %x : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<4xf32>
  %dc = lns.column_dot %c, %x : (tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> tensor<4xf32>
  %s = lns.add %da, %db : tensor<4xf32>
  // expected-remark@+1 {{terms=3}}
  %d = lns.add %s, %dc : tensor<4xf32>
  return %d : tensor<4xf32>
}

// -----

// Does not fire for other gains, scales or operands.
// CHECK-LABEL: func.func @different
// CHECK: lns.scale_columns
// CHECK: lns.scale_columns
// CHECK: lns.scale_columns
// CHECK: lns.add
// CHECK: lns.column_dot
// CHECK: lns.column_dot
func.func @different(%a: tensor<3x4xf32>, %b: tensor<3x4xf32>, %g: tensor<4xf32>, %h: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<4xf32>) {
  %s1 = lns.scale_columns %a, %g : tensor<3x4xf32>, tensor<4xf32>
  %s2 = lns.scale_columns %b, %h : tensor<3x4xf32>, tensor<4xf32>
  %s3 = lns.scale_columns %b, %g scale(2.0) : tensor<3x4xf32>, tensor<4xf32>
  %s = lns.add %s1, %s2 : tensor<3x4xf32>
  %t = lns.add %s, %s3 : tensor<3x4xf32>
  %d1 = lns.column_dot %a, %a : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<4xf32>
  %d2 = lns.column_dot %a, %b : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<4xf32>
  %d = lns.add %d1, %d2 : tensor<4xf32>
  return %t, %d : tensor<3x4xf32>, tensor<4xf32>
}

// -----

// Does not fire for a term that has another reader: it would be computed twice.
// CHECK-LABEL: func.func @other_reader
// CHECK: lns.scale_columns
// CHECK: lns.scale_columns
// CHECK: lns.add
func.func @other_reader(%a: tensor<3x4xf32>, %b: tensor<3x4xf32>, %g: tensor<4xf32>) -> (tensor<3x4xf32>, tensor<3x4xf32>) {
  %sa = lns.scale_columns %a, %g : tensor<3x4xf32>, tensor<4xf32>
  %sb = lns.scale_columns %b, %g : tensor<3x4xf32>, tensor<4xf32>
  %d = lns.add %sa, %sb : tensor<3x4xf32>
  return %d, %sa : tensor<3x4xf32>, tensor<3x4xf32>
}

// -----

// Does not fire on terms that are read, not computed.
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
// CHECK-LABEL: func.func @stored
// CHECK: lns.add
// CHECK: lns.add
func.func @stored(%a: tensor<2x3x4xf32>) -> tensor<4xf32> {
  %old = lns.get gradient @g : tensor<4xf32>
  %one = lns.constant 1.0 : tensor<4xf32>
  %d = lns.column_dot %a : (tensor<2x3x4xf32>) -> tensor<4xf32>
  %s = lns.add %old, %one : tensor<4xf32>
  %t = lns.add %s, %d : tensor<4xf32>
  return %t : tensor<4xf32>
}

// -----

// Does not fire for two results of one op, which are two terms.
// CHECK-LABEL: func.func @two_results
// CHECK: %[[A:.*]], %[[B:.*]] = lns.gated_activation_grad
// CHECK-NEXT: %[[S:.*]] = lns.add %[[A]], %[[B]]
// CHECK-NEXT: return %[[S]]
func.func @two_results(%dy: tensor<2x4xf32>, %x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %a, %b = lns.gated_activation_grad silu %dy, %x, %x : tensor<2x4xf32>
  %s = lns.add %a, %b : tensor<2x4xf32>
  return %s : tensor<2x4xf32>
}

// -----

// Nor for a value that is added to itself, which is one value with two readers.
// CHECK-LABEL: func.func @twice
// CHECK: %[[A:.*]] = lns.scale_columns
// CHECK-NEXT: lns.add %[[A]], %[[A]]
func.func @twice(%x: tensor<2x4xf32>, %g: tensor<4xf32>) -> tensor<2x4xf32> {
  %a = lns.scale_columns %x, %g : tensor<2x4xf32>, tensor<4xf32>
  %s = lns.add %a, %a : tensor<2x4xf32>
  return %s : tensor<2x4xf32>
}
