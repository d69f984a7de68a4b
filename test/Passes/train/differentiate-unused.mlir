// RUN: lns-opt %s --lns-differentiate | FileCheck %s

// A parameter that the loss does not depend on has a gradient of zero, so that
// the optimizer sees every parameter; the same for one that is read, but not on
// the way to the loss.
// CHECK-LABEL: func.func @grads(
// CHECK: lns.set %{{.*}}, gradient @w
// CHECK: %[[ZERO:.*]] = lns.constant 0.0{{.*}} : tensor<3x4xf32>
// CHECK: lns.set %[[ZERO]], gradient @unread
// CHECK: %[[ZERO2:.*]] = lns.constant 0.0{{.*}} : tensor<2xf32>
// CHECK: lns.set %[[ZERO2]], gradient @aside
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<5xf32>
lns.parameter @unread matrix init(normal, 1.0) decay(true) : tensor<3x4xf32>
lns.parameter @aside matrix init(normal, 1.0) decay(true) : tensor<2xf32>
func.func @eval() -> tensor<f32> {
  %w = lns.get parameter @w : tensor<5xf32>
  %a = lns.get parameter @aside : tensor<2xf32>
  %s = lns.scale %a factor(2.0) : tensor<2xf32>
  %loss = lns.mean %w : (tensor<5xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
