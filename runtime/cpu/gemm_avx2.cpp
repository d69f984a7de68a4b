//===- gemm_avx2.cpp - Inner loops of the product for AVX2 processors ---===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/builtin_gemm.h"

#define LNS_GEMM_LANES 8
#define LNS_GEMM_ROWS 6
#define LNS_GEMM_VECTORS 2
#define LNS_GEMM_PAIRS 0
#include "runtime/cpu/gemm_kernel.inc"

const lns::GemmKernels lns::kGemmAvx2 = {"builtin avx2", kRows,       kColumns,
                                         kGroup,         packA,       packB,
                                         multiply,       multiplyDots};
