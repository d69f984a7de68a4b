//===- trainer.cpp - The training loop ------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/trainer.h"

#include "tools/lns/base/interrupt.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/exchange/adapter_files.h"
#include "tools/lns/train/evaluate.h"
#include "tools/lns/train/loss_curve_svg.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <new>

namespace lns::tool {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The record's options: all that has a part in what a step computes.
static void recordOptions(TrainerOptions &options, const PlanFile &plan,
                          const PlanSession &session) {
  const LrSchedule &lr = options.schedule;
  auto text = [](const auto &value) { return fmt::format("{}", value); };
  options.record.options = {
      {"--steps", text(lr.totalSteps)},
      {"--max-seconds", text(options.maxSeconds)},
      {"--lr", text(lr.peak)},
      {"--warmup", text(lr.warmupSteps)},
      {"--schedule", scheduleName(lr.kind)},
      {"--final-lr", text(lr.finalFraction)},
      {"--clip", text(options.clip)},
      {"--weight-decay", text(options.weightDecay)},
      {"--beta1", text(options.beta1)},
      {"--beta2", text(options.beta2)},
      {"--eps", text(options.eps)},
      {"the form of rows", options.rowForm},
      {"micro-batch", text(plan.info().micro_batch)},
      {"the plan's compiler", plan.info().compiler},
      {"the device", lnsrt_session_device(session.get())},
      {"the instruction-set level", lnsrt_session_cpu_level(session.get())},
      {"the code for products", lnsrt_session_matmul(session.get())}};
}

/// Calls `work`; memory that has run out is an error like others, and no reason
/// to leave without a checkpoint.
static Status guarded(const std::function<Status()> &work) {
  try {
    return work();
  } catch (const std::bad_alloc &) {
    return Status::failure("out of memory; use a smaller plan");
  } catch (const std::exception &error) {
    return Status::failure(error.what());
  }
}

//===----------------------------------------------------------------------===//
// Progress of the run
//===----------------------------------------------------------------------===//

Trainer::Trainer(const PlanFile &plan, PlanSession &session,
                 const TrainingSource &train, const HeldOutSource *heldOut,
                 TrainerOptions options)
    : plan(plan), session(session), train(train), heldOut(heldOut),
      options(std::move(options)), progress(stdout), batch(plan.makeBatch()),
      lastSave(Clock::now()), begin(Clock::now()) {
  recordOptions(this->options, plan, session);
}

double Trainer::elapsed() const { return elapsedBefore + secondsSince(begin); }

double Trainer::timeFraction() const {
  return options.maxSeconds > 0 ? elapsed() / options.maxSeconds : 0;
}

double Trainer::fractionDone() const {
  double steps = options.schedule.totalSteps > 0
                     ? static_cast<double>(step) /
                           static_cast<double>(options.schedule.totalSteps)
                     : 0;
  return std::max(steps, timeFraction());
}

bool Trainer::done() const {
  bool bySteps = options.schedule.totalSteps > 0 || options.maxSeconds <= 0;
  return (bySteps && step >= options.schedule.totalSteps) ||
         (options.maxSeconds > 0 && elapsed() >= options.maxSeconds);
}

double Trainer::secondsLeft() const {
  if (done())
    return 0;
  double left = INFINITY;
  if (options.schedule.totalSteps > step && stepsHere > 0)
    left = secondsSince(begin) / static_cast<double>(stepsHere) *
           static_cast<double>(options.schedule.totalSteps - step);
  if (options.maxSeconds > 0)
    left = std::min(left, options.maxSeconds - elapsed());
  return left;
}

//===----------------------------------------------------------------------===//
// The loop
//===----------------------------------------------------------------------===//

static bool isSameFolder(const std::string &a, const std::string &b) {
  std::error_code notThere;
  return std::filesystem::equivalent(a, b, notThere);
}

bool Trainer::isDamaged(const CheckpointEntry &entry) const {
  return std::any_of(
      damaged.begin(), damaged.end(),
      [&](const std::string &path) { return isSameFolder(path, entry.path); });
}

Status Trainer::resumeFrom(const std::string &path, bool mayPassOver,
                           bool &isLoaded) {
  Expected<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint) {
    if (!mayPassOver)
      return checkpoint.status();
    damaged.push_back(path);
    progress.line(fmt::format("passed over {}", checkpoint.status().message()));
    return Status::success();
  }
  const TrainerState &state = checkpoint->state();
  const lnsrt_plan_info &info = plan.info();
  if (state.seed != options.seed || state.batch != info.batch ||
      state.sequence != info.sequence)
    return Status::failure(fmt::format(
        "{}: was trained with seed {}, batch {} x {}, now it is seed {}, "
        "batch {} x {}; use the same seed and batch to resume",
        path, state.seed, state.batch, state.sequence, options.seed, info.batch,
        info.sequence));
  Expected<std::string> note =
      checkIdentity(plan.identity(), state.identity, path, options.force);
  if (!note)
    return note.status();
  if (!note->empty())
    progress.line("note: " + *note);
  LNS_RETURN_IF_ERROR(checkpoint->load(session));
  // Leaves what a run of this plan has saved as it is.
  std::vector<std::string> notes;
  LNS_RETURN_IF_ERROR(session.project(path, notes));
  for (const std::string &projected : notes)
    progress.line("note: " + projected);
  isLoaded = true;
  step = state.step;
  skipped = state.skippedSteps;
  LNS_RETURN_IF_ERROR(
      takeError(lnsrt_set_steps_done(session.get(), step - skipped)));
  // Started again, a run that too many skips have ended gets as many again.
  if (options.maxSkips == 0 || state.skippedInARow < options.maxSkips)
    skippedInARow = state.skippedInARow;
  elapsedBefore = state.elapsedSeconds;
  lastCheckpoint = path;
  if (isSameFolder(path, checkpointPath(options.runFolder, step))) {
    savedStep = step;
    if (state.rolling)
      rollingStep = step;
  }
  progress.line(fmt::format("resumed {} at step {}", path, step));
  if (!checkpoint->hasManifest())
    progress.line(fmt::format("note: {} has no manifest: whether its bytes are "
                              "what was written is not known",
                              path));
  for (const std::string &change :
       describeChanges(state.record, options.record))
    progress.line(fmt::format("note: {} in {}", change, path));
  return Status::success();
}

Status Trainer::startAnew() {
  LNS_RETURN_IF_ERROR(takeError(lnsrt_init(session.get(), options.seed)));
  if (options.initFrom.empty()) {
    if (plan.info().frozen_parameters != 0)
      progress.line("note: the frozen parameters are drawn by the seed, and "
                    "will stay so; --init-from takes them from a checkpoint");
    return Status::success();
  }
  std::vector<std::string> notes;
  std::optional<uint64_t> stepsDone;
  PlanModel text = {plan.identity(), plan.config()};
  LNS_RETURN_IF_ERROR(loadModelWeights(options.initFrom, text, options.force,
                                       session, notes, stepsDone,
                                       /*mayBeBase=*/true));
  if (!options.adapter.empty()) {
    Expected<AdapterFiles> adapter = openAdapter(options.adapter);
    if (!adapter)
      return adapter.status();
    LNS_RETURN_IF_ERROR(loadAdapter(*adapter, text, session));
    notes.push_back(
        fmt::format("{}: taken for the plan's adapters", adapter->place()));
  }
  LNS_RETURN_IF_ERROR(session.project(options.initFrom, notes));
  if (plan.info().schedules != 0)
    notes.push_back(fmt::format(
        "branches open from 0 again, however long {} was trained: a plan "
        "without --norm=prores goes on from what it computes",
        options.initFrom));
  for (const std::string &note : notes)
    progress.line("note: " + note);
  progress.line(
      fmt::format("starting from the weights of {}", options.initFrom));
  return Status::success();
}

/// The step from which on the plan computes the same at every step.
static Expected<double> findLastChange(const PlanFile &plan) {
  Expected<std::string> text = plan.json();
  if (!text)
    return text.status();
  nlohmann::json json = parseJson(*text);
  double last = 0;
  if (json.is_object())
    for (const nlohmann::json &schedule : json["schedules"])
      if (schedule.is_object())
        last = std::max(last, schedule.value("steps", 0.0));
  return last;
}

/// Branches that open too late to be trained are seldom meant.
Status Trainer::noteClosedBranches() {
  uint64_t steps = options.schedule.totalSteps;
  if (plan.info().schedules == 0 || steps == 0)
    return Status::success();
  Expected<double> last = findLastChange(plan);
  if (!last)
    return last.status();
  if (static_cast<double>(steps) < *last)
    progress.line(fmt::format("note: all branches are open from step {} on, "
                              "but the run ends at step {}: compile with a "
                              "smaller T in --norm=prores,T=... if that is not "
                              "meant",
                              *last, steps));
  return Status::success();
}

Status Trainer::start() {
  LNS_RETURN_IF_ERROR(makeFolder(options.runFolder));
  Expected<FolderLock> acquired = FolderLock::acquire(options.runFolder);
  if (!acquired)
    return acquired.status();
  lock.emplace(std::move(*acquired));
  std::vector<CheckpointEntry> own = listCheckpoints(options.runFolder);
  if (options.resume == "none" && !own.empty())
    return Status::failure(fmt::format(
        "{}: exists already; go on from it with --resume auto or choose "
        "another --out",
        own.front().path));
  removeStaleFolders(options.runFolder);

  bool isLoaded = false;
  std::vector<CheckpointEntry> candidates = own;
  if (options.resume != "auto" && options.resume != "none") {
    candidates = listCheckpoints(options.resume);
    if (candidates.empty())
      LNS_RETURN_IF_ERROR(resumeFrom(options.resume, false, isLoaded));
  }
  for (size_t i = 0; i < candidates.size() && !isLoaded; ++i)
    LNS_RETURN_IF_ERROR(resumeFrom(candidates[i].path, true, isLoaded));
  if (!candidates.empty() && !isLoaded)
    return Status::failure(fmt::format(
        "{}: none of {} checkpoints is whole; choose another --out to start "
        "anew",
        candidates.front().path, candidates.size()));
  // What is trained from here on needs the names of these steps.
  for (const CheckpointEntry &entry : own)
    if (entry.step >= step && savedStep != entry.step && !isDamaged(entry))
      return Status::failure(fmt::format(
          "{}: is not older than step {} of {}; resume from it, move it away, "
          "or choose another --out",
          entry.path, step, lastCheckpoint));

  if (!isLoaded)
    LNS_RETURN_IF_ERROR(startAnew());
  LNS_RETURN_IF_ERROR(noteClosedBranches());
  Expected<MetricsWriter> writer =
      MetricsWriter::open(options.runFolder + "/metrics.jsonl", step, history);
  if (!writer)
    return writer.status();
  metrics.emplace(std::move(*writer));
  lastSave = Clock::now();
  return Status::success();
}

Status Trainer::trainStep() {
  double lr = options.schedule.rate(step, timeFraction());
  LNS_RETURN_IF_ERROR(train.fill(options.seed, step, batch));
  lnsrt_optimizer_options optimizer = {};
  optimizer.struct_size = sizeof optimizer;
  optimizer.lr = static_cast<float>(lr);
  optimizer.beta1 = static_cast<float>(options.beta1);
  optimizer.beta2 = static_cast<float>(options.beta2);
  optimizer.eps = static_cast<float>(options.eps);
  optimizer.weight_decay = static_cast<float>(options.weightDecay);
  optimizer.clip = static_cast<float>(options.clip);
  // Moments have been updated so many times, counting this one.
  optimizer.step = step - skipped + 1;
  lnsrt_step_result result = {};
  result.struct_size = sizeof result;
  Clock::time_point stepBegin = Clock::now();
  LNS_RETURN_IF_ERROR(session.trainStep(batch, optimizer, result));
  double seconds = secondsSince(stepBegin);
  ++step;
  ++stepsHere;

  StepMetrics m;
  m.step = step;
  m.loss = result.loss;
  m.gradientNorm = result.gradient_norm;
  m.lr = lr;
  m.milliseconds = seconds * 1e3;
  m.tokensPerSecond = static_cast<double>(batch.tokenCount) / seconds;
  m.targets = batch.targetCount;
  m.skipped = !std::isfinite(m.loss) || !std::isfinite(m.gradientNorm);
  skippedInARow = m.skipped ? skippedInARow + 1 : 0;
  skipped += m.skipped;
  history.steps.push_back(m);
  LNS_RETURN_IF_ERROR(metrics->add(m));
  if (m.skipped)
    return skipStep(m);

  std::string total = options.schedule.totalSteps > 0
                          ? fmt::format("/{}", options.schedule.totalSteps)
                          : "";
  if (options.logEvery > 0 && (step % options.logEvery == 0 || done()))
    progress.line(fmt::format(
        "step {}{}  loss {:.4f}  grad {:.3f}  lr {:.2e}  {:.0f} ms  {} tok/s  "
        "eta {}",
        step, total, m.loss, m.gradientNorm, m.lr, m.milliseconds,
        formatCount(m.tokensPerSecond), formatDuration(secondsLeft())));
  progress.bar(fractionDone(), fmt::format("loss {:.3f}  eta {}", m.loss,
                                           formatDuration(secondsLeft())));
  return Status::success();
}

Status Trainer::skipStep(const StepMetrics &m) {
  progress.line(fmt::format("step {}  loss {}  grad {}: not finite, skipped "
                            "({} in a row, {} of all)",
                            step, m.loss, m.gradientNorm, skippedInARow,
                            skipped));
  if (options.maxSkips == 0 || skippedInARow < options.maxSkips)
    return Status::success();
  return Status::ended(
      Status::Kind::Diverged,
      fmt::format("step {}: loss {}, gradient norm {}; {} steps in a row were "
                  "not finite and were skipped (--max-skips): use a smaller "
                  "--lr or a longer --warmup",
                  step, m.loss, m.gradientNorm, skippedInARow));
}

Status Trainer::evaluate(uint64_t maxBatches, double &loss) {
  Expected<HeldOutLoss> result =
      evaluateLoss(plan, session, *heldOut, maxBatches);
  if (!result)
    return result.status();
  loss = result->mean;
  // A finished run that is resumed measures its last step again.
  if (history.evals.empty() || history.evals.back().step != step) {
    EvalMetrics m{step, loss};
    history.evals.push_back(m);
    LNS_RETURN_IF_ERROR(metrics->add(m));
  }
  progress.line(fmt::format("step {}  held-out loss {:.4f}  ({:.4f} bits per "
                            "token)",
                            step, loss, bitsPerToken(loss)));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Saving
//===----------------------------------------------------------------------===//

TrainerState Trainer::makeState() const {
  TrainerState state;
  state.step = step;
  state.seed = options.seed;
  state.batch = plan.info().batch;
  state.sequence = plan.info().sequence;
  state.elapsedSeconds = elapsed();
  state.identity = plan.identity();
  state.skippedSteps = skipped;
  state.skippedInARow = skippedInARow;
  state.record = options.record;
  return state;
}

Status Trainer::save(SaveReason reason) {
  lastSave = Clock::now();
  if (savedStep == step)
    return Status::success();
  TrainerState state = makeState();
  state.rolling = reason == SaveReason::Clock;
  std::string path = checkpointPath(options.runFolder, step), movedTo;
  LNS_RETURN_IF_ERROR(clearCheckpointPath(path, movedTo));
  if (!movedTo.empty()) {
    progress.line(fmt::format("renamed {} to {}", path, movedTo));
    std::erase_if(damaged, [&](const std::string &other) {
      return !std::filesystem::exists(other);
    });
  }
  LNS_RETURN_IF_ERROR(saveCheckpoint(path, session, state, plan.config()));
  savedStep = step;
  lastCheckpoint = path;
  lastSave = Clock::now();
  progress.line(fmt::format("saved {}", path));
  removeOldCheckpoints(reason);
  return Status::success();
}

void Trainer::removeOldCheckpoints(SaveReason reason) {
  std::optional<uint64_t> last = std::exchange(rollingStep, std::nullopt);
  if (reason == SaveReason::Clock)
    rollingStep = step;
  uint64_t seen = 0;
  for (const CheckpointEntry &entry : listCheckpoints(options.runFolder)) {
    if (entry.step > step || isDamaged(entry))
      continue;
    ++seen;
    bool isOld = options.keep > 0 ? seen > options.keep : entry.step == last;
    if (!isOld || entry.step == step)
      continue;
    // One more than there need be is no reason to end a run.
    if (Status status = removeFolder(entry.path); !status.ok())
      progress.line("note: " + status.message());
  }
}

/// A save that fails during the run is not the end: the state is still there,
/// and the disk may have room the next time.
void Trainer::saveInPassing(SaveReason reason) {
  Status status = guarded([&] { return save(reason); });
  if (!status.ok())
    progress.line(fmt::format("warning: not saved, the run goes on: {}",
                              status.message()));
}

Status Trainer::sample() {
  SamplerOptions sampler;
  sampler.temperature = 0.8;
  sampler.topK = 40;
  sampler.seed = options.seed;
  uint64_t count = std::min<uint64_t>(4, plan.info().batch);
  std::vector<TextSanitizer> sanitizers(count);
  std::vector<std::string> texts(count);
  LNS_RETURN_IF_ERROR(generateTexts(
      plan, session, "", count, options.sampleBytes,
      /*endsAtZero=*/false, sampler, [&](uint64_t text, unsigned char byte) {
        texts[text] += sanitizers[text].push(byte);
      }));
  progress.line(fmt::format("samples at step {}:", step));
  for (uint64_t i = 0; i < count; ++i) {
    std::string text = texts[i] + sanitizers[i].finish();
    std::replace(text.begin(), text.end(), '\n', ' ');
    progress.line("  | " + text);
  }
  return Status::success();
}

Status Trainer::drawCurve() {
  Expected<AtomicFile> file =
      AtomicFile::create(options.runFolder + "/loss.svg");
  if (!file)
    return file.status();
  std::string title =
      fmt::format("{}: {} parameters, batch {} x {}", plan.info().model_name,
                  formatCount(static_cast<double>(plan.info().parameters)),
                  plan.info().batch, plan.info().sequence);
  LNS_RETURN_IF_ERROR(file->write(drawLossCurve(history, title)));
  return file->commit();
}

//===----------------------------------------------------------------------===//
// The whole run
//===----------------------------------------------------------------------===//

/// What a signal or the end of standard output has asked for; success if
/// neither has.
Status Trainer::endingSignal() const {
  LNS_RETURN_IF_ERROR(stopIfInterrupted());
  if (progress.isClosed())
    return Status::ended(Status::Kind::Resumable, "standard output was closed");
  return Status::success();
}

Status Trainer::loop() {
  auto due = [&](uint64_t every) { return every > 0 && step % every == 0; };
  for (;;) {
    LNS_RETURN_IF_ERROR(endingSignal());
    if (done())
      return Status::success();
    LNS_RETURN_IF_ERROR(trainStep());
    LNS_RETURN_IF_ERROR(endingSignal());
    if (done())
      return Status::success();
    // First what was trained, then what may take long or fail.
    if (due(options.saveEvery))
      saveInPassing(SaveReason::Asked);
    else if (options.saveMinutes > 0 &&
             secondsSince(lastSave) >= 60 * options.saveMinutes)
      saveInPassing(SaveReason::Clock);
    if (heldOut && due(options.evalEvery)) {
      double loss = 0;
      LNS_RETURN_IF_ERROR(evaluate(options.evalBatches, loss));
      LNS_RETURN_IF_ERROR(drawCurve());
    }
    if (due(options.sampleEvery))
      LNS_RETURN_IF_ERROR(sample());
  }
}

Status Trainer::finish() {
  double trained = elapsed(), loss = 0;
  LNS_RETURN_IF_ERROR(metrics->sync());
  if (heldOut)
    LNS_RETURN_IF_ERROR(evaluate(0, loss));
  Status drawn = drawCurve();
  progress.line(fmt::format("{} steps in {}, loss curve in {}/loss.svg", step,
                            formatDuration(trained), options.runFolder));
  if (skipped > 0)
    progress.line(fmt::format("note: {} of the steps were not finite and were "
                              "skipped",
                              skipped));
  if (heldOut && options.bytesPerToken != 1)
    progress.line(fmt::format("val_loss={:.6f}", loss));
  if (heldOut && options.bytesPerToken)
    progress.line(fmt::format("val_bpb={:.4f}",
                              bitsPerToken(loss) / *options.bytesPerToken));
  LNS_RETURN_IF_ERROR(drawn);
  if (!std::isfinite(loss))
    return Status::ended(Status::Kind::Diverged,
                         fmt::format("the held-out loss is {}; use a smaller "
                                     "--lr or a longer --warmup",
                                     loss));
  return endingSignal();
}

/// What is said of a run that `why` has ended.
Status Trainer::end(const Status &why) {
  Status::Kind kind = why.getKind();
  if (lastCheckpoint.empty())
    return Status::ended(kind, fmt::format("{}; no step was trained, nothing "
                                           "is to be saved",
                                           why.message()));
  if (kind == Status::Kind::Failure)
    kind = Status::Kind::Stopped;
  return Status::ended(
      kind, fmt::format("{}; ended after step {}, which {} holds: go on with "
                        "--resume auto",
                        why.message(), step, lastCheckpoint));
}

Status Trainer::run() {
  InterruptGuard guard;
  LNS_RETURN_IF_ERROR(start());
  Status why = guarded([&] { return loop(); });
  if (why.ok() || step > 0) {
    Status saved = guarded([&] { return save(SaveReason::Asked); });
    if (!saved.ok()) {
      std::string before =
          lastCheckpoint.empty()
              ? "there is no checkpoint"
              : fmt::format("the last checkpoint is {}", lastCheckpoint);
      return Status::ended(saved.getKind() == Status::Kind::Diverged
                               ? Status::Kind::Diverged
                               : Status::Kind::NotSaved,
                           fmt::format("{}{}; step {} is not saved: {}",
                                       why.ok() ? "" : why.message() + "; ",
                                       saved.message(), step, before));
    }
  }
  if (why.ok())
    why = guarded([&] { return finish(); });
  else if (Status drawn = guarded([&] { return drawCurve(); }); !drawn.ok())
    progress.line("note: " + drawn.message());
  return why.ok() ? why : end(why);
}

} // namespace lns::tool
