// What is kept is kept for the readers of any view of it. Computed again, it is in the
// shapes that are read; a view itself is never kept, and costs nothing.

// DEFINE: %{run} = lns-opt %s --mlir-print-debuginfo --mlir-use-nameloc-as-prefix --remarks-filter=lns-memory --remark-format=emitRemark
// RUN: %{run} --pass-pipeline='builtin.module(lns-recompute{budget-bytes=8319})' 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t.remarks
// RUN: lns-interpret %s --check-pipeline='builtin.module(lns-recompute{budget-bytes=8319})'
// RUN: lns-interpret %s --poison --entry=grads --check-pipeline='builtin.module(lns-recompute{budget-bytes=8319},lns-fuse,func.func(lns-plan-memory,lns-verify-plan))'
// RUN: lns-interpret %s --poison --entry=grads --check-pipeline='builtin.module(lns-recompute{cuda=true tightest=true},lns-fuse-cuda,func.func(lns-plan-memory,lns-verify-plan))'

// CHECK: %[[A:act.1]] = lns.gated_activation
// CHECK: %[[V:view.1]] = lns.reshape %[[A]]
// CHECK: lns.mean
// CHECK: %[[A2:act.1.recomputed]] = lns.gated_activation
// CHECK-NEXT: %[[V2:view.1.recomputed]] = lns.reshape %[[A2]] : tensor<8x64xf32> to tensor<8x4x16xf32>
// CHECK-NEXT: lns.column_dot %{{.*}}, %[[V2]]
// CHECK-NOT: %[[V]]
// CHECK: return
// REMARK: act.1{{.*}}computed again behind the loss", bytes=2048
// REMARK-NOT: computed again behind the loss", bytes=0
// REMARK: arena made smaller
lns.parameter @g1 gain init(ones) decay(false) : tensor<16xf32>
lns.parameter @g2 gain init(ones) decay(false) : tensor<16xf32>
lns.parameter @g3 gain init(ones) decay(false) : tensor<16xf32>
lns.parameter @w matrix init(normal, 0.1) decay(true) : tensor<64x64xf32>
func.func @grads(%x: tensor<8x64xf32>) -> tensor<f32> {
  %w = lns.get parameter @w : tensor<64x64xf32>
  %h1 = lns.gated_activation silu %x, %x : tensor<8x64xf32> loc("act.1")
  %v1 = lns.reshape %h1 : tensor<8x64xf32> to tensor<8x4x16xf32> loc("view.1")
  %s1 = lns.add %v1, %v1 : tensor<8x4x16xf32> loc("sum.1")
  %t1 = lns.reshape %s1 : tensor<8x4x16xf32> to tensor<8x64xf32> loc("back.1")
  %z1 = lns.linear %t1, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.1")
  %h2 = lns.gated_activation silu %z1, %z1 : tensor<8x64xf32> loc("act.2")
  %v2 = lns.reshape %h2 : tensor<8x64xf32> to tensor<8x4x16xf32> loc("view.2")
  %s2 = lns.add %v2, %v2 : tensor<8x4x16xf32> loc("sum.2")
  %t2 = lns.reshape %s2 : tensor<8x4x16xf32> to tensor<8x64xf32> loc("back.2")
  %z2 = lns.linear %t2, %w : (tensor<8x64xf32>, tensor<64x64xf32>) -> tensor<8x64xf32> loc("proj.2")
  %h3 = lns.gated_activation silu %z2, %z2 : tensor<8x64xf32> loc("act.3")
  %v3 = lns.reshape %h3 : tensor<8x64xf32> to tensor<8x4x16xf32> loc("view.3")
  %loss = lns.mean %v3 : (tensor<8x4x16xf32>) -> tensor<f32>
  %one = lns.constant 1.0 : tensor<f32>
  %d = lns.mean_grad %one : (tensor<f32>) -> tensor<8x4x16xf32>
  %dg3 = lns.column_dot %d, %v3 : (tensor<8x4x16xf32>, tensor<8x4x16xf32>) -> tensor<16xf32>
  lns.set %dg3, gradient @g3 : tensor<16xf32>
  %dg2 = lns.column_dot %d, %v2 : (tensor<8x4x16xf32>, tensor<8x4x16xf32>) -> tensor<16xf32>
  lns.set %dg2, gradient @g2 : tensor<16xf32>
  %dg1 = lns.column_dot %d, %v1 : (tensor<8x4x16xf32>, tensor<8x4x16xf32>) -> tensor<16xf32>
  lns.set %dg1, gradient @g1 : tensor<16xf32>
  return %loss : tensor<f32>
}
