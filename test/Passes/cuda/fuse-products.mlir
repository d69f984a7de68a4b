// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products,lns-verify-fused))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products))'
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster,lns-fuse-products))' --mlir-print-debuginfo | FileCheck %s --check-prefix=NAMES

// A residual and the statistics of its result are computed with the product that
// is added; that is not written, and the statistics are completed behind it.
// CHECK-LABEL: func.func @residual_statistics
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<2x4x8xbf16>, %[[M:[a-z0-9]+]]: tensor<2x4x6xbf16>, %[[W:[a-z0-9]+]]: tensor<8x6xbf16>
// CHECK-NEXT: %[[Y:.*]]:2 = lns.cluster(%[[A:.*]] = %[[M]], %[[B:.*]] = %[[W]], %[[C:.*]] = %[[X]])
// CHECK-NEXT:   %[[P:.*]] = lns.linear %[[A]], %[[B]] {alpha = 5.000000e-01 : f64}
// CHECK-NEXT:   %[[S:.*]] = lns.residual %[[C]], %[[P]]
// CHECK-NEXT:   %[[R:.*]] = lns.row_rstd %[[S]]
// CHECK-NEXT:   lns.yield %[[S]], %[[R]]
// CHECK: return %[[Y]]#0, %[[Y]]#1
func.func @residual_statistics(%x: tensor<2x4x8xbf16>, %m: tensor<2x4x6xbf16>, %w: tensor<8x6xbf16>)
    -> (tensor<2x4x8xbf16>, tensor<2x4xf32>) {
  // expected-remark@+1 {{[Passed] fuse-products | Category:lns-products | Remark="row ops are the product's epilogue", bytes_saved=256, products=1, row_ops=2, row_ops_apart=0}}
  %p = lns.linear %m, %w {alpha = 0.5 : f64} : (tensor<2x4x6xbf16>, tensor<8x6xbf16>) -> tensor<2x4x8xbf16>
  %y = lns.residual %x, %p : tensor<2x4x8xbf16>
  %r = lns.row_rstd %y eps(1.0e-6) : (tensor<2x4x8xbf16>) -> tensor<2x4xf32>
  return %y, %r : tensor<2x4x8xbf16>, tensor<2x4xf32>
}

// -----

// Gate and up of one input are one kernel, called after both; their results are
// written as far as somebody else reads them, later.
// CHECK-LABEL: func.func @gate_up
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x6xf32>, %[[V:[a-z0-9]+]]: tensor<8x6xf32>, %[[W:[a-z0-9]+]]: tensor<8x6xf32>, %[[R:[a-z0-9]+]]: tensor<4xf32>
// CHECK-NEXT: %[[Y:.*]]:2 = lns.cluster(%[[A:.*]] = %[[X]], %[[B:.*]] = %[[V]], %[[C:.*]] = %[[W]], %[[F:.*]] = %[[R]])
// CHECK-NEXT:   %[[G:.*]] = lns.linear %[[A]], %[[B]] :
// CHECK-NEXT:   %[[U:.*]] = lns.linear %[[A]], %[[C]] {alpha = 2.000000e+00 : f64} :
// CHECK-NEXT:   %[[GS:.*]] = lns.row_scale %[[G]], %[[F]]
// CHECK-NEXT:   %[[US:.*]] = lns.row_scale %[[U]], %[[F]]
// CHECK-NEXT:   %[[M:.*]] = lns.gated_activation silu %[[GS]], %[[US]]
// CHECK-NEXT:   lns.yield %[[G]], %[[M]]
// CHECK: return %[[Y]]#1, %[[Y]]#0
// NAMES-LABEL: func.func @gate_up
// NAMES: } loc(#[[KERNEL:loc[0-9]*]])
// NAMES-DAG: #[[GATE:loc[0-9]*]] = loc("layers.0.mlp.gate_proj")
// NAMES-DAG: #[[UP:loc[0-9]*]] = loc("layers.0.mlp.up_proj")
// NAMES-DAG: #[[ACT:loc[0-9]*]] = loc("layers.0.mlp.act")
// NAMES-DAG: #[[KERNEL]] = loc(fused[#[[GATE]], #[[UP]], #[[ACT]]])
func.func @gate_up(%x: tensor<4x6xf32>, %v: tensor<8x6xf32>, %w: tensor<8x6xf32>, %r: tensor<4xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // expected-remark@unknown {{bytes_saved=384, products=2, row_ops=3, row_ops_apart=0}}
  %g = lns.linear %x, %v : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32> loc("layers.0.mlp.gate_proj")
  %u = lns.linear %x, %w {alpha = 2.0 : f64} : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32> loc("layers.0.mlp.up_proj")
  %gs = lns.row_scale %g, %r : tensor<4x8xf32>, tensor<4xf32>
  %us = lns.row_scale %u, %r : tensor<4x8xf32>, tensor<4xf32>
  %m = lns.gated_activation silu %gs, %us : tensor<4x8xf32> loc("layers.0.mlp.act")
  return %m, %g : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// A rotation of heads that divide a tile, behind a matmul; its operand that is not
// transposed is a weight.
// CHECK-LABEL: func.func @rotation
// CHECK: lns.cluster(
// CHECK-NEXT:   %[[P:.*]] = lns.matmul %{{.*}}, %{{.*}} {alpha = 5.000000e-01 : f64}
// CHECK-NEXT:   %[[S:.*]] = lns.row_scale %[[P]]
// CHECK-NEXT:   %[[Q:.*]] = lns.rope %[[S]] head_dim(4)
// CHECK-NEXT:   lns.yield %[[Q]] :
func.func @rotation(%x: tensor<2x3x6xf32>, %w: tensor<6x8xf32>, %r: tensor<2x3xf32>) -> tensor<2x3x8xf32> {
  // expected-remark@+1 {{row_ops=2, row_ops_apart=0}}
  %p = lns.matmul %x, %w {alpha = 0.5 : f64} : (tensor<2x3x6xf32>, tensor<6x8xf32>) -> tensor<2x3x8xf32>
  %s = lns.row_scale %p, %r : tensor<2x3x8xf32>, tensor<2x3xf32>
  %q = lns.rope %s head_dim(4) : tensor<2x3x8xf32>
  return %q : tensor<2x3x8xf32>
}

// -----

// What the epilogue reads whole rows of is computed before, in a kernel of its own:
// the statistics of the input, by which the product is scaled.
// CHECK-LABEL: func.func @before
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x8xf32>, %[[W:[a-z0-9]+]]: tensor<8x8xf32>
// CHECK-NEXT: %[[R:.*]] = lns.cluster(%[[A:.*]] = %[[X]])
// CHECK-NEXT:   lns.row_rstd %[[A]]
// CHECK-NEXT:   lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: %[[Y:.*]] = lns.cluster(%[[B:.*]] = %[[X]], %[[V:.*]] = %[[W]], %[[F:.*]] = %[[R]])
// CHECK-NEXT:   %[[P:.*]] = lns.linear %[[B]], %[[V]]
// CHECK-NEXT:   lns.row_scale %[[P]], %[[F]]
// CHECK-NEXT:   lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]], %[[R]]
func.func @before(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4xf32>) {
  // expected-remark@+1 {{bytes_saved=240, products=1, row_ops=1, row_ops_apart=1}}
  %p = lns.linear %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
  %y = lns.row_scale %p, %r : tensor<4x8xf32>, tensor<4xf32>
  return %y, %r : tensor<4x8xf32>, tensor<4xf32>
}

// -----

// What reads sums of the epilogue waits for them, in a kernel behind. What does not
// depend on the product, like the activation that is computed again, shares the
// kernel that reads its operands anyway.
// CHECK-LABEL: func.func @behind
// CHECK: %[[Y:.*]]:5 = lns.cluster(
// CHECK-NEXT:   %[[P:.*]] = lns.matmul
// CHECK-NEXT:   %[[M:.*]] = lns.gated_activation silu
// CHECK-NEXT:   %[[DG:.*]], %[[DU:.*]] = lns.gated_activation_grad silu %[[P]]
// CHECK-NEXT:   %[[A:.*]] = lns.row_dot %[[DG]]
// CHECK-NEXT:   %[[B:.*]] = lns.row_dot %[[DU]]
// CHECK-NEXT:   lns.yield %[[M]], %[[DG]], %[[DU]], %[[A]], %[[B]]
// CHECK-NEXT: }
// CHECK-NEXT: %[[S:.*]] = lns.cluster(%[[C:.*]] = %[[Y]]#3, %[[D:.*]] = %[[Y]]#4)
// CHECK-NEXT:   lns.add %[[C]], %[[D]]
// CHECK-NEXT:   lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]]#0, %[[Y]]#1, %[[Y]]#2, %[[S]]
lns.parameter @g matrix init(zeros) decay(true) : tensor<4x8xf32>
lns.parameter @u matrix init(zeros) decay(true) : tensor<4x8xf32>
func.func @behind(%dy: tensor<4x6xf32>, %w: tensor<6x8xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xf32>) {
  %g = lns.get parameter @g : tensor<4x8xf32>
  %u = lns.get parameter @u : tensor<4x8xf32>
  // expected-remark@+1 {{bytes_saved=192, products=1, row_ops=4, row_ops_apart=1}}
  %p = lns.matmul %dy, %w : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %m = lns.gated_activation silu %g, %u : tensor<4x8xf32>
  %dg, %du = lns.gated_activation_grad silu %p, %g, %u : tensor<4x8xf32>
  %a = lns.row_dot %dg, %g : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4xf32>
  %b = lns.row_dot %du, %u : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4xf32>
  %s = lns.add %a, %b : tensor<4xf32>
  return %m, %dg, %du, %s : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xf32>
}

// -----

// A LayerNorm's statistics need whole rows, but the residual before them does not:
// its result is written anyway, and read once more for less than the product was.
// CHECK-LABEL: func.func @center
// CHECK: %[[H:.*]] = lns.cluster(
// CHECK-NEXT:   lns.linear
// CHECK-NEXT:   lns.residual
// CHECK-NEXT:   lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: lns.cluster(%{{.*}} = %[[H]])
// CHECK-NEXT:   lns.center_rows
// CHECK-NEXT:   lns.row_rstd
// CHECK-NEXT:   lns.yield
func.func @center(%x: tensor<4x8xf32>, %m: tensor<4x6xf32>, %w: tensor<8x6xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xf32>) {
  // expected-remark@+1 {{bytes_saved=128, products=1, row_ops=1, row_ops_apart=2}}
  %p = lns.linear %m, %w : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  %h = lns.residual %x, %p : tensor<4x8xf32>
  %c = lns.center_rows %h : tensor<4x8xf32>
  %r = lns.row_rstd %c eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
  return %h, %c, %r : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xf32>
}

// -----

// Does not fire where a cut would save nothing: what is written for the kernel
// behind is as large as the product.
// CHECK-LABEL: func.func @saves_nothing
// CHECK: lns.linear
// CHECK-NEXT: lns.cluster(
// CHECK-NEXT: lns.residual
// CHECK-NEXT: lns.center_rows
func.func @saves_nothing(%x: tensor<4x8xf32>, %m: tensor<4x6xf32>, %w: tensor<8x6xf32>) -> tensor<4x8xf32> {
  // expected-remark@+1 {{[Missed] fuse-products | Category:lns-products | Remark="the product stays apart: cut into kernels, its readers would read and write no less"}}
  %p = lns.linear %m, %w : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  %h = lns.residual %x, %p : tensor<4x8xf32>
  %c = lns.center_rows %h : tensor<4x8xf32>
  return %c : tensor<4x8xf32>
}

// -----

// What products do beside multiplying, row ops do in a kernel: a bias, a gain of the
// result's columns and an addend.
// CHECK-LABEL: func.func @no_extras
// CHECK: lns.cluster(
// CHECK-NEXT:   %[[P:.*]] = lns.linear %{{.*}}, %{{.*}} {alpha = 5.000000e-01 : f64} :
// CHECK-NEXT:   %[[B:.*]] = lns.add_bias %[[P]]
// CHECK-NEXT:   lns.activation relu %[[B]]
// CHECK-NEXT:   lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT:   %[[Q:.*]] = lns.matmul %{{.*}}, %{{.*}} {alpha = 2.500000e-01 : f64} :
// CHECK-NEXT:   %[[G:.*]] = lns.scale_columns %[[Q]]
// CHECK-NEXT:   %[[A:.*]] = lns.add %[[G]]
// CHECK-NEXT:   lns.activation relu %[[A]]
// CHECK-NEXT:   lns.yield
func.func @no_extras(%x: tensor<4x6xf32>, %w: tensor<8x6xf32>, %v: tensor<8x6xf32>, %b: tensor<8xf32>, %g: tensor<6xf32>, %c: tensor<4x6xf32>)
    -> tensor<4x6xf32> {
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %p = lns.linear %x, %w bias(%b) {alpha = 0.5 : f64} : (tensor<4x6xf32>, tensor<8x6xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %y = lns.activation relu %p : tensor<4x8xf32>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %q = lns.matmul %y, %v gain(%g) addend(%c) {alpha = 0.25 : f64} : (tensor<4x8xf32>, tensor<8x6xf32>, tensor<6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %z = lns.activation relu %q : tensor<4x6xf32>
  return %z : tensor<4x6xf32>
}

// -----

// Of two products with different inputs the kernel has the later one, and reads the
// other, which frees its operands sooner.
// CHECK-LABEL: func.func @different_inputs
// CHECK: %[[P:.*]] = lns.matmul
// CHECK-NEXT: lns.cluster({{.*}} = %[[P]])
// CHECK-NEXT:   %[[Q:.*]] = lns.matmul
// CHECK-NEXT:   lns.residual %{{.*}}, %[[Q]]
func.func @different_inputs(%a: tensor<4x6xbf16>, %b: tensor<4x6xbf16>, %v: tensor<6x8xbf16>, %w: tensor<6x8xbf16>) -> tensor<4x8xbf16> {
  // expected-remark@+1 {{the product stays apart: its reader is the epilogue of another product}}
  %p = lns.matmul %a, %v : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{products=1}}
  %q = lns.matmul %b, %w : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  %s = lns.residual %p, %q : tensor<4x8xbf16>
  return %s : tensor<4x8xbf16>
}

// -----

// The gradient of what three linears read is one sum of products, of two lengths
// here, before what else is added.
// CHECK-LABEL: func.func @sum
// CHECK-SAME: %[[DQ:[a-z0-9]+]]: tensor<4x6xbf16>, %[[DK:[a-z0-9]+]]: tensor<4x2xbf16>, %[[DV:[a-z0-9]+]]: tensor<4x2xbf16>, %[[WQ:[a-z0-9]+]]: tensor<6x8xbf16>, %[[WK:[a-z0-9]+]]: tensor<2x8xbf16>, %[[WV:[a-z0-9]+]]: tensor<2x8xbf16>, %[[X:[a-z0-9]+]]: tensor<4x8xbf16>
// CHECK-NEXT: %[[Y:.*]] = lns.cluster(%[[A:.*]] = %[[DQ]], %[[B:.*]] = %[[WQ]], %[[C:.*]] = %[[DK]], %[[D:.*]] = %[[WK]], %[[E:.*]] = %[[DV]], %[[F:.*]] = %[[WV]], %[[G:.*]] = %[[X]])
// CHECK-NEXT:   %[[P:.*]] = lns.matmul %[[A]], %[[B]] {alpha = 5.000000e-01 : f64}
// CHECK-NEXT:   %[[Q:.*]] = lns.matmul %[[C]], %[[D]] {alpha = 5.000000e-01 : f64}
// CHECK-NEXT:   %[[R:.*]] = lns.matmul %[[E]], %[[F]] {alpha = 5.000000e-01 : f64}
// CHECK-NEXT:   %[[S:.*]] = lns.add %[[P]], %[[Q]]
// CHECK-NEXT:   %[[T:.*]] = lns.add %[[S]], %[[R]]
// CHECK-NEXT:   %[[U:.*]] = lns.add %[[T]], %[[G]]
// CHECK-NEXT:   lns.yield %[[U]]
// CHECK-NEXT: }
// CHECK-NEXT: return %[[Y]]
func.func @sum(%dq: tensor<4x6xbf16>, %dk: tensor<4x2xbf16>, %dv: tensor<4x2xbf16>, %wq: tensor<6x8xbf16>, %wk: tensor<2x8xbf16>, %wv: tensor<2x8xbf16>, %x: tensor<4x8xbf16>)
    -> tensor<4x8xbf16> {
  // expected-remark@+1 {{row ops are the product's epilogue", bytes_saved=384, products=3, row_ops=3, row_ops_apart=0}}
  %p = lns.matmul %dq, %wq {alpha = 0.5 : f64} : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  %q = lns.matmul %dk, %wk {alpha = 0.5 : f64} : (tensor<4x2xbf16>, tensor<2x8xbf16>) -> tensor<4x8xbf16>
  %r = lns.matmul %dv, %wv {alpha = 0.5 : f64} : (tensor<4x2xbf16>, tensor<2x8xbf16>) -> tensor<4x8xbf16>
  %s = lns.add %p, %x : tensor<4x8xbf16>
  %t = lns.add %q, %r : tensor<4x8xbf16>
  %u = lns.add %s, %t : tensor<4x8xbf16>
  return %u : tensor<4x8xbf16>
}

// -----

// So is a chain of addends, which f32 has; what the first product is added to comes
// last.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x8xf32>, %{{.*}}: tensor<8xf32>
// CHECK-NEXT: lns.cluster({{.*}}%[[G:[a-z0-9]+]] = %[[X]]
// CHECK-NEXT:   %[[P:.*]] = lns.matmul %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK-NEXT:   %[[Q:.*]] = lns.matmul %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK-NEXT:   %[[S:.*]] = lns.add %[[P]], %[[Q]]
// CHECK-NEXT:   %[[T:.*]] = lns.add %[[S]], %[[G]]
// CHECK-NEXT:   lns.scale_columns %[[T]]
// CHECK-NEXT:   lns.yield
func.func @chain(%dq: tensor<4x6xf32>, %dk: tensor<4x2xf32>, %wq: tensor<6x8xf32>, %wk: tensor<2x8xf32>, %x: tensor<4x8xf32>, %g: tensor<8xf32>) -> tensor<4x8xf32> {
  // expected-remark@+1 {{row ops are the product's epilogue", bytes_saved=512, products=2, row_ops=3, row_ops_apart=0}}
  %p = lns.matmul %dq, %wq addend(%x) : (tensor<4x6xf32>, tensor<6x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %q = lns.matmul %dk, %wk addend(%p) : (tensor<4x2xf32>, tensor<2x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %s = lns.scale_columns %q, %g : tensor<4x8xf32>, tensor<8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// Does not fire for a product with another alpha, one that is read elsewhere, or
// one with a bias.
// CHECK-LABEL: func.func @no_sum
// CHECK: lns.cluster(
// CHECK-NEXT:   lns.matmul
// CHECK-NEXT:   lns.add
// CHECK-NEXT:   lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT:   lns.matmul
// CHECK-NEXT:   lns.add
// CHECK-NEXT:   lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT:   lns.linear
// CHECK-NEXT:   lns.add_bias
// CHECK-NEXT:   lns.add
// CHECK-NEXT:   lns.yield
func.func @no_sum(%a: tensor<4x6xbf16>, %b: tensor<4x6xbf16>, %v: tensor<6x8xbf16>, %w: tensor<8x6xbf16>, %c: tensor<8xf32>)
    -> (tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>) {
  // expected-remark@+1 {{the product stays apart: it is added to a product of another kind, type or alpha}}
  %p = lns.matmul %a, %v : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %q = lns.matmul %b, %v {alpha = 0.5 : f64} : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  %s = lns.add %p, %q : tensor<4x8xbf16>
  // expected-remark@+1 {{the product stays apart: it is added to a product, and one of them is read elsewhere, too}}
  %r = lns.matmul %a, %v {alpha = 2.0 : f64} : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %t = lns.matmul %b, %v {alpha = 2.0 : f64} : (tensor<4x6xbf16>, tensor<6x8xbf16>) -> tensor<4x8xbf16>
  %u = lns.add %r, %t : tensor<4x8xbf16>
  // expected-remark@+1 {{the product stays apart: it is added to a product, and one of them has a bias or a gain}}
  %x = lns.linear %a, %w : (tensor<4x6xbf16>, tensor<8x6xbf16>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{row ops are the product's epilogue}}
  %y = lns.linear %b, %w bias(%c) : (tensor<4x6xbf16>, tensor<8x6xbf16>, tensor<8xf32>) -> tensor<4x8xbf16>
  %z = lns.add %x, %y : tensor<4x8xbf16>
  return %s, %r, %u, %z : tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>
}

// -----

// Nor for a fifth product: the kernel reads what it gave. A bias keeps a product out
// of such a sum, too.
// CHECK-LABEL: func.func @five
// CHECK-COUNT-2: lns.linear
// CHECK: lns.cluster(
// CHECK-COUNT-4: lns.linear
// CHECK-COUNT-5: lns.add
// CHECK-NEXT: lns.yield
func.func @five(%a: tensor<4x6xbf16>, %b: tensor<4x2xbf16>, %v: tensor<8x6xbf16>, %w: tensor<8x2xbf16>, %c: tensor<8xf32>) -> tensor<4x8xbf16> {
  // expected-remark@+1 {{row ops are the product's epilogue", bytes_saved=512, products=4, row_ops=5}}
  %p = lns.linear %a, %v : (tensor<4x6xbf16>, tensor<8x6xbf16>) -> tensor<4x8xbf16>
  %q = lns.linear %b, %w : (tensor<4x2xbf16>, tensor<8x2xbf16>) -> tensor<4x8xbf16>
  %r = lns.linear %a, %v : (tensor<4x6xbf16>, tensor<8x6xbf16>) -> tensor<4x8xbf16>
  %s = lns.linear %b, %w : (tensor<4x2xbf16>, tensor<8x2xbf16>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{the product stays apart: it is added to 4 others, which is what a kernel has at most}}
  %t = lns.linear %a, %v : (tensor<4x6xbf16>, tensor<8x6xbf16>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{the product stays apart: it is added to a product, and one of them has a bias or a gain}}
  %u = lns.linear %b, %w bias(%c) : (tensor<4x2xbf16>, tensor<8x2xbf16>, tensor<8xf32>) -> tensor<4x8xbf16>
  %1 = lns.add %p, %q : tensor<4x8xbf16>
  %2 = lns.add %1, %r : tensor<4x8xbf16>
  %3 = lns.add %2, %s : tensor<4x8xbf16>
  %4 = lns.add %3, %t : tensor<4x8xbf16>
  %5 = lns.add %4, %u : tensor<4x8xbf16>
  return %5 : tensor<4x8xbf16>
}

// -----

// What a cut leaves may be the epilogue of another product: here the statistics of
// one scale the other.
// CHECK-LABEL: func.func @two_kernels
// CHECK: %[[H:.*]]:2 = lns.cluster(
// CHECK-NEXT:   lns.linear
// CHECK-NEXT:   lns.residual
// CHECK-NEXT:   lns.row_rstd
// CHECK-NEXT:   lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT:   lns.linear
// CHECK-NEXT:   lns.row_scale
// CHECK-NEXT:   lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: return
func.func @two_kernels(%x: tensor<4x8xf32>, %m: tensor<4x6xf32>, %n: tensor<4x6xf32>, %w: tensor<8x6xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // expected-remark@+1 {{row_ops=2, row_ops_apart=0}}
  %p = lns.linear %m, %w : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  // expected-remark@+1 {{row_ops=1, row_ops_apart=2}}
  %q = lns.linear %n, %w : (tensor<4x6xf32>, tensor<8x6xf32>) -> tensor<4x8xf32>
  %h = lns.residual %x, %p : tensor<4x8xf32>
  %r = lns.row_rstd %h eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
  %y = lns.row_scale %q, %r : tensor<4x8xf32>, tensor<4xf32>
  return %h, %y : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Who else reads the result, and before, moves behind the kernel: a gain's gradient.
// CHECK-LABEL: func.func @late_reader
// CHECK: %[[Y:.*]]:2 = lns.cluster(
// CHECK-NEXT:   %[[P:.*]] = lns.matmul
// CHECK-NEXT:   %[[D:.*]] = lns.scale_columns %[[P]]
// CHECK-NEXT:   %[[S:.*]] = lns.add %[[D]]
// CHECK-NEXT:   lns.yield %[[P]], %[[S]]
// CHECK-NEXT: }
// CHECK-NEXT: %[[G:.*]] = lns.column_dot %[[Y]]#0
// CHECK-NEXT: return %[[Y]]#1, %[[G]]
func.func @late_reader(%dy: tensor<4x6xf32>, %w: tensor<6x8xf32>, %g: tensor<8xf32>, %x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>) {
  // expected-remark@+1 {{bytes_saved=128, products=1}}
  %p = lns.matmul %dy, %w : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %dg = lns.column_dot %p, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8xf32>
  %d = lns.scale_columns %p, %g : tensor<4x8xf32>, tensor<8xf32>
  %s = lns.add %d, %x : tensor<4x8xf32>
  return %s, %dg : tensor<4x8xf32>, tensor<8xf32>
}

// -----

// Does not fire when it cannot: the kernel reads what that reader makes.
// CHECK-LABEL: func.func @early_reader
// CHECK: lns.matmul
// CHECK-NEXT: lns.column_dot
// CHECK-NEXT: lns.cluster(
// CHECK-NEXT: lns.scale_columns
func.func @early_reader(%dy: tensor<4x6xf32>, %w: tensor<6x8xf32>, %x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-remark@+1 {{the product stays apart: 'lns.column_dot' reads its result, too, and must do so earlier}}
  %p = lns.matmul %dy, %w : (tensor<4x6xf32>, tensor<6x8xf32>) -> tensor<4x8xf32>
  %dg = lns.column_dot %p, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8xf32>
  %d = lns.scale_columns %p, %dg : tensor<4x8xf32>, tensor<8xf32>
  return %d : tensor<4x8xf32>
}

// -----

// Does not fire for a product that sums over rows, which several kernels may share.
// CHECK-LABEL: func.func @sums_over_rows
// CHECK: lns.matmul
// CHECK-NEXT: lns.cluster(
// CHECK-NEXT: lns.scale
func.func @sums_over_rows(%dy: tensor<16x4xf32>, %x: tensor<16x8xf32>, %g: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-remark@+1 {{the product stays apart: it sums over rows, which several kernels may share}}
  %p = lns.matmul %dy, %x transpose_a : (tensor<16x4xf32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %s = lns.scale %p factor(0.5) : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// Does not fire for operands that a product would have to scale or round while it
// reads them.
// CHECK-LABEL: func.func @not_materialized
// CHECK-NOT: lns.cluster
// CHECK: lns.linear
// CHECK-NOT: lns.cluster
// CHECK: lns.linear
// CHECK-NOT: lns.cluster
// CHECK: lns.matmul
// CHECK: lns.cluster(
// CHECK-NOT: lns.linear
// CHECK-NOT: lns.matmul
// CHECK: return
func.func @not_materialized(%x: tensor<4x6xbf16>, %w: tensor<8x6xf32>, %v: tensor<8x6xbf16>, %g: tensor<6xf32>)
    -> (tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>) {
  // expected-remark@+1 {{the product stays apart: its operands are scaled or rounded on their way in; run 'lns-materialize-weights'}}
  %p = lns.linear %x, %w : (tensor<4x6xbf16>, tensor<8x6xf32>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{its operands are scaled or rounded on their way in}}
  %q = lns.linear %x, %v gain(%g) : (tensor<4x6xbf16>, tensor<8x6xbf16>, tensor<6xf32>) -> tensor<4x8xbf16>
  // expected-remark@+1 {{its operands are scaled or rounded on their way in}}
  %r = lns.matmul %x, %v transpose_b gain(%g) : (tensor<4x6xbf16>, tensor<8x6xbf16>, tensor<6xf32>) -> tensor<4x8xbf16>
  %a = lns.scale %p factor(0.5) : tensor<4x8xbf16>
  %b = lns.scale %q factor(0.5) : tensor<4x8xbf16>
  %c = lns.scale %r factor(0.5) : tensor<4x8xbf16>
  return %a, %b, %c : tensor<4x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16>
}

// -----

// Does not fire when a parameter that the product reads is overwritten before its
// reader: the product would move behind that.
// CHECK-LABEL: func.func @overwritten
// CHECK: lns.linear
// CHECK: lns.set
// CHECK: lns.cluster(
// CHECK-NEXT: lns.residual
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x8xf32>
func.func @overwritten(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %w = lns.get parameter @w : tensor<8x8xf32>
  // expected-remark@+1 {{the product stays apart: 'w', which it reads, is overwritten before its reader}}
  %p = lns.linear %x, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  lns.set %x, parameter @w : tensor<8x8xf32>
  %new = lns.get parameter @w : tensor<8x8xf32>
  %y = lns.residual %p, %new : tensor<8x8xf32>
  return %y : tensor<8x8xf32>
}

// -----

// Nor when AdamW writes the compute weight that it reads.
// CHECK-LABEL: func.func @overwritten_compute_weight
// CHECK: lns.linear
// CHECK: lns.adamw
// CHECK: lns.cluster(
// CHECK-NEXT: lns.residual
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x8xf32>
lns.compute_weight @v of @w : tensor<8x8xbf16>
func.func @overwritten_compute_weight(%x: tensor<8x8xbf16>, %dw: tensor<8x8xf32>, %f: tensor<f32>, %o: tensor<8xf32>) -> tensor<8x8xbf16> {
  %v = lns.get compute @v : tensor<8x8xbf16>
  // expected-remark@+1 {{the product stays apart: 'v', which it reads, is overwritten before its reader}}
  %p = lns.linear %x, %v : (tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<8x8xbf16>
  lns.adamw @w, %dw, %f, %o decay(true) compute(@v) : tensor<8x8xf32>, tensor<f32>, tensor<8xf32>
  %new = lns.get compute @v : tensor<8x8xbf16>
  %y = lns.residual %p, %new : tensor<8x8xbf16>
  return %y : tensor<8x8xbf16>
}

// -----

// Nor when a repeated function may write it.
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x8xf32>
func.func @part(%x: tensor<4x8xf32>) -> tensor<f32> {
  %w = lns.constant 0.5 : tensor<8x8xf32>
  lns.set %w, parameter @w : tensor<8x8xf32>
  %m = lns.mean %x : (tensor<4x8xf32>) -> tensor<f32>
  return %m : tensor<f32>
}
// CHECK-LABEL: func.func @repeated
// CHECK: lns.linear
// CHECK: lns.repeat
// CHECK: lns.cluster(
// CHECK-NEXT: lns.residual
func.func @repeated(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<f32>) {
  %w = lns.get parameter @w : tensor<8x8xf32>
  // expected-remark@+1 {{'w', which it reads, is overwritten before its reader}}
  %p = lns.linear %x, %w : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %m = lns.repeat @part(%x) count(2) : (tensor<8x8xf32>) -> tensor<f32>
  %new = lns.get parameter @w : tensor<8x8xf32>
  %y = lns.residual %p, %new : tensor<8x8xf32>
  return %y, %m : tensor<8x8xf32>, tensor<f32>
}

// -----

// Does not fire where the result is a bias, or a number for each row: the kernel
// would have to be complete before its first row.
// CHECK-LABEL: func.func @not_rows
// CHECK-COUNT-3: lns.linear
// CHECK-NOT: lns.linear
// CHECK: return
func.func @not_rows(%x: tensor<4x8xf32>, %b: tensor<6xf32>, %w: tensor<8x6xf32>, %v: tensor<4x6xf32>, %c: tensor<8xf32>)
    -> (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>) {
  // expected-remark@+1 {{the product stays apart: its result is a gain, a bias or numbers of rows to its reader}}
  %bias = lns.linear %b, %w : (tensor<6xf32>, tensor<8x6xf32>) -> tensor<8xf32>
  // expected-remark@+1 {{its result is a gain, a bias or numbers of rows to its reader}}
  %factors = lns.linear %b, %v : (tensor<6xf32>, tensor<4x6xf32>) -> tensor<4xf32>
  %y = lns.add_bias %x, %bias : tensor<4x8xf32>, tensor<8xf32>
  %z = lns.row_scale %x, %factors : tensor<4x8xf32>, tensor<4xf32>
  // expected-remark@+1 {{its result is a gain, a bias or numbers of rows to its reader}}
  %other = lns.linear %b, %w {alpha = 0.5 : f64} : (tensor<6xf32>, tensor<8x6xf32>) -> tensor<8xf32>
  %u = lns.add_bias %c, %other : tensor<8xf32>, tensor<8xf32>
  return %y, %z, %u : tensor<4x8xf32>, tensor<4x8xf32>, tensor<8xf32>
}

// -----

// Does not fire where the first op behind the product needs whole rows: a rotation
// of heads that lie in two tiles, a mean over a row, or what stands at a time.
// CHECK-LABEL: func.func @whole_rows
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-NEXT: lns.rope
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-NEXT: lns.center_rows
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-NEXT: lns.add_positions
func.func @whole_rows(%x: tensor<2x3x6xf32>, %w: tensor<12x6xf32>, %v: tensor<6x12xf32>, %u: tensor<6x6xf32>, %t: tensor<3x6xf32>) -> tensor<2x3x6xf32> {
  // expected-remark@+1 {{the product stays apart: 'lns.rope' rotates heads of 6 columns, which do not divide a tile's 128}}
  %p = lns.linear %x, %w : (tensor<2x3x6xf32>, tensor<12x6xf32>) -> tensor<2x3x12xf32>
  %q = lns.rope %p head_dim(6) : tensor<2x3x12xf32>
  // expected-remark@+1 {{the product stays apart: 'lns.center_rows' needs whole rows}}
  %r = lns.linear %q, %v : (tensor<2x3x12xf32>, tensor<6x12xf32>) -> tensor<2x3x6xf32>
  %c = lns.center_rows %r : tensor<2x3x6xf32>
  // expected-remark@+1 {{the product stays apart: 'lns.add_positions' needs whole rows}}
  %s = lns.linear %c, %u : (tensor<2x3x6xf32>, tensor<6x6xf32>) -> tensor<2x3x6xf32>
  %y = lns.add_positions %s, %t : tensor<2x3x6xf32>, tensor<3x6xf32>
  return %y : tensor<2x3x6xf32>
}
