// RUN: lns-opt %s --split-input-file --verify-diagnostics

// lns.parameter (C1): its shape.
// expected-error @below {{has type 'tensor<?xf32>', expected a static shape with at least one element}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<?xf32>

// -----

// lns.parameter (C1): its initial value.
// expected-error @below {{init 'constant' needs a value, as in init(constant, 0.02)}}
lns.parameter @a matrix init(constant) decay(true) : tensor<8xf32>

// -----

// lns.parameter (C2): storage says something.
// expected-error @below {{has storage of type 'tensor<8x4xf32>' for type 'tensor<8x4xf32>', expected another type of the same rank and element type, no extent smaller; without storage the type itself is stored}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<8x4xf32>) : tensor<8x4xf32>

// -----

// lns.parameter (C2): no dimension is smaller.
// expected-error @below {{has storage of type 'tensor<16x3xf32>' for type 'tensor<8x4xf32>'}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<16x3xf32>) : tensor<8x4xf32>

// -----

// lns.parameter (C2): the same rank.
// expected-error @below {{has storage of type 'tensor<64xf32>' for type 'tensor<8x4xf32>'}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<64xf32>) : tensor<8x4xf32>

// -----

// lns.parameter (C2): the same element type.
// expected-error @below {{has storage of type 'tensor<16x4xf64>' for type 'tensor<8x4xf32>'}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<16x4xf64>) : tensor<8x4xf32>

// -----

// lns.parameter (C2): a static shape.
// expected-error @below {{has storage of type 'tensor<?x4xf32>' for type 'tensor<8x4xf32>'}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<?x4xf32>) : tensor<8x4xf32>

// -----

// lns.parameter (C2): a size that can be counted.
// expected-error @below {{has storage of type 'tensor<4611686018427387904x4xf32>', whose size in bytes does not fit 64 bits}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<4611686018427387904x4xf32>) : tensor<8x4xf32>

// -----

// lns.get (C1): the type of what is stored.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<16x4xf32>) : tensor<8x4xf32>
func.func @get() {
  // expected-error @below {{value has type 'tensor<8x4xf32>', but parameter @a has storage of type 'tensor<16x4xf32>'}}
  %a = lns.get parameter @a : tensor<8x4xf32>
  return
}

// -----

// lns.get (C1): nothing has that name.
func.func @get() {
  // expected-error @below {{parameter @a is not declared}}
  %a = lns.get parameter @a : tensor<8xf32>
  return
}

// -----

// lns.get (C1): something else has that name.
// expected-note @below {{declared here}}
func.func @get() {
  // expected-error @below {{symbol @get is not an lns.parameter but an func.func}}
  %a = lns.get parameter @get : tensor<8xf32>
  return
}

// -----

// lns.get (C1): the type.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>
func.func @get() {
  // expected-error @below {{value has type 'tensor<4xf32>', but parameter @a has type 'tensor<8xf32>'}}
  %a = lns.get gradient @a : tensor<4xf32>
  return
}

// -----

// lns.set (C1)
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>
func.func @set(%v: tensor<4xf32>) {
  // expected-error @below {{value has type 'tensor<4xf32>', but parameter @a has type 'tensor<8xf32>'}}
  lns.set %v, gradient @a : tensor<4xf32>
  return
}

// -----

// lns.matmul (C1): the rank of an operand.
func.func @matmul(%a: tensor<f32>, %b: tensor<4x6xf32>) {
  // expected-error @below {{a has type 'tensor<f32>', expected at least one dimension}}
  %c = lns.matmul %a, %b : (tensor<f32>, tensor<4x6xf32>) -> tensor<1x6xf32>
  return
}

// -----

// lns.matmul (C1): the rank of the result.
func.func @matmul(%a: tensor<1x4xf32>, %b: tensor<4x1xf32>) {
  // expected-error @below {{result has type 'tensor<f32>', expected at least one dimension}}
  %c = lns.matmul %a, %b : (tensor<1x4xf32>, tensor<4x1xf32>) -> tensor<f32>
  return
}

// -----

// lns.matmul (C1): inner extents.
func.func @matmul(%a: tensor<2x3x4xf32>, %b: tensor<4x6xf32>) {
  // expected-error @below {{inner extents differ: 6 of a and 4 of b}}
  %c = lns.matmul %a, %b transpose_a : (tensor<2x3x4xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

// lns.matmul (C1): the result.
func.func @matmul(%a: tensor<2x3x4xf32>, %b: tensor<6x4xf32>) {
  // expected-error @below {{result of type 'tensor<2x3x4xf32>' does not hold a product of 6 x 6}}
  %c = lns.matmul %a, %b transpose_b : (tensor<2x3x4xf32>, tensor<6x4xf32>) -> tensor<2x3x4xf32>
  return
}

// -----

// lns.matmul (C1): the result, where rows are not known.
func.func @matmul(%a: tensor<?x3x4xf32>, %b: tensor<6x4xf32>) {
  // expected-error @below {{result of type 'tensor<2x3x4xf32>' does not hold a product of ? x 6}}
  %c = lns.matmul %a, %b transpose_b : (tensor<?x3x4xf32>, tensor<6x4xf32>) -> tensor<2x3x4xf32>
  return
}

// -----

// lns.matmul (C2): operands.
func.func @matmul(%a: tensor<2x4xf32>, %b: tensor<4x6xf64>) {
  // expected-error @below {{a has element type 'f32', but b has element type 'f64'}}
  %c = lns.matmul %a, %b : (tensor<2x4xf32>, tensor<4x6xf64>) -> tensor<2x6xf32>
  return
}

// -----

// lns.matmul (C2): the result.
func.func @matmul(%a: tensor<2x4xf32>, %b: tensor<4x6xf32>) {
  // expected-error @below {{result has element type 'f64', but a has element type 'f32'}}
  %c = lns.matmul %a, %b : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf64>
  return
}

// -----

func.func @row_rstd(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<f32>) -> tensor<f32>
  return
}

// -----

// lns.row_rstd (C1)
func.func @row_rstd(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{result has type 'tensor<2x8xf32>', expected 'tensor<2x4xf32>' from input}}
  %r = lns.row_rstd %x eps(1.0e-6) : (tensor<2x4x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

// lns.row_rstd (C2)
func.func @row_rstd(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{eps must be positive and finite, got -1.000000e+00}}
  %r = lns.row_rstd %x eps(-1.0) : (tensor<2x4x8xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @row_rstd_grad(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.row_rstd_grad %x, %x, %x : (tensor<f32>, tensor<f32>, tensor<f32>) -> tensor<f32>
  return
}

// -----

// lns.row_rstd_grad (C1): rstd.
func.func @row_rstd_grad(%x: tensor<4x8xf32>, %r: tensor<4xf32>) {
  // expected-error @below {{rstd has type 'tensor<4x8xf32>', expected 'tensor<4xf32>' from input}}
  %y = lns.row_rstd_grad %x, %x, %r : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<4x8xf32>
  return
}

// -----

// lns.row_rstd_grad (C1): grad.
func.func @row_rstd_grad(%x: tensor<4x8xf32>, %r: tensor<4xf32>) {
  // expected-error @below {{grad has type 'tensor<4x8xf32>', expected 'tensor<4xf32>' from input}}
  %y = lns.row_rstd_grad %x, %r, %x : (tensor<4x8xf32>, tensor<4xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// lns.row_rstd_grad (C1): the result.
func.func @row_rstd_grad(%x: tensor<4x8xf32>, %r: tensor<4xf32>) {
  // expected-error @below {{result has type 'tensor<4xf32>', expected 'tensor<4x8xf32>' from input}}
  %y = lns.row_rstd_grad %x, %r, %r : (tensor<4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @row_scale(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.row_scale %x, %x : tensor<f32>, tensor<f32>
  return
}

// -----

// lns.row_scale (C1)
func.func @row_scale(%x: tensor<2x4x8xf32>, %f: tensor<2x4xf64>) {
  // expected-error @below {{factors has type 'tensor<2x4xf64>', expected 'tensor<2x4xf32>' from input}}
  %y = lns.row_scale %x, %f : tensor<2x4x8xf32>, tensor<2x4xf64>
  return
}

// -----

func.func @row_dot(%x: tensor<f32>) {
  // expected-error @below {{a has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.row_dot %x, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return
}

// -----

// lns.row_sum (C1)
func.func @row_sum(%x: tensor<4x8xbf16>) {
  // expected-error @below {{result has type 'tensor<4xbf16>', expected 'tensor<4xf32>' from input}}
  %y = lns.row_sum %x : (tensor<4x8xbf16>) -> tensor<4xbf16>
  return
}

// -----

func.func @row_sum(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.row_sum %x : (tensor<f32>) -> tensor<f32>
  return
}

// -----

// lns.mix_factors_grad (C1)
func.func @mix_factors_grad(%a: tensor<1xf32>) {
  // expected-error @below {{eps must be positive and finite, got -1.0}}
  %y:3 = lns.mix_factors_grad %a, %a, %a, %a, %a eps(-1.0) : tensor<1xf32>
  return
}

// -----

// lns.row_dot (C1): operands.
func.func @row_dot(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) {
  // expected-error @below {{b has type 'tensor<4x6xf32>', expected 'tensor<4x8xf32>' from a}}
  %y = lns.row_dot %x, %z : (tensor<4x8xf32>, tensor<4x6xf32>) -> tensor<4xf32>
  return
}

// -----

// lns.row_dot (C1): the result.
func.func @row_dot(%x: tensor<4x8xf32>) {
  // expected-error @below {{result has type 'tensor<8xf32>', expected 'tensor<4xf32>' from a}}
  %y = lns.row_dot %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @scale_columns(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.scale_columns %x : tensor<f32>
  return
}

// -----

// lns.scale_columns (C1): the gain.
func.func @scale_columns(%x: tensor<4x8xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{gain has type 'tensor<4xf32>', expected 'tensor<8xf32>' from input}}
  %y = lns.scale_columns %x, %g : tensor<4x8xf32>, tensor<4xf32>
  return
}

// -----

// lns.scale_columns (C1): the scale.
func.func @scale_columns(%x: tensor<4x8xf32>) {
  // expected-error @below {{scale must be finite, got INF}}
  %y = lns.scale_columns %x scale(0x7FF0000000000000) : tensor<4x8xf32>
  return
}

// -----

func.func @column_dot(%x: tensor<f32>) {
  // expected-error @below {{a has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.column_dot %x : (tensor<f32>) -> tensor<1xf32>
  return
}

// -----

// lns.column_dot (C1): operands.
func.func @column_dot(%x: tensor<4x8xf32>, %z: tensor<5x8xf32>) {
  // expected-error @below {{b has type 'tensor<5x8xf32>', expected 'tensor<4x8xf32>' from a}}
  %y = lns.column_dot %x, %z : (tensor<4x8xf32>, tensor<5x8xf32>) -> tensor<8xf32>
  return
}

// -----

// lns.column_dot (C1): the result.
func.func @column_dot(%x: tensor<4x8xf32>) {
  // expected-error @below {{result has type 'tensor<4xf32>', expected 'tensor<8xf32>' from a}}
  %y = lns.column_dot %x : (tensor<4x8xf32>) -> tensor<4xf32>
  return
}

// -----

// lns.column_dot (C1): the scale.
func.func @column_dot(%x: tensor<4x8xf32>) {
  // expected-error @below {{scale must be finite, got nan}}
  %y = lns.column_dot %x scale(0x7FF8000000000000) : (tensor<4x8xf32>) -> tensor<8xf32>
  return
}

// -----

// lns.sum (C1): one element, of the wide type.
func.func @sum(%x: tensor<4x8xf32>) {
  // expected-error @below {{result has type 'tensor<8xf32>', expected 'tensor<1xf32>' from input}}
  %y = lns.sum %x : (tensor<4x8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @sum_narrow(%x: tensor<4x8xbf16>) {
  // expected-error @below {{result has type 'tensor<1xf64>', expected 'tensor<1xf32>' from input}}
  %y = lns.sum %x : (tensor<4x8xbf16>) -> tensor<1xf64>
  return
}

// -----

// lns.constant (C1)
func.func @constant() {
  // expected-error @below {{result has type 'tensor<?xf32>', expected a static shape}}
  %y = lns.constant 1.0 : tensor<?xf32>
  return
}

// -----

// lns.scale (C1)
func.func @scale(%x: tensor<4x8xf32>) {
  // expected-error @below {{factor must be finite, got INF}}
  %y = lns.scale %x factor(0x7FF0000000000000) : tensor<4x8xf32>
  return
}

// -----

// lns.mean_grad (C1): the element type.
func.func @mean_grad(%x: tensor<f32>) {
  // expected-error @below {{grad has element type 'f32', but result of element type 'f64' needs 'f64'}}
  %y = lns.mean_grad %x : (tensor<f32>) -> tensor<4xf64>
  return
}

// -----

// lns.mean_grad (C1): how many elements it is divided by.
func.func @mean_grad(%x: tensor<f32>) {
  // expected-error @below {{result has type 'tensor<?xf32>', expected a static shape with at least one element}}
  %y = lns.mean_grad %x : (tensor<f32>) -> tensor<?xf32>
  return
}

// -----

// lns.attention_grad (C1): as lns.attention.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{kv_heads 3 does not divide heads 4}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(3)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.attention_grad (C1): a window as in lns.attention.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{has a window of 2 keys up to the query, but is not causal; add 'causal'}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(4) window(2)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.softcap_grad (C1): a negative cap.
func.func @softcap_grad(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{cap must be}}
  %d = lns.softcap_grad %x, %x cap(-2.0) : tensor<2x4x8xf32>
  return
}

// -----

// lns.compute_weight (C4): an offset of no gain.
lns.parameter @offset.w matrix init(zeros) decay(true) : tensor<4x8xf32>
// expected-error @below {{has a gain_offset of 1.000000e+00, but no gain that it would be added to}}
lns.compute_weight @offset.w.bf16 of @offset.w {gain_offset = 1.0 : f64} : tensor<4x8xbf16>

// -----

// lns.compute_weight (C4): an offset that is no number.
lns.parameter @offset.w matrix init(zeros) decay(true) : tensor<4x8xf32>
lns.parameter @offset.g gain init(zeros) decay(true) : tensor<8xf32>
// expected-error @below {{gain_offset must be finite}}
lns.compute_weight @offset.w.bf16 of @offset.w gain(@offset.g) {gain_offset = 0x7FF0000000000000 : f64} : tensor<4x8xbf16>

// -----

// lns.attention_grad (C1): the forward op's result.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{output has type 'tensor<2x4x4xf32>', expected 'tensor<2x4x8xf32>' from query}}
  %d:3 = lns.attention_grad %q, %q, %q, %l, %l, %q heads(4) kv_heads(4)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.attention_grad (C1): its gradient.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{grad has type 'tensor<2x4x4xf32>', expected 'tensor<2x4x8xf32>' from query}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %l, %l heads(4) kv_heads(4)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x4xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.attention_grad (C1): the log-sum-exp.
func.func @attention_grad(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{lse has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x4xf32>' from query and heads}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %q, %q heads(4) kv_heads(4)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.attention_grad (C1): the query's gradient.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{query_grad has type 'tensor<2x4x4xf32>', expected 'tensor<2x4x8xf32>' from query}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(4)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x4xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.attention_grad (C1): the key's gradient.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{key_grad has type 'tensor<2x4x4xf32>', expected 'tensor<2x4x8xf32>' from key}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(4)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.attention_grad (C1): the value's gradient.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x4x4xf32>) {
  // expected-error @below {{value_grad has type 'tensor<2x4x4xf32>', expected 'tensor<2x4x8xf32>' from value}}
  %d:3 = lns.attention_grad %q, %q, %q, %q, %l, %q heads(4) kv_heads(4)
    : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>)
    -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x4xf32>)
  return
}

// -----

// lns.matmul (C3): the gain.
func.func @matmul(%a: tensor<2x4xf32>, %b: tensor<4x6xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{gain has type 'tensor<4xf32>', expected 'tensor<6xf32>' from b}}
  %c = lns.matmul %a, %b gain(%g) : (tensor<2x4xf32>, tensor<4x6xf32>, tensor<4xf32>) -> tensor<2x6xf32>
  return
}

// -----

// lns.matmul (C3): the addend.
func.func @matmul(%a: tensor<2x4xf32>, %b: tensor<4x6xf32>) {
  // expected-error @below {{addend has type 'tensor<2x4xf32>', expected 'tensor<2x6xf32>' from result}}
  %c = lns.matmul %a, %b addend(%a) : (tensor<2x4xf32>, tensor<4x6xf32>, tensor<2x4xf32>) -> tensor<2x6xf32>
  return
}

// -----

// lns.matmul (C3): alpha.
func.func @matmul(%a: tensor<2x4xf32>, %b: tensor<4x6xf32>) {
  // expected-error @below {{alpha must be finite}}
  %c = lns.matmul %a, %b {alpha = 0x7FF0000000000000 : f64} : (tensor<2x4xf32>, tensor<4x6xf32>) -> tensor<2x6xf32>
  return
}

// -----

// lns.weight_grad (C1): the rank of an operand.
func.func @weight_grad(%u: tensor<f32>, %x: tensor<1x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>) {
  // expected-error @below {{grad has type 'tensor<f32>', expected at least one dimension}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<f32>, tensor<1x5xf32>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C1): rows.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<4x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>) {
  // expected-error @below {{grad has 6 rows, but input has 4}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xf32>, tensor<4x5xf32>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C1): the weight.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<5x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{weight of type 'tensor<5x8xf32>' is not one of 8 outputs and 5 inputs}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<5x8xf32>, tensor<8xf32>) -> (tensor<5x8xf32>, tensor<8xf32>)
  return
}

// -----

// lns.weight_grad (C2): element types.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf64>, %w: tensor<8x5xf32>, %g: tensor<5xf32>) {
  // expected-error @below {{grad has element type 'f32', but input has element type 'f64'}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xf32>, tensor<6x5xf64>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C3): the weight's gradient.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>) {
  // expected-error @below {{weight_grad has type 'tensor<8x6xf32>', expected 'tensor<8x5xf32>' from weight}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x6xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C3): the addend.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>, %c: tensor<5x5xf32>) {
  // expected-error @below {{addend has type 'tensor<5x5xf32>', expected 'tensor<8x5xf32>' from weight}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) addend(%c) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, tensor<5xf32>, tensor<5x5xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C4): the gain.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{gain has type 'tensor<8xf32>', expected 'tensor<5xf32>' from weight}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, tensor<8xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C4): the gain's gradient.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>) {
  // expected-error @below {{gain_grad has type 'tensor<8xf32>', expected 'tensor<5xf32>' from weight}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x5xf32>, tensor<8xf32>)
  return
}

// -----

// lns.weight_grad (C4): what is added to it.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>, %d: tensor<8xf32>) {
  // expected-error @below {{gain_addend has type 'tensor<8xf32>', expected 'tensor<5xf32>' from weight}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) gain_addend(%d) : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, tensor<5xf32>, tensor<8xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.weight_grad (C5): alpha.
func.func @weight_grad(%u: tensor<2x3x8xf32>, %x: tensor<6x5xf32>, %w: tensor<8x5xf32>, %g: tensor<5xf32>) {
  // expected-error @below {{alpha must be finite}}
  %dw, %dg = lns.weight_grad %u, %x weight(%w) gain(%g) {alpha = 0x7FF0000000000000 : f64} : (tensor<2x3x8xf32>, tensor<6x5xf32>, tensor<8x5xf32>, tensor<5xf32>) -> (tensor<8x5xf32>, tensor<5xf32>)
  return
}

// -----

// lns.cross_entropy_grad (C2): factors without their gradient.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{has factors, but no result for their gradient}}
  %d = lns.cross_entropy_grad %x, %t, %l, %l factors(%l) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.cross_entropy_grad (C2): a gradient without factors.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{has a result for the gradient of factors, but no factors}}
  %d:2 = lns.cross_entropy_grad %x, %t, %l, %l : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>)
  return
}

// -----

// lns.cross_entropy_grad (C2): relative to nothing.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{is relative, but has no factors}}
  %d = lns.cross_entropy_grad %x, %t, %l, %l relative : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.cross_entropy_grad (C2): the factors.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{factors has type 'tensor<2x4x8xf32>', expected 'tensor<2x4xf32>' from logits}}
  %d:2 = lns.cross_entropy_grad %x, %t, %l, %l factors(%x) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>)
  return
}

// -----

// lns.cross_entropy_grad (C2): their gradient.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{factors_grad has type 'tensor<2x4x8xf32>', expected 'tensor<2x4xf32>' from logits}}
  %d:2 = lns.cross_entropy_grad %x, %t, %l, %l factors(%l) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.cross_entropy_grad (C1): targets.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x8xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{targets has type 'tensor<2x8xi32>', expected 'tensor<2x4xi32>' from logits}}
  %d = lns.cross_entropy_grad %x, %t, %l, %l : (tensor<2x4x8xf32>, tensor<2x8xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.cross_entropy_grad (C1): the log-sum-exp.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{lse has type 'tensor<2x4x8xf32>', expected 'tensor<2x4xf32>' from logits}}
  %d = lns.cross_entropy_grad %x, %t, %x, %l : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4x8xf32>, tensor<2x4xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.cross_entropy_grad (C1): the gradient.
func.func @cross_entropy_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %l: tensor<2x4xf32>) {
  // expected-error @below {{grad has type 'tensor<2x4x8xf32>', expected 'tensor<2x4xf32>' from logits}}
  %d = lns.cross_entropy_grad %x, %t, %l, %x : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.cross_entropy_with_grad (C2): factors without their gradient.
func.func @cross_entropy_with_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %d: tensor<2x4xf32>) {
  // expected-error @below {{has factors, but no result for their gradient}}
  %r:2 = lns.cross_entropy_with_grad %x, %t, %d factors(%d) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.cross_entropy_with_grad (C2): relative to nothing.
func.func @cross_entropy_with_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %d: tensor<2x4xf32>) {
  // expected-error @below {{is relative, but has no factors}}
  %r:2 = lns.cross_entropy_with_grad %x, %t, %d relative : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.cross_entropy_with_grad (C1): targets.
func.func @cross_entropy_with_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x8xi32>, %d: tensor<2x4xf32>) {
  // expected-error @below {{targets has type 'tensor<2x8xi32>', expected 'tensor<2x4xi32>' from logits}}
  %r:2 = lns.cross_entropy_with_grad %x, %t, %d : (tensor<2x4x8xf32>, tensor<2x8xi32>, tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.cross_entropy_with_grad (C1): the losses.
func.func @cross_entropy_with_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %d: tensor<2x4xf32>) {
  // expected-error @below {{losses has type 'tensor<4xf32>', expected 'tensor<2x4xf32>' from logits}}
  %r:2 = lns.cross_entropy_with_grad %x, %t, %d : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4xf32>) -> (tensor<4xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.cross_entropy_with_grad (C1): their gradient.
func.func @cross_entropy_with_grad(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>, %d: tensor<2x4xf32>) {
  // expected-error @below {{grad has type 'tensor<2x4x8xf32>', expected 'tensor<2x4xf32>' from logits}}
  %r:2 = lns.cross_entropy_with_grad %x, %t, %x : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4x8xf32>) -> (tensor<2x4xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.add_bias (C1): the input.
func.func @add_bias(%x: tensor<f32>, %b: tensor<8xf32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.add_bias %x, %b : tensor<f32>, tensor<8xf32>
  return
}

// -----

// lns.add_bias (C1): the bias.
func.func @add_bias(%x: tensor<2x4x8xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{bias has type 'tensor<4xf32>', expected 'tensor<8xf32>' from input}}
  %y = lns.add_bias %x, %b : tensor<2x4x8xf32>, tensor<4xf32>
  return
}

// -----

// lns.add_bias (C1): the scale.
func.func @add_bias(%x: tensor<2x4x8xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{scale must be finite, got nan}}
  %y = lns.add_bias %x, %b scale(0x7FF8000000000000) : tensor<2x4x8xf32>, tensor<8xf32>
  return
}

// -----

// lns.center_rows (C1)
func.func @center_rows(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.center_rows %x : tensor<f32>
  return
}

// -----

// lns.add_positions_grad (C1): the rank.
func.func @add_positions_grad(%x: tensor<4x8xf32>) {
  // expected-error @below {{grad has type 'tensor<4x8xf32>', expected [batch, time, features]}}
  %y = lns.add_positions_grad %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// lns.add_positions_grad (C1): columns.
func.func @add_positions_grad(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{grad has 8 columns, but result of type 'tensor<4x6xf32>' has 6}}
  %y = lns.add_positions_grad %x : (tensor<2x4x8xf32>) -> tensor<4x6xf32>
  return
}

// -----

// lns.add_positions_grad (C2)
func.func @add_positions_grad(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{grad has 4 positions, but result has rows for 3; use shorter sequences or a longer table}}
  %y = lns.add_positions_grad %x : (tensor<2x4x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

// lns.add_positions_grad (C3)
func.func @add_positions_grad(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{result has element type 'f64', but grad of element type 'f32' needs 'f32'}}
  %y = lns.add_positions_grad %x : (tensor<2x4x8xf32>) -> tensor<4x8xf64>
  return
}

// -----

// lns.activation_grad: one type.
func.func @activation_grad(%x: tensor<4x8xf32>, %y: tensor<4x6xf32>) {
  // expected-error @below {{failed to verify that all of {grad, input, result} have same type}}
  %z = "lns.activation_grad"(%x, %y) {activation = #lns<activation relu>} : (tensor<4x8xf32>, tensor<4x6xf32>) -> tensor<4x8xf32>
  return
}

// -----

// lns.clip_factor (C1): gradients.
func.func @clip(%o: tensor<8xf32>) {
  // expected-error @below {{has no gradient, expected at least one}}
  %n, %f, %p = "lns.clip_factor"(%o) <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (tensor<8xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  return
}

// -----

// lns.clip_factor (C1): the optimizer's values.
func.func @clip(%o: tensor<7xf32>, %g: tensor<4x8xf32>) {
  // expected-error @below {{optimizer has type 'tensor<7xf32>', expected 'tensor<8xf32>'}}
  %n, %f, %p = lns.clip_factor %o, %g : (tensor<7xf32>, tensor<4x8xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  return
}

// -----

// lns.clip_factor (C2): the number of chunks, here 2 of 65536 elements and one.
func.func @clip(%o: tensor<8xf32>, %g: tensor<65537xf32>, %h: tensor<4xf32>) {
  // expected-error @below {{partials has type 'tensor<2xf64>', expected one f64 for each of the gradients' 3 chunks}}
  %n, %f, %p = lns.clip_factor %o, %g, %h : (tensor<8xf32>, tensor<65537xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  return
}

// -----

// lns.clip_factor (C2): sums are f64.
func.func @clip(%o: tensor<8xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{partials has type 'tensor<1xf32>', expected one f64 for each of the gradients' 1 chunks}}
  %n, %f, %p = lns.clip_factor %o, %g : (tensor<8xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf32>)
  return
}

// -----

// lns.clip_factor (C2): chunks of a dynamic gradient cannot be counted.
func.func @clip(%o: tensor<8xf32>, %g: tensor<?xf32>) {
  // expected-error @below {{gradient has type 'tensor<?xf32>', expected a static shape}}
  %n, %f, %p = lns.clip_factor %o, %g : (tensor<8xf32>, tensor<?xf32>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  return
}

// -----

// lns.clip_factor (C3): gradients.
func.func @clip(%o: tensor<8xf32>, %g: tensor<4xf32>, %h: tensor<4xf64>) {
  // expected-error @below {{every gradient has element type 'f64', but the first gradient has element type 'f32'}}
  %n, %f, %p = lns.clip_factor %o, %g, %h : (tensor<8xf32>, tensor<4xf32>, tensor<4xf64>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)
  return
}

// -----

// lns.clip_factor (C3): the loss.
func.func @clip(%o: tensor<8xf32>, %g: tensor<4xf32>, %l: tensor<f64>) {
  // expected-error @below {{loss has element type 'f64', but the first gradient has element type 'f32'}}
  %n, %f, %p = lns.clip_factor %o, %g loss(%l) : (tensor<8xf32>, tensor<4xf32>, tensor<f64>) -> (tensor<f32>, tensor<f32>, tensor<1xf64>)
  return
}

// -----

// lns.clip_factor (C3): the norm.
func.func @clip(%o: tensor<8xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{norm has element type 'f64', but the first gradient has element type 'f32'}}
  %n, %f, %p = lns.clip_factor %o, %g : (tensor<8xf32>, tensor<4xf32>) -> (tensor<f64>, tensor<f32>, tensor<1xf64>)
  return
}

// -----

// lns.clip_factor (C3): the factor.
func.func @clip(%o: tensor<8xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{factor has element type 'f64', but the first gradient has element type 'f32'}}
  %n, %f, %p = lns.clip_factor %o, %g : (tensor<8xf32>, tensor<4xf32>) -> (tensor<f32>, tensor<f64>, tensor<1xf64>)
  return
}

// -----

// lns.adamw (C1)
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>
func.func @adamw(%g: tensor<4xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  // expected-error @below {{gradient has type 'tensor<4xf32>', but parameter @a has type 'tensor<8xf32>'}}
  lns.adamw @a, %g, %f, %o decay(true) : tensor<4xf32>, tensor<f32>, tensor<8xf32>
  return
}

// -----

// lns.adamw (C2)
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>
func.func @adamw(%g: tensor<8xf32>, %f: tensor<f32>, %o: tensor<8xf64>) {
  // expected-error @below {{optimizer has type 'tensor<8xf64>', expected 'tensor<8xf32>'}}
  lns.adamw @a, %g, %f, %o decay(true) : tensor<8xf32>, tensor<f32>, tensor<8xf64>
  return
}

// -----

// lns.adamw (C3)
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>
func.func @adamw(%g: tensor<8xf32>, %f: tensor<f64>, %o: tensor<8xf32>) {
  // expected-error @below {{factor has element type 'f64', but gradient has element type 'f32'}}
  lns.adamw @a, %g, %f, %o decay(true) : tensor<8xf32>, tensor<f64>, tensor<8xf32>
  return
}

// -----

// lns.cluster (C1): block arguments.
func.func @cluster(%x: tensor<4x8xf32>) {
  // expected-error @below {{inputs and block arguments differ at 0: 'tensor<4x8xf32>' and 'tensor<4x6xf32>'}}
  "lns.cluster"(%x) ({
  ^bb0(%a: tensor<4x6xf32>):
    lns.yield
  }) : (tensor<4x8xf32>) -> ()
  return
}

// -----

// lns.cluster (C1): results.
func.func @cluster(%x: tensor<4x8xf32>) {
  // expected-error @below {{has 1 results but 0 yielded values}}
  %y = lns.cluster(%a = %x) : (tensor<4x8xf32>) -> tensor<4x8xf32> {
  }
  return
}

// -----

// lns.cluster (C3): a number for all rows comes from outside.
func.func @cluster(%x: tensor<1x1xf32>, %a: tensor<1xf32>) {
  // expected-error @below {{computes what 'lns.scale_by' reads the same for all rows, which must come from outside}}
  %y = lns.cluster(%b = %x, %c = %a) : (tensor<1x1xf32>, tensor<1xf32>) -> tensor<1x1xf32> {
    // expected-note @below {{it is computed here}}
    %d = lns.scale %c factor(2.0) : tensor<1xf32>
    %z = lns.scale_by %b, %d : tensor<1x1xf32>, tensor<1xf32>
    lns.yield %z : tensor<1x1xf32>
  }
  return
}

// -----

// lns.cluster (C2): only row ops and products.
func.func @cluster(%x: tensor<4x8xf32>) {
  // expected-error @below {{holds lns.column_dot, which is neither a row op nor a product}}
  %y = lns.cluster(%a = %x) : (tensor<4x8xf32>) -> tensor<8xf32> {
    // expected-note @below {{the op is here}}
    %z = lns.column_dot %a : (tensor<4x8xf32>) -> tensor<8xf32>
    lns.yield %z : tensor<8xf32>
  }
  return
}

// -----

// lns.cluster (C2): at most four products.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds 5 products, expected at most 4}}
  %y = lns.cluster(%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %q = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %r = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %s = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %t = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    lns.yield %t : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C2): products first.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds a product behind a row op, expected all products before}}
  %y = lns.cluster(%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %s = lns.scale %a factor(2.0) : tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %p = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    lns.yield %p : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C2): a product gives the rows of the row ops.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{has rows of 'tensor<4x6xf32>' and of 'tensor<4x8xf32>', expected one number of rows and one width}}
  %y = lns.cluster(%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %b : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4x6xf32>
    // expected-note @below {{the second is in this op}}
    %s = lns.activation relu %a : tensor<4x8xf32>
    lns.yield %s : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): operands come from outside.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{multiplies what it computes, which must come from outside}}
  %y = lns.cluster(%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.linear %p, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    lns.yield %q : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): a bias is a row op.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8xf32>) {
  // expected-error @below {{holds a product with a bias, expected a row op in its place}}
  %y = lns.cluster(%a = %x, %b = %w, %c = %v) : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<4x8xf32> {
    // expected-note @below {{the op is here}}
    %p = lns.linear %a, %b bias(%c) : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
    lns.yield %p : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): so is a gain.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8xf32>) {
  // expected-error @below {{holds a product with a gain, expected a row op in its place}}
  %y = lns.cluster(%a = %x, %b = %w, %c = %v) : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<4x8xf32> {
    // expected-note @below {{the op is here}}
    %p = lns.matmul %a, %b gain(%c) : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
    lns.yield %p : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): and an addend.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds a product with an addend, expected a row op in its place}}
  %y = lns.cluster(%a = %x, %b = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    // expected-note @below {{the op is here}}
    %p = lns.matmul %a, %b addend(%a) : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
    lns.yield %p : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): operands are of one type.
func.func @cluster(%x: tensor<4x8xbf16>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds a product of 'bf16' and 'f32', expected operands of one element type}}
  %y = lns.cluster(%a = %x, %b = %w) : (tensor<4x8xbf16>, tensor<8x8xf32>) -> tensor<4x8xbf16> {
    // expected-note @below {{the op is here}}
    %p = lns.linear %a, %b : (tensor<4x8xbf16>, tensor<8x8xf32>) -> tensor<4x8xbf16>
    lns.yield %p : tensor<4x8xbf16>
  }
  return
}

// -----

// lns.cluster (C4): two products with common row ops read one input.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds two products that differ in more than their weights and alpha, and are not only added up}}
  %y = lns.cluster(%a = %x, %b = %x, %c = %w) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.linear %b, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %r = lns.gated_activation silu %p, %q : tensor<4x8xf32>
    lns.yield %r : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): or are added up with one alpha.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds two products that differ in more than their weights and alpha, and are not only added up}}
  %y = lns.cluster(%a = %x, %b = %x, %c = %w) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.linear %b, %c {alpha = 0.5 : f64} : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %r = lns.add %p, %q : tensor<4x8xf32>
    lns.yield %r : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): nothing else reads them, nor partial sums.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds products of one member that are not only added up, expected at most two}}
  %y:2 = lns.cluster(%a = %x, %b = %x, %c = %w) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.linear %b, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %r = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %s = lns.add %p, %q : tensor<4x8xf32>
    %t = lns.add %s, %r : tensor<4x8xf32>
    lns.yield %s, %t : tensor<4x8xf32>, tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): several members read one input.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds members whose products differ in more than their weights and alpha}}
  %y:2 = lns.cluster(%a = %x, %b = %x, %c = %w) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.linear %b, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    lns.yield %p, %q : tensor<4x8xf32>, tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): in one way.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds members whose products differ in more than their weights and alpha}}
  %y = lns.cluster(%a = %x, %c = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.matmul %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.matmul %a, %c transpose_b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    lns.yield %q : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C4): and have one product each.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{holds a second product of one member, expected one product in each of several members}}
  %y:2 = lns.cluster(%a = %x, %c = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %r = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %s = lns.gated_activation silu %p, %q : tensor<4x8xf32>
    lns.yield %r, %s : tensor<4x8xf32>, tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C2): a row op is as wide as one of them.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>, %v: tensor<6x8xf32>, %z: tensor<4x7xf32>) {
  // expected-error @below {{has rows of 'tensor<4x8xf32>' and of 'tensor<4x7xf32>', expected one number of rows and one width}}
  %y:3 = lns.cluster(%a = %x, %b = %w, %c = %v, %d = %z) : (tensor<4x8xf32>, tensor<8x8xf32>, tensor<6x8xf32>, tensor<4x7xf32>) -> (tensor<4x8xf32>, tensor<4x6xf32>, tensor<4x7xf32>) {
    %p = lns.linear %a, %b : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    %q = lns.linear %a, %c : (tensor<4x8xf32>, tensor<6x8xf32>) -> tensor<4x6xf32>
    // expected-note @below {{the second is in this op}}
    %r = lns.activation relu %d : tensor<4x7xf32>
    lns.yield %p, %q, %r : tensor<4x8xf32>, tensor<4x6xf32>, tensor<4x7xf32>
  }
  return
}

// -----

// lns.cluster (C5): a sum over a row of tiles is complete only behind the kernel.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{reads a sum over a row behind a product, where no row is complete}}
  %y = lns.cluster(%a = %x, %c = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %r = lns.row_rstd %p eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
    %q = lns.row_scale %p, %r : tensor<4x8xf32>, tensor<4xf32>
    lns.yield %q : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C5): so is a mean.
func.func @cluster(%x: tensor<4x8xf32>, %w: tensor<8x8xf32>) {
  // expected-error @below {{centers rows behind a product, where no row is complete}}
  %y = lns.cluster(%a = %x, %c = %w) : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32> {
    %p = lns.linear %a, %c : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
    // expected-note @below {{the op is here}}
    %q = lns.center_rows %p : tensor<4x8xf32>
    lns.yield %q : tensor<4x8xf32>
  }
  return
}

// -----

// lns.cluster (C2): one width.
func.func @cluster(%x: tensor<4x8xf32>, %z: tensor<4x6xf32>) {
  // expected-error @below {{has rows of 'tensor<4x8xf32>' and of 'tensor<4x6xf32>', expected one number of rows and one width}}
  %y:2 = lns.cluster(%a = %x, %b = %z) : (tensor<4x8xf32>, tensor<4x6xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %r = lns.row_rstd %a eps(1.0e-6) : (tensor<4x8xf32>) -> tensor<4xf32>
    // expected-note @below {{the second is in this op}}
    %s = lns.row_rstd %b eps(1.0e-6) : (tensor<4x6xf32>) -> tensor<4xf32>
    lns.yield %r, %s : tensor<4xf32>, tensor<4xf32>
  }
  return
}

// -----

// lns.cluster (C2): one number of rows.
func.func @cluster(%x: tensor<4x8xf32>, %z: tensor<5x8xf32>) {
  // expected-error @below {{has rows of 'tensor<4x8xf32>' and of 'tensor<5x8xf32>', expected one number of rows and one width}}
  %y:2 = lns.cluster(%a = %x, %b = %z) : (tensor<4x8xf32>, tensor<5x8xf32>) -> (tensor<4x8xf32>, tensor<5x8xf32>) {
    %r = lns.scale %a factor(2.0) : tensor<4x8xf32>
    // expected-note @below {{the second is in this op}}
    %s = lns.scale %b factor(2.0) : tensor<5x8xf32>
    lns.yield %r, %s : tensor<4x8xf32>, tensor<5x8xf32>
  }
  return
}

// -----

// lns.cluster (C2): scalars have no rows.
func.func @cluster(%x: tensor<f32>) {
  // expected-error @below {{the body's first row operand has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.cluster(%a = %x) : (tensor<f32>) -> tensor<f32> {
    %s = lns.scale %a factor(2.0) : tensor<f32>
    lns.yield %s : tensor<f32>
  }
  return
}

// -----

// lns.cluster (C3): a bias that is made inside would not be there for the first
// row.
func.func @cluster(%x: tensor<8xf32>) {
  // expected-error @below {{computes what 'lns.add_bias' reads the same for all rows, which must come from outside}}
  %y = lns.cluster(%a = %x) : (tensor<8xf32>) -> tensor<8xf32> {
    // expected-note @below {{it is computed here}}
    %b = lns.scale %a factor(2.0) : tensor<8xf32>
    %z = lns.add_bias %a, %b : tensor<8xf32>, tensor<8xf32>
    lns.yield %z : tensor<8xf32>
  }
  return
}

// -----

// lns.cluster (C3): a table of positions is no number per row.
func.func @cluster(%x: tensor<4x3x3xf32>, %t: tensor<4x3xf32>) {
  // expected-error @below {{reads a table of positions in another way, too}}
  %y = lns.cluster(%a = %x, %b = %t) : (tensor<4x3x3xf32>, tensor<4x3xf32>) -> tensor<4x3x3xf32> {
    // expected-note @below {{the other reader is here}}
    %z = lns.row_scale %a, %b : tensor<4x3x3xf32>, tensor<4x3xf32>
    %u = lns.add_positions %z, %b : tensor<4x3x3xf32>, tensor<4x3xf32>
    lns.yield %u : tensor<4x3x3xf32>
  }
  return
}

// -----

// lns.adamw (C4): nothing has that name.
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
func.func @adamw(%g: tensor<8x4xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  // expected-error @below {{compute weight @v is not declared}}
  lns.adamw @a, %g, %f, %o decay(true) compute(@v) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  return
}

// -----

// lns.adamw (C4): the compute weight of another parameter.
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
lns.parameter @b matrix init(zeros) decay(true) : tensor<8x4xf32>
// expected-note @below {{declared here}}
lns.compute_weight @v of @b : tensor<8x4xbf16>
func.func @adamw(%g: tensor<8x4xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  // expected-error @below {{updates @a, but compute weight @v is of @b}}
  lns.adamw @a, %g, %f, %o decay(true) compute(@v) : tensor<8x4xf32>, tensor<f32>, tensor<8xf32>
  return
}

// -----

// lns.get (C1): a parameter is no compute weight.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
func.func @get() {
  // expected-error @below {{symbol @a is not an lns.compute_weight but an lns.parameter}}
  %a = lns.get compute @a : tensor<8x4xf32>
  return
}

// -----

// lns.get (C1): nor the other way round.
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
// expected-note @below {{declared here}}
lns.compute_weight @v of @a : tensor<8x4xbf16>
func.func @get() {
  // expected-error @below {{symbol @v is not an lns.parameter but an lns.compute_weight}}
  %a = lns.get gradient @v : tensor<8x4xbf16>
  return
}

// -----

// lns.set (C1): the type of a compute weight.
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
// expected-note @below {{declared here}}
lns.compute_weight @v of @a : tensor<8x4xbf16>
func.func @set(%v: tensor<8x4xf32>) {
  // expected-error @below {{value has type 'tensor<8x4xf32>', but compute weight @v has type 'tensor<8x4xbf16>'}}
  lns.set %v, compute @v : tensor<8x4xf32>
  return
}

// -----

// lns.compute_weight (C1): its weight.
// expected-error @below {{parameter @a is not declared}}
lns.compute_weight @v of @a : tensor<8x4xbf16>

// -----

// lns.compute_weight (C1): its gain.
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
// expected-note @below {{declared here}}
// expected-error @below {{symbol @v is not an lns.parameter but an lns.compute_weight}}
lns.compute_weight @v of @a gain(@v) : tensor<8x4xbf16>

// -----

// lns.compute_weight (C2): its shape, which is that of what is stored.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) storage(tensor<16x4xf32>) : tensor<8x4xf32>
// expected-error @below {{has type 'tensor<8x4xbf16>', but parameter @a is stored as 'tensor<16x4xf32>'; expected that or the same in bf16}}
lns.compute_weight @v of @a : tensor<8x4xbf16>

// -----

// lns.compute_weight (C2): its element type.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf64>
// expected-error @below {{has type 'tensor<8x4xf32>', but parameter @a is stored as 'tensor<8x4xf64>'; expected that or the same in bf16}}
lns.compute_weight @v of @a : tensor<8x4xf32>

// -----

// lns.compute_weight (C2): it is something else than the parameter.
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
// expected-error @below {{is parameter @a itself; read that instead}}
lns.compute_weight @v of @a : tensor<8x4xf32>

// -----

// lns.compute_weight (C3)
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x4xf32>
// expected-note @below {{declared here}}
lns.parameter @g gain init(zeros) decay(true) : tensor<8xf32>
// expected-error @below {{has a gain of type 'tensor<8xf32>', expected 'tensor<4xf32>' for a weight of type 'tensor<8x4xf32>'}}
lns.compute_weight @v of @a gain(@g) : tensor<8x4xbf16>

// -----

// A folder gives an operand for the result: both have one type, up to the last
// extent.
func.func @scale_types(%x: tensor<?x4xf32>) -> tensor<2x4xf32> {
  // expected-error@+1 {{'lns.scale' op failed to verify that all of {input, result} have same type}}
  %y = "lns.scale"(%x) {factor = 1.0 : f64} : (tensor<?x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @center_types(%x: tensor<?x4xf32>) -> tensor<2x4xf32> {
  %c = lns.center_rows %x : tensor<?x4xf32>
  // expected-error@+1 {{'lns.center_rows' op failed to verify that all of {input, result} have same type}}
  %y = "lns.center_rows"(%c) : (tensor<?x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

func.func @add_types(%x: tensor<?x4xf32>) -> tensor<2x4xf32> {
  // expected-error@+1 {{'lns.add' op failed to verify that all of {a, b, result} have same type}}
  %y = "lns.add"(%x, %x) : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// lns.parameter (C1): as lns.param (C5).
// expected-error @below {{has type 'tensor<8xf32>', but rows or columns of length 1, project(rows), are those of a matrix; leave out 'project'}}
lns.parameter @a gain init(zeros) decay(false) project(rows) : tensor<8xf32>

// -----

// lns.parameter (C1): as lns.param (C6).
// expected-error @below {{lr_factor is 1.000000e+300, but must be from 1e-12 to 1e12}}
lns.parameter @a gain init(zeros) decay(false) lr_factor(1.0e300) : tensor<8xf32>

// -----

// lns.adamw (C5)
lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>
func.func @adamw(%g: tensor<8xf32>, %f: tensor<f32>, %o: tensor<8xf32>) {
  // expected-error @below {{decay_factor is -2.000000e+00, but must be 0, or from 1e-12 to 1e12}}
  lns.adamw @a, %g, %f, %o decay(true) decay_factor(-2.0) : tensor<8xf32>, tensor<f32>, tensor<8xf32>
  return
}

// -----

// lns.project (C1): another type.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(false) project(rows) : tensor<8x4xf32>
func.func @project() {
  // expected-error @below {{what is projected has type 'tensor<4x8xf32>', but parameter @a has type 'tensor<8x4xf32>'}}
  lns.project @a rows : tensor<4x8xf32>
  return
}

// -----

// lns.project (C1): other lines.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(false) project(rows) : tensor<8x4xf32>
func.func @project() {
  // expected-error @below {{projects columns of @a, which has project(rows)}}
  lns.project @a columns : tensor<8x4xf32>
  return
}

// -----

// lns.project (C1): none at all.
// expected-note @below {{declared here}}
lns.parameter @a matrix init(zeros) decay(false) : tensor<8x4xf32>
func.func @project() {
  // expected-error @below {{projects rows of @a, which has no projection}}
  lns.project @a rows : tensor<8x4xf32>
  return
}

// -----

// lns.project (C1): nothing has that name.
func.func @project() {
  // expected-error @below {{parameter @a is not declared}}
  lns.project @a rows : tensor<8x4xf32>
  return
}

// -----

// lns.project (C2)
lns.parameter @a matrix init(zeros) decay(false) project(rows) : tensor<8x4xf32>
func.func @project(%f: tensor<f64>) {
  // expected-error @below {{factor has element type 'f64', but the parameter has element type 'f32'}}
  lns.project @a rows factor(%f) : tensor<8x4xf32>, tensor<f64>
  return
}

// -----

// lns.cache (C1): a static type of three dimensions.
// expected-error @below {{has type 'tensor<4x8xf32>', expected a static one, [batch, positions, features]}}
lns.cache @keys : tensor<4x8xf32>

// -----

// lns.get (C1): the type of a cache.
// expected-note @below {{declared here}}
lns.cache @keys : tensor<2x4x8xf32>
func.func @get() {
  // expected-error @below {{value has type 'tensor<2x4x4xf32>', but cache @keys has type 'tensor<2x4x8xf32>'}}
  %k = lns.get cache @keys : tensor<2x4x4xf32>
  return
}

// -----

// lns.get (C1): a cache, and nothing else.
// expected-note @below {{declared here}}
lns.parameter @keys matrix init(zeros) decay(true) : tensor<2x4x8xf32>
func.func @get() {
  // expected-error @below {{symbol @keys is not an lns.cache but an lns.parameter}}
  %k = lns.get cache @keys : tensor<2x4x8xf32>
  return
}

// -----

// lns.append (C1): the ranks.
func.func @append(%c: tensor<4x8xf32>, %r: tensor<2x1x8xf32>, %s: tensor<2x1xi32>) {
  // expected-error @below {{has a cache of type 'tensor<4x8xf32>' and rows of type 'tensor<2x1x8xf32>', expected [batch, positions, features] and [batch, time, features]}}
  %k = lns.append %c, %r starts(%s) : tensor<4x8xf32>, tensor<2x1x8xf32>, tensor<2x1xi32>
  return
}

// -----

// lns.append (C1): rows of the cache's width and element type.
func.func @append(%c: tensor<2x4x8xf32>, %r: tensor<2x1x6xf32>, %s: tensor<2x1xi32>) {
  // expected-error @below {{rows has type 'tensor<2x1x6xf32>', expected 'tensor<2x1x8xf32>'}}
  %k = lns.append %c, %r starts(%s) : tensor<2x4x8xf32>, tensor<2x1x6xf32>, tensor<2x1xi32>
  return
}

// -----

// lns.append (C2): a start for each row.
func.func @append(%c: tensor<2x4x8xf32>, %r: tensor<2x1x8xf32>, %s: tensor<2x2xi32>) {
  // expected-error @below {{starts has type 'tensor<2x2xi32>', expected 'tensor<2x1xi32>'}}
  %k = lns.append %c, %r starts(%s) : tensor<2x4x8xf32>, tensor<2x1x8xf32>, tensor<2x2xi32>
  return
}

// -----

// lns.cached_attention (C1): keys of as many sequences and of kv_heads heads.
func.func @attention(%q: tensor<2x1x8xf32>, %k: tensor<2x6x8xf32>, %s: tensor<2x1xi32>) {
  // expected-error @below {{key has type 'tensor<2x6x8xf32>', expected 'tensor<2x6x4xf32>'}}
  %a = lns.cached_attention %q, %k, %k starts(%s) heads(2) kv_heads(1) : (tensor<2x1x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x1xi32>) -> tensor<2x1x8xf32>
  return
}

// -----

// lns.cached_attention (C1): as many values as keys.
func.func @attention(%q: tensor<2x1x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x5x8xf32>, %s: tensor<2x1xi32>) {
  // expected-error @below {{value has type 'tensor<2x5x8xf32>', expected 'tensor<2x6x8xf32>'}}
  %a = lns.cached_attention %q, %k, %v starts(%s) heads(2) kv_heads(2) : (tensor<2x1x8xf32>, tensor<2x6x8xf32>, tensor<2x5x8xf32>, tensor<2x1xi32>) -> tensor<2x1x8xf32>
  return
}

// -----

// lns.cached_attention (C2): the query's type.
func.func @attention(%q: tensor<2x1x8xf32>, %k: tensor<2x6x8xf32>, %s: tensor<2x1xi32>) {
  // expected-error @below {{result has type 'tensor<2x6x8xf32>', expected 'tensor<2x1x8xf32>'}}
  %a = lns.cached_attention %q, %k, %k starts(%s) heads(2) kv_heads(2) : (tensor<2x1x8xf32>, tensor<2x6x8xf32>, tensor<2x6x8xf32>, tensor<2x1xi32>) -> tensor<2x6x8xf32>
  return
}
