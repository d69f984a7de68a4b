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
// CHECK: %[[A1:.*]] = lns.linear {{.*}} "h.0.o
// CHECK-NOT: "head"
// CHECK: return
// Behind all other functions, also where these are made later.
// TRAIN: func.func @train_step
// TRAIN: func.func @trace
// TRAIN-NOT: func.func
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
