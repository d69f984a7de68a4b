// RUN: lns-opt %s --split-input-file --lns-instantiate='batch=2 seq=6 decode=3' | FileCheck %s
// RUN: lns-opt %s --split-input-file --lns-instantiate='batch=2 seq=6' | FileCheck %s --check-prefix=PLAIN
// RUN: lns-opt %s --split-input-file --lns-graph='batch=2 seq=6 decode=3' | lns-interpret --split-input-file --check-decode | FileCheck %s --check-prefix=VALUES
// RUN: lns-opt %s --split-input-file --lns-graph='batch=2 seq=6 decode=3 documents=true' --lns-eliminate-norms --lns-train --lns-fuse | lns-interpret --split-input-file --check-decode | FileCheck %s --check-prefix=VALUES
// RUN: lns-opt %s --split-input-file --lns-graph='batch=2 seq=6 decode=3' --lns-eliminate-norms --lns-train --lns-fuse | lns-opt --split-input-file --pass-pipeline='builtin.module(func.func(lns-plan-memory,lns-verify-plan))' | lns-interpret --split-input-file --check-decode --poison | FileCheck %s --check-prefix=VALUES
// RUN: lns-opt %s --split-input-file --lns-graph='batch=2 seq=6 decode=3' | lns-interpret --split-input-file --entry=decode --check-pipeline='builtin.module(lns-eliminate-norms,lns-train,lns-fuse-cuda,func.func(lns-plan-memory))' --poison --tolerance=1e-10 | FileCheck %s --check-prefix=SAME
// PLAIN-NOT: decode
// PLAIN-NOT: lns.cache
// VALUES-COUNT-2: decode: 6 tokens of 3 rows agree with 'logits'
// SAME: decode: 37 tensors agree
// SAME: decode: 11 tensors agree

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x8xf32>
!half = tensor<?x?x4xf32>

// Keys and values go behind those of the tokens before; positions count from the
// start of the document, which lies before the one token there is.
// CHECK: decode = 3 : i64
// CHECK: func.func @eval
// CHECK: lns.cache @attention.0.keys : tensor<3x6x4xf32>
// CHECK: lns.cache @attention.0.values : tensor<3x6x4xf32>
// CHECK: lns.cache @attention.1.keys : tensor<3x6x4xf32>
// CHECK: lns.cache @attention.1.values : tensor<3x6x4xf32>
// CHECK: func.func @decode(%[[TOKENS:.*]]: tensor<3x1xi32>, %[[STARTS:.*]]: tensor<3x1xi32>) -> tensor<3x1x8xf32>
// CHECK: lns.embedding %{{.*}}, %[[TOKENS]]
// CHECK: lns.add_positions {{.*}} starts(%[[STARTS]])
// CHECK: %[[Q:.*]] = lns.rope {{.*}} starts(%[[STARTS]]) positions(6) head_dim(4)
// CHECK: %[[K:.*]] = lns.rope
// CHECK: %[[V:.*]] = lns.linear
// CHECK: %[[K0:.*]] = lns.get cache @attention.0.keys
// CHECK: %[[K1:.*]] = lns.append %[[K0]], %[[K]] starts(%[[STARTS]])
// CHECK: lns.set %[[K1]], cache @attention.0.keys
// CHECK: %[[V0:.*]] = lns.get cache @attention.0.values
// CHECK: %[[V1:.*]] = lns.append %[[V0]], %[[V]] starts(%[[STARTS]])
// CHECK: lns.set %[[V1]], cache @attention.0.values
// CHECK: lns.cached_attention %[[Q]], %[[K1]], %[[V1]] starts(%[[STARTS]]) heads(2) kv_heads(1) window(3) softcap(2.000000e+00)
// CHECK: lns.get cache @attention.1.keys
// CHECK-NOT: lns.attention
lns.model @llama(%tokens: !tokens) {
  %e = lns.param "embed" embedding init(normal, 1.0) : tensor<8x8xf32>
  %p = lns.param "positions" embedding init(normal, 1.0) : tensor<7x8xf32>
  %x0 = lns.embedding %e, %tokens : (tensor<8x8xf32>, !tokens) -> !hidden
  %x = lns.add_positions %x0, %p : !hidden, tensor<7x8xf32>
  %y = lns.layers(%h = %x) depth(2) : !hidden {
    %wq = lns.param "h.{layer}.q" matrix init(normal, 1.0) : tensor<8x8xf32>
    %wk = lns.param "h.{layer}.k" matrix init(normal, 1.0) : tensor<4x8xf32>
    %wv = lns.param "h.{layer}.v" matrix init(normal, 1.0) : tensor<4x8xf32>
    %n = lns.norm rms %h depth_scale(inv_sqrt_depth) : !hidden
    %q0 = lns.linear %n, %wq : (!hidden, tensor<8x8xf32>) -> !hidden
    %k0 = lns.linear %n, %wk : (!hidden, tensor<4x8xf32>) -> !half
    %q = lns.rope %q0 head_dim(4) : !hidden
    %k = lns.rope %k0 head_dim(4) : !half
    %v = lns.linear %n, %wv : (!hidden, tensor<4x8xf32>) -> !half
    %a = lns.attention %q, %k, %v heads(2) kv_heads(1) causal window(3) softcap(2.0) : (!hidden, !half, !half) -> !hidden
    %r = lns.residual %h, %a : !hidden
    lns.yield %r : !hidden
  }
  %z = lns.linear %y, %e : (!hidden, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  lns.output %z : tensor<?x?x8xf32>
}

// -----

!tokens = tensor<?x?xi32>
!hidden = tensor<?x?x8xf32>

// A parameter of a cache's name keeps it. Heads are rotated where they are rows.
// CHECK: lns.parameter @attention.0.keys
// CHECK: lns.cache @attention.0.keys_ : tensor<3x6x8xf32>
// CHECK: lns.cache @attention.0.values : tensor<3x6x8xf32>
// CHECK: lns.rope {{.*}} positions(6) {{.*}} : tensor<3x1x2x4xf32>
// CHECK: lns.get cache @attention.0.keys_
lns.model @named(%tokens: !tokens) {
  %e = lns.param "attention.0.keys" embedding init(normal, 1.0) : tensor<8x8xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x8xf32>, !tokens) -> !hidden
  %heads = lns.reshape %x : !hidden to tensor<?x?x2x4xf32>
  %turned = lns.rope %heads head_dim(4) : tensor<?x?x2x4xf32>
  %q = lns.reshape %turned : tensor<?x?x2x4xf32> to !hidden
  %a = lns.attention %q, %q, %x heads(2) kv_heads(2) causal : (!hidden, !hidden, !hidden) -> !hidden
  %w = lns.param "head" matrix init(normal, 1.0) : tensor<8x8xf32>
  %z = lns.linear %a, %w : (!hidden, tensor<8x8xf32>) -> tensor<?x?x8xf32>
  lns.output %z : tensor<?x?x8xf32>
}
