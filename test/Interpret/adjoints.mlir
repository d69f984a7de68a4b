// Every differentiable op's adjoint agrees with finite differences in float64,
// for every element of every argument; each attribute that enters an adjoint
// has a case.
// RUN: lns-interpret %s --split-input-file --check-adjoints | FileCheck %s

// CHECK: embedding{{.*}}agrees
func.func @embedding(%table: tensor<5x3xf64>, %tokens: tensor<2x4xi32>) -> tensor<2x4x3xf64> {
  %y = lns.embedding %table, %tokens : (tensor<5x3xf64>, tensor<2x4xi32>) -> tensor<2x4x3xf64>
  return %y : tensor<2x4x3xf64>
}

// -----

// CHECK: norm_gain{{.*}}argument 0 agrees
// CHECK: norm_gain{{.*}}argument 1 agrees
func.func @norm_gain(%x: tensor<2x3x4xf64>, %g: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm rms %x, %g eps(1.0e-2) : tensor<2x3x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: norm_scale{{.*}}argument 0 agrees
// CHECK: norm_scale{{.*}}argument 1 agrees
func.func @norm_scale(%x: tensor<2x3x4xf64>, %g: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm rms %x, %g eps(1.0e-2) scale(0.25) : tensor<2x3x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: norm_plain{{.*}}argument 0 agrees
func.func @norm_plain(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm rms %x scale(0.5) : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: linear{{.*}}argument 0 agrees
// CHECK: linear{{.*}}argument 1 agrees
func.func @linear(%x: tensor<2x3x4xf64>, %w: tensor<5x4xf64>) -> tensor<2x3x5xf64> {
  %y = lns.linear %x, %w : (tensor<2x3x4xf64>, tensor<5x4xf64>) -> tensor<2x3x5xf64>
  return %y : tensor<2x3x5xf64>
}

// -----

// alpha multiplies the product only, not the bias.
// CHECK: linear_alpha_bias{{.*}}argument 0 agrees
// CHECK: linear_alpha_bias{{.*}}argument 1 agrees
// CHECK: linear_alpha_bias{{.*}}argument 2 agrees
func.func @linear_alpha_bias(%x: tensor<2x3x4xf64>, %w: tensor<5x4xf64>, %b: tensor<5xf64>) -> tensor<2x3x5xf64> {
  %y = lns.linear %x, %w bias(%b) {alpha = 0.3 : f64}
    : (tensor<2x3x4xf64>, tensor<5x4xf64>, tensor<5xf64>) -> tensor<2x3x5xf64>
  return %y : tensor<2x3x5xf64>
}

// -----

// CHECK: rope{{.*}}argument 0 agrees
func.func @rope(%x: tensor<2x3x8xf64>) -> tensor<2x3x8xf64> {
  %y = lns.rope %x head_dim(4) {base = 10.0 : f64} : tensor<2x3x8xf64>
  return %y : tensor<2x3x8xf64>
}

// -----

// Rows that are heads, all heads of one time alike.
// CHECK: rope_heads{{.*}}argument 0 agrees
func.func @rope_heads(%x: tensor<2x3x2x4xf64>) -> tensor<2x3x2x4xf64> {
  %y = lns.rope %x head_dim(4) {base = 10.0 : f64} : tensor<2x3x2x4xf64>
  return %y : tensor<2x3x2x4xf64>
}

// -----

// Times that count from where documents start.
// CHECK: rope_starts{{.*}}argument 0 agrees
func.func @rope_starts(%x: tensor<2x6x8xf64>, %s: tensor<2x6xi32>) -> tensor<2x6x8xf64> {
  %y = lns.rope %x starts(%s) head_dim(4) {base = 10.0 : f64} : tensor<2x6x8xf64>, tensor<2x6xi32>
  return %y : tensor<2x6x8xf64>
}

// -----

// CHECK: split{{.*}}argument 0 agrees
func.func @split(%x: tensor<2x6xf64>) -> tensor<2x2x3xf64> {
  %y = lns.reshape %x : tensor<2x6xf64> to tensor<2x2x3xf64>
  return %y : tensor<2x2x3xf64>
}

// -----

// CHECK: join{{.*}}argument 0 agrees
func.func @join(%x: tensor<2x2x3xf64>) -> tensor<2x6xf64> {
  %y = lns.reshape %x : tensor<2x2x3xf64> to tensor<2x6xf64>
  return %y : tensor<2x6xf64>
}

// -----

// The gain of a norm of heads is shared by all heads.
// CHECK: norm_heads{{.*}}argument 0 agrees
// CHECK: norm_heads{{.*}}argument 1 agrees
func.func @norm_heads(%x: tensor<2x3x2x4xf64>, %g: tensor<4xf64>) -> tensor<2x3x2x4xf64> {
  %y = lns.norm rms %x, %g eps(1.0e-2) : tensor<2x3x2x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x2x4xf64>
}

// -----

// CHECK: gate_heads{{.*}}argument 0 agrees
// CHECK: gate_heads{{.*}}argument 1 agrees
func.func @gate_heads(%x: tensor<2x3x2x4xf64>, %f: tensor<2x3x2xf64>) -> tensor<2x3x2x4xf64> {
  %y = lns.row_scale %x, %f : tensor<2x3x2x4xf64>, tensor<2x3x2xf64>
  return %y : tensor<2x3x2x4xf64>
}

// -----

// CHECK: rope_inverse{{.*}}argument 0 agrees
func.func @rope_inverse(%x: tensor<2x3x8xf64>) -> tensor<2x3x8xf64> {
  %y = lns.rope %x head_dim(4) inverse : tensor<2x3x8xf64>
  return %y : tensor<2x3x8xf64>
}

// -----

// CHECK: rope_frequencies{{.*}}argument 0 agrees
func.func @rope_frequencies(%x: tensor<2x3x8xf64>) -> tensor<2x3x8xf64> {
  %y = lns.rope %x head_dim(4) {frequencies = array<f64: 1.0, 0.7>} : tensor<2x3x8xf64>
  return %y : tensor<2x3x8xf64>
}

// -----

// CHECK: attention{{.*}}argument 0 agrees
// CHECK: attention{{.*}}argument 1 agrees
// CHECK: attention{{.*}}argument 2 agrees
func.func @attention(%q: tensor<2x4x6xf64>, %k: tensor<2x4x6xf64>, %v: tensor<2x4x6xf64>) -> tensor<2x4x6xf64> {
  %y = lns.attention %q, %k, %v heads(2) kv_heads(2) causal
    : (tensor<2x4x6xf64>, tensor<2x4x6xf64>, tensor<2x4x6xf64>) -> tensor<2x4x6xf64>
  return %y : tensor<2x4x6xf64>
}

// -----

// Without `causal`, every key counts.
// CHECK: attention_full{{.*}}argument 0 agrees
// CHECK: attention_full{{.*}}argument 1 agrees
// CHECK: attention_full{{.*}}argument 2 agrees
func.func @attention_full(%q: tensor<1x4x6xf64>, %k: tensor<1x4x6xf64>, %v: tensor<1x4x6xf64>) -> tensor<1x4x6xf64> {
  %y = lns.attention %q, %k, %v heads(3) kv_heads(3)
    : (tensor<1x4x6xf64>, tensor<1x4x6xf64>, tensor<1x4x6xf64>) -> tensor<1x4x6xf64>
  return %y : tensor<1x4x6xf64>
}

// -----

// A key head collects the gradients of all query heads that read it.
// CHECK: attention_grouped{{.*}}argument 0 agrees
// CHECK: attention_grouped{{.*}}argument 1 agrees
// CHECK: attention_grouped{{.*}}argument 2 agrees
func.func @attention_grouped(%q: tensor<2x3x8xf64>, %k: tensor<2x3x4xf64>, %v: tensor<2x3x4xf64>) -> tensor<2x3x8xf64> {
  %y = lns.attention %q, %k, %v heads(4) kv_heads(2) causal
    : (tensor<2x3x8xf64>, tensor<2x3x4xf64>, tensor<2x3x4xf64>) -> tensor<2x3x8xf64>
  return %y : tensor<2x3x8xf64>
}

// -----

// CHECK: attention_scale{{.*}}argument 0 agrees
// CHECK: attention_scale{{.*}}argument 1 agrees
// CHECK: attention_scale{{.*}}argument 2 agrees
func.func @attention_scale(%q: tensor<1x3x4xf64>, %k: tensor<1x3x4xf64>, %v: tensor<1x3x4xf64>) -> tensor<1x3x4xf64> {
  %y = lns.attention %q, %k, %v heads(2) kv_heads(2) causal {softmax_scale = 0.2 : f64}
    : (tensor<1x3x4xf64>, tensor<1x3x4xf64>, tensor<1x3x4xf64>) -> tensor<1x3x4xf64>
  return %y : tensor<1x3x4xf64>
}

// -----

// A window leaves the first two keys out of what the last two queries see.
// CHECK: attention_window{{.*}}argument 0 agrees
// CHECK: attention_window{{.*}}argument 1 agrees
// CHECK: attention_window{{.*}}argument 2 agrees
func.func @attention_window(%q: tensor<2x5x8xf64>, %k: tensor<2x5x4xf64>, %v: tensor<2x5x4xf64>) -> tensor<2x5x8xf64> {
  %y = lns.attention %q, %k, %v heads(4) kv_heads(2) causal window(3)
    : (tensor<2x5x8xf64>, tensor<2x5x4xf64>, tensor<2x5x4xf64>) -> tensor<2x5x8xf64>
  return %y : tensor<2x5x8xf64>
}

// -----

// Keys of other documents get no gradient from a query.
// CHECK: attention_starts{{.*}}argument 0 agrees
// CHECK: attention_starts{{.*}}argument 1 agrees
// CHECK: attention_starts{{.*}}argument 2 agrees
func.func @attention_starts(%q: tensor<2x6x8xf64>, %k: tensor<2x6x4xf64>, %v: tensor<2x6x4xf64>, %s: tensor<2x6xi32>) -> tensor<2x6x8xf64> {
  %y = lns.attention %q, %k, %v starts(%s) heads(4) kv_heads(2) causal
    : (tensor<2x6x8xf64>, tensor<2x6x4xf64>, tensor<2x6x4xf64>, tensor<2x6xi32>) -> tensor<2x6x8xf64>
  return %y : tensor<2x6x8xf64>
}

// -----

// CHECK: attention_starts_all{{.*}}argument 0 agrees
// CHECK: attention_starts_all{{.*}}argument 1 agrees
// CHECK: attention_starts_all{{.*}}argument 2 agrees
func.func @attention_starts_all(%q: tensor<2x6x4xf64>, %k: tensor<2x6x4xf64>, %v: tensor<2x6x4xf64>, %s: tensor<2x6xi32>) -> tensor<2x6x4xf64> {
  %y = lns.attention %q, %k, %v starts(%s) heads(2) kv_heads(2) causal window(2) softcap(0.5)
    : (tensor<2x6x4xf64>, tensor<2x6x4xf64>, tensor<2x6x4xf64>, tensor<2x6xi32>) -> tensor<2x6x4xf64>
  return %y : tensor<2x6x4xf64>
}

// -----

// A soft-cap that is less than most scores; then with a window, and a scale of
// another sign.
// CHECK: attention_softcap{{.*}}argument 0 agrees
// CHECK: attention_softcap{{.*}}argument 1 agrees
// CHECK: attention_softcap{{.*}}argument 2 agrees
func.func @attention_softcap(%q: tensor<1x4x6xf64>, %k: tensor<1x4x6xf64>, %v: tensor<1x4x6xf64>) -> tensor<1x4x6xf64> {
  %y = lns.attention %q, %k, %v heads(2) kv_heads(2) softcap(0.5)
    : (tensor<1x4x6xf64>, tensor<1x4x6xf64>, tensor<1x4x6xf64>) -> tensor<1x4x6xf64>
  return %y : tensor<1x4x6xf64>
}

// -----

// CHECK: attention_both{{.*}}argument 0 agrees
// CHECK: attention_both{{.*}}argument 1 agrees
// CHECK: attention_both{{.*}}argument 2 agrees
func.func @attention_both(%q: tensor<1x4x6xf64>, %k: tensor<1x4x6xf64>, %v: tensor<1x4x6xf64>) -> tensor<1x4x6xf64> {
  %y = lns.attention %q, %k, %v heads(2) kv_heads(2) causal window(2) softcap(0.5) {softmax_scale = -0.7 : f64}
    : (tensor<1x4x6xf64>, tensor<1x4x6xf64>, tensor<1x4x6xf64>) -> tensor<1x4x6xf64>
  return %y : tensor<1x4x6xf64>
}

// -----

// CHECK: softcap{{.*}}argument 0 agrees
func.func @softcap(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.softcap %x cap(0.75) : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// A gain that is stored less 1 has the gradient of the gain.
// CHECK: offset{{.*}}argument 0 agrees
// CHECK: offset{{.*}}argument 1 agrees
func.func @offset(%x: tensor<2x3x4xf64>, %w: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %g = lns.offset %w by(1.0) : tensor<4xf64>
  %y = lns.norm rms %x, %g : tensor<2x3x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: gated_activation{{.*}}argument 0 agrees
// CHECK: gated_activation{{.*}}argument 1 agrees
func.func @gated_activation(%g: tensor<2x3x4xf64>, %u: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.gated_activation silu %g, %u : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: residual{{.*}}argument 0 agrees
// CHECK: residual{{.*}}argument 1 agrees
func.func @residual(%x: tensor<2x3x4xf64>, %f: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.residual %x, %f {skip_scale = 0.75 : f64, branch_scale = 0.25 : f64} : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: cross_entropy{{.*}}argument 0 agrees
func.func @cross_entropy(%logits: tensor<2x3x5xf64>, %targets: tensor<2x3xi32>) -> tensor<2x3xf64> {
  %losses, %lse = lns.cross_entropy %logits, %targets : (tensor<2x3x5xf64>, tensor<2x3xi32>) -> (tensor<2x3xf64>, tensor<2x3xf64>)
  return %losses : tensor<2x3xf64>
}

// -----

// CHECK: mean{{.*}}argument 0 agrees
func.func @mean(%x: tensor<2x3xf64>) -> tensor<f64> {
  %y = lns.mean %x : (tensor<2x3xf64>) -> tensor<f64>
  return %y : tensor<f64>
}

// -----

// CHECK: matmul{{.*}}argument 0 agrees
// CHECK: matmul{{.*}}argument 1 agrees
func.func @matmul(%a: tensor<2x3x4xf64>, %b: tensor<4x5xf64>) -> tensor<2x3x5xf64> {
  %c = lns.matmul %a, %b : (tensor<2x3x4xf64>, tensor<4x5xf64>) -> tensor<2x3x5xf64>
  return %c : tensor<2x3x5xf64>
}

// -----

// CHECK: matmul_gain{{.*}}argument 0 agrees
// CHECK: matmul_gain{{.*}}argument 1 agrees
// CHECK: matmul_gain{{.*}}argument 2 agrees
// CHECK: matmul_gain{{.*}}argument 3 agrees
func.func @matmul_gain(%a: tensor<2x3x4xf64>, %b: tensor<5x4xf64>, %g: tensor<4xf64>, %c: tensor<2x3x5xf64>) -> tensor<2x3x5xf64> {
  %d = lns.matmul %a, %b transpose_b gain(%g) addend(%c) {alpha = 0.3 : f64} : (tensor<2x3x4xf64>, tensor<5x4xf64>, tensor<4xf64>, tensor<2x3x5xf64>) -> tensor<2x3x5xf64>
  return %d : tensor<2x3x5xf64>
}

// -----

// CHECK: linear_gain{{.*}}argument 0 agrees
// CHECK: linear_gain{{.*}}argument 1 agrees
// CHECK: linear_gain{{.*}}argument 2 agrees
func.func @linear_gain(%x: tensor<2x3x4xf64>, %w: tensor<5x4xf64>, %g: tensor<4xf64>) -> tensor<2x3x5xf64> {
  %y = lns.linear %x, %w gain(%g) {alpha = 0.3 : f64} : (tensor<2x3x4xf64>, tensor<5x4xf64>, tensor<4xf64>) -> tensor<2x3x5xf64>
  return %y : tensor<2x3x5xf64>
}

// -----

// CHECK: loss_factors{{.*}}argument 0 agrees
// CHECK: loss_factors{{.*}}argument 2 agrees
func.func @loss_factors(%logits: tensor<2x3x5xf64>, %targets: tensor<2x3xi32>, %f: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %losses, %lse = lns.cross_entropy %logits, %targets factors(%f) : (tensor<2x3x5xf64>, tensor<2x3xi32>, tensor<2x3xf64>) -> (tensor<2x3xf64>, tensor<2x3xf64>)
  return %losses : tensor<2x3xf64>
}

// -----

// CHECK: matmul_ta{{.*}}argument 0 agrees
// CHECK: matmul_ta{{.*}}argument 1 agrees
func.func @matmul_ta(%a: tensor<2x3x4xf64>, %b: tensor<6x5xf64>) -> tensor<4x5xf64> {
  %c = lns.matmul %a, %b transpose_a : (tensor<2x3x4xf64>, tensor<6x5xf64>) -> tensor<4x5xf64>
  return %c : tensor<4x5xf64>
}

// -----

// CHECK: matmul_tb{{.*}}argument 0 agrees
// CHECK: matmul_tb{{.*}}argument 1 agrees
func.func @matmul_tb(%a: tensor<2x3x4xf64>, %b: tensor<5x4xf64>) -> tensor<2x3x5xf64> {
  %c = lns.matmul %a, %b transpose_b : (tensor<2x3x4xf64>, tensor<5x4xf64>) -> tensor<2x3x5xf64>
  return %c : tensor<2x3x5xf64>
}

// -----

// CHECK: matmul_tatb{{.*}}argument 0 agrees
// CHECK: matmul_tatb{{.*}}argument 1 agrees
func.func @matmul_tatb(%a: tensor<4x3xf64>, %b: tensor<5x4xf64>) -> tensor<3x5xf64> {
  %c = lns.matmul %a, %b transpose_a transpose_b : (tensor<4x3xf64>, tensor<5x4xf64>) -> tensor<3x5xf64>
  return %c : tensor<3x5xf64>
}

// -----

// CHECK: row_rstd{{.*}}argument 0 agrees
func.func @row_rstd(%x: tensor<2x3x4xf64>) -> tensor<2x3xf64> {
  %r = lns.row_rstd %x eps(1.0e-2) : (tensor<2x3x4xf64>) -> tensor<2x3xf64>
  return %r : tensor<2x3xf64>
}

// -----

// CHECK: row_scale{{.*}}argument 0 agrees
// CHECK: row_scale{{.*}}argument 1 agrees
func.func @row_scale(%x: tensor<2x3x4xf64>, %r: tensor<2x3xf64>) -> tensor<2x3x4xf64> {
  %y = lns.row_scale %x, %r : tensor<2x3x4xf64>, tensor<2x3xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: scale_columns{{.*}}argument 0 agrees
// CHECK: scale_columns{{.*}}argument 1 agrees
func.func @scale_columns(%x: tensor<5x4xf64>, %g: tensor<4xf64>) -> tensor<5x4xf64> {
  %y = lns.scale_columns %x, %g scale(0.5) : tensor<5x4xf64>, tensor<4xf64>
  return %y : tensor<5x4xf64>
}

// -----

// CHECK: scale_columns_plain{{.*}}argument 0 agrees
func.func @scale_columns_plain(%x: tensor<5x4xf64>) -> tensor<5x4xf64> {
  %y = lns.scale_columns %x scale(0.5) : tensor<5x4xf64>
  return %y : tensor<5x4xf64>
}

// -----

// CHECK: add{{.*}}argument 0 agrees
// CHECK: add{{.*}}argument 1 agrees
func.func @add(%a: tensor<2x3xf64>, %b: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %c = lns.add %a, %b : tensor<2x3xf64>
  return %c : tensor<2x3xf64>
}

// -----

// CHECK: scale{{.*}}argument 0 agrees
func.func @scale(%x: tensor<2x3xf64>) -> tensor<2x3xf64> {
  %y = lns.scale %x factor(-1.5) : tensor<2x3xf64>
  return %y : tensor<2x3xf64>
}

// -----

// A value with several readers sums their gradients.
// CHECK: several_readers{{.*}}argument 0 agrees
// CHECK: several_readers{{.*}}argument 1 agrees
func.func @several_readers(%x: tensor<2x3x4xf64>, %w: tensor<4x4xf64>) -> tensor<2x3x4xf64> {
  %a = lns.linear %x, %w : (tensor<2x3x4xf64>, tensor<4x4xf64>) -> tensor<2x3x4xf64>
  %b = lns.gated_activation silu %a, %x : tensor<2x3x4xf64>
  %y = lns.residual %b, %a : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// Element types do not round here, so bf16 adjoints agree as f64 ones do.
// CHECK: cast{{.*}}agrees
func.func @cast(%x: tensor<2x3xf32>) -> tensor<2x3xbf16> {
  %y = lns.cast %x : tensor<2x3xf32> to tensor<2x3xbf16>
  return %y : tensor<2x3xbf16>
}

// -----

// The gradient of a bf16 operand from two f32 operands is a cast product.
// CHECK: linear_bf16{{.*}}argument 0 agrees
// CHECK: linear_bf16{{.*}}argument 1 agrees
// CHECK: linear_bf16{{.*}}argument 2 agrees
func.func @linear_bf16(%x: tensor<2x3x4xbf16>, %w: tensor<5x4xf32>, %b: tensor<5xf32>) -> tensor<2x3x5xf32> {
  %y = lns.linear %x, %w bias(%b) {alpha = 0.5 : f64} : (tensor<2x3x4xbf16>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<2x3x5xf32>
  return %y : tensor<2x3x5xf32>
}

// -----

// CHECK: attention_bf16{{.*}}argument 0 agrees
// CHECK: attention_bf16{{.*}}argument 1 agrees
// CHECK: attention_bf16{{.*}}argument 2 agrees
func.func @attention_bf16(%q: tensor<2x4x8xbf16>, %k: tensor<2x4x4xbf16>, %v: tensor<2x4x4xbf16>) -> tensor<2x4x8xbf16> {
  %a = lns.attention %q, %k, %v heads(2) kv_heads(1) causal : (tensor<2x4x8xbf16>, tensor<2x4x4xbf16>, tensor<2x4x4xbf16>) -> tensor<2x4x8xbf16>
  return %a : tensor<2x4x8xbf16>
}

// -----

// Numbers per row and gains are f32 where rows are bf16, in adjoints too.
// CHECK: norm_bf16{{.*}}argument 0 agrees
// CHECK: norm_bf16{{.*}}argument 1 agrees
func.func @norm_bf16(%x: tensor<2x3x4xbf16>, %g: tensor<4xf32>) -> tensor<2x3x4xbf16> {
  %y = lns.norm rms %x, %g eps(1.0e-2) : tensor<2x3x4xbf16>, tensor<4xf32>
  return %y : tensor<2x3x4xbf16>
}

// -----

// CHECK: loss_bf16{{.*}}argument 0 agrees
func.func @loss_bf16(%e: tensor<16x4xf32>, %t: tensor<2x3xi32>, %u: tensor<2x3xi32>) -> tensor<f32> {
  %x = lns.embedding %e, %t : (tensor<16x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xbf16>
  %l:2 = lns.cross_entropy %x, %u : (tensor<2x3x4xbf16>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %m = lns.mean %l#0 : (tensor<2x3xf32>) -> tensor<f32>
  return %m : tensor<f32>
}

// -----

// With every second target ignored, the loss does not depend on those rows.
// CHECK: loss_ignored{{.*}}argument 0 agrees
func.func @loss_ignored(%x: tensor<4x3xf64>) -> tensor<f64> {
  %t = arith.constant dense<[-100, 2, -100, 0]> : tensor<4xi32>
  %l:2 = lns.cross_entropy %x, %t : (tensor<4x3xf64>, tensor<4xi32>) -> (tensor<4xf64>, tensor<4xf64>)
  %n = lns.target_count %t : tensor<4xi32>
  %m = lns.mean %l#0 over(%n) : (tensor<4xf64>, tensor<i32>) -> tensor<f64>
  return %m : tensor<f64>
}

// -----

// The mean and the spread of a LayerNorm both depend on all of the row.
// CHECK: norm_layer{{.*}}argument 0 agrees
// CHECK: norm_layer{{.*}}argument 1 agrees
// CHECK: norm_layer{{.*}}argument 2 agrees
func.func @norm_layer(%x: tensor<2x3x4xf64>, %g: tensor<4xf64>, %b: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm layer %x, %g bias(%b) eps(1.0e-2) scale(0.25) : tensor<2x3x4xf64>, tensor<4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: norm_layer_bias{{.*}}argument 0 agrees
// CHECK: norm_layer_bias{{.*}}argument 1 agrees
func.func @norm_layer_bias(%x: tensor<2x3x4xf64>, %b: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm layer %x bias(%b) : tensor<2x3x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: norm_layer_plain{{.*}}argument 0 agrees
func.func @norm_layer_plain(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm layer %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: norm_tanh: {{.*}}argument 0 agrees
// CHECK: norm_tanh: {{.*}}argument 1 agrees
// CHECK: norm_tanh: {{.*}}argument 2 agrees
// CHECK: norm_tanh: {{.*}}argument 3 agrees
func.func @norm_tanh(%x: tensor<2x3x4xf64>, %g: tensor<4xf64>, %b: tensor<4xf64>, %a: tensor<1xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm tanh %x, %g bias(%b) alpha(%a) scale(0.25) : tensor<2x3x4xf64>, tensor<4xf64>, tensor<4xf64>, tensor<1xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: norm_tanh_plain: {{.*}}argument 0 agrees
// CHECK: norm_tanh_plain: {{.*}}argument 1 agrees
func.func @norm_tanh_plain(%x: tensor<2x3x4xf64>, %a: tensor<1xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm tanh %x alpha(%a) : tensor<2x3x4xf64>, tensor<1xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// A vector is one row, for the linear and for the products of its adjoint.
// CHECK: linear_vector{{.*}}argument 0 agrees
// CHECK: linear_vector{{.*}}argument 1 agrees
// CHECK: linear_vector{{.*}}argument 2 agrees
func.func @linear_vector(%x: tensor<4xf64>, %w: tensor<5x4xf64>, %b: tensor<5xf64>) -> tensor<5xf64> {
  %y = lns.linear %x, %w bias(%b) {alpha = 0.3 : f64} : (tensor<4xf64>, tensor<5x4xf64>, tensor<5xf64>) -> tensor<5xf64>
  return %y : tensor<5xf64>
}

// -----

// CHECK: activation_silu{{.*}}argument 0 agrees
func.func @activation_silu(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation silu %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: activation_gelu_tanh{{.*}}argument 0 agrees
func.func @activation_gelu_tanh(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation gelu_tanh %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: activation_relu{{.*}}argument 0 agrees
func.func @activation_relu(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation relu %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: activation_tanh{{.*}}argument 0 agrees
func.func @activation_tanh(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation tanh %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: activation_sigmoid: {{.*}}argument 0 agrees
func.func @activation_sigmoid(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation sigmoid %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: activation_abs: {{.*}}argument 0 agrees
func.func @activation_abs(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation abs %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// |v| of a learned vector, as nGPT has it.
// CHECK: abs_of_vector: {{.*}}argument 0 agrees
// CHECK: abs_of_vector: {{.*}}argument 1 agrees
func.func @abs_of_vector(%x: tensor<2x3x4xf64>, %v: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %s = lns.activation abs %v : tensor<4xf64>
  %y = lns.scale_columns %x, %s scale(0.5) : tensor<2x3x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: gated_activation_relu2: {{.*}}argument 0 agrees
// CHECK: gated_activation_relu2: {{.*}}argument 1 agrees
func.func @gated_activation_relu2(%g: tensor<2x3x4xf64>, %u: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.gated_activation relu2 %g, %u : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: activation_gelu: {{.*}}argument 0 agrees
func.func @activation_gelu(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation gelu %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: gated_activation_gelu: {{.*}}argument 0 agrees
// CHECK: gated_activation_gelu: {{.*}}argument 1 agrees
func.func @gated_activation_gelu(%g: tensor<2x3x4xf64>, %u: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.gated_activation gelu %g, %u : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: gated_activation_gelu_tanh{{.*}}argument 0 agrees
// CHECK: gated_activation_gelu_tanh{{.*}}argument 1 agrees
func.func @gated_activation_gelu_tanh(%g: tensor<2x3x4xf64>, %u: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.gated_activation gelu_tanh %g, %u : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: gated_activation_relu{{.*}}argument 0 agrees
// CHECK: gated_activation_relu{{.*}}argument 1 agrees
func.func @gated_activation_relu(%g: tensor<2x3x4xf64>, %u: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.gated_activation relu %g, %u : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: scale_by: {{.*}}argument 0 agrees
// CHECK: scale_by: {{.*}}argument 1 agrees
func.func @scale_by(%x: tensor<2x3x4xf64>, %a: tensor<1xf64>) -> tensor<2x3x4xf64> {
  %y = lns.scale_by %x, %a : tensor<2x3x4xf64>, tensor<1xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// A vector is one row.
// CHECK: scale_vector_by: {{.*}}argument 0 agrees
// CHECK: scale_vector_by: {{.*}}argument 1 agrees
func.func @scale_vector_by(%x: tensor<4xf64>, %a: tensor<1xf64>) -> tensor<4xf64> {
  %y = lns.scale_by %x, %a : tensor<4xf64>, tensor<1xf64>
  return %y : tensor<4xf64>
}

// -----

// Rows of the table beyond the sequence get a gradient of zero.
// CHECK: add_positions{{.*}}argument 0 agrees
// CHECK: add_positions{{.*}}argument 1 agrees
func.func @add_positions(%x: tensor<2x3x4xf64>, %t: tensor<5x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.add_positions %x, %t : tensor<2x3x4xf64>, tensor<5x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: add_positions_starts{{.*}}argument 0 agrees
// CHECK: add_positions_starts{{.*}}argument 1 agrees
func.func @add_positions_starts(%x: tensor<2x6x4xf64>, %t: tensor<7x4xf64>, %s: tensor<2x6xi32>) -> tensor<2x6x4xf64> {
  %y = lns.add_positions %x, %t starts(%s) : tensor<2x6x4xf64>, tensor<7x4xf64>, tensor<2x6xi32>
  return %y : tensor<2x6x4xf64>
}

// -----

// CHECK: add_bias{{.*}}argument 0 agrees
// CHECK: add_bias{{.*}}argument 1 agrees
func.func @add_bias(%x: tensor<2x3x4xf64>, %b: tensor<4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.add_bias %x, %b scale(0.3) : tensor<2x3x4xf64>, tensor<4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: center_rows{{.*}}argument 0 agrees
func.func @center_rows(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.center_rows %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: shift_by{{.*}}argument 0 agrees
// CHECK: shift_by{{.*}}argument 1 agrees
func.func @shift_by(%x: tensor<2x3x4xf64>, %s: tensor<1xf64>) -> tensor<2x3x4xf64> {
  %y = lns.shift_by %x, %s : tensor<2x3x4xf64>, tensor<1xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// Differences with what is stopped as it was: y * (1 - silu(c)) would have
// another gradient for y.
// CHECK: stop_gradient{{.*}}argument 0 agrees
// CHECK: stop_gradient{{.*}}argument 1 agrees
func.func @stop_gradient(%y: tensor<2x3x4xf64>, %c: tensor<1xf64>) -> tensor<2x3x4xf64> {
  %g = lns.activation silu %c : tensor<1xf64>
  %s = lns.stop_gradient %y : tensor<2x3x4xf64>
  %z = lns.scale_by %s, %g : tensor<2x3x4xf64>, tensor<1xf64>
  %r = lns.residual %y, %z {branch_scale = -1.0 : f64} : tensor<2x3x4xf64>
  return %r : tensor<2x3x4xf64>
}

// -----

// CHECK: mix_factors{{.*}}argument 0 agrees
// CHECK: mix_factors{{.*}}argument 1 agrees
// CHECK: mix_factors{{.*}}argument 2 agrees
func.func @mix_factors(%s: tensor<1xf64>, %a: tensor<1xf64>, %b: tensor<1xf64>) -> (tensor<1xf64>, tensor<1xf64>) {
  %f, %g = lns.mix_factors %s, %a, %b eps(1.0e-2) : tensor<1xf64>
  return %f, %g : tensor<1xf64>, tensor<1xf64>
}

// -----

// Of one that nothing reads, the gradient is zero.
// CHECK: mix_factor{{.*}}argument 0 agrees
// CHECK: mix_factor{{.*}}argument 1 agrees
// CHECK: mix_factor{{.*}}argument 2 agrees
func.func @mix_factor(%s: tensor<3xf64>, %a: tensor<3xf64>, %b: tensor<3xf64>) -> tensor<3xf64> {
  %f, %g = lns.mix_factors %s, %a, %b eps(1.0e-2) : tensor<3xf64>
  return %g : tensor<3xf64>
}

// -----

// CHECK: erf_norm{{.*}}argument 0 agrees
// CHECK: erf_norm{{.*}}argument 1 agrees
// CHECK: erf_norm{{.*}}argument 2 agrees
// CHECK: erf_norm{{.*}}argument 3 agrees
// CHECK: erf_norm{{.*}}argument 4 agrees
func.func @erf_norm(%x: tensor<2x3x4xf64>, %g: tensor<4xf64>, %b: tensor<4xf64>, %a: tensor<1xf64>, %s: tensor<1xf64>) -> tensor<2x3x4xf64> {
  %y = lns.norm erf %x, %g bias(%b) alpha(%a) shift(%s) scale(0.5) : tensor<2x3x4xf64>, tensor<4xf64>, tensor<4xf64>, tensor<1xf64>, tensor<1xf64>
  return %y : tensor<2x3x4xf64>
}

// -----

// CHECK: erf_activation{{.*}}argument 0 agrees
func.func @erf_activation(%x: tensor<2x3x4xf64>) -> tensor<2x3x4xf64> {
  %y = lns.activation erf %x : tensor<2x3x4xf64>
  return %y : tensor<2x3x4xf64>
}
