// Dynamic tanh (DyT, arXiv 2503.10622) in the place of every norm: before
// attention and the feed-forward block, which fold its gain and bias; behind a
// branch, where it stays; and before the head. The embedding has a learned scale
// of its own, which no norm divides out. Width 28, heads of 14. A bias of a key
// has no gradient, so that one norm has none.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x28xf32>
!inner  = tensor<?x?x45xf32>
!number = tensor<1xf32>
!vector = tensor<28xf32>
!square = tensor<28x28xf32>
!up     = tensor<45x28xf32>
!down   = tensor<28x45xf32>
!table  = tensor<37x28xf32>

lns.model @tanh_norm(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.3) : !table
  %scale = lns.param "embed.scale" gain init(constant, 5.2915) : !number
  %e  = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden
  %x0 = lns.scale_by %e, %scale : !hidden, !number
  %x = lns.layers(%h = %x0) depth(2) : !hidden {
    %a1 = lns.param "h.{layer}.ln_1.alpha" gain init(constant, 0.8) : !number
    %g1 = lns.param "h.{layer}.ln_1.weight" gain init(ones) : !vector
    %wq = lns.param "h.{layer}.q.weight" matrix init(normal, 0.2) : !square
    %wk = lns.param "h.{layer}.k.weight" matrix init(normal, 0.2) : !square
    %wv = lns.param "h.{layer}.v.weight" matrix init(normal, 0.2) : !square
    %wo = lns.param "h.{layer}.o.weight" matrix init(normal, 0.2) : !square
    %n1 = lns.norm tanh %h, %g1 alpha(%a1) depth_scale(inv_sqrt_depth) : !hidden, !vector, !number
    %q  = lns.linear %n1, %wq : (!hidden, !square) -> !hidden
    %k  = lns.linear %n1, %wk : (!hidden, !square) -> !hidden
    %v  = lns.linear %n1, %wv : (!hidden, !square) -> !hidden
    %a  = lns.attention %q, %k, %v heads(2) kv_heads(2) causal : (!hidden, !hidden, !hidden) -> !hidden
    %o  = lns.linear %a, %wo : (!hidden, !square) -> !hidden
    %a2 = lns.param "h.{layer}.ln_o.alpha" gain init(constant, 0.5) : !number
    %g2 = lns.param "h.{layer}.ln_o.weight" gain init(ones) : !vector
    %no = lns.norm tanh %o, %g2 alpha(%a2) : !hidden, !vector, !number
    %h1 = lns.residual %h, %no : !hidden
    %a3 = lns.param "h.{layer}.ln_2.alpha" gain init(constant, 0.2) : !number
    %g3 = lns.param "h.{layer}.ln_2.weight" gain init(ones) : !vector
    %b3 = lns.param "h.{layer}.ln_2.bias" bias init(zeros) : !vector
    %wg = lns.param "h.{layer}.gate.weight" matrix init(normal, 0.2) : !up
    %wu = lns.param "h.{layer}.up.weight" matrix init(normal, 0.2) : !up
    %wd = lns.param "h.{layer}.down.weight" matrix init(normal, 0.2) : !down
    %n2 = lns.norm tanh %h1, %g3 bias(%b3) alpha(%a3) depth_scale(inv_sqrt_depth) : !hidden, !vector, !vector, !number
    %fg = lns.linear %n2, %wg : (!hidden, !up) -> !inner
    %fu = lns.linear %n2, %wu : (!hidden, !up) -> !inner
    %m  = lns.gated_activation gelu %fg, %fu : !inner
    %d  = lns.linear %m, %wd : (!inner, !down) -> !hidden
    %h2 = lns.residual %h1, %d : !hidden
    lns.yield %h2 : !hidden
  }
  %an = lns.param "norm.alpha" gain init(constant, 0.2) : !number
  %gn = lns.param "norm.weight" gain init(ones) : !vector
  %n = lns.norm tanh %x, %gn alpha(%an) : !hidden, !vector, !number
  %head = lns.param "head" matrix init(normal, 0.3) : !table
  %y = lns.linear %n, %head : (!hidden, !table) -> tensor<?x?x37xf32>
  lns.output %y : tensor<?x?x37xf32>
}
