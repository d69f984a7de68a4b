// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul{bf16=true}))' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul{bf16=true}))' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(func.func(lns-fuse-norm-matmul{bf16=true}))'
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul{bf16=true min-width=4}))' | FileCheck %s --check-prefix=NARROW

// Fires where the input is a sum, here of the residual stream and a branch. Rows
// are centered even where weights would cost less.
// CHECK-LABEL: func.func @stream
// CHECK: %[[S:.*]] = lns.residual
// CHECK: %[[C:.*]] = lns.center_rows %[[S]] : tensor<8x64x16xf32>
// CHECK: lns.linear %[[C]], %{{.*}} : (tensor<8x64x16xf32>, tensor<4x16xf32>)
// CHECK-NOT: lns.norm
func.func @stream(%x: tensor<8x64x16xf32>, %b: tensor<8x64x16xf32>, %w: tensor<4x16xf32>) -> tensor<8x64x4xf32> {
  %s = lns.residual %x, %b : tensor<8x64x16xf32>
  // expected-remark@+1 {{norm fused into its matmuls, centering rows}}
  %n = lns.norm layer %s : tensor<8x64x16xf32>
  %y = lns.linear %n, %w : (tensor<8x64x16xf32>, tensor<4x16xf32>) -> tensor<8x64x4xf32>
  return %y : tensor<8x64x4xf32>
}

// -----

// Fires behind an embedding, whose rows are parameters, and where the input comes
// from outside.
// CHECK-LABEL: func.func @rows
// CHECK-NOT: lns.norm
func.func @rows(%t: tensor<2x3xi32>, %e: tensor<7x16xf32>, %x: tensor<2x3x16xf32>, %w: tensor<4x16xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %r = lns.embedding %e, %t : (tensor<7x16xf32>, tensor<2x3xi32>) -> tensor<2x3x16xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %n = lns.norm rms %r : tensor<2x3x16xf32>
  %y = lns.linear %n, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %m = lns.norm rms %x : tensor<2x3x16xf32>
  %z = lns.linear %m, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  return %y, %z : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Fires for a tanh of narrow rows and of a linear's result alone: its adjoint
// adds up nothing that cancels.
// CHECK-LABEL: func.func @tanh_norm
// CHECK: lns.linear {{.*}} gain(
// CHECK-NOT: lns.norm
func.func @tanh_norm(%x: tensor<2x3x8xf32>, %g: tensor<8xf32>, %a: tensor<1xf32>, %v: tensor<8x8xf32>, %w: tensor<4x8xf32>) -> tensor<2x3x4xf32> {
  %h = lns.linear %x, %v : (tensor<2x3x8xf32>, tensor<8x8xf32>) -> tensor<2x3x8xf32>
  // expected-remark@+1 {{norm fused into its matmuls, but for its tanh}}
  %n = lns.norm tanh %h, %g alpha(%a) : tensor<2x3x8xf32>, tensor<8xf32>, tensor<1xf32>
  %y = lns.linear %n, %w : (tensor<2x3x8xf32>, tensor<4x8xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire on another norm of a tanh, which is a function's result alone;
// nor through a learned factor of all rows.
// CHECK-LABEL: func.func @behind_tanh
// CHECK-COUNT-2: lns.norm rms
// CHECK-NOT: lns.row_scale
func.func @behind_tanh(%x: tensor<2x3x16xf32>, %a: tensor<1xf32>, %v: tensor<16x16xf32>, %w: tensor<4x16xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  // expected-remark@+1 {{a reader is 'lns.norm', not the input of lns.linear}}
  %t = lns.norm tanh %x alpha(%a) : tensor<2x3x16xf32>, tensor<1xf32>
  // expected-remark@+1 {{its input is 'lns.norm' alone, no sum: rounded to bf16}}
  %n = lns.norm rms %t : tensor<2x3x16xf32>
  %y = lns.linear %n, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  %h = lns.linear %x, %v : (tensor<2x3x16xf32>, tensor<16x16xf32>) -> tensor<2x3x16xf32>
  %s = lns.scale_by %h, %a : tensor<2x3x16xf32>, tensor<1xf32>
  // expected-remark@+1 {{its input is 'lns.linear' alone, no sum: rounded to bf16}}
  %m = lns.norm rms %s : tensor<2x3x16xf32>
  %z = lns.linear %m, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  return %y, %z : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// Does not fire on narrow rows.
// CHECK-LABEL: func.func @narrow
// CHECK: lns.norm rms
// CHECK-NOT: lns.row_scale
// NARROW-LABEL: func.func @narrow
// NARROW: lns.row_scale
func.func @narrow(%x: tensor<2x3x15xf32>, %w: tensor<4x15xf32>) -> tensor<2x3x4xf32> {
  // expected-remark@+1 {{its input is 15 wide, less than 16: rounded to bf16, its gradient along a row would not vanish}}
  %n = lns.norm rms %x : tensor<2x3x15xf32>
  %y = lns.linear %n, %w : (tensor<2x3x15xf32>, tensor<4x15xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire where the input is a linear's result alone, through a norm that
// stays and a residual of one value.
// CHECK-LABEL: func.func @alone
// CHECK-COUNT-2: lns.norm
// CHECK-NOT: lns.row_scale
func.func @alone(%h: tensor<2x3x16xf32>, %v: tensor<16x16xf32>, %w: tensor<4x16xf32>) -> tensor<2x3x4xf32> {
  %x = lns.linear %h, %v : (tensor<2x3x16xf32>, tensor<16x16xf32>) -> tensor<2x3x16xf32>
  // expected-remark@+1 {{a reader is 'lns.residual'}}
  %n = lns.norm layer %x : tensor<2x3x16xf32>
  %r = lns.residual %n, %n : tensor<2x3x16xf32>
  // expected-remark@+1 {{its input is 'lns.linear' alone, no sum: rounded to bf16, its gradient along a row would not vanish}}
  %m = lns.norm rms %r : tensor<2x3x16xf32>
  %y = lns.linear %m, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// Does not fire where one side of a residual counts nothing.
// CHECK-LABEL: func.func @weightless
// CHECK-COUNT-2: lns.norm
// CHECK-NOT: lns.row_scale
func.func @weightless(%h: tensor<2x3x16xf32>, %b: tensor<2x3x16xf32>, %w: tensor<4x16xf32>) -> (tensor<2x3x4xf32>, tensor<2x3x4xf32>) {
  %x = lns.activation relu %h : tensor<2x3x16xf32>
  %r = lns.residual %x, %b {branch_scale = 0.0 : f64} : tensor<2x3x16xf32>
  // expected-remark@+1 {{its input is 'lns.activation' alone}}
  %n = lns.norm rms %r : tensor<2x3x16xf32>
  %y = lns.linear %n, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  %s = lns.residual %b, %x {skip_scale = 0.0 : f64} : tensor<2x3x16xf32>
  // expected-remark@+1 {{its input is 'lns.activation' alone}}
  %m = lns.norm rms %s : tensor<2x3x16xf32>
  %z = lns.linear %m, %w : (tensor<2x3x16xf32>, tensor<4x16xf32>) -> tensor<2x3x4xf32>
  return %y, %z : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}

// -----

// A linear's result alone is so in another shape, too, and a sum a sum.
// CHECK-LABEL: func.func @views
// CHECK: lns.norm
// CHECK-NOT: lns.norm
func.func @views(%x: tensor<2x3x16xf32>, %v: tensor<32x16xf32>, %w: tensor<4x16xf32>) -> (tensor<2x3x2x4xf32>, tensor<2x3x1x4xf32>) {
  %p = lns.linear %x, %v : (tensor<2x3x16xf32>, tensor<32x16xf32>) -> tensor<2x3x32xf32>
  %h = lns.reshape %p : tensor<2x3x32xf32> to tensor<2x3x2x16xf32>
  // expected-remark@+1 {{its input is 'lns.linear' alone, no sum}}
  %n = lns.norm rms %h : tensor<2x3x2x16xf32>
  %y = lns.linear %n, %w : (tensor<2x3x2x16xf32>, tensor<4x16xf32>) -> tensor<2x3x2x4xf32>
  %q = lns.linear %x, %v : (tensor<2x3x16xf32>, tensor<32x16xf32>) -> tensor<2x3x32xf32>
  %s = lns.residual %x, %x {skip_scale = 0.5 : f64} : tensor<2x3x16xf32>
  %t = lns.add %s, %x : tensor<2x3x16xf32>
  %o = lns.residual %x, %t : tensor<2x3x16xf32>
  %g = lns.reshape %o : tensor<2x3x16xf32> to tensor<2x3x1x16xf32>
  // expected-remark@+1 {{norm fused into its matmuls}}
  %m = lns.norm rms %g : tensor<2x3x1x16xf32>
  %z = lns.linear %m, %w : (tensor<2x3x1x16xf32>, tensor<4x16xf32>) -> tensor<2x3x1x4xf32>
  return %y, %z : tensor<2x3x2x4xf32>, tensor<2x3x1x4xf32>
}
