//===- train_command.cpp - lns train --------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/data_sources.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/shard_set.h"
#include "tools/lns/train/lr_schedule.h"
#include "tools/lns/train/plan_session.h"
#include "tools/lns/train/trainer.h"

#include <cstdio>
#include <fmt/format.h>
#include <memory>

namespace lns::tool {

Status runTrain(Arguments arguments) {
  std::string planPath, data, valData, tokenType, warmup = "100",
                                                  schedule = "cosine";
  TrainerOptions options;
  LrSchedule &lr = options.schedule;
  PlanSession::Options sessionOptions;
  options.evalBatches = 20;
  double finalLr = 0;
  uint64_t epochs = 0;
  RowChoices rowChoices;

  ArgParser parser("lns train", "Trains a plan. RUN receives checkpoints "
                                "(step-*), metrics.jsonl and loss.svg.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--data", "DIR|GLOB", &data,
                "token shards; those with val, valid, validation, test or "
                "heldout as a part of their name are held out");
  parser.required();
  parser.option("--out", "RUN", &options.runFolder, "folder of the run");
  parser.required();
  parser.option("--val-data", "DIR|GLOB", &valData,
                "held-out shards, instead of those of --data");
  declareTokenType(parser, &tokenType);
  parser.option("--steps", "N", &lr.totalSteps, "steps of the whole run");
  parser.option("--epochs", "N", &epochs,
                "instead of --steps: as many steps as show all of the data N "
                "times",
                1 << 20);
  declareRowChoices(parser, &rowChoices);
  parser.option("--max-seconds", "S", &options.maxSeconds,
                "end, and finish the schedule, by this time at the latest; 0: "
                "no limit (a run with a limit cannot be repeated bit by bit)",
                0.0, 1e9);
  parser.option("--lr", "RATE", &lr.peak, "peak learning rate", 0.0, 1e3);
  parser.option("--warmup", "N|P%", &warmup,
                "steps, or share of --steps, until the peak is reached");
  parser.choice("--schedule", &schedule, scheduleNames(), "learning rate");
  parser.option("--final-lr", "SHARE", &finalLr,
                "share of the peak at the end; 0.1 for cosine", 0.0, 1.0);
  parser.option("--clip", "NORM", &options.clip,
                "limit of the global gradient norm, 0: none", 0.0, 1e9);
  parser.option("--weight-decay", "W", &options.weightDecay,
                "decoupled weight decay of the matrices", 0.0, 10.0);
  parser.option("--beta1", "B", &options.beta1, "AdamW", 0.0, 0.999999);
  parser.option("--beta2", "B", &options.beta2, "AdamW", 0.0, 0.999999);
  parser.option("--eps", "E", &options.eps, "AdamW", 1e-30, 1.0);
  parser.option("--seed", "N", &options.seed,
                "of initialization, order of the data and samples");
  parser.option("--eval-every", "N", &options.evalEvery,
                "steps between held-out losses, 0: at the end only");
  parser.option("--eval-batches", "N", &options.evalBatches,
                "batches of such a loss, 0: all; the last one uses all");
  parser.option("--sample-every", "N", &options.sampleEvery,
                "steps between samples of text, 0: none");
  parser.option("--sample-bytes", "N", &options.sampleBytes,
                "length of a sample's lines", 1 << 20);
  parser.option("--save-every", "N", &options.saveEvery,
                "steps between checkpoints, 0: at the end only");
  parser.option("--save-minutes", "M", &options.saveMinutes,
                "minutes between checkpoints by the clock, of which the newest "
                "stays; 0: none",
                0.0, 1e6);
  parser.option("--keep", "N", &options.keep,
                "newest checkpoints that stay, 0: all but those by the clock");
  parser.option("--max-skips", "N", &options.maxSkips,
                "steps in a row without a finite loss and gradient that end "
                "the run, 0: any number; such steps change nothing");
  parser.option("--log-every", "N", &options.logEvery,
                "steps between lines, 0: none");
  parser.option("--resume", "auto|none|DIR", &options.resume,
                "go on from a checkpoint, or the newest whole one of a run; "
                "auto: of RUN, if there is any");
  parser.option("--init-from", "PATH", &options.initFrom,
                "start from the weights of a checkpoint, run folder or "
                "safetensors file or index, at step 0 and without optimizer "
                "state; what --resume auto finds goes first");
  declareForce(parser, &options.force);
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  if (parser.given("--steps") && epochs > 0)
    return Status::usage("--steps and --epochs both say how long the run is; "
                         "give one of them");
  if (!parser.given("--steps") && epochs == 0 && options.maxSeconds <= 0)
    return Status::usage("--steps, --epochs or --max-seconds is missing; how "
                         "long shall the run be?");
  if (!options.initFrom.empty() && options.resume != "auto" &&
      options.resume != "none")
    return Status::usage("--init-from starts a new run, --resume DIR goes on "
                         "with an old one; give one of them");
  lr.kind = parseSchedule(schedule);
  lr.finalFraction =
      parser.given("--final-lr") ? finalLr : defaultFinalFraction(lr.kind);
  // Of a share of epochs nobody knows the steps before the data is open.
  bool isWarmupOfEpochs = epochs > 0 && warmup.ends_with('%');
  auto setWarmup = [&]() -> Status {
    Expected<uint64_t> steps = parseWarmup(warmup, lr.totalSteps);
    if (!steps)
      return steps.status();
    lr.warmupSteps = *steps;
    return Status::success();
  };
  if (!isWarmupOfEpochs)
    LNS_RETURN_IF_ERROR(setWarmup());

  Expected<PlanFile> plan = PlanFile::open(planPath);
  if (!plan)
    return plan.status();
  std::vector<std::string> notes;
  Expected<ShardSet> shards = findShards(data);
  if (!shards)
    return shards.status();
  std::optional<DataFacts> measured = shards->facts;
  if (!valData.empty()) {
    Expected<ShardSet> heldOut = findShards(valData);
    if (!heldOut)
      return heldOut.status();
    shards->val = heldOut->train;
    shards->val.insert(shards->val.end(), heldOut->val.begin(),
                       heldOut->val.end());
    measured = heldOut->facts;
    compareVocabulary(measured, plan->info().vocabulary, notes);
  }
  compareVocabulary(shards->facts, plan->info().vocabulary, notes);
  dropEmptyShards(shards->val, chosenTokenType(tokenType), notes);
  printNotes(notes);
  if (shards->train.empty())
    return Status::failure(fmt::format("{}: only held-out shards (by their "
                                       "names, such as val.bin); add a shard "
                                       "for training",
                                       data));
  if (options.sampleEvery > 0 && plan->info().vocabulary != 256)
    return Status::failure(fmt::format(
        "{}: vocabulary of {}, text can be sampled from byte models (256) "
        "only; leave --sample-every away",
        planPath, plan->info().vocabulary));
  Expected<TrainingData> train =
      openTraining(*plan, shards->train, tokenType, rowChoices, options.seed);
  if (!train)
    return train.status();
  options.rowForm = train->rowForm;
  if (epochs > 0) {
    // 2^20 epochs of all shards that there are fit by far.
    uint64_t rows = train->source->rowsPerEpoch();
    lr.totalSteps =
        (rows * epochs + plan->info().batch - 1) / plan->info().batch;
    if (isWarmupOfEpochs)
      LNS_RETURN_IF_ERROR(setWarmup());
  }
  std::unique_ptr<HeldOutSource> heldOut;
  if (!shards->val.empty()) {
    bool hasDocuments = false;
    Expected<std::unique_ptr<HeldOutSource>> rows =
        openHeldOut(*plan, shards->val, tokenType, rowChoices, &hasDocuments);
    if (!rows)
      return rows.status();
    heldOut = std::move(*rows);
    // Of answers alone, the loss says nothing of how many bits a text takes.
    options.bytesPerToken =
        hasDocuments ? std::nullopt
                     : bytesPerToken(measured, plan->info().vocabulary,
                                     heldOut->targetCount());
  }
  for (auto [paths, prints] :
       {std::pair{&shards->train, &options.record.data},
        std::pair{&shards->val, &options.record.heldOut}}) {
    Expected<std::vector<ShardFingerprint>> found =
        fingerprintShards(withSideFiles(*paths));
    if (!found)
      return found.status();
    *prints = std::move(*found);
  }
  Expected<PlanSession> session = PlanSession::create(*plan, sessionOptions);
  if (!session)
    return session.status();

  fmt::print("{}: {} parameters, batch {} x {}, {}\n"
             "{}: {}, {} targets held out\n",
             plan->info().model_name,
             formatCount(static_cast<double>(plan->info().parameters)),
             plan->info().batch, plan->info().sequence, session->place(), data,
             train->summary,
             heldOut ? formatCount(static_cast<double>(heldOut->targetCount()))
                     : "no");
  if (!heldOut)
    fmt::print("no held-out text: there will be no evaluation\n");
  for (const std::string &line : describeOddities(lr))
    fmt::print("note: {}\n", line);
  Trainer trainer(*plan, *session, *train->source, heldOut.get(), options);
  return trainer.run();
}

} // namespace lns::tool
