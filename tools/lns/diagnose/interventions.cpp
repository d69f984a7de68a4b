//===- interventions.cpp - What a model loses without a block -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/interventions.h"

#include "tools/lns/diagnose/stream_stats.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

using Json = nlohmann::ordered_json;

ChangedTensors::~ChangedTensors() { (void)restore().ok(); }

Expected<std::vector<float>> ChangedTensors::original(size_t tensor) {
  for (const Saved &one : saved)
    if (one.tensor == tensor)
      return one.data;
  std::vector<float> data(session.tensors()[tensor].elements);
  LNS_RETURN_IF_ERROR(session.read(TensorKind::Parameter, tensor, 0, data));
  return data;
}

Status ChangedTensors::change(size_t tensor, std::span<const float> data) {
  Expected<std::vector<float>> before = original(tensor);
  if (!before)
    return before.status();
  bool isSaved = std::any_of(saved.begin(), saved.end(), [&](const Saved &one) {
    return one.tensor == tensor;
  });
  if (!isSaved)
    saved.push_back({tensor, std::move(*before)});
  return session.write(TensorKind::Parameter, tensor, data);
}

Status ChangedTensors::makeZero(const std::vector<size_t> &tensors) {
  for (size_t tensor : tensors)
    LNS_RETURN_IF_ERROR(change(
        tensor, std::vector<float>(session.tensors()[tensor].elements, 0.0f)));
  return Status::success();
}

Status ChangedTensors::restore() {
  Status status;
  for (const Saved &one : saved)
    if (Status own = session.write(TensorKind::Parameter, one.tensor, one.data);
        status.ok())
      status = own;
  saved.clear();
  return status;
}

static Status requireEnds(const Subject &subject,
                          const std::vector<BlockTensors> &blocks,
                          const char *what) {
  for (const BlockTensors &block : blocks)
    if (!block.refusal.empty())
      return Status::failure(fmt::format("{}: --measure={}: {}; leave it out",
                                         subject.plan.path(), what,
                                         block.refusal));
  return Status::success();
}

Expected<Json> measureDrop(const Subject &subject,
                           const std::vector<BlockTensors> &blocks,
                           double loss) {
  LNS_RETURN_IF_ERROR(requireEnds(subject, blocks, "drop"));
  Json drops = Json::array();
  for (const BlockTensors &block : blocks) {
    ChangedTensors changed(subject.session);
    LNS_RETURN_IF_ERROR(changed.makeZero(block.ends));
    Expected<double> without = measureLoss(subject);
    if (!without)
      return without.status();
    LNS_RETURN_IF_ERROR(changed.restore());
    drops.push_back(finiteOrNull(*without - loss));
  }
  return drops;
}

namespace {
/// Exchanges the tensors of two blocks.
class Exchange {
public:
  Exchange(const Subject &subject, const std::vector<BlockTensors> &blocks,
           const PermutationOptions &options)
      : subject(subject), blocks(blocks), options(options) {}

  /// Whether each tensor of `a` has one in `b` that it can stand for.
  bool fits(uint64_t a, uint64_t b) const {
    const std::vector<TensorDescription> &all = subject.session.tensors();
    if (blocks[a].names != blocks[b].names)
      return false;
    for (size_t i = 0; i < blocks[a].all.size(); ++i)
      if (all[blocks[a].all[i]].shape != all[blocks[b].all[i]].shape)
        return false;
    return true;
  }

  /// With `moves`, what scales a block goes with it; else it stays.
  Expected<double> measure(uint64_t a, uint64_t b, bool moves) {
    ChangedTensors changed(subject.session);
    for (size_t i = 0; i < blocks[a].all.size(); ++i) {
      size_t one = blocks[a].all[i], other = blocks[b].all[i];
      Expected<std::vector<float>> first = changed.original(one);
      if (!first)
        return first.status();
      Expected<std::vector<float>> second = changed.original(other);
      if (!second)
        return second.status();
      if (moves) {
        scale(*first, one, other);
        scale(*second, other, one);
      }
      LNS_RETURN_IF_ERROR(changed.change(one, *second));
      LNS_RETURN_IF_ERROR(changed.change(other, *first));
    }
    Expected<double> loss = measureLoss(subject);
    if (!loss)
      return loss.status();
    LNS_RETURN_IF_ERROR(changed.restore());
    return loss;
  }

private:
  /// s_l / s_k for a gain that moves from block l to k, s = 1/sqrt: the model
  /// multiplies it by s_k there.
  void scale(std::vector<float> &data, size_t from, size_t to) const {
    const std::vector<TensorDescription> &all = subject.session.tensors();
    std::optional<uint64_t> l = options.scaledBlock(all[from].name);
    std::optional<uint64_t> k = options.scaledBlock(all[to].name);
    if (!l || !k)
      return;
    double factor =
        std::sqrt(static_cast<double>(*k)) / std::sqrt(static_cast<double>(*l));
    for (float &value : data)
      value = static_cast<float>(static_cast<double>(value) * factor);
  }

  const Subject &subject;
  const std::vector<BlockTensors> &blocks;
  const PermutationOptions &options;
};
} // namespace

Expected<Json> measurePermutation(const Subject &subject,
                                  const std::vector<BlockTensors> &blocks,
                                  double loss,
                                  const PermutationOptions &options) {
  Exchange exchange(subject, blocks, options);
  auto measure = [&](bool moves) -> Expected<Json> {
    Json pairs = Json::array();
    for (uint64_t a = 0; a < blocks.size(); ++a)
      for (uint64_t b = a + 1; b < blocks.size(); ++b) {
        if (b != a + 1 && !options.allPairs)
          break;
        Json value = nullptr;
        if (exchange.fits(a, b)) {
          Expected<double> other = exchange.measure(a, b, moves);
          if (!other)
            return other.status();
          value = finiteOrNull(std::abs(*other - loss) / loss);
        }
        pairs.push_back({{"blocks", {a + 1, b + 1}}, {"change", value}});
      }
    return pairs;
  };
  Expected<Json> stays = measure(/*moves=*/false);
  if (!stays)
    return stays.status();
  Json result = {{"place_scale", std::move(*stays)}};
  if (!options.scaledBlock)
    return result;
  Expected<Json> moves = measure(/*moves=*/true);
  if (!moves)
    return moves.status();
  result["own_scale"] = std::move(*moves);
  return result;
}

/// Adds |u_l - u'_l| and, where `base` asks, |u_l| of each block.
static void addUpdates(const Trace &before, const Trace &after,
                       const TraceLayout &layout, uint64_t tokens,
                       std::vector<double> &changes,
                       std::vector<double> *base) {
  uint32_t width = layout.width;
  for (uint64_t l = 0; l < layout.blocks(); ++l)
    for (uint64_t t = 0; t < tokens; ++t) {
      uint64_t at = t * width;
      double change = 0, own = 0;
      for (uint64_t j = at; j < at + width; ++j) {
        auto update = [&](const Trace &trace) {
          return static_cast<double>(trace.stream(l + 1)[j]) -
                 static_cast<double>(trace.stream(l)[j]);
        };
        double u = update(before), difference = u - update(after);
        change += difference * difference;
        own += u * u;
      }
      changes[l] += std::sqrt(change);
      if (base)
        (*base)[l] += std::sqrt(own);
    }
}

Expected<Json> measureCausal(const Subject &subject, const TraceLayout &layout,
                             const std::vector<BlockTensors> &blocks) {
  LNS_RETURN_IF_ERROR(requireEnds(subject, blocks, "causal"));
  uint64_t depth = layout.blocks();
  std::vector<double> own(depth);
  std::vector<std::vector<double>> changes(depth, std::vector<double>(depth));
  Trace before(layout, subject.plan.batchTokens());
  Trace after(layout, subject.plan.batchTokens());
  for (uint64_t batch = 0; batch < subject.batches(); ++batch) {
    uint64_t tokens = subject.rowsIn(batch) * subject.rows.sequence;
    LNS_RETURN_IF_ERROR(traceBatch(subject, batch, before));
    for (uint64_t s = 0; s < depth; ++s) {
      ChangedTensors changed(subject.session);
      LNS_RETURN_IF_ERROR(changed.makeZero(blocks[s].ends));
      LNS_RETURN_IF_ERROR(traceBatch(subject, batch, after));
      LNS_RETURN_IF_ERROR(changed.restore());
      addUpdates(before, after, layout, tokens, changes[s],
                 s == 0 ? &own : nullptr);
    }
  }
  Json matrix = Json::array();
  for (uint64_t s = 0; s < depth; ++s) {
    Json row = Json::array();
    for (uint64_t l = s + 1; l < depth; ++l)
      row.push_back(finiteOrNull(changes[s][l] / own[l]));
    matrix.push_back(std::move(row));
  }
  return matrix;
}

Expected<Json> measureGradients(const Subject &subject,
                                const std::vector<BlockTensors> &blocks) {
  uint32_t size = subject.plan.info().batch;
  std::vector<int32_t> tokens(subject.plan.batchTokens());
  std::vector<int32_t> targets(tokens.size());
  subject.rows.fill(0, subject.rowsIn(0), size, tokens.data(), targets.data());
  float loss = 0;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_grads(
      subject.session.get(), tokens.data(), targets.data(), &loss)));
  const std::vector<TensorDescription> &all = subject.session.tensors();
  std::vector<double> squares(all.size());
  std::vector<float> data;
  for (size_t i = 0; i < all.size(); ++i) {
    data.resize(all[i].elements);
    LNS_RETURN_IF_ERROR(subject.session.read(TensorKind::Gradient, i, 0, data));
    for (float g : data)
      squares[i] += static_cast<double>(g) * static_cast<double>(g);
  }
  Json norms = Json::array(), perRoot = Json::array(), counts = Json::array();
  std::vector<bool> inBlock(all.size());
  for (const BlockTensors &block : blocks) {
    double sum = 0;
    uint64_t parameters = 0;
    for (size_t i : block.all) {
      sum += squares[i];
      parameters += all[i].elements;
      inBlock[i] = true;
    }
    norms.push_back(finiteOrNull(std::sqrt(sum)));
    perRoot.push_back(
        finiteOrNull(std::sqrt(sum / static_cast<double>(parameters))));
    counts.push_back(parameters);
  }
  double outside = 0, total = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    total += squares[i];
    outside += inBlock[i] ? 0 : squares[i];
  }
  return Json{{"norm", norms},
              {"norm_per_root_parameters", perRoot},
              {"parameters", counts},
              {"outside_of_blocks", finiteOrNull(std::sqrt(outside))},
              {"all", finiteOrNull(std::sqrt(total))}};
}

} // namespace lns::tool
