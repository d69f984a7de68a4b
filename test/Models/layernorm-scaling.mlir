// LayerNorm Scaling with every kind of LayerNorm: with gain and bias, with gain
// alone, with bias alone, bare. Grouped queries, RoPE, an untied head with
// a bias; width 20, heads of 10.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x20xf32>
!half   = tensor<?x?x10xf32>
!inner  = tensor<?x?x28xf32>
!vector = tensor<20xf32>
!table  = tensor<45x20xf32>

lns.model @layernorm_scaling(%tokens: !tokens) {
  %embed = lns.param "embed" embedding init(normal, 0.3) : !table
  %x0 = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden
  %x = lns.layers(%h = %x0) depth(3) : !hidden {
    %g1 = lns.param "{layer}.norm1.weight" gain init(ones) : !vector
    %b1 = lns.param "{layer}.norm1.bias" bias init(zeros) : !vector
    %wq = lns.param "{layer}.q.weight" matrix init(normal, 0.2) : tensor<20x20xf32>
    %wk = lns.param "{layer}.k.weight" matrix init(normal, 0.2) : tensor<10x20xf32>
    %wv = lns.param "{layer}.v.weight" matrix init(normal, 0.2) : tensor<10x20xf32>
    %bv = lns.param "{layer}.v.bias" bias init(zeros) : tensor<10xf32>
    %wo = lns.param "{layer}.o.weight" matrix init(normal, 0.2) : tensor<20x20xf32>
    %n1 = lns.norm layer %h, %g1 bias(%b1) depth_scale(inv_sqrt_depth) : !hidden, !vector, !vector
    %q0 = lns.linear %n1, %wq : (!hidden, tensor<20x20xf32>) -> !hidden
    %k0 = lns.linear %n1, %wk : (!hidden, tensor<10x20xf32>) -> !half
    %v  = lns.linear %n1, %wv bias(%bv) : (!hidden, tensor<10x20xf32>, tensor<10xf32>) -> !half
    %q  = lns.rope %q0 head_dim(10) : !hidden
    %k  = lns.rope %k0 head_dim(10) : !half
    %a  = lns.attention %q, %k, %v heads(2) kv_heads(1) causal : (!hidden, !half, !half) -> !hidden
    %o  = lns.linear %a, %wo : (!hidden, tensor<20x20xf32>) -> !hidden
    %h1 = lns.residual %h, %o : !hidden

    %g2 = lns.param "{layer}.norm2.weight" gain init(ones) : !vector
    %wu = lns.param "{layer}.up.weight" matrix init(normal, 0.2) : tensor<28x20xf32>
    %bu = lns.param "{layer}.up.bias" bias init(zeros) : tensor<28xf32>
    %wd = lns.param "{layer}.down.weight" matrix init(normal, 0.2) : tensor<20x28xf32>
    %n2 = lns.norm layer %h1, %g2 depth_scale(inv_sqrt_depth) : !hidden, !vector
    %u  = lns.linear %n2, %wu bias(%bu) : (!hidden, tensor<28x20xf32>, tensor<28xf32>) -> !inner
    %m  = lns.activation gelu_tanh %u : !inner
    %d  = lns.linear %m, %wd : (!inner, tensor<20x28xf32>) -> !hidden
    %h2 = lns.residual %h1, %d : !hidden

    // A third branch, for the two kinds of norm that are left.
    %b3 = lns.param "{layer}.norm3.bias" bias init(zeros) : !vector
    %w3 = lns.param "{layer}.third.weight" matrix init(normal, 0.2) : tensor<20x20xf32>
    %b4 = lns.param "{layer}.third.bias" bias init(zeros) : !vector
    %w5 = lns.param "{layer}.fourth.weight" matrix init(normal, 0.2) : tensor<20x20xf32>
    %n3 = lns.norm layer %h2 bias(%b3) depth_scale(inv_sqrt_depth) : !hidden, !vector
    %p3 = lns.linear %n3, %w3 bias(%b4) : (!hidden, tensor<20x20xf32>, !vector) -> !hidden
    %s3 = lns.activation silu %p3 : !hidden
    %n4 = lns.norm layer %s3 depth_scale(inv_sqrt_depth) : !hidden
    %p4 = lns.linear %n4, %w5 : (!hidden, tensor<20x20xf32>) -> !hidden
    %h3 = lns.residual %h2, %p4 {branch_scale = 0.5 : f64} : !hidden
    lns.yield %h3 : !hidden
  }
  %gn = lns.param "norm.weight" gain init(ones) : !vector
  %head = lns.param "head.weight" matrix init(normal, 0.3) : !table
  %bias = lns.param "head.bias" bias init(zeros) : tensor<45xf32>
  %n = lns.norm layer %x, %gn : !hidden, !vector
  %y = lns.linear %n, %head bias(%bias) : (!hidden, !table, tensor<45xf32>) -> tensor<?x?x45xf32>
  lns.output %y : tensor<?x?x45xf32>
}
