//===- diagnosis.cpp - Everything about the depth of a model --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/diagnosis.h"

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/checkpoint/fold_mark.h"
#include "tools/lns/diagnose/branches.h"
#include "tools/lns/diagnose/interventions.h"
#include "tools/lns/diagnose/lens.h"
#include "tools/lns/diagnose/stream_stats.h"
#include "tools/lns/diagnose/usefulness.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lns::tool {

using Json = nlohmann::ordered_json;

const std::vector<std::string> &measureNames() {
  static const std::vector<std::string> names = {
      "variance", "contribution", "angular",     "lens",      "gradients",
      "drop",     "causal",       "permutation", "usefulness"};
  return names;
}

/// Those that cost no more than a few evaluations for each block.
static const std::set<std::string> &defaultMeasures() {
  static const std::set<std::string> names = {"variance", "contribution",
                                              "angular",  "gradients",
                                              "drop",     "permutation"};
  return names;
}

Expected<DiagnosisOptions> parseMeasures(const std::string &text) {
  DiagnosisOptions options;
  const std::vector<std::string> &known = measureNames();
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    begin = end + 1;
    if (name == "default" || name == "all") {
      options.byDefault = true;
      if (name == "all")
        options.measures.insert(known.begin(), known.end());
      else
        options.measures.insert(defaultMeasures().begin(),
                                defaultMeasures().end());
    } else if (name == "jacobian") {
      return Status::usage(
          "--measure: jacobian needs the adjoint of every block by itself, "
          "which plans do not have; leave it out");
    } else if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string near = nearestName(name, known);
      return Status::usage(fmt::format(
          "--measure: unknown measure '{}'; {}", name,
          near.empty() ? fmt::format("there are {}, default and all",
                                     fmt::join(known, ", "))
                       : fmt::format("did you mean '{}'?", near)));
    } else {
      options.measures.insert(name);
    }
  }
  return options;
}

std::vector<std::string> describeCosts(const Subject &subject,
                                       const TraceLayout &layout,
                                       const DiagnosisOptions &options) {
  std::vector<std::string> lines;
  uint64_t batches = subject.batches(), depth = layout.blocks();
  uint64_t tokens = subject.rows.rows * subject.rows.sequence;
  uint64_t pairs = options.allPairs ? depth * (depth - 1) / 2 : depth - 1;
  auto add = [&](const char *name, const std::string &cost) {
    if (options.measures.count(name))
      lines.push_back(fmt::format("{}: {}", name, cost));
  };
  double bytes = static_cast<double>(layout.values() * sizeof(float)) *
                 static_cast<double>(subject.plan.batchTokens() * layout.width);
  std::string traced =
      fmt::format("{} traced batch{}, {} of memory", batches,
                  batches == 1 ? "" : "es", formatBytes(bytes));
  add("variance", traced);
  add("contribution", "the same batches");
  add("angular", "the same batches");
  uint64_t stride = LensMeasure::strideFor(tokens, options.lensTokens);
  uint64_t looked = (tokens + stride - 1) / stride;
  add("lens",
      fmt::format("the same batches, and the head {} times on the host for {} "
                  "tokens: {}FLOP",
                  depth + 2, looked,
                  formatCount(2.0 * static_cast<double>(looked * (depth + 2)) *
                              static_cast<double>(layout.width) *
                              subject.plan.info().vocabulary)));
  add("gradients", "1 batch forward and backward");
  add("drop", fmt::format("{} evaluated batches", depth * batches));
  add("causal", fmt::format("{} traced batches, {} of memory",
                            (depth + 1) * batches, formatBytes(2 * bytes)));
  add("permutation",
      fmt::format("{} evaluated batches, twice that where norms are scaled "
                  "with depth",
                  pairs * batches));
  double size = layout.width + 1.0;
  add("usefulness",
      fmt::format(
          "{} traced batches, {} evaluations of half of the rows, and "
          "{} maps fitted on the host: {}FLOP",
          batches, depth + 1, depth,
          formatCount(static_cast<double>(tokens * depth) * size * size)));
  return lines;
}

namespace {
class Diagnosis {
public:
  Diagnosis(const Subject &subject, const TraceLayout &layout,
            const DiagnosisOptions &options, std::vector<std::string> &notes)
      : subject(subject), layout(layout), options(options), notes(notes) {}

  Expected<Json> run() {
    const std::string &plan = subject.plan.path();
    Expected<ModelGraph> read = readGraph(subject.plan.identity(), plan);
    if (!read)
      return read.status();
    graph = std::move(*read);
    Expected<std::vector<BlockTensors>> found =
        findBlockTensors(graph, subject.session.tensors(), plan);
    if (!found)
      return found.status();
    blocks = std::move(*found);
    if (blocks.size() != layout.blocks())
      return Status::failure(fmt::format(
          "{}: traces {} blocks, but its identity has {}; compile the model "
          "again",
          plan, layout.blocks(), blocks.size()));
    Expected<double> loss = measureLoss(subject);
    if (!loss)
      return loss.status();
    if (!std::isfinite(*loss))
      return Status::failure(fmt::format(
          "{}: the loss is {}; the checkpoint is damaged or has diverged", plan,
          *loss));
    result["loss"] = *loss;
    LNS_RETURN_IF_ERROR(traceOnce());
    LNS_RETURN_IF_ERROR(measure(
        "gradients", [&] { return measureGradients(subject, blocks); }));
    LNS_RETURN_IF_ERROR(
        measure("drop", [&] { return measureDrop(subject, blocks, *loss); }));
    LNS_RETURN_IF_ERROR(measure(
        "causal", [&] { return measureCausal(subject, layout, blocks); }));
    LNS_RETURN_IF_ERROR(measure("permutation", [&] { return permute(*loss); }));
    LNS_RETURN_IF_ERROR(measure("usefulness", [&]() -> Expected<Json> {
      Expected<StreamInput> input = findStreamInput(graph, subject);
      if (!input)
        return input.status();
      return measureUsefulness(subject, layout, blocks, *input);
    }));
    return std::move(result);
  }

private:
  bool wants(const char *name) const { return options.measures.count(name); }

  template <typename Measure> Status measure(const char *name, Measure body) {
    if (!wants(name))
      return Status::success();
    Expected<Json> own = body();
    if (own) {
      result[name] = std::move(*own);
      return Status::success();
    }
    if (own.status().getKind() == Status::Kind::Failure && options.byDefault) {
      notes.push_back(own.status().message());
      return Status::success();
    }
    return own.status();
  }

  Status traceOnce() {
    bool hasLens = wants("lens");
    std::optional<HeadModel> head;
    if (hasLens) {
      Expected<HeadModel> read =
          HeadModel::read(graph, subject.session, subject.plan.path());
      if (read)
        head = std::move(*read);
      else if (!options.byDefault)
        return read.status();
      else
        notes.push_back(read.status().message());
      if (head && (head->width() != layout.width ||
                   head->vocabulary() != subject.plan.info().vocabulary))
        return Status::failure(fmt::format(
            "{}: --measure=lens: the head is {} x {}, but the stream has {} "
            "columns and the vocabulary {} tokens; leave it out",
            subject.plan.path(), head->vocabulary(), head->width(),
            layout.width, subject.plan.info().vocabulary));
    }
    if (!wants("variance") && !wants("contribution") && !wants("angular") &&
        !head)
      return Status::success();
    VarianceMeasure variance(layout);
    ContributionMeasure contribution(layout);
    AngularMeasure angular(layout);
    std::optional<LensMeasure> lens;
    uint64_t tokens = subject.rows.rows * subject.rows.sequence;
    if (head)
      lens.emplace(layout, *head,
                   LensMeasure::strideFor(tokens, options.lensTokens));
    Trace trace(layout, subject.plan.batchTokens());
    for (uint64_t batch = 0; batch < subject.batches(); ++batch) {
      LNS_RETURN_IF_ERROR(traceBatch(subject, batch, trace));
      uint64_t rows = subject.rowsIn(batch);
      uint64_t count = rows * subject.rows.sequence;
      if (wants("variance"))
        variance.add(trace, count);
      if (wants("contribution"))
        contribution.add(trace, count);
      if (wants("angular"))
        angular.add(trace, rows, subject.rows.sequence);
      if (lens)
        lens->add(trace, count);
    }
    if (wants("variance"))
      result["variance"] = variance.json();
    if (wants("contribution"))
      result["contribution"] = contribution.json();
    if (wants("angular"))
      result["angular"] = angular.json();
    if (lens)
      result["lens"] = lens->json();
    return Status::success();
  }

  Expected<Json> permute(double loss) {
    PermutationOptions own;
    own.allPairs = options.allPairs;
    ScaledNorms scaled(subject.plan.identity());
    if (scaled.isBare())
      notes.push_back("permutation: a norm that is scaled with depth has no "
                      "gain of its own, so that blocks are exchanged without "
                      "their scale alone");
    else if (!scaled.templates().empty())
      own.scaledBlock = [&](const std::string &name) {
        return scaled.block(name);
      };
    return measurePermutation(subject, blocks, loss, own);
  }

  const Subject &subject;
  const TraceLayout &layout;
  const DiagnosisOptions &options;
  std::vector<std::string> &notes;
  ModelGraph graph;
  std::vector<BlockTensors> blocks;
  Json result = Json::object();
};
} // namespace

Expected<Json> diagnose(const Subject &subject, const TraceLayout &layout,
                        const DiagnosisOptions &options,
                        std::vector<std::string> &notes) {
  return Diagnosis(subject, layout, options, notes).run();
}

} // namespace lns::tool
