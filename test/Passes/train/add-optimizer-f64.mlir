// RUN: lns-opt %s --lns-add-optimizer | FileCheck %s

// The norm has the parameters' element type, whatever the optimizer's is.
// CHECK-LABEL: func.func @apply
// CHECK-SAME: (%[[OPTIMIZER:.*]]: tensor<8xf32>) -> tensor<f64>
// CHECK: %[[NORM:.*]], %{{.*}}, %{{.*}} = lns.clip_factor %[[OPTIMIZER]], {{.*}} -> (tensor<f64>, tensor<f64>, tensor<1xf64>)
// CHECK: return %[[NORM]] : tensor<f64>
// A step without a loss has none to look at.
// CHECK-LABEL: func.func @train_step
// CHECK-NOT: loss(
lns.parameter @w matrix init(ones) decay(true) : tensor<4x64xf64>
func.func @grads(%gradient: tensor<4x64xf64>) {
  lns.set %gradient, gradient @w : tensor<4x64xf64>
  return
}
