// RUN: lns-opt %s --split-input-file --verify-diagnostics

// lns.embedding (C1)
func.func @embedding(%table: tensor<16x8xf32>, %tokens: tensor<2x4xi32>) {
  // expected-error @below {{result has type 'tensor<2x4x16xf32>', expected 'tensor<2x4x8xf32>' from tokens and table}}
  %y = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x16xf32>
  return
}

// -----

// lns.embedding (C2)
func.func @embedding(%table: tensor<16x8xf32>, %tokens: tensor<2x4xi32>) {
  // expected-error @below {{result has type 'tensor<2x4x8xf64>', expected 'tensor<2x4x8xf32>' from tokens and table}}
  %y = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xf64>
  return
}

// -----

// lns.embedding_grad (C1)
func.func @embedding_grad(%dy: tensor<2x4x8xf32>, %tokens: tensor<2x4xi32>) {
  // expected-error @below {{grad has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x6xf32>' from tokens and result}}
  %y = lns.embedding_grad %dy, %tokens : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> tensor<16x6xf32>
  return
}

// -----

// lns.embedding_grad (C2)
func.func @embedding_grad_addend(%dy: tensor<2x4x8xf32>, %tokens: tensor<2x4xi32>, %a: tensor<15x8xf32>) {
  // expected-error @below {{addend has type 'tensor<15x8xf32>', expected 'tensor<16x8xf32>' from the result}}
  %y = lns.embedding_grad %dy, %tokens addend(%a) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<15x8xf32>) -> tensor<16x8xf32>
  return
}

// -----

// A scalar has no row.
func.func @norm(%x: tensor<f32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.norm rms %x : tensor<f32>
  return
}

// -----

// lns.norm (C1): the gain's width.
func.func @norm(%x: tensor<2x4x8xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{gain has type 'tensor<4xf32>', expected 'tensor<8xf32>' from input}}
  %y = lns.norm rms %x, %g : tensor<2x4x8xf32>, tensor<4xf32>
  return
}

// -----

// lns.norm (C1): the bias's element type.
func.func @norm(%x: tensor<2x4x8xf32>, %b: tensor<8xf64>) {
  // expected-error @below {{bias has type 'tensor<8xf64>', expected 'tensor<8xf32>' from input}}
  %y = lns.norm layer %x bias(%b) : tensor<2x4x8xf32>, tensor<8xf64>
  return
}

// -----

// lns.norm (C2): eps of zero.
func.func @norm(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{eps must be positive and finite, got 0.000000e+00}}
  %y = lns.norm rms %x eps(0.0) : tensor<2x4x8xf32>
  return
}

// -----

// lns.norm (C2): eps that is not a number.
func.func @norm(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{eps must be positive and finite, got nan}}
  %y = lns.norm rms %x eps(0x7FF8000000000000) : tensor<2x4x8xf32>
  return
}

// -----

// lns.norm (C2): an infinite scale.
func.func @norm(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{scale must be finite, got INF}}
  %y = lns.norm rms %x scale(0x7FF0000000000000) : tensor<2x4x8xf32>
  return
}

// -----

// lns.norm (C3)
func.func @norm(%x: tensor<2x4x8xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{has a bias, which kinds 'layer', 'tanh' and 'erf' take but kind 'rms' does not}}
  %y = lns.norm rms %x bias(%b) : tensor<2x4x8xf32>, tensor<8xf32>
  return
}

// -----

// lns.norm (C5): none.
func.func @norm(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{has no alpha, which kind 'tanh' needs}}
  %y = lns.norm tanh %x : tensor<2x4x8xf32>
  return
}

// -----

// lns.norm (C5): one that nothing reads.
func.func @norm(%x: tensor<2x4x8xf32>, %a: tensor<1xf32>) {
  // expected-error @below {{has an alpha, which kinds 'tanh' and 'erf' take but kind 'rms' does not}}
  %y = lns.norm rms %x alpha(%a) : tensor<2x4x8xf32>, tensor<1xf32>
  return
}

// -----

// lns.norm (C5): one number, not one for each column.
func.func @norm(%x: tensor<2x4x8xf32>, %a: tensor<8xf32>) {
  // expected-error @below {{alpha has type 'tensor<8xf32>', expected 'tensor<1xf32>' from input}}
  %y = lns.norm tanh %x alpha(%a) : tensor<2x4x8xf32>, tensor<8xf32>
  return
}

// -----

// lns.norm (C5): an eps.
func.func @norm(%x: tensor<2x4x8xf32>, %a: tensor<1xf32>) {
  // expected-error @below {{has an eps, which kinds 'rms' and 'layer' take but kind 'tanh' does not}}
  %y = lns.norm tanh %x alpha(%a) eps(1.0e-5) : tensor<2x4x8xf32>, tensor<1xf32>
  return
}

// -----

// lns.norm (C4): outside a block.
func.func @norm(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{depth scale 'inv_sqrt_depth' needs a block index, but the op is outside lns.layers}}
  %y = lns.norm rms %x depth_scale(inv_sqrt_depth) : tensor<2x4x8xf32>
  return
}

// -----

// lns.norm (C4): two scales.
lns.model @norm(%tokens: tensor<?x?xi32>) {
  %t = lns.param "t" embedding init(zeros) : tensor<8x8xf32>
  %x = lns.embedding %t, %tokens : (tensor<8x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    // expected-error @below {{has scale 5.000000e-01 and depth scale 'inv_sqrt_depth', expected only one of them}}
    %n = lns.norm rms %h scale(0.5) depth_scale(inv_sqrt_depth) : tensor<?x?x8xf32>
    lns.yield %n : tensor<?x?x8xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.linear needs a last dimension.
func.func @linear(%x: tensor<f32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.linear %x, %w : (tensor<f32>, tensor<6x8xf32>) -> tensor<6xf32>
  return
}

// -----

// lns.linear (C1): a weight for another width.
func.func @linear(%x: tensor<2x4x6xf32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{input has 6 columns, but weight of type 'tensor<6x8xf32>' takes 8}}
  %y = lns.linear %x, %w : (tensor<2x4x6xf32>, tensor<6x8xf32>) -> tensor<2x4x6xf32>
  return
}

// -----

// lns.linear (C1): the result's shape.
func.func @linear(%x: tensor<2x4x8xf32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{result has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x6xf32>' from input and weight}}
  %y = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<6x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.linear (C2)
func.func @linear(%x: tensor<2x4x8xf32>, %w: tensor<6x8xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{bias has type 'tensor<8xf32>', expected 'tensor<6xf32>' from weight}}
  %y = lns.linear %x, %w bias(%b) : (tensor<2x4x8xf32>, tensor<6x8xf32>, tensor<8xf32>) -> tensor<2x4x6xf32>
  return
}

// -----

// lns.linear (C3): element types.
func.func @linear(%x: tensor<2x4x8xf32>, %w: tensor<6x8xf64>) {
  // expected-error @below {{input has element type 'f32', but weight has element type 'f64'}}
  %y = lns.linear %x, %w : (tensor<2x4x8xf32>, tensor<6x8xf64>) -> tensor<2x4x6xf32>
  return
}

// -----

// lns.linear (C3): alpha.
func.func @linear(%x: tensor<2x4x8xf32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{alpha must be finite, got nan}}
  %y = lns.linear %x, %w {alpha = 0x7FF8000000000000 : f64} : (tensor<2x4x8xf32>, tensor<6x8xf32>) -> tensor<2x4x6xf32>
  return
}

// -----

// lns.rope (C1): the rank.
func.func @rope(%x: tensor<4x8xf32>) {
  // expected-error @below {{input has type 'tensor<4x8xf32>', expected [batch, time, features] or [batch, time, heads, features]}}
  %y = lns.rope %x head_dim(4) : tensor<4x8xf32>
  return
}

// -----

// lns.rope (C5): positions count from starts.
func.func @rope(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{has 6 positions without starts, from which they count; give starts, or leave the positions out}}
  %y = lns.rope %x positions(6) head_dim(4) : tensor<2x4x8xf32>
  return
}

// -----

// lns.rope (C5): there is one for every time.
func.func @rope(%x: tensor<2x4x8xf32>, %s: tensor<2x4xi32>) {
  // expected-error @below {{has 3 positions for input of type 'tensor<2x4x8xf32>'; there are at least as many as times}}
  %y = lns.rope %x starts(%s) positions(3) head_dim(4) : tensor<2x4x8xf32>, tensor<2x4xi32>
  return
}

// -----

// lns.rope (C1): rows that are heads are rotated whole.
func.func @rope(%x: tensor<2x4x3x8xf32>) {
  // expected-error @below {{head_dim 4 is not the width 8 of rows that are heads}}
  %y = lns.rope %x head_dim(4) : tensor<2x4x3x8xf32>
  return
}

// -----

// lns.rope (C1): pairs need an even number.
func.func @rope(%x: tensor<2x4x9xf32>) {
  // expected-error @below {{head_dim must be positive and even, got 3}}
  %y = lns.rope %x head_dim(3) : tensor<2x4x9xf32>
  return
}

// -----

// lns.rope (C1): the width.
func.func @rope(%x: tensor<2x4x10xf32>) {
  // expected-error @below {{head_dim 4 does not divide the width 10}}
  %y = lns.rope %x head_dim(4) : tensor<2x4x10xf32>
  return
}

// -----

// lns.rope (C2): the base.
func.func @rope(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{base must be positive and finite, got -1.000000e+00}}
  %y = lns.rope %x head_dim(4) {base = -1.0 : f64} : tensor<2x4x8xf32>
  return
}

// -----

// lns.rope (C2): the number of frequencies.
func.func @rope(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{has 3 frequencies, expected head_dim / 2 = 2}}
  %y = lns.rope %x head_dim(4) {frequencies = array<f64: 1.0, 0.5, 0.25>} : tensor<2x4x8xf32>
  return
}

// -----

// lns.rope (C2): finite frequencies.
func.func @rope(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{every frequency must be finite, got INF}}
  %y = lns.rope %x head_dim(4) {frequencies = array<f64: 1.0, 0x7FF0000000000000>} : tensor<2x4x8xf32>
  return
}

// -----

// lns.rope (C4): a start for every time of the batch.
func.func @rope(%x: tensor<2x4x8xf32>, %s: tensor<4x2xi32>) {
  // expected-error @below {{starts has type 'tensor<4x2xi32>', expected 'tensor<2x4xi32>' from input}}
  %y = lns.rope %x starts(%s) head_dim(4) : tensor<2x4x8xf32>, tensor<4x2xi32>
  return
}

// -----

// lns.rope (C4): heads have none of their own.
func.func @rope(%x: tensor<2x4x3x8xf32>, %s: tensor<2x4x3xi32>) {
  // expected-error @below {{starts has type 'tensor<2x4x3xi32>', expected 'tensor<2x4xi32>' from input}}
  %y = lns.rope %x starts(%s) head_dim(8) : tensor<2x4x3x8xf32>, tensor<2x4x3xi32>
  return
}

// -----

// lns.attention (C8): what keys after the query are of other documents?
func.func @attention(%q: tensor<2x4x8xf32>, %s: tensor<2x4xi32>) {
  // expected-error @below {{has starts of documents, but is not causal; add 'causal'}}
  %y = lns.attention %q, %q, %q starts(%s) heads(2) kv_heads(2) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C8): the shape.
func.func @attention(%q: tensor<2x4x8xf32>, %s: tensor<2xi32>) {
  // expected-error @below {{starts has type 'tensor<2xi32>', expected 'tensor<2x4xi32>' from query}}
  %y = lns.attention %q, %q, %q starts(%s) heads(2) kv_heads(2) causal : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2xi32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention_grad (C1): as the attention.
func.func @attention_grad(%q: tensor<2x4x8xf32>, %l: tensor<2x2x4xf32>, %s: tensor<2x5xi32>) {
  // expected-error @below {{starts has type 'tensor<2x5xi32>', expected 'tensor<2x4xi32>' from query}}
  %y:3 = lns.attention_grad %q, %q, %q, %q, %l, %q starts(%s) heads(2) kv_heads(2) causal : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x2x4xf32>, tensor<2x4x8xf32>, tensor<2x5xi32>) -> (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>)
  return
}

// -----

// lns.add_positions (C4)
func.func @add_positions(%x: tensor<2x4x8xf32>, %t: tensor<4x8xf32>, %s: tensor<2x3xi32>) {
  // expected-error @below {{starts has type 'tensor<2x3xi32>', expected 'tensor<2x4xi32>' from input}}
  %y = lns.add_positions %x, %t starts(%s) : tensor<2x4x8xf32>, tensor<4x8xf32>, tensor<2x3xi32>
  return
}

// -----

// lns.add_positions_grad (C4)
func.func @add_positions_grad(%x: tensor<2x4x8xf32>, %s: tensor<1x4xi32>) {
  // expected-error @below {{starts has type 'tensor<1x4xi32>', expected 'tensor<2x4xi32>' from grad}}
  %y = lns.add_positions_grad %x starts(%s) : (tensor<2x4x8xf32>, tensor<1x4xi32>) -> tensor<4x8xf32>
  return
}

// -----

// lns.attention (C1): no head.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{heads and kv_heads must be at least 1, got 2 and 0}}
  %y = lns.attention %q, %q, %q heads(2) kv_heads(0) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C1): uneven groups.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{kv_heads 3 does not divide heads 4}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(3) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C5): a window of no key.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{window must be at least 1, the query's own key, got 0; without a window, leave it out}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal window(0) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C5): a negative window.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{window must be at least 1, the query's own key, got -3}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal window(-3) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C5): a window of attention to everything.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{has a window of 3 keys up to the query, but is not causal; add 'causal'}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) window(3) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C6): a cap of 0.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{softcap must be}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) softcap(0.0) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C6): a negative cap.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{softcap must be}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) softcap(-50.0) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C6): a cap that is no number.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{softcap must be}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) softcap(0x7FF8000000000000) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C7): no blocks that have types.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{has 'by_type', but is outside lns.layers, where blocks have no types}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) causal {by_type = {local = {window = 3 : i64}}} : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.rope (C3): no blocks that have types.
func.func @rope(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{has 'by_type', but is outside lns.layers, where blocks have no types}}
  %y = lns.rope %x head_dim(4) {by_type = {full = none}} : tensor<2x4x8xf32>
  return
}

// -----

// lns.softcap (C1): a cap of 0.
func.func @softcap(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{cap must be}}
  %y = lns.softcap %x cap(0.0) : tensor<2x4x8xf32>
  return
}

// -----

// lns.softcap (C1): a cap whose reciprocal f32 does not hold.
func.func @softcap(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{cap must be from 1.2e-38 to 3.4e+38, which f32 holds with its reciprocal, got 1.000000e-42}}
  %y = lns.softcap %x cap(1.0e-42) : tensor<2x4x8xf32>
  return
}

// -----

// lns.softcap (C1): a cap that f32 does not hold.
func.func @softcap(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{cap must be from 1.2e-38 to 3.4e+38, which f32 holds with its reciprocal, got 1.000000e+39}}
  %y = lns.softcap %x cap(1.0e+39) : tensor<2x4x8xf32>
  return
}

// -----

// lns.softcap (C1): an infinite cap.
func.func @softcap(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{cap must be}}
  %y = lns.softcap %x cap(0x7FF0000000000000) : tensor<2x4x8xf32>
  return
}

// -----

// lns.offset (C1): no number.
func.func @offset(%x: tensor<8xf32>) {
  // expected-error @below {{by must be finite}}
  %y = lns.offset %x by(0x7FF8000000000000) : tensor<8xf32>
  return
}

// -----

// lns.attention (C2): the rank.
func.func @attention(%q: tensor<4x8xf32>) {
  // expected-error @below {{query has type 'tensor<4x8xf32>', expected [batch, time, features]}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// lns.attention (C2): an unknown width.
func.func @attention(%q: tensor<2x4x?xf32>) {
  // expected-error @below {{query has type 'tensor<2x4x?xf32>', expected a static number of columns}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) : (tensor<2x4x?xf32>, tensor<2x4x?xf32>, tensor<2x4x?xf32>) -> tensor<2x4x?xf32>
  return
}

// -----

// lns.attention (C2): uneven heads.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{query's width 8 is not a positive multiple of heads 3}}
  %y = lns.attention %q, %q, %q heads(3) kv_heads(3) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C2): the key's width.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{key has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x4xf32>' from query and kv_heads}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(2) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C2): the value's width.
func.func @attention(%q: tensor<2x4x8xf32>, %k: tensor<2x4x4xf32>) {
  // expected-error @below {{value has type 'tensor<2x4x8xf32>', expected 'tensor<2x4x4xf32>' from query and kv_heads}}
  %y = lns.attention %q, %k, %q heads(4) kv_heads(2) : (tensor<2x4x8xf32>, tensor<2x4x4xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.attention (C3): the result.
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{result has type 'tensor<2x4x4xf32>', expected 'tensor<2x4x8xf32>' from query}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x4xf32>
  return
}

// -----

// lns.attention (C3): the log-sum-exp.
func.func @attention(%q: tensor<2x3x8xf32>) {
  // expected-error @below {{lse has type 'tensor<2x3x4xf32>', expected 'tensor<2x4x3xf32>' from query and heads}}
  %y, %lse = lns.attention %q, %q, %q heads(4) kv_heads(4) : (tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>) -> (tensor<2x3x8xf32>, tensor<2x3x4xf32>)
  return
}

// -----

// lns.attention (C4)
func.func @attention(%q: tensor<2x4x8xf32>) {
  // expected-error @below {{softmax_scale must be finite, got INF}}
  %y = lns.attention %q, %q, %q heads(4) kv_heads(4) {softmax_scale = 0x7FF0000000000000 : f64} : (tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return
}

// -----

// lns.add_positions (C1): the rank.
func.func @add_positions(%x: tensor<4x8xf32>, %t: tensor<4x8xf32>) {
  // expected-error @below {{input has type 'tensor<4x8xf32>', expected [batch, time, features]}}
  %y = lns.add_positions %x, %t : tensor<4x8xf32>, tensor<4x8xf32>
  return
}

// -----

// lns.add_positions (C1): columns.
func.func @add_positions(%x: tensor<?x?x8xf32>, %t: tensor<4x6xf32>) {
  // expected-error @below {{input has 8 columns, but table of type 'tensor<4x6xf32>' has 6}}
  %y = lns.add_positions %x, %t : tensor<?x?x8xf32>, tensor<4x6xf32>
  return
}

// -----

// lns.add_positions (C2)
func.func @add_positions(%x: tensor<2x4x8xf32>, %t: tensor<3x8xf32>) {
  // expected-error @below {{input has 4 positions, but table has rows for 3; use shorter sequences or a longer table}}
  %y = lns.add_positions %x, %t : tensor<2x4x8xf32>, tensor<3x8xf32>
  return
}

// -----

// lns.add_positions (C3)
func.func @add_positions(%x: tensor<2x4x8xf32>, %t: tensor<4x8xf64>) {
  // expected-error @below {{table has element type 'f64', but input of element type 'f32' needs 'f32'}}
  %y = lns.add_positions %x, %t : tensor<2x4x8xf32>, tensor<4x8xf64>
  return
}

// -----

// lns.residual (C1)
func.func @residual(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{skip_scale must be finite, got nan}}
  %y = lns.residual %x, %x {skip_scale = 0x7FF8000000000000 : f64} : tensor<2x4x8xf32>
  return
}

// -----

// lns.residual (C1)
func.func @residual(%x: tensor<2x4x8xf32>) {
  // expected-error @below {{branch_scale must be finite, got INF}}
  %y = lns.residual %x, %x {branch_scale = 0x7FF0000000000000 : f64} : tensor<2x4x8xf32>
  return
}

// -----

// lns.cross_entropy needs columns.
func.func @cross_entropy(%x: tensor<f32>, %t: tensor<i32>) {
  // expected-error @below {{logits has type 'tensor<f32>', expected at least one dimension}}
  %l:2 = lns.cross_entropy %x, %t : (tensor<f32>, tensor<i32>) -> (tensor<f32>, tensor<f32>)
  return
}

// -----

// lns.cross_entropy (C1): the factors.
func.func @cross_entropy(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>) {
  // expected-error @below {{factors has type 'tensor<2x4x8xf32>', expected 'tensor<2x4xf32>' from logits}}
  %l:2 = lns.cross_entropy %x, %t factors(%x) : (tensor<2x4x8xf32>, tensor<2x4xi32>, tensor<2x4x8xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  return
}

// -----

// lns.linear (C2): the gain.
func.func @linear(%x: tensor<2x4xf32>, %w: tensor<6x4xf32>, %g: tensor<6xf32>) {
  // expected-error @below {{gain has type 'tensor<6xf32>', expected 'tensor<4xf32>' from weight}}
  %y = lns.linear %x, %w gain(%g) : (tensor<2x4xf32>, tensor<6x4xf32>, tensor<6xf32>) -> tensor<2x6xf32>
  return
}

// -----

// lns.cross_entropy (C1): the targets.
func.func @cross_entropy(%x: tensor<2x4x8xf32>, %t: tensor<2x5xi32>) {
  // expected-error @below {{targets has type 'tensor<2x5xi32>', expected 'tensor<2x4xi32>' from logits}}
  %l:2 = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x5xi32>) -> (tensor<2x4xf32>, tensor<2x4xf32>)
  return
}

// -----

// lns.cross_entropy (C1): the losses.
func.func @cross_entropy(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>) {
  // expected-error @below {{losses has type 'tensor<2x5xf32>', expected 'tensor<2x4xf32>' from logits}}
  %l:2 = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x5xf32>, tensor<2x4xf32>)
  return
}

// -----

// lns.cross_entropy (C2)
func.func @cross_entropy(%x: tensor<2x4x8xf32>, %t: tensor<2x4xi32>) {
  // expected-error @below {{lse has type 'tensor<2x4xf64>', expected 'tensor<2x4xf32>' from logits}}
  %l:2 = lns.cross_entropy %x, %t : (tensor<2x4x8xf32>, tensor<2x4xi32>) -> (tensor<2x4xf32>, tensor<2x4xf64>)
  return
}

// -----

func.func @scale_by(%x: tensor<f32>, %a: tensor<1xf32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.scale_by %x, %a : tensor<f32>, tensor<1xf32>
  return
}

// -----

// lns.scale_by (C1): one number, not one for each column.
func.func @scale_by(%x: tensor<2x4xf32>, %a: tensor<4xf32>) {
  // expected-error @below {{factor has type 'tensor<4xf32>', expected 'tensor<1xf32>' from input}}
  %y = lns.scale_by %x, %a : tensor<2x4xf32>, tensor<4xf32>
  return
}

// -----

// lns.norm (C6): none.
func.func @norm(%x: tensor<2x4x8xf32>, %a: tensor<1xf32>) {
  // expected-error @below {{has no shift, which kind 'erf' needs}}
  %y = lns.norm erf %x alpha(%a) : tensor<2x4x8xf32>, tensor<1xf32>
  return
}

// -----

// lns.norm (C5): an erf without an alpha.
func.func @norm(%x: tensor<2x4x8xf32>, %s: tensor<1xf32>) {
  // expected-error @below {{has no alpha, which kind 'erf' needs}}
  %y = lns.norm erf %x shift(%s) : tensor<2x4x8xf32>, tensor<1xf32>
  return
}

// -----

// lns.norm (C6): one that nothing reads.
func.func @norm(%x: tensor<2x4x8xf32>, %a: tensor<1xf32>) {
  // expected-error @below {{has a shift, which kind 'erf' takes but kind 'tanh' does not}}
  %y = lns.norm tanh %x alpha(%a) shift(%a) : tensor<2x4x8xf32>, tensor<1xf32>, tensor<1xf32>
  return
}

// -----

// lns.norm (C6): one number, not one for each column.
func.func @norm(%x: tensor<2x4x8xf32>, %a: tensor<1xf32>, %s: tensor<8xf32>) {
  // expected-error @below {{shift has type 'tensor<8xf32>', expected 'tensor<1xf32>' from input}}
  %y = lns.norm erf %x alpha(%a) shift(%s) : tensor<2x4x8xf32>, tensor<1xf32>, tensor<8xf32>
  return
}

// -----

func.func @shift_by(%x: tensor<f32>, %a: tensor<1xf32>) {
  // expected-error @below {{input has type 'tensor<f32>', expected at least one dimension}}
  %y = lns.shift_by %x, %a : tensor<f32>, tensor<1xf32>
  return
}

// -----

// lns.shift_by (C1): the wide type.
func.func @shift_by(%x: tensor<2x4xbf16>, %a: tensor<1xf64>) {
  // expected-error @below {{shift has type 'tensor<1xf64>', expected 'tensor<1xf32>' from input}}
  %y = lns.shift_by %x, %a : tensor<2x4xbf16>, tensor<1xf64>
  return
}

// -----

// lns.mix_factors (C1)
func.func @mix_factors(%a: tensor<1xf32>) {
  // expected-error @below {{eps must be positive and finite, got 0.0}}
  %y:2 = lns.mix_factors %a, %a, %a eps(0.0) : tensor<1xf32>
  return
}

// -----

// lns.ramp (C1)
func.func @ramp() {
  // expected-error @below {{steps must be finite and at least 1, got 5.0}}
  %y = lns.ramp steps(0.5) : tensor<1xf32>
  return
}

// -----

// lns.ramp (C2)
func.func @ramp() {
  // expected-error @below {{result has type 'tensor<2xf32>', expected one dimension of one element}}
  %y = lns.ramp steps(5.0) : tensor<2xf32>
  return
}

// -----

// lns.ramp (C3)
func.func @ramp() {
  // expected-error @below {{takes more steps in each layer, but the op is outside lns.layers, where there is no depth}}
  %y = lns.ramp steps(5.0) per_layer : tensor<1xf32>
  return
}

// -----

// lns.scale_by (C1): the wide type.
func.func @scale_by(%x: tensor<2x4xbf16>, %a: tensor<1xf64>) {
  // expected-error @below {{factor has type 'tensor<1xf64>', expected 'tensor<1xf32>' from input}}
  %y = lns.scale_by %x, %a : tensor<2x4xbf16>, tensor<1xf64>
  return
}

// -----

// lns.mean (C1)
func.func @mean(%x: tensor<2x4xf32>) {
  // expected-error @below {{result has element type 'f64', but input of element type 'f32' needs 'f32'}}
  %y = lns.mean %x : (tensor<2x4xf32>) -> tensor<f64>
  return
}

// -----

// lns.reshape (C1): the numbers stay what they are.
func.func @reshape(%x: tensor<2x8xf32>) {
  // expected-error @below {{result has element type 'bf16', but input has element type 'f32'}}
  %y = lns.reshape %x : tensor<2x8xf32> to tensor<2x2x4xbf16>
  return
}

// -----

// lns.reshape (C2): two dimensions more.
func.func @reshape(%x: tensor<2x8xf32>) {
  // expected-error @below {{makes 'tensor<2x2x2x2xf32>' of 'tensor<2x8xf32>', expected its last dimension split in two or its last two as one, and all others as they are}}
  %y = lns.reshape %x : tensor<2x8xf32> to tensor<2x2x2x2xf32>
  return
}

// -----

// lns.reshape (C2): the same rank, another shape.
func.func @reshape(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected its last dimension split in two or its last two as one}}
  %y = lns.reshape %x : tensor<2x8xf32> to tensor<4x4xf32>
  return
}

// -----

// lns.reshape (C2): a scalar has no dimension to make.
func.func @reshape(%x: tensor<f32>) {
  // expected-error @below {{makes 'tensor<1xf32>' of 'tensor<f32>', expected its last dimension split}}
  %y = lns.reshape %x : tensor<f32> to tensor<1xf32>
  return
}

// -----

// lns.reshape (C2): other leading dimensions, though as many elements.
func.func @reshape(%x: tensor<2x3x8xf32>) {
  // expected-error @below {{and all others as they are}}
  %y = lns.reshape %x : tensor<2x3x8xf32> to tensor<3x2x2x4xf32>
  return
}

// -----

// lns.reshape (C2): a dimension that is open on one side.
func.func @reshape(%x: tensor<?x3x8xf32>) {
  // expected-error @below {{and all others as they are}}
  %y = lns.reshape %x : tensor<?x3x8xf32> to tensor<2x3x2x4xf32>
  return
}

// -----

// lns.reshape (C2): a part of open extent.
func.func @reshape(%x: tensor<2x?x8xf32>) {
  // expected-error @below {{makes 'tensor<2x?xf32>' of 'tensor<2x?x8xf32>', expected static dimensions where it splits or joins them}}
  %y = lns.reshape %x : tensor<2x?x8xf32> to tensor<2x?xf32>
  return
}

// -----

// lns.reshape (C2): the number of elements.
func.func @reshape(%x: tensor<2x8xf32>) {
  // expected-error @below {{makes 'tensor<2x3x4xf32>' of 'tensor<2x8xf32>', but 3 times 4 is not 8}}
  %y = lns.reshape %x : tensor<2x8xf32> to tensor<2x3x4xf32>
  return
}
