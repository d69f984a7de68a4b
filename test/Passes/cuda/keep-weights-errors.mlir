// RUN: lns-opt %s --split-input-file --lns-keep-weights --verify-diagnostics -o /dev/null

// The function that computes all of them has one name.
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @logits(%x: tensor<3x4xbf16>) -> tensor<3x4xbf16> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  %v = lns.cast %w : tensor<4x4xf32> to tensor<4x4xbf16>
  %y = lns.linear %x, %v : (tensor<3x4xbf16>, tensor<4x4xbf16>) -> tensor<3x4xbf16>
  return %y : tensor<3x4xbf16>
}
// expected-error @+1 {{'refresh' exists already; it is made of the compute weights}}
func.func @refresh() {
  return
}

// -----

// Without compute weights nobody minds.
func.func @refresh() {
  return
}
