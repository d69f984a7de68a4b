//===- sample_command.cpp - lns sample ------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/loaded_model.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/tokens/end_tokens.h"
#include "tools/lns/tokens/tokenizer_file.h"
#include "tools/lns/train/evaluate.h"

#include <cstdio>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace lns::tool {

namespace {
struct SampleOptions {
  std::string planPath, checkpoint, adapter, prompt, tokenizerPath;
  uint64_t bytes = 400, tokens = 100, texts = 1, stepsDone = 0;
  SamplerOptions sampler;
  bool force = false;
  bool endsAtZero = false;
  PlanSession::Options session;
};

/// Texts that grow at once: a single one is printed as it is made, several one
/// after another.
class TextPrinter {
public:
  explicit TextPrinter(uint64_t texts) : sanitizers(texts), pending(texts) {}

  void add(uint64_t text, unsigned char byte) {
    pending[text] += sanitizers[text].push(byte);
  }
  void add(uint64_t text, const std::string &bytes) {
    for (char byte : bytes)
      add(text, static_cast<unsigned char>(byte));
  }
  void show() {
    if (pending.size() == 1)
      flush(0);
  }
  void finish() {
    for (uint64_t i = 0; i < pending.size(); ++i) {
      pending[i] += sanitizers[i].finish() + "\n";
      if (i + 1 < pending.size())
        pending[i] += "---\n";
      flush(i);
    }
  }

private:
  void flush(uint64_t text) {
    std::fputs(std::exchange(pending[text], {}).c_str(), stdout);
    std::fflush(stdout);
  }

  std::vector<TextSanitizer> sanitizers;
  std::vector<std::string> pending;
};
} // namespace

static Status sampleBytes(const LoadedModel &model,
                          const SampleOptions &options) {
  TextPrinter printer(options.texts);
  for (uint64_t i = 0; i < options.texts; ++i)
    printer.add(i, options.prompt);
  LNS_RETURN_IF_ERROR(generateTexts(*model.plan, *model.session, options.prompt,
                                    options.texts, options.bytes,
                                    options.endsAtZero, options.sampler,
                                    [&](uint64_t text, unsigned char byte) {
                                      printer.add(text, byte);
                                      printer.show();
                                    }));
  printer.finish();
  return Status::success();
}

static Status sampleTokens(const LoadedModel &model, const TokenizerFile &file,
                           const SampleOptions &options) {
  const tokenizer::Tokenizer &tokenizer = file.tokenizer;
  Expected<std::vector<uint32_t>> ends = findEndTokens(
      options.checkpoint, model.plan->path(), model.plan->config());
  if (!ends)
    return ends.status();
  tokenizer::Result<tokenizer::Encoding> prompt =
      tokenizer.encode(options.prompt);
  if (!prompt)
    return Status::failure("--prompt: " + prompt.error().message);
  // What the template puts behind a text would end it.
  std::vector<uint32_t> ids = prompt->ids;
  ids.resize(ids.size() - tokenizer.around().behind.size());

  TextPrinter printer(options.texts);
  std::vector<tokenizer::TokenStream> streams(
      options.texts, tokenizer::TokenStream(tokenizer, /*skipSpecial=*/true));
  auto emit = [&](uint64_t text, uint32_t id) {
    tokenizer::Result<std::string> part = streams[text].push(id);
    if (!part)
      return toStatus(part.error());
    printer.add(text, *part);
    printer.show();
    return Status::success();
  };
  // The prompt goes the same way, so that what follows joins it.
  for (uint64_t i = 0; i < options.texts; ++i)
    for (uint32_t id : ids)
      LNS_RETURN_IF_ERROR(emit(i, id));

  Generation wanted;
  wanted.texts = options.texts;
  wanted.count = options.tokens;
  wanted.start.assign(ids.begin(), ids.end());
  // Without a beginning the text starts as after another one, or a line break.
  if (wanted.start.empty() && !ends->empty() && tokenizer.has(ends->front()))
    wanted.start.push_back(static_cast<int32_t>(ends->front()));
  if (wanted.start.empty()) {
    tokenizer::Result<tokenizer::Encoding> line =
        tokenizer.encode("\n", {.withTemplate = false});
    if (!line)
      return toStatus(line.error());
    wanted.start.assign(line->ids.begin(), line->ids.end());
  }
  wanted.allowed.resize(tokenizer.vocabularySize());
  for (uint32_t id = 0; id < tokenizer.vocabularySize(); ++id)
    wanted.allowed[id] = tokenizer.has(id);
  wanted.ends = *ends;
  LNS_RETURN_IF_ERROR(generateTokens(*model.plan, *model.session, wanted,
                                     options.sampler, emit));
  for (uint64_t i = 0; i < options.texts; ++i)
    printer.add(i, streams[i].finish());
  printer.finish();
  return Status::success();
}

Status runSample(Arguments arguments) {
  SampleOptions options;
  options.sampler.temperature = 0.8;
  options.sampler.topK = 40;
  ArgParser parser("lns sample", "Lets a checkpoint continue a text, byte by "
                                 "byte, or token by token with a tokenizer. A "
                                 "plan of lnsc --decode --batch=1 is fastest.");
  parser.positional("PLAN", &options.planPath, "plan made by lnsc");
  parser.option("--checkpoint", "PATH", &options.checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--prompt", "TEXT", &options.prompt, "beginning of the text");
  parser.option("--tokenizer", "FILE", &options.tokenizerPath,
                "the model's tokenizer.json, or a folder that has it, where "
                "tokens are no bytes");
  parser.option("--bytes", "N", &options.bytes,
                "bytes to add, without --tokenizer", 1 << 24);
  parser.flag("--end-at-zero", &options.endsAtZero,
              "without --tokenizer: a text ends before at byte 0, as rows of "
              "'lns data prepare --jsonl' do");
  parser.option("--tokens", "N", &options.tokens,
                "tokens to add, with --tokenizer; a text may end before, at "
                "the model's eos_token_id",
                1 << 24);
  parser.option("--texts", "N", &options.texts,
                "texts, as many as the plan's batch; more cost no more time",
                1 << 16);
  parser.option("--temperature", "T", &options.sampler.temperature,
                "0: always the likeliest one", 0.0, 100.0);
  parser.option("--top-k", "K", &options.sampler.topK,
                "draw among the K likeliest, 0: among all");
  parser.option("--top-p", "P", &options.sampler.topP,
                "draw among the fewest of these, the likeliest first, that "
                "have P of the probability together, 1: among all",
                0.0, 1.0);
  parser.option("--seed", "N", &options.sampler.seed, "of the draws");
  declareStepsDone(parser, &options.stepsDone);
  declareAdapter(parser, &options.adapter);
  declareForce(parser, &options.force);
  declareSessionOptions(parser, &options.session);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  bool byTokens = parser.given("--tokenizer");
  if (byTokens && parser.given("--bytes"))
    return Status::usage("--bytes: with --tokenizer, give --tokens");
  if (byTokens && options.endsAtZero)
    return Status::usage("--end-at-zero: is about bytes; with --tokenizer a "
                         "text ends at the model's eos_token_id");
  if (!byTokens && parser.given("--tokens"))
    return Status::usage("--tokens: belongs to --tokenizer; give --bytes");
  if (options.texts == 0)
    return Status::usage("--texts: at least 1 is needed");
  std::optional<TokenizerFile> file;
  if (byTokens) {
    Expected<TokenizerFile> opened = TokenizerFile::open(options.tokenizerPath);
    if (!opened)
      return opened.status();
    printNotes(opened->tokenizer.notes());
    file = std::move(*opened);
    Expected<PlanFile> plan = PlanFile::open(options.planPath);
    if (!plan)
      return plan.status();
    LNS_RETURN_IF_ERROR(
        compareVocabularies(*file, plan->path(), plan->info().vocabulary));
  }
  Expected<LoadedModel> model = loadModel(
      options.planPath, options.checkpoint, options.adapter, options.force,
      getStepsDone(parser, options.stepsDone), options.session);
  if (!model)
    return model.status();
  return file ? sampleTokens(*model, *file, options)
              : sampleBytes(*model, options);
}

} // namespace lns::tool
