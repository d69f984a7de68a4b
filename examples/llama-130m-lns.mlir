// LLaMA 130M with LayerNorm Scaling (arXiv 2502.05795): 12 blocks of width 768,
// 12 heads, SwiGLU of width 2048, a vocabulary of 32000, an untied head.
//
// The block is written once. Parameters carry their Hugging Face names;
// `{layer}` becomes 0, 1, ..., 11. Matrices are [out, in]. Batch and time stay
// open until lns-instantiate fixes them.

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x768xf32>
!inner  = tensor<?x?x2048xf32>
!logits = tensor<?x?x32000xf32>
!gain   = tensor<768xf32>
!square = tensor<768x768xf32>
!up     = tensor<2048x768xf32>
!down   = tensor<768x2048xf32>
!table  = tensor<32000x768xf32>

lns.model @llama_130m_lns(%tokens: !tokens) {
  %embed = lns.param "model.embed_tokens.weight" embedding init(normal, 0.02) : !table
  %x0 = lns.embedding %embed, %tokens : (!table, !tokens) -> !hidden

  %x = lns.layers(%h = %x0) depth(12) : !hidden {
    // Attention. In block l, both norms' outputs are multiplied by 1/sqrt(l).
    %g1 = lns.param "model.layers.{layer}.input_layernorm.weight" gain init(ones) : !gain
    %wq = lns.param "model.layers.{layer}.self_attn.q_proj.weight" matrix init(normal, 0.02) : !square
    %wk = lns.param "model.layers.{layer}.self_attn.k_proj.weight" matrix init(normal, 0.02) : !square
    %wv = lns.param "model.layers.{layer}.self_attn.v_proj.weight" matrix init(normal, 0.02) : !square
    %wo = lns.param "model.layers.{layer}.self_attn.o_proj.weight" matrix init(normal, 0.02) : !square
    %n1 = lns.norm rms %h, %g1 depth_scale(inv_sqrt_depth) : !hidden, !gain
    %q0 = lns.linear %n1, %wq : (!hidden, !square) -> !hidden
    %k0 = lns.linear %n1, %wk : (!hidden, !square) -> !hidden
    %v  = lns.linear %n1, %wv : (!hidden, !square) -> !hidden
    %q  = lns.rope %q0 head_dim(64) : !hidden
    %k  = lns.rope %k0 head_dim(64) : !hidden
    %a  = lns.attention %q, %k, %v heads(12) kv_heads(12) causal : (!hidden, !hidden, !hidden) -> !hidden
    %o  = lns.linear %a, %wo : (!hidden, !square) -> !hidden
    %h1 = lns.residual %h, %o : !hidden

    // Feed-forward: down(silu(gate(x)) * up(x)).
    %g2 = lns.param "model.layers.{layer}.post_attention_layernorm.weight" gain init(ones) : !gain
    %wg = lns.param "model.layers.{layer}.mlp.gate_proj.weight" matrix init(normal, 0.02) : !up
    %wu = lns.param "model.layers.{layer}.mlp.up_proj.weight" matrix init(normal, 0.02) : !up
    %wd = lns.param "model.layers.{layer}.mlp.down_proj.weight" matrix init(normal, 0.02) : !down
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
  %head = lns.param "lm_head.weight" matrix init(normal, 0.02) : !table
  %n = lns.norm rms %x, %gn : !hidden, !gain
  %y = lns.linear %n, %head : (!hidden, !table) -> !logits
  lns.output %y : !logits
}
