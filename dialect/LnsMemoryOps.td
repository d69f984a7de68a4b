//===- LnsMemoryOps.td - Ops about memory                   -*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_MEMORY_OPS_TD
#define LNS_MEMORY_OPS_TD

include "dialect/LnsAdjointOps.td"

def LNS_RepeatOp : LNS_Op<"repeat", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "calls a function for one part of a batch after the other";
  let description = [{
    The inputs are cut along their first dimension into `count` equal parts. The
    function is called with the first parts, then with the second ones, and so
    on; each call sees what those before it wrote. A scalar is no batch: every
    call gets it as it is. A result is the sum of what the calls return, in their
    order: a batch's loss from those shares of it that its micro-batches have.

    A step of one large batch so needs the activations of a small one:
    `lns-micro-batch` makes `@eval` a repeat, and `lns-differentiate` then
    `@grads`, whose calls add to the gradients that are stored.

    Memory effects: reads and writes all there is, whatever the function does.

    - (C1) count >= 1; the callee is a function of the module that has a body of
         one block, and no lns.repeat in it.
    - (C2) as many inputs as the callee has arguments, of their types but for the
         first dimension, which is `count` times theirs; a scalar is of the
         argument's type.
    - (C3) the results are those of the callee: scalars.

    ```mlir
    %n = lns.target_count %targets : tensor<8x256xi32>
    %loss = lns.repeat @micro_eval(%tokens, %targets, %n) count(4)
      : (tensor<8x256xi32>, tensor<8x256xi32>, tensor<i32>) -> tensor<f32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyRankedTensor>:$inputs,
                       I64Attr:$count);
  let results = (outs Variadic<LNS_Scalar>:$results);
  let assemblyFormat = [{
    $callee `(` $inputs `)` `count` `(` $count `)` attr-dict
    `:` functional-type($inputs, $results)
  }];
}

#endif // LNS_MEMORY_OPS_TD
