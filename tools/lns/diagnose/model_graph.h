//===- model_graph.h - What an identity says is computed --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The graph in a plan's identity (docs/plan-format.md), read back: which
// parameters a block has, how its branches end, what makes logits of the
// stream.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_MODEL_GRAPH_H
#define LNS_TOOLS_LNS_DIAGNOSE_MODEL_GRAPH_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// "%3", "h0", "tokens", "^0": a value; a parameter's name, unescaped; or
/// nothing, where an operand is missing.
struct GraphOperand {
  enum class Kind { Value, Parameter, None } kind = Kind::None;
  std::string name;

  bool isValue(std::string_view value) const {
    return kind == Kind::Value && name == value;
  }
};

struct GraphOp {
  std::string result; ///< "%3"
  std::string kind;   ///< "linear", "norm"
  std::vector<GraphOperand> operands;
  std::map<std::string, std::string> attributes;

  /// The attribute as a number; `otherwise` where it is missing or none.
  double number(const std::string &key, double otherwise) const;
};

/// Equal blocks, one behind the other. Parameters' names hold "{layer}".
struct GraphRun {
  uint64_t first = 0, last = 0; ///< blocks, from 0
  std::string input, result;    ///< values of the model; the first carried
  std::vector<GraphOp> ops;
  std::string output; ///< what the block yields first

  const GraphOp *find(std::string_view value) const;
};

struct ModelGraph {
  std::vector<GraphOp> ops; ///< outside of blocks
  std::vector<GraphRun> runs;
  std::string output;

  const GraphOp *find(std::string_view value) const;
};

/// `plan` is for messages. Bytes are untrusted.
Expected<ModelGraph> readGraph(std::string_view identity,
                               const std::string &plan);

/// "model.layers.{layer}.x" of a block, from 0.
std::string fillLayer(const std::string &name, uint64_t layer);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_MODEL_GRAPH_H
