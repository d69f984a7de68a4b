//===- row_dataset.cpp - Rows to shards with masks and documents ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/row_dataset.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/data/dataset_files.h"
#include "tools/lns/data/row_tokens.h"
#include "tools/lns/data/side_file.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace lns::tool {

namespace {
/// Documents one after another, as a shard and its side files have them.
template <typename Token> struct Documents {
  std::vector<Token> tokens;
  std::vector<bool> targets;
  std::vector<uint64_t> starts;

  void add(const RowTokens &row) {
    starts.push_back(tokens.size());
    for (uint32_t id : row.ids)
      tokens.push_back(static_cast<Token>(id));
    // Nothing of its own document comes before the first token.
    for (size_t i = 0; i < row.ids.size(); ++i)
      targets.push_back(i > 0 && row.mask.targets[i]);
  }
  uint64_t targetCount() const {
    return static_cast<uint64_t>(
        std::count(targets.begin(), targets.end(), true));
  }
};

/// A row that is kept, as far as the choice of held-out ones needs it.
struct KeptRow {
  size_t row;
  uint64_t sum; ///< of its text
};
} // namespace

/// How many targets there are among the first `count` tokens, of which the
/// first is none.
static uint64_t targetsWithin(const RowTokens &row, uint64_t count) {
  uint64_t found = 0;
  for (size_t i = 1; i < std::min<uint64_t>(count, row.ids.size()); ++i)
    found += row.mask.targets[i];
  return found;
}

/// Cuts a row that is too long, or says what becomes of it. `*skip`: it is
/// left out.
static Status fitRow(RowTokens &row, const RowOptions &chosen,
                     RowSummary &summary, bool *skip) {
  *skip = false;
  if (chosen.maxTokens > 0 && row.ids.size() > chosen.maxTokens) {
    if (chosen.tooLong == TooLong::Error)
      return Status::failure(fmt::format(
          "has {} tokens, --max-tokens is {}; raise it, or say what becomes of "
          "such rows: --too-long=skip|cut",
          row.ids.size(), chosen.maxTokens));
    *skip = chosen.tooLong == TooLong::Skip ||
            targetsWithin(row, chosen.maxTokens) == 0;
    if (!*skip) {
      ++summary.cut;
      row.ids.resize(chosen.maxTokens);
      row.mask.targets.resize(chosen.maxTokens);
    }
  } else if (targetsWithin(row, row.ids.size()) == 0) {
    return Status::failure("no token of it is a target: its answer lies within "
                           "its first token; write a longer row");
  }
  summary.skipped += *skip;
  return Status::success();
}

/// Held out is a share of the rows by the checksum of their text: whatever the
/// order of rows, and equal rows together. Gives the checksum below which they
/// are; there are others.
static uint64_t heldOutLimit(std::vector<KeptRow> rows, double share) {
  auto count =
      static_cast<size_t>(static_cast<double>(rows.size()) * share + 0.5);
  std::sort(rows.begin(), rows.end(),
            [](const KeptRow &a, const KeptRow &b) { return a.sum < b.sum; });
  return count == 0 ? 0 : rows[std::min(count, rows.size() - 1)].sum;
}

static nlohmann::ordered_json describeRows(const TrainingRows &rows,
                                           const RowTokenizer &encoder,
                                           const RowOptions &chosen,
                                           const RowSummary &summary) {
  auto name = [](bool isUsed, const ChatTemplate &chosenTemplate) {
    return isUsed ? nlohmann::ordered_json(chosenTemplate.name())
                  : nlohmann::ordered_json();
  };
  const RenderOptions &render = encoder.rendering();
  nlohmann::ordered_json json = {
      {"template", name(encoder.usesMessages(), render.messages)},
      {"instruction_template",
       name(encoder.usesInstructions(), render.instructions)},
      {"end", render.end},
      {"loss_on", render.trainOnPrompt ? "all"
                  : render.lastAnswer  ? "last answer"
                                       : "answers"},
      {"special_in_text", chosen.special == SpecialInText::Error   ? "error"
                          : chosen.special == SpecialInText::Token ? "token"
                                                                   : "text"},
      {"max_tokens", chosen.maxTokens},
      {"rows", rows.seen},
      {"skipped", summary.skipped},
      {"cut", summary.cut},
      {"straddling_tokens", summary.straddling}};
  if (!render.messages.defaultSystem.empty())
    json["default_system"] = render.messages.defaultSystem;
  return json;
}

/// Checksum of tokens as a shard has them.
template <typename Token>
static uint64_t sumTokens(const std::vector<Token> &tokens) {
  Checksum sum;
  sum.add(tokens.data(), tokens.size() * sizeof(Token));
  return sum.value();
}

template <typename Token>
static Status writeFiles(const Documents<Token> (&sides)[2],
                         const std::string &metaText,
                         const PrepareOptions &options) {
  for (const Documents<Token> &side : sides)
    if (side.tokens.size() >
        static_cast<size_t>(std::numeric_limits<int32_t>::max()))
      return Status::failure(fmt::format("{}: {} tokens do not fit into one "
                                         "shard; prepare the rows in parts",
                                         options.folder, side.tokens.size()));
  std::vector<DatasetFile> files;
  for (int i = 0; i < 2; ++i) {
    const Documents<Token> &side = sides[i];
    uint64_t sum = sumTokens(side.tokens);
    std::string name = i == 0 ? "train" : "val";
    files.push_back(
        {name + ".bin", [&side](AtomicFile &file, const std::string &path) {
           return writeShard(file, path, std::span<const Token>(side.tokens));
         }});
    files.push_back(
        {name + ".mask", [&side, sum](AtomicFile &file, const std::string &) {
           return writeMask(file, sum, side.targets);
         }});
    files.push_back(
        {name + ".docs", [&side, sum](AtomicFile &file, const std::string &) {
           return writeDocuments(file, sum, side.tokens.size(), side.starts);
         }});
  }
  files.push_back(
      {"meta.json", [&metaText](AtomicFile &file, const std::string &) {
         return file.write(metaText);
       }});
  return writeDatasetFiles(options.folder, options.replace, files);
}

template <typename Token>
static Expected<RowSummary>
writeRows(const TrainingRows &rows, RowTokenizer encoder,
          const TokenizerFile *tokenizer, const RowOptions &chosen,
          const PrepareOptions &options, FirstErrors &errors) {
  RowSummary summary;
  std::vector<KeptRow> kept;
  std::vector<RowTokens> all;
  for (size_t i = 0; i < rows.rows.size(); ++i) {
    Expected<RowTokens> row = encoder.encode(rows.rows[i]);
    bool skip = false;
    Status status = row ? fitRow(*row, chosen, summary, &skip) : row.status();
    if (!status.ok())
      errors.add(rows.rows[i].place + ": " + status.message());
    // What is only looked through for errors need not be kept.
    if (!status.ok() || skip || errors.count() > 0)
      continue;
    summary.straddling += row->mask.straddling;
    kept.push_back({i, row->textSum});
    all.push_back(std::move(*row));
  }
  if (errors.count() > 0)
    return Status::failure(
        fmt::format("{} of {} rows cannot be used{}; nothing was written",
                    errors.count(), rows.seen,
                    errors.count() > errors.told().size()
                        ? fmt::format(", of which the first {} are told above",
                                      errors.told().size())
                        : ""));
  if (all.empty())
    return Status::failure(
        fmt::format("all {} rows are longer than --max-tokens {}; raise it",
                    rows.seen, chosen.maxTokens));

  uint64_t limit = heldOutLimit(kept, options.heldOut);
  Documents<Token> sides[2];
  for (size_t i = 0; i < all.size(); ++i) {
    sides[kept[i].sum < limit].add(all[i]);
    all[i] = {};
  }
  for (int i = 0; i < 2; ++i) {
    summary.documents[i] = sides[i].starts.size();
    summary.tokens[i] = sides[i].tokens.size();
    summary.targets[i] = sides[i].targetCount();
  }
  nlohmann::ordered_json meta = {{"format", "llm.c"}, {"set", "rows"}};
  if (tokenizer)
    meta.update({{"tokenizer", tokenizer->tokenizer.kind()},
                 {"tokenizer_file",
                  std::filesystem::path(tokenizer->path).filename().string()},
                 {"tokenizer_xxh64", checksumText(tokenizer->checksum)}});
  else
    meta["tokenizer"] = "byte";
  meta.update({{"vocabulary", tokenizer ? tokenizer->tokenizer.vocabularySize()
                                        : uint32_t{256}},
               {"held_out", options.heldOut},
               {"train_documents", summary.documents[0]},
               {"val_documents", summary.documents[1]},
               {"train_tokens", summary.tokens[0]},
               {"val_tokens", summary.tokens[1]},
               {"train_targets", summary.targets[0]},
               {"val_targets", summary.targets[1]}});
  meta.update({{"rows", describeRows(rows, encoder, chosen, summary)}});
  std::string metaText =
      meta.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  LNS_RETURN_IF_ERROR(writeFiles(sides, metaText, options));

  if (!rows.unused.empty())
    summary.notes.push_back(fmt::format("keys of rows that are not used: {}",
                                        fmt::join(rows.unused, ", ")));
  if (summary.cut + summary.skipped > 0)
    summary.notes.push_back(
        fmt::format("{} rows were cut at {} tokens, {} were left out",
                    summary.cut, chosen.maxTokens, summary.skipped));
  if (summary.straddling > 0)
    summary.notes.push_back(fmt::format(
        "{} tokens have bytes on both sides of an answer's border; each counts "
        "for the side of its first byte",
        summary.straddling));
  if (summary.documents[1] == 0 && options.heldOut > 0)
    summary.notes.push_back(fmt::format(
        "no row is held out: {} of {} rows are less than one, or equal rows "
        "would be torn apart",
        options.heldOut, summary.documents[0]));
  return summary;
}

Expected<RowSummary> writeRowDataset(const TrainingRows &rows,
                                     const TokenizerFile *tokenizer,
                                     const RowOptions &chosen,
                                     const PrepareOptions &options,
                                     FirstErrors &errors) {
  Expected<RowTokenizer> encoder =
      RowTokenizer::create(rows, tokenizer, chosen);
  if (!encoder)
    return encoder.status();
  return tokenizer && tokenizer->tokenizer.vocabularySize() > 65536
             ? writeRows<uint32_t>(rows, std::move(*encoder), tokenizer, chosen,
                                   options, errors)
             : writeRows<uint16_t>(rows, std::move(*encoder), tokenizer, chosen,
                                   options, errors);
}

} // namespace lns::tool
