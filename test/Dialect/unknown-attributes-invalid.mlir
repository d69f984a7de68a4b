// An attribute that an op does not know is an error, whichever op it is, and
// names the one that is most like it.
// RUN: lns-opt %s --split-input-file --verify-diagnostics

func.func @misspelled(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{'lns.residual' op has no attribute 'branch_scal'; did you mean 'branch_scale'?}}
  %r = lns.residual %x, %x {branch_scal = 0.5 : f64} : tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

func.func @another(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) -> tensor<2x3xf32> {
  // expected-error @+1 {{'lns.linear' op has no attribute 'alfa'; did you mean 'alpha'?}}
  %r = lns.linear %x, %w {alfa = 0.5 : f64} : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  return %r : tensor<2x3xf32>
}

// -----

func.func @strange(%x: tensor<1x2x4xf32>) -> tensor<1x2x4xf32> {
  // expected-error @+1 {{'lns.rope' op has no attribute 'window'; remove it, or give it the prefix of a dialect}}
  %r = lns.rope %x head_dim(4) {window = 7 : i64} : tensor<1x2x4xf32>
  return %r : tensor<1x2x4xf32>
}

// -----

// expected-error @+1 {{'lns.model' op has no attribute 'confg'; did you mean 'config'?}}
lns.model @model(%tokens: tensor<?x?xi32>) attributes {confg = "{}"} {
  %e = lns.param "embed" embedding init(normal, 0.02) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.linear %x, %e : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// Not an error: what has the prefix of a dialect is the dialect's.
func.func @prefixed(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %r = lns.residual %x, %x {branch_scale = 0.5 : f64, lns.offsets = array<i64: 0>} : tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

// A model is made of the dialect's ops.
lns.model @foreign(%tokens: tensor<?x?xi32>) {
  // expected-error @+1 {{op 'arith.constant' is not of the lns dialect, so that nothing is known of its gradient; a model is made of lns ops alone}}
  %c = arith.constant 1 : i32
  %e = lns.param "embed" embedding init(normal, 0.02) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.linear %x, %e : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}
