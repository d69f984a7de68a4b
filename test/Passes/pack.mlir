// RUN: lns-opt %s --split-input-file --pass-pipeline='builtin.module(lns-pack)' | FileCheck %s

// Values that live at the same time stand side by side, also when one's last
// position is the other's first.
// CHECK: lns.pack [0, 1] 128 at 0, [1, 2] 64 at 128 total 192
lns.pack [0, 1] 128, [1, 2] 64

// -----

// Values whose lives are disjoint share a place.
// CHECK: lns.pack [0, 1] 128 at 0, [2, 3] 128 at 0, [4, 4] 64 at 0 total 128
lns.pack [0, 1] 128, [2, 3] 128, [4, 4] 64

// -----

// A chain needs the room of two neighbours.
// CHECK: lns.pack [0, 1] 1024 at 0, [1, 2] 128 at 1024, [2, 3] 1024 at 0 total 1152
lns.pack [0, 1] 1024, [1, 2] 128, [2, 3] 1024

// -----

// Nested lives stack up, equal ones in the order given.
// CHECK: lns.pack [2, 3] 64 at 0, [0, 9] 64 at 64, [1, 8] 64 at 128 total 192
lns.pack [2, 3] 64, [0, 9] 64, [1, 8] 64

// -----

// Sizes are rounded up to 64 bytes; nothing takes no room.
// CHECK: lns.pack [0, 3] 100 at 0, [0, 3] 1 at 192, [0, 3] 64 at 128, [0, 3] 0 at 0 total 256
lns.pack [0, 3] 100, [0, 3] 1, [0, 3] 64, [0, 3] 0

// -----

// What dies leaves a hole that a later value fills when it fits: the third
// takes the second's place.
// CHECK: lns.pack [0, 9] 256 at 0, [0, 3] 192 at 256, [5, 9] 64 at 256, [0, 9] 192 at 448 total 640
lns.pack [0, 9] 256, [0, 3] 192, [5, 9] 64, [0, 9] 192

// -----

// And does not when it does not fit.
// CHECK: lns.pack [0, 9] 256 at 0, [0, 3] 64 at 448, [5, 9] 128 at 448, [0, 9] 192 at 256 total 576
lns.pack [0, 9] 256, [0, 3] 64, [5, 9] 128, [0, 9] 192

// -----

// 512 bytes live at one time. Largest first would need 576 (the first would
// stand below the third, with too little room beside it for the fourth), longest
// first needs no more than what lives.
// CHECK: lns.pack [5, 6] 192 at 192, [2, 3] 256 at 192, [3, 5] 192 at 0, [4, 5] 128 at 384 total 512
lns.pack [5, 6] 192, [2, 3] 256, [3, 5] 192, [4, 5] 128

// -----

// Here longest first would need 576 bytes, largest first 512.
// CHECK: lns.pack [4, 5] 192 at 0, [1, 2] 128 at 384, [0, 1] 256 at 0, [2, 7] 192 at 192 total 512
lns.pack [4, 5] 192, [1, 2] 128, [0, 1] 256, [2, 7] 192

// -----

// Nothing needs nothing.
// CHECK: lns.pack total 0
lns.pack
