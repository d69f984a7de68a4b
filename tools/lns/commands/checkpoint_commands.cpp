//===- checkpoint_commands.cpp - lns eval, lns sample, lns grads ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/data_loader.h"
#include "tools/lns/train/evaluate.h"
#include "tools/lns/train/metrics.h"
#include "tools/lns/train/plan_session.h"

#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <utility>

namespace lns::tool {

/// Plan and session with the parameters of a checkpoint.
namespace {
struct LoadedModel {
  // On the heap: the session refers to the plan.
  std::unique_ptr<PlanFile> plan;
  std::unique_ptr<PlanSession> session;
};
} // namespace

/// How many steps the parameters were trained, for a plan that asks; `given` by
/// the command line before what the checkpoint says.
static Status tellSteps(const LoadedModel &model, const std::string &checkpoint,
                        std::optional<uint64_t> given,
                        std::optional<uint64_t> found) {
  if (model.plan->info().schedules == 0)
    return Status::success();
  if (!given && !found)
    return Status::failure(fmt::format(
        "{}: does not say how many steps it was trained, by which branches of "
        "{} are open; give --steps-done",
        checkpoint, model.plan->path()));
  return takeError(
      lnsrt_set_steps_done(model.session->get(), given ? *given : *found));
}

static void declareStepsDone(ArgParser &parser, uint64_t *steps) {
  parser.option(
      "--steps-done", "N", steps,
      "steps that the checkpoint was trained, if it does not say, for "
      "a model whose branches open with them");
}

static std::optional<uint64_t> getStepsDone(const ArgParser &parser,
                                            uint64_t steps) {
  return parser.given("--steps-done") ? std::optional(steps) : std::nullopt;
}

static Expected<LoadedModel> loadModel(const std::string &planPath,
                                       const std::string &checkpoint,
                                       bool force,
                                       std::optional<uint64_t> stepsDone,
                                       const PlanSession::Options &options) {
  Expected<PlanFile> plan = PlanFile::open(planPath);
  if (!plan)
    return plan.status();
  LoadedModel model;
  model.plan = std::make_unique<PlanFile>(std::move(*plan));
  Expected<PlanSession> session = PlanSession::create(*model.plan, options);
  if (!session)
    return session.status();
  model.session = std::make_unique<PlanSession>(std::move(*session));
  std::vector<std::string> notes;
  std::optional<uint64_t> found;
  LNS_RETURN_IF_ERROR(loadModelWeights(
      checkpoint, {model.plan->identity(), model.plan->config()}, force,
      *model.session, notes, found));
  LNS_RETURN_IF_ERROR(model.session->project(checkpoint, notes));
  printNotes(notes);
  LNS_RETURN_IF_ERROR(tellSteps(model, checkpoint, stepsDone, found));
  return model;
}

Status runEval(Arguments arguments) {
  std::string planPath, checkpoint, data, tokenType;
  uint64_t batches = 0, stepsDone = 0;
  bool json = false;
  bool force = false;
  PlanSession::Options sessionOptions;
  ArgParser parser("lns eval", "Mean loss of a checkpoint on held-out text.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--checkpoint", "PATH", &checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--data", "DIR|GLOB", &data,
                "token shards; the held-out ones if there are any");
  parser.required();
  declareTokenType(parser, &tokenType);
  parser.option("--eval-batches", "N", &batches,
                "the first N batches, 0: all held-out targets");
  parser.flag("--json", &json, "print JSON");
  declareStepsDone(parser, &stepsDone);
  declareForce(parser, &force);
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<LoadedModel> model =
      loadModel(planPath, checkpoint, force, getStepsDone(parser, stepsDone),
                sessionOptions);
  if (!model)
    return model.status();
  Expected<ShardSet> shards = findShards(data);
  if (!shards)
    return shards.status();
  std::vector<std::string> notes;
  compareVocabulary(shards->facts, model->plan->info().vocabulary, notes);
  printNotes(notes);
  Expected<HeldOutRows> rows =
      openHeldOut(*model->plan,
                  shards->val.empty() ? shards->train : shards->val, tokenType);
  if (!rows)
    return rows.status();
  Expected<HeldOutLoss> loss =
      evaluateLoss(*model->plan, *model->session, *rows, batches);
  if (!loss)
    return loss.status();
  double mean = loss->mean;
  if (!std::isfinite(mean))
    return Status::failure(fmt::format(
        "{}: the loss is {}; the checkpoint is damaged or has diverged",
        checkpoint, mean));
  // Of other tokens nobody knows how many bytes they stand for.
  std::string bits;
  if (tokensAreBytes(shards->facts, model->plan->info().vocabulary))
    bits = json ? fmt::format(",\"val_bpb\":{}", bitsPerToken(mean))
                : fmt::format("val_bpb={:.4f}\n", bitsPerToken(mean));
  if (json)
    fmt::print("{{\"val_loss\":{},\"perplexity\":{}{},\"targets\":{}}}\n", mean,
               std::exp(mean), bits, loss->targets);
  else
    fmt::print("val_loss={:.6f}\nperplexity={:.4f}\n{}targets={}\n", mean,
               std::exp(mean), bits, loss->targets);
  return Status::success();
}

Status runSample(Arguments arguments) {
  std::string planPath, checkpoint, prompt;
  uint64_t count = 400, texts = 1, stepsDone = 0;
  SamplerOptions sampler;
  sampler.temperature = 0.8;
  sampler.topK = 40;
  bool force = false;
  PlanSession::Options sessionOptions;
  ArgParser parser("lns sample", "Lets a checkpoint continue a text, byte by "
                                 "byte. A plan with --batch=1 is fastest.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--checkpoint", "PATH", &checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--prompt", "TEXT", &prompt, "beginning of the text");
  parser.option("--bytes", "N", &count, "bytes to add", 1 << 24);
  parser.option("--texts", "N", &texts,
                "texts, as many as the plan's batch; more cost no more time",
                1 << 16);
  parser.option("--temperature", "T", &sampler.temperature,
                "0: always the likeliest byte", 0.0, 100.0);
  parser.option("--top-k", "K", &sampler.topK,
                "draw among the K likeliest, 0: among all");
  parser.option("--seed", "N", &sampler.seed, "of the draws");
  declareStepsDone(parser, &stepsDone);
  declareForce(parser, &force);
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<LoadedModel> model =
      loadModel(planPath, checkpoint, force, getStepsDone(parser, stepsDone),
                sessionOptions);
  if (!model)
    return model.status();
  if (texts == 0)
    return Status::usage("--texts: at least 1 is needed");
  // A single text is printed as it is made, several one after another.
  std::vector<TextSanitizer> sanitizers(texts);
  std::vector<std::string> pending(texts);
  auto flush = [&](uint64_t text) {
    std::fputs(std::exchange(pending[text], {}).c_str(), stdout);
    std::fflush(stdout);
  };
  for (uint64_t i = 0; i < texts; ++i)
    for (char c : prompt)
      pending[i] += sanitizers[i].push(static_cast<unsigned char>(c));
  LNS_RETURN_IF_ERROR(
      generateTexts(*model->plan, *model->session, prompt, texts, count,
                    sampler, [&](uint64_t text, unsigned char byte) {
                      pending[text] += sanitizers[text].push(byte);
                      if (texts == 1)
                        flush(0);
                    }));
  for (uint64_t i = 0; i < texts; ++i) {
    pending[i] += sanitizers[i].finish() + "\n";
    if (i + 1 < texts)
      pending[i] += "---\n";
    flush(i);
  }
  return Status::success();
}

/// L2 norm over all gradients, summed in a fixed order in double.
static Status gradientNorm(PlanSession &session, double &norm) {
  double sum = 0;
  std::vector<float> buffer;
  for (size_t i = 0; i < session.tensors().size(); ++i) {
    buffer.resize(session.tensors()[i].elements);
    LNS_RETURN_IF_ERROR(session.read(TensorKind::Gradient, i, 0, buffer));
    for (float g : buffer)
      sum += static_cast<double>(g) * static_cast<double>(g);
  }
  norm = std::sqrt(sum);
  return Status::success();
}

Status runGrads(Arguments arguments) {
  std::string planPath, checkpoint, tokenPath, tokenType, out;
  bool json = false, withLogits = false;
  uint64_t stepsDone = 0;
  bool force = false;
  PlanSession::Options sessionOptions;
  ArgParser parser("lns grads",
                   "Loss and every gradient for the first B x T tokens of a "
                   "shard; no clipping. For comparison with other trainers.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--checkpoint", "PATH", &checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--tokens", "SHARD", &tokenPath, "token shard");
  parser.required();
  declareTokenType(parser, &tokenType);
  parser.option("-o", "FILE", &out,
                "safetensors file for the gradients, under the parameters' "
                "names");
  parser.required();
  parser.flag("--logits", &withLogits,
              "add the tensors 'loss' [1] and 'logits' [B, T, vocabulary]");
  parser.flag("--json", &json, "print JSON");
  declareStepsDone(parser, &stepsDone);
  declareForce(parser, &force);
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<LoadedModel> model =
      loadModel(planPath, checkpoint, force, getStepsDone(parser, stepsDone),
                sessionOptions);
  if (!model)
    return model.status();
  Expected<HeldOutRows> rows =
      openHeldOut(*model->plan, {tokenPath}, tokenType);
  if (!rows)
    return rows.status();
  std::vector<int32_t> tokens(model->plan->batchTokens());
  std::vector<int32_t> targets(tokens.size());
  Expected<uint64_t> counted =
      rows->fill(0, model->plan->info().batch, tokens.data(), targets.data());
  if (!counted)
    return counted.status();
  float loss = 0;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_grads(
      model->session->get(), tokens.data(), targets.data(), &loss)));
  double norm = 0;
  LNS_RETURN_IF_ERROR(gradientNorm(*model->session, norm));
  if (!std::isfinite(loss) || !std::isfinite(norm))
    return Status::failure(fmt::format(
        "{}: loss {}, gradient norm {}; the checkpoint is damaged or has "
        "diverged",
        checkpoint, loss, norm));
  std::vector<ExtraTensor> extras;
  if (withLogits) {
    const lnsrt_plan_info &info = model->plan->info();
    extras = {{"loss", {1}, {loss}},
              {"logits", {info.batch, info.sequence, info.vocabulary}, {}}};
    std::vector<float> &logits = extras[1].data;
    logits.resize(tokens.size() * info.vocabulary);
    LNS_RETURN_IF_ERROR(takeError(
        lnsrt_logits(model->session->get(), tokens.data(), logits.data())));
  }
  LNS_RETURN_IF_ERROR(
      saveTensors(out, *model->session, TensorKind::Gradient, extras));
  if (json)
    fmt::print("{{\"loss\":{},\"grad_norm\":{},\"tensors\":{}}}\n", loss, norm,
               model->session->tensors().size());
  else
    fmt::print("loss={}\ngrad_norm={:.9g}\n{} gradients in {}\n", loss, norm,
               model->session->tensors().size(), out);
  return Status::success();
}

} // namespace lns::tool
