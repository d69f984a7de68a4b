// What an lns.get gave is a value, whoever writes there later: every pass that
// could move its reader, the planner and the plan keep its numbers. A call is one
// of those who may write.
// RUN: lns-interpret %s --split-input-file --poison --entry=f --check-pipeline='builtin.module(canonicalize,cse,lns-fuse,func.func(lns-plan-memory,lns-verify-plan))'
// RUN: lns-interpret %s --split-input-file --poison --entry=f --check-pipeline='builtin.module(canonicalize,cse,lns-fuse-cuda,func.func(lns-plan-memory,lns-verify-plan))'
// RUN: lns-interpret %s --split-input-file --poison --entry=f --check-pipeline='builtin.module(lns-accumulate-products,func.func(lns-plan-memory,lns-verify-plan))'

// A read across a store.
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  lns.set %x, parameter @w : tensor<4x4xf32>
  %m = lns.matmul %x, %w : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %m : tensor<4x4xf32>
}

// -----

// A product that would move behind a store, to the kernel that reads it, or to
// the sum that it is a term of.
lns.parameter @w matrix init(zeros) decay(true) : tensor<8x8xf32>
func.func @f(%x: tensor<4x8xf32>, %n: tensor<8x8xf32>) -> tensor<4x8xf32> {
  %w = lns.get parameter @w : tensor<8x8xf32>
  %p = lns.matmul %x, %w : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  lns.set %n, parameter @w : tensor<8x8xf32>
  %q = lns.matmul %x, %n : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %o = lns.activation relu %q : tensor<4x8xf32>
  %s = lns.add %o, %p : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}

// -----

// Two reads with a store between them are two values, one without is one.
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %a = lns.get parameter @w : tensor<4x4xf32>
  %b = lns.scale %a factor(2.0) : tensor<4x4xf32>
  lns.set %b, parameter @w : tensor<4x4xf32>
  %c = lns.get parameter @w : tensor<4x4xf32>
  lns.set %x, parameter @w : tensor<4x4xf32>
  %d = lns.get parameter @w : tensor<4x4xf32>
  %s = lns.add %a, %c : tensor<4x4xf32>
  %t = lns.add %s, %d : tensor<4x4xf32>
  return %t : tensor<4x4xf32>
}

// -----

// A gradient that is read before, between and behind two stores of it.
lns.parameter @w matrix init(zeros) decay(true) : tensor<4x4xf32>
func.func @f(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %old = lns.get gradient @w : tensor<4x4xf32>
  %a = lns.matmul %x, %x addend(%old) : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  lns.set %a, gradient @w : tensor<4x4xf32>
  %new = lns.get gradient @w : tensor<4x4xf32>
  %b = lns.matmul %new, %x addend(%old) : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  lns.set %b, gradient @w : tensor<4x4xf32>
  %s = lns.add %old, %new : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// -----

// A product whose weight is a view of a parameter that is stored before its reader.
lns.parameter @w matrix init(zeros) decay(true) : tensor<64xf32>
func.func @f(%x: tensor<4x8xf32>, %n: tensor<64xf32>) -> tensor<4x8xf32> {
  %w = lns.get parameter @w : tensor<64xf32>
  %v = lns.reshape %w : tensor<64xf32> to tensor<8x8xf32>
  %p = lns.matmul %x, %v : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  lns.set %n, parameter @w : tensor<64xf32>
  %m = lns.reshape %n : tensor<64xf32> to tensor<8x8xf32>
  %q = lns.matmul %x, %m : (tensor<4x8xf32>, tensor<8x8xf32>) -> tensor<4x8xf32>
  %o = lns.activation relu %q : tensor<4x8xf32>
  %s = lns.add %o, %p : tensor<4x8xf32>
  return %s : tensor<4x8xf32>
}
