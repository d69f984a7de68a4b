// RUN: lns-opt %s --split-input-file --verify-diagnostics

// lns.pack (C1): positions.
// expected-error @below {{interval 1 is [3, 2], expected 0 <= first <= last < 2^31}}
lns.pack [0, 1] 64, [3, 2] 64

// -----

// lns.pack (C1): positions are not negative.
// expected-error @below {{interval 0 is [-1, 2], expected 0 <= first <= last < 2^31}}
lns.pack [-1, 2] 64

// -----

// lns.pack (C1): sizes.
// expected-error @below {{interval 0 has 70368744177665 bytes, expected 0 to 2^46}}
lns.pack [0, 1] 70368744177665

// -----

// lns.pack (C2): alignment.
// expected-error @below {{interval 1 is at 65, expected a multiple of 64}}
lns.pack [0, 1] 64 at 0, [2, 3] 64 at 65 total 192

// -----

// lns.pack (C2): what lives at the same time does not overlap.
// expected-error @below {{intervals 0 and 2 live at the same time and overlap: bytes [0, 128) and [64, 128)}}
lns.pack [0, 1] 128 at 0, [2, 3] 64 at 64, [1, 2] 64 at 64 total 128

// -----

// lns.pack (C3): too small a total, and too large a one.
// expected-error @below {{has a total of 64 bytes, but its last one ends at 128}}
lns.pack [0, 1] 100 at 0 total 64

// -----

// expected-error @below {{has a total of 192 bytes, but its last one ends at 128}}
lns.pack [0, 1] 100 at 0 total 192

// -----

// Offsets come with a total.
// expected-error @below {{has a total but no offsets}}
"lns.pack"() <{first = array<i64: 0>, last = array<i64: 1>, sizes = array<i64: 64>, total = 64 : i64}> : () -> ()

// -----

// One of each for every interval.
// expected-error @below {{has 1 first positions, 2 last ones, 1 sizes and 1 offsets, expected equally many}}
"lns.pack"() <{first = array<i64: 0>, last = array<i64: 1, 2>, sizes = array<i64: 64>}> : () -> ()

// -----

// Syntax: all intervals have an offset, or none.
// expected-error @below {{has 1 offsets for 2 intervals, expected one each or none}}
lns.pack [0, 1] 64 at 0, [1, 2] 64

// -----

// Syntax: offsets end with a total.
// expected-error @below {{expected 'total' after offsets}}
lns.pack [0, 1] 64 at 0 {note}
