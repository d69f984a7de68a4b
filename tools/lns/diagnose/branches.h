//===- branches.h - How a block's branches end ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_BRANCHES_H
#define LNS_TOOLS_LNS_DIAGNOSE_BRANCHES_H

#include "tools/lns/checkpoint/tensor_store.h"
#include "tools/lns/diagnose/model_graph.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// What a block is made of, as indices of the plan's tensors.
struct BlockTensors {
  std::vector<std::string> names; ///< with "{layer}", as the graph has them
  std::vector<size_t> all;        ///< in the order of `names`
  /// Which of them to make zero, so that the block is the identity: the last
  /// linear of each branch, and biases behind it.
  std::vector<size_t> ends;
  /// Why there are none of which that is so; empty where there are.
  std::string refusal;
};

/// Of each block. An error if the plan lacks a tensor that its graph names.
Expected<std::vector<BlockTensors>>
findBlockTensors(const ModelGraph &graph,
                 const std::vector<TensorDescription> &tensors,
                 const std::string &plan);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_BRANCHES_H
