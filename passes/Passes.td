//===- Passes.td - All passes ------------------------------*- tablegen -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Rooms in the order of the road; Pipelines.cpp says in which order passes run.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_TD
#define LNS_PASSES_TD

include "passes/graph/Passes.td"
include "passes/norms/Passes.td"
include "passes/train/Passes.td"
include "passes/fuse/Passes.td"
include "passes/cuda/Passes.td"
include "passes/memory/Passes.td"

#endif // LNS_PASSES_TD
