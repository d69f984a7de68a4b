// A chain of act (a row op) and proj (a matmul); what each act gives is read again
// behind the loss, in reverse. Every tensor<8x64xf32> has 2048 bytes: 8 of them
// are kept, a ninth is the gradient.

// DEFINE: %{run} = lns-opt %s --mlir-print-debuginfo --mlir-use-nameloc-as-prefix --remarks-filter=lns-memory --remark-format=emitRemark

// Nothing is changed where the arena fits, to the byte.
// RUN: lns-opt %s -o %t.before.mlir
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute)' -o %t.none.mlir
// RUN: cmp %t.before.mlir %t.none.mlir
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{budget-bytes=18560})' -o %t.fits.mlir
// RUN: cmp %t.before.mlir %t.fits.mlir
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{budget-bytes=19560 reserved-bytes=1000})' -o %t.reserved.mlir
// RUN: cmp %t.before.mlir %t.reserved.mlir

// One byte less: the first act, which needs no matmul, is computed again just
// before its reader. The reserved bytes count.
// RUN: %{run} --pass-pipeline='builtin.module(lns-recompute{budget-bytes=18559})' 2>%t.remarks | FileCheck %s --check-prefix=ONE
// RUN: FileCheck %s --check-prefix=ONE-REMARK --input-file=%t.remarks
// RUN: %{run} --pass-pipeline='builtin.module(lns-recompute{budget-bytes=19559 reserved-bytes=1000})' 2>&1 | FileCheck %s --check-prefix=ONE
// ONE: %act.1 = lns.gated_activation
// ONE: lns.mean
// ONE-NOT: recomputed =
// ONE: lns.column_dot %{{.*}}, %act.2 :
// ONE: %[[A:act.1.recomputed]] = lns.gated_activation silu %arg0, %arg0
// ONE-NEXT: lns.column_dot %{{.*}}, %[[A]] :
// ONE-REMARK: remark: {{.*}}act.1{{.*}} [Passed] recompute | Category:lns-memory | Remark="computed again behind the loss", bytes=2048
// ONE-REMARK: Remark="arena made smaller", after=16512, before=18560, flops=2560, ops=1

// Then a matmul: the second act needs the first one's, which is there already
// when its own reader comes.
// RUN: %{run} --pass-pipeline='builtin.module(lns-recompute{budget-bytes=14500})' 2>&1 | FileCheck %s --check-prefix=TWO
// TWO: lns.mean
// TWO-NOT: recomputed =
// TWO: lns.column_dot %{{.*}}, %act.3 :
// TWO: %[[A1:act.1.recomputed]] = lns.gated_activation silu %arg0, %arg0
// TWO-NEXT: %[[P1:proj.1.recomputed]] = lns.linear %[[A1]],
// TWO-NEXT: %[[A2:act.2.recomputed]] = lns.gated_activation silu %[[P1]], %[[P1]]
// TWO-NEXT: lns.column_dot %{{.*}}, %[[A2]] :
// TWO-NOT: recomputed =
// TWO: lns.column_dot %{{.*}}, %[[A1]] :

// The least: a stretch of three from the start, and one in the middle from what is
// kept before it.
// RUN: %{run} --pass-pipeline='builtin.module(lns-recompute{budget-bytes=10368})' 2>&1 | FileCheck %s --check-prefix=LEAST
// LEAST: lns.mean
// LEAST: lns.column_dot %{{.*}}, %act.6 :
// LEAST: %[[P4:proj.4.recomputed]] = lns.linear %act.4,
// LEAST-NEXT: %[[A5:act.5.recomputed]] = lns.gated_activation silu %[[P4]], %[[P4]]
// LEAST-NEXT: lns.column_dot %{{.*}}, %[[A5]] :
// LEAST: lns.column_dot %{{.*}}, %act.4 :
// LEAST: %act.1.recomputed = 
// LEAST-NEXT: %proj.1.recomputed = 
// LEAST-NEXT: %act.2.recomputed = 
// LEAST-NEXT: %proj.2.recomputed = 
// LEAST-NEXT: %act.3.recomputed = 

// It keeps what it promises, and the numbers, through the rest of the pipeline.
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-recompute{budget-bytes=10368})'
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{budget-bytes=10368},lns-fuse,func.func(lns-plan-memory,lns-verify-plan))' | FileCheck %s --check-prefix=ARENA
// ARENA: lns.arena_bytes = 10368

// For CUDA it plans with CUDA's fusion, in which a product that only its epilogue
// reads needs no memory.
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-recompute{cuda=true budget-bytes=8320},lns-fuse-cuda)'
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{cuda=true budget-bytes=8320},lns-fuse-cuda,func.func(lns-plan-memory,lns-verify-plan))' | FileCheck %s --check-prefix=CUDA
// RUN: lns-opt %s --pass-pipeline='builtin.module(lns-recompute{cuda=true products=false budget-bytes=10368},lns-fuse-cuda{products=false},func.func(lns-plan-memory,lns-verify-plan))' | FileCheck %s --check-prefix=ARENA
// CUDA: lns.arena_bytes = 8320

lns.parameter @g1 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g2 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g3 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g4 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g5 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g6 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g7 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @g8 gain init(ones) decay(false) : tensor<64xf32>
lns.parameter @w matrix init(normal, 0.1) decay(true) : tensor<64x64xf32>
func.func @grads(%x: tensor<8x64xf32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<64x64xf32>
  %h1 = lns.gated_activation silu %x, %x : tensor<8x64xf32> loc("act.1")
  %z1 = lns.linear %h1, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.1")
  %h2 = lns.gated_activation silu %z1, %z1 : tensor<8x64xf32> loc("act.2")
  %z2 = lns.linear %h2, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.2")
  %h3 = lns.gated_activation silu %z2, %z2 : tensor<8x64xf32> loc("act.3")
  %z3 = lns.linear %h3, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.3")
  %h4 = lns.gated_activation silu %z3, %z3 : tensor<8x64xf32> loc("act.4")
  %z4 = lns.linear %h4, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.4")
  %h5 = lns.gated_activation silu %z4, %z4 : tensor<8x64xf32> loc("act.5")
  %z5 = lns.linear %h5, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.5")
  %h6 = lns.gated_activation silu %z5, %z5 : tensor<8x64xf32> loc("act.6")
  %z6 = lns.linear %h6, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.6")
  %h7 = lns.gated_activation silu %z6, %z6 : tensor<8x64xf32> loc("act.7")
  %z7 = lns.linear %h7, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.7")
  %h8 = lns.gated_activation silu %z7, %z7 : tensor<8x64xf32> loc("act.8")
  %loss = lns.mean %h8 : (tensor<8x64xf32>) -> tensor<f32>
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one : (tensor<f32>) -> tensor<8x64xf32>
  %dg8 = lns.column_dot %d, %h8 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg8, gradient @g8 : tensor<64xf32>
  %dg7 = lns.column_dot %d, %h7 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg7, gradient @g7 : tensor<64xf32>
  %dg6 = lns.column_dot %d, %h6 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg6, gradient @g6 : tensor<64xf32>
  %dg5 = lns.column_dot %d, %h5 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg5, gradient @g5 : tensor<64xf32>
  %dg4 = lns.column_dot %d, %h4 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg4, gradient @g4 : tensor<64xf32>
  %dg3 = lns.column_dot %d, %h3 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg3, gradient @g3 : tensor<64xf32>
  %dg2 = lns.column_dot %d, %h2 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg2, gradient @g2 : tensor<64xf32>
  %dg1 = lns.column_dot %d, %h1 : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<64xf32>
  lns.set %dg1, gradient @g1 : tensor<64xf32>
  return %loss : tensor<f32>
}
