//===- data_command.cpp - lns data prepare, lns data info -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/checksum.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/data_prepare.h"
#include "tools/lns/data/shard_set.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

namespace lns::tool {

Status runDataPrepare(Arguments arguments) {
  std::string set, tokenType, tokenizerPath;
  std::vector<std::string> texts;
  TokenFiles tokens;
  PrepareOptions options;
  ArgParser parser("lns data prepare",
                   "Turns text into token shards (train.bin, val.bin, "
                   "meta.json); one byte is one token, unless there is a "
                   "tokenizer.");
  parser.option("-o", "DIR", &options.folder, "folder for the shards");
  parser.required();
  parser.choice("--set", &set, {"classic"},
                "classic: the King James Bible and Jane Austen's novels, from "
                "the Debian packages bible-kjv-text and r-cran-janeaustenr");
  parser.list("--text", "FILE", &texts,
              "text files, instead of a set; '-' is the standard input");
  parser.option("--tokenizer", "FILE", &tokenizerPath,
                "tokenizer.json, or a folder that has it, whose tokens text "
                "becomes");
  parser.list("--tokens", "FILE", &tokens.paths,
              "files of tokens, instead of text: shards, or with --token-type "
              "files without header");
  declareTokenType(parser, &tokenType);
  parser.option("--vocabulary", "N", &tokens.vocabulary,
                "size of the vocabulary that --tokens are of",
                std::numeric_limits<int32_t>::max());
  parser.option("--held-out", "SHARE", &options.heldOut,
                "tail of every document that goes to val.bin", 0.0, 0.5);
  parser.flag("--force", &options.replace, "replace what is in DIR already");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  if (!set.empty() + !texts.empty() + !tokens.paths.empty() != 1)
    return Status::usage("give one of --set classic, --text FILE... and "
                         "--tokens FILE...");
  if (tokens.paths.empty() != (tokens.vocabulary == 0))
    return Status::usage("--tokens and --vocabulary belong together");
  if (tokens.paths.empty() && !tokenType.empty())
    return Status::usage("--token-type: text has none; give --tokens FILE...");
  tokens.type = chosenTokenType(tokenType);
  if (!tokens.paths.empty() && parser.given("--tokenizer"))
    return Status::usage("--tokenizer: makes tokens of text, and --tokens are "
                         "there already; leave one of them out");
  std::optional<TokenizerFile> tokenizer;
  if (parser.given("--tokenizer")) {
    Expected<TokenizerFile> file = TokenizerFile::open(tokenizerPath);
    if (!file)
      return file.status();
    printNotes(file->tokenizer.notes());
    tokenizer = std::move(*file);
  }

  auto write = [&]() -> Expected<PrepareSummary> {
    if (!tokens.paths.empty())
      return writeTokenDataset(tokens, options);
    Expected<std::vector<Document>> documents =
        texts.empty() ? loadClassicSet(ClassicPaths()) : loadTextFiles(texts);
    if (!documents)
      return documents.status();
    std::string name = texts.empty() ? set : "text";
    return tokenizer
               ? writeTokenizedDataset(*documents, name, *tokenizer, options)
               : writeDataset(*documents, name, options);
  };
  Expected<PrepareSummary> summary = write();
  if (!summary)
    return summary.status();
  fmt::print("{}: {} documents, {} training tokens, {} held out\n",
             options.folder, summary->documents, summary->trainTokens,
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
      if (json)
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
      else
        fmt::print("{}: {} tokens, largest {}, {}{}\n", file, shard->size(),
                   *largest, heldOut ? "held out" : "for training",
                   shard->checksum() ? "" : ", without checksum");
    }
  if (json)
    fmt::print("{}\n",
               rows.dump(2, ' ', false,
                         nlohmann::ordered_json::error_handler_t::replace));
  return Status::success();
}

} // namespace lns::tool
