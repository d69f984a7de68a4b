// A parameter with two uses (embedding and head) has the sum of both gradients,
// and one symbol; blocks of two lns.layers count on.

// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-graph{batch=2 seq=4},lns-eliminate-norms,lns-train,lns-fuse)' | FileCheck %s --check-prefix=MODEL
// MODEL: logits: {{[0-9]+}} tensors agree
// MODEL: eval: {{[0-9]+}} tensors agree
// RUN: lns-opt %s --lns-graph='batch=2 seq=4' --lns-eliminate-norms --lns-train | lns-interpret --check-gradients | FileCheck %s
// CHECK-COUNT-8: gradient of {{.*}} agrees
// CHECK-NOT: gradient of

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x6xf32>
!logits = tensor<?x?x7xf32>

lns.model @tied(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.02) : tensor<7x6xf32>
  %x0 = lns.embedding %embed, %tokens : (tensor<7x6xf32>, !tokens) -> !hidden
  %x1 = lns.layers(%h = %x0) depth(2) : !hidden {
    %g = lns.param "blocks.{layer}.norm" gain init(ones) : tensor<6xf32>
    %w = lns.param "blocks.{layer}.proj" matrix init(normal, 0.02) : tensor<6x6xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : !hidden, tensor<6xf32>
    %f = lns.linear %n, %w : (!hidden, tensor<6x6xf32>) -> !hidden
    %y = lns.residual %h, %f : !hidden
    lns.yield %y : !hidden
  }
  // Its reader is no linear: the norm stays, with scale 1/sqrt(3).
  %x2 = lns.layers(%h = %x1) depth(1) : !hidden {
    %g = lns.param "blocks.{layer}.norm" gain init(ones) : tensor<6xf32>
    %w = lns.param "blocks.{layer}.proj" matrix init(normal, 0.02) : tensor<6x6xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : !hidden, tensor<6xf32>
    %f = lns.linear %n, %w : (!hidden, tensor<6x6xf32>) -> !hidden
    %m = lns.gated_activation silu %n, %f : !hidden
    %y = lns.residual %h, %m : !hidden
    lns.yield %y : !hidden
  }
  %gn = lns.param "norm" gain init(ones) : tensor<6xf32>
  %n = lns.norm rms %x2, %gn : !hidden, tensor<6xf32>
  %head = lns.param "embed" embedding init(normal, 0.02) : tensor<7x6xf32>
  %y = lns.linear %n, %head : (!hidden, tensor<7x6xf32>) -> !logits
  lns.output %y : !logits
}
