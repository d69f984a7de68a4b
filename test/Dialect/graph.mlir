// RUN: lns-opt %s | lns-opt | FileCheck %s
// RUN: lns-opt %s --mlir-print-op-generic | lns-opt | FileCheck %s
// RUN: lns-opt %s --emit-bytecode | lns-opt | FileCheck %s

// CHECK: lns.parameter @model.norm.weight gain init(ones) decay(false) : tensor<8xf32>
lns.parameter @model.norm.weight gain init(ones) decay(false) : tensor<8xf32>
// CHECK: lns.parameter @"0 strange name" matrix init(normal, 2.000000e-02) decay(true) {test.note} : tensor<6x8xf32>
lns.parameter @"0 strange name" matrix init(normal, 0.02) decay(true) {test.note} : tensor<6x8xf32>
// CHECK: lns.parameter @rows matrix init(zeros) decay(false) project(rows) lr_factor(5.000000e-01) : tensor<6x8xf32>
lns.parameter @rows matrix init(zeros) decay(false) project(rows) lr_factor(0.5) eps_factor(1.0) : tensor<6x8xf32>
// CHECK: lns.parameter @columns matrix init(zeros) decay(true) project(columns) eps_factor(5.000000e-01) decay_factor(2.000000e+00) storage(tensor<8x8xf32>) {test.note} : tensor<6x8xf32>
lns.parameter @columns matrix init(zeros) decay(true) project(columns) eps_factor(0.5) decay_factor(2.0) storage(tensor<8x8xf32>) {test.note} : tensor<6x8xf32>
// CHECK: lns.parameter @padded matrix init(zeros) decay(true) storage(tensor<8x8xf32>) {test.note} : tensor<6x8xf32>
lns.parameter @padded matrix init(zeros) decay(true) storage(tensor<8x8xf32>) {test.note} : tensor<6x8xf32>

// CHECK-LABEL: func.func @padded_storage
func.func @padded_storage(%g: tensor<8x8xf32>) {
  // CHECK: lns.get parameter @padded : tensor<8x8xf32>
  %p = lns.get parameter @padded : tensor<8x8xf32>
  // CHECK: lns.set %{{.*}}, gradient @padded : tensor<8x8xf32>
  lns.set %p, gradient @padded : tensor<8x8xf32>
  return
}

// CHECK-LABEL: func.func @storage
func.func @storage() {
  // CHECK: %[[G:.*]] = lns.get parameter @model.norm.weight : tensor<8xf32>
  %g = lns.get parameter @model.norm.weight : tensor<8xf32>
  // CHECK: lns.set %[[G]], gradient @model.norm.weight : tensor<8xf32>
  lns.set %g, gradient @model.norm.weight : tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @matmul
func.func @matmul(%a: tensor<2x3x8xf32>, %b: tensor<8x6xf32>, %c: tensor<2x3x6xf32>, %bt: tensor<6x8xf32>, %v: tensor<8xf32>) {
  // CHECK: lns.matmul %{{.*}}, %{{.*}} : (tensor<2x3x8xf32>, tensor<8x6xf32>) -> tensor<2x3x6xf32>
  %0 = lns.matmul %a, %b : (tensor<2x3x8xf32>, tensor<8x6xf32>) -> tensor<2x3x6xf32>
  // CHECK: lns.matmul %{{.*}}, %{{.*}} transpose_a : (tensor<2x3x8xf32>, tensor<2x3x6xf32>) -> tensor<8x6xf32>
  %1 = lns.matmul %a, %c transpose_a : (tensor<2x3x8xf32>, tensor<2x3x6xf32>) -> tensor<8x6xf32>
  // CHECK: lns.matmul %{{.*}}, %{{.*}} transpose_b : (tensor<2x3x8xf32>, tensor<6x8xf32>) -> tensor<2x3x6xf32>
  %2 = lns.matmul %a, %bt transpose_b : (tensor<2x3x8xf32>, tensor<6x8xf32>) -> tensor<2x3x6xf32>
  // CHECK: lns.matmul %{{.*}}, %{{.*}} transpose_a transpose_b : (tensor<8x6xf32>, tensor<2x3x8xf32>) -> tensor<6x6xf32>
  %3 = lns.matmul %b, %a transpose_a transpose_b : (tensor<8x6xf32>, tensor<2x3x8xf32>) -> tensor<6x6xf32>
  // A gain for the columns of b, something to add, a factor.
  // CHECK: lns.matmul %{{.*}}, %{{.*}} transpose_b gain(%{{.*}}) addend(%{{.*}}) {alpha = 5.000000e-01 : f64} : (tensor<2x3x8xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<2x3x6xf32>) -> tensor<2x3x6xf32>
  %g = lns.matmul %a, %bt transpose_b gain(%v) addend(%c) {alpha = 0.5 : f64} : (tensor<2x3x8xf32>, tensor<6x8xf32>, tensor<8xf32>, tensor<2x3x6xf32>) -> tensor<2x3x6xf32>
  // A vector is one row: its transpose times another is their outer product.
  // CHECK: lns.matmul %{{.*}}, %{{.*}} : (tensor<8xf32>, tensor<8x6xf32>) -> tensor<6xf32>
  %4 = lns.matmul %v, %b : (tensor<8xf32>, tensor<8x6xf32>) -> tensor<6xf32>
  // CHECK: lns.matmul %{{.*}}, %{{.*}} transpose_a : (tensor<8xf32>, tensor<6xf32>) -> tensor<8x6xf32>
  %5 = lns.matmul %v, %4 transpose_a : (tensor<8xf32>, tensor<6xf32>) -> tensor<8x6xf32>
  return
}

// CHECK-LABEL: func.func @weight_grad
func.func @weight_grad(%u: tensor<2x3x8xbf16>, %x: tensor<2x3x6xbf16>, %w: tensor<8x6xf32>, %g: tensor<6xf32>) {
  // CHECK: lns.weight_grad %{{.*}}, %{{.*}} weight(%{{.*}}) gain(%{{.*}}) : (tensor<2x3x8xbf16>, tensor<2x3x6xbf16>, tensor<8x6xf32>, tensor<6xf32>) -> (tensor<8x6xf32>, tensor<6xf32>)
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xbf16>, tensor<2x3x6xbf16>, tensor<8x6xf32>, tensor<6xf32>) -> (tensor<8x6xf32>, tensor<6xf32>)
  // CHECK: lns.weight_grad %{{.*}}, %{{.*}} weight(%{{.*}}) gain(%{{.*}}) addend(%{{.*}}) gain_addend(%{{.*}}) {alpha = 5.000000e-01 : f64}
  %ew, %eg = lns.weight_grad %u, %x weight(%w) gain(%g) addend(%dw) gain_addend(%dg) {alpha = 0.5 : f64} : (tensor<2x3x8xbf16>, tensor<2x3x6xbf16>, tensor<8x6xf32>, tensor<6xf32>, tensor<8x6xf32>, tensor<6xf32>) -> (tensor<8x6xf32>, tensor<6xf32>)
  // CHECK: gain(%{{.*}}) gain_addend(%{{.*}}) :
  %fw, %fg = lns.weight_grad %u, %x weight(%w) gain(%g) gain_addend(%dg) : (tensor<2x3x8xbf16>, tensor<2x3x6xbf16>, tensor<8x6xf32>, tensor<6xf32>, tensor<6xf32>) -> (tensor<8x6xf32>, tensor<6xf32>)
  return
}

// What norms become.
// CHECK-LABEL: func.func @folded_norm
func.func @folded_norm(%x: tensor<2x4x8xf32>, %g: tensor<8xf32>) {
  // CHECK: %[[R:.*]] = lns.row_rstd %{{.*}} eps(1.000000e-05) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  %r = lns.row_rstd %x eps(1.0e-5) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  // CHECK: lns.row_scale %{{.*}}, %[[R]] : tensor<2x4x8xf32>, tensor<2x4xf32>
  %0 = lns.row_scale %x, %r : tensor<2x4x8xf32>, tensor<2x4xf32>
  // CHECK: lns.row_dot %{{.*}}, %{{.*}} : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4xf32>
  %1 = lns.row_dot %x, %x : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4xf32>
  // CHECK: lns.row_rstd_grad %{{.*}}, %[[R]], %{{.*}} : (tensor<2x4x8xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  %2 = lns.row_rstd_grad %x, %r, %1 : (tensor<2x4x8xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  // CHECK: lns.scale_columns %{{.*}}, %{{.*}} : tensor<2x4x8xf32>, tensor<8xf32>
  %3 = lns.scale_columns %x, %g : tensor<2x4x8xf32>, tensor<8xf32>
  // CHECK: lns.scale_columns %{{.*}} scale(5.000000e-01) : tensor<2x4x8xf32>
  %4 = lns.scale_columns %x scale(0.5) : tensor<2x4x8xf32>
  // CHECK: lns.add_bias %{{.*}}, %{{.*}} : tensor<2x4x8xf32>, tensor<8xf32>
  %7 = lns.add_bias %x, %g : tensor<2x4x8xf32>, tensor<8xf32>
  // CHECK: lns.add_bias %{{.*}}, %{{.*}} scale(5.000000e-01) : tensor<2x4x8xf32>, tensor<8xf32>
  %8 = lns.add_bias %x, %g scale(0.5) : tensor<2x4x8xf32>, tensor<8xf32>
  // CHECK: lns.center_rows %{{.*}} : tensor<2x4x8xf32>
  %9 = lns.center_rows %x : tensor<2x4x8xf32>
  // CHECK: lns.column_dot %{{.*}}, %{{.*}} scale(5.000000e-01) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<8xf32>
  %5 = lns.column_dot %x, %x scale(0.5) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<8xf32>
  // CHECK: lns.column_dot %{{.*}} : (tensor<2x4x8xf32>) -> tensor<8xf32>
  %6 = lns.column_dot %x : (tensor<2x4x8xf32>) -> tensor<8xf32>
  // CHECK: lns.sum %{{.*}} : (tensor<2x4xf32>) -> tensor<1xf32>
  %10 = lns.sum %1 : (tensor<2x4xf32>) -> tensor<1xf32>
  // CHECK: lns.scale_by %{{.*}}, %{{.*}} : tensor<2x4x8xf32>, tensor<1xf32>
  %11 = lns.scale_by %x, %10 : tensor<2x4x8xf32>, tensor<1xf32>
  // CHECK: lns.shift_by %{{.*}}, %{{.*}} : tensor<2x4x8xf32>, tensor<1xf32>
  %12 = lns.shift_by %x, %10 : tensor<2x4x8xf32>, tensor<1xf32>
  // CHECK: lns.row_sum %{{.*}} : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  %13 = lns.row_sum %x : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  // CHECK: lns.stop_gradient %{{.*}} : tensor<2x4x8xf32>
  %14 = lns.stop_gradient %x : tensor<2x4x8xf32>
  // CHECK: lns.mix_factors %{{.*}}, %{{.*}}, %{{.*}} eps(1.000000e-08) : tensor<1xf32>
  %15:2 = lns.mix_factors %10, %10, %10 eps(1.0e-8) : tensor<1xf32>
  // CHECK: lns.mix_factors_grad %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} eps(1.000000e-08) : tensor<1xf32>
  %16:3 = lns.mix_factors_grad %10, %10, %10, %10, %10 eps(1.0e-8) : tensor<1xf32>
  // CHECK: lns.ramp steps(1.000000e+03) : tensor<1xf32>
  %17 = lns.ramp steps(1.0e3) : tensor<1xf32>
  return
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<2x4xf32>) {
  // CHECK: %[[C:.*]] = lns.constant 2.000000e+00 : tensor<2x4xf32>
  %c = lns.constant 2.0 : tensor<2x4xf32>
  // CHECK: lns.add %{{.*}}, %[[C]] : tensor<2x4xf32>
  %0 = lns.add %x, %c : tensor<2x4xf32>
  // CHECK: lns.scale %{{.*}} factor(5.000000e-01) : tensor<2x4xf32>
  %1 = lns.scale %x factor(0.5) : tensor<2x4xf32>
  return
}

// CHECK-LABEL: func.func @adjoints
func.func @adjoints(%x: tensor<2x4x8xf32>, %k: tensor<2x4x4xf32>, %tokens: tensor<2x4xi32>, %rows: tensor<2x4xf32>, %s: tensor<f32>) {
  // CHECK: lns.embedding_grad %{{.*}}, %{{.*}} : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> tensor<16x8xf32>
  %0 = lns.embedding_grad %x, %tokens : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> tensor<16x8xf32>
  // CHECK: lns.embedding_grad %{{.*}}, %{{.*}} addend(%{{.*}}) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<16x8xf32>) -> tensor<16x8xf32>
  %00 = lns.embedding_grad %x, %tokens addend(%0) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<16x8xf32>) -> tensor<16x8xf32>
  %a, %lse = lns.attention %x, %k, %k heads(4) kv_heads(2) causal : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x4xf32>)
  // CHECK: lns.attention_grad %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} heads(4) kv_heads(2) causal : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>)
  %1:3 = lns.attention_grad %x, %k, %k, %a, %lse, %x heads(4) kv_heads(2) causal
    : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>)
  // CHECK: lns.gated_activation_grad silu %{{.*}}, %{{.*}}, %{{.*}} : tensor<2x4x8xf32>
  %2:2 = lns.gated_activation_grad silu %x, %x, %x : tensor<2x4x8xf32>
  // CHECK: lns.activation_grad gelu_tanh %{{.*}}, %{{.*}} : tensor<2x4x8xf32>
  %5 = lns.activation_grad gelu_tanh %x, %x : tensor<2x4x8xf32>
  // CHECK: lns.add_positions_grad %{{.*}} : (tensor<2x4x8xf32>) -> tensor<16x8xf32>
  %6 = lns.add_positions_grad %x : (tensor<2x4x8xf32>) -> tensor<16x8xf32>
  // CHECK: lns.cross_entropy_grad {{.*}} factors(%{{.*}}) relative : {{.*}} -> (tensor<2x4x8xf32>, tensor<2x4xf32>)
  %d, %f = lns.cross_entropy_grad %x, %tokens, %rows, %rows factors(%rows) relative : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>)
  // CHECK: lns.row_rstd_grad {{.*}} relative :
  %rel = lns.row_rstd_grad %x, %rows, %rows relative : (tensor<2x4x8xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  // CHECK: lns.cross_entropy_grad %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  %3 = lns.cross_entropy_grad %x, %tokens, %rows, %rows : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  // CHECK: lns.cross_entropy_with_grad %{{.*}}, %{{.*}}, %{{.*}} factors(%{{.*}}) relative : {{.*}} -> (tensor<2x4xf32>, tensor<2x4x8xf32>, tensor<2x4xf32>)
  %w:3 = lns.cross_entropy_with_grad %x, %tokens, %rows factors(%rows) relative : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4x8xf32>, tensor<2x4xf32>)
  // CHECK: lns.mean_grad %{{.*}} : (tensor<f32>) -> tensor<2x4xf32>
  %4 = lns.mean_grad %s : (tensor<f32>) -> tensor<2x4xf32>
  // CHECK: lns.mean_grad %{{.*}} over(%{{.*}}) : (tensor<f32>, tensor<i32>) -> tensor<2x4xf32>
  %n = lns.target_count %tokens : tensor<2x4xi32>
  %share = lns.mean_grad %s over(%n) : (tensor<f32>, tensor<i32>) -> tensor<2x4xf32>
  return
}

// CHECK: lns.compute_weight @padded.bf16 of @padded gain(@model.norm.weight) {test.note} : tensor<8x8xbf16>
lns.compute_weight @padded.bf16 of @padded gain(@model.norm.weight) {test.note} : tensor<8x8xbf16>
// CHECK: lns.compute_weight @padded.scaled of @padded gain(@model.norm.weight) : tensor<8x8xf32>
lns.compute_weight @padded.scaled of @padded gain(@model.norm.weight) : tensor<8x8xf32>
// CHECK: lns.compute_weight @rounded of @"0 strange name" : tensor<6x8xbf16>
lns.compute_weight @rounded of @"0 strange name" : tensor<6x8xbf16>

// CHECK-LABEL: func.func @compute_weights
func.func @compute_weights(%dw: tensor<8x8xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  // CHECK: %[[V:.*]] = lns.get compute @padded.bf16 : tensor<8x8xbf16>
  %v = lns.get compute @padded.bf16 : tensor<8x8xbf16>
  // CHECK: lns.set %[[V]], compute @padded.bf16 : tensor<8x8xbf16>
  lns.set %v, compute @padded.bf16 : tensor<8x8xbf16>
  // CHECK: lns.adamw @padded, %{{.*}} decay(true) lr_factor(2.500000e-01) eps_factor(5.000000e-01) decay_factor(0.000000e+00) : tensor<8x8xf32>
  lns.adamw @padded, %dw, %f, %o decay(true) lr_factor(0.25) eps_factor(0.5) decay_factor(0.0) : tensor<8x8xf32>, tensor<f32>, tensor<8xf32>
  // What is 1 is not printed.
  // CHECK: lns.adamw @padded, %{{.*}} decay(true) decay_factor(4.000000e+00) : tensor<8x8xf32>
  lns.adamw @padded, %dw, %f, %o decay(true) lr_factor(1.0) eps_factor(1.0) decay_factor(4.0) : tensor<8x8xf32>, tensor<f32>, tensor<8xf32>
  // CHECK: lns.project @rows rows factor(%{{.*}}) {test.note} : tensor<6x8xf32>, tensor<f32>
  lns.project @rows rows factor(%f) {test.note} : tensor<6x8xf32>, tensor<f32>
  // CHECK: lns.project @columns columns : tensor<8x8xf32>
  lns.project @columns columns : tensor<8x8xf32>
  // CHECK: lns.adamw @padded, %{{.*}} decay(true) compute(@padded.bf16) {test.note} : tensor<8x8xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @padded, %dw, %f, %o decay(true) compute(@padded.bf16) {test.note} : tensor<8x8xf32>, tensor<f32>, tensor<8xf32>
  return
}

// CHECK-LABEL: func.func @optimizer
func.func @optimizer(%o: tensor<8xf32>) -> tensor<f32> {
  %g = lns.get gradient @model.norm.weight : tensor<8xf32>
  // CHECK: %[[NORM:.*]], %[[FACTOR:.*]], %{{.*}} = lns.clip_factor %{{.*}}, %{{.*}} : (tensor<8xf32>, tensor<8xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  %norm, %factor, %partials = lns.clip_factor %o, %g : (tensor<8xf32>, tensor<8xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  // CHECK: lns.clip_factor %{{.*}}, %{{.*}} loss(%[[NORM]]) : (tensor<8xf32>, tensor<8xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  %n, %f, %p = lns.clip_factor %o, %g loss(%norm) : (tensor<8xf32>, tensor<8xf32>, tensor<f32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  // CHECK: lns.adamw @model.norm.weight, %{{.*}}, %[[FACTOR]], %{{.*}} decay(false) : tensor<8xf32>, tensor<f32>, tensor<8xf32>
  lns.adamw @model.norm.weight, %g, %factor, %o decay(false) : tensor<8xf32>, tensor<f32>, tensor<8xf32>
  return %norm : tensor<f32>
}

// CHECK-LABEL: func.func @cluster
// CHECK-SAME:    (%[[X:.*]]: tensor<2x4x8xf32>, %[[F:.*]]: tensor<2x4x8xf32>, %[[W:.*]]: tensor<8x8xf32>, %{{.*}}: tensor<6x8xf32>)
func.func @cluster(%x: tensor<2x4x8xf32>, %f: tensor<2x4x8xf32>, %w: tensor<8x8xf32>, %n: tensor<6x8xf32>) {
  // CHECK: %{{.*}}:2 = lns.cluster(%[[A:.*]] = %[[X]], %[[B:.*]] = %[[F]]) attributes {test.note} : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %y, %r = lns.cluster(%a = %x, %b = %f) attributes {test.note}
      : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
    // CHECK: %[[S:.*]] = lns.residual %[[A]], %[[B]] : tensor<2x4x8xf32>
    %s = lns.residual %a, %b : tensor<2x4x8xf32>
    %t = lns.row_rstd %s eps(1.0e-06) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
    // An elementwise op may also work on one value per row.
    // CHECK: %[[U:.*]] = lns.scale %{{.*}} factor(2.000000e+00) : tensor<2x4xf32>
    %u = lns.scale %t factor(2.0) : tensor<2x4xf32>
    // CHECK: lns.yield %[[S]], %[[U]] : tensor<2x4x8xf32>, tensor<2x4xf32>
    lns.yield %s, %u : tensor<2x4x8xf32>, tensor<2x4xf32>
  }
  // Two products and their epilogue, and a product alone.
  // CHECK: %{{.*}}:2 = lns.cluster(%[[A1:.*]] = %[[X]], %[[W1:.*]] = %[[W]]) : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %m, %d = lns.cluster(%a = %x, %v = %w) : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
    // CHECK: %[[P1:.*]] = lns.linear %[[A1]], %[[W1]] :
    %p = lns.linear %a, %v : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    // CHECK: %[[P2:.*]] = lns.linear %[[A1]], %[[W1]] {alpha = 2.000000e+00 : f64} :
    %q = lns.linear %a, %v {alpha = 2.0 : f64} : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    // CHECK: lns.gated_activation silu %[[P1]], %[[P2]]
    %g = lns.gated_activation silu %p, %q : tensor<2x4x8xf32>
    // CHECK: lns.row_dot %[[P1]], %[[A1]]
    %s = lns.row_dot %p, %a : (tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4xf32>
    lns.yield %g, %s : tensor<2x4x8xf32>, tensor<2x4xf32>
  }
  // CHECK: lns.cluster(
  %o = lns.cluster(%a = %x, %v = %w) : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32> {
    // CHECK-NEXT: lns.matmul {{.*}} transpose_b
    %p = lns.matmul %a, %v transpose_b : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    // CHECK-NEXT: lns.yield
    lns.yield %p : tensor<2x4x8xf32>
  }
  // Products that are added up, and members of several widths.
  // CHECK: lns.cluster(
  %e = lns.cluster(%a = %x, %b = %f, %v = %w) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32> {
    // CHECK-NEXT: lns.linear
    %p = lns.linear %a, %v : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    // CHECK-NEXT: lns.linear
    %q = lns.linear %b, %v : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    // CHECK-NEXT: lns.add
    %s = lns.add %p, %q : tensor<2x4x8xf32>
    lns.yield %s : tensor<2x4x8xf32>
  }
  // CHECK: lns.cluster(
  %h, %i = lns.cluster(%a = %x, %v = %w, %u = %n) : (tensor<2x4x8xf32>, tensor<8x8xf32>, tensor<6x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x6xf32>) {
    // CHECK-NEXT: lns.linear
    %p = lns.linear %a, %v : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
    // CHECK-NEXT: lns.linear
    %q = lns.linear %a, %u : (tensor<2x4x8xf32>, tensor<6x8xf32>) -> tensor<2x4x6xf32>
    // CHECK-NEXT: lns.scale
    %s = lns.scale %q factor(2.0) : tensor<2x4x6xf32>
    lns.yield %p, %s : tensor<2x4x8xf32>, tensor<2x4x6xf32>
  }
  // A cluster of elementwise ops alone, and an empty one.
  // CHECK: lns.cluster(%[[A2:.*]] = %[[X]]) : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %z = lns.cluster(%a = %x) : (tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
    // CHECK: lns.add %[[A2]], %[[A2]]
    %s = lns.add %a, %a : tensor<2x4x8xf32>
    lns.yield %s : tensor<2x4x8xf32>
  }
  // CHECK: lns.cluster() : () -> () {
  lns.cluster() : () -> () {
  }
  return
}

// CHECK: lns.cache @keys : tensor<2x6x4xf32>
lns.cache @keys : tensor<2x6x4xf32>
// CHECK-LABEL: func.func @decode
func.func @decode(%q: tensor<2x1x8xf32>, %k: tensor<2x1x4xf32>, %s: tensor<2x1xi32>) -> tensor<2x1x8xf32> {
  // CHECK: lns.rope {{.*}} starts({{.*}}) positions(6) head_dim(4) inverse : tensor<2x1x8xf32>, tensor<2x1xi32>
  %r = lns.rope %q starts(%s) positions(6) head_dim(4) inverse : tensor<2x1x8xf32>, tensor<2x1xi32>
  // CHECK: lns.get cache @keys
  %k0 = lns.get cache @keys : tensor<2x6x4xf32>
  // CHECK: lns.append {{.*}} starts({{.*}}) : tensor<2x6x4xf32>, tensor<2x1x4xf32>, tensor<2x1xi32>
  %k1 = lns.append %k0, %k starts(%s) : tensor<2x6x4xf32>, tensor<2x1x4xf32>, tensor<2x1xi32>
  // CHECK: lns.set {{.*}}, cache @keys
  lns.set %k1, cache @keys : tensor<2x6x4xf32>
  // CHECK: lns.cached_attention {{.*}} starts({{.*}}) heads(2) kv_heads(1) window(3) softcap(3.000000e+01) {softmax_scale = 5.000000e-01 : f64}
  %a = lns.cached_attention %r, %k1, %k1 starts(%s) heads(2) kv_heads(1) window(3) softcap(3.0e+01) {softmax_scale = 5.0e-01 : f64}
    : (tensor<2x1x8xf32>, tensor<2x6x4xf32>, tensor<2x6x4xf32>, tensor<2x1xi32>) -> tensor<2x1x8xf32>
  return %a : tensor<2x1x8xf32>
}
