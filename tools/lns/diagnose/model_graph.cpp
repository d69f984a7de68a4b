//===- model_graph.cpp - What an identity says is computed ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/model_graph.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <optional>

namespace lns::tool {

namespace {
/// Blocks that a model may have; lnsc takes fewer.
constexpr uint64_t kMaxBlocks = 1 << 20;
/// In a parameter's name, the block's number.
constexpr std::string_view kLayerHole = "{layer}";
} // namespace

double GraphOp::number(const std::string &key, double otherwise) const {
  auto it = attributes.find(key);
  if (it == attributes.end())
    return otherwise;
  double value = 0;
  const std::string &text = it->second;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value
                                                                  : otherwise;
}

static const GraphOp *findIn(const std::vector<GraphOp> &ops,
                             std::string_view value) {
  for (const GraphOp &op : ops)
    if (op.result == value)
      return &op;
  return nullptr;
}

const GraphOp *GraphRun::find(std::string_view value) const {
  return findIn(ops, value);
}

const GraphOp *ModelGraph::find(std::string_view value) const {
  return findIn(ops, value);
}

std::string fillLayer(const std::string &name, uint64_t layer) {
  std::string text = name;
  for (size_t at = 0; (at = text.find(kLayerHole, at)) != text.npos;) {
    std::string number = std::to_string(layer);
    text.replace(at, kLayerHole.size(), number);
    at += number.size();
  }
  return text;
}

/// Takes `word` off the front.
static bool take(std::string_view &text, std::string_view word) {
  if (!text.starts_with(word))
    return false;
  text.remove_prefix(word.size());
  return true;
}

static std::string_view takeUntil(std::string_view &text,
                                  std::string_view ends) {
  size_t length = std::min(text.find_first_of(ends), text.size());
  std::string_view word = text.substr(0, length);
  text.remove_prefix(length);
  return word;
}

/// A quoted name, in which \XX is a byte and \\ a backslash.
static std::optional<std::string> takeName(std::string_view &text) {
  std::string name;
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '"')
      return name;
    if (c != '\\') {
      name += c;
    } else if (take(text, "\\")) {
      name += '\\';
    } else if (text.size() >= 2 && digit(text[0]) >= 0 && digit(text[1]) >= 0) {
      name += static_cast<char>(16 * digit(text[0]) + digit(text[1]));
      text.remove_prefix(2);
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

/// "a, -, "b")": up to and with the bracket.
static bool takeOperands(std::string_view &text,
                         std::vector<GraphOperand> &operands) {
  while (!take(text, ")")) {
    if (text.empty())
      return false;
    if (take(text, ", ") || take(text, " "))
      continue;
    GraphOperand operand;
    if (take(text, "\"")) {
      std::optional<std::string> name = takeName(text);
      if (!name)
        return false;
      operand = {GraphOperand::Kind::Parameter, std::move(*name)};
    } else {
      std::string_view word = takeUntil(text, ", )");
      if (word.empty())
        return false;
      if (word != "-")
        operand = {GraphOperand::Kind::Value, std::string(word)};
    }
    operands.push_back(std::move(operand));
  }
  return true;
}

/// "%0 = kind(operands) key=value flag".
static bool readOp(std::string_view line, GraphOp &op) {
  size_t equals = line.find(" = ");
  if (equals == line.npos)
    return false;
  op.result = line.substr(0, equals);
  line.remove_prefix(equals + 3);
  op.kind = takeUntil(line, "(");
  if (!take(line, "(") || !takeOperands(line, op.operands))
    return false;
  while (take(line, " ")) {
    std::string_view word = takeUntil(line, " ");
    size_t is = word.find('=');
    op.attributes[std::string(word.substr(0, is))] =
        is == word.npos ? "" : word.substr(is + 1);
  }
  return line.empty();
}

static bool readBlocks(const GraphOp &op, uint64_t next, GraphRun &run) {
  auto it = op.attributes.find("blocks");
  if (it == op.attributes.end() || op.operands.empty() ||
      op.operands.front().kind != GraphOperand::Kind::Value)
    return false;
  const std::string &text = it->second;
  const char *end = text.data() + text.size();
  auto first = std::from_chars(text.data(), end, run.first);
  if (first.ec != std::errc() || end - first.ptr < 3 || first.ptr[0] != '.' ||
      first.ptr[1] != '.')
    return false;
  auto last = std::from_chars(first.ptr + 2, end, run.last);
  run.input = op.operands.front().name;
  run.result = op.result;
  return last.ec == std::errc() && last.ptr == end && run.first == next &&
         run.last >= run.first && run.last < kMaxBlocks;
}

Expected<ModelGraph> readGraph(std::string_view identity,
                               const std::string &plan) {
  auto fail = [&](std::string_view line) {
    return Status::failure(fmt::format(
        "{}: its identity has the line '{}', which is no graph that this lns "
        "knows; compile the model again with the lnsc of this lns",
        plan, line.substr(0, 80)));
  };
  size_t begin = identity.find("\ngraph:\n");
  if (begin == identity.npos)
    return Status::failure(plan + ": does not say what it computes; compile "
                                  "the model again with the lnsc of this lns");
  identity.remove_prefix(begin + 8);
  ModelGraph graph;
  GraphRun *run = nullptr;
  uint64_t blocks = 0;
  while (!identity.empty()) {
    std::string_view line = takeUntil(identity, "\n");
    take(identity, "\n");
    std::string_view rest = line;
    GraphOp op;
    if (run) {
      if (line == "}") {
        run = nullptr;
      } else if (take(rest, "  yield ")) {
        run->output = takeUntil(rest, " ");
      } else if (!take(rest, "  ") || !readOp(rest, op)) {
        return fail(line);
      } else {
        run->ops.push_back(std::move(op));
      }
    } else if (take(rest, "output ")) {
      graph.output = rest;
    } else if (!readOp(rest, op)) {
      return fail(line);
    } else if (op.kind == "layers") {
      GraphRun next;
      if (!readBlocks(op, blocks, next))
        return fail(line);
      blocks = next.last + 1;
      graph.runs.push_back(std::move(next));
      run = &graph.runs.back();
    } else {
      graph.ops.push_back(std::move(op));
    }
  }
  return graph;
}

} // namespace lns::tool
