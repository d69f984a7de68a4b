// A small GPT-2: LayerNorm, biases, GELU, learned positions and a tied head, on
// bytes. 4 blocks of width 128, 4 heads, a feed-forward of width 512, sequences
// of up to 256 bytes.
//
// Names are those of Hugging Face's GPT-2, but for two differences of layout:
// there, attn.c_attn holds query, key and value side by side, and all matrices
// are [in, out]. Here the three are apart, and matrices are [out, in].
//
// GPT-2 starts its residual projections with 0.02 / sqrt(2 * depth). Weights
// decay; gains, biases and learned positions do not.

!tokens    = tensor<?x?xi32>
!hidden    = tensor<?x?x128xf32>
!inner     = tensor<?x?x512xf32>
!logits    = tensor<?x?x256xf32>
!vector    = tensor<128xf32>
!wide      = tensor<512xf32>
!square    = tensor<128x128xf32>
!up        = tensor<512x128xf32>
!down      = tensor<128x512xf32>
!table     = tensor<256x128xf32>
!positions = tensor<256x128xf32>

lns.model @gpt2_tiny(%tokens: !tokens) {
  %wte = lns.param "transformer.wte.weight" embedding init(normal, 0.02) : !table
  %wpe = lns.param "transformer.wpe.weight" embedding init(normal, 0.01) decay(false) : !positions
  %e  = lns.embedding %wte, %tokens : (!table, !tokens) -> !hidden
  %x0 = lns.add_positions %e, %wpe : !hidden, !positions

  %x = lns.layers(%h = %x0) depth(4) : !hidden {
    // Attention.
    %g1 = lns.param "transformer.h.{layer}.ln_1.weight" gain init(ones) : !vector
    %b1 = lns.param "transformer.h.{layer}.ln_1.bias" bias init(zeros) : !vector
    %wq = lns.param "transformer.h.{layer}.attn.q_proj.weight" matrix init(normal, 0.02) : !square
    %bq = lns.param "transformer.h.{layer}.attn.q_proj.bias" bias init(zeros) : !vector
    %wk = lns.param "transformer.h.{layer}.attn.k_proj.weight" matrix init(normal, 0.02) : !square
    %bk = lns.param "transformer.h.{layer}.attn.k_proj.bias" bias init(zeros) : !vector
    %wv = lns.param "transformer.h.{layer}.attn.v_proj.weight" matrix init(normal, 0.02) : !square
    %bv = lns.param "transformer.h.{layer}.attn.v_proj.bias" bias init(zeros) : !vector
    %wo = lns.param "transformer.h.{layer}.attn.c_proj.weight" matrix init(normal, 0.0071) : !square
    %bo = lns.param "transformer.h.{layer}.attn.c_proj.bias" bias init(zeros) : !vector
    %n1 = lns.norm layer %h, %g1 bias(%b1) eps(1.0e-05) : !hidden, !vector, !vector
    %q  = lns.linear %n1, %wq bias(%bq) : (!hidden, !square, !vector) -> !hidden
    %k  = lns.linear %n1, %wk bias(%bk) : (!hidden, !square, !vector) -> !hidden
    %v  = lns.linear %n1, %wv bias(%bv) : (!hidden, !square, !vector) -> !hidden
    %a  = lns.attention %q, %k, %v heads(4) kv_heads(4) causal : (!hidden, !hidden, !hidden) -> !hidden
    %o  = lns.linear %a, %wo bias(%bo) : (!hidden, !square, !vector) -> !hidden
    %h1 = lns.residual %h, %o : !hidden

    // Feed-forward: proj(gelu(fc(x))).
    %g2 = lns.param "transformer.h.{layer}.ln_2.weight" gain init(ones) : !vector
    %b2 = lns.param "transformer.h.{layer}.ln_2.bias" bias init(zeros) : !vector
    %wf = lns.param "transformer.h.{layer}.mlp.c_fc.weight" matrix init(normal, 0.02) : !up
    %bf = lns.param "transformer.h.{layer}.mlp.c_fc.bias" bias init(zeros) : !wide
    %wp = lns.param "transformer.h.{layer}.mlp.c_proj.weight" matrix init(normal, 0.0071) : !down
    %bp = lns.param "transformer.h.{layer}.mlp.c_proj.bias" bias init(zeros) : !vector
    %n2 = lns.norm layer %h1, %g2 bias(%b2) eps(1.0e-05) : !hidden, !vector, !vector
    %f  = lns.linear %n2, %wf bias(%bf) : (!hidden, !up, !wide) -> !inner
    %m  = lns.activation gelu_tanh %f : !inner
    %d  = lns.linear %m, %wp bias(%bp) : (!inner, !down, !vector) -> !hidden
    %h2 = lns.residual %h1, %d : !hidden
    lns.yield %h2 : !hidden
  }

  // The head is the token table.
  %gn = lns.param "transformer.ln_f.weight" gain init(ones) : !vector
  %bn = lns.param "transformer.ln_f.bias" bias init(zeros) : !vector
  %n = lns.norm layer %x, %gn bias(%bn) eps(1.0e-05) : !hidden, !vector, !vector
  %y = lns.linear %n, %wte : (!hidden, !table) -> !logits
  lns.output %y : !logits
}
