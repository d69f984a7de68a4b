//===- lora_commands.cpp - lns ckpt export-lora, import-lora, merge -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/checkpoint_model.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/exchange/lora_export.h"
#include "tools/lns/exchange/lora_merge.h"
#include "tools/lns/train/plan_session.h"

#include <cstdio>
#include <fmt/format.h>
#include <utility>

namespace lns::tool {

Status runExportLora(Arguments arguments) {
  std::string path, out, baseName;
  ArgParser parser(
      "lns ckpt export-lora",
      "Writes the adapters of a checkpoint as a folder that PEFT reads: for "
      "the "
      "base as 'lns ckpt export-hf' writes it, whose gains hold the scales of "
      "LayerNorm Scaling (docs/lora.md).");
  parser.positional("RUN", &path, "checkpoint or run folder");
  parser.option("-o", "DIR", &out, "folder to be made");
  parser.required();
  parser.option("--base-name", "NAME", &baseName,
                "base_model_name_or_path of adapter_config.json");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<SourceModel> source = readSource(path, std::nullopt);
  if (!source)
    return source.status();
  Expected<LoraExportSummary> written =
      exportLora(std::move(*source), baseName, out);
  if (!written)
    return written.status();
  fmt::print("{}: adapters of {} modules{}, {}\n", out, written->modules,
             written->saved
                 ? fmt::format(", {} tensors of whole ones", written->saved)
                 : "",
             formatBytes(static_cast<double>(written->bytes)));
  return Status::success();
}

Status runImportLora(Arguments arguments) {
  std::string path, base, out, planPath;
  uint64_t seed = 0;
  bool force = false;
  ArgParser parser("lns ckpt import-lora",
                   "Makes a run with one checkpoint, at step 0, of a base and "
                   "an adapter of PEFT, for a plan with such adapters.");
  parser.positional("DIR", &path,
                    "folder with adapter_config.json and "
                    "adapter_model.safetensors");
  parser.option("--base", "PATH", &base,
                "checkpoint, run or Hugging Face folder that it is for");
  parser.required();
  parser.option("-o", "RUN", &out, "run folder to be made");
  parser.required();
  parser.option("--plan", "PLAN", &planPath,
                "plan that goes on with it, of --lora with the adapter's rank, "
                "alpha and targets");
  parser.required();
  parser.option("--seed", "N", &seed, "of the run, as for 'lns train'");
  declareForce(parser, &force);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<CheckpointModel> model = readCheckpointModel(planPath);
  if (!model)
    return model.status();
  Expected<ImportSummary> made =
      importAdapter(base, path, out, *model, seed, force);
  if (!made)
    return made.status();
  printNotes(made->notes);
  fmt::print("{}: {} parameters of {}{} and {}\n", made->checkpoint,
             formatCount(static_cast<double>(made->elements)), base,
             made->isUnfolded ? ", gains unfolded," : "", path);
  return Status::success();
}

Status runMerge(Arguments arguments) {
  std::string path, adapter, out;
  ArgParser parser(
      "lns ckpt merge",
      "Makes a run with one checkpoint, at step 0, of a base and an adapter: "
      "every weight becomes W + scale B A, summed in f64 and rounded once. It "
      "is a checkpoint of the model without adapters.");
  parser.positional("PATH", &path, "checkpoint or run folder of lns");
  parser.option("--adapter", "DIR", &adapter,
                "adapter of PEFT; without it, the checkpoint's own");
  parser.option("-o", "RUN", &out, "run folder to be made");
  parser.required();
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<MergeSummary> made = mergeAdapter(path, adapter, out);
  if (!made)
    return made.status();
  printNotes(made->notes);
  fmt::print("{}: {} weights with their adapters added{}\n", made->checkpoint,
             made->merged,
             made->replaced
                 ? fmt::format(", {} tensors replaced", made->replaced)
                 : "");
  return Status::success();
}

} // namespace lns::tool
