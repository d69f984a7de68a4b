// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-cluster))' | FileCheck %s
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-cluster))'

// A residual and the statistics of its result become one kernel with both as
// results.
// CHECK-LABEL: func.func @residual_statistics
// CHECK: %[[Y:.*]]:2 = lns.cluster(
// CHECK:   %[[S:.*]] = lns.residual
// CHECK:   %[[R:.*]] = lns.row_rstd %[[S]]
// CHECK:   lns.yield %[[S]], %[[R]]
// CHECK: return %[[Y]]#0, %[[Y]]#1
func.func @residual_statistics(%x: tensor<2x4x8xf32>, %f: tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %y = lns.residual %x, %f : tensor<2x4x8xf32>
  %r = lns.row_rstd %y eps(1.0e-6) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  return %y, %r : tensor<2x4x8xf32>, tensor<2x4xf32>
}

// -----

// A cheap op with two row readers is computed by each of them: its result
// never reaches memory.
// CHECK-LABEL: func.func @cheap_is_cloned
// CHECK: lns.cluster(
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.gated_activation
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.residual
func.func @cheap_is_cloned(%x: tensor<2x4x8xf32>, %r: tensor<2x4xf32>, %w: tensor<8x8xf32>)
    -> tensor<2x4x8xf32> {
  %z = lns.row_scale %x, %r : tensor<2x4x8xf32>, tensor<2x4xf32>
  %a = lns.gated_activation silu %z, %x : tensor<2x4x8xf32>
  %b = lns.linear %a, %w : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
  %c = lns.residual %z, %b : tensor<2x4x8xf32>
  return %c : tensor<2x4x8xf32>
}

// -----

// Does not merge ops when a path through a matmul lies between them: the two
// residuals stay two kernels.
// CHECK-LABEL: func.func @no_cycle
// CHECK: lns.cluster(
// CHECK-NEXT: lns.residual
// CHECK-NEXT: lns.yield
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-NEXT: lns.residual
// CHECK-NEXT: lns.yield
func.func @no_cycle(%x: tensor<2x4x8xf32>, %w: tensor<8x8xf32>) -> tensor<2x4x8xf32> {
  %a = lns.residual %x, %x : tensor<2x4x8xf32>
  %b = lns.linear %a, %w : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
  %c = lns.residual %a, %b : tensor<2x4x8xf32>
  return %c : tensor<2x4x8xf32>
}

// -----

// Does not merge ops over different widths.
// CHECK-LABEL: func.func @different_widths
// CHECK-COUNT-2: lns.cluster(
func.func @different_widths(%x: tensor<2x4x8xf32>, %y: tensor<2x4x16xf32>)
    -> tensor<2x4x16xf32> {
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  %z = lns.row_scale %y, %r : tensor<2x4x16xf32>, tensor<2x4xf32>
  return %z : tensor<2x4x16xf32>
}

// -----

// Ops that are no row ops stay outside.
// CHECK-LABEL: func.func @matmul_stays
// CHECK-NOT: lns.cluster
func.func @matmul_stays(%x: tensor<2x4x8xf32>, %w: tensor<8x8xf32>) -> tensor<2x4x8xf32> {
  %a = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
  return %a : tensor<2x4x8xf32>
}

// -----

// A gradient is overwritten after its last reader, also when that reader joins
// a later kernel.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
// CHECK-LABEL: func.func @set_after_readers
// CHECK-SAME: %[[Y:[a-z0-9]+]]: tensor<4x64xf32>, %[[M:[a-z0-9]+]]: tensor<64x64xf32>)
// CHECK: %[[NEW:.*]] = lns.linear %[[Y]], %[[M]]
// CHECK-NOT: lns.set
// CHECK: lns.cluster(
// CHECK: lns.set %[[NEW]], gradient @w
func.func @set_after_readers(%x: tensor<4x64xf32>, %y: tensor<4x64xf32>, %m: tensor<64x64xf32>)
    -> tensor<4x64xf32> {
  %old = lns.get gradient @w : tensor<4x64xf32>
  %a = lns.add %x, %old : tensor<4x64xf32>
  %new = lns.linear %y, %m : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  lns.set %new, gradient @w : tensor<4x64xf32>
  %z = lns.linear %x, %m : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  %b = lns.add %a, %z : tensor<4x64xf32>
  return %b : tensor<4x64xf32>
}

// -----

// A LayerNorm's statistics become one kernel with what comes before: the mean
// never reaches memory, nor do the centered rows.
// CHECK-LABEL: func.func @layer_norm_statistics
// CHECK: %[[Y:.*]]:2 = lns.cluster(
// CHECK:   %[[S:.*]] = lns.residual
// CHECK:   %[[C:.*]] = lns.center_rows %[[S]]
// CHECK:   %[[R:.*]] = lns.row_rstd %[[C]]
// CHECK:   lns.yield %[[S]], %[[R]]
func.func @layer_norm_statistics(%x: tensor<2x4x8xf32>, %f: tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %y = lns.residual %x, %f : tensor<2x4x8xf32>
  %c = lns.center_rows %y : tensor<2x4x8xf32>
  %r = lns.row_rstd %c eps(1.0e-6) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  return %y, %r : tensor<2x4x8xf32>, tensor<2x4xf32>
}

// -----

// A bias is added by each reader, as cheap ops are; learned positions and an
// activation join their neighbours.
// CHECK-LABEL: func.func @bias
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-NEXT: lns.add_bias
// CHECK-NEXT: lns.activation gelu_tanh
// CHECK-NEXT: lns.yield
// CHECK: lns.linear
// CHECK: lns.cluster(
// CHECK-DAG: lns.add_bias
// CHECK-DAG: lns.residual
// CHECK-DAG: lns.add_positions
// CHECK: lns.yield
// CHECK-NOT: lns.add_bias
func.func @bias(%x: tensor<2x4x8xf32>, %b: tensor<8xf32>, %p: tensor<4x8xf32>, %w: tensor<8x8xf32>)
    -> tensor<2x4x8xf32> {
  %p0 = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
  %z = lns.add_bias %p0, %b : tensor<2x4x8xf32>, tensor<8xf32>
  %a = lns.activation gelu_tanh %z : tensor<2x4x8xf32>
  %p1 = lns.linear %a, %w : (tensor<2x4x8xf32>, tensor<8x8xf32>) -> tensor<2x4x8xf32>
  %c = lns.residual %z, %p1 : tensor<2x4x8xf32>
  %d = lns.add_positions %c, %p : tensor<2x4x8xf32>, tensor<4x8xf32>
  return %d : tensor<2x4x8xf32>
}

// -----

// Does not merge what makes a gain or a bias with what reads it in all rows,
// whatever their shapes: it must be complete before the first row.
// CHECK-LABEL: func.func @shared_by_rows
// CHECK: lns.cluster(
// CHECK-NEXT: lns.add
// CHECK-NEXT: lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT: lns.scale_columns
// CHECK-NEXT: lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT: lns.scale
// CHECK-NEXT: lns.yield
// CHECK: lns.cluster(
// CHECK-NEXT: lns.add_bias
// CHECK-NEXT: lns.yield
func.func @shared_by_rows(%w: tensor<8x8xf32>, %g: tensor<8xf32>, %h: tensor<8xf32>)
    -> (tensor<8x8xf32>, tensor<8xf32>) {
  %s = lns.add %g, %h : tensor<8xf32>
  %v = lns.scale_columns %w, %s : tensor<8x8xf32>, tensor<8xf32>
  %b = lns.scale %h factor(0.5) : tensor<8xf32>
  %u = lns.add_bias %h, %b : tensor<8xf32>, tensor<8xf32>
  return %v, %u : tensor<8x8xf32>, tensor<8xf32>
}

// -----

// A sum over the row stays out of a kernel with a rotation, which would add up in
// another order: computed again somewhere else, it must be the same bits. What
// multiplies by it belongs to the rotation.
// CHECK-LABEL: func.func @sum_and_rotation
// CHECK: lns.cluster
// CHECK: lns.row_rstd
// CHECK-NOT: lns.rope
// CHECK: lns.cluster
// CHECK: lns.row_scale
// CHECK: lns.rope
func.func @sum_and_rotation(%x: tensor<1x8x64xf32>) -> (tensor<1x8x64xf32>, tensor<1x8xf32>) {
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<1x8x64xf32>) -> tensor<1x8xf32>
  %y = lns.row_scale %x, %r : tensor<1x8x64xf32>, tensor<1x8xf32>
  %z = lns.rope %y head_dim(16) : tensor<1x8x64xf32>
  return %z, %r : tensor<1x8x64xf32>, tensor<1x8xf32>
}

// -----

// But a norm of heads and the rotation of heads are one kernel: the sum is never
// computed again, and the rotation is in every plan. What makes other rows of the
// same numbers stands outside.
// CHECK-LABEL: func.func @heads
// CHECK: lns.reshape
// CHECK-NEXT: lns.cluster
// CHECK-NEXT: lns.row_rstd
// CHECK-NEXT: lns.scale_columns
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.rope
// CHECK-NEXT: lns.yield
// CHECK-NEXT: }
// CHECK-NEXT: lns.reshape
// CHECK-NEXT: return
func.func @heads(%x: tensor<1x8x64xf32>, %g: tensor<16xf32>) -> tensor<1x8x64xf32> {
  %h = lns.reshape %x : tensor<1x8x64xf32> to tensor<1x8x4x16xf32>
  %r = lns.row_rstd %h eps(1.0e-6) : (tensor<1x8x4x16xf32>) -> tensor<1x8x4xf32>
  %s = lns.scale_columns %h, %g : tensor<1x8x4x16xf32>, tensor<16xf32>
  %y = lns.row_scale %s, %r : tensor<1x8x4x16xf32>, tensor<1x8x4xf32>
  %z = lns.rope %y head_dim(16) : tensor<1x8x4x16xf32>
  %b = lns.reshape %z : tensor<1x8x4x16xf32> to tensor<1x8x64xf32>
  return %b : tensor<1x8x64xf32>
}

// -----

// Not one with a mean that is taken off, which may be computed again, nor with an
// activation.
// CHECK-LABEL: func.func @centered_heads
// CHECK: lns.center_rows
// CHECK-NOT: lns.rope
// CHECK: lns.yield
// CHECK: lns.rope
func.func @centered_heads(%h: tensor<1x8x4x16xf32>) -> tensor<1x8x4x16xf32> {
  %c = lns.center_rows %h : tensor<1x8x4x16xf32>
  %z = lns.rope %c head_dim(16) : tensor<1x8x4x16xf32>
  return %z : tensor<1x8x4x16xf32>
}
// CHECK-LABEL: func.func @activated_heads
// CHECK: lns.row_rstd
// CHECK-NOT: lns.activation
// CHECK: lns.yield
// CHECK: lns.activation
func.func @activated_heads(%h: tensor<1x8x4x16xf32>) -> tensor<1x8x4x16xf32> {
  %r = lns.row_rstd %h eps(1.0e-6) : (tensor<1x8x4x16xf32>) -> tensor<1x8x4xf32>
  %y = lns.row_scale %h, %r : tensor<1x8x4x16xf32>, tensor<1x8x4xf32>
  %z = lns.rope %y head_dim(16) : tensor<1x8x4x16xf32>
  %a = lns.activation silu %z : tensor<1x8x4x16xf32>
  return %a : tensor<1x8x4x16xf32>
}

// -----

// A gate of heads is numbers for rows that are heads. A cheap op that a view reads
// keeps its result.
// CHECK-LABEL: func.func @gate
// CHECK: lns.cluster
// CHECK-NEXT: lns.scale
// CHECK-NEXT: lns.yield
// CHECK: lns.reshape
// CHECK-NEXT: lns.cluster
// CHECK-NEXT: lns.add
// CHECK-NEXT: lns.row_scale
// CHECK-NEXT: lns.yield
func.func @gate(%x: tensor<1x8x64xf32>, %f: tensor<1x8x4xf32>) -> tensor<1x8x4x16xf32> {
  %s = lns.scale %x factor(2.0) : tensor<1x8x64xf32>
  %h = lns.reshape %s : tensor<1x8x64xf32> to tensor<1x8x4x16xf32>
  %d = lns.add %f, %f : tensor<1x8x4xf32>
  %y = lns.row_scale %h, %d : tensor<1x8x4x16xf32>, tensor<1x8x4xf32>
  return %y : tensor<1x8x4x16xf32>
}

// -----

// Nor does it share a kernel with an activation.
// CHECK-LABEL: func.func @sum_and_activation
// CHECK: lns.cluster
// CHECK: lns.gated_activation
// CHECK-NOT: lns.row_rstd
// CHECK: lns.cluster
// CHECK: lns.row_rstd
func.func @sum_and_activation(%x: tensor<1x8x64xf32>) -> (tensor<1x8x64xf32>, tensor<1x8xf32>) {
  %y = lns.gated_activation silu %x, %x : tensor<1x8x64xf32>
  %r = lns.row_rstd %y eps(1.0e-6) : (tensor<1x8x64xf32>) -> tensor<1x8xf32>
  return %y, %r : tensor<1x8x64xf32>, tensor<1x8xf32>
}

// -----

// What a repeated function may write is not read before it, nor written behind it
// where it stood before.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf32>
func.func @micro_grads(%x: tensor<4x64xf32>) -> tensor<f32> {
  lns.set %x, gradient @w : tensor<4x64xf32>
  %loss = lns.mean %x : (tensor<4x64xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
// CHECK-LABEL: func.func @repeated
// CHECK: %[[OLD:.*]] = lns.get gradient @w
// CHECK: lns.cluster(%{{.*}} = %[[OLD]])
// CHECK: lns.set
// CHECK: lns.repeat
// CHECK-NEXT: lns.get gradient @w
// CHECK: lns.cluster
func.func @repeated(%x: tensor<8x64xf32>) -> (tensor<4x64xf32>, tensor<4x64xf32>, tensor<f32>) {
  %old = lns.get gradient @w : tensor<4x64xf32>
  %a = lns.gated_activation silu %old, %old : tensor<4x64xf32>
  %zero = lns.constant 0.0 : tensor<4x64xf32>
  lns.set %zero, gradient @w : tensor<4x64xf32>
  %loss = lns.repeat @micro_grads(%x) count(2) : (tensor<8x64xf32>) -> tensor<f32>
  %new = lns.get gradient @w : tensor<4x64xf32>
  %b = lns.gated_activation silu %new, %new : tensor<4x64xf32>
  return %a, %b, %loss : tensor<4x64xf32>, tensor<4x64xf32>, tensor<f32>
}

// -----

// A read stays before the store that comes next, with no reader between them.
lns.parameter @w matrix init(ones) decay(true) : tensor<4x4xf32>
// CHECK-LABEL: func.func @stored_over
// CHECK: lns.get parameter @w
// CHECK: lns.set
func.func @stored_over(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  lns.set %x, parameter @w : tensor<4x4xf32>
  %m = lns.add %x, %w : tensor<4x4xf32>
  return %m : tensor<4x4xf32>
}

// -----

// Heads of two widths are rotated in two kernels, of one width in one.
// CHECK-LABEL: func.func @two_head_dims
// CHECK: %[[Q:.*]] = lns.cluster(
// CHECK:   lns.rope %{{.*}} head_dim(16)
// CHECK:   lns.rope %{{.*}} head_dim(16) inverse
// CHECK:   lns.yield
// CHECK: lns.cluster(%{{.*}} = %[[Q]])
// CHECK:   lns.rope %{{.*}} head_dim(8)
// CHECK:   lns.yield
func.func @two_head_dims(%x: tensor<1x8x64xf32>) -> tensor<1x8x64xf32> {
  %q = lns.rope %x head_dim(16) : tensor<1x8x64xf32>
  %r = lns.rope %q head_dim(16) inverse {base = 10.0 : f64} : tensor<1x8x64xf32>
  %s = lns.rope %r head_dim(8) : tensor<1x8x64xf32>
  return %s : tensor<1x8x64xf32>
}
