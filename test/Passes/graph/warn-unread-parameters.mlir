// RUN: lns-opt %s --lns-warn-unread-parameters --split-input-file --verify-diagnostics

// Read by nobody; by an op that nobody reads; in a block of layers.
lns.model @unread(%tokens: tensor<?x?xi32>) {
  %e = lns.param "embed" embedding init(normal, 0.02) : tensor<8x4xf32>
  // expected-warning @+1 {{parameter 'head' has no effect: the logits do not depend on it; remove it, or read it}}
  %unread = lns.param "head" matrix init(normal, 0.02) : tensor<8x4xf32>
  // expected-warning @+1 {{parameter 'dead' has no effect}}
  %g = lns.param "dead" gain init(ones) : tensor<4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %n = lns.norm rms %x, %g : tensor<?x?x4xf32>, tensor<4xf32>
  %h = lns.layers(%c = %x) depth(2) : tensor<?x?x4xf32> {
    // expected-warning @+1 {{parameter 'layers.{layer}.bias' has no effect}}
    %b = lns.param "layers.{layer}.bias" bias init(zeros) : tensor<4xf32>
    %w = lns.param "layers.{layer}.weight" matrix init(normal, 0.02) : tensor<4x4xf32>
    %l = lns.linear %c, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    lns.yield %l : tensor<?x?x4xf32>
  }
  %y = lns.linear %h, %e : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}

// -----

// No warning: a head that is declared a second time and read under either name,
// and a weight that only the second of two carried values meets.
lns.model @read(%tokens: tensor<?x?xi32>) {
  %e = lns.param "embed" embedding init(normal, 0.02) : tensor<8x4xf32>
  %tied = lns.param "embed" embedding init(normal, 0.02) : tensor<8x4xf32>
  %again = lns.param "embed" embedding init(normal, 0.02) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %h:2 = lns.layers(%c = %x, %d = %x) depth(2) : tensor<?x?x4xf32>, tensor<?x?x4xf32> {
    %w = lns.param "layers.{layer}.weight" matrix init(normal, 0.02) : tensor<4x4xf32>
    %l = lns.linear %c, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    lns.yield %d, %l : tensor<?x?x4xf32>, tensor<?x?x4xf32>
  }
  %y = lns.linear %h#0, %tied : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %y : tensor<?x?x8xf32>
}
