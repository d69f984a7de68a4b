// Blocks of two types, with LNS: a window of 3 and one base of the rotation in two
// of three, all tokens and no rotation in the third. Capped scores and logits;
// gains that are stored less 1, of norms that fold into products, of heads, and
// behind a sublayer.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x20xf32>
!query  = tensor<?x?x32xf32>
!key    = tensor<?x?x16xf32>
!heads  = tensor<?x?x4x8xf32>
!inner  = tensor<?x?x24xf32>
!vector = tensor<20xf32>
!head   = tensor<8xf32>
!table  = tensor<45x20xf32>

lns.model @layer_types(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.3) : !table
  %e = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden
  %x0 = lns.scale %e factor(4.4721359) : !hidden
  %x = lns.layers(%h = %x0) depth(5) types("local", "local", "full", ...) : !hidden {
    %w1 = lns.param "{layer}.norm1.weight" gain init(zeros) : !vector
    %wo1 = lns.param "{layer}.norm1_out.weight" gain init(constant, 0.1) : !vector
    %wq = lns.param "{layer}.q.weight" matrix init(normal, 0.3) : tensor<32x20xf32>
    %wk = lns.param "{layer}.k.weight" matrix init(normal, 0.3) : tensor<16x20xf32>
    %wv = lns.param "{layer}.v.weight" matrix init(normal, 0.2) : tensor<16x20xf32>
    %wo = lns.param "{layer}.o.weight" matrix init(normal, 0.2) : tensor<20x32xf32>
    %wqn = lns.param "{layer}.q_norm.weight" gain init(zeros) : !head
    %g1 = lns.offset %w1 by(1.0) : !vector
    %go1 = lns.offset %wo1 by(1.0) : !vector
    %gqn = lns.offset %wqn by(1.0) : !head
    %n1 = lns.norm rms %h, %g1 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %q0 = lns.linear %n1, %wq : (!hidden, tensor<32x20xf32>) -> !query
    %k0 = lns.linear %n1, %wk : (!hidden, tensor<16x20xf32>) -> !key
    %v  = lns.linear %n1, %wv : (!hidden, tensor<16x20xf32>) -> !key
    %q1 = lns.reshape %q0 : !query to !heads
    %q2 = lns.norm rms %q1, %gqn : !heads, !head
    %q3 = lns.rope %q2 head_dim(8) {by_type = {full = none, local = {base = 100.0 : f64}}} : !heads
    %q  = lns.reshape %q3 : !heads to !query
    %k  = lns.rope %k0 head_dim(8) {by_type = {full = none, local = {base = 100.0 : f64}}} : !key
    %a  = lns.attention %q, %k, %v heads(4) kv_heads(2) causal softcap(1.5) {by_type = {local = {window = 3 : i64}}}
      : (!query, !key, !key) -> !query
    %o  = lns.linear %a, %wo : (!query, tensor<20x32xf32>) -> !hidden
    %on = lns.norm rms %o, %go1 : !hidden, !vector
    %r1 = lns.residual %h, %on : !hidden

    %w2 = lns.param "{layer}.norm2.weight" gain init(zeros) : !vector
    %wg = lns.param "{layer}.gate.weight" matrix init(normal, 0.2) : tensor<24x20xf32>
    %wu = lns.param "{layer}.up.weight" matrix init(normal, 0.2) : tensor<24x20xf32>
    %wd = lns.param "{layer}.down.weight" matrix init(normal, 0.2) : tensor<20x24xf32>
    %g2 = lns.offset %w2 by(1.0) : !vector
    %n2 = lns.norm rms %r1, %g2 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %gate = lns.linear %n2, %wg : (!hidden, tensor<24x20xf32>) -> !inner
    %up = lns.linear %n2, %wu : (!hidden, tensor<24x20xf32>) -> !inner
    %m  = lns.gated_activation gelu_tanh %gate, %up : !inner
    %d  = lns.linear %m, %wd : (!inner, tensor<20x24xf32>) -> !hidden
    %r2 = lns.residual %r1, %d : !hidden
    lns.yield %r2 : !hidden
  }
  %wf = lns.param "norm.weight" gain init(zeros) : !vector
  %gf = lns.offset %wf by(1.0) : !vector
  %n = lns.norm rms %x, %gf : !hidden, !vector
  %z = lns.linear %n, %embed : (!hidden, !table) -> tensor<?x?x45xf32>
  %logits = lns.softcap %z cap(2.0) : tensor<?x?x45xf32>
  lns.output %logits : tensor<?x?x45xf32>
}
