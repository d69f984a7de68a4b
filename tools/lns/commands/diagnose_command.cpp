//===- diagnose_command.cpp - lns diagnose --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/file_io.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/data_sources.h"
#include "tools/lns/commands/loaded_model.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/data/shard_set.h"
#include "tools/lns/diagnose/diagnosis.h"
#include "tools/lns/diagnose/report.h"
#include "tools/lns/diagnose/run_facts.h"
#include "tools/lns/train/metrics.h"

#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>

namespace lns::tool {

using Json = nlohmann::ordered_json;

namespace {
struct DiagnoseOptions {
  std::string plan, checkpoint, data, tokenType, out, name;
  std::string measures = "default";
  uint64_t rows = 32, seed = 0, stepsDone = 0, lensTokens = 2048;
  bool allPairs = false, force = false;
  PlanSession::Options session;
};
} // namespace

static Status writeFile(const std::string &path, const std::string &text) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(file->write(text));
  return file->commit();
}

/// Fails where `path` is a file that does not begin as what takes its place.
static Status checkReplaced(const std::string &path, std::string_view begin,
                            const char *what) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Status::success();
  std::string head(begin.size(), '\0');
  file.read(head.data(), std::streamsize(head.size()));
  if (std::string_view(head.data(), size_t(file.gcount())) == begin)
    return Status::success();
  return Status::failure(fmt::format(
      "{}: is there, and is not {} that another may replace; give another name",
      path, what));
}

/// Names of files need not be UTF-8.
static std::string dumpJson(const Json &json) {
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// What the run is called where nobody says: its folder.
static std::string nameOf(const std::string &checkpoint) {
  std::filesystem::path path(checkpoint);
  if (!path.has_filename())
    path = path.parent_path();
  return path.filename().string();
}

static Status runDiagnosis(const DiagnoseOptions &given,
                           std::optional<uint64_t> stepsDone) {
  Expected<DiagnosisOptions> options = parseMeasures(given.measures);
  if (!options)
    return options.status();
  options->allPairs = given.allPairs;
  options->lensTokens = given.lensTokens;
  if (given.rows == 0 || given.lensTokens == 0)
    return Status::usage(fmt::format(
        "{} must be at least 1", given.rows == 0 ? "--rows" : "--lens-tokens"));
  Expected<LoadedModel> model =
      loadModel(given.plan, given.checkpoint, /*adapter=*/"", given.force,
                stepsDone, given.session);
  if (!model)
    return model.status();
  const PlanFile &plan = *model->plan;
  if (identityOfBase(plan.identity()))
    return Status::failure(
        given.plan + ": has adapters, in blocks that are measured without; "
                     "make one model of the checkpoint with 'lns ckpt merge', "
                     "and measure that with a plan without --lora");
  Expected<TraceLayout> layout = readTraceLayout(plan);
  if (!layout)
    return layout.status();
  Expected<ShardSet> shards = findShards(given.data);
  if (!shards)
    return shards.status();
  std::vector<std::string> notes;
  compareVocabulary(shards->facts, plan.info().vocabulary, notes);
  if (shards->val.empty())
    notes.push_back(given.data + ": no shard is held out; the rows are of "
                                 "training data");
  printNotes(notes);
  bool hasDocuments = false;
  Expected<std::unique_ptr<HeldOutSource>> heldOut =
      openHeldOut(plan, shards->val.empty() ? shards->train : shards->val,
                  given.tokenType, RowChoices(), &hasDocuments);
  if (!heldOut)
    return heldOut.status();
  if (hasDocuments)
    return Status::failure(given.data +
                           ": is documents, but blocks are measured on whole "
                           "rows of text; give token shards without .docs");
  Expected<FixedRows> rows = chooseRows(**heldOut, plan.info().sequence,
                                        given.rows, given.seed, given.data);
  if (!rows)
    return rows.status();
  Expected<Json> run = describeRun(given.checkpoint);
  if (!run)
    return run.status();
  Subject subject{plan, *model->session, *rows};
  std::fprintf(stderr, "%llu rows of %u tokens\n",
               static_cast<unsigned long long>(rows->rows), rows->sequence);
  for (const std::string &line : describeCosts(subject, *layout, *options))
    std::fputs((line + "\n").c_str(), stderr);

  notes.clear();
  Expected<Json> measured = diagnose(subject, *layout, *options, notes);
  if (!measured)
    return measured.status();
  printNotes(notes);
  Json json = {
      {"format", "lns-diagnosis"},
      {"version", 1},
      {"name", given.name.empty() ? nameOf(given.checkpoint) : given.name},
      {"model", describeModel(plan)}};
  json["model"]["width"] = layout->width;
  json["model"]["branches"] = layout->branches;
  json["run"] = std::move(*run);
  json["data"] = {{"fingerprint", rows->fingerprint},
                  {"rows", rows->rows},
                  {"sequence", rows->sequence},
                  {"vocabulary", plan.info().vocabulary},
                  {"seed", given.seed},
                  {"row_numbers", rows->numbers}};
  double loss = (*measured)["loss"].get<double>();
  if (tokensAreBytes(shards->facts, plan.info().vocabulary))
    json["bits_per_byte"] = bitsPerToken(loss);
  json.update(*measured);
  LNS_RETURN_IF_ERROR(checkReplaced(given.out, "{\n \"format\": \"lns-d",
                                    "a result of lns diagnose"));
  LNS_RETURN_IF_ERROR(writeFile(given.out, dumpJson(json)));
  fmt::print("loss={:.6f}\n{}\n", loss, given.out);
  return Status::success();
}

/// RUN.json... stand before or behind --report OUT.html.
static Status runReport(Arguments arguments) {
  std::string out;
  std::vector<std::string> files;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument.starts_with("--report=")) {
      out = argument.substr(9);
    } else if (argument == "--report") {
      if (++i == arguments.size())
        return Status::usage("--report needs a file, OUT.html");
      out = arguments[i];
    } else if (argument.starts_with("-") && argument != "-") {
      return Status::usage(fmt::format(
          "unknown option '{}' of a report; write lns diagnose --report "
          "OUT.html RUN.json...",
          argument));
    } else {
      files.push_back(argument);
    }
  }
  if (out.empty() || files.empty())
    return Status::usage("a report needs results; write lns diagnose --report "
                         "OUT.html RUN.json...");
  Expected<std::string> page = makeReport(files);
  if (!page)
    return page.status();
  LNS_RETURN_IF_ERROR(checkReplaced(out, "<!DOCTYPE html>", "a page"));
  LNS_RETURN_IF_ERROR(writeFile(out, *page));
  fmt::print("{}\n", out);
  return Status::success();
}

Status runDiagnose(Arguments arguments) {
  // A report is of results, not of a plan.
  for (const std::string &argument : arguments)
    if (argument == "--report" || argument.starts_with("--report="))
      return runReport(arguments);
  DiagnoseOptions options;
  ArgParser parser("lns diagnose",
                   "What each block of a checkpoint does, on fixed held-out "
                   "rows (docs/depth.md). With --report OUT.html RUN.json...: "
                   "a page about results.");
  parser.positional("PLAN", &options.plan,
                    "plan made by lnsc with --diagnostics");
  parser.option("--checkpoint", "PATH", &options.checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--data", "DIR|GLOB", &options.data,
                "token shards; the held-out ones if there are any");
  parser.required();
  parser.option("-o", "FILE", &options.out, "where to write the result, JSON");
  parser.required();
  parser.option("--rows", "N", &options.rows, "whole rows of T tokens",
                1 << 24);
  parser.option("--seed", "N", &options.seed, "which rows");
  parser.option("--measure", "NAME,..", &options.measures,
                "variance, contribution, angular, lens, gradients, drop, "
                "causal, permutation, usefulness; default: those that are "
                "cheap and that the model allows; all");
  parser.option("--name", "TEXT", &options.name,
                "what reports call the run; runs of one name are seeds of one "
                "setting (default: the checkpoint's file name)");
  parser.flag("--all-pairs", &options.allPairs,
              "permutation of all pairs of blocks, not neighbours alone");
  parser.option("--lens-tokens", "N", &options.lensTokens,
                "most tokens that the lens looks at");
  declareTokenType(parser, &options.tokenType);
  declareStepsDone(parser, &options.stepsDone);
  declareForce(parser, &options.force);
  declareSessionOptions(parser, &options.session);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  return runDiagnosis(options, getStepsDone(parser, options.stepsDone));
}

} // namespace lns::tool
