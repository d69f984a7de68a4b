//===- gemm_avx512.cpp - Inner loops of the product for AVX-512 processors ===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/builtin_gemm.h"

#define LNS_GEMM_LANES 16
#define LNS_GEMM_ROWS 14
#define LNS_GEMM_VECTORS 2
#define LNS_GEMM_PAIRS 0
#include "runtime/cpu/gemm_kernel.inc"

const lns::GemmKernels lns::kGemmAvx512 = {
    "builtin avx512", kRows,       kColumns, kGroup, packA, packB,
    multiply,         multiplyDots};
