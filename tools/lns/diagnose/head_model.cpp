//===- head_model.cpp - What makes logits of the stream -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/head_model.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numeric>
#include <optional>

namespace lns::tool {

namespace {
using Kind = GraphOperand::Kind;

/// Reads what the ops between the last block and the logits name.
class Reader {
public:
  Reader(const ModelGraph &graph, PlanSession &session, const std::string &plan)
      : graph(graph), session(session), plan(plan) {}

  Status refuse(const GraphOp *op) const {
    return Status::failure(fmt::format(
        "{}: --measure=lens: {} stands between the last block and the logits, "
        "where a norm, a head without a gain, factors and a cap are known; "
        "leave it out",
        plan, op ? fmt::format("'{}'", op->kind) : "no op"));
  }

  /// A parameter, or one plus a number (`offset`).
  Status parameter(const GraphOp &op, size_t index, std::vector<double> &out,
                   std::vector<float> *raw = nullptr,
                   std::vector<int64_t> *shape = nullptr) const {
    if (index >= op.operands.size() || op.operands[index].kind == Kind::None)
      return Status::success();
    const GraphOperand *operand = &op.operands[index];
    double by = 0;
    if (operand->kind == Kind::Value) {
      const GraphOp *offset = graph.find(operand->name);
      if (!offset || offset->kind != "offset" || offset->operands.empty() ||
          offset->operands[0].kind != Kind::Parameter)
        return refuse(offset);
      by = offset->number("by", 0);
      operand = &offset->operands[0];
    }
    const std::vector<TensorDescription> &all = session.tensors();
    auto it =
        std::find_if(all.begin(), all.end(), [&](const TensorDescription &t) {
          return t.name == operand->name;
        });
    if (it == all.end())
      return Status::failure(fmt::format(
          "{}: its identity names the parameter '{}', which the plan does not "
          "have; compile the model again",
          plan, operand->name));
    std::vector<float> data(it->elements);
    LNS_RETURN_IF_ERROR(session.read(
        TensorKind::Parameter, static_cast<size_t>(it - all.begin()), 0, data));
    if (shape)
      *shape = it->shape;
    out.clear();
    if (raw)
      *raw = std::move(data);
    else
      for (float value : data)
        out.push_back(static_cast<double>(value) + by);
    return Status::success();
  }

private:
  const ModelGraph &graph;
  PlanSession &session;
  const std::string &plan;
};
} // namespace

Expected<HeadModel> HeadModel::read(const ModelGraph &graph,
                                    PlanSession &session,
                                    const std::string &plan) {
  HeadModel head;
  Reader reader(graph, session, plan);
  if (graph.runs.empty())
    return reader.refuse(nullptr);
  const std::string &end = graph.runs.back().result;
  auto isEnd = [&](const std::string &value) {
    return value == end || value == end + ".0";
  };
  bool hasHead = false;
  std::string value = graph.output;
  for (size_t steps = 0; !isEnd(value); ++steps) {
    const GraphOp *op = graph.find(value);
    if (!op || op->operands.empty() || op->operands[0].kind != Kind::Value ||
        steps > graph.ops.size())
      return reader.refuse(op);
    Step step{Step::Kind::Scale, {}, {}};
    auto attribute = [&](const char *key) {
      auto it = op->attributes.find(key);
      return it == op->attributes.end() ? std::string() : it->second;
    };
    if (op->kind == "linear" && !hasHead) {
      hasHead = true;
      // Input, weight, gain, bias.
      if (op->operands.size() > 2 && op->operands[2].kind != Kind::None)
        return reader.refuse(op);
      std::vector<double> none;
      std::vector<int64_t> shape;
      LNS_RETURN_IF_ERROR(reader.parameter(*op, 1, none, &head.weight, &shape));
      LNS_RETURN_IF_ERROR(reader.parameter(*op, 3, head.bias));
      if (shape.size() != 2)
        return reader.refuse(op);
      head.rows = static_cast<size_t>(shape[0]);
      head.columns = static_cast<size_t>(shape[1]);
      head.alpha = op->number("alpha", 1);
      value = op->operands[0].name;
      continue;
    }
    if (op->kind == "norm" && hasHead) {
      std::string kind = attribute("kind");
      if (kind != "rms" && kind != "layer" && kind != "tanh")
        return reader.refuse(op);
      step.kind = kind == "rms"     ? Step::Kind::Rms
                  : kind == "layer" ? Step::Kind::Layer
                                    : Step::Kind::Tanh;
      step.eps = op->number("eps", 0);
      step.scale = op->number("scale", 1);
      LNS_RETURN_IF_ERROR(reader.parameter(*op, 1, step.gain));
      LNS_RETURN_IF_ERROR(reader.parameter(*op, 2, step.bias));
      std::vector<double> alpha;
      LNS_RETURN_IF_ERROR(reader.parameter(*op, 3, alpha));
      if (!alpha.empty())
        step.alpha = alpha[0];
    } else if (op->kind == "scale") {
      step.scale = op->number("factor", 1);
    } else if (op->kind == "softcap") {
      step.kind = Step::Kind::Cap;
      step.scale = op->number("cap", 0);
      if (step.scale <= 0)
        return reader.refuse(op);
    } else if (op->kind == "scale_columns") {
      step.kind = Step::Kind::Columns;
      step.scale = op->number("scale", 1);
      LNS_RETURN_IF_ERROR(reader.parameter(*op, 1, step.gain));
    } else {
      return reader.refuse(op);
    }
    std::vector<Step> &place = hasHead ? head.before : head.behind;
    place.insert(place.begin(), std::move(step));
    value = op->operands[0].name;
  }
  if (!hasHead)
    return reader.refuse(nullptr);
  return head;
}

void HeadModel::apply(const Step &step, std::span<double> row) const {
  auto count = static_cast<double>(row.size());
  double shift = 0, factor = step.scale;
  switch (step.kind) {
  case Step::Kind::Layer:
    shift = std::accumulate(row.begin(), row.end(), 0.0) / count;
    [[fallthrough]];
  case Step::Kind::Rms: {
    double squares = 0;
    for (double x : row)
      squares += (x - shift) * (x - shift);
    double inverse = 1 / std::sqrt(squares / count + step.eps);
    for (size_t j = 0; j < row.size(); ++j)
      row[j] = factor * ((row[j] - shift) * inverse *
                             (step.gain.empty() ? 1 : step.gain[j]) +
                         (step.bias.empty() ? 0 : step.bias[j]));
    break;
  }
  case Step::Kind::Tanh:
    for (size_t j = 0; j < row.size(); ++j)
      row[j] = factor * (std::tanh(step.alpha * row[j]) *
                             (step.gain.empty() ? 1 : step.gain[j]) +
                         (step.bias.empty() ? 0 : step.bias[j]));
    break;
  case Step::Kind::Columns:
    for (size_t j = 0; j < row.size(); ++j)
      row[j] *= factor * (step.gain.empty() ? 1 : step.gain[j]);
    break;
  case Step::Kind::Scale:
    for (double &x : row)
      x *= factor;
    break;
  case Step::Kind::Cap:
    for (double &x : row)
      x = factor * std::tanh(x / factor);
    break;
  }
}

void HeadModel::compute(const float *x, std::span<double> logits) const {
  std::vector<double> row(x, x + columns);
  for (const Step &step : before)
    apply(step, row);
  for (size_t v = 0; v < rows; ++v) {
    const float *w = weight.data() + v * columns;
    double sum = 0;
    for (size_t j = 0; j < columns; ++j)
      sum += row[j] * static_cast<double>(w[j]);
    logits[v] = alpha * sum + (bias.empty() ? 0 : bias[v]);
  }
  for (const Step &step : behind)
    apply(step, logits);
}

} // namespace lns::tool
