// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products,lns-group-products,lns-verify-fused))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products,lns-group-products))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products,lns-group-products))'
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products,lns-group-products))' --mlir-print-debuginfo | FileCheck %s --check-prefix=NAMES

// Query, key and value of grouped queries share a kernel, and what they read; the
// value projection has no row op, alphas differ.
// CHECK-LABEL: func.func @query_key_value
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x3x6xf32>, %[[WQ:[a-z0-9]+]]: tensor<8x6xf32>, %[[WK:[a-z0-9]+]]: tensor<4x6xf32>, %[[WV:[a-z0-9]+]]: tensor<4x6xf32>, %[[R:[a-z0-9]+]]: tensor<2x3xf32>
// CHECK-NEXT: %[[Y:.*]]:3 = lns.cluster(%[[A:.*]] = %[[X]], %[[B:.*]] = %[[WQ]], %[[F:.*]] = %[[R]], %[[C:.*]] = %[[WK]], %[[D:.*]] = %[[WV]])
// CHECK-NEXT:   %[[Q:.*]] = lns.linear %[[A]], %[[B]] {alpha = 5.000000e-01 : f64}
// CHECK-NEXT:   %[[K:.*]] = lns.linear %[[A]], %[[C]] :
// CHECK-NEXT:   %[[V:.*]] = lns.linear %[[A]], %[[D]] :
// CHECK-NEXT:   %[[QS:.*]] = lns.row_scale %[[Q]], %[[F]]
// CHECK-NEXT:   %[[QR:.*]] = lns.rope %[[QS]] head_dim(4)
// CHECK-NEXT:   %[[KS:.*]] = lns.row_scale %[[K]], %[[F]]
// CHECK-NEXT:   %[[KR:.*]] = lns.rope %[[KS]] head_dim(4)
// CHECK-NEXT:   lns.yield %[[QR]], %[[KR]], %[[V]]
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]]#0, %[[Y]]#1, %[[Y]]#2
// NAMES-LABEL: func.func @query_key_value
// NAMES: } loc(#[[KERNEL:loc[0-9]*]])
// NAMES-DAG: #[[QLOC:loc[0-9]*]] = loc("q_proj")
// NAMES-DAG: #[[KLOC:loc[0-9]*]] = loc("k_proj")
// NAMES-DAG: #[[VLOC:loc[0-9]*]] = loc("v_proj")
// NAMES-DAG: #[[KERNEL]] = loc(fused[#[[QLOC]], {{.*}}#[[KLOC]], {{.*}}#[[VLOC]]])
func.func @query_key_value(%x: tensor<2x3x6xf32>, %wq: tensor<8x6xf32>, %wk: tensor<4x6xf32>, %wv: tensor<4x6xf32>, %r: tensor<2x3xf32>)
    -> (tensor<2x3x8xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  // expected-remark@unknown {{bytes_saved=384, products=1, row_ops=2}}
  %q = lns.linear %x, %wq {alpha = 0.5 : f64} : (tensor<2x3x6xf32>, tensor<8x6xf32>) -> tensor<2x3x8xf32> loc("q_proj")
  // expected-remark@unknown {{bytes_saved=192, products=1, row_ops=2}}
  %k = lns.linear %x, %wk : (tensor<2x3x6xf32>, tensor<4x6xf32>) -> tensor<2x3x4xf32> loc("k_proj")
  // expected-remark@unknown {{[Passed] group-products | Category:lns-products | Remark="products of one input share a kernel", bytes_saved=288, products=3}}
  %qs = lns.row_scale %q, %r : tensor<2x3x8xf32>, tensor<2x3xf32> loc("q_scale")
  %qr = lns.rope %qs head_dim(4) : tensor<2x3x8xf32> loc("q_rope")
  %ks = lns.row_scale %k, %r : tensor<2x3x4xf32>, tensor<2x3xf32> loc("k_scale")
  %kr = lns.rope %ks head_dim(4) : tensor<2x3x4xf32> loc("k_rope")
  %v = lns.linear %x, %wv : (tensor<2x3x6xf32>, tensor<4x6xf32>) -> tensor<2x3x4xf32> loc("v_proj")
  return %qr, %kr, %v : tensor<2x3x8xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Sums over rows stay with their members.
// CHECK-LABEL: func.func @sums
// CHECK: lns.cluster(
// CHECK-COUNT-2: lns.matmul
// CHECK-NEXT: lns.residual
// CHECK-NEXT: lns.row_rstd
// CHECK-NEXT: lns.activation_grad relu
// CHECK-NEXT: lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: return
func.func @sums(%x: tensor<4x6xbf16>, %v: tensor<6x8xbf16>, %w: tensor<6x7xbf16>, %y: tensor<4x8xbf16>, %z: tensor<4x7xbf16>)
    -> (tensor<4x8xbf16>, tensor<4xf32>, tensor<4x7xbf16>) {
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{products of one input share a kernel}}
  %p = lns.matmul %x, %v : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  %s = lns.residual %y, %p : tensor<4x8xbf16>
  %r = lns.row_rstd %s eps(1.0e-6) : (tensor<4x8xbf16>) -> tensor<4xf32>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %q = lns.matmul %x, %w : (tensor<4x6xbf16>, tensor<6x7xbf16>) -> tensor<4x7xbf16>
  %u = lns.activation_grad relu %q, %z : tensor<4x7xbf16>
  return %s, %r, %u : tensor<4x8xbf16>, tensor<4xf32>, tensor<4x7xbf16>
}

// -----

// Does not fire where a result is read before the other product, be it by that: one
// group ends there, and another may begin.
// CHECK-LABEL: func.func @read_before
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.yield
// CHECK: lns.column_dot
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.scale_columns
// CHECK-NEXT: lns.row_rstd
// CHECK-NEXT: lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.yield
func.func @read_before(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %v: tensor<7x8xf32>, %r: tensor<4xf32>)
    -> (tensor<8xf32>, tensor<4x8xf32>, tensor<4x7xf32>) {
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %p = lns.linear %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %s = lns.row_scale %p, %r : tensor<4x8xf32>, tensor<4xf32>
  %d = lns.column_dot %s, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8xf32>
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{[Missed] group-products | Category:lns-products | Remark="the product keeps a kernel of its own: 'lns.column_dot' reads before it what another product of its input becomes"}}
  %q = lns.linear %x, %w {alpha = 0.5 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %t = lns.scale_columns %q, %d : tensor<4x8xf32>, tensor<8xf32>
  %f = lns.row_rstd %t eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{the product keeps a kernel of its own: it reads what another product of its input becomes}}
  %u = lns.linear %x, %v : (tensor<4x8xf32>, tensor<7x8xf32>) -> tensor<4x7xf32>
  %y = lns.row_scale %u, %f : tensor<4x7xf32>, tensor<4xf32>
  return %d, %t, %y : tensor<8xf32>, tensor<4x8xf32>, tensor<4x7xf32>
}

// -----

// Nor where a parameter that the first reads is overwritten before the second.
// CHECK-LABEL: func.func @overwritten
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.row_scale
// CHECK: lns.set
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.row_scale
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x8xf32>
func.func @overwritten(%x: tensor<4x8xf32>, %v: tensor<8x8xf32>, %r: tensor<4xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %w = lns.get parameter @w : tensor<8x8xf32>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %p = lns.linear %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %s = lns.row_scale %p, %r : tensor<4x8xf32>, tensor<4xf32>
  lns.set %v, parameter @w : tensor<8x8xf32>
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{the product keeps a kernel of its own: 'w', which another product of its input reads, is overwritten before it}}
  %q = lns.linear %x, %v : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %t = lns.row_scale %q, %r : tensor<4x8xf32>, tensor<4xf32>
  return %s, %t : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Nor for a product whose operands are stored in another way, for one that sums over
// rows, or for a kernel of two products; nor do products that stand alone form a
// group.
// CHECK-LABEL: func.func @others
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.yield
// CHECK: lns.matmul {{.*}} transpose_a
// CHECK: lns.cluster(
// CHECK-NEXT: lns.matmul
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.gated_activation
// CHECK-NEXT: lns.yield
// CHECK: lns.linear
// CHECK-NEXT: lns.linear
// CHECK-NEXT: return
func.func @others(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>, %r: tensor<8xf32>, %y: tensor<8x8xf32>)
    -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>) {
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %p = lns.linear %x, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %s = lns.row_scale %p, %r : tensor<8x8xf32>, tensor<8xf32>
  %d = lns.matmul %x, %w transpose_a : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{the product keeps a kernel of its own: its operands are stored in another way than those of the product before}}
  %q = lns.matmul %x, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %t = lns.row_scale %q, %r : tensor<8x8xf32>, tensor<8xf32>
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{the product keeps a kernel of its own: its kernel has several products}}
  %g = lns.linear %x, %w {alpha = 0.5 : f64} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %u = lns.linear %x, %w {alpha = 0.25 : f64} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %m = lns.gated_activation silu %g, %u : tensor<8x8xf32>
  %a = lns.linear %y, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %b = lns.linear %y, %w {alpha = 0.5 : f64} : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %s, %d, %t, %m, %a, %b : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

// -----

// Nor for a fifth product.
// CHECK-LABEL: func.func @five
// CHECK: lns.cluster(
// CHECK-COUNT-4: lns.linear
// CHECK-COUNT-4: lns.row_scale
// CHECK-NEXT: lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT: lns.linear
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.yield
func.func @five(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %r: tensor<4xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) {
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{products=4}}
  %p = lns.linear %x, %w {alpha = 0.1 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %q = lns.linear %x, %w {alpha = 0.2 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %s = lns.linear %x, %w {alpha = 0.3 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %t = lns.linear %x, %w {alpha = 0.4 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  // expected-remark@+2 {{row ops are the product's epilogue}}
  // expected-remark@+1 {{the product keeps a kernel of its own: a kernel has at most 4 products}}
  %u = lns.linear %x, %w {alpha = 0.5 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %ps = lns.row_scale %p, %r : tensor<4x8xf32>, tensor<4xf32>
  %qs = lns.row_scale %q, %r : tensor<4x8xf32>, tensor<4xf32>
  %ss = lns.row_scale %s, %r : tensor<4x8xf32>, tensor<4xf32>
  %ts = lns.row_scale %t, %r : tensor<4x8xf32>, tensor<4xf32>
  %us = lns.row_scale %u, %r : tensor<4x8xf32>, tensor<4xf32>
  return %ps, %qs, %ss, %ts, %us : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}
