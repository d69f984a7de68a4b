// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-instantiate='batch=2 seq=4 diagnostics=true'

// There is no block to trace.
// expected-error@+1 {{has no lns.layers, whose blocks diagnostics would trace; compile without them}}
lns.model @flat(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  lns.output %x : tensor<?x?x4xf32>
}

// -----

// Streams of two widths are not one.
lns.model @widths(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x4xf32> {
    %n = lns.norm rms %h : tensor<?x?x4xf32>
    lns.yield %n : tensor<?x?x4xf32>
  }
  %w = lns.param "w" matrix init(normal, 1.0) : tensor<6x4xf32>
  %p = lns.linear %y, %w : (tensor<?x?x4xf32>, tensor<6x4xf32>) -> tensor<?x?x6xf32>
  // expected-error@+1 {{has blocks that carry 'tensor<2x4x4xf32>' and 'tensor<2x4x6xf32>', but diagnostics trace a stream of one type, [batch, time, d]; compile without them}}
  %z = lns.layers(%h = %p) depth(1) : tensor<?x?x6xf32> {
    %n = lns.norm rms %h : tensor<?x?x6xf32>
    lns.yield %n : tensor<?x?x6xf32>
  }
  %v = lns.param "v" matrix init(normal, 1.0) : tensor<4x6xf32>
  %o = lns.linear %z, %v : (tensor<?x?x6xf32>, tensor<4x6xf32>) -> tensor<?x?x4xf32>
  lns.output %o : tensor<?x?x4xf32>
}

// -----

// A block that does nothing has one value before and behind it.
lns.model @same(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // expected-error@+1 {{has a block that gives back what it takes, or adds one value twice, so that diagnostics would trace it as two; take the block out, or compile without them}}
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x4xf32> {
    lns.yield %h : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// Its name is that of a function.
lns.model @taken(%tokens: tensor<?x?xi32>) {
  // expected-error@+1 {{is called 'trace', as is a function or another symbol of the module; rename the parameter}}
  %e = lns.param "trace" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(2) : tensor<?x?x4xf32> {
    %n = lns.norm rms %h : tensor<?x?x4xf32>
    %r = lns.residual %h, %n : tensor<?x?x4xf32>
    lns.yield %r : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x4xf32>
}
