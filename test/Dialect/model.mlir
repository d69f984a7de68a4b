// RUN: lns-opt %s | lns-opt | FileCheck %s
// RUN: lns-opt %s --mlir-print-op-generic | lns-opt | FileCheck %s
// RUN: lns-opt %s --emit-bytecode | lns-opt | FileCheck %s

// A model with all that its form has: configuration, shared parameters, blocks.
// CHECK-LABEL: lns.model @small(
// CHECK-SAME:    %[[TOKENS:.*]]: tensor<?x?xi32>) attributes {config = "{}"} {
lns.model @small(%tokens: tensor<?x?xi32>) attributes {config = "{}"} {
  // CHECK: %[[TABLE:.*]] = lns.param "embed" embedding init(normal, 2.000000e-02) : tensor<16x8xf32>
  %table = lns.param "embed" embedding init(normal, 0.02) : tensor<16x8xf32>
  // CHECK: %[[X0:.*]] = lns.embedding %[[TABLE]], %[[TOKENS]] : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %x0 = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // CHECK: %[[X:.*]] = lns.layers(%[[H:.*]] = %[[X0]]) depth(3) attributes {test.note = "kept"} : tensor<?x?x8xf32> {
  %x = lns.layers(%h = %x0) depth(3) attributes {test.note = "kept"} : tensor<?x?x8xf32> {
    // CHECK: %[[G:.*]] = lns.param "blocks.{layer}.gain" gain init(ones) decay(true) : tensor<8xf32>
    %g = lns.param "blocks.{layer}.gain" gain init(ones) decay(true) : tensor<8xf32>
    // CHECK: lns.param "blocks.{layer}.bias" bias init(constant, -5.000000e-01) decay(false) {test.note} : tensor<8xf32>
    %b = lns.param "blocks.{layer}.bias" bias init(constant, -0.5) decay(false) {test.note} : tensor<8xf32>
    // CHECK: lns.param "blocks.{layer}.w" matrix init(truncated_normal, 2.000000e-02, inv_sqrt_depth) : tensor<8x8xf32>
    %w = lns.param "blocks.{layer}.w" matrix init(truncated_normal, 0.02, inv_sqrt_depth) : tensor<8x8xf32>
    // CHECK: %[[N:.*]] = lns.norm rms %[[H]], %[[G]] depth_scale(inv_sqrt_depth) : tensor<?x?x8xf32>, tensor<8xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x8xf32>, tensor<8xf32>
    // CHECK: %[[R:.*]] = lns.residual %[[H]], %[[N]] : tensor<?x?x8xf32>
    %r = lns.residual %h, %n : tensor<?x?x8xf32>
    // CHECK: lns.yield %[[R]] : tensor<?x?x8xf32>
    lns.yield %r : tensor<?x?x8xf32>
  }
  // The same name twice with the same facts is one parameter: a tied head.
  // CHECK: %[[HEAD:.*]] = lns.param "embed" embedding init(normal, 2.000000e-02) : tensor<16x8xf32>
  %head = lns.param "embed" embedding init(normal, 0.02) : tensor<16x8xf32>
  // CHECK: %[[Y:.*]] = lns.linear %[[X]], %[[HEAD]] : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  %y = lns.linear %x, %head : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  // CHECK: lns.output %[[Y]] : tensor<?x?x16xf32>
  lns.output %y : tensor<?x?x16xf32>
}

// Blocks of types, which repeat or are all named, and ops that differ by them.
// CHECK-LABEL: lns.model @types
lns.model @types(%tokens: tensor<?x?xi32>) {
  %table = lns.param "embed" embedding init(normal, 0.02) : tensor<16x8xf32>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // CHECK: lns.layers(%{{.*}}) depth(5) types("local", "local", "full", ...) attributes {test.note = "kept"} : tensor<?x?x8xf32> {
  %y = lns.layers(%h = %x) depth(5) types("local", "local", "full", ...) attributes {test.note = "kept"} : tensor<?x?x8xf32> {
    // CHECK: lns.rope %{{.*}} head_dim(4) {by_type = {full = none, local = {base = 5.000000e+02 : f64}}} : tensor<?x?x8xf32>
    %q = lns.rope %h head_dim(4) {by_type = {local = {base = 500.0 : f64}, full = none}} : tensor<?x?x8xf32>
    // CHECK: lns.attention {{.*}} causal window(2) {by_type = {full = {softcap = 5.000000e+00 : f64, window = 7 : i64}}} : (
    %a = lns.attention %q, %q, %h heads(2) kv_heads(2) causal window(2) {by_type = {full = {window = 7 : i64, softcap = 5.0 : f64}}}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    lns.yield %a : tensor<?x?x8xf32>
  }
  // CHECK: lns.layers(%{{.*}}) depth(2) types("a", "b") : tensor<?x?x8xf32> {
  %z = lns.layers(%h = %y) depth(2) types("a", "b") : tensor<?x?x8xf32> {
    lns.yield %h : tensor<?x?x8xf32>
  }
  %l = lns.linear %z, %table : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %l : tensor<?x?x16xf32>
}

// Blocks may carry several values, and a model may have several lns.layers.
// CHECK-LABEL: lns.model @two_stacks
lns.model @two_stacks(%tokens: tensor<2x4xi32>) {
  %table = lns.param "embed" embedding init(zeros) : tensor<16x8xf64>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf64>, tensor<2x4xi32>) -> tensor<2x4x8xf64>
  // CHECK: %[[S:.*]]:2 = lns.layers(%[[A:.*]] = %[[X:.*]], %[[B:.*]] = %[[X]]) depth(1) : tensor<2x4x8xf64>, tensor<2x4x8xf64> {
  %s:2 = lns.layers(%a = %x, %b = %x) depth(1) : tensor<2x4x8xf64>, tensor<2x4x8xf64> {
    %w = lns.param "blocks.{layer}.w" matrix init(zeros) : tensor<8x8xf64>
    // CHECK: lns.yield %[[B]], %[[A]] : tensor<2x4x8xf64>, tensor<2x4x8xf64>
    lns.yield %b, %a : tensor<2x4x8xf64>, tensor<2x4x8xf64>
  }
  // Here {layer} counts on from the first stack: the name is blocks.1.w.
  // CHECK: lns.layers(%{{.*}} = %[[S]]#1) depth(1) : tensor<2x4x8xf64> {
  %t = lns.layers(%a = %s#1) depth(1) : tensor<2x4x8xf64> {
    %w = lns.param "blocks.{layer}.w" matrix init(ones) : tensor<4x8xf64>
    lns.yield %a : tensor<2x4x8xf64>
  }
  lns.output %t : tensor<2x4x8xf64>
}

// What a block yields beyond what it carries is the last block's.
// CHECK-LABEL: lns.model @further_results
lns.model @further_results(%tokens: tensor<?x?xi32>) {
  %table = lns.param "embed" embedding init(zeros) : tensor<16x8xf32>
  %x = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  // CHECK: %[[S:.*]]:2 = lns.layers(%[[H:.*]] = %{{.*}}) depth(2) : tensor<?x?x8xf32> -> (tensor<?x?x8xf32>, tensor<?x?x4xf32>) {
  %s:2 = lns.layers(%h = %x) depth(2) : tensor<?x?x8xf32> -> (tensor<?x?x8xf32>, tensor<?x?x4xf32>) {
    // CHECK: lns.ramp steps(1.000000e+03) per_layer : tensor<1xf32>
    %a = lns.ramp steps(1.0e3) per_layer : tensor<1xf32>
    %b = lns.scale_by %h, %a : tensor<?x?x8xf32>, tensor<1xf32>
    %w = lns.param "blocks.{layer}.w" matrix init(zeros) : tensor<4x8xf32>
    %v = lns.linear %b, %w : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
    // CHECK: lns.yield %{{.*}}, %{{.*}} : tensor<?x?x8xf32>, tensor<?x?x4xf32>
    lns.yield %b, %v : tensor<?x?x8xf32>, tensor<?x?x4xf32>
  }
  lns.output %s#1 : tensor<?x?x4xf32>
}
