// What each op of the forward pass computes, by numbers that can be checked by
// hand.
// RUN: lns-interpret %s --split-input-file --print | FileCheck %s

// CHECK-LABEL: embedding: result.0: [1, 3, 2]
// CHECK-NEXT:  = 5, 6, 1, 2, 5, 6
func.func @embedding() -> tensor<1x3x2xf64> {
  %table = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf64>
  %tokens = arith.constant dense<[[2, 0, 2]]> : tensor<1x3xi32>
  %y = lns.embedding %table, %tokens : (tensor<3x2xf64>, tensor<1x3xi32>) -> tensor<1x3x2xf64>
  return %y : tensor<1x3x2xf64>
}

// -----

// 3/sqrt(12.5 + 12.5) = 0.6, times the gain 10, times the scale 0.5.
// CHECK-LABEL: norm_rms: result.0: [1, 1, 2]
// CHECK-NEXT:  = 3, 2
func.func @norm_rms() -> tensor<1x1x2xf64> {
  %x = arith.constant dense<[[[3.0, 4.0]]]> : tensor<1x1x2xf64>
  %g = arith.constant dense<[10.0, 5.0]> : tensor<2xf64>
  %y = lns.norm rms %x, %g eps(12.5) scale(0.5) : tensor<1x1x2xf64>, tensor<2xf64>
  return %y : tensor<1x1x2xf64>
}

// -----

// (1 - 2)/sqrt(1 + 3) = -0.5; gain and bias come before the scale.
// CHECK-LABEL: norm_layer: result.0: [1, 1, 2]
// CHECK-NEXT:  = 0, 1.5
func.func @norm_layer() -> tensor<1x1x2xf64> {
  %x = arith.constant dense<[[[1.0, 3.0]]]> : tensor<1x1x2xf64>
  %g = arith.constant dense<[2.0, 4.0]> : tensor<2xf64>
  %b = arith.constant dense<[1.0, 1.0]> : tensor<2xf64>
  %y = lns.norm layer %x, %g bias(%b) eps(3.0) scale(0.5) : tensor<1x1x2xf64>, tensor<2xf64>, tensor<2xf64>
  return %y : tensor<1x1x2xf64>
}

// -----

// tanh(2 * ln(2)/2) = 3/5; gain and bias come before the scale.
// CHECK-LABEL: norm_tanh: result.0: [1, 1, 2]
// CHECK-NEXT:  = 3.5, 0.5
func.func @norm_tanh() -> tensor<1x1x2xf64> {
  %x = arith.constant dense<[[[0.34657359027997264, 0.0]]]> : tensor<1x1x2xf64>
  %g = arith.constant dense<[10.0, 4.0]> : tensor<2xf64>
  %b = arith.constant dense<[1.0, 1.0]> : tensor<2xf64>
  %a = arith.constant dense<2.0> : tensor<1xf64>
  %y = lns.norm tanh %x, %g bias(%b) alpha(%a) scale(0.5) : tensor<1x1x2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<1xf64>
  return %y : tensor<1x1x2xf64>
}

// -----

// The weight is [out, in]; alpha does not touch the bias.
// CHECK-LABEL: linear: result.0: [1, 1, 3]
// CHECK-NEXT:  = 12, 24, 46
func.func @linear() -> tensor<1x1x3xf64> {
  %x = arith.constant dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf64>
  %w = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]]> : tensor<3x2xf64>
  %b = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf64>
  %y = lns.linear %x, %w bias(%b) {alpha = 2.0 : f64}
    : (tensor<1x1x2xf64>, tensor<3x2xf64>, tensor<3xf64>) -> tensor<1x1x3xf64>
  return %y : tensor<1x1x3xf64>
}

// -----

// Pairs (0, 2) and (1, 3) turn by a quarter and by half a turn per position;
// position 0 does not turn.
// CHECK-LABEL: rope_quarters: result.0: [1, 2, 4]
// CHECK-NEXT:  = 1, 2, 3, 4, -3, -2, 1, -4
func.func @rope_quarters() -> tensor<1x2x4xf64> {
  %x = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]]> : tensor<1x2x4xf64>
  %y = lns.rope %x head_dim(4) {frequencies = array<f64: 1.5707963267948966, 3.1415926535897931>} : tensor<1x2x4xf64>
  return %y : tensor<1x2x4xf64>
}

// -----

// CHECK-LABEL: rope_inverse: result.0: [1, 2, 4]
// CHECK-NEXT:  = 1, 2, 3, 4, 3, -2, -1, -4
func.func @rope_inverse() -> tensor<1x2x4xf64> {
  %x = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]]> : tensor<1x2x4xf64>
  %y = lns.rope %x head_dim(4) inverse {frequencies = array<f64: 1.5707963267948966, 3.1415926535897931>} : tensor<1x2x4xf64>
  return %y : tensor<1x2x4xf64>
}

// -----

// Both heads turn alike. f_0 = 1 and f_1 = 16^(-2/4) = 0.25: cos(1) and sin(1),
// cos(0.25) and sin(0.25).
// CHECK-LABEL: rope_base: result.0: [1, 2, 8]
// CHECK-NEXT:  = 0, 0, 0, 0, 0, 0, 0, 0, 0.5403023059, 0, 0.8414709848, 0, 0, 0.9689124217, 0, 0.2474039593
func.func @rope_base() -> tensor<1x2x8xf64> {
  %x = arith.constant dense<[[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
                              [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]]> : tensor<1x2x8xf64>
  %y = lns.rope %x head_dim(4) {base = 16.0 : f64} : tensor<1x2x8xf64>
  return %y : tensor<1x2x8xf64>
}

// -----

// Time 2 starts a document and does not turn; time 3 turns as time 1 does.
// CHECK-LABEL: rope_starts: result.0: [1, 4, 2]
// CHECK-NEXT:  = 1, 0, 0.5403023059, 0.8414709848, 1, 0, 0.5403023059, 0.8414709848
func.func @rope_starts() -> tensor<1x4x2xf64> {
  %x = arith.constant dense<[[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]]> : tensor<1x4x2xf64>
  %s = arith.constant dense<[[0, 0, 2, 2]]> : tensor<1x4xi32>
  %y = lns.rope %x starts(%s) head_dim(2) {frequencies = array<f64: 1.0>} : tensor<1x4x2xf64>, tensor<1x4xi32>
  return %y : tensor<1x4x2xf64>
}

// -----

// Scores are equal: means of the values from the document's start on, here also
// of no more than two.
// CHECK-LABEL: attention_starts: result.0: [1, 5, 1]
// CHECK-NEXT:  = 1, 2, 7, 8, 10
// CHECK-NEXT:  result.1: [1, 1, 5]
// CHECK-NEXT:  = 0, 0.6931471806, 0, 0.6931471806, 1.098612289
// CHECK-NEXT:  result.2: [1, 5, 1]
// CHECK-NEXT:  = 1, 2, 7, 8, 11.5
func.func @attention_starts() -> (tensor<1x5x1xf64>, tensor<1x1x5xf64>, tensor<1x5x1xf64>) {
  %q = arith.constant dense<0.0> : tensor<1x5x1xf64>
  %v = arith.constant dense<[[[1.0], [3.0], [7.0], [9.0], [14.0]]]> : tensor<1x5x1xf64>
  %s = arith.constant dense<[[0, 0, 2, 2, 2]]> : tensor<1x5xi32>
  %y, %lse = lns.attention %q, %q, %v starts(%s) heads(1) kv_heads(1) causal
    : (tensor<1x5x1xf64>, tensor<1x5x1xf64>, tensor<1x5x1xf64>, tensor<1x5xi32>) -> (tensor<1x5x1xf64>, tensor<1x1x5xf64>)
  %z = lns.attention %q, %q, %v starts(%s) heads(1) kv_heads(1) causal window(2)
    : (tensor<1x5x1xf64>, tensor<1x5x1xf64>, tensor<1x5x1xf64>, tensor<1x5xi32>) -> tensor<1x5x1xf64>
  return %y, %lse, %z : tensor<1x5x1xf64>, tensor<1x1x5xf64>, tensor<1x5x1xf64>
}

// -----

// The first position sees itself only; the second, whose scores are equal, the
// mean of both. The log-sum-exps are 0.5 * 2 and log(2).
// CHECK-LABEL: attention_causal: result.0: [1, 2, 2]
// CHECK-NEXT:  = 1, 2, 2, 4
// CHECK-NEXT:  result.1: [1, 1, 2]
// CHECK-NEXT:  = 1, 0.6931471806
func.func @attention_causal() -> (tensor<1x2x2xf64>, tensor<1x1x2xf64>) {
  %q = arith.constant dense<[[[1.0, 2.0], [0.0, 0.0]]]> : tensor<1x2x2xf64>
  %k = arith.constant dense<[[[2.0, 0.0], [7.0, 8.0]]]> : tensor<1x2x2xf64>
  %v = arith.constant dense<[[[1.0, 2.0], [3.0, 6.0]]]> : tensor<1x2x2xf64>
  %y, %lse = lns.attention %q, %k, %v heads(1) kv_heads(1) causal {softmax_scale = 0.5 : f64}
    : (tensor<1x2x2xf64>, tensor<1x2x2xf64>, tensor<1x2x2xf64>) -> (tensor<1x2x2xf64>, tensor<1x1x2xf64>)
  return %y, %lse : tensor<1x2x2xf64>, tensor<1x1x2xf64>
}

// -----

// Scores q k / sqrt(4) are 0 and log(3): weights 1/4 and 3/4 at both positions.
// CHECK-LABEL: attention_full: result.0: [1, 2, 4]
// CHECK-NEXT:  = 7, 0, 0, 0, 7, 0, 0, 0
func.func @attention_full() -> tensor<1x2x4xf64> {
  %q = arith.constant dense<[[[2.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]]]> : tensor<1x2x4xf64>
  %k = arith.constant dense<[[[0.0, 0.0, 0.0, 0.0], [1.0986122886681098, 0.0, 0.0, 0.0]]]> : tensor<1x2x4xf64>
  %v = arith.constant dense<[[[4.0, 0.0, 0.0, 0.0], [8.0, 0.0, 0.0, 0.0]]]> : tensor<1x2x4xf64>
  %y = lns.attention %q, %k, %v heads(1) kv_heads(1)
    : (tensor<1x2x4xf64>, tensor<1x2x4xf64>, tensor<1x2x4xf64>) -> tensor<1x2x4xf64>
  return %y : tensor<1x2x4xf64>
}

// -----

// Query heads 0 and 1 read key/value head 0, heads 2 and 3 read head 1.
// CHECK-LABEL: attention_grouped: result.0: [1, 1, 4]
// CHECK-NEXT:  = 5, 5, 7, 7
func.func @attention_grouped() -> tensor<1x1x4xf64> {
  %q = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0]]]> : tensor<1x1x4xf64>
  %v = arith.constant dense<[[[5.0, 7.0]]]> : tensor<1x1x2xf64>
  %y = lns.attention %q, %v, %v heads(4) kv_heads(2) causal
    : (tensor<1x1x4xf64>, tensor<1x1x2xf64>, tensor<1x1x2xf64>) -> tensor<1x1x4xf64>
  return %y : tensor<1x1x4xf64>
}

// -----

// sigmoid(log(3)) = 3/4, so silu(log(3)) * 2 = 1.5 * log(3).
// CHECK-LABEL: gated_activation: result.0: [1, 1, 2]
// CHECK-NEXT:  = 0, 1.647918433
func.func @gated_activation() -> tensor<1x1x2xf64> {
  %g = arith.constant dense<[[[0.0, 1.0986122886681098]]]> : tensor<1x1x2xf64>
  %u = arith.constant dense<[[[5.0, 2.0]]]> : tensor<1x1x2xf64>
  %y = lns.gated_activation silu %g, %u : tensor<1x1x2xf64>
  return %y : tensor<1x1x2xf64>
}

// -----

// silu and gelu_tanh by sigmoid(log(3)) = 3/4 and by PyTorch's value at 1 and -1.
// CHECK-LABEL: activation: result.0: [2]
// CHECK-NEXT:  = 0, 0.8239592165
// CHECK-NEXT:  result.1: [2]
// CHECK-NEXT:  = 0.8411919906, -0.1588080094
// CHECK-NEXT:  result.2: [2]
// CHECK-NEXT:  = 1, 0
func.func @activation() -> (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) {
  %x = arith.constant dense<[0.0, 1.0986122886681098]> : tensor<2xf64>
  %y = arith.constant dense<[1.0, -1.0]> : tensor<2xf64>
  %a = lns.activation silu %x : tensor<2xf64>
  %b = lns.activation gelu_tanh %y : tensor<2xf64>
  %c = lns.activation relu %y : tensor<2xf64>
  return %a, %b, %c : tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
}

// -----

// ReGLU: what is not above zero is gated away.
// CHECK-LABEL: reglu: result.0: [2]
// CHECK-NEXT:  = 14, 0
func.func @reglu() -> tensor<2xf64> {
  %g = arith.constant dense<[2.0, -3.0]> : tensor<2xf64>
  %u = arith.constant dense<[7.0, 5.0]> : tensor<2xf64>
  %y = lns.gated_activation relu %g, %u : tensor<2xf64>
  return %y : tensor<2xf64>
}

// -----

// Both sequences start at the table's first row; its last is not reached.
// CHECK-LABEL: add_positions: result.0: [2, 2, 1]
// CHECK-NEXT:  = 11, 22, 13, 24
func.func @add_positions() -> tensor<2x2x1xf64> {
  %x = arith.constant dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf64>
  %t = arith.constant dense<[[10.0], [20.0], [30.0]]> : tensor<3x1xf64>
  %y = lns.add_positions %x, %t : tensor<2x2x1xf64>, tensor<3x1xf64>
  return %y : tensor<2x2x1xf64>
}

// -----

// Documents start at the table's first row.
// CHECK-LABEL: add_positions_starts: result.0: [2, 3, 1]
// CHECK-NEXT:  = 11, 12, 23, 14, 25, 16
func.func @add_positions_starts() -> tensor<2x3x1xf64> {
  %x = arith.constant dense<[[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]> : tensor<2x3x1xf64>
  %t = arith.constant dense<[[10.0], [20.0], [30.0]]> : tensor<3x1xf64>
  %s = arith.constant dense<[[0, 1, 1], [0, 0, 2]]> : tensor<2x3xi32>
  %y = lns.add_positions %x, %t starts(%s) : tensor<2x3x1xf64>, tensor<3x1xf64>, tensor<2x3xi32>
  return %y : tensor<2x3x1xf64>
}

// -----

// CHECK-LABEL: residual: result.0: [1, 1, 2]
// CHECK-NEXT:  = 6.5, 9
func.func @residual() -> tensor<1x1x2xf64> {
  %x = arith.constant dense<[[[1.0, 2.0]]]> : tensor<1x1x2xf64>
  %f = arith.constant dense<[[[3.0, 4.0]]]> : tensor<1x1x2xf64>
  %y = lns.residual %x, %f {skip_scale = 0.5 : f64, branch_scale = 2.0 : f64} : tensor<1x1x2xf64>
  return %y : tensor<1x1x2xf64>
}

// -----

// Equal logits give log(4); logits log(1..4) give log(10) - log(4).
// CHECK-LABEL: cross_entropy: result.0: [1, 2]
// CHECK-NEXT:  = 1.386294361, 0.9162907319
// CHECK-NEXT:  result.1: [1, 2]
// CHECK-NEXT:  = 1001.386294, 2.302585093
func.func @cross_entropy() -> (tensor<1x2xf64>, tensor<1x2xf64>) {
  %logits = arith.constant dense<[[[1000.0, 1000.0, 1000.0, 1000.0],
    [0.0, 0.69314718055994529, 1.0986122886681098, 1.3862943611198906]]]> : tensor<1x2x4xf64>
  %targets = arith.constant dense<[[1, 3]]> : tensor<1x2xi32>
  %losses, %lse = lns.cross_entropy %logits, %targets
    : (tensor<1x2x4xf64>, tensor<1x2xi32>) -> (tensor<1x2xf64>, tensor<1x2xf64>)
  return %losses, %lse : tensor<1x2xf64>, tensor<1x2xf64>
}

// -----

// CHECK-LABEL: mean: result.0: []
// CHECK-NEXT:  = 3
func.func @mean() -> tensor<f64> {
  %x = arith.constant dense<[[1.0, 2.0], [3.0, 6.0]]> : tensor<2x2xf64>
  %y = lns.mean %x : (tensor<2x2xf64>) -> tensor<f64>
  return %y : tensor<f64>
}

// -----

// Of two targets that count, one has the loss 1, the other log(2); the third row's
// would be infinite. Its target is ignored.
// CHECK-LABEL: ignored: result.0: [3]
// CHECK-NEXT:  = 1, 0, 0.6931471806
// CHECK-NEXT:  result.1: []
// CHECK-NEXT:  = 2
// CHECK-NEXT:  result.2: []
// CHECK-NEXT:  = 0.8465735903
func.func @ignored() -> (tensor<3xf64>, tensor<i32>, tensor<f64>) {
  %logits = arith.constant dense<[[0.0, -0.541324854612918], [0.0, 0x7FF0000000000000], [3.0, 3.0]]> : tensor<3x2xf64>
  %targets = arith.constant dense<[1, -100, 0]> : tensor<3xi32>
  %losses, %lse = lns.cross_entropy %logits, %targets : (tensor<3x2xf64>, tensor<3xi32>) -> (tensor<3xf64>, tensor<3xf64>)
  %n = lns.target_count %targets : tensor<3xi32>
  %loss = lns.mean %losses over(%n) : (tensor<3xf64>, tensor<i32>) -> tensor<f64>
  return %losses, %n, %loss : tensor<3xf64>, tensor<i32>, tensor<f64>
}

// -----

// A view has the same numbers in the same order.
// CHECK-LABEL: split: result.0: [2, 2, 3]
// CHECK-NEXT:  = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
func.func @split() -> tensor<2x2x3xf64> {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]]> : tensor<2x6xf64>
  %y = lns.reshape %x : tensor<2x6xf64> to tensor<2x2x3xf64>
  return %y : tensor<2x2x3xf64>
}

// -----

// Heads are rotated by the time that they are at, wherever they stand: as rows of
// their own, or beside each other.
// CHECK-LABEL: rotated_heads: result.0: [1, 2, 4]
// CHECK-NEXT:  = 0, 0, 0, 0, 0, 0, 0, 0
func.func @rotated_heads() -> tensor<1x2x4xf64> {
  %x = arith.constant dense<[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]> : tensor<1x2x4xf64>
  %heads = lns.reshape %x : tensor<1x2x4xf64> to tensor<1x2x2x2xf64>
  %r = lns.rope %heads head_dim(2) {frequencies = array<f64: 0.5>} : tensor<1x2x2x2xf64>
  %a = lns.reshape %r : tensor<1x2x2x2xf64> to tensor<1x2x4xf64>
  %b = lns.rope %x head_dim(2) {frequencies = array<f64: 0.5>} : tensor<1x2x4xf64>
  %d = lns.residual %a, %b {branch_scale = -1.0 : f64} : tensor<1x2x4xf64>
  return %d : tensor<1x2x4xf64>
}
