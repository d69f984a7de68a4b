// RUN: lns-opt %s --split-input-file --verify-diagnostics

// Every word of an enum is checked, and the error lists the known ones.
lns.model @role(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{unknown role 'weight', expected one of matrix, gain, bias, embedding}}
  %a = lns.param "a" weight init(zeros) : tensor<8x8xf32>
}

// -----

lns.model @no_role(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{expected role: matrix, gain, bias, embedding}}
  %a = lns.param "a" : tensor<8x8xf32>
}

// -----

lns.model @init(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{unknown init 'xavier', expected one of zeros, ones, normal, constant}}
  %a = lns.param "a" matrix init(xavier) : tensor<8x8xf32>
}

// -----

lns.model @name(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{expected the parameter's name in quotes}}
  %a = lns.param a matrix init(zeros) : tensor<8x8xf32>
}

// -----

lns.model @decay(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{expected true or false}}
  %a = lns.param "a" matrix init(zeros) decay(maybe) : tensor<8x8xf32>
}

// -----

// A parameter of graph form always says whether it decays.
// expected-error @below {{expected decay(true) or decay(false)}}
lns.parameter @a matrix init(zeros) : tensor<8x8xf32>

// -----

// expected-error @below {{'lns.parameter' op attribute 'type' failed to satisfy constraint}}
lns.parameter @a matrix init(zeros) decay(true) : tensor<8x8xi32>

// -----

lns.model @layers(%tokens: tensor<?x?xi32>) {
  %t = lns.param "t" embedding init(zeros) : tensor<8x8xf32>
  %x = lns.embedding %t, %tokens : (tensor<8x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // expected-error @below {{carries 1 values but has 2 types}}
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32>, tensor<?x?x8xf32> {
  }
}

// -----

func.func @norm_kind(%x: tensor<2x8xf32>) {
  // expected-error @below {{unknown norm kind 'batch', expected one of rms, layer}}
  %y = lns.norm batch %x : tensor<2x8xf32>
}

// -----

func.func @depth_scale(%x: tensor<2x8xf32>) {
  // expected-error @below {{unknown depth scale 'sqrt', expected one of none, inv_sqrt_depth}}
  %y = lns.norm rms %x depth_scale(sqrt) : tensor<2x8xf32>
}

// -----

func.func @norm_types(%x: tensor<2x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{has 2 operands but 1 types}}
  %y = lns.norm rms %x, %g : tensor<2x8xf32>
}

// -----

func.func @cluster_types(%x: tensor<2x8xf32>) {
  // expected-error @below {{has 1 inputs but 2 input types}}
  %y = lns.cluster(%a = %x) : (tensor<2x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32> {
  }
}

// -----

func.func @activation(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected ::lns::Activation to be one of: silu}}
  // expected-error @below {{failed to parse LNS_ActivationAttr parameter 'value'}}
  %y = lns.gated_activation gelu_fast %x, %x : tensor<2x8xf32>
}

// -----

func.func @element_type(%x: tensor<2x8xi32>) {
  // expected-error @below {{operand #0 must be ranked tensor of bfloat16 type or 32-bit float or 64-bit float values, but got 'tensor<2x8xi32>'}}
  %y = lns.scale %x factor(2.0) : tensor<2x8xi32>
}

// -----

// What an op's own syntax says cannot be said again, differently.
func.func @norm_twice(%x: tensor<2x8xf32>) {
  // expected-error @below {{attribute "eps" of 'lns.norm' has its own syntax}}
  %y = lns.norm rms %x eps(0.5) {eps = 0.25 : f64} : tensor<2x8xf32>
}

// -----

lns.model @config(%tokens: tensor<?x?xi32>)
  // expected-error @below {{expected config to be a string}}
  attributes {config = 1 : i64} {
}

// -----

// A value of the wrong kind in generic form.
func.func @generic(%x: tensor<2x8xf32>) {
  // expected-error @below {{Invalid attribute `eps` in property conversion: "text"}}
  %y = "lns.norm"(%x) <{eps = "text", kind = #lns<norm_kind rms>, operandSegmentSizes = array<i32: 1, 0, 0, 0>}> : (tensor<2x8xf32>) -> tensor<2x8xf32>
}

// -----

func.func @declarative(%x: tensor<2x8xf32>, %w: tensor<6x8xf32>) {
  // expected-error @below {{attribute 'alpha' failed to satisfy constraint: 64-bit float attribute}}
  %y = lns.linear %x, %w {alpha = "text"} : (tensor<2x8xf32>, tensor<6x8xf32>) -> tensor<2x6xf32>
}

// -----

// What repeats a list of types ends it.
lns.model @types(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{'...' ends the list of types}}
  %y = lns.layers(%h = %x) depth(2) types("a", ..., "b") : tensor<?x?x8xf32> {
  }
}

// -----

lns.model @types(%tokens: tensor<?x?xi32>) {
  // expected-error @below {{expected a type in quotes, or '...'}}
  %y = lns.layers(%h = %x) depth(2) types(local) : tensor<?x?x8xf32> {
  }
}

// -----

// Models are never empty.
// expected-error @below {{'lns.model' op expects a non-empty block}}
lns.model @empty(%tokens: tensor<?x?xi32>) {
}

// -----

func.func @activation(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected ::lns::Activation to be one of: silu, gelu_tanh, relu, tanh, gelu}}
  // expected-error @below {{failed to parse LNS_ActivationAttr parameter 'value'}}
  %y = lns.activation gelu_fast %x : tensor<2x8xf32>
}
