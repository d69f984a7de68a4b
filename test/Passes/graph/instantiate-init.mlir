// RUN: lns-opt %s --lns-instantiate="batch=1 seq=2" | FileCheck %s

// An initial value that is scaled with depth becomes a number: block l of the
// model, over all its lns.layers, starts at the value / sqrt(l).
lns.model @starts(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // CHECK: lns.parameter @w.0 matrix init(normal, 5.000000e-01)
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x4xf32> {
    %w = lns.param "w.{layer}" matrix init(normal, 0.5) : tensor<4x4xf32>
    %l = lns.linear %h, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    lns.yield %l : tensor<?x?x4xf32>
  }
  // CHECK: lns.parameter @w.1 matrix init(truncated_normal, 0.35355339059327{{[0-9]*}})
  // CHECK: lns.parameter @g.1 gain init(constant, 0.70710678118654{{[0-9]*}})
  // CHECK: lns.parameter @w.2 matrix
  // CHECK: lns.parameter @w.3 matrix init(truncated_normal, 2.500000e-01)
  // CHECK: lns.parameter @g.3 gain init(constant, 5.000000e-01)
  %z = lns.layers(%h = %y) depth(3) : tensor<?x?x4xf32> {
    %w = lns.param "w.{layer}" matrix init(truncated_normal, 0.5, inv_sqrt_depth) : tensor<4x4xf32>
    %g = lns.param "g.{layer}" gain init(constant, 1.0, inv_sqrt_depth) : tensor<4xf32>
    %n = lns.norm rms %h, %g : tensor<?x?x4xf32>, tensor<4xf32>
    %l = lns.linear %n, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    lns.yield %l : tensor<?x?x4xf32>
  }
  lns.output %z : tensor<?x?x4xf32>
}
