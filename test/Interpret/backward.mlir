// What ops that passes make compute: folded norms, products and adjoints, by
// numbers that can be checked by hand.
// RUN: lns-interpret %s --split-input-file --print | FileCheck %s

// All four products of the same factors' views: [[1, 2], [3, 4]] and
// [[5, 6], [7, 8]].
// CHECK-LABEL: matmul: result.0: [2, 2]
// CHECK-NEXT:  = 19, 22, 43, 50
// CHECK-NEXT:  result.1
// CHECK-NEXT:  = 26, 30, 38, 44
// CHECK-NEXT:  result.2
// CHECK-NEXT:  = 17, 23, 39, 53
// CHECK-NEXT:  result.3
// CHECK-NEXT:  = 23, 31, 34, 46
func.func @matmul() -> (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>) {
  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %b = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf64>
  %nn = lns.matmul %a, %b : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  %tn = lns.matmul %a, %b transpose_a : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  %nt = lns.matmul %a, %b transpose_b : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  %tt = lns.matmul %a, %b transpose_a transpose_b : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  return %nn, %tn, %nt, %tt : tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>
}

// -----

// 2 a (b diag(10, 100)) + c: the gain is on b's columns as it is given, so on
// the rows of its transpose.
// CHECK-LABEL: matmul_gain: result.0: [2, 2]
// CHECK-NEXT:  = 381, 4401, 861, 10001
// CHECK-NEXT:  result.1
// CHECK-NEXT:  = 2501, 3341, 5101, 6821
func.func @matmul_gain() -> (tensor<2x2xf64>, tensor<2x2xf64>) {
  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %b = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf64>
  %g = arith.constant dense<[10.0, 100.0]> : tensor<2xf64>
  %c = arith.constant dense<1.0> : tensor<2x2xf64>
  %nn = lns.matmul %a, %b gain(%g) addend(%c) {alpha = 2.0 : f64} : (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  %nt = lns.matmul %a, %b transpose_b gain(%g) addend(%c) {alpha = 2.0 : f64} : (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>) -> tensor<2x2xf64>
  return %nn, %nt : tensor<2x2xf64>, tensor<2x2xf64>
}

// -----

// With factors, the loss and its gradients are those of the scaled logits;
// `relative` multiplies the factors' gradient by them.
// CHECK-LABEL: factors: result.0: [1, 2]
// CHECK-NEXT:  = 0, 0
// CHECK-NEXT:  result.1
// CHECK-NEXT:  = 0, 0, 0, 0, 0, 0
// CHECK-NEXT:  result.2
// CHECK-NEXT:  = 0, 0
func.func @factors() -> (tensor<1x2xf64>, tensor<1x2x3xf64>, tensor<1x2xf64>) {
  %z = arith.constant dense<[[[0.1, -0.5, 2.0], [1.0, 0.3, -0.7]]]> : tensor<1x2x3xf64>
  %f = arith.constant dense<[[0.5, 4.0]]> : tensor<1x2xf64>
  %t = arith.constant dense<[[2, 0]]> : tensor<1x2xi32>
  %dl = arith.constant dense<[[10.0, -3.0]]> : tensor<1x2xf64>
  %y = lns.row_scale %z, %f : tensor<1x2x3xf64>, tensor<1x2xf64>
  %l0, %lse0 = lns.cross_entropy %y, %t : (tensor<1x2x3xf64>, tensor<1x2xi32>) -> (tensor<1x2xf64>, tensor<1x2xf64>)
  %dy = lns.cross_entropy_grad %y, %t, %lse0, %dl : (tensor<1x2x3xf64>, tensor<1x2xi32>, tensor<1x2xf64>, tensor<1x2xf64>) -> tensor<1x2x3xf64>
  %dz0 = lns.row_scale %dy, %f : tensor<1x2x3xf64>, tensor<1x2xf64>
  %df0 = lns.row_dot %dy, %y : (tensor<1x2x3xf64>, tensor<1x2x3xf64>) -> tensor<1x2xf64>
  %l1, %lse1 = lns.cross_entropy %z, %t factors(%f) : (tensor<1x2x3xf64>, tensor<1x2xi32>, tensor<1x2xf64>) -> (tensor<1x2xf64>, tensor<1x2xf64>)
  %dz1, %df1 = lns.cross_entropy_grad %z, %t, %lse1, %dl factors(%f) relative
    : (tensor<1x2x3xf64>, tensor<1x2xi32>, tensor<1x2xf64>, tensor<1x2xf64>, tensor<1x2xf64>) -> (tensor<1x2x3xf64>, tensor<1x2xf64>)
  %l = lns.residual %l0, %l1 {branch_scale = -1.0 : f64} : tensor<1x2xf64>
  %dz = lns.residual %dz0, %dz1 {branch_scale = -1.0 : f64} : tensor<1x2x3xf64>
  %df = lns.residual %df0, %df1 {branch_scale = -1.0 : f64} : tensor<1x2xf64>
  return %l, %dz, %df : tensor<1x2xf64>, tensor<1x2x3xf64>, tensor<1x2xf64>
}

// -----

// Leading dimensions are rows together.
// CHECK-LABEL: matmul_rows: result.0: [1, 2]
// CHECK-NEXT:  = 13, 22
func.func @matmul_rows() -> tensor<1x2xf64> {
  %a = arith.constant dense<[[[1.0], [2.0]], [[3.0], [0.0]]]> : tensor<2x2x1xf64>
  %b = arith.constant dense<[[[2.0, 1.0], [1.0, 3.0]], [[3.0, 5.0], [9.0, 9.0]]]> : tensor<2x2x2xf64>
  %c = lns.matmul %a, %b transpose_a : (tensor<2x2x1xf64>, tensor<2x2x2xf64>) -> tensor<1x2xf64>
  return %c : tensor<1x2xf64>
}

// -----

// 1/sqrt(12.5 + 12.5) and its adjoint -x r^3 / 2 * dr.
// CHECK-LABEL: row_rstd: result.0: [1, 1]
// CHECK-NEXT:  = 0.2
// CHECK-NEXT:  result.1: [1, 1, 2]
// CHECK-NEXT:  = -1.2, -1.6
func.func @row_rstd() -> (tensor<1x1xf64>, tensor<1x1x2xf64>) {
  %x = arith.constant dense<[[[3.0, 4.0]]]> : tensor<1x1x2xf64>
  %dr = arith.constant dense<100.0> : tensor<1x1xf64>
  %r = lns.row_rstd %x eps(12.5) : (tensor<1x1x2xf64>) -> tensor<1x1xf64>
  %dx = lns.row_rstd_grad %x, %r, %dr : (tensor<1x1x2xf64>, tensor<1x1xf64>, tensor<1x1xf64>) -> tensor<1x1x2xf64>
  return %r, %dx : tensor<1x1xf64>, tensor<1x1x2xf64>
}

// -----

// CHECK-LABEL: rows: result.0: [2, 2]
// CHECK-NEXT:  = 10, 20, -3, -4
// CHECK-NEXT:  result.1: [2]
// CHECK-NEXT:  = 17, 53
func.func @rows() -> (tensor<2x2xf64>, tensor<2xf64>) {
  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %b = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf64>
  %r = arith.constant dense<[10.0, -1.0]> : tensor<2xf64>
  %y = lns.row_scale %a, %r : tensor<2x2xf64>, tensor<2xf64>
  %d = lns.row_dot %a, %b : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2xf64>
  return %y, %d : tensor<2x2xf64>, tensor<2xf64>
}

// -----

// CHECK-LABEL: columns: result.0: [2, 2]
// CHECK-NEXT:  = 5, -1, 15, -2
// CHECK-NEXT:  result.1
// CHECK-NEXT:  = 2, 4, 6, 8
// CHECK-NEXT:  result.2: [2]
// CHECK-NEXT:  = 13, 22
// CHECK-NEXT:  result.3: [2]
// CHECK-NEXT:  = 4, 6
func.func @columns() -> (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2xf64>, tensor<2xf64>) {
  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %b = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf64>
  %g = arith.constant dense<[10.0, -1.0]> : tensor<2xf64>
  %y = lns.scale_columns %a, %g scale(0.5) : tensor<2x2xf64>, tensor<2xf64>
  %z = lns.scale_columns %a scale(2.0) : tensor<2x2xf64>
  %d = lns.column_dot %a, %b scale(0.5) : (tensor<2x2xf64>, tensor<2x2xf64>) -> tensor<2xf64>
  %s = lns.column_dot %a : (tensor<2x2xf64>) -> tensor<2xf64>
  return %y, %z, %d, %s : tensor<2x2xf64>, tensor<2x2xf64>, tensor<2xf64>, tensor<2xf64>
}

// -----

// Gradients of a weight and of its gain, by the formulas: D = alpha u^T x is
// [[13, 15], [19, 22]].
// CHECK-LABEL: weights_and_gains: result.0: [2, 2]
// CHECK-NEXT:  = 130, -15, 190, -22
// CHECK-NEXT:  result.1: [2]
// CHECK-NEXT:  = 70, 118
// CHECK-NEXT:  result.2: [2, 2]
// CHECK-NEXT:  = 131, -13, 193, -18
// CHECK-NEXT:  result.3: [2]
// CHECK-NEXT:  = 80, 117
func.func @weights_and_gains() -> (tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>, tensor<2xf64>) {
  %u = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %x = arith.constant dense<[[5.0, 6.0], [7.0, 8.0]]> : tensor<2x2xf64>
  %g = arith.constant dense<[10.0, -1.0]> : tensor<2xf64>
  %dw, %dg = lns.weight_grad %u, %x weight(%u) gain(%g) {alpha = 0.5 : f64} : (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> (tensor<2x2xf64>, tensor<2xf64>)
  %ew, %eg = lns.weight_grad %u, %x weight(%u) gain(%g) addend(%u) gain_addend(%g) {alpha = 0.5 : f64} : (tensor<2x2xf64>, tensor<2x2xf64>, tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>, tensor<2xf64>) -> (tensor<2x2xf64>, tensor<2xf64>)
  return %dw, %dg, %ew, %eg : tensor<2x2xf64>, tensor<2xf64>, tensor<2x2xf64>, tensor<2xf64>
}

// -----

// A bias is added to every row, a row's own mean taken from it.
// CHECK-LABEL: bias_and_mean: result.0: [2, 2]
// CHECK-NEXT:  = 6, 1.5, 8, 3.5
// CHECK-NEXT:  result.1: [2, 2]
// CHECK-NEXT:  = -0.5, 0.5, -3, 3
func.func @bias_and_mean() -> (tensor<2x2xf64>, tensor<2x2xf64>) {
  %a = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf64>
  %g = arith.constant dense<[10.0, -1.0]> : tensor<2xf64>
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 9.0]]> : tensor<2x2xf64>
  %y = lns.add_bias %a, %g scale(0.5) : tensor<2x2xf64>, tensor<2xf64>
  %z = lns.center_rows %c : tensor<2x2xf64>
  return %y, %z : tensor<2x2xf64>, tensor<2x2xf64>
}

// -----

// At 0, gelu_tanh rises by 1/2 and relu not at all.
// CHECK-LABEL: activation_grad: result.0: [1]
// CHECK-NEXT:  = 5
// CHECK-NEXT:  result.1: [1]
// CHECK-NEXT:  = 0
// CHECK-NEXT:  result.2: [1]
// CHECK-NEXT:  = 10
func.func @activation_grad() -> (tensor<1xf64>, tensor<1xf64>, tensor<1xf64>) {
  %dy = arith.constant dense<10.0> : tensor<1xf64>
  %x = arith.constant dense<0.0> : tensor<1xf64>
  %z = arith.constant dense<3.0> : tensor<1xf64>
  %a = lns.activation_grad gelu_tanh %dy, %x : tensor<1xf64>
  %b = lns.activation_grad relu %dy, %x : tensor<1xf64>
  %c = lns.activation_grad relu %dy, %z : tensor<1xf64>
  return %a, %b, %c : tensor<1xf64>, tensor<1xf64>, tensor<1xf64>
}

// -----

// Sums over the batch; the position that no sequence reaches stays zero.
// CHECK-LABEL: add_positions_grad: result.0: [3, 1]
// CHECK-NEXT:  = 4, 6, 0
func.func @add_positions_grad() -> tensor<3x1xf64> {
  %x = arith.constant dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf64>
  %t = lns.add_positions_grad %x : (tensor<2x2x1xf64>) -> tensor<3x1xf64>
  return %t : tensor<3x1xf64>
}

// -----

// Of the first tokens of all documents, then of the second ones.
// CHECK-LABEL: add_positions_grad_starts: result.0: [3, 1]
// CHECK-NEXT:  = 13, 8, 0
func.func @add_positions_grad_starts() -> tensor<3x1xf64> {
  %x = arith.constant dense<[[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]]> : tensor<2x3x1xf64>
  %s = arith.constant dense<[[0, 1, 1], [0, 0, 2]]> : tensor<2x3xi32>
  %t = lns.add_positions_grad %x starts(%s) : (tensor<2x3x1xf64>, tensor<2x3xi32>) -> tensor<3x1xf64>
  return %t : tensor<3x1xf64>
}

// -----

// CHECK-LABEL: elementwise: result.0: [2]
// CHECK-NEXT:  = 4, 6
// CHECK-NEXT:  result.1
// CHECK-NEXT:  = -0.5, -1
// CHECK-NEXT:  result.2
// CHECK-NEXT:  = 7, 7
func.func @elementwise() -> (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) {
  %a = arith.constant dense<[1.0, 2.0]> : tensor<2xf64>
  %b = arith.constant dense<[3.0, 4.0]> : tensor<2xf64>
  %s = lns.add %a, %b : tensor<2xf64>
  %m = lns.scale %a factor(-0.5) : tensor<2xf64>
  %c = lns.constant 7.0 : tensor<2xf64>
  return %s, %m, %c : tensor<2xf64>, tensor<2xf64>, tensor<2xf64>
}

// -----

// Rows of one token are summed; a token that does not occur gets zero.
// CHECK-LABEL: embedding_grad: result.0: [3, 2]
// CHECK-NEXT:  = 3, 4, 0, 0, 6, 8
func.func @embedding_grad() -> tensor<3x2xf64> {
  %tokens = arith.constant dense<[[2, 0, 2]]> : tensor<1x3xi32>
  %dy = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]> : tensor<1x3x2xf64>
  %d = lns.embedding_grad %dy, %tokens : (tensor<1x3x2xf64>, tensor<1x3xi32>) -> tensor<3x2xf64>
  return %d : tensor<3x2xf64>
}

// -----

// With an addend, they are summed onto its rows.
// CHECK-LABEL: embedding_grad_addend: result.0: [3, 2]
// CHECK-NEXT:  = 13, 24, 30, 40, 56, 68
func.func @embedding_grad_addend() -> tensor<3x2xf64> {
  %tokens = arith.constant dense<[[2, 0, 2]]> : tensor<1x3xi32>
  %dy = arith.constant dense<[[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]> : tensor<1x3x2xf64>
  %a = arith.constant dense<[[10.0, 20.0], [30.0, 40.0], [50.0, 60.0]]> : tensor<3x2xf64>
  %d = lns.embedding_grad %dy, %tokens addend(%a) : (tensor<1x3x2xf64>, tensor<1x3xi32>, tensor<3x2xf64>) -> tensor<3x2xf64>
  return %d : tensor<3x2xf64>
}

// -----

// Softmax 1/10 .. 4/10 minus the target's one, times the loss's gradient.
// CHECK-LABEL: cross_entropy_grad: result.0: [1, 1, 4]
// CHECK-NEXT:  = 1, 2, 3, -6
func.func @cross_entropy_grad() -> tensor<1x1x4xf64> {
  %logits = arith.constant dense<[[[0.0, 0.69314718055994529, 1.0986122886681098, 1.3862943611198906]]]> : tensor<1x1x4xf64>
  %lse = arith.constant dense<2.3025850929940459> : tensor<1x1xf64>
  %targets = arith.constant dense<3> : tensor<1x1xi32>
  %dl = arith.constant dense<10.0> : tensor<1x1xf64>
  %d = lns.cross_entropy_grad %logits, %targets, %lse, %dl
    : (tensor<1x1x4xf64>, tensor<1x1xi32>, tensor<1x1xf64>, tensor<1x1xf64>) -> tensor<1x1x4xf64>
  return %d : tensor<1x1x4xf64>
}

// -----

// A row whose target is ignored has no gradient, and its factor has none.
// CHECK-LABEL: cross_entropy_grad_ignored: result.0: [2, 2]
// CHECK-NEXT:  = 0, 0, -3.75, 3.75
// CHECK-NEXT:  result.1: [2]
// CHECK-NEXT:  = 0, 16.47918433
func.func @cross_entropy_grad_ignored() -> (tensor<2x2xf64>, tensor<2xf64>) {
  %logits = arith.constant dense<[[7.0, 0x7FF8000000000000], [0.0, 2.1972245773362196]]> : tensor<2x2xf64>
  %f = arith.constant dense<[1.0, 0.5]> : tensor<2xf64>
  %lse = arith.constant dense<[0.0, 1.3862943611198906]> : tensor<2xf64>
  %targets = arith.constant dense<[-100, 0]> : tensor<2xi32>
  %dl = arith.constant dense<10.0> : tensor<2xf64>
  %d, %df = lns.cross_entropy_grad %logits, %targets, %lse, %dl factors(%f)
    : (tensor<2x2xf64>, tensor<2xi32>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> (tensor<2x2xf64>, tensor<2xf64>)
  return %d, %df : tensor<2x2xf64>, tensor<2xf64>
}

// -----

// Over a count: grad / 4.
// CHECK-LABEL: mean_grad_over: result.0: [2, 2]
// CHECK-NEXT:  = 0.5, 0.5, 0.5, 0.5
func.func @mean_grad_over() -> tensor<2x2xf64> {
  %dy = arith.constant dense<1.0> : tensor<f64>
  %targets = arith.constant dense<[[-100, 3, -100], [9, -100, -100]]> : tensor<2x3xi32>
  %n = lns.target_count %targets : tensor<2x3xi32>
  %d = lns.mean_grad %dy over(%n) : (tensor<f64>, tensor<i32>) -> tensor<2x2xf64>
  return %d : tensor<2x2xf64>
}

// -----

// CHECK-LABEL: mean_grad: result.0: [2, 2]
// CHECK-NEXT:  = 0.5, 0.5, 0.5, 0.5
func.func @mean_grad() -> tensor<2x2xf64> {
  %dy = arith.constant dense<2.0> : tensor<f64>
  %d = lns.mean_grad %dy : (tensor<f64>) -> tensor<2x2xf64>
  return %d : tensor<2x2xf64>
}

// -----

// At gate 0: silu is 0 and its derivative 1/2.
// CHECK-LABEL: gated_activation_grad: result.0: [1]
// CHECK-NEXT:  = 15
// CHECK-NEXT:  result.1: [1]
// CHECK-NEXT:  = 0
func.func @gated_activation_grad() -> (tensor<1xf64>, tensor<1xf64>) {
  %dy = arith.constant dense<10.0> : tensor<1xf64>
  %g = arith.constant dense<0.0> : tensor<1xf64>
  %u = arith.constant dense<3.0> : tensor<1xf64>
  %dg, %du = lns.gated_activation_grad silu %dy, %g, %u : tensor<1xf64>
  return %dg, %du : tensor<1xf64>, tensor<1xf64>
}

// -----

// A cluster computes what its body says.
// CHECK-LABEL: cluster: result.0: [1, 2]
// CHECK-NEXT:  = 3, 4
// CHECK-NEXT:  result.1: [1]
// CHECK-NEXT:  = 0.2
func.func @cluster() -> (tensor<1x2xf64>, tensor<1xf64>) {
  %x = arith.constant dense<[[1.0, 1.0]]> : tensor<1x2xf64>
  %f = arith.constant dense<[[2.0, 3.0]]> : tensor<1x2xf64>
  %y, %r = lns.cluster(%a = %x, %b = %f)
      : (tensor<1x2xf64>, tensor<1x2xf64>) -> (tensor<1x2xf64>, tensor<1xf64>) {
    %s = lns.residual %a, %b : tensor<1x2xf64>
    %t = lns.row_rstd %s eps(12.5) : (tensor<1x2xf64>) -> tensor<1xf64>
    lns.yield %s, %t : tensor<1x2xf64>, tensor<1xf64>
  }
  return %y, %r : tensor<1x2xf64>, tensor<1xf64>
}
