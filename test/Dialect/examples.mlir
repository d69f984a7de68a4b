// The example models survive a round trip through all forms, and are what their
// comments say.

// RUN: lns-opt %examples/demo.mlir -o %t.demo.mlir
// RUN: lns-opt %t.demo.mlir -o %t.again.mlir
// RUN: cmp %t.demo.mlir %t.again.mlir
// RUN: lns-opt %examples/demo.mlir --mlir-print-op-generic | lns-opt -o %t.generic.mlir
// RUN: cmp %t.demo.mlir %t.generic.mlir
// RUN: lns-opt %examples/demo.mlir --emit-bytecode | lns-opt -o %t.bytecode.mlir
// RUN: cmp %t.demo.mlir %t.bytecode.mlir
// RUN: FileCheck %s --check-prefixes=DEMO,BOTH --input-file=%t.demo.mlir

// RUN: lns-opt %examples/gpt2-tiny.mlir -o %t.gpt2.mlir
// RUN: lns-opt %t.gpt2.mlir -o %t.again.mlir
// RUN: cmp %t.gpt2.mlir %t.again.mlir
// RUN: lns-opt %examples/gpt2-tiny.mlir --mlir-print-op-generic | lns-opt -o %t.generic.mlir
// RUN: cmp %t.gpt2.mlir %t.generic.mlir
// RUN: lns-opt %examples/gpt2-tiny.mlir --emit-bytecode | lns-opt -o %t.bytecode.mlir
// RUN: cmp %t.gpt2.mlir %t.bytecode.mlir
// RUN: FileCheck %s --check-prefix=GPT2 --input-file=%t.gpt2.mlir

// RUN: lns-opt %examples/llama-130m-lns.mlir -o %t.llama.mlir
// RUN: lns-opt %t.llama.mlir -o %t.again.mlir
// RUN: cmp %t.llama.mlir %t.again.mlir
// RUN: lns-opt %examples/llama-130m-lns.mlir --mlir-print-op-generic | lns-opt -o %t.generic.mlir
// RUN: cmp %t.llama.mlir %t.generic.mlir
// RUN: lns-opt %examples/llama-130m-lns.mlir --emit-bytecode | lns-opt -o %t.bytecode.mlir
// RUN: cmp %t.llama.mlir %t.bytecode.mlir
// RUN: FileCheck %s --check-prefixes=LLAMA,BOTH --input-file=%t.llama.mlir

// DEMO:  lns.model @demo(
// DEMO:  lns.param "model.embed_tokens.weight" {{.*}} : tensor<256x128xf32>
// LLAMA: lns.model @llama_130m_lns(
// LLAMA: lns.param "model.embed_tokens.weight" {{.*}} : tensor<32000x768xf32>
// BOTH:  lns.layers({{.*}}) depth(12)
// BOTH:  lns.norm rms {{.*}} depth_scale(inv_sqrt_depth)
// DEMO:  heads(4) kv_heads(4) causal
// LLAMA: heads(12) kv_heads(12) causal
// BOTH:  lns.norm rms {{.*}} depth_scale(inv_sqrt_depth)
// DEMO:  lns.gated_activation silu {{.*}} : tensor<?x?x352xf32>
// LLAMA: lns.gated_activation silu {{.*}} : tensor<?x?x2048xf32>
// BOTH:  lns.yield
// BOTH:  lns.param "lm_head.weight" matrix
// BOTH:  lns.norm rms %{{[0-9]+}}, %{{[0-9]+}} : 
// DEMO:  lns.output {{.*}} : tensor<?x?x256xf32>
// LLAMA: lns.output {{.*}} : tensor<?x?x32000xf32>

// GPT2: lns.model @gpt2_tiny(
// GPT2: %[[WTE:.*]] = lns.param "transformer.wte.weight" embedding
// GPT2: lns.add_positions {{.*}} : tensor<?x?x128xf32>, tensor<256x128xf32>
// GPT2: lns.layers({{.*}}) depth(4)
// GPT2: lns.norm layer {{.*}} bias({{.*}}) eps(1.000000e-05) :
// GPT2: lns.attention {{.*}} heads(4) kv_heads(4) causal
// GPT2: lns.norm layer {{.*}} bias({{.*}}) eps(1.000000e-05) :
// GPT2: lns.activation gelu_tanh {{.*}} : tensor<?x?x512xf32>
// GPT2: lns.yield
// GPT2: %[[LAST:.*]] = lns.norm layer
// GPT2: lns.linear %[[LAST]], %[[WTE]] :
