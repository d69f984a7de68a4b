// Norms behind their branch: the original transformer's post-norm, whose value is
// the residual stream itself, and the sandwich, a norm before and one behind.
// Nothing but a residual reads the outer norms, so they stay.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x20xf32>
!vector = tensor<20xf32>
!square = tensor<20x20xf32>
!table  = tensor<33x20xf32>

lns.model @post_norm(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.3) : !table
  %x0 = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden
  // Post-norm: linears and the residual read the normalized value.
  %x1 = lns.layers(%h = %x0) depth(2) : !hidden {
    %w1 = lns.param "post.{layer}.w1" matrix init(normal, 0.2) : !square
    %w2 = lns.param "post.{layer}.w2" matrix init(normal, 0.2) : !square
    %g = lns.param "post.{layer}.norm.weight" gain init(ones) : !vector
    %b = lns.param "post.{layer}.norm.bias" bias init(zeros) : !vector
    %f = lns.linear %h, %w1 : (!hidden, !square) -> !hidden
    %a = lns.activation gelu_tanh %f : !hidden
    %d = lns.linear %a, %w2 : (!hidden, !square) -> !hidden
    %r = lns.residual %h, %d : !hidden
    %n = lns.norm layer %r, %g bias(%b) depth_scale(inv_sqrt_depth) : !hidden, !vector, !vector
    lns.yield %n : !hidden
  }
  // Sandwich.
  %x2 = lns.layers(%h = %x1) depth(2) : !hidden {
    %w1 = lns.param "sandwich.{layer}.w1" matrix init(normal, 0.2) : !square
    %w2 = lns.param "sandwich.{layer}.w2" matrix init(normal, 0.2) : !square
    %g1 = lns.param "sandwich.{layer}.in.weight" gain init(ones) : !vector
    %g2 = lns.param "sandwich.{layer}.out.weight" gain init(ones) : !vector
    %n = lns.norm rms %h, %g1 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %f = lns.linear %n, %w1 : (!hidden, !square) -> !hidden
    %a = lns.activation gelu_tanh %f : !hidden
    %d = lns.linear %a, %w2 : (!hidden, !square) -> !hidden
    %s = lns.norm rms %d, %g2 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %r = lns.residual %h, %s : !hidden
    lns.yield %r : !hidden
  }
  %head = lns.param "head" matrix init(normal, 0.3) : !table
  %y = lns.linear %x2, %head : (!hidden, !table) -> tensor<?x?x33xf32>
  lns.output %y : tensor<?x?x33xf32>
}
