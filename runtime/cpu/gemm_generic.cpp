//===- gemm_generic.cpp - Inner loops of the product for any processors ---===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/builtin_gemm.h"

#define LNS_GEMM_LANES 4
#define LNS_GEMM_ROWS 4
#define LNS_GEMM_VECTORS 2
#define LNS_GEMM_PAIRS 0
#include "runtime/cpu/gemm_kernel.inc"

const lns::GemmKernels lns::kGemmGeneric = {
    "builtin generic", kRows,       kColumns, kGroup, packA, packB,
    multiply,          multiplyDots};
