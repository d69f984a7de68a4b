//===- data_sources.cpp - Shards as rows for a plan -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/commands/data_sources.h"

#include "tools/lns/base/progress.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/data_loader.h"
#include "tools/lns/data/document_rows.h"
#include "tools/lns/data/held_out.h"
#include "tools/lns/data/shard_set.h"

#include <fmt/format.h>

namespace lns::tool {

void declareRowChoices(ArgParser &parser, RowChoices *choices) {
  parser.flag("--no-packing", &choices->unpacked,
              "one document a row, also where the plan takes several "
              "(lnsc --documents); of data with documents");
  parser.option("--pack-align", "N", &choices->align,
                "places of a row at whose multiples packed documents start",
                1 << 20);
}

namespace {
/// Opened shards: all with documents, or none.
struct OpenedShards {
  std::vector<Shard> plain;
  std::vector<DocumentShard> documents;
};
} // namespace

static Expected<OpenedShards> openAll(const std::vector<std::string> &paths,
                                      const std::string &tokenType) {
  std::vector<std::string> notes;
  Expected<std::vector<Shard>> shards =
      openShards(paths, chosenTokenType(tokenType), notes);
  printNotes(notes);
  if (!shards)
    return shards.status();
  OpenedShards opened;
  for (Shard &shard : *shards) {
    Expected<SideFiles> side = openSideFiles(shard);
    if (!side)
      return side.status();
    if (side->documents)
      opened.documents.push_back({std::move(shard), std::move(*side->documents),
                                  std::move(side->mask)});
    else
      opened.plain.push_back(std::move(shard));
  }
  if (!opened.plain.empty() && !opened.documents.empty())
    return Status::failure(fmt::format(
        "{}: has documents ({}), {} has none; give shards of one kind",
        opened.documents[0].shard.path(),
        documentsPath(opened.documents[0].shard.path()),
        opened.plain[0].path()));
  return opened;
}

static Expected<DocumentRows> openDocuments(const PlanFile &plan,
                                            OpenedShards shards,
                                            const RowChoices &choices,
                                            std::optional<uint64_t> seed) {
  DocumentLayout layout;
  layout.packed = plan.info().documents != 0 && !choices.unpacked;
  layout.align = choices.align;
  layout.seed = seed;
  Expected<DocumentRows> rows =
      DocumentRows::create(std::move(shards.documents), plan.info().sequence,
                           plan.info().vocabulary, layout);
  if (rows)
    printNotes(rows->notes());
  return rows;
}

static std::string describeForm(const PlanFile &plan,
                                const RowChoices &choices) {
  if (plan.info().documents == 0 || choices.unpacked)
    return "one document each";
  return choices.align <= 1 ? "packed documents"
                            : fmt::format("packed documents at multiples of {}",
                                          choices.align);
}

Expected<TrainingData> openTraining(const PlanFile &plan,
                                    const std::vector<std::string> &paths,
                                    const std::string &tokenType,
                                    const RowChoices &choices, uint64_t seed) {
  Expected<OpenedShards> shards = openAll(paths, tokenType);
  if (!shards)
    return shards.status();
  TrainingData data;
  auto count = [](uint64_t number) {
    return formatCount(static_cast<double>(number));
  };
  if (shards->documents.empty()) {
    Expected<DataLoader> loader =
        DataLoader::create(std::move(shards->plain), plan.info().batch,
                           plan.info().sequence, plan.info().vocabulary);
    if (!loader)
      return loader.status();
    for (const std::string &line : loader->skipped())
      printNotes({line + "; it is skipped"});
    data.summary =
        fmt::format("{} training tokens in {} shards",
                    count(loader->tokenCount()), loader->shardCount());
    data.rowForm = "windows of text";
    data.source = std::make_unique<DataLoader>(std::move(*loader));
    return data;
  }
  Expected<DocumentRows> rows =
      openDocuments(plan, std::move(*shards), choices, seed);
  if (!rows)
    return rows.status();
  data.hasDocuments = true;
  data.rowForm = describeForm(plan, choices);
  uint64_t places = rows->rowCount() * plan.info().sequence;
  data.summary = fmt::format(
      "{} training targets in {} documents, {} rows of {} ({:.0f} % full)",
      count(rows->targetCount()), count(rows->documentCount()),
      count(rows->rowCount()), data.rowForm,
      100 * static_cast<double>(rows->tokenCount()) /
          static_cast<double>(places));
  data.source = std::make_unique<DocumentRows>(std::move(*rows));
  return data;
}

Expected<std::unique_ptr<HeldOutSource>>
openHeldOut(const PlanFile &plan, const std::vector<std::string> &paths,
            const std::string &tokenType, const RowChoices &choices,
            bool *hasDocuments) {
  Expected<OpenedShards> shards = openAll(paths, tokenType);
  if (!shards)
    return shards.status();
  if (hasDocuments)
    *hasDocuments = !shards->documents.empty();
  if (shards->documents.empty()) {
    Expected<HeldOutRows> rows = HeldOutRows::create(
        std::move(shards->plain), plan.info().sequence, plan.info().vocabulary);
    if (!rows)
      return rows.status();
    return std::unique_ptr<HeldOutSource>(
        std::make_unique<HeldOutRows>(std::move(*rows)));
  }
  Expected<DocumentRows> rows =
      openDocuments(plan, std::move(*shards), choices, std::nullopt);
  if (!rows)
    return rows.status();
  return std::unique_ptr<HeldOutSource>(
      std::make_unique<DocumentRows>(std::move(*rows)));
}

std::vector<std::string>
withSideFiles(const std::vector<std::string> &shardPaths) {
  std::vector<std::string> paths;
  for (const std::string &shard : shardPaths) {
    paths.push_back(shard);
    for (const std::string &path : {maskPath(shard), documentsPath(shard)})
      if (pathExists(path))
        paths.push_back(path);
  }
  return paths;
}

} // namespace lns::tool
