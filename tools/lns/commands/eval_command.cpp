//===- eval_command.cpp - lns eval ----------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/eval_texts.h"
#include "tools/lns/commands/loaded_model.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/shard_set.h"
#include "tools/lns/train/evaluate.h"
#include "tools/lns/train/metrics.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>

namespace lns::tool {

namespace {
/// What the loss on token shards is measured on.
struct DataOptions {
  std::string data, tokenType;
  uint64_t batches = 0;
};
} // namespace

static Status evaluateData(const EvalOptions &options,
                           const DataOptions &measured) {
  Expected<LoadedModel> model =
      loadModel(options.planPath, options.checkpoint, options.adapter,
                options.force, options.stepsDone, options.session);
  if (!model)
    return model.status();
  Expected<ShardSet> shards = findShards(measured.data);
  if (!shards)
    return shards.status();
  uint32_t vocabulary = model->plan->info().vocabulary;
  std::vector<std::string> notes;
  compareVocabulary(shards->facts, vocabulary, notes);
  printNotes(notes);
  bool hasDocuments = false;
  Expected<std::unique_ptr<HeldOutSource>> rows = openHeldOut(
      *model->plan, shards->val.empty() ? shards->train : shards->val,
      measured.tokenType, options.rows, &hasDocuments);
  if (!rows)
    return rows.status();
  Expected<HeldOutLoss> loss =
      evaluateLoss(*model->plan, *model->session, **rows, measured.batches);
  if (!loss)
    return loss.status();
  double mean = loss->mean;
  if (!std::isfinite(mean))
    return Status::failure(fmt::format(
        "{}: the loss is {}; the checkpoint is damaged or has diverged",
        options.checkpoint, mean));
  // Of answers alone, bits per byte of a text mean nothing.
  std::optional<double> bytes;
  if (!hasDocuments)
    bytes = bytesPerToken(shards->facts, vocabulary, loss->targets);
  if (options.json) {
    std::string bits =
        bytes ? fmt::format(",\"val_bpb\":{}", bitsPerToken(mean) / *bytes)
              : "";
    fmt::print("{{\"val_loss\":{},\"perplexity\":{}{},\"targets\":{}}}\n", mean,
               std::exp(mean), bits, loss->targets);
    return Status::success();
  }
  std::string bits =
      bytes ? fmt::format("val_bpb={:.4f}\n", bitsPerToken(mean) / *bytes) : "";
  // Apart from the numbers, which programs read.
  fmt::print(stderr, "rows of {} tokens: loss and perplexity are by token{}\n",
             model->plan->info().sequence,
             bytes ? ", bits by byte of text" : "");
  fmt::print("val_loss={:.6f}\nperplexity={:.4f}\n{}targets={}\n", mean,
             std::exp(mean), bits, loss->targets);
  return Status::success();
}

/// Options that belong to one of the three ways only.
static Status checkOptions(const ArgParser &parser) {
  int ways = parser.given("--data") + parser.given("--choices") +
             parser.given("--text");
  if (ways != 1)
    return Status::usage(
        fmt::format("{} of --data, --choices and --text {} given; give one: "
                    "token shards, questions or texts",
                    ways == 0 ? "none" : "several", ways == 0 ? "is" : "are"));
  struct Belonging {
    const char *option, *owner;
  };
  static constexpr Belonging belongings[] = {
      {"--token-type", "--data"},
      {"--eval-batches", "--data"},
      {"--samples", "--choices"},
      {"--no-mutual-info", "--choices"},
  };
  for (const Belonging &one : belongings)
    if (parser.given(one.option) && !parser.given(one.owner))
      return Status::usage(fmt::format("{}: belongs to {}; leave it out",
                                       one.option, one.owner));
  for (const char *option : {"--tokenizer", "--prefix-token"})
    if (parser.given(option) && parser.given("--data"))
      return Status::usage(fmt::format(
          "{}: belongs to --choices and --text, and --data is tokens already; "
          "leave it out",
          option));
  return Status::success();
}

static Expected<uint32_t> parseTokenId(const std::string &text) {
  uint32_t id = 0;
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc() || stop != end)
    return Status::usage(
        fmt::format("--prefix-token: '{}' is not a token's id; give a number "
                    "('lns tokens info' shows those of special tokens)",
                    printable(text, 40)));
  return id;
}

Status runEval(Arguments arguments) {
  EvalOptions options;
  DataOptions measured;
  std::string prefixToken;
  uint64_t stepsDone = 0;
  ArgParser parser("lns eval",
                   "Evaluates a checkpoint: its mean loss on token shards, its "
                   "answers to questions, or its perplexity on texts. "
                   "docs/evaluation.md says what each number is.");
  parser.positional("PLAN", &options.planPath, "plan made by lnsc");
  parser.option("--checkpoint", "PATH", &options.checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--data", "DIR|GLOB", &measured.data,
                "token shards; the held-out ones if there are any");
  parser.option("--choices", "FILE", &options.choices,
                "questions, a line of JSON each: context, choices, gold; '-': "
                "standard input");
  parser.list("--text", "FILE", &options.texts,
              "texts, each by itself, in rolling windows; '-': standard input");
  parser.option("--tokenizer", "FILE", &options.tokenizerPath,
                "the model's tokenizer.json, or a folder that has it, where "
                "tokens are no bytes; of --choices and --text");
  parser.option(
      "--prefix-token", "ID", &prefixToken,
      "token before what has nothing before it; by itself the "
      "tokenizer's beginning or end of a text, of bytes a line break");
  parser.option("--samples", "FILE", &options.samples,
                "write log-likelihoods of every answer there, a line of JSON "
                "for each question");
  parser.flag("--no-mutual-info", &options.withoutMutualInformation,
              "leave acc_mutual_info out, which also scores choices without "
              "their context");
  declareTokenType(parser, &measured.tokenType);
  parser.option("--eval-batches", "N", &measured.batches,
                "the first N batches of --data, 0: all held-out targets");
  declareRowChoices(parser, &options.rows);
  parser.flag("--json", &options.json, "print JSON");
  declareStepsDone(parser, &stepsDone);
  declareAdapter(parser, &options.adapter);
  declareForce(parser, &options.force);
  declareSessionOptions(parser, &options.session);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  LNS_RETURN_IF_ERROR(checkOptions(parser));
  options.stepsDone = getStepsDone(parser, stepsDone);
  if (parser.given("--prefix-token")) {
    Expected<uint32_t> id = parseTokenId(prefixToken);
    if (!id)
      return id.status();
    options.prefixToken = *id;
  }
  if (parser.given("--choices"))
    return evaluateChoices(options);
  if (parser.given("--text"))
    return evaluateTexts(options);
  return evaluateData(options, measured);
}

} // namespace lns::tool
