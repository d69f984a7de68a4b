// Norms and gates of heads: queries and keys normalized for each head before they are
// rotated (LNS with qk-norm as in Qwen3), values normalized for each head without a gain,
// and what a head gives multiplied by a number of its own for every token. Heads
// of 8, four of queries and two of keys, beside a width of 20.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x20xf32>
!query  = tensor<?x?x32xf32>
!key    = tensor<?x?x16xf32>
!heads  = tensor<?x?x4x8xf32>
!keys   = tensor<?x?x2x8xf32>
!gates  = tensor<?x?x4xf32>
!inner  = tensor<?x?x24xf32>
!vector = tensor<20xf32>
!head   = tensor<8xf32>
!table  = tensor<45x20xf32>

lns.model @qk_norm(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.3) : !table
  %x0 = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden
  %x = lns.layers(%h = %x0) depth(3) : !hidden {
    %g1 = lns.param "{layer}.norm1.weight" gain init(ones) : !vector
    %wq = lns.param "{layer}.q.weight" matrix init(normal, 0.2) : tensor<32x20xf32>
    %bq = lns.param "{layer}.q.bias" bias init(zeros) : tensor<32xf32>
    %wk = lns.param "{layer}.k.weight" matrix init(normal, 0.2) : tensor<16x20xf32>
    %wv = lns.param "{layer}.v.weight" matrix init(normal, 0.2) : tensor<16x20xf32>
    %wg = lns.param "{layer}.gate.weight" matrix init(normal, 0.2) : tensor<4x20xf32>
    %wo = lns.param "{layer}.o.weight" matrix init(normal, 0.2) : tensor<20x32xf32>
    %gq = lns.param "{layer}.q_norm.weight" gain init(ones) : !head
    %gk = lns.param "{layer}.k_norm.weight" gain init(ones) : !head
    %n1 = lns.norm rms %h, %g1 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %q0 = lns.linear %n1, %wq bias(%bq) : (!hidden, tensor<32x20xf32>, tensor<32xf32>) -> !query
    %k0 = lns.linear %n1, %wk : (!hidden, tensor<16x20xf32>) -> !key
    %v0 = lns.linear %n1, %wv : (!hidden, tensor<16x20xf32>) -> !key
    %f0 = lns.linear %n1, %wg : (!hidden, tensor<4x20xf32>) -> !gates
    %q1 = lns.reshape %q0 : !query to !heads
    %q2 = lns.norm rms %q1, %gq : !heads, !head
    %q3 = lns.rope %q2 head_dim(8) : !heads
    %q  = lns.reshape %q3 : !heads to !query
    %k1 = lns.reshape %k0 : !key to !keys
    %k2 = lns.norm rms %k1, %gk : !keys, !head
    %k3 = lns.rope %k2 head_dim(8) : !keys
    %k  = lns.reshape %k3 : !keys to !key
    %v1 = lns.reshape %v0 : !key to !keys
    %v2 = lns.norm rms %v1 : !keys
    %v  = lns.reshape %v2 : !keys to !key
    %a0 = lns.attention %q, %k, %v heads(4) kv_heads(2) causal : (!query, !key, !key) -> !query
    %f  = lns.activation silu %f0 : !gates
    %a1 = lns.reshape %a0 : !query to !heads
    %a2 = lns.row_scale %a1, %f : !heads, !gates
    %a  = lns.reshape %a2 : !heads to !query
    %o  = lns.linear %a, %wo : (!query, tensor<20x32xf32>) -> !hidden
    %h1 = lns.residual %h, %o : !hidden

    %g2 = lns.param "{layer}.norm2.weight" gain init(ones) : !vector
    %wu = lns.param "{layer}.up.weight" matrix init(normal, 0.2) : tensor<24x20xf32>
    %wd = lns.param "{layer}.down.weight" matrix init(normal, 0.2) : tensor<20x24xf32>
    %n2 = lns.norm rms %h1, %g2 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %u  = lns.linear %n2, %wu : (!hidden, tensor<24x20xf32>) -> !inner
    %m  = lns.activation gelu_tanh %u : !inner
    %d  = lns.linear %m, %wd : (!inner, tensor<20x24xf32>) -> !hidden
    %h2 = lns.residual %h1, %d : !hidden
    lns.yield %h2 : !hidden
  }
  %gn = lns.param "norm.weight" gain init(ones) : !vector
  %head = lns.param "head.weight" matrix init(normal, 0.3) : !table
  %n = lns.norm rms %x, %gn : !hidden, !vector
  %y = lns.linear %n, %head : (!hidden, !table) -> tensor<?x?x45xf32>
  lns.output %y : tensor<?x?x45xf32>
}
