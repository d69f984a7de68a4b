// RUN: lns-opt %s --split-input-file --verify-diagnostics

// lns.row_rstd (C1): numbers per row are f32.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{result has type 'tensor<2x4xbf16>', expected 'tensor<2x4xf32>' from input}}
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<2x4x8xbf16>) -> tensor<2x4xbf16>
  return
}

// -----

// lns.row_rstd_grad (C1): so is the gradient of one.
func.func @f(%x: tensor<2x4x8xbf16>, %r: tensor<2x4xf32>, %d: tensor<2x4xbf16>) {
  // expected-error @below {{grad has type 'tensor<2x4xbf16>', expected 'tensor<2x4xf32>' from input}}
  %y = lns.row_rstd_grad %x, %r, %d : (tensor<2x4x8xbf16>, tensor<2x4xf32>, tensor<2x4xbf16>) -> tensor<2x4x8xbf16>
  return
}

// -----

// lns.row_rstd_grad (C1): the result has the rows' type.
func.func @f(%x: tensor<2x4x8xbf16>, %r: tensor<2x4xf32>) {
  // expected-error @below {{result has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x8xbf16>' from input}}
  %y = lns.row_rstd_grad %x, %r, %r : (tensor<2x4x8xbf16>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.row_scale (C1): factors are f32.
func.func @f(%x: tensor<2x4x8xbf16>, %r: tensor<2x4xbf16>) {
  // expected-error @below {{factors has type 'tensor<2x4xbf16>', expected 'tensor<2x4xf32>' from input}}
  %y = lns.row_scale %x, %r : tensor<2x4x8xbf16>, tensor<2x4xbf16>
  return
}

// -----

// lns.row_dot (C1): sums are f32.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{result has type 'tensor<2x4xbf16>', expected 'tensor<2x4xf32>' from a}}
  %y = lns.row_dot %x, %x : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> tensor<2x4xbf16>
  return
}

// -----

// lns.row_dot (C1): one type for both.
func.func @f(%x: tensor<2x4x8xbf16>, %z: tensor<2x4x8xf32>) {
  // expected-error @below {{b has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x8xbf16>' from a}}
  %y = lns.row_dot %x, %z : (tensor<2x4x8xbf16>, tensor<2x4x8xf32>) -> tensor<2x4xf32>
  return
}

// -----

// lns.scale_columns (C1): gains are never bf16.
func.func @f(%x: tensor<2x4x8xbf16>, %g: tensor<8xbf16>) {
  // expected-error @below {{operand #1 must be 1D tensor of 32-bit float or 64-bit float values, but got 'tensor<8xbf16>'}}
  %y = lns.scale_columns %x, %g : tensor<2x4x8xbf16>, tensor<8xbf16>
  return
}

// -----

// lns.scale_columns (C1): nor f64 for bf16.
func.func @f(%x: tensor<2x4x8xbf16>, %g: tensor<8xf64>) {
  // expected-error @below {{gain has type 'tensor<8xf64>', expected 'tensor<8xf32>' from input}}
  %y = lns.scale_columns %x, %g : tensor<2x4x8xbf16>, tensor<8xf64>
  return
}

// -----

// lns.norm (C1): the gain of bf16 rows is f32.
func.func @f(%x: tensor<2x4x8xbf16>, %g: tensor<8xf64>) {
  // expected-error @below {{gain has type 'tensor<8xf64>', expected 'tensor<8xf32>' from input}}
  %y = lns.norm rms %x, %g : tensor<2x4x8xbf16>, tensor<8xf64>
  return
}

// -----

// lns.column_dot (C1): sums over rows are f32.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{result has type 'tensor<8xf64>', expected 'tensor<8xf32>' from a}}
  %y = lns.column_dot %x, %x : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> tensor<8xf64>
  return
}

// -----

// lns.linear (C3): bf16 does not mix with f64.
func.func @f(%x: tensor<2x4x8xbf16>, %w: tensor<6x8xf64>) {
  // expected-error @below {{weight has element type 'f64', but a product with a bf16 operand takes and gives bf16 or f32}}
  %y = lns.linear %x, %w : (tensor<2x4x8xbf16>, tensor<6x8xf64>) -> tensor<2x4x6xbf16>
  return
}

// -----

// lns.linear (C3): without a bf16 operand the result is not rounded.
func.func @f(%x: tensor<2x4x8xf32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{result has element type 'bf16', but input has element type 'f32'}}
  %y = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<6x8xf32>) -> tensor<2x4x6xbf16>
  return
}

// -----

// lns.linear (C2): the bias of a bf16 result is f32.
func.func @f(%x: tensor<2x4x8xbf16>, %w: tensor<6x8xbf16>, %b: tensor<6xf64>) {
  // expected-error @below {{bias has type 'tensor<6xf64>', expected 'tensor<6xf32>' from weight and result}}
  %y = lns.linear %x, %w bias(%b) : (tensor<2x4x8xbf16>, tensor<6x8xbf16>, tensor<6xf64>) -> tensor<2x4x6xbf16>
  return
}

// -----

// lns.matmul (C2): bf16 does not mix with f64.
func.func @f(%a: tensor<4x8xbf16>, %b: tensor<8x6xbf16>) {
  // expected-error @below {{result has element type 'f64', but a product with a bf16 operand takes and gives bf16 or f32}}
  %y = lns.matmul %a, %b : (tensor<4x8xbf16>, tensor<8x6xbf16>) -> tensor<4x6xf64>
  return
}

// -----

// lns.matmul (C2): two f32 operands have an f32 result.
func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x6xf32>) {
  // expected-error @below {{result has element type 'bf16', but a has element type 'f32'}}
  %y = lns.matmul %a, %b : (tensor<4x8xf32>, tensor<8x6xf32>) -> tensor<4x6xbf16>
  return
}

// -----

// lns.embedding: a table is never bf16.
func.func @f(%e: tensor<16x8xbf16>, %t: tensor<2x4xi32>) {
  // expected-error @below {{operand #0 must be 2D tensor of 32-bit float or 64-bit float values, but got 'tensor<16x8xbf16>'}}
  %y = lns.embedding %e, %t : (tensor<16x8xbf16>, tensor<2x4xi32>) -> tensor<2x4x8xbf16>
  return
}

// -----

// lns.embedding (C2): rows of an f64 table are f64.
func.func @f(%e: tensor<16x8xf64>, %t: tensor<2x4xi32>) {
  // expected-error @below {{result has type 'tensor<2x4x8xbf16>', expected 'tensor<2x4x8xf64>' from tokens and table}}
  %y = lns.embedding %e, %t : (tensor<16x8xf64>, tensor<2x4xi32>) -> tensor<2x4x8xbf16>
  return
}

// -----

// lns.embedding_grad (C1): f64 is summed from f64.
func.func @f(%d: tensor<2x4x8xbf16>, %t: tensor<2x4xi32>) {
  // expected-error @below {{grad has type 'tensor<2x4x8xbf16>', expected 'tensor<2x4x8xf64>' from tokens and result}}
  %y = lns.embedding_grad %d, %t : (tensor<2x4x8xbf16>, tensor<2x4xi32>) -> tensor<16x8xf64>
  return
}

// -----

// lns.cross_entropy (C2): losses are f32.
func.func @f(%x: tensor<2x4x8xbf16>, %t: tensor<2x4xi32>) {
  // expected-error @below {{losses has type 'tensor<2x4xbf16>', expected 'tensor<2x4xf32>' from logits}}
  %l:2 = lns.cross_entropy %x, %t : (tensor<2x4x8xbf16>, tensor<2x4xi32>) -> (tensor<2x4xbf16>, tensor<2x4xf32>)
  return
}

// -----

// lns.cross_entropy_grad (C1): so are their gradients.
func.func @f(%x: tensor<2x4x8xbf16>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>, %d: tensor<2x4xbf16>) {
  // expected-error @below {{grad has type 'tensor<2x4xbf16>', expected 'tensor<2x4xf32>' from logits}}
  %y = lns.cross_entropy_grad %x, %t, %l, %d : (tensor<2x4x8xbf16>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xbf16>) -> tensor<2x4x8xbf16>
  return
}

// -----

// lns.mean (C1): a mean of bf16 is f32.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{result has element type 'f64', but input of element type 'bf16' needs 'f32'}}
  %m = lns.mean %x : (tensor<2x4x8xbf16>) -> tensor<f64>
  return
}

// -----

// lns.mean_grad (C1): of bf16, too.
func.func @f(%d: tensor<f64>) {
  // expected-error @below {{grad has element type 'f64', but result of element type 'bf16' needs 'f32'}}
  %m = lns.mean_grad %d : (tensor<f64>) -> tensor<4xbf16>
  return
}

// -----

// lns.attention (C3): the log-sum-exp of bf16 is f32.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{lse has type 'tensor<2x2x4xbf16>', expected 'tensor<2x2x4xf32>' from query and heads}}
  %a, %l = lns.attention %x, %x, %x heads(2) kv_heads(2) : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>) -> (tensor<2x4x8xbf16>, tensor<2x2x4xbf16>)
  return
}

// -----

// lns.attention_grad (C1): so is the one it reads.
func.func @f(%x: tensor<2x4x8xbf16>, %l: tensor<2x2x4xbf16>) {
  // expected-error @below {{lse has type 'tensor<2x2x4xbf16>', expected 'tensor<2x2x4xf32>' from query and heads}}
  %d:3 = lns.attention_grad %x, %x, %x, %x, %l, %x heads(2) kv_heads(2) : (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x2x4xbf16>, tensor<2x4x8xbf16>) -> (tensor<2x4x8xbf16>, tensor<2x4x8xbf16>, tensor<2x4x8xbf16>)
  return
}

// -----

// lns.cast (C1): one shape.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{result has type 'tensor<2x4xf32>', expected 'tensor<2x4x8xf32>' from input}}
  %y = lns.cast %x : tensor<2x4x8xbf16> to tensor<2x4xf32>
  return
}

// -----

// lns.cast: between floats only.
func.func @f(%x: tensor<2x4x8xbf16>) {
  // expected-error @below {{result #0 must be ranked tensor of bfloat16 type or 32-bit float or 64-bit float values, but got 'tensor<2x4x8xi32>'}}
  %y = lns.cast %x : tensor<2x4x8xbf16> to tensor<2x4x8xi32>
  return
}

// -----

// lns.parameter: a parameter is never bf16.
// expected-error @below {{attribute 'type' failed to satisfy constraint: type attribute of ranked tensor of 32-bit float or 64-bit float values}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xbf16>
