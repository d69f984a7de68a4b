// A product in model form takes its rows from its input, whatever their number.
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-graph{batch=2 seq=3},lns-eliminate-norms,lns-train,lns-fuse)' | FileCheck %s
// CHECK: logits: {{[0-9]+}} tensors agree
lns.model @products(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<5x4xf32>
  %w = lns.param "w" matrix init(normal, 0.3) : tensor<4x6xf32>
  %v = lns.param "v" matrix init(normal, 0.3) : tensor<5x6xf32>
  %x = lns.embedding %e, %tokens : (tensor<5x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.matmul %x, %w : (tensor<?x?x4xf32>, tensor<4x6xf32>) -> tensor<?x?x6xf32>
  %z = lns.matmul %y, %v transpose_b : (tensor<?x?x6xf32>, tensor<5x6xf32>) -> tensor<?x?x5xf32>
  lns.output %z : tensor<?x?x5xf32>
}
