// RUN: lns-opt %s --lns-add-optimizer | FileCheck %s

// @apply reads the stored gradients; @train_step is @grads, which it repeats,
// and the same updates with the values that it stores. Norms and updates go
// through the parameters in their order, whatever order @grads stores them in.
// @train_step knows its loss, and changes nothing where that is not finite.
// CHECK: func.func @grads
// CHECK-LABEL: func.func @apply(
// CHECK-SAME: %[[O:[a-z0-9]+]]: tensor<8xf32>) -> tensor<f32>
// CHECK: %[[DW:.*]] = lns.get gradient @w : tensor<300x300xf32>
// CHECK: %[[DG:.*]] = lns.get gradient @g : tensor<300xf32>
// Two chunks of 65536 elements for the matrix, one for the gain.
// CHECK: %[[NORM:.*]], %[[FACTOR:.*]], %{{.*}} = lns.clip_factor %[[O]], %[[DW]], %[[DG]] : (tensor<8xf32>, tensor<300x300xf32>, tensor<300xf32>) -> (tensor<f32>, tensor<f32>, tensor<3xf64>)
// CHECK: lns.adamw @w, %[[DW]], %[[FACTOR]], %[[O]] decay(true)
// CHECK: lns.adamw @g, %[[DG]], %[[FACTOR]], %[[O]] decay(false)
// CHECK: return %[[NORM]]
// CHECK-LABEL: func.func @train_step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<300x300xf32>, %[[O:[a-z0-9]+]]: tensor<8xf32>) -> (tensor<f32>, tensor<f32>)
// CHECK: %[[LOSS:.*]] = lns.mean
// CHECK: %[[DG:.*]] = lns.column_dot
// CHECK: %[[DW:.*]] = lns.scale %[[X]]
// CHECK: lns.set %[[DG]], gradient @g
// CHECK: lns.set %[[DW]], gradient @w
// CHECK: %[[NORM:.*]], %[[FACTOR:.*]], %{{.*}} = lns.clip_factor %[[O]], %[[DW]], %[[DG]] loss(%[[LOSS]])
// CHECK: lns.adamw @w, %[[DW]], %[[FACTOR]], %[[O]] decay(true)
// CHECK: lns.adamw @g, %[[DG]], %[[FACTOR]], %[[O]] decay(false)
// CHECK: return %[[LOSS]], %[[NORM]]
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<300x300xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<300xf32>
func.func @grads(%x: tensor<300x300xf32>) -> tensor<f32> {
  %loss = lns.mean %x : (tensor<300x300xf32>) -> tensor<f32>
  %dg = lns.column_dot %x : (tensor<300x300xf32>) -> tensor<300xf32>
  %dw = lns.scale %x factor(0.5) : tensor<300x300xf32>
  lns.set %dg, gradient @g : tensor<300xf32>
  lns.set %dw, gradient @w : tensor<300x300xf32>
  return %loss : tensor<f32>
}
