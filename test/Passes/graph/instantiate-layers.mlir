// RUN: lns-opt %s --lns-instantiate="batch=1 seq=2" | FileCheck %s
// RUN: lns-interpret %s --steps-done=5 --check-pipeline="builtin.module(lns-instantiate{batch=1 seq=2})"

// A ramp takes l times as many steps in block l, counted over the whole model;
// outside of blocks as many as it says. What a block yields beyond what it carries
// is the last block's: here that of block 2, which blocks 3 and 4 read.
// CHECK-LABEL: func.func @logits
// CHECK: lns.ramp steps(4.000000e+00) : tensor<1xf32>
// CHECK: lns.linear
// CHECK: lns.ramp steps(8.000000e+00) : tensor<1xf32>
// CHECK: %[[V:.*]] = lns.linear
// CHECK: lns.ramp steps(9.000000e+00) : tensor<1xf32>
// CHECK: lns.add %{{.*}}, %[[V]]
// CHECK: lns.ramp steps(1.200000e+01) : tensor<1xf32>
// CHECK: lns.add %{{.*}}, %[[V]]
// CHECK: lns.ramp steps(7.000000e+00) : tensor<1xf32>
lns.model @further(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y:2 = lns.layers(%h = %x) depth(2) : tensor<?x?x4xf32> -> (tensor<?x?x4xf32>, tensor<?x?x4xf32>) {
    %a = lns.ramp steps(4.0) per_layer : tensor<1xf32>
    %w = lns.param "w.{layer}" matrix init(normal, 0.5) : tensor<4x4xf32>
    %b = lns.scale_by %h, %a : tensor<?x?x4xf32>, tensor<1xf32>
    %v = lns.linear %b, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    %r = lns.residual %h, %v : tensor<?x?x4xf32>
    lns.yield %r, %v : tensor<?x?x4xf32>, tensor<?x?x4xf32>
  }
  %z = lns.layers(%h = %y#0) depth(2) : tensor<?x?x4xf32> {
    %a = lns.ramp steps(3.0) per_layer : tensor<1xf32>
    %b = lns.scale_by %h, %a : tensor<?x?x4xf32>, tensor<1xf32>
    %s = lns.add %b, %y#1 : tensor<?x?x4xf32>
    lns.yield %s : tensor<?x?x4xf32>
  }
  %c = lns.ramp steps(7.0) : tensor<1xf32>
  %o = lns.scale_by %z, %c : tensor<?x?x4xf32>, tensor<1xf32>
  lns.output %o : tensor<?x?x4xf32>
}
