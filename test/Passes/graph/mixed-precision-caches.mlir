// RUN: lns-opt %s --split-input-file --lns-mixed-precision | FileCheck %s
// RUN: lns-interpret %s --split-input-file --check-pipeline='builtin.module(lns-mixed-precision)' | FileCheck %s --check-prefix=SAME
// SAME: decode: {{[0-9]+}} tensors agree
// SAME: read: {{[0-9]+}} tensors agree

// A cache has the type of the rows that are appended to it, wherever it is declared.
// CHECK: lns.cache @keys : tensor<1x4x8xbf16>
// CHECK-LABEL: func.func @decode
// CHECK: %[[K0:.*]] = lns.get cache @keys : tensor<1x4x8xbf16>
// CHECK: %[[K1:.*]] = lns.append %[[K0]], %{{.*}} : tensor<1x4x8xbf16>, tensor<1x1x8xbf16>
// CHECK: lns.set %[[K1]], cache @keys : tensor<1x4x8xbf16>
// CHECK: lns.cached_attention {{.*}} -> tensor<1x1x8xbf16>
module attributes {lns.model = {}} {
  lns.parameter @e embedding init(ones) decay(true) : tensor<8x8xf32>
  lns.cache @keys : tensor<1x4x8xf32>
  func.func @decode(%t: tensor<1x1xi32>, %s: tensor<1x1xi32>) -> tensor<1x1x8xf32> {
    %e = lns.get parameter @e : tensor<8x8xf32>
    %x = lns.embedding %e, %t : (tensor<8x8xf32>, tensor<1x1xi32>) -> tensor<1x1x8xf32>
    %k0 = lns.get cache @keys : tensor<1x4x8xf32>
    %k1 = lns.append %k0, %x starts(%s) : tensor<1x4x8xf32>, tensor<1x1x8xf32>, tensor<1x1xi32>
    lns.set %k1, cache @keys : tensor<1x4x8xf32>
    %a = lns.cached_attention %x, %k1, %k1 starts(%s) heads(2) kv_heads(2)
      : (tensor<1x1x8xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<1x1xi32>) -> tensor<1x1x8xf32>
    return %a : tensor<1x1x8xf32>
  }
}

// -----

// One that somebody else reads stays as it is, and so do its rows.
// CHECK: lns.cache @keys : tensor<1x4x8xf32>
// CHECK-LABEL: func.func @read
// CHECK: %[[K0:.*]] = lns.get cache @keys : tensor<1x4x8xf32>
// CHECK: %[[ROWS:.*]] = lns.cast
// CHECK: lns.append %[[K0]], %[[ROWS]] {{.*}} : tensor<1x4x8xf32>, tensor<1x1x8xf32>
module attributes {lns.model = {}} {
  lns.parameter @e embedding init(ones) decay(true) : tensor<8x8xf32>
  lns.cache @keys : tensor<1x4x8xf32>
  func.func @read(%t: tensor<1x1xi32>, %s: tensor<1x1xi32>) -> (tensor<1x4x8xf32>, tensor<1x4x8xf32>) {
    %e = lns.get parameter @e : tensor<8x8xf32>
    %x = lns.embedding %e, %t : (tensor<8x8xf32>, tensor<1x1xi32>) -> tensor<1x1x8xf32>
    %k0 = lns.get cache @keys : tensor<1x4x8xf32>
    %k1 = lns.append %k0, %x starts(%s) : tensor<1x4x8xf32>, tensor<1x1x8xf32>, tensor<1x1xi32>
    return %k0, %k1 : tensor<1x4x8xf32>, tensor<1x4x8xf32>
  }
}
