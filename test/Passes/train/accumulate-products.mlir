// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-accumulate-products))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-accumulate-products))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-accumulate-products))'

// A sum of three products: each takes the sum so far.
// CHECK-LABEL: func.func @three
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<2x3xf32>, %[[W:[a-z0-9]+]]: tensor<3x4xf32>
// CHECK-NEXT: %[[P:.*]] = lns.matmul %[[A]], %[[W]] :
// CHECK-NEXT: %[[Q:.*]] = lns.matmul %[[A]], %[[W]] addend(%[[P]]) : (tensor<2x3xf32>, tensor<3x4xf32>, tensor<2x4xf32>)
// CHECK-NEXT: %[[R:.*]] = lns.matmul %[[A]], %[[W]] addend(%[[Q]]) {alpha = 5.000000e-01 : f64}
// CHECK-NEXT: return %[[R]]
func.func @three(%a: tensor<2x3xf32>, %w: tensor<3x4xf32>) -> tensor<2x4xf32> {
  %p = lns.matmul %a, %w : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %q = lns.matmul %a, %w : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %r = lns.matmul %a, %w {alpha = 0.5 : f64} : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  // expected-remark@+1 {{[Passed] accumulate-products | Category:lns-norm | Remark="sum computed by a product"}}
  %s = lns.add %p, %q : tensor<2x4xf32>
  // expected-remark@+1 {{sum computed by a product}}
  %t = lns.add %s, %r : tensor<2x4xf32>
  return %t : tensor<2x4xf32>
}

// -----

// The other term may be made after the product.
// CHECK-LABEL: func.func @later
// CHECK: %[[S:.*]] = lns.scale
// CHECK: lns.matmul {{.*}} addend(%[[S]])
func.func @later(%a: tensor<2x3xf32>, %w: tensor<3x4xf32>, %c: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %p = lns.matmul %a, %w : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %s = lns.scale %c factor(2.0) : tensor<2x4xf32>
  // expected-remark@+1 {{sum computed by a product}}
  %t = lns.add %p, %s : tensor<2x4xf32>
  return %t : tensor<2x4xf32>
}

// -----

// Does not fire for a product that somebody else reads.
// CHECK-LABEL: func.func @other_reader
// CHECK: lns.add
func.func @other_reader(%a: tensor<2x3xf32>, %w: tensor<3x4xf32>, %c: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %p = lns.matmul %a, %w : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %t = lns.add %p, %c : tensor<2x4xf32>
  return %p, %t : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// Does not fire for a product with an addend, nor for one that is added to
// itself.
// CHECK-LABEL: func.func @addend
// CHECK: lns.add
// CHECK: lns.add
func.func @addend(%a: tensor<2x3xf32>, %w: tensor<3x4xf32>, %c: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %p = lns.matmul %a, %w addend(%c) : (tensor<2x3xf32>, tensor<3x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = lns.add %p, %c : tensor<2x4xf32>
  %q = lns.matmul %a, %w : (tensor<2x3xf32>, tensor<3x4xf32>) -> tensor<2x4xf32>
  %t = lns.add %q, %q : tensor<2x4xf32>
  return %s, %t : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// Does not fire for bf16, where every partial sum would be rounded.
// CHECK-LABEL: func.func @narrow
// CHECK: lns.add
func.func @narrow(%a: tensor<2x3xbf16>, %w: tensor<3x4xf32>, %c: tensor<2x4xbf16>) -> tensor<2x4xbf16> {
  %p = lns.matmul %a, %w : (tensor<2x3xbf16>, tensor<3x4xf32>) -> tensor<2x4xbf16>
  %t = lns.add %p, %c : tensor<2x4xbf16>
  return %t : tensor<2x4xbf16>
}

// -----

// Rows of a table's gradient are added onto the other term: of a tied table the
// head's gradient, which is added onto what was stored.
// CHECK-LABEL: func.func @tied
// CHECK-SAME: %[[OLD:[a-z0-9]+]]: tensor<5x4xf32>
// CHECK: %[[HEAD:.*]] = lns.matmul {{.*}} addend(%[[OLD]])
// CHECK: %[[SUM:.*]] = lns.embedding_grad {{.*}} addend(%[[HEAD]])
// CHECK: return %[[SUM]]
func.func @tied(%old: tensor<5x4xf32>, %d: tensor<3x5xf32>, %x: tensor<3x4xf32>, %tokens: tensor<1x3xi32>, %dx: tensor<1x3x4xf32>) -> tensor<5x4xf32> {
  %head = lns.matmul %d, %x transpose_a : (tensor<3x5xf32>, tensor<3x4xf32>) -> tensor<5x4xf32>
  // expected-remark@+1 {{sum computed by a product}}
  %s = lns.add %old, %head : tensor<5x4xf32>
  %rows = lns.embedding_grad %dx, %tokens : (tensor<1x3x4xf32>, tensor<1x3xi32>) -> tensor<5x4xf32>
  // expected-remark@+1 {{sum computed by a product}}
  %t = lns.add %s, %rows : tensor<5x4xf32>
  return %t : tensor<5x4xf32>
}

// -----

// Does not fire where the product would move behind a write of what it reads, be
// it a store or a call.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<4x4xf32>
// CHECK-LABEL: func.func @overwritten
// CHECK: lns.matmul
// CHECK-NEXT: lns.set
// CHECK: lns.add
func.func @overwritten(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %p = lns.matmul %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  lns.set %x, parameter @w : tensor<4x4xf32>
  // expected-remark@+1 {{'w', which a product reads, is overwritten before its sum}}
  %s = lns.add %p, %x : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}
