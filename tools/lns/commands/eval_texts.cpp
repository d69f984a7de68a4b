//===- eval_texts.cpp - Questions and texts that are evaluated ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/commands/eval_texts.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/commands/loaded_model.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/eval/choice_report.h"
#include "tools/lns/eval/log_likelihood.h"
#include "tools/lns/eval/prefix_token.h"
#include "tools/lns/eval/rolling.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

/// As of `lns data prepare`.
static constexpr size_t maxTextBytes = size_t{1} << 31;

/// As messages and results name a file.
static std::string nameOf(const std::string &path) {
  return path == "-" ? "standard input" : path;
}

namespace {
/// A plan and how its texts become tokens, before a checkpoint is loaded: what
/// is wrong with the input is found without one.
struct EvalInput {
  std::unique_ptr<TokenizerFile> file; ///< null: bytes
  std::unique_ptr<TextEncoder> encoder;
  uint32_t sequence = 0;
};
} // namespace

static Expected<EvalInput> openInput(const EvalOptions &options) {
  Expected<PlanFile> plan = PlanFile::open(options.planPath);
  if (!plan)
    return plan.status();
  EvalInput input;
  input.sequence = plan->info().sequence;
  if (options.tokenizerPath.empty()) {
    if (plan->info().vocabulary != 256)
      return Status::failure(fmt::format(
          "{}: vocabulary of {}, texts can be evaluated by byte models (256) "
          "only; give the model's tokenizer (lns eval --tokenizer)",
          options.planPath, plan->info().vocabulary));
    uint32_t prefix = options.prefixToken.value_or('\n');
    if (prefix > 255)
      return Status::failure(fmt::format(
          "--prefix-token: {} is no byte, and without --tokenizer tokens are "
          "bytes; give 0 to 255",
          prefix));
    input.encoder = std::make_unique<TextEncoder>(TextEncoder::ofBytes(prefix));
    return input;
  }
  Expected<TokenizerFile> file = TokenizerFile::open(options.tokenizerPath);
  if (!file)
    return file.status();
  printNotes(file->tokenizer.notes());
  LNS_RETURN_IF_ERROR(
      compareVocabularies(*file, options.planPath, plan->info().vocabulary));
  input.file = std::make_unique<TokenizerFile>(std::move(*file));
  Expected<uint32_t> prefix =
      findPrefixToken(*input.file, options.prefixToken, options.checkpoint,
                      options.planPath, plan->config());
  if (!prefix)
    return prefix.status();
  input.encoder = std::make_unique<TextEncoder>(*input.file, *prefix);
  return input;
}

static Expected<LoadedModel> loadModel(const EvalOptions &options) {
  return loadModel(options.planPath, options.checkpoint, options.adapter,
                   options.force, options.stepsDone, options.session);
}

/// Texts share rows where the plan keeps them apart, unless they shall not.
static std::optional<uint64_t> packAlign(const PlanFile &plan,
                                         const RowChoices &rows) {
  if (plan.info().documents == 0 || rows.unpacked)
    return std::nullopt;
  return std::max<uint64_t>(rows.align, 1);
}

Status evaluateChoices(const EvalOptions &options) {
  Expected<EvalInput> input = openInput(options);
  if (!input)
    return input.status();
  std::string name = nameOf(options.choices);
  std::error_code ignored;
  if (!options.samples.empty() &&
      std::filesystem::equivalent(options.samples, options.choices, ignored))
    return Status::usage(fmt::format(
        "--samples: '{}' is the file of --choices, whose questions it would "
        "replace; give another name",
        options.samples));
  Expected<std::vector<ChoiceQuestion>> questions =
      readChoices(options.choices);
  if (!questions)
    return questions.status();
  Expected<ChoiceTexts> all =
      encodeChoices(*questions, *input->encoder, input->sequence,
                    !options.withoutMutualInformation, name);
  if (!all)
    return all.status();
  Expected<LoadedModel> model = loadModel(options);
  if (!model)
    return model.status();
  Expected<std::vector<double>> logLikelihoods =
      computeLogLikelihoods(*model->plan, *model->session, all->texts,
                            packAlign(*model->plan, options.rows));
  if (!logLikelihoods)
    return logLikelihoods.status();

  std::vector<QuestionScore> scores;
  for (size_t i = 0; i < questions->size(); ++i)
    scores.push_back(scoreQuestion((*questions)[i], all->questions[i],
                                   all->texts, *logLikelihoods));
  if (!options.samples.empty())
    LNS_RETURN_IF_ERROR(writeSamples(options.samples, *questions, scores));
  std::vector<TaskMetrics> rows = measureTasks(*questions, scores);
  if (options.json) {
    std::fputs(formatJson(rows, options.choices, input->sequence,
                          input->encoder->prefixToken())
                   .c_str(),
               stdout);
    return Status::success();
  }
  fmt::print("{}: {} questions, T {}, in the place of an empty context {}\n{}",
             name, questions->size(), input->sequence,
             input->encoder->prefixName(), formatTable(rows));
  return Status::success();
}

/// What is beyond a double is null in JSON.
static std::string toJson(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

Status evaluateTexts(const EvalOptions &options) {
  Expected<EvalInput> input = openInput(options);
  if (!input)
    return input.status();
  Expected<LoadedModel> model = loadModel(options);
  if (!model)
    return model.status();
  RollingScore score;
  for (const std::string &path : options.texts) {
    Expected<std::string> text = readTextStream(path, maxTextBytes);
    if (!text)
      return text.status();
    std::string name = nameOf(path);
    if (text->empty())
      return Status::failure(name + ": holds no text");
    Expected<std::vector<int32_t>> tokens = input->encoder->encode(*text, true);
    if (!tokens)
      return Status::failure(name + ": " + tokens.status().message());
    LNS_RETURN_IF_ERROR(scoreRolling(*model->plan, *model->session, *text,
                                     *tokens, input->encoder->prefixToken(),
                                     packAlign(*model->plan, options.rows),
                                     score));
  }
  if (options.json) {
    fmt::print("{{\"bits_per_byte\":{},\"byte_perplexity\":{},"
               "\"word_perplexity\":{},\"log_likelihood\":{},\"texts\":{},"
               "\"windows\":{},\"tokens\":{},\"bytes\":{},\"words\":{},"
               "\"sequence\":{},\"prefix_token\":{}}}\n",
               score.bitsPerByte(), toJson(score.bytePerplexity()),
               toJson(score.wordPerplexity()), score.logLikelihood, score.texts,
               score.windows, score.tokens, score.bytes, score.words,
               input->sequence, input->encoder->prefixToken());
    return Status::success();
  }
  fmt::print("rolling windows of {} tokens, before a text {}: every token is "
             "predicted once\n"
             "bits_per_byte={:.6f}\nbyte_perplexity={:.6f}\n"
             "word_perplexity={:.6g}\nlog_likelihood={:.4f}\n"
             "texts={}\nwindows={}\ntokens={}\nbytes={}\nwords={}\n",
             input->sequence, input->encoder->prefixName(), score.bitsPerByte(),
             score.bytePerplexity(), score.wordPerplexity(),
             score.logLikelihood, score.texts, score.windows, score.tokens,
             score.bytes, score.words);
  return Status::success();
}

} // namespace lns::tool
