// RUN: lns-opt %s --split-input-file --verify-diagnostics --allow-unregistered-dialect

// lns.model (C1): one argument.
// expected-error @below {{has 0 arguments, expected one, the tokens}}
lns.model @c1() {
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C1): of rank 2.
// expected-error @below {{argument has type 'tensor<?xi32>', expected a rank-2 tensor of i32 tokens}}
lns.model @c1(%tokens: tensor<?xi32>) {
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C1): of i32.
// expected-error @below {{argument has type 'tensor<?x?xi64>', expected a rank-2 tensor of i32 tokens}}
lns.model @c1(%tokens: tensor<?x?xi64>) {
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C2): the terminator.
// expected-error @below {{ends with test.end, expected lns.output}}
lns.model @c2(%tokens: tensor<?x?xi32>) {
  "test.end"() : () -> ()
}

// -----

// lns.model (C2): logits of rank 3.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  %y = "test.logits"() : () -> tensor<?x8xf32>
  // expected-error @below {{logits have type 'tensor<?x8xf32>', expected [batch, time, vocabulary]}}
  lns.output %y : tensor<?x8xf32>
}

// -----

// lns.model (C3): one name, two types.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-note @below {{first declared here}}
  %a = lns.param "embed" embedding init(zeros) : tensor<16x8xf32>
  // expected-error @below {{declares 'embed' again, with another type, role, init, decay, projection, factor or frozen}}
  %b = lns.param "embed" embedding init(zeros) : tensor<16x4xf32>
  %y = lns.embedding %a, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C3): one name, two roles.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-note @below {{first declared here}}
  %a = lns.param "embed" embedding init(zeros) : tensor<16x8xf32>
  // expected-error @below {{declares 'embed' again}}
  %b = lns.param "embed" matrix init(zeros) : tensor<16x8xf32>
  %y = lns.embedding %a, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C3): one name, two initial values.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-note @below {{first declared here}}
  %a = lns.param "embed" matrix init(normal, 0.02) : tensor<16x8xf32>
  // expected-error @below {{declares 'embed' again}}
  %b = lns.param "embed" matrix init(normal, 0.03) : tensor<16x8xf32>
  %y = lns.embedding %a, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C3): one name, two opinions on decay.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-note @below {{first declared here}}
  %a = lns.param "embed" matrix init(zeros) decay(true) : tensor<16x8xf32>
  // expected-error @below {{declares 'embed' again}}
  %b = lns.param "embed" matrix init(zeros) decay(false) : tensor<16x8xf32>
  %y = lns.embedding %a, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C3): a block's name meets that of another parameter. The second
// stack's block is number 2.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  %e = lns.param "embed" embedding init(zeros) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-note @below {{first declared here}}
  %w = lns.param "w.2" matrix init(zeros) : tensor<8x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    %v = lns.param "w.{layer}" matrix init(ones) : tensor<8x8xf32>
    lns.yield %h : tensor<?x?x8xf32>
  }
  %z = lns.layers(%h = %y) depth(1) : tensor<?x?x8xf32> {
    // expected-error @below {{declares 'w.2' again}}
    %v = lns.param "w.{layer}" matrix init(ones) : tensor<8x8xf32>
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %z : tensor<?x?x8xf32>
}

// -----

// A model is at the top of a file only.
func.func @f() {
  // expected-error @below {{expects parent op 'builtin.module'}}
  lns.model @m(%tokens: tensor<?x?xi32>) {
    %y = "test.logits"() : () -> tensor<?x?x8xf32>
    lns.output %y : tensor<?x?x8xf32>
  }
  return
}

// -----

// lns.param belongs to model form.
func.func @f() {
  // expected-error @below {{expects parent op to be one of 'lns.model, lns.layers'}}
  %a = lns.param "a" matrix init(zeros) : tensor<8x8xf32>
  return
}

// -----

// lns.param (C1): a dynamic type.
lns.model @c1(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{has type 'tensor<?x8xf32>', expected a static shape with at least one element}}
  %a = lns.param "a" matrix init(zeros) : tensor<?x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C1): no element.
lns.model @c1(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{has type 'tensor<0x8xf32>', expected a static shape with at least one element}}
  %a = lns.param "a" matrix init(zeros) : tensor<0x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C1): more bytes than can be counted.
lns.model @c1(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{has type 'tensor<4611686018427387904x4xf32>', whose size in bytes does not fit 64 bits}}
  %a = lns.param "a" matrix init(zeros) : tensor<4611686018427387904x4xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C2): a missing value.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{init 'normal' needs a value, as in init(normal, 0.02)}}
  %a = lns.param "a" matrix init(normal) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C2): a value too many.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{init 'zeros' takes no value, got 1.000000e+00}}
  %a = lns.param "a" matrix init(zeros, 1.0) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C2): infinity.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{init value must be finite, got INF}}
  %a = lns.param "a" matrix init(constant, 0x7FF0000000000000) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C2): a negative standard deviation.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{standard deviation must not be negative, got -1.000000e+00}}
  %a = lns.param "a" matrix init(normal, -1.0) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C2): a cut normal is one.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{standard deviation must not be negative, got -1.000000e+00}}
  %a = lns.param "a" matrix init(truncated_normal, -1.0) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C4): nothing to scale.
lns.model @c4(%tokens: tensor<?x?xi32>) {
  %x = "test.logits"() : () -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    // expected-error @below {{init 'ones' has no value that 'inv_sqrt_depth' could scale; write init(constant, 1.0, inv_sqrt_depth)}}
    %a = "lns.param"() <{name = "a.{layer}", role = #lns<role gain>, init = #lns<init ones>, init_depth_scale = #lns<depth_scale inv_sqrt_depth>}> : () -> tensor<8xf32>
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C4): no depth.
lns.model @c4(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{has an initial value scaled by 'inv_sqrt_depth', but the op is outside lns.layers, where there is no depth}}
  %a = lns.param "a" matrix init(normal, 1.0, inv_sqrt_depth) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// Two declarations of one parameter that start otherwise.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.02) : tensor<8x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    // expected-note @below {{first declared here}}
    %a = lns.param "a.{layer}" gain init(constant, 1.0, inv_sqrt_depth) : tensor<8xf32>
    // expected-error @below {{declares 'a.0' again, with another type, role, init, decay, projection, factor or frozen}}
    %b = lns.param "a.{layer}" gain init(constant, 1.0) : tensor<8xf32>
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C3): no name.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{name is empty}}
  %a = lns.param "" matrix init(zeros) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C3): a block's name outside a block.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{name 'a.{layer}' contains '{layer}', but the op is outside lns.layers}}
  %a = lns.param "a.{layer}" matrix init(zeros) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C3): a shared name inside a block.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    // expected-error @below {{name 'a' must contain '{layer}' inside lns.layers, or every block would share the parameter}}
    %a = lns.param "a" matrix init(zeros) : tensor<8x8xf32>
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C3): a type for each block.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-error @below {{has 3 types, but its depth is 4; name one for each block, or end the list with '...' where it repeats}}
  %y = lns.layers(%h = %x) depth(4) types("a", "b", "a") : tensor<?x?x8xf32> {
    %q = lns.rope %h head_dim(4) : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C3): a list that is longer than the model.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-error @below {{has 3 types that repeat, but its depth is only 2; name no more types than blocks}}
  %y = lns.layers(%h = %x) depth(2) types("a", "b", "a", ...) : tensor<?x?x8xf32> {
    %q = lns.rope %h head_dim(4) : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C3): no type at all.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-error @below {{has an empty list of types; leave out 'types' where all blocks are alike}}
  %y = lns.layers(%h = %x) depth(2) types() : tensor<?x?x8xf32> {
    %q = lns.rope %h head_dim(4) : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C3): a type without a name.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-error @below {{has a type without a name}}
  %y = lns.layers(%h = %x) depth(2) types("", ...) : tensor<?x?x8xf32> {
    %q = lns.rope %h head_dim(4) : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): no types.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    // expected-error @below {{has 'by_type', but is in lns.layers without types; give it 'types'}}
    %q = lns.rope %h head_dim(4) {by_type = {full = none}} : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): a type that no block has.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-note @below {{the types of blocks are ["local", "full"]}}
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{has 'by_type' for blocks of type 'global', of which there is none}}
    %q = lns.rope %h head_dim(4) {by_type = {global = none}} : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): an attention cannot be left out.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{is 'none' in blocks of type 'full', but its result is not one operand's and cannot be left out}}
    %q = lns.attention %h, %h, %h heads(2) kv_heads(2) causal {by_type = {full = none}}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): neither attributes nor none.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{is 3 : i64 in blocks of type 'full', expected a dictionary of its attributes, or none}}
    %q = lns.rope %h head_dim(4) {by_type = {full = 3 : i64}} : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): an attribute that the op has not.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{has 'windw' in blocks of type 'local', which is no attribute of it}}
    %q = lns.attention %h, %h, %h heads(2) kv_heads(2) causal {by_type = {local = {windw = 3 : i64}}}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): types within types.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{has 'by_type' in blocks of type 'local', which is no attribute of it}}
    %q = lns.rope %h head_dim(4) {by_type = {local = {by_type = {full = none}}}} : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): of another kind.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{has 'window' of 3.000000e+00 : f64 in blocks of type 'local', which is not of the attribute's kind}}
    %q = lns.attention %h, %h, %h heads(2) kv_heads(2) causal {by_type = {local = {window = 3.0 : f64}}}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): what the op would not take by itself.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{window must be at least 1, the query's own key, got 0}}
    %q = lns.attention %h, %h, %h heads(2) kv_heads(2) causal {by_type = {local = {window = 0 : i64}}}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): nor other frequencies than it has pairs.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{has 3 frequencies, expected head_dim / 2 = 2}}
    %q = lns.rope %h head_dim(4) {by_type = {local = {frequencies = array<f64: 1.0, 0.5, 0.25>}}} : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C4): a base of a type, where frequencies would go before it.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(ones) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(4) types("local", "full", ...) : tensor<?x?x8xf32> {
    // expected-error @below {{has a 'base' in blocks of type 'local', but frequencies that go before it; give that type frequencies}}
    %q = lns.rope %h head_dim(4) {frequencies = array<f64: 1.0, 0.5>, by_type = {local = {base = 7.0 : f64}}} : tensor<?x?x8xf32>
    lns.yield %q : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// lns.layers (C3): repeating, but no types.
lns.model @types(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{has types_repeat, but no types}}
  %y = "lns.layers"(%x) <{depth = 2 : i64, types_repeat}> ({
  ^bb0(%h: tensor<?x?x8xf32>):
    lns.yield %h : tensor<?x?x8xf32>
  }) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C1): too shallow.
lns.model @c1(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{depth must be at least 1 and at most 2048, got 0}}
  %y = lns.layers(%h = %x) depth(0) : tensor<?x?x8xf32> {
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C1): too deep.
lns.model @c1(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{depth must be at least 1 and at most 2048, got 2049}}
  %y = lns.layers(%h = %x) depth(2049) : tensor<?x?x8xf32> {
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C2): nothing is carried.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{carries no value, expected at least one}}
  "lns.layers"() <{depth = 2 : i64}> ({
    lns.yield
  }) : () -> ()
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C2): the number of block arguments.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{has 1 carried values but 0 block arguments}}
  %y = "lns.layers"(%x) <{depth = 2 : i64}> ({
    lns.yield %x : tensor<?x?x8xf32>
  }) : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C2): the results' types.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{carried values and results differ at 0: 'tensor<?x?x8xf32>' and 'tensor<?x?x4xf32>'}}
  %y = "lns.layers"(%x) <{depth = 2 : i64}> ({
  ^bb0(%h: tensor<?x?x8xf32>):
    lns.yield %h : tensor<?x?x8xf32>
  }) : (tensor<?x?x8xf32>) -> tensor<?x?x4xf32>
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// lns.layers (C2): a block that yields nothing.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{has 1 carried values but 0 yielded values}}
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.layers (C2): the yielded types.
lns.model @c2(%tokens: tensor<?x?xi32>) {
  %x = "test.hidden"() : () -> tensor<?x?x8xf32>
  // expected-error @below {{carried values and yielded values differ at 0: 'tensor<?x?x8xf32>' and 'tensor<?x?x4xf32>'}}
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    %z = "test.hidden"() : () -> tensor<?x?x4xf32>
    lns.yield %z : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C5): a token without a row.
lns.model @c5(%tokens: tensor<?x?xi32>) {
  %t = lns.param "embed" embedding init(zeros) : tensor<7x8xf32>
  // expected-error @below {{looks up tokens in a table of type 'tensor<7x8xf32>', but the logits are over 8 tokens; give the table as many rows or the logits fewer columns}}
  %x = lns.embedding %t, %tokens : (tensor<7x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %x : tensor<?x?x8xf32>
}

// -----

// lns.model (C6): too deep together.
lns.model @c6(%tokens: tensor<?x?xi32>) {
  %t = lns.param "embed" embedding init(zeros) : tensor<8x8xf32>
  %x = lns.embedding %t, %tokens : (tensor<8x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2000) : tensor<?x?x8xf32> {
    lns.yield %h : tensor<?x?x8xf32>
  }
  // expected-error @below {{makes the model 2049 layers deep, but at most 2048 are supported; make its depth smaller}}
  %z = lns.layers(%h = %y) depth(49) : tensor<?x?x8xf32> {
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %z : tensor<?x?x8xf32>
}

// -----

// lns.layers (C2): a result that the block does not yield.
lns.model @m(%tokens: tensor<?x?xi32>) {
  %table = lns.param "embed" embedding init(zeros) : tensor<16x8xf32>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-error @below {{has 2 results but 1 yielded values}}
  %s:2 = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> -> (tensor<?x?x8xf32>, tensor<?x?x4xf32>) {
    lns.yield %h : tensor<?x?x8xf32>
  }
  lns.output %s#1 : tensor<?x?x4xf32>
}

// -----

// lns.layers (C2): the carried values come first.
lns.model @m(%tokens: tensor<?x?xi32>) {
  %table = lns.param "embed" embedding init(zeros) : tensor<16x8xf32>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %w = lns.param "w" matrix init(zeros) : tensor<4x8xf32>
  %v = lns.linear %x, %w : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
  // expected-error @below {{carried values and results differ at 0: 'tensor<?x?x8xf32>' and 'tensor<?x?x4xf32>'}}
  %s:2 = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> -> (tensor<?x?x4xf32>, tensor<?x?x8xf32>) {
    lns.yield %v, %h : tensor<?x?x4xf32>, tensor<?x?x8xf32>
  }
  lns.output %s#0 : tensor<?x?x4xf32>
}

// -----

// lns.model (C3): one name, two projections.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-note @below {{first declared here}}
  %a = lns.param "embed" matrix init(zeros) project(rows) : tensor<16x8xf32>
  // expected-error @below {{declares 'embed' again, with another type, role, init, decay, projection, factor or frozen}}
  %b = lns.param "embed" matrix init(zeros) : tensor<16x8xf32>
  %y = lns.embedding %a, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.model (C3): one name, two factors.
lns.model @c3(%tokens: tensor<?x?xi32>) {
  // expected-note @below {{first declared here}}
  %a = lns.param "embed" matrix init(zeros) lr_factor(1.0) : tensor<16x8xf32>
  // expected-error @below {{declares 'embed' again, with another type, role, init, decay, projection, factor or frozen}}
  %b = lns.param "embed" matrix init(zeros) lr_factor(0.5) : tensor<16x8xf32>
  %y = lns.embedding %a, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C5): a vector has no rows.
lns.model @c5(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{has type 'tensor<8xf32>', but rows or columns of length 1, project(columns), are those of a matrix; leave out 'project'}}
  %a = lns.param "a" gain init(ones) project(columns) : tensor<8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param: a projection is one of two.
lns.model @word(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{unknown projection 'diagonals', expected one of rows, columns}}
  %a = lns.param "a" matrix init(ones) project(diagonals) : tensor<8x8xf32>
}

// -----

// lns.param (C6): nothing would be learned.
lns.model @c6(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{lr_factor is 0.000000e+00, but must be from 1e-12 to 1e12}}
  %a = lns.param "a" matrix init(ones) lr_factor(0.0) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C6): in f32 an epsilon times it is 0.
lns.model @c6(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{eps_factor is 1.000000e-38, but must be from 1e-12 to 1e12}}
  %a = lns.param "a" matrix init(ones) eps_factor(1.0e-38) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// lns.param (C6): what decays does not grow.
lns.model @c6(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{decay_factor is -1.000000e+00, but must be 0, or from 1e-12 to 1e12}}
  %a = lns.param "a" matrix init(ones) decay_factor(-1.0) : tensor<8x8xf32>
  %y = "test.logits"() : () -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}
