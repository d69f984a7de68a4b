//===- document_rows.cpp - Rows of whole documents ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/document_rows.h"

#include "tools/lns/data/data_loader.h"

#include "runtime/lnsrt.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <numeric>

namespace lns::tool {

/// The epoch that orders documents for packing; training never gets there.
static constexpr uint64_t packingEpoch = std::numeric_limits<uint32_t>::max();

/// Lists the documents with a target that a row of T places can hold.
Status DocumentRows::readDocuments() {
  uint64_t cut = 0, leftOut = 0;
  for (size_t s = 0; s < shards.size(); ++s) {
    const DocumentShard &source = shards[s];
    for (uint64_t i = 0; i < source.documents.count(); ++i) {
      uint64_t begin = source.documents.begin(i);
      uint64_t places = source.documents.end(i) - begin - 1;
      bool isCut = places > sequence;
      Document document{
          static_cast<uint32_t>(s), begin,
          static_cast<uint32_t>(std::min<uint64_t>(places, sequence)), 0};
      for (uint64_t t = 1; t <= document.length; ++t)
        document.targets += !source.mask || source.mask->isTarget(begin + t);
      if (document.targets == 0) {
        ++leftOut;
        continue;
      }
      cut += isCut;
      tokenTotal += document.length;
      targetTotal += document.targets;
      documents.push_back(document);
    }
  }
  uint64_t all = documents.size() + leftOut;
  if (all > std::numeric_limits<uint32_t>::max())
    return Status::failure(fmt::format(
        "{}: {} documents, at most {} can be used at once; use fewer shards",
        shards[0].shard.path(), all, std::numeric_limits<uint32_t>::max()));
  if (cut > 0)
    remarks.push_back(fmt::format(
        "{}: {} of {} documents have more than {} tokens and are cut; compile "
        "a plan with a larger --seq",
        shards[0].shard.path(), cut, all, uint64_t{sequence} + 1));
  if (leftOut > 0)
    remarks.push_back(fmt::format("{}: {} of {} documents have no target "
                                  "among their first {} tokens and are left "
                                  "out",
                                  shards[0].shard.path(), leftOut, all,
                                  uint64_t{sequence} + 1));
  if (all == 0)
    return Status::failure(shards[0].shard.path() +
                           ": no documents, so there is no target to measure "
                           "a loss on; hold out more rows");
  if (documents.empty())
    return Status::failure(fmt::format(
        "{}: none of {} documents has a target among its first {} tokens; use "
        "more rows, or a plan with a larger --seq",
        shards[0].shard.path(), all, uint64_t{sequence} + 1));
  return Status::success();
}

Expected<DocumentRows> DocumentRows::create(std::vector<DocumentShard> shards,
                                            uint32_t sequence,
                                            uint32_t vocabulary,
                                            const DocumentLayout &layout) {
  if (shards.empty())
    return Status::failure("no token shard was given");
  DocumentRows made;
  made.shards = std::move(shards);
  made.sequence = sequence;
  made.vocabulary = vocabulary;
  made.packed = layout.packed;
  LNS_RETURN_IF_ERROR(made.readDocuments());
  std::vector<uint32_t> order(made.documents.size());
  std::iota(order.begin(), order.end(), 0u);
  // Rows of neighbours in the data would be more alike than others.
  if (layout.seed)
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = static_cast<uint32_t>(
          permute(*layout.seed, packingEpoch, order.size(), i));
  if (!layout.packed) {
    made.rows = placeSingly(order);
    return made;
  }
  std::vector<uint32_t> lengths;
  for (const Document &document : made.documents)
    lengths.push_back(document.length);
  made.rows = packFirstFit(lengths, order, sequence,
                           std::max<uint64_t>(layout.align, 1));
  return made;
}

void DocumentRows::clear(Batch &batch) const {
  std::fill(batch.tokens.begin(), batch.tokens.end(), 0);
  std::fill(batch.targets.begin(), batch.targets.end(), LNSRT_IGNORED_TARGET);
  batch.tokenCount = batch.targetCount = 0;
  batch.starts.clear();
  if (!packed)
    return;
  batch.starts.resize(batch.tokens.size());
  for (size_t i = 0; i < batch.starts.size(); ++i)
    batch.starts[i] = static_cast<int32_t>(i % sequence);
}

Status DocumentRows::fillRow(uint64_t row, uint32_t place, Batch &batch) const {
  for (const Placement &placement : rows.row(row)) {
    const Document &document = documents[placement.document];
    const DocumentShard &source = shards[document.shard];
    uint64_t at = uint64_t{place} * sequence + placement.offset;
    LNS_RETURN_IF_ERROR(source.shard.copyRow(document.begin, document.length,
                                             vocabulary, &batch.tokens[at],
                                             &batch.targets[at]));
    for (uint32_t t = 0; t < document.length; ++t)
      if (source.mask && !source.mask->isTarget(document.begin + t + 1))
        batch.targets[at + t] = LNSRT_IGNORED_TARGET;
    if (packed)
      std::fill_n(&batch.starts[at], document.length,
                  static_cast<int32_t>(placement.offset));
    batch.tokenCount += document.length;
    batch.targetCount += document.targets;
  }
  return Status::success();
}

Status DocumentRows::fill(uint64_t seed, uint64_t step, Batch &batch) const {
  clear(batch);
  for (uint32_t b = 0; b < batch.rows; ++b) {
    uint64_t number = step * batch.rows + b;
    uint64_t epoch = number / rows.count();
    LNS_RETURN_IF_ERROR(fillRow(
        permute(seed, epoch, rows.count(), number % rows.count()), b, batch));
  }
  return Status::success();
}

Status DocumentRows::fillRows(uint64_t first, Batch &batch) const {
  clear(batch);
  for (uint32_t b = 0; b < batch.rows && first + b < rows.count(); ++b)
    LNS_RETURN_IF_ERROR(fillRow(first + b, b, batch));
  return Status::success();
}

} // namespace lns::tool
