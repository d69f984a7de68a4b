//===- LnsMemoryOps.td - Ops about memory                   -*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_MEMORY_OPS_TD
#define LNS_MEMORY_OPS_TD

include "dialect/LnsGraphOps.td"

def LNS_PackOp : LNS_Op<"pack", [HasParent<"::mlir::ModuleOp">]> {
  let summary = "a packing problem, and its solution";
  let description = [{
    Values of a program without the program: each is alive in the positions
    `[first, last]`, both included, and needs some bytes. `lns-pack` gives them
    offsets with the same algorithm as `lns-plan-memory`, so that packing is
    tested, and its waste measured, without a model around it. The op does
    nothing.

    - (C1) 0 <= first <= last < 2^31; 0 <= size <= 2^46.
    - (C2) Offsets are multiples of 64, and what lives at the same time does not
         overlap.
    - (C3) The total is where the last one ends, rounded up to a multiple of 64.

    ```mlir
    lns.pack [0, 1] 1024, [1, 2] 100, [2, 3] 1024
    // becomes
    lns.pack [0, 1] 1024 at 0, [1, 2] 100 at 1024, [2, 3] 1024 at 0 total 1152
    ```
  }];
  let arguments = (ins DenseI64ArrayAttr:$first, DenseI64ArrayAttr:$last,
                       DenseI64ArrayAttr:$sizes,
                       OptionalAttr<DenseI64ArrayAttr>:$offsets,
                       OptionalAttr<I64Attr>:$total);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // LNS_MEMORY_OPS_TD
