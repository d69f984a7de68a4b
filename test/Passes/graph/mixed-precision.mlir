// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-mixed-precision)' | FileCheck %s
// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-mixed-precision)' --remarks-filter='lns.*' --remark-format=emitRemark --verify-diagnostics -o /dev/null
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(lns-mixed-precision)'

// Activations are bf16 from the embedding to the logits; weights, gains, numbers
// per row and losses are f32: products round weights themselves.
// CHECK: module attributes {lns.model = {dtype = "bf16"}}
// CHECK-LABEL: func.func @eval
// CHECK: %[[E:.*]] = lns.get parameter @e : tensor<7x4xf32>
// CHECK: %[[X:.*]] = lns.embedding %[[E]], %{{.*}} -> tensor<2x3x4xbf16>
// CHECK: %[[R:.*]] = lns.row_rstd %[[X]] eps({{.*}}) : (tensor<2x3x4xbf16>) -> tensor<2x3xf32>
// CHECK-NEXT: %[[P:.*]] = lns.linear %[[X]], %{{.*}} gain(%{{.*}}) {alpha = 5.000000e-01 : f64} : (tensor<2x3x4xbf16>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xbf16>
// CHECK-NEXT: %[[Q:.*]] = lns.row_scale %[[P]], %[[R]] : tensor<2x3x4xbf16>, tensor<2x3xf32>
// CHECK-NEXT: %[[K:.*]] = lns.rope %[[Q]] head_dim(2) : tensor<2x3x4xbf16>
// CHECK-NEXT: %[[A:.*]], %[[LSE:.*]] = lns.attention %[[K]], %[[K]], %[[Q]] {{.*}} -> (tensor<2x3x4xbf16>, tensor<2x2x3xf32>)
// CHECK-NEXT: %[[O:.*]] = lns.linear %[[A]], %{{.*}} bias(%{{.*}}) : (tensor<2x3x4xbf16>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xbf16>
// CHECK-NEXT: %[[H:.*]] = lns.residual %[[X]], %[[O]] : tensor<2x3x4xbf16>
// CHECK-NEXT: %[[M:.*]] = lns.gated_activation silu %[[H]], %[[X]] : tensor<2x3x4xbf16>
// CHECK-NEXT: %[[S:.*]] = lns.scale_columns %[[M]], %{{.*}} : tensor<2x3x4xbf16>, tensor<4xf32>
// CHECK-NEXT: %[[Y:.*]] = lns.linear %[[S]], %[[E]] : (tensor<2x3x4xbf16>, tensor<7x4xf32>) -> tensor<2x3x7xbf16>
// CHECK-NEXT: %[[L:.*]], %{{.*}} = lns.cross_entropy %[[Y]], %{{.*}} : (tensor<2x3x7xbf16>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
// CHECK-NEXT: lns.mean %[[L]] : (tensor<2x3xf32>) -> tensor<f32>
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<4x4xf32>
lns.parameter @v matrix init(normal, 1.0) decay(true) : tensor<4x4xf32>
lns.parameter @b bias init(zeros) decay(false) : tensor<4xf32>
// expected-remark@+1 {{[Passed] mixed-precision | Category:lns-precision | Remark="activations are bf16", activations=10, bytes_saved=516}}
func.func @eval(%tokens: tensor<2x3xi32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %w = lns.get parameter @w : tensor<4x4xf32>
  %v = lns.get parameter @v : tensor<4x4xf32>
  %b = lns.get parameter @b : tensor<4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %r = lns.row_rstd %x eps(1.0e-2) : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %p = lns.linear %x, %w gain(%g) {alpha = 0.5 : f64} : (tensor<2x3x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %q = lns.row_scale %p, %r : tensor<2x3x4xf32>, tensor<2x3xf32>
  %k = lns.rope %q head_dim(2) : tensor<2x3x4xf32>
  %a, %lse = lns.attention %k, %k, %q heads(2) kv_heads(2) causal : (tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<2x2x3xf32>)
  %o = lns.linear %a, %v bias(%b) : (tensor<2x3x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x3x4xf32>
  %h = lns.residual %x, %o : tensor<2x3x4xf32>
  %m = lns.gated_activation silu %h, %x : tensor<2x3x4xf32>
  %s = lns.scale_columns %m, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %y = lns.linear %s, %e : (tensor<2x3x4xf32>, tensor<7x4xf32>) -> tensor<2x3x7xf32>
  %losses, %z = lns.cross_entropy %y, %targets : (tensor<2x3x7xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses : (tensor<2x3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}

// -----

// A function's results keep their types: logits are cast at its end.
// CHECK-LABEL: func.func @logits
// CHECK-SAME: -> tensor<2x3x4xf32>
// CHECK: %[[X:.*]] = lns.embedding {{.*}} -> tensor<2x3x4xbf16>
// CHECK-NEXT: %[[Y:.*]] = lns.cast %[[X]] : tensor<2x3x4xbf16> to tensor<2x3x4xf32>
// CHECK-NEXT: return %[[Y]]
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
// expected-remark@+1 {{activations=1, bytes_saved=48}}
func.func @logits(%tokens: tensor<2x3xi32>) -> tensor<2x3x4xf32> {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  return %x : tensor<2x3x4xf32>
}

// -----

// What weights alone make stays f32.
// CHECK-LABEL: func.func @readers
// CHECK: %[[W:.*]] = lns.get parameter @w
// CHECK: %[[V:.*]] = lns.matmul %[[W]], %[[W]] : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
// CHECK: %[[A:.*]] = lns.linear %{{.*}}, %[[V]] : (tensor<2x3x4xbf16>, tensor<4x4xf32>) -> tensor<2x3x4xbf16>
// CHECK-NEXT: lns.matmul %[[A]], %[[V]] {{.*}} -> tensor<2x3x4xbf16>
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<4x4xf32>
// expected-remark@+1 {{activations=3, bytes_saved=144}}
func.func @readers(%tokens: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %w = lns.get parameter @w : tensor<4x4xf32>
  %v = lns.matmul %w, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %a = lns.linear %x, %v : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %b = lns.matmul %a, %v : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %m = lns.mean %b : (tensor<2x3x4xf32>) -> tensor<f32>
  return %m : tensor<f32>
}

// -----

// Where the model casts to f32, what follows is f32 until it meets bf16 again.
// CHECK-LABEL: func.func @forced
// CHECK: %[[X:.*]] = lns.embedding {{.*}} -> tensor<2x3x4xbf16>
// CHECK-NEXT: %[[Y:.*]] = lns.cast %[[X]] : tensor<2x3x4xbf16> to tensor<2x3x4xf32>
// CHECK-NEXT: %[[P:.*]] = lns.linear %[[Y]], %{{.*}} : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
// CHECK-NEXT: %[[Q:.*]] = lns.rope %[[P]] head_dim(2) : tensor<2x3x4xf32>
// CHECK-NEXT: %[[C:.*]] = lns.cast %[[Q]] : tensor<2x3x4xf32> to tensor<2x3x4xbf16>
// CHECK-NEXT: lns.residual %[[X]], %[[C]] : tensor<2x3x4xbf16>
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<4x4xf32>
// expected-remark@+1 {{activations=2, bytes_saved=96}}
func.func @forced(%tokens: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %w = lns.get parameter @w : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  // expected-remark@+1 {{the model asks for f32 here: 2 ops compute in f32 and not in bf16}}
  %y = lns.cast %x : tensor<2x3x4xf32> to tensor<2x3x4xf32>
  %p = lns.linear %y, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %q = lns.rope %p head_dim(2) : tensor<2x3x4xf32>
  %z = lns.residual %x, %q : tensor<2x3x4xf32>
  %m = lns.mean %z : (tensor<2x3x4xf32>) -> tensor<f32>
  return %m : tensor<f32>
}

// -----

// Does not fire without an f32 embedding: what weights make stays f32.
// CHECK-LABEL: func.func @no_embedding
// CHECK-NOT: bf16
// CHECK: return
// expected-remark@+1 {{[Missed] mixed-precision | Category:lns-precision | Remark="nothing is bf16: there is no f32 embedding to start at"}}
func.func @no_embedding(%x: tensor<2x3x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x3x4xf32> {
  %y = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  return %y : tensor<2x3x4xf32>
}

// -----

// A view has its operand's type. A gate of heads is bf16 where a linear made it, and
// f32 where it multiplies rows.
// CHECK-LABEL: func.func @heads
// CHECK: %[[X:.*]] = lns.embedding
// CHECK-NEXT: %[[G:.*]] = lns.linear %[[X]], %{{.*}} -> tensor<2x3x2xbf16>
// CHECK-NEXT: %[[H:.*]] = lns.reshape %[[X]] : tensor<2x3x4xbf16> to tensor<2x3x2x2xbf16>
// CHECK-NEXT: %[[F:.*]] = lns.cast %[[G]] : tensor<2x3x2xbf16> to tensor<2x3x2xf32>
// CHECK-NEXT: %[[Y:.*]] = lns.row_scale %[[H]], %[[F]] : tensor<2x3x2x2xbf16>, tensor<2x3x2xf32>
// CHECK-NEXT: %[[Z:.*]] = lns.reshape %[[Y]] : tensor<2x3x2x2xbf16> to tensor<2x3x4xbf16>
// CHECK-NEXT: lns.mean %[[Z]] : (tensor<2x3x4xbf16>) -> tensor<f32>
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<2x4xf32>
// expected-remark@+1 {{activations=5}}
func.func @heads(%tokens: tensor<2x3xi32>) -> tensor<f32> {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %w = lns.get parameter @w : tensor<2x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %g = lns.linear %x, %w : (tensor<2x3x4xf32>, tensor<2x4xf32>) -> tensor<2x3x2xf32>
  %h = lns.reshape %x : tensor<2x3x4xf32> to tensor<2x3x2x2xf32>
  %y = lns.row_scale %h, %g : tensor<2x3x2x2xf32>, tensor<2x3x2xf32>
  %z = lns.reshape %y : tensor<2x3x2x2xf32> to tensor<2x3x4xf32>
  %m = lns.mean %z : (tensor<2x3x4xf32>) -> tensor<f32>
  return %m : tensor<f32>
}

// -----

// Where only the gate is bf16, the rows stay f32.
// CHECK-LABEL: func.func @narrow_gate
// CHECK: %[[F:.*]] = lns.cast %{{.*}} : tensor<2x3x4xbf16> to tensor<2x3x4xf32>
// CHECK-NEXT: lns.row_scale %{{.*}}, %[[F]] : tensor<2x3x4x2xf32>, tensor<2x3x4xf32>
lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<7x4xf32>
// expected-remark@+1 {{activations=1}}
func.func @narrow_gate(%tokens: tensor<2x3xi32>, %h: tensor<2x3x4x2xf32>) -> tensor<2x3x4x2xf32> {
  %e = lns.get parameter @e : tensor<7x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
  %y = lns.row_scale %h, %x : tensor<2x3x4x2xf32>, tensor<2x3x4xf32>
  return %y : tensor<2x3x4x2xf32>
}
