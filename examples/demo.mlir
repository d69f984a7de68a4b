// The demo that trains in minutes on a CPU: a byte-level LLaMA with LayerNorm
// Scaling (arXiv 2502.05795), 12 blocks of width 128, 4 heads, SwiGLU of width
// 352, one token per byte value. Large models have the same text:
// llama-130m-lns.mlir differs in its types and in the number of heads.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x128xf32>
!inner  = tensor<?x?x352xf32>
!logits = tensor<?x?x256xf32>
!gain   = tensor<128xf32>
!square = tensor<128x128xf32>
!up     = tensor<352x128xf32>
!down   = tensor<128x352xf32>
!table  = tensor<256x128xf32>

lns.model @demo(%tokens: !tokens) {
  %embed = lns.param "model.embed_tokens.weight" embedding init(normal, 0.06) : !table
  %x0 = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden

  %x = lns.layers(%h = %x0) depth(12) : !hidden {
    // Attention. In block l, both norms' outputs are multiplied by 1/sqrt(l).
    %g1 = lns.param "model.layers.{layer}.input_layernorm.weight" gain init(ones) : !gain
    %wq = lns.param "model.layers.{layer}.self_attn.q_proj.weight" matrix init(normal, 0.06) : !square
    %wk = lns.param "model.layers.{layer}.self_attn.k_proj.weight" matrix init(normal, 0.06) : !square
    %wv = lns.param "model.layers.{layer}.self_attn.v_proj.weight" matrix init(normal, 0.06) : !square
    %wo = lns.param "model.layers.{layer}.self_attn.o_proj.weight" matrix init(normal, 0.06) : !square
    %n1 = lns.norm rms %h, %g1 depth_scale(inv_sqrt_depth) : !hidden, !gain
    %q0 = lns.linear %n1, %wq : (!hidden, !square) -> !hidden
    %k0 = lns.linear %n1, %wk : (!hidden, !square) -> !hidden
    %v  = lns.linear %n1, %wv : (!hidden, !square) -> !hidden
    %q  = lns.rope %q0 head_dim(32) : !hidden
    %k  = lns.rope %k0 head_dim(32) : !hidden
    %a  = lns.attention %q, %k, %v heads(4) kv_heads(4) causal : (!hidden, !hidden, !hidden) -> !hidden
    %o  = lns.linear %a, %wo : (!hidden, !square) -> !hidden
    %h1 = lns.residual %h, %o : !hidden

    // Feed-forward: down(silu(gate(x)) * up(x)).
    %g2 = lns.param "model.layers.{layer}.post_attention_layernorm.weight" gain init(ones) : !gain
    %wg = lns.param "model.layers.{layer}.mlp.gate_proj.weight" matrix init(normal, 0.06) : !up
    %wu = lns.param "model.layers.{layer}.mlp.up_proj.weight" matrix init(normal, 0.06) : !up
    %wd = lns.param "model.layers.{layer}.mlp.down_proj.weight" matrix init(normal, 0.06) : !down
    %n2 = lns.norm rms %h1, %g2 depth_scale(inv_sqrt_depth) : !hidden, !gain
    %g  = lns.linear %n2, %wg : (!hidden, !up) -> !inner
    %u  = lns.linear %n2, %wu : (!hidden, !up) -> !inner
    %m  = lns.gated_activation silu %g, %u : !inner
    %d  = lns.linear %m, %wd : (!inner, !down) -> !hidden
    %h2 = lns.residual %h1, %d : !hidden
    lns.yield %h2 : !hidden
  }

  // The final norm has no depth scale.
  %gn = lns.param "model.norm.weight" gain init(ones) : !gain
  %head = lns.param "lm_head.weight" matrix init(normal, 0.06) : !table
  %n = lns.norm rms %x, %gn : !hidden, !gain
  %y = lns.linear %n, %head : (!hidden, !table) -> !logits
  lns.output %y : !logits
}
