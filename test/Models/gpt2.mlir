// GPT-2 in small: LayerNorm, biases, GELU, learned positions, a tied head. Width
// 36 and heads of 12: no vector divides them. The key has no bias: behind a
// softmax its gradient is exactly zero, and rounding would be compared.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x36xf32>
!inner  = tensor<?x?x50xf32>
!vector = tensor<36xf32>
!wide   = tensor<50xf32>
!square = tensor<36x36xf32>
!up     = tensor<50x36xf32>
!down   = tensor<36x50xf32>
!table  = tensor<61x36xf32>

lns.model @gpt2(%tokens: !tokens) {
  %wte = lns.param "wte.weight" embedding init(normal, 0.3) : !table
  %wpe = lns.param "wpe.weight" embedding init(normal, 0.3) : tensor<16x36xf32>
  %e  = lns.embedding %wte, %tokens : (!table, !tokens) -> !hidden
  %x0 = lns.add_positions %e, %wpe : !hidden, tensor<16x36xf32>
  %x = lns.layers(%h = %x0) depth(2) : !hidden {
    %g1 = lns.param "h.{layer}.ln_1.weight" gain init(ones) : !vector
    %b1 = lns.param "h.{layer}.ln_1.bias" bias init(zeros) : !vector
    %wq = lns.param "h.{layer}.q.weight" matrix init(normal, 0.2) : !square
    %bq = lns.param "h.{layer}.q.bias" bias init(zeros) : !vector
    %wk = lns.param "h.{layer}.k.weight" matrix init(normal, 0.2) : !square
    %wv = lns.param "h.{layer}.v.weight" matrix init(normal, 0.2) : !square
    %bv = lns.param "h.{layer}.v.bias" bias init(zeros) : !vector
    %wo = lns.param "h.{layer}.o.weight" matrix init(normal, 0.2) : !square
    %bo = lns.param "h.{layer}.o.bias" bias init(zeros) : !vector
    %n1 = lns.norm layer %h, %g1 bias(%b1) eps(1.0e-05) : !hidden, !vector, !vector
    %q  = lns.linear %n1, %wq bias(%bq) : (!hidden, !square, !vector) -> !hidden
    %k  = lns.linear %n1, %wk : (!hidden, !square) -> !hidden
    %v  = lns.linear %n1, %wv bias(%bv) : (!hidden, !square, !vector) -> !hidden
    %a  = lns.attention %q, %k, %v heads(3) kv_heads(3) causal : (!hidden, !hidden, !hidden) -> !hidden
    %o  = lns.linear %a, %wo bias(%bo) : (!hidden, !square, !vector) -> !hidden
    %h1 = lns.residual %h, %o : !hidden
    %g2 = lns.param "h.{layer}.ln_2.weight" gain init(ones) : !vector
    %b2 = lns.param "h.{layer}.ln_2.bias" bias init(zeros) : !vector
    %wf = lns.param "h.{layer}.fc.weight" matrix init(normal, 0.2) : !up
    %bf = lns.param "h.{layer}.fc.bias" bias init(zeros) : !wide
    %wp = lns.param "h.{layer}.proj.weight" matrix init(normal, 0.2) : !down
    %bp = lns.param "h.{layer}.proj.bias" bias init(zeros) : !vector
    %n2 = lns.norm layer %h1, %g2 bias(%b2) eps(1.0e-05) : !hidden, !vector, !vector
    %f  = lns.linear %n2, %wf bias(%bf) : (!hidden, !up, !wide) -> !inner
    %m  = lns.activation gelu_tanh %f : !inner
    %d  = lns.linear %m, %wp bias(%bp) : (!inner, !down, !vector) -> !hidden
    %h2 = lns.residual %h1, %d : !hidden
    lns.yield %h2 : !hidden
  }
  %gn = lns.param "ln_f.weight" gain init(ones) : !vector
  %bn = lns.param "ln_f.bias" bias init(zeros) : !vector
  %n = lns.norm layer %x, %gn bias(%bn) eps(1.0e-05) : !hidden, !vector, !vector
  %y = lns.linear %n, %wte : (!hidden, !table) -> tensor<?x?x61xf32>
  lns.output %y : tensor<?x?x61xf32>
}
