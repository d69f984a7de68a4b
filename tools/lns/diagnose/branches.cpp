//===- branches.cpp - How a block's branches end --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/branches.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace lns::tool {

namespace {
/// Collects the parameters that make a run's branches zero.
class Ends {
public:
  explicit Ends(const GraphRun &run) : run(run) {}

  std::set<std::string> names;
  std::string refusal;

  void find() {
    std::string stream = run.output;
    // The stream is x plus branches, times nothing: a block without branches
    // gives back what it takes.
    for (size_t steps = 0; stream != "h0" && refusal.empty(); ++steps) {
      const GraphOp *op = run.find(stream);
      if (!op || steps > run.ops.size()) {
        refusal = "a block does not give back what it takes plus what its "
                  "branches add";
      } else if (op->kind == "norm") {
        refusal = "a block normalizes the stream behind a branch (post-norm), "
                  "so that without branches it is not the identity";
      } else if (op->kind != "residual" || op->operands.size() < 2) {
        refusal = fmt::format("'{}' changes the stream, so that a block "
                              "without branches is not the identity",
                              op->kind);
      } else if (op->number("skip_scale", 1) != 1) {
        refusal = fmt::format("a block multiplies the stream by {}, so that "
                              "without branches it is not the identity",
                              op->number("skip_scale", 1));
      } else {
        close(op->operands[1]);
        stream = op->operands[0].kind == GraphOperand::Kind::Value
                     ? op->operands[0].name
                     : "";
      }
    }
  }

private:
  void zero(const GraphOp &op, size_t operand) {
    if (operand < op.operands.size() &&
        op.operands[operand].kind == GraphOperand::Kind::Parameter)
      names.insert(op.operands[operand].name);
    else if (operand < op.operands.size() &&
             op.operands[operand].kind == GraphOperand::Kind::Value)
      refusal = fmt::format("'{}' at the end of a branch has a computed "
                            "operand, which nothing makes zero",
                            op.kind);
  }

  /// Makes `value` zero.
  void close(const GraphOperand &value) {
    const GraphOp *op = value.kind == GraphOperand::Kind::Value
                            ? run.find(value.name)
                            : nullptr;
    if (!op || op->operands.empty()) {
      refusal = "a branch ends in no linear";
      return;
    }
    // Input, weight, gain, bias.
    if (op->kind == "linear") {
      zero(*op, 1);
      zero(*op, 3);
      return;
    }
    // Input, gain, bias, alpha, shift. A shifted function of 0 is not 0.
    if (op->kind == "norm") {
      if (op->operands.size() > 4 &&
          op->operands[4].kind != GraphOperand::Kind::None)
        zero(*op, 4);
      zero(*op, 2);
      close(op->operands[0]);
      return;
    }
    if (op->kind == "scale" || op->kind == "scale_by" ||
        op->kind == "scale_columns" || op->kind == "row_scale" ||
        op->kind == "reshape" || op->kind == "softcap" || op->kind == "cast" ||
        op->kind == "stop_gradient") {
      close(op->operands[0]);
    } else if (op->kind == "add" && op->operands.size() == 2) {
      close(op->operands[0]);
      close(op->operands[1]);
    } else {
      refusal = fmt::format("a branch ends in '{}', which zeros in parameters "
                            "do not make zero",
                            op->kind);
    }
  }

  const GraphRun &run;
};
} // namespace

/// Parameters of the ops, each once, in the order in which they are read.
static std::vector<std::string> parametersOf(const GraphRun &run) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const GraphOp &op : run.ops)
    for (const GraphOperand &operand : op.operands)
      if (operand.kind == GraphOperand::Kind::Parameter &&
          seen.insert(operand.name).second)
        names.push_back(operand.name);
  return names;
}

Expected<std::vector<BlockTensors>>
findBlockTensors(const ModelGraph &graph,
                 const std::vector<TensorDescription> &tensors,
                 const std::string &plan) {
  std::map<std::string, size_t> indices;
  for (size_t i = 0; i < tensors.size(); ++i)
    indices[tensors[i].name] = i;
  std::vector<BlockTensors> blocks;
  for (const GraphRun &run : graph.runs) {
    std::vector<std::string> names = parametersOf(run);
    Ends ends(run);
    ends.find();
    for (uint64_t layer = run.first; layer <= run.last; ++layer) {
      BlockTensors block;
      block.names = names;
      block.refusal = ends.refusal;
      for (const std::string &name : names) {
        auto it = indices.find(fillLayer(name, layer));
        if (it == indices.end())
          return Status::failure(fmt::format(
              "{}: its identity names the parameter '{}', which the plan does "
              "not have; compile the model again",
              plan, fillLayer(name, layer)));
        block.all.push_back(it->second);
        if (ends.refusal.empty() && ends.names.count(name))
          block.ends.push_back(it->second);
      }
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

} // namespace lns::tool
