// A number of sequences that is none.
// RUN: not lns-opt %s --lns-instantiate='batch=2 seq=4 decode=-1' 2>&1 | FileCheck %s
// CHECK: error: decode -1 must be a number of sequences that fits 32 bits, or 0 for none
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  lns.output %x : tensor<?x?x4xf32>
}
