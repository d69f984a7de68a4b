// RUN: lns-opt %s --split-input-file --lns-instantiate='batch=2 seq=4 diagnostics=true' | FileCheck %s
// RUN: lns-opt %s --split-input-file --lns-instantiate='batch=2 seq=4' | FileCheck %s --check-prefix=PLAIN
// RUN: lns-opt %s --split-input-file --lns-graph='batch=2 seq=4 diagnostics=true' --lns-eliminate-norms --lns-train | FileCheck %s --check-prefix=TRAIN
// PLAIN-NOT: trace
// PLAIN-NOT: branches

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x4xf32>

// The stream, and the branch of each residual op times its scale; the head is not
// computed.
// CHECK: branches = array<i64: 2, 2>
// CHECK-SAME: width = 4 : i64
// CHECK: func.func @eval
// CHECK: func.func @trace(%{{.*}}: tensor<2x4xi32>) -> (tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>)
// CHECK: %[[X1:.*]] = lns.embedding
// CHECK: %[[A1:.*]] = lns.linear
// CHECK: %[[H1:.*]] = lns.residual %[[X1]], %[[A1]] :
// CHECK: %[[D1:.*]] = lns.linear
// CHECK: %[[X2:.*]] = lns.residual %[[H1]], %[[D1]]
// CHECK: %[[M1:.*]] = lns.scale %[[D1]] factor(5.000000e-01)
// CHECK: %[[A2:.*]] = lns.linear
// CHECK: %[[D2:.*]] = lns.linear
// CHECK: %[[X3:.*]] = lns.residual
// CHECK: %[[M2:.*]] = lns.scale %[[D2]] factor(5.000000e-01)
// CHECK-NEXT: return %[[X1]], %[[A1]], %[[M1]], %[[X2]], %[[A2]], %[[M2]], %[[X3]]
// CHECK-NOT: lns.linear
// Behind all other functions, also where these are made later.
// TRAIN: func.func @train_step
// TRAIN-NOT: {{//}} -----
// TRAIN: func.func @trace
// TRAIN-NOT: func.func
// TRAIN: {{//}} -----
lns.model @pre(%tokens: !tokens) {
  %e = lns.param "embed" embedding init(normal, 1.0) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, !tokens) -> !hidden
  %y = lns.layers(%h = %x) depth(2) : !hidden {
    %wo = lns.param "h.{layer}.o" matrix init(normal, 1.0) : tensor<4x4xf32>
    %wd = lns.param "h.{layer}.d" matrix init(normal, 1.0) : tensor<4x4xf32>
    %n1 = lns.norm rms %h : !hidden
    %o = lns.linear %n1, %wo : (!hidden, tensor<4x4xf32>) -> !hidden
    %h1 = lns.residual %h, %o : !hidden
    %n2 = lns.norm rms %h1 : !hidden
    %d = lns.linear %n2, %wd : (!hidden, tensor<4x4xf32>) -> !hidden
    %h2 = lns.residual %h1, %d {branch_scale = 5.0e-01 : f64} : !hidden
    lns.yield %h2 : !hidden
  }
  %w = lns.param "head" matrix init(normal, 1.0) : tensor<8x4xf32>
  %z = lns.linear %y, %w : (!hidden, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %z : tensor<?x?x8xf32>
}

// -----

// A norm behind the sum, a factor of the stream that learns nothing of its own, and a
// part of it that is taken away: the branch is what is added before.
// CHECK: branches = array<i64: 1>
// CHECK: func.func @trace
// CHECK: %[[X1:.*]] = lns.embedding
// CHECK: %[[F:.*]] = lns.activation
// CHECK: %[[SUM:.*]] = lns.residual %[[X1]], %[[F]]
// CHECK: %[[PART:.*]] = lns.scale_by
// CHECK: %[[LESS:.*]] = lns.residual %[[SUM]], %[[PART]]
// CHECK: %[[X2:.*]] = lns.norm rms %[[LESS]]
// CHECK: return %[[X1]], %[[F]], %[[X2]]
lns.model @post(%tokens: tensor<?x?xi32>) {
  %e = lns.param "embed" embedding init(normal, 1.0) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x4xf32> {
    %g = lns.param "h.{layer}.g" gain init(ones) : tensor<1xf32>
    %f = lns.activation silu %h : tensor<?x?x4xf32>
    %s = lns.residual %h, %f : tensor<?x?x4xf32>
    %stopped = lns.stop_gradient %s : tensor<?x?x4xf32>
    %p = lns.scale_by %stopped, %g : tensor<?x?x4xf32>, tensor<1xf32>
    %l = lns.residual %s, %p {branch_scale = -1.0 : f64} : tensor<?x?x4xf32>
    %n = lns.norm rms %l : tensor<?x?x4xf32>
    lns.yield %n : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// No residual op leads back to what the block takes: the stream alone.
// CHECK: branches = array<i64: 0, 0>
// CHECK: func.func @trace(%{{.*}}: tensor<2x4xi32>) -> (tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>)
lns.model @chain(%tokens: tensor<?x?xi32>) {
  %e = lns.param "embed" embedding init(normal, 1.0) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x4xf32> {
    %f = lns.activation silu %h : tensor<?x?x4xf32>
    %s = lns.residual %f, %h : tensor<?x?x4xf32>
    lns.yield %s : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x4xf32>
}
