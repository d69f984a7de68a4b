// Several documents in a row: where they start is an argument of every function that
// takes tokens, behind tokens and targets, and an operand of what looks at times.
// RUN: lns-opt %s --lns-instantiate='batch=2 seq=6 documents=true' | FileCheck %s
// RUN: lns-opt %s --lns-instantiate='batch=2 seq=6 documents=false' -o %t.without.mlir
// RUN: lns-opt %s --lns-instantiate='batch=2 seq=6' | cmp - %t.without.mlir

// One document a row is the model without, and passes keep what several are:
// elimination, types, differentiation, parts of a batch, kernels, memory.
// RUN: lns-interpret %s --batch=2 --seq=6 --check-pipeline='builtin.module(lns-instantiate{batch=2 seq=6 documents=true})'
// RUN: lns-opt %s --lns-graph='batch=2 seq=6 documents=true' -o %t.graph.mlir
// RUN: lns-interpret %t.graph.mlir --check-each-pass --check-pipeline='builtin.module(lns-eliminate-norms,lns-train,lns-fuse)' | FileCheck %s --check-prefix=SAME
// RUN: lns-interpret %t.graph.mlir --check-each-pass --check-pipeline='builtin.module(lns-eliminate-norms,lns-bf16,lns-train,lns-fuse-cuda)' | FileCheck %s --check-prefix=SAME
// RUN: lns-opt %t.graph.mlir --lns-eliminate-norms --lns-train -o %t.train.mlir
// RUN: lns-interpret %t.train.mlir --check-gradients
// RUN: lns-interpret %t.train.mlir --check-gradients --document-every=3
// RUN: lns-interpret %t.train.mlir --poison --check-pipeline='builtin.module(lns-fuse,func.func(lns-plan-memory))'
// RUN: lns-opt %t.graph.mlir --lns-eliminate-norms --lns-micro-batch='steps=3' --lns-train -o %t.parts.mlir
// RUN: FileCheck %s --check-prefix=PARTS --input-file=%t.parts.mlir
// RUN: lns-interpret %t.parts.mlir --check-gradients
// RUN: lns-interpret %t.parts.mlir --check-pipeline='builtin.module(lns-fuse)'
// SAME-COUNT-3: eval: {{[0-9]+}} tensors agree
// The same six sequences as one batch and as three parts, with targets that are
// ignored.
// RUN: lns-opt %s --lns-graph='batch=6 seq=6 documents=true' -o %t.six.mlir
// RUN: lns-interpret %t.six.mlir --entry=eval --ignore-every=5 > %t.six.txt
// RUN: lns-opt %t.graph.mlir --lns-micro-batch='steps=3' -o %t.three.mlir
// RUN: lns-interpret %t.three.mlir --entry=eval --ignore-every=5 | cmp - %t.six.txt
// And they are not one document a row.
// RUN: lns-interpret %t.six.mlir --entry=eval --ignore-every=5 --document-every=0 > %t.whole.txt
// RUN: not cmp -s %t.whole.txt %t.six.txt

// CHECK: lns.model = {batch = 2 : i64, documents, layers = 1 : i64
// CHECK: func.func @logits(%{{[a-z0-9]+}}: tensor<2x6xi32>, %[[S:[a-z0-9]+]]: tensor<2x6xi32>) -> tensor<2x6x16xf32>
// CHECK: lns.add_positions %{{.*}}, %{{.*}} starts(%[[S]]) : tensor<2x6x8xf32>, tensor<8x8xf32>, tensor<2x6xi32>
// CHECK: lns.rope %{{.*}} starts(%[[S]]) head_dim(4) : tensor<2x6x8xf32>, tensor<2x6xi32>
// CHECK: lns.rope %{{.*}} starts(%[[S]]) head_dim(4) : tensor<2x6x1x4xf32>, tensor<2x6xi32>
// CHECK: lns.attention %{{.*}}, %{{.*}}, %{{.*}} starts(%[[S]]) heads(2) kv_heads(1) causal window(3)
// CHECK: func.func @eval(%{{[a-z0-9]+}}: tensor<2x6xi32>, %[[T:[a-z0-9]+]]: tensor<2x6xi32>, %[[S:[a-z0-9]+]]: tensor<2x6xi32>) -> tensor<f32>
// CHECK: lns.attention {{.*}} starts(%[[S]])
// CHECK: lns.target_count %[[T]]

// PARTS: lns.model = {batch = 6 : i64, documents, {{.*}}micro_batch = 2 : i64
// PARTS-LABEL: func.func @micro_eval(
// PARTS-SAME: %[[S:[a-z0-9]+]]: tensor<2x6xi32>, %{{[a-z0-9]+}}: tensor<i32>)
// PARTS: lns.attention {{.*}} starts(%[[S]])
// PARTS-LABEL: func.func @micro_grads(
// PARTS-SAME: %[[S:[a-z0-9]+]]: tensor<2x6xi32>, %{{[a-z0-9]+}}: tensor<i32>)
// PARTS: lns.attention_grad {{.*}} starts(%[[S]])
// PARTS: lns.rope %{{.*}} starts(%[[S]]) head_dim(4) inverse
// PARTS: lns.add_positions_grad %{{.*}} starts(%[[S]])
// PARTS-LABEL: func.func @train_step(
// PARTS-SAME: %[[T:[a-z0-9]+]]: tensor<6x6xi32>, %[[U:[a-z0-9]+]]: tensor<6x6xi32>, %[[S:[a-z0-9]+]]: tensor<6x6xi32>, %{{[a-z0-9]+}}: tensor<8xf32>)
// PARTS: %[[N:.*]] = lns.target_count %[[U]]
// PARTS: lns.repeat @micro_grads(%[[T]], %[[U]], %[[S]], %[[N]]) count(3)
lns.model @documents(%tokens: tensor<?x?xi32>) {
  %table = lns.param "embed" embedding init(normal, 0.3) : tensor<16x8xf32>
  %positions = lns.param "positions" embedding init(normal, 0.3) : tensor<8x8xf32>
  %e = lns.embedding %table, %tokens : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  %x = lns.add_positions %e, %positions : tensor<?x?x8xf32>, tensor<8x8xf32>
  %y = lns.layers(%h = %x) depth(1) : tensor<?x?x8xf32> {
    %g = lns.param "{layer}.norm" gain init(ones) : tensor<8xf32>
    %wq = lns.param "{layer}.q" matrix init(normal, 0.3) : tensor<8x8xf32>
    %wk = lns.param "{layer}.k" matrix init(normal, 0.3) : tensor<4x8xf32>
    %wv = lns.param "{layer}.v" matrix init(normal, 0.3) : tensor<4x8xf32>
    %n = lns.norm rms %h, %g depth_scale(inv_sqrt_depth) : tensor<?x?x8xf32>, tensor<8xf32>
    %q0 = lns.linear %n, %wq : (tensor<?x?x8xf32>, tensor<8x8xf32>) -> tensor<?x?x8xf32>
    %k0 = lns.linear %n, %wk : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
    %v = lns.linear %n, %wv : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
    %q = lns.rope %q0 head_dim(4) : tensor<?x?x8xf32>
    %k1 = lns.reshape %k0 : tensor<?x?x4xf32> to tensor<?x?x1x4xf32>
    %k2 = lns.rope %k1 head_dim(4) : tensor<?x?x1x4xf32>
    %k = lns.reshape %k2 : tensor<?x?x1x4xf32> to tensor<?x?x4xf32>
    %a = lns.attention %q, %k, %v heads(2) kv_heads(1) causal window(3) : (tensor<?x?x8xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x8xf32>
    %r = lns.residual %h, %a : tensor<?x?x8xf32>
    lns.yield %r : tensor<?x?x8xf32>
  }
  %logits = lns.linear %y, %table : (tensor<?x?x8xf32>, tensor<16x8xf32>) -> tensor<?x?x16xf32>
  lns.output %logits : tensor<?x?x16xf32>
}
