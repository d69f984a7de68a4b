// Element types do not round, unless --round-bf16 asks for it.
// RUN: lns-interpret %s --entry=values --print | FileCheck %s --check-prefix=EXACT
// RUN: lns-interpret %s --entry=values --print --round-bf16 | FileCheck %s --check-prefix=ROUND
// RUN: lns-interpret %s --entry=product --print | FileCheck %s --check-prefix=EXACT-PRODUCT
// RUN: lns-interpret %s --entry=product --print --round-bf16 | FileCheck %s --check-prefix=ROUND-PRODUCT
// RUN: not lns-interpret %s --check-adjoints --round-bf16 2>&1 | FileCheck %s --check-prefix=CHECKS

// CHECKS: lns-interpret: error: --round-bf16: checks compare exact numbers; leave it out

// 1 + 2^-8 is half way between two bf16 numbers and goes to the even one, 1;
// 1 + 3 * 2^-8 goes to 1 + 2^-6; what is near overflow goes to infinity.
// EXACT: = 1.00390625, 1.01171875, 3.4e+38
// ROUND: = 1, 1.015625, inf
func.func @values() -> tensor<3xbf16> {
  %c = arith.constant dense<[1.00390625, 1.01171875, 3.4e38]> : tensor<3xf64>
  %y = lns.cast %c : tensor<3xf64> to tensor<3xbf16>
  return %y : tensor<3xbf16>
}

// The f32 operand of a product with a bf16 one is rounded; the f32 result of
// one is not, and neither is a product of f32 operands.
// EXACT-PRODUCT: result.0
// EXACT-PRODUCT-NEXT: = 1.00390625
// EXACT-PRODUCT: result.1
// EXACT-PRODUCT-NEXT: = 1.00390625
// ROUND-PRODUCT: result.0
// ROUND-PRODUCT-NEXT: = 1{{$}}
// ROUND-PRODUCT: result.1
// ROUND-PRODUCT-NEXT: = 1.00390625
func.func @product() -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %a = arith.constant dense<1.0> : tensor<1x1xbf16>
  %b = arith.constant dense<1.00390625> : tensor<1x1xf32>
  %one = arith.constant dense<1.0> : tensor<1x1xf32>
  %y = lns.linear %a, %b : (tensor<1x1xbf16>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %z = lns.matmul %one, %b : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  return %y, %z : tensor<1x1xf32>, tensor<1x1xf32>
}
