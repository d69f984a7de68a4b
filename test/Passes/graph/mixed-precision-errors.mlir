// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(lns-mixed-precision)'

// bf16 is not made of f64.
func.func @wide(%e: tensor<7x4xf64>, %t: tensor<2x3xi32>) -> tensor<2x3x4xf64> {
  // expected-error@+1 {{has a value of type 'tensor<7x4xf64>', but bf16 is made of f32; cast the value to f32 or compile without bf16}}
  %x = lns.embedding %e, %t : (tensor<7x4xf64>, tensor<2x3xi32>) -> tensor<2x3x4xf64>
  return %x : tensor<2x3x4xf64>
}

// -----

// A norm would sum inside.
func.func @norm(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error@+1 {{is left, but what of a norm is f32 shows only when it is row ops; run 'lns-decompose-norms' first}}
  %n = lns.norm rms %x : tensor<2x3x4xf32>
  return %n : tensor<2x3x4xf32>
}

// -----

// A cluster has its types.
func.func @cluster(%x: tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
  // expected-error@+1 {{is there already; choose types before 'lns-cluster'}}
  %y = lns.cluster(%a = %x) : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32> {
    %b = lns.scale %a factor(2.0) : tensor<2x3x4xf32>
    lns.yield %b : tensor<2x3x4xf32>
  }
  return %y : tensor<2x3x4xf32>
}

// -----

// A function with branches is none that was made here.
// expected-error@+1 {{must have a body of one block to compute in bf16}}
func.func @branches() {
  return
^next:
  return
}
