//===- data_command.cpp - lns data prepare, lns data info -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/checksum.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/chat_template.h"
#include "tools/lns/data/data_prepare.h"
#include "tools/lns/data/row_dataset.h"
#include "tools/lns/data/shard_set.h"
#include "tools/lns/data/side_file.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace lns::tool {

namespace {
/// What `lns data prepare` was asked for.
struct PrepareCommand {
  std::string set, tokenType, tokenizerPath;
  std::vector<std::string> texts, rowFiles;
  TokenFiles tokens;
  PrepareOptions options;
  RowOptions rows;
  std::string lossOn = "answers", special = "error", tooLong = "error";
};
} // namespace

static void declareSources(ArgParser &parser, PrepareCommand &command) {
  parser.option("-o", "DIR", &command.options.folder, "folder for the shards");
  parser.required();
  parser.choice("--set", &command.set, {"classic"},
                "classic: the King James Bible and Jane Austen's novels, from "
                "the Debian packages bible-kjv-text and r-cran-janeaustenr");
  parser.list("--text", "FILE", &command.texts,
              "text files, instead of a set; '-' is the standard input");
  parser.list("--jsonl", "FILE", &command.rowFiles,
              "rows to fine-tune on, a JSON object a line or in one array: "
              "messages; instruction, input, output; prompt, completion; or "
              "text. The loss is on answers alone");
  parser.option("--tokenizer", "FILE", &command.tokenizerPath,
                "tokenizer.json, or a folder that has it, whose tokens text "
                "becomes");
  parser.list("--tokens", "FILE", &command.tokens.paths,
              "files of tokens, instead of text: shards, or with --token-type "
              "files without header");
  declareTokenType(parser, &command.tokenType);
  parser.option("--vocabulary", "N", &command.tokens.vocabulary,
                "size of the vocabulary that --tokens are of",
                std::numeric_limits<int32_t>::max());
  parser.option("--held-out", "SHARE", &command.options.heldOut,
                "tail of every document that goes to val.bin; of --jsonl, "
                "share of the rows",
                0.0, 0.5);
  parser.flag("--force", &command.options.replace,
              "replace what is in DIR already");
}

/// Names of the options that belong to --jsonl alone.
static constexpr const char *rowOptionNames[] = {
    "--template",        "--eos",        "--train-on-prompt", "--loss-on",
    "--special-in-text", "--max-tokens", "--too-long"};

static void declareRowOptions(ArgParser &parser, PrepareCommand &command) {
  RowOptions &rows = command.rows;
  parser.choice("--template", &rows.templateName, ChatTemplate::names(),
                "how rows become text; by itself the tokenizer's own (plain "
                "without a tokenizer) for messages, alpaca for instructions");
  parser.option("--eos", "TOKEN", &rows.end,
                "token that ends a document where the template does not; by "
                "itself that of the files beside the tokenizer");
  parser.flag("--train-on-prompt", &rows.trainOnPrompt,
              "the loss is on all of a row");
  parser.choice("--loss-on", &command.lossOn, {"answers", "last"},
                "last: of a conversation, on its last answer only");
  parser.choice("--special-in-text", &command.special,
                {"error", "token", "text"},
                "what special tokens are that a row's text spells out");
  parser.option("--max-tokens", "N", &rows.maxTokens,
                "most tokens of a row, 0: any number",
                std::numeric_limits<int32_t>::max());
  parser.choice("--too-long", &command.tooLong, {"error", "skip", "cut"},
                "what becomes of rows with more");
}

/// Mistakes in what was given together.
static Status checkPrepare(const ArgParser &parser, PrepareCommand &command) {
  const TokenFiles &tokens = command.tokens;
  if (!command.set.empty() + !command.texts.empty() +
          !command.rowFiles.empty() + !tokens.paths.empty() !=
      1)
    return Status::usage("give one of --set classic, --text FILE..., --jsonl "
                         "FILE... and --tokens FILE...");
  if (tokens.paths.empty() != (tokens.vocabulary == 0))
    return Status::usage("--tokens and --vocabulary belong together");
  if (tokens.paths.empty() && !command.tokenType.empty())
    return Status::usage("--token-type: text has none; give --tokens FILE...");
  if (!tokens.paths.empty() && parser.given("--tokenizer"))
    return Status::usage("--tokenizer: makes tokens of text, and --tokens are "
                         "there already; leave one of them out");
  for (const char *name : rowOptionNames)
    if (command.rowFiles.empty() && parser.given(name))
      return Status::usage(
          fmt::format("{}: belongs to rows; give --jsonl FILE...", name));
  RowOptions &rows = command.rows;
  rows.lastAnswer = command.lossOn == "last";
  if (rows.lastAnswer && rows.trainOnPrompt)
    return Status::usage("--train-on-prompt puts the loss on all of a row, "
                         "--loss-on=last on its last answer; give one of them");
  rows.special = command.special == "error"   ? SpecialInText::Error
                 : command.special == "token" ? SpecialInText::Token
                                              : SpecialInText::Text;
  rows.tooLong = command.tooLong == "error"  ? TooLong::Error
                 : command.tooLong == "skip" ? TooLong::Skip
                                             : TooLong::Cut;
  if (parser.given("--too-long") && rows.maxTokens == 0)
    return Status::usage("--too-long: too long for what? give --max-tokens");
  return Status::success();
}

static Status prepareRows(const PrepareCommand &command,
                          const TokenizerFile *tokenizer) {
  TrainingRows rows;
  FirstErrors errors;
  auto printErrors = [&] {
    for (const std::string &line : errors.told())
      std::fputs(("lns: error: " + boundedMessage(line) + "\n").c_str(),
                 stderr);
  };
  LNS_RETURN_IF_ERROR(readTrainingRows(command.rowFiles, rows, errors));
  Expected<RowSummary> summary =
      writeRowDataset(rows, tokenizer, command.rows, command.options, errors);
  printErrors();
  if (!summary)
    return summary.status();
  printNotes(summary->notes);
  fmt::print("{}: {} documents of {} tokens, {} of them targets; held out {} "
             "of {}, {}\n",
             command.options.folder, summary->documents[0], summary->tokens[0],
             summary->targets[0], summary->documents[1], summary->tokens[1],
             summary->targets[1]);
  return Status::success();
}

Status runDataPrepare(Arguments arguments) {
  PrepareCommand command;
  ArgParser parser("lns data prepare",
                   "Turns text or rows into token shards (train.bin, val.bin, "
                   "meta.json; of rows also .mask and .docs); one byte is one "
                   "token, unless there is a tokenizer.");
  declareSources(parser, command);
  declareRowOptions(parser, command);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  LNS_RETURN_IF_ERROR(checkPrepare(parser, command));
  command.tokens.type = chosenTokenType(command.tokenType);
  std::optional<TokenizerFile> tokenizer;
  if (parser.given("--tokenizer")) {
    Expected<TokenizerFile> file = TokenizerFile::open(command.tokenizerPath);
    if (!file)
      return file.status();
    printNotes(file->tokenizer.notes());
    tokenizer = std::move(*file);
  }
  if (!command.rowFiles.empty())
    return prepareRows(command, tokenizer ? &*tokenizer : nullptr);

  auto write = [&]() -> Expected<PrepareSummary> {
    if (!command.tokens.paths.empty())
      return writeTokenDataset(command.tokens, command.options);
    Expected<std::vector<Document>> documents =
        command.texts.empty() ? loadClassicSet(ClassicPaths())
                              : loadTextFiles(command.texts);
    if (!documents)
      return documents.status();
    std::string name = command.texts.empty() ? command.set : "text";
    return tokenizer ? writeTokenizedDataset(*documents, name, *tokenizer,
                                             command.options)
                     : writeDataset(*documents, name, command.options);
  };
  Expected<PrepareSummary> summary = write();
  if (!summary)
    return summary.status();
  fmt::print("{}: {} documents, {} training tokens, {} held out\n",
             command.options.folder, summary->documents, summary->trainTokens,
             summary->valTokens);
  return Status::success();
}

static Expected<uint32_t> largestToken(const Shard &shard) {
  uint32_t largest = 0;
  std::vector<uint32_t> part(1 << 16);
  for (uint64_t at = 0; at < shard.size();) {
    std::span<uint32_t> some = std::span(part).first(
        std::min<uint64_t>(part.size(), shard.size() - at));
    LNS_RETURN_IF_ERROR(shard.read(at, some));
    largest = std::max(largest, *std::max_element(some.begin(), some.end()));
    at += some.size();
  }
  return largest;
}

namespace {
/// What stands beside a shard, in numbers.
struct DocumentFacts {
  uint64_t documents = 0, targets = 0;
  uint64_t shortest = 0, median = 0, longest = 0; ///< tokens of a document
};
} // namespace

static DocumentFacts countDocuments(const SideFiles &files) {
  const DocumentFile &documents = *files.documents;
  DocumentFacts facts;
  facts.documents = documents.count();
  std::vector<uint64_t> lengths;
  for (uint64_t i = 0; i < documents.count(); ++i) {
    lengths.push_back(documents.end(i) - documents.begin(i));
    // The first token of a document is no target, whatever a mask says.
    for (uint64_t t = documents.begin(i) + 1; t < documents.end(i); ++t)
      facts.targets += !files.mask || files.mask->isTarget(t);
  }
  std::sort(lengths.begin(), lengths.end());
  if (!lengths.empty()) {
    facts.shortest = lengths.front();
    facts.median = lengths[lengths.size() / 2];
    facts.longest = lengths.back();
  }
  return facts;
}

Status runDataInfo(Arguments arguments) {
  std::string path, tokenType;
  bool json = false;
  ArgParser parser("lns data info", "Says what token shards hold.");
  parser.positional("PATH", &path, "a folder, a shard, or a pattern of shards");
  declareTokenType(parser, &tokenType);
  parser.flag("--json", &json, "print JSON");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<ShardSet> set = findShards(path);
  if (!set)
    return set.status();
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (bool heldOut : {false, true})
    for (const std::string &file : heldOut ? set->val : set->train) {
      Expected<Shard> shard = Shard::open(file, chosenTokenType(tokenType));
      if (!shard)
        return shard.status();
      Expected<uint32_t> largest = largestToken(*shard);
      if (!largest)
        return largest.status();
      Expected<SideFiles> side = openSideFiles(*shard);
      if (!side)
        return side.status();
      std::optional<DocumentFacts> facts;
      if (side->documents)
        facts = countDocuments(*side);
      if (json) {
        rows.push_back(
            {{"path", file},
             {"held_out", heldOut},
             {"tokens", shard->size()},
             {"largest_token", *largest},
             {"token_type",
              tokenTypeNames()[static_cast<size_t>(shard->tokenType())]},
             {"checksum",
              shard->checksum()
                  ? nlohmann::ordered_json(checksumText(*shard->checksum()))
                  : nlohmann::ordered_json()}});
        if (facts)
          rows.back().update({{"documents", facts->documents},
                              {"targets", facts->targets},
                              {"has_mask", side->mask.has_value()},
                              {"document_tokens",
                               {{"shortest", facts->shortest},
                                {"median", facts->median},
                                {"longest", facts->longest}}}});
      } else {
        fmt::print("{}: {} tokens, largest {}, {}{}\n", file, shard->size(),
                   *largest, heldOut ? "held out" : "for training",
                   shard->checksum() ? "" : ", without checksum");
        if (facts)
          fmt::print("  {} targets in {} documents of {} to {} tokens, half of "
                     "them up to {}{}\n",
                     facts->targets, facts->documents, facts->shortest,
                     facts->longest, facts->median,
                     side->mask ? "" : ", without mask");
      }
    }
  if (json)
    fmt::print("{}\n",
               rows.dump(2, ' ', false,
                         nlohmann::ordered_json::error_handler_t::replace));
  return Status::success();
}

} // namespace lns::tool
