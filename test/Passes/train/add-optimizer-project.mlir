// RUN: lns-opt %s --split-input-file --lns-add-optimizer | FileCheck %s

// What has a projection is projected right behind its update, by the same factor; and
// @project has all of it. Factors of the parameters go to their updates.
// CHECK-LABEL: func.func @apply(
// CHECK: %{{.*}}, %[[FACTOR:.*]], %{{.*}} = lns.clip_factor
// CHECK-NEXT: lns.adamw @w, %{{.*}}, %[[FACTOR]], %{{.*}} decay(false) lr_factor(5.000000e-01) :
// CHECK-NEXT: lns.project @w rows factor(%[[FACTOR]]) : tensor<4x8xf32>, tensor<f32>
// CHECK-NEXT: lns.adamw @g, %{{.*}} decay(false) eps_factor(2.000000e+00) :
// CHECK-NEXT: lns.adamw @v, %{{.*}} decay(true) decay_factor(4.000000e+00) :
// CHECK-NEXT: lns.project @v columns factor(%[[FACTOR]]) : tensor<3x4xf32>, tensor<f32>
// CHECK-NEXT: return
// CHECK-LABEL: func.func @train_step(
// CHECK: lns.adamw @w,
// CHECK-NEXT: lns.project @w rows factor(
// CHECK-NEXT: lns.adamw @g,
// CHECK-NEXT: lns.adamw @v,
// CHECK-NEXT: lns.project @v columns factor(
// CHECK-NEXT: return
// CHECK-LABEL: func.func @project() {
// CHECK-NEXT: lns.project @w rows : tensor<4x8xf32>
// CHECK-NEXT: lns.project @v columns : tensor<3x4xf32>
// CHECK-NEXT: return
lns.parameter @w matrix init(normal, 1.0) decay(false) project(rows) lr_factor(0.5) storage(tensor<4x8xf32>) : tensor<3x8xf32>
lns.parameter @g gain init(ones) decay(false) eps_factor(2.0) : tensor<4xf32>
lns.parameter @v matrix init(normal, 1.0) decay(true) project(columns) decay_factor(4.0) : tensor<3x4xf32>
func.func @grads(%x: tensor<4x8xf32>, %y: tensor<4xf32>, %z: tensor<3x4xf32>) {
  lns.set %x, gradient @w : tensor<4x8xf32>
  lns.set %y, gradient @g : tensor<4xf32>
  lns.set %z, gradient @v : tensor<3x4xf32>
  return
}

// -----

// Where nothing has one, there is no @project, and somebody's own stays.
// CHECK-LABEL: func.func @project(
// CHECK-SAME: -> tensor<3xf32>
// CHECK-NOT: lns.project
// CHECK: func.func @train_step(
lns.parameter @g gain init(ones) decay(false) : tensor<3xf32>
func.func @project(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}
func.func @grads(%x: tensor<3xf32>) {
  lns.set %x, gradient @g : tensor<3xf32>
  return
}
