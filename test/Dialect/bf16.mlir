// RUN: lns-opt %s --split-input-file | lns-opt --split-input-file | FileCheck %s

// Rows are bf16; what belongs to a row is f32, and so are gains.
// CHECK-LABEL: func.func @rows
func.func @rows(%x: tensor<2x4x8xbf16>, %g: tensor<8xf32>, %d: tensor<2x4xf32>) {
  // CHECK: lns.row_rstd {{.*}} : (tensor<2x4x8xbf16>) -> tensor<2x4xf32>
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<2x4x8xbf16>) -> tensor<2x4xf32>
  // CHECK: lns.row_scale {{.*}} : tensor<2x4x8xbf16>, tensor<2x4xf32>
  %s = lns.row_scale %x, %r : tensor<2x4x8xbf16>, tensor<2x4xf32>
  // CHECK: lns.row_dot {{.*}} : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> tensor<2x4xf32>
  %q = lns.row_dot %x, %s : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> tensor<2x4xf32>
  // CHECK: lns.row_rstd_grad {{.*}} : (tensor<2x4x8xbf16>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xbf16>
  %dx = lns.row_rstd_grad %x, %r, %d : (tensor<2x4x8xbf16>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xbf16>
  // CHECK: lns.add_bias {{.*}} : tensor<2x4x8xbf16>, tensor<8xf32>
  %bias = lns.add_bias %x, %g : tensor<2x4x8xbf16>, tensor<8xf32>
  // CHECK: lns.center_rows {{.*}} : tensor<2x4x8xbf16>
  %center = lns.center_rows %x : tensor<2x4x8xbf16>
  // CHECK: lns.scale_columns {{.*}} : tensor<2x4x8xbf16>, tensor<8xf32>
  %c = lns.scale_columns %x, %g : tensor<2x4x8xbf16>, tensor<8xf32>
  // CHECK: lns.column_dot {{.*}} : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> tensor<8xf32>
  %dg = lns.column_dot %x, %c : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> tensor<8xf32>
  // CHECK: lns.norm rms {{.*}} : tensor<2x4x8xbf16>, tensor<8xf32>
  %n = lns.norm rms %x, %g : tensor<2x4x8xbf16>, tensor<8xf32>
  // CHECK: lns.rope {{.*}} : tensor<2x4x8xbf16>
  %p = lns.rope %x head_dim(4) : tensor<2x4x8xbf16>
  // CHECK: lns.gated_activation {{.*}} : tensor<2x4x8xbf16>
  %a = lns.gated_activation silu %x, %p : tensor<2x4x8xbf16>
  // CHECK: lns.residual {{.*}} : tensor<2x4x8xbf16>
  %y = lns.residual %x, %a : tensor<2x4x8xbf16>
  return
}

// -----

// A product with a bf16 operand may take and give bf16 and f32.
// CHECK-LABEL: func.func @products
func.func @products(%x: tensor<4x8xbf16>, %w: tensor<6x8xbf16>, %v: tensor<6x8xf32>, %z: tensor<4x8xf32>, %b: tensor<6xf32>) {
  // CHECK: lns.linear {{.*}} : (tensor<4x8xbf16>, tensor<6x8xbf16>) -> tensor<4x6xbf16>
  %0 = lns.linear %x, %w : (tensor<4x8xbf16>, tensor<6x8xbf16>) -> tensor<4x6xbf16>
  // CHECK: lns.linear {{.*}} : (tensor<4x8xbf16>, tensor<6x8xf32>, tensor<6xf32>) -> tensor<4x6xbf16>
  %1 = lns.linear %x, %v bias(%b) : (tensor<4x8xbf16>, tensor<6x8xf32>, tensor<6xf32>) -> tensor<4x6xbf16>
  // CHECK: lns.matmul {{.*}} : (tensor<4x8xf32>, tensor<6x8xbf16>) -> tensor<4x6xbf16>
  %2 = lns.matmul %z, %w transpose_b : (tensor<4x8xf32>, tensor<6x8xbf16>) -> tensor<4x6xbf16>
  // CHECK: lns.matmul {{.*}} : (tensor<4x8xbf16>, tensor<6x8xbf16>) -> tensor<4x6xf32>
  %3 = lns.matmul %x, %w transpose_b : (tensor<4x8xbf16>, tensor<6x8xbf16>) -> tensor<4x6xf32>
  return
}

// -----

// Tables and their gradients are f32, rows of them bf16; the loss is f32.
// CHECK-LABEL: func.func @ends
func.func @ends(%e: tensor<16x8xf32>, %t: tensor<2x4xi32>, %x: tensor<2x4x16xbf16>, %d: tensor<2x4xf32>, %p: tensor<5x16xf32>) {
  // CHECK: lns.add_positions {{.*}} : tensor<2x4x16xbf16>, tensor<5x16xf32>
  %positions = lns.add_positions %x, %p : tensor<2x4x16xbf16>, tensor<5x16xf32>
  // CHECK: lns.add_positions_grad {{.*}} : (tensor<2x4x16xbf16>) -> tensor<5x16xf32>
  %dp = lns.add_positions_grad %x : (tensor<2x4x16xbf16>) -> tensor<5x16xf32>
  // CHECK: lns.embedding {{.*}} : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xbf16>
  %y = lns.embedding %e, %t : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xbf16>
  // CHECK: lns.embedding_grad {{.*}} : (tensor<2x4x8xbf16>, tensor<2x4xi32>) -> tensor<16x8xf32>
  %de = lns.embedding_grad %y, %t : (tensor<2x4x8xbf16>, tensor<2x4xi32>) -> tensor<16x8xf32>
  // CHECK: lns.cross_entropy {{.*}} : (tensor<2x4x16xbf16>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  %l:2 = lns.cross_entropy %x, %t : (tensor<2x4x16xbf16>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  // CHECK: lns.cross_entropy_grad {{.*}} : (tensor<2x4x16xbf16>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x16xbf16>
  %dx = lns.cross_entropy_grad %x, %t, %l#1, %d : (tensor<2x4x16xbf16>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x16xbf16>
  // CHECK: lns.mean {{.*}} : (tensor<2x4x16xbf16>) -> tensor<f32>
  %m = lns.mean %x : (tensor<2x4x16xbf16>) -> tensor<f32>
  // CHECK: lns.mean_grad {{.*}} : (tensor<f32>) -> tensor<2x4x16xbf16>
  %dm = lns.mean_grad %m : (tensor<f32>) -> tensor<2x4x16xbf16>
  return
}

// -----

// Attention's log-sum-exp is f32.
// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<2x4x8xbf16>) {
  // CHECK: lns.attention {{.*}} -> (tensor<2x4x8xbf16>, tensor<2x2x4xf32>)
  %a, %lse = lns.attention %q, %q, %q heads(2) kv_heads(2) : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> (tensor<2x4x8xbf16>, tensor<2x2x4xf32>)
  // CHECK: lns.attention_grad {{.*}} -> (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>)
  %d:3 = lns.attention_grad %q, %q, %q, %a, %lse, %a heads(2) kv_heads(2) : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x2x4xf32>, tensor<2x4x8xbf16>) -> (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>)
  return
}

// -----

// Casts, in model form too.
// CHECK-LABEL: func.func @casts
func.func @casts(%x: tensor<?x4xf32>, %s: tensor<f64>) {
  // CHECK: lns.cast %{{.*}} : tensor<?x4xf32> to tensor<?x4xbf16>
  %y = lns.cast %x : tensor<?x4xf32> to tensor<?x4xbf16>
  // CHECK: lns.cast %{{.*}} : tensor<f64> to tensor<f32>
  %t = lns.cast %s : tensor<f64> to tensor<f32>
  return
}

// -----

// A cast joins the rows of its cluster, and may stand on one number per row.
// CHECK-LABEL: func.func @cluster
func.func @cluster(%x: tensor<2x4x8xf32>) -> (tensor<2x4x8xbf16>, tensor<2x4xbf16>) {
  %0:2 = lns.cluster(%a = %x) : (tensor<2x4x8xf32>) -> (tensor<2x4x8xbf16>, tensor<2x4xbf16>) {
    %r = lns.row_rstd %a eps(1.0e-6) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
    // CHECK: lns.cast %{{.*}} : tensor<2x4x8xf32> to tensor<2x4x8xbf16>
    %c = lns.cast %a : tensor<2x4x8xf32> to tensor<2x4x8xbf16>
    // CHECK: lns.cast %{{.*}} : tensor<2x4xf32> to tensor<2x4xbf16>
    %d = lns.cast %r : tensor<2x4xf32> to tensor<2x4xbf16>
    lns.yield %c, %d : tensor<2x4x8xbf16>, tensor<2x4xbf16>
  }
  return %0#0, %0#1 : tensor<2x4x8xbf16>, tensor<2x4xbf16>
}
