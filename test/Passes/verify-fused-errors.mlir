// RUN: lns-opt %s --verify-diagnostics --pass-pipeline='builtin.module(func.func(lns-verify-fused))'

// A row op that no cluster took is listed; what stands in a cluster is fine, and
// so is a matmul.
func.func @left(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // expected-error@+1 {{'lns.scale' op is a row op outside of a cluster, so that it is no part of a kernel; run 'lns-cluster'}}
  %left = lns.scale %x factor(2.0) : tensor<4x8xf32>
  %inside = lns.cluster(%a = %x) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
    %s = lns.scale %a factor(2.0) : tensor<4x8xf32>
    lns.yield %s : tensor<4x8xf32>
  }
  %product = lns.linear %inside, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  return %left, %product : tensor<4x8xf32>, tensor<4x8xf32>
}
