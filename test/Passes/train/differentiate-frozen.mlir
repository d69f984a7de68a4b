// RUN: lns-opt %s --split-input-file --lns-differentiate --canonicalize --lns-add-optimizer | FileCheck %s
// RUN: lns-opt %s --split-input-file --lns-micro-batch='steps=2' --lns-differentiate --canonicalize --lns-add-optimizer | FileCheck %s --check-prefix=PARTS

// A frozen weight and gain get neither gradient nor update; the gradient of what is
// before them flows through. Of the frozen weight's own gradient nothing is computed.
lns.parameter @a matrix init(zeros) decay(true) : tensor<4x4xf32>
lns.parameter @w matrix init(zeros) decay(false) frozen : tensor<4x4xf32>
lns.parameter @g gain init(ones) decay(false) frozen : tensor<4xf32>
// CHECK-LABEL: func.func @grads
// CHECK: lns.mean_grad
// CHECK-NOT: lns.column_dot
// The gradient of x through @w, and that of @a; none of @w.
// CHECK-COUNT-2: lns.matmul
// CHECK-NOT: lns.matmul
// CHECK: lns.set %{{.*}}, gradient @a
// CHECK-NOT: lns.set
// CHECK: return
// CHECK-LABEL: func.func @apply
// CHECK-COUNT-1: lns.get gradient @a
// CHECK: lns.clip_factor
// CHECK: lns.adamw @a
// CHECK-NOT: lns.adamw
// CHECK: return
// CHECK-LABEL: func.func @train_step
// CHECK: lns.adamw @a
// CHECK-NOT: lns.adamw

// PARTS-LABEL: func.func @micro_grads
// PARTS: lns.get gradient @a
// PARTS: lns.set %{{.*}}, gradient @a
// PARTS-NOT: lns.set
// PARTS-LABEL: func.func @grads
// PARTS: lns.set %{{.*}}, gradient @a
// PARTS-NOT: lns.set
// PARTS-LABEL: func.func @apply
func.func @eval(%x: tensor<2x3x4xf32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
  %a = lns.get parameter @a : tensor<4x4xf32>
  %w = lns.get parameter @w : tensor<4x4xf32>
  %g = lns.get parameter @g : tensor<4xf32>
  %s = lns.scale_columns %x, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %u = lns.linear %s, %a : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %b = lns.scale_columns %u, %g : tensor<2x3x4xf32>, tensor<4xf32>
  %v = lns.linear %b, %w : (tensor<2x3x4xf32>, tensor<4x4xf32>) -> tensor<2x3x4xf32>
  %n = lns.target_count %targets : tensor<2x3xi32>
  %losses, %lse = lns.cross_entropy %v, %targets : (tensor<2x3x4xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
  %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
  return %loss : tensor<f32>
}
