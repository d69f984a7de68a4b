// A call may read and write all that is stored. No reader of it moves over one, and
// nothing that was read before is taken for what stands there behind.
// RUN: lns-opt %s --pass-pipeline='builtin.module(func.func(lns-cluster))' | FileCheck %s --check-prefix=CLUSTER
// RUN: lns-opt %s --lns-keep-weights | FileCheck %s --check-prefix=KEEP
// RUN: lns-opt %s --pass-pipeline='builtin.module(func.func(lns-accumulate-products))' | FileCheck %s --check-prefix=ACCUMULATE
// RUN: lns-opt %s --pass-pipeline='builtin.module(func.func(lns-fuse-products))' | FileCheck %s --check-prefix=PRODUCTS
// RUN: lns-opt %s --pass-pipeline='builtin.module(func.func(lns-fuse-norm-matmul))' | FileCheck %s --check-prefix=NORM
// RUN: lns-opt %s --cse --canonicalize | FileCheck %s --check-prefix=CSE

lns.parameter @w matrix init(ones) decay(true) : tensor<4x4xf32>
lns.parameter @v matrix init(ones) decay(true) : tensor<4x4xf32>
lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>
func.func private @writes_w(tensor<4x4xf32>)
func.func private @anything()

// What a call may write is read behind it: row ops go into one kernel, the read
// stays where it was.
// CLUSTER-LABEL: func.func @called
// CLUSTER: lns.cluster
// CLUSTER: call @writes_w
// CLUSTER-NEXT: %[[W:.*]] = lns.get parameter @w
// CLUSTER-NEXT: lns.matmul %{{.*}}, %[[W]]
func.func @called(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = lns.activation relu %x : tensor<4x4xf32>
  func.call @writes_w(%a) : (tensor<4x4xf32>) -> ()
  %w = lns.get parameter @w : tensor<4x4xf32>
  %b = lns.residual %a, %y : tensor<4x4xf32>
  %m = lns.matmul %b, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %m : tensor<4x4xf32>
}

// Does not fire where a call may write the weight.
// KEEP-NOT: lns.compute_weight
// KEEP-LABEL: func.func @kept
// KEEP: lns.cast
func.func @kept(%x: tensor<3x4xbf16>) -> tensor<3x4xbf16> {
  func.call @anything() : () -> ()
  %p = lns.get parameter @v : tensor<4x4xf32>
  %v = lns.cast %p : tensor<4x4xf32> to tensor<4x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  return %y : tensor<3x4xbf16>
}

// Nor does a product move over it, into a sum,
// ACCUMULATE-LABEL: func.func @summed
// ACCUMULATE: lns.matmul
// ACCUMULATE: call
// ACCUMULATE: lns.add
func.func @summed(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %p = lns.matmul %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.call @anything() : () -> ()
  %s = lns.add %p, %x : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// into the kernel of its reader,
// PRODUCTS-LABEL: func.func @followed
// PRODUCTS: lns.matmul
// PRODUCTS: call
// PRODUCTS: lns.cluster
// PRODUCTS-NOT: lns.matmul
// PRODUCTS: return
func.func @followed(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %p = lns.matmul %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  func.call @anything() : () -> ()
  %s = lns.cluster(%a = %p) : (tensor<4x4xf32>) -> tensor<4x4xf32> {
    %r = lns.activation relu %a : tensor<4x4xf32>
    lns.yield %r : tensor<4x4xf32>
  }
  return %s : tensor<4x4xf32>
}

// or a gain into a linear behind it.
// NORM-LABEL: func.func @normalized
// NORM: lns.norm
// NORM: call
func.func @normalized(%x: tensor<4x4xf32>, %u: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %g = lns.get parameter @g : tensor<4xf32>
  %n = lns.norm rms %x, %g : tensor<4x4xf32>, tensor<4xf32>
  func.call @anything() : () -> ()
  %y = lns.linear %n, %u : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %y : tensor<4x4xf32>
}

// Two reads with a call between them are two, without one they are one.
// CSE-LABEL: func.func @read_twice
// CSE: lns.get
// CSE: call
// CSE: lns.get
// CSE-NOT: lns.get
// CSE: return
func.func @read_twice() -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %a = lns.get parameter @w : tensor<4x4xf32>
  func.call @anything() : () -> ()
  %b = lns.get parameter @w : tensor<4x4xf32>
  %c = lns.get parameter @w : tensor<4x4xf32>
  return %a, %b, %c : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
