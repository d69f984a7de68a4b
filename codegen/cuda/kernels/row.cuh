//===- row.cuh - What printed row kernels use -----------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#pragma once

#include "floats.cuh"
#include "reduce.cuh"
