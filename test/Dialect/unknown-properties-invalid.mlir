// A key that an op does not know is an error in the generic form's properties,
// too, and names the one that is most like it.
// RUN: lns-opt %s --split-input-file --verify-diagnostics

func.func @misspelled(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{for op lns.norm: 'lns.norm' has no property 'depth_scal'; did you mean 'depth_scale'?}}
  %r = "lns.norm"(%x) <{depth_scal = #lns<depth_scale inv_sqrt_depth>, depth_scale = #lns<depth_scale none>, eps = 1.0e-06 : f64, kind = #lns<norm_kind rms>, operandSegmentSizes = array<i32: 1, 0, 0, 0>, scale = 1.0 : f64}> : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

func.func @strange(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{'lns.residual' has no property 'window'; remove it}}
  %r = "lns.residual"(%x, %x) <{branch_scale = 0.5 : f64, window = 7 : i64}> : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

// Not even what has the prefix of a dialect: properties are the op's own.
func.func @prefixed(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{'lns.residual' has no property 'lns.offsets'; remove it}}
  %r = "lns.residual"(%x, %x) <{lns.offsets = array<i64: 0>}> : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

// An op without properties takes none.
func.func @none(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{this operation does not support properties}}
  %r = "lns.add"(%x, %x) <{scale = 2.0 : f64}> : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}

// -----

// Not an error: keys that are known, also by the name that sizes of segments had.
func.func @known(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) -> tensor<2x3xf32> {
  %r = "lns.residual"(%x, %x) <{branch_scale = 0.5 : f64, skip_scale = 2.0 : f64}> : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %a = "lns.linear"(%r, %w) <{alpha = 2.0 : f64, operandSegmentSizes = array<i32: 1, 1, 0, 0>}> : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %b = "lns.linear"(%r, %w) <{operand_segment_sizes = array<i32: 1, 1, 0, 0>}> : (tensor<2x4xf32>, tensor<3x4xf32>) -> tensor<2x3xf32>
  %c = "lns.add"(%a, %b) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return %c : tensor<2x3xf32>
}
