//===- trainer.cpp - The training loop ------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "trainer.h"

#include "checkpoint.h"
#include "evaluate.h"
#include "file_io.h"
#include "loss_curve_svg.h"
#include "weights.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>

namespace lns::tool {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

//===----------------------------------------------------------------------===//
// Interruption
//===----------------------------------------------------------------------===//

static std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" {
static void onInterrupt(int) {
  interrupted.store(true, std::memory_order_relaxed);
}
}

namespace {
/// While it lives, Ctrl-C and a polite kill end the loop after the step that
/// is running, so that a checkpoint can be saved. A second one ends at once.
class InterruptGuard {
public:
  InterruptGuard() {
    interrupted = false;
    struct sigaction action = {};
    action.sa_handler = onInterrupt;
    // Reset, so that the second signal has its usual effect; no SA_RESTART.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, &oldInt);
    ::sigaction(SIGTERM, &action, &oldTerm);
  }
  ~InterruptGuard() {
    ::sigaction(SIGINT, &oldInt, nullptr);
    ::sigaction(SIGTERM, &oldTerm, nullptr);
  }

private:
  struct sigaction oldInt, oldTerm;
};
} // namespace

//===----------------------------------------------------------------------===//
// Progress of the run
//===----------------------------------------------------------------------===//

Trainer::Trainer(const PlanFile &plan, PlanSession &session,
                 const DataLoader &train, const DataLoader *heldOut,
                 TrainerOptions options)
    : plan(plan), session(session), train(train), heldOut(heldOut),
      options(std::move(options)), progress(stdout), tokens(plan.batchTokens()),
      targets(plan.batchTokens()), begin(Clock::now()) {}

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

Status Trainer::start() {
  LNS_RETURN_IF_ERROR(makeFolder(options.runFolder));
  Expected<FolderLock> acquired = FolderLock::acquire(options.runFolder);
  if (!acquired)
    return acquired.status();
  lock.emplace(std::move(*acquired));
  std::optional<std::string> from;
  if (options.resume == "none") {
    if (std::optional<std::string> found = latestCheckpoint(options.runFolder))
      return Status::failure(fmt::format(
          "{}: exists already; go on from it with --resume auto or choose "
          "another --out",
          *found));
  } else if (options.resume == "auto") {
    from = latestCheckpoint(options.runFolder);
  } else {
    from = options.resume;
  }
  removeStaleFolders(options.runFolder);

  if (from) {
    Expected<TrainerState> state = loadCheckpoint(*from, session);
    if (!state)
      return state.status();
    if (state->seed != options.seed || state->batch != plan.info().batch ||
        state->sequence != plan.info().sequence)
      return Status::failure(fmt::format(
          "{}: was trained with seed {}, batch {} x {}, now it is seed {}, "
          "batch {} x {}; use the same seed and batch to resume",
          *from, state->seed, state->batch, state->sequence, options.seed,
          plan.info().batch, plan.info().sequence));
    step = state->step;
    elapsedBefore = state->elapsedSeconds;
    if (std::filesystem::path(*from).lexically_normal() ==
        std::filesystem::path(checkpointPath(options.runFolder, step))
            .lexically_normal())
      savedStep = step;
    progress.line(fmt::format("resumed {} at step {}", *from, step));
  } else {
    LNS_RETURN_IF_ERROR(takeError(lnsrt_init(session.get(), options.seed)));
    if (!options.initFrom.empty()) {
      std::vector<std::string> notes;
      LNS_RETURN_IF_ERROR(loadParameters(options.initFrom, session, notes));
      for (const std::string &note : notes)
        progress.line("note: " + note);
      progress.line(
          fmt::format("starting from the weights of {}", options.initFrom));
    }
  }
  Expected<MetricsWriter> writer =
      MetricsWriter::open(options.runFolder + "/metrics.jsonl", step, history);
  if (!writer)
    return writer.status();
  metrics.emplace(std::move(*writer));
  return Status::success();
}

Status Trainer::trainStep() {
  double lr = options.schedule.rate(step, timeFraction());
  LNS_RETURN_IF_ERROR(
      train.randomBatch(options.seed, step, tokens.data(), targets.data()));
  lnsrt_optimizer_options optimizer = {};
  optimizer.struct_size = sizeof optimizer;
  optimizer.lr = static_cast<float>(lr);
  optimizer.beta1 = static_cast<float>(options.beta1);
  optimizer.beta2 = static_cast<float>(options.beta2);
  optimizer.eps = static_cast<float>(options.eps);
  optimizer.weight_decay = static_cast<float>(options.weightDecay);
  optimizer.clip = static_cast<float>(options.clip);
  optimizer.step = step + 1;
  lnsrt_step_result result = {};
  result.struct_size = sizeof result;
  Clock::time_point stepBegin = Clock::now();
  LNS_RETURN_IF_ERROR(takeError(lnsrt_train_step(
      session.get(), tokens.data(), targets.data(), &optimizer, &result)));
  double seconds = secondsSince(stepBegin);
  if (!std::isfinite(result.loss) || !std::isfinite(result.gradient_norm))
    return Status::failure(fmt::format(
        "step {}: loss {}, gradient norm {}; the run has diverged: use a "
        "smaller --lr or a longer --warmup",
        step + 1, result.loss, result.gradient_norm));
  ++step;
  ++stepsHere;

  StepMetrics m;
  m.step = step;
  m.loss = result.loss;
  m.gradientNorm = result.gradient_norm;
  m.lr = lr;
  m.milliseconds = seconds * 1e3;
  m.tokensPerSecond = static_cast<double>(tokens.size()) / seconds;
  history.steps.push_back(m);
  LNS_RETURN_IF_ERROR(metrics->add(m));

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

Status Trainer::evaluate(uint64_t maxBatches, double &loss) {
  Expected<double> result = evaluateLoss(plan, session, *heldOut, maxBatches);
  if (!result)
    return result.status();
  loss = *result;
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

Status Trainer::save() {
  if (savedStep == step)
    return Status::success();
  TrainerState state;
  state.step = step;
  state.seed = options.seed;
  state.batch = plan.info().batch;
  state.sequence = plan.info().sequence;
  state.elapsedSeconds = elapsed();
  std::string path = checkpointPath(options.runFolder, step);
  LNS_RETURN_IF_ERROR(saveCheckpoint(path, session, state, plan.config()));
  savedStep = step;
  progress.line(fmt::format("saved {}", path));
  return Status::success();
}

Status Trainer::sample() {
  SamplerOptions sampler;
  sampler.temperature = 0.8;
  sampler.topK = 40;
  sampler.seed = options.seed;
  uint64_t count = std::min<uint64_t>(4, plan.info().batch);
  std::vector<TextSanitizer> sanitizers(count);
  std::vector<std::string> texts(count);
  LNS_RETURN_IF_ERROR(
      generateTexts(plan, session, "", count, options.sampleBytes, sampler,
                    [&](uint64_t text, unsigned char byte) {
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

Status Trainer::finish() {
  double trained = elapsed(), loss = 0;
  if (heldOut)
    LNS_RETURN_IF_ERROR(evaluate(0, loss));
  LNS_RETURN_IF_ERROR(save());
  LNS_RETURN_IF_ERROR(drawCurve());
  progress.line(fmt::format("{} steps in {}, loss curve in {}/loss.svg", step,
                            formatDuration(trained), options.runFolder));
  if (heldOut)
    progress.line(options.tokensAreBytes
                      ? fmt::format("val_bpb={:.4f}", bitsPerToken(loss))
                      : fmt::format("val_loss={:.6f}", loss));
  return Status::success();
}

Status Trainer::run() {
  InterruptGuard guard;
  LNS_RETURN_IF_ERROR(start());
  auto due = [&](uint64_t every) { return every > 0 && step % every == 0; };
  while (!done()) {
    LNS_RETURN_IF_ERROR(trainStep());
    if (interrupted) {
      LNS_RETURN_IF_ERROR(save());
      LNS_RETURN_IF_ERROR(drawCurve());
      return Status::failure(fmt::format(
          "interrupted after step {}; go on with --resume auto", step));
    }
    if (done())
      break;
    if (heldOut && due(options.evalEvery)) {
      double loss = 0;
      LNS_RETURN_IF_ERROR(evaluate(options.evalBatches, loss));
      LNS_RETURN_IF_ERROR(drawCurve());
    }
    if (due(options.sampleEvery))
      LNS_RETURN_IF_ERROR(sample());
    if (due(options.saveEvery))
      LNS_RETURN_IF_ERROR(save());
  }
  return finish();
}

} // namespace lns::tool
