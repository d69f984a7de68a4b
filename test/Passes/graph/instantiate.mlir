// RUN: lns-opt %s --split-input-file --lns-instantiate='batch=2 seq=4' | FileCheck %s --implicit-check-not='lns.model @'
// RUN: lns-opt %s --split-input-file --lns-instantiate='batch=2 seq=4' --mlir-print-debuginfo --mlir-print-local-scope | FileCheck %s --check-prefix=NAMES
// RUN: lns-interpret %s --split-input-file --batch=2 --seq=4 --check-pipeline='builtin.module(lns-instantiate{batch=2 seq=4})'

// Two blocks of one text: parameters in order of first appearance, layer by
// layer; both norms of block 2 are scaled by 1/sqrt(2), the final one by
// nothing; a head that reads the embedding's table is one parameter.
// CHECK-LABEL: module attributes {lns.model = {batch = 2 : i64, layers = 2 : i64, name = "tied", norm_scheme = "lns", sequence = 4 : i64, vocabulary = 16 : i64}}
// CHECK: lns.parameter @model.embed_tokens.weight embedding init(normal, 2.000000e-02) decay(true) : tensor<16x8xf32>
// CHECK-NEXT: lns.parameter @model.layers.0.input_layernorm.weight gain init(ones) decay(false) : tensor<8xf32>
// CHECK-NEXT: lns.parameter @model.layers.0.mlp.up_proj.weight matrix init(normal, 2.000000e-02) decay(false) : tensor<8x8xf32>
// CHECK-NEXT: lns.parameter @model.layers.1.input_layernorm.weight
// CHECK-NEXT: lns.parameter @model.layers.1.mlp.up_proj.weight
// CHECK-NEXT: lns.parameter @model.norm.weight
// CHECK: func.func @logits(%[[TOKENS:.*]]: tensor<2x4xi32>) -> tensor<2x4x16xf32>
// CHECK-NEXT: %[[TABLE:.*]] = lns.get parameter @model.embed_tokens.weight
// CHECK-NEXT: %[[X:.*]] = lns.embedding %[[TABLE]], %[[TOKENS]]
// CHECK: %[[N1:.*]] = lns.norm rms %[[X]], %{{[a-z0-9]+}} : tensor<2x4x8xf32>
// CHECK: lns.residual
// CHECK: lns.norm rms {{.*}} scale(0.70710678118654746)
// CHECK: lns.norm rms %{{.*}}, %{{[a-z0-9]+}} : tensor<2x4x8xf32>
// CHECK-NEXT: %[[LOGITS:.*]] = lns.linear %{{.*}}, %[[TABLE]]
// CHECK-NEXT: return %[[LOGITS]]
// CHECK: func.func @eval(%{{.*}}: tensor<2x4xi32>, %[[TARGETS:.*]]: tensor<2x4xi32>) -> tensor<f32>
// CHECK: %[[N:.*]] = lns.target_count %[[TARGETS]] : tensor<2x4xi32>
// CHECK-NEXT: %[[LOSSES:.*]], %{{.*}} = lns.cross_entropy %{{.*}}, %[[TARGETS]]
// CHECK-NEXT: %[[LOSS:.*]] = lns.mean %[[LOSSES]] over(%[[N]])
// CHECK-NEXT: return %[[LOSS]]

// Ops are called after the parameter that they use, else after what they are.
// NAMES: lns.embedding {{.*}} loc("embed_tokens"
// NAMES: lns.norm {{.*}} loc("layers.0.input_layernorm"
// NAMES: lns.linear {{.*}} loc("layers.0.mlp.up_proj"
// NAMES: lns.residual {{.*}} loc("layers.0.residual"
// NAMES: lns.norm {{.*}} loc("layers.1.input_layernorm"
// NAMES: lns.norm {{.*}} loc("norm"
// NAMES: lns.cross_entropy {{.*}} loc("loss"
lns.model @tied(%tokens: tensor<?x?xi32>) {
  %table = lns.param "model.embed_tokens.weight" embedding init(normal, 0.02) : tensor<16x8xf32>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> {
    %g = lns.param "model.layers.{layer}.input_layernorm.weight" gain init(ones) : tensor<8xf32>
    %w = lns.param "model.layers.{layer}.mlp.up_proj.weight" matrix init(normal, 0.02) decay(false) : tensor<8x8xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x8xf32>, tensor<8xf32>
    %u = lns.linear %n, %w : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
    %r = lns.residual %h, %u : tensor<?x?x8xf32>
    lns.yield %r : tensor<?x?x8xf32>
  }
  %g = lns.param "model.norm.weight" gain init(ones) : tensor<8xf32>
  %head = lns.param "model.embed_tokens.weight" embedding init(normal, 0.02) : tensor<16x8xf32>
  %n = lns.norm rms %y, %g : tensor<?x?x8xf32>, tensor<8xf32>
  %logits = lns.linear %n, %table : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %logits : tensor<?x?x16xf32>
}

// -----

// Blocks are counted over the whole model: the second stack starts with block
// 3, in the names (0-based) and in the scales (1-based). A name may hold the
// index twice. Carried values go from block to block each in its place.
// CHECK-LABEL: module attributes {lns.model = {batch = 2 : i64, layers = 4 : i64, name = "stacks"
// CHECK: lns.parameter @a.0.b.0
// CHECK: lns.parameter @a.1.b.1
// CHECK: lns.parameter @c.2
// CHECK: lns.parameter @c.3
// CHECK: func.func @logits
// CHECK: %[[X:.*]] = lns.embedding
// CHECK: %[[N0:.*]] = lns.norm rms %[[X]], %{{[a-z0-9]+}} : tensor<2x4x4xf32>
// CHECK-NEXT: %[[A0:.*]] = lns.residual %[[X]], %[[N0]]
// CHECK: %[[N1:.*]] = lns.norm rms %[[A0]], {{.*}} scale(0.70710678118654746)
// CHECK-NEXT: %[[A1:.*]] = lns.residual %[[X]], %[[N1]]
// CHECK: %[[N2:.*]] = lns.norm rms %[[A1]], {{.*}} scale(0.57735026918962584)
// CHECK: lns.norm rms %[[N2]], {{.*}} scale(5.000000e-01)
lns.model @stacks(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y:2 = lns.layers(%h = %x, %k = %x) depth(2) : tensor<?x?x4xf32>, tensor<?x?x4xf32> {
    %g = lns.param "a.{layer}.b.{layer}" gain init(ones) : tensor<4xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x4xf32>, tensor<4xf32>
    %r = lns.residual %k, %n : tensor<?x?x4xf32>
    lns.yield %r, %k : tensor<?x?x4xf32>, tensor<?x?x4xf32>
  }
  %z = lns.layers(%h = %y#0) depth(2) : tensor<?x?x4xf32> {
    %g = lns.param "c.{layer}" gain init(ones) : tensor<4xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x4xf32>, tensor<4xf32>
    lns.yield %n : tensor<?x?x4xf32>
  }
  lns.output %z : tensor<?x?x4xf32>
}

// -----

// Without a symbolic depth scale the scheme is where norms stand, here on the
// stream itself; the config that the model came from is kept.
// CHECK-LABEL: module attributes {lns.model = {batch = 2 : i64, config = "{}", layers = 1 : i64, name = "plain", norm_scheme = "post"
// CHECK: func.func @eval
// CHECK: lns.norm rms %{{.*}}, %{{[a-z0-9]+}} : tensor<2x4x4xf32>
lns.model @plain(%tokens: tensor<?x?xi32>) attributes {config = "{}"} {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x4xf32> {
    %g = lns.param "g.{layer}" gain init(ones) : tensor<4xf32>
    %n = lns.norm rms %h, %g : tensor<?x?x4xf32>, tensor<4xf32>
    lns.yield %n : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// Blocks of types: each op is what its block's type says, a rotation that is not
// there leaves its operand to the readers, and parameters and depths count as in
// any other model.
// CHECK-LABEL: module attributes {lns.model = {{{.*}}layers = 3 : i64, name = "types"
// CHECK: lns.parameter @a.0.g
// CHECK: lns.parameter @a.2.g
// CHECK: func.func @logits
// CHECK: lns.norm rms {{.*}} : tensor<2x4x8xf32>
// CHECK: %[[Q0:.*]] = lns.rope %{{.*}} head_dim(4) {base = 5.000000e+02 : f64} : tensor<2x4x8xf32>
// CHECK: lns.attention %[[Q0]], {{.*}} causal window(2) softcap(5.000000e+00) : (
// CHECK: %[[N1:.*]] = lns.norm rms {{.*}} scale(0.70710678118654746)
// CHECK-NEXT: lns.attention %[[N1]], {{.*}} causal softcap(5.000000e+00) : (
// CHECK: lns.norm rms {{.*}} scale(0.57735026918962584)
// CHECK: lns.rope %{{.*}} head_dim(4) {base = 5.000000e+02 : f64}
// CHECK: lns.attention {{.*}} causal window(2) softcap(5.000000e+00) : (
// CHECK: return
// An offset is called after the gain that it makes.
// NAMES: lns.offset {{.*}} loc("a.0.g.gain"
// NAMES: lns.norm {{.*}} loc("a.0.g"
lns.model @types(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<16x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(3) types("local", "full", ...) : tensor<?x?x8xf32> {
    %w = lns.param "a.{layer}.g" gain init(zeros) : tensor<8xf32>
    %g = lns.offset %w by(1.0) : tensor<8xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x8xf32>, tensor<8xf32>
    %q = lns.rope %n head_dim(4) {by_type = {full = none, local = {base = 500.0 : f64}}} : tensor<?x?x8xf32>
    %a = lns.attention %q, %n, %n heads(2) kv_heads(2) causal softcap(5.0) {by_type = {local = {window = 2 : i64}}}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %a : tensor<?x?x8xf32>
  }
  %z = lns.linear %y, %e : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %z : tensor<?x?x16xf32>
}

// -----

// Projections and factors go along; what is projected does not decay, if nobody says so.
// CHECK-LABEL: module attributes {lns.model = {{.*}}name = "projected"
// CHECK: lns.parameter @embed embedding init(normal, 2.000000e-02) decay(false) project(rows) : tensor<16x8xf32>
// CHECK-NEXT: lns.parameter @up.0 matrix init(normal, 2.000000e-02) decay(true) project(columns) lr_factor(5.000000e-01) : tensor<8x8xf32>
// CHECK-NEXT: lns.parameter @norm gain init(ones) decay(false) eps_factor(2.500000e-01) decay_factor(0.000000e+00) : tensor<8xf32>
// NAMES: lns.embedding
lns.model @projected(%tokens: tensor<?x?xi32>) {
  %table = lns.param "embed" embedding init(normal, 0.02) project(rows) : tensor<16x8xf32>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x8xf32> {
    %w = lns.param "up.{layer}" matrix init(normal, 0.02) decay(true) project(columns) lr_factor(0.5) : tensor<8x8xf32>
    %u = lns.linear %h, %w : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %u : tensor<?x?x8xf32>
  }
  %g = lns.param "norm" gain init(ones) eps_factor(0.25) decay_factor(0.0) : tensor<8xf32>
  %n = lns.norm rms %y, %g : tensor<?x?x8xf32>, tensor<8xf32>
  %logits = lns.linear %n, %table : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %logits : tensor<?x?x16xf32>
}
