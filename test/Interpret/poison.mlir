// In a run with poison a value is NaN as soon as the plan gives its memory to
// another one, so that a wrong plan gives a wrong number.
// RUN: lns-interpret %s --entry=good --poison --print | FileCheck %s --check-prefix=GOOD
// RUN: lns-interpret %s --entry=overlap --print | FileCheck %s --check-prefix=VALUES
// RUN: lns-interpret %s --entry=overlap --poison --print | FileCheck %s
// RUN: lns-interpret %s --entry=own_operand --poison --print | FileCheck %s
// RUN: lns-interpret %s --entry=stale --poison --print | FileCheck %s
// RUN: lns-interpret %s --entry=in_home --poison --print | FileCheck %s
// RUN: lns-interpret %s --entry=waiting --poison --print | FileCheck %s
// RUN: lns-interpret %s --entry=stored --poison --print-gradients --print | FileCheck %s --check-prefix=GOOD

// A function without a plan has no memory to poison, nor has a model.
// RUN: not lns-interpret %s --entry=unplanned --poison 2>&1 | FileCheck %s --check-prefix=UNPLANNED
// RUN: not lns-interpret %models/gpt2.mlir --poison 2>&1 | FileCheck %s --check-prefix=MODEL
// RUN: not lns-interpret %s --check-adjoints --poison 2>&1 | FileCheck %s --check-prefix=USAGE

// With --check-pipeline the plan that the passes make is what is run.
// RUN: lns-interpret %s --entry=unplanned --poison --check-pipeline='builtin.module(func.func(lns-plan-memory))' | FileCheck %s --check-prefix=AGREE
// RUN: not lns-interpret %s --entry=overlap --poison --check-pipeline='builtin.module(canonicalize)' 2>&1 | FileCheck %s --check-prefix=DIFFER

// CHECK: nan
// GOOD-NOT: nan
// GOOD: {{[0-9]}}
// GOOD-NOT: nan
// VALUES-NOT: nan
// UNPLANNED: poison.mlir:[[#]]:1: error: 'func.func' op has no 'lns.arena_bytes', so that no memory is poisoned; run 'lns-plan-memory'
// MODEL: error: 'lns.model' op has no plan whose memory could be poisoned; run 'lns-plan-memory'
// USAGE: lns-interpret: error: --poison is about planned functions: give it with --check-pipeline or without a check
// AGREE: unplanned: {{[0-9]+}} tensors agree
// DIFFER: 'overlap': result 0 differs
lns.parameter @w matrix init(ones) decay(true) : tensor<4x4xf32>

// In place where the op allows it, and what was there is not read again.
func.func @good(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 128 : i64} {
  %a = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  %b = lns.scale %a factor(3.0) {lns.offsets = array<i64: 64>} : tensor<4x4xf32>
  %p = lns.matmul %x, %x addend(%b) {lns.offsets = array<i64: 64>} : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  %w = lns.get parameter @w : tensor<4x4xf32>
  %s = lns.add %p, %w {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// Two values that are alive stand in the same bytes.
func.func @overlap(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 192 : i64} {
  %a = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  %b = lns.scale %x factor(3.0) {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  %s = lns.add %a, %b {lns.offsets = array<i64: 128>} : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// A product is computed over its own factor.
func.func @own_operand(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 64 : i64} {
  %a = lns.scale %x factor(2.0) {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  %p = lns.matmul %a, %x addend(%a) {lns.offsets = array<i64: 0>} : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %p : tensor<4x4xf32>
}

// A parameter is read when another one is there.
func.func @stale(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 64 : i64} {
  %w = lns.get parameter @w : tensor<4x4xf32>
  lns.set %x, parameter @w : tensor<4x4xf32>
  %s = lns.add %x, %w {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// A gradient is computed over the old one, which is read later,
func.func @in_home(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 64 : i64} {
  %old = lns.get gradient @w : tensor<4x4xf32>
  %new = lns.scale %x factor(2.0) : tensor<4x4xf32>
  %s = lns.add %x, %old {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  lns.set %new, gradient @w : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// or read from there.
func.func @waiting(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 64 : i64} {
  %new = lns.scale %x factor(2.0) : tensor<4x4xf32>
  %old = lns.get gradient @w : tensor<4x4xf32>
  lns.set %new, gradient @w : tensor<4x4xf32>
  %s = lns.add %x, %old {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

// What is stored where it was computed is there.
func.func @stored(%x: tensor<4x4xf32>) -> tensor<4x4xf32> attributes {lns.arena_bytes = 64 : i64} {
  %old = lns.get gradient @w : tensor<4x4xf32>
  %new = lns.matmul %x, %x addend(%old) : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  lns.set %new, gradient @w : tensor<4x4xf32>
  %now = lns.get gradient @w : tensor<4x4xf32>
  %s = lns.add %now, %new {lns.offsets = array<i64: 0>} : tensor<4x4xf32>
  return %s : tensor<4x4xf32>
}

func.func @unplanned(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %w = lns.get parameter @w : tensor<4x4xf32>
  lns.set %x, parameter @w : tensor<4x4xf32>
  %a = lns.scale %x factor(2.0) : tensor<4x4xf32>
  %p = lns.matmul %a, %w addend(%a) : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
  return %p : tensor<4x4xf32>
}
