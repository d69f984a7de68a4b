// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-micro-batch{steps=3})' | FileCheck %s
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-micro-batch{steps=3},lns-differentiate)' | FileCheck %s --check-prefix=GRADS
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-micro-batch{steps=3},lns-differentiate,canonicalize,cse,func.func(lns-accumulate-products),lns-add-optimizer)' -o %t.mlir
// RUN: FileCheck %s --check-prefix=STEP --input-file=%t.mlir

// One micro-batch is a whole batch: nothing changes.
// RUN: lns-opt %s -o %t.before.mlir
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-micro-batch{steps=1})' -o %t.one.mlir
// RUN: cmp %t.before.mlir %t.one.mlir

// The loss of six sequences in parts of two is the loss of all six, and gradients
// are those of that loss; so with the model's own form on one side.
// RUN: lns-opt %S/../pipelines.mlir --lns-graph='batch=2 seq=4' --lns-eliminate-norms --lns-micro-batch='steps=3' --lns-train -o %t.tied.mlir
// RUN: lns-interpret %t.tied.mlir --check-gradients
// RUN: lns-interpret %t.tied.mlir --check-pipeline='builtin.module(lns-fuse)'
// RUN: lns-interpret %t.mlir --check-pipeline='builtin.module(lns-fuse)'
// RUN: lns-interpret %examples/demo.mlir --batch=6 --seq=4 --entry=eval --check-pipeline='builtin.module(lns-graph{batch=2 seq=4},lns-micro-batch{steps=3})'

// So it is where targets are ignored, and not equally many in each part.
// RUN: lns-interpret %t.tied.mlir --ignore-every=5 --check-gradients
// RUN: lns-interpret %examples/demo.mlir --batch=6 --seq=4 --ignore-every=5 --entry=eval --check-pipeline='builtin.module(lns-graph{batch=2 seq=4},lns-micro-batch{steps=3})'

// CHECK: module attributes {lns.model = {batch = 6 : i64, micro_batch = 2 : i64, vocabulary = 5 : i64}}
// CHECK-LABEL: func.func @micro_eval(
// CHECK-SAME: tensor<2x3xi32>, %{{[a-z0-9]+}}: tensor<2x3xi32>, %[[N:[a-z0-9]+]]: tensor<i32>) -> tensor<f32>
// CHECK: lns.embedding
// CHECK-NOT: lns.target_count
// CHECK: lns.mean %{{.*}} over(%[[N]])
// CHECK-LABEL: func.func @eval(
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<6x3xi32>, %[[U:[a-z0-9]+]]: tensor<6x3xi32>) -> tensor<f32>
// CHECK-NEXT: %[[N:.*]] = lns.target_count %[[U]] : tensor<6x3xi32>
// CHECK-NEXT: %[[LOSS:.*]] = lns.repeat @micro_eval(%[[T]], %[[U]], %[[N]]) count(3) : (tensor<6x3xi32>, tensor<6x3xi32>, tensor<i32>) -> tensor<f32>
// CHECK-NEXT: return %[[LOSS]]

// A target counts one over the number of all that count. Sums start with what is
// stored, which starts as zero; a parameter that the loss does not depend on stays
// that.
// GRADS-LABEL: func.func @micro_grads(
// GRADS-SAME: %[[N:[a-z0-9]+]]: tensor<i32>)
// GRADS: %[[OLD:.*]] = lns.get gradient @e
// GRADS: %[[ONE:.*]] = lns.constant 1.000000e+00
// GRADS: lns.mean_grad %[[ONE]] over(%[[N]])
// GRADS: %[[DE:.*]] = lns.embedding_grad
// GRADS: %[[NEW:.*]] = lns.add %[[OLD]], %[[DE]]
// GRADS: lns.set %[[NEW]], gradient @e
// GRADS-NOT: lns.set
// GRADS-LABEL: func.func @eval(
// GRADS-LABEL: func.func @grads(
// GRADS-SAME: %[[T:[a-z0-9]+]]: tensor<6x3xi32>, %[[U:[a-z0-9]+]]: tensor<6x3xi32>) -> tensor<f32>
// GRADS-NEXT: %[[N:.*]] = lns.target_count %[[U]]
// GRADS-NEXT: %[[E0:.*]] = lns.constant 0.000000e+00 : tensor<5x4xf32>
// GRADS-NEXT: lns.set %[[E0]], gradient @e
// GRADS-NEXT: %[[U0:.*]] = lns.constant 0.000000e+00 : tensor<4xf32>
// GRADS-NEXT: lns.set %[[U0]], gradient @unused
// GRADS-NEXT: %[[LOSS:.*]] = lns.repeat @micro_grads(%[[T]], %[[U]], %[[N]]) count(3)
// GRADS-NEXT: return %[[LOSS]]

// Rows are added up where the gradient stands; a step reads it when all calls are
// done.
// STEP-LABEL: func.func @micro_grads(
// STEP: %[[OLD:.*]] = lns.get gradient @e
// STEP: %[[NEW:.*]] = lns.embedding_grad {{.*}} addend(%[[OLD]])
// STEP: lns.set %[[NEW]], gradient @e
// STEP-LABEL: func.func @train_step(
// STEP: lns.set %{{.*}}, gradient @e
// STEP: %[[LOSS:.*]] = lns.repeat @micro_grads
// STEP-NEXT: %[[DE:.*]] = lns.get gradient @e
// STEP-NEXT: %[[DU:.*]] = lns.get gradient @unused
// STEP: lns.clip_factor %{{.*}}, %[[DE]], %[[DU]] loss(%[[LOSS]])
// STEP: lns.adamw @e, %[[DE]]
// STEP: return %[[LOSS]]
module attributes {lns.model = {batch = 2 : i64, vocabulary = 5 : i64}} {
  lns.parameter @e embedding init(normal, 1.0) decay(true) : tensor<5x4xf32>
  lns.parameter @unused gain init(ones) decay(false) : tensor<4xf32>
  func.func @eval(%tokens: tensor<2x3xi32>, %targets: tensor<2x3xi32>) -> tensor<f32> {
    %e = lns.get parameter @e : tensor<5x4xf32>
    %x = lns.embedding %e, %tokens : (tensor<5x4xf32>, tensor<2x3xi32>) -> tensor<2x3x4xf32>
    %y = lns.gated_activation silu %x, %x : tensor<2x3x4xf32>
    %losses, %lse = lns.cross_entropy %y, %targets : (tensor<2x3x4xf32>, tensor<2x3xi32>) -> (tensor<2x3xf32>, tensor<2x3xf32>)
    %n = lns.target_count %targets : tensor<2x3xi32>
    %loss = lns.mean %losses over(%n) : (tensor<2x3xf32>, tensor<i32>) -> tensor<f32>
    return %loss : tensor<f32>
  }
}
