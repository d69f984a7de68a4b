// The syntax of ops about memory.

// RUN: lns-opt %s | lns-opt | FileCheck %s
// RUN: lns-opt %s --mlir-print-op-generic | lns-opt | FileCheck %s

// CHECK: lns.pack [0, 1] 1024, [1, 2] 100 {note}
lns.pack [0, 1] 1024, [1, 2] 100 {note}
// CHECK: lns.pack [0, 1] 1024 at 128, [1, 2] 100 at 0 total 1152
lns.pack [0, 1] 1024 at 128, [1, 2] 100 at 0 total 1152
// CHECK: lns.pack{{$}}
lns.pack
// CHECK: lns.pack total 0
lns.pack total 0
