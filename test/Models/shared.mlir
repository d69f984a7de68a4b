// What shares: two norms of one x (parallel attention and feed-forward), one
// weight behind two norms, one norm under a linear and a gate, norms without gain
// or with one gain for two, and a head that is the embedding.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x36xf32>
!vector = tensor<36xf32>
!square = tensor<36x36xf32>
!table  = tensor<40x36xf32>

lns.model @shared(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.3) : !table
  %w = lns.param "shared.weight" matrix init(normal, 0.2) : !square
  %g = lns.param "shared.gain" gain init(ones) : !vector
  %x0 = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden
  %x = lns.layers(%h = %x0) depth(2) : !hidden {
    %b = lns.param "{layer}.bias" bias init(zeros) : !vector
    %v = lns.param "{layer}.weight" matrix init(normal, 0.2) : !square
    // Two norms of one x, one gain, one weight.
    %n1 = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : !hidden, !vector
    %n2 = lns.norm layer %h, %g bias(%b) depth_scale(inv_sqrt_depth) : !hidden, !vector, !vector
    %p1 = lns.linear %n1, %w : (!hidden, !square) -> !hidden
    %p2 = lns.linear %n2, %w : (!hidden, !square) -> !hidden
    %m  = lns.gated_activation silu %p1, %p2 : !hidden
    // A norm that a linear and a gate read.
    %n3 = lns.norm layer %m depth_scale(inv_sqrt_depth) : !hidden
    %p3 = lns.linear %n3, %v bias(%b) : (!hidden, !square, !vector) -> !hidden
    %q  = lns.gated_activation gelu_tanh %p3, %n3 : !hidden
    // Without a gain, and one linear that reads it twice over.
    %n4 = lns.norm rms %q depth_scale(inv_sqrt_depth) : !hidden
    %p4 = lns.linear %n4, %v : (!hidden, !square) -> !hidden
    %p5 = lns.linear %n4, %w : (!hidden, !square) -> !hidden
    %s  = lns.residual %p4, %p5 : !hidden
    %r  = lns.residual %h, %s : !hidden
    lns.yield %r : !hidden
  }
  %n = lns.norm rms %x, %g : !hidden, !vector
  %y = lns.linear %n, %embed : (!hidden, !table) -> tensor<?x?x40xf32>
  lns.output %y : tensor<?x?x40xf32>
}
