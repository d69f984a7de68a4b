// One value in several places of one op, and one parameter in several ops: what
// a pass that asks for ops, or for one operand, takes for something else.
lns.model @same(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.6) : tensor<7x4xf32>
  %g = lns.param "g" gain init(normal, 1.0) : tensor<4xf32>
  %w = lns.param "w" matrix init(normal, 0.6) : tensor<4x4xf32>
  %b = lns.param "b" bias init(normal, 0.6) : tensor<4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // A residual around a linear: its input is its gradient's addend, too.
  %f = lns.linear %x, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
  %r = lns.residual %x, %f : tensor<?x?x4xf32>
  // Gate and up are one value, and so are both sides of a residual.
  %a = lns.gated_activation silu %r, %r : tensor<?x?x4xf32>
  %d = lns.residual %a, %a {branch_scale = 0.5 : f64} : tensor<?x?x4xf32>
  // Two norms of one gain, whose linears have one weight.
  %n = lns.norm rms %d, %g : tensor<?x?x4xf32>, tensor<4xf32>
  %q = lns.linear %n, %w bias(%b) : (tensor<?x?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  // Key and value are one value, then all three.
  %k = lns.linear %n, %w {alpha = 0.5 : f64} : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
  %s = lns.attention %q, %k, %k heads(2) kv_heads(2) causal : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %t = lns.attention %s, %s, %s heads(1) kv_heads(1) : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  %u = lns.add %t, %t : tensor<?x?x4xf32>
  %m = lns.norm layer %u, %g bias(%b) : tensor<?x?x4xf32>, tensor<4xf32>, tensor<4xf32>
  %v = lns.linear %m, %w bias(%b) : (tensor<?x?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %o = lns.residual %d, %v : tensor<?x?x4xf32>
  // The head is the embedding's table, behind the same gain.
  %h = lns.norm rms %o, %g : tensor<?x?x4xf32>, tensor<4xf32>
  %logits = lns.linear %h, %e : (tensor<?x?x4xf32>, tensor<7x4xf32>) -> tensor<?x?x7xf32>
  lns.output %logits : tensor<?x?x7xf32>
}
