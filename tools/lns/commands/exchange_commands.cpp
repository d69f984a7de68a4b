//===- exchange_commands.cpp - lns ckpt export-hf, import-hf --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/byte_size.h"
#include "tools/lns/base/progress.h"
#include "tools/lns/commands/checkpoint_model.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/exchange/hf_export.h"
#include "tools/lns/exchange/hf_import.h"
#include "tools/lns/train/plan_session.h"

#include <cstdio>
#include <fmt/format.h>

namespace lns::tool {

Status runExportHf(Arguments arguments) {
  std::string path, out, planPath, dtype = "f32", maxShard = "5G";
  ArgParser parser(
      "lns ckpt export-hf",
      "Writes a checkpoint as a folder that Hugging Face's tools read. The "
      "scales of LayerNorm Scaling go into the gains, so that an unmodified "
      "LlamaForCausalLM (or the class of the model's family) computes the same "
      "logits. What no class computes is refused (docs/exchange.md).");
  parser.positional("RUN", &path, "checkpoint or run folder");
  parser.option("-o", "DIR", &out, "folder to be made");
  parser.required();
  parser.option("--plan", "PLAN", &planPath,
                "plan of a config.json of the same model, for one that came as "
                ".mlir");
  parser.choice("--dtype", &dtype, {"f32", "bf16"},
                "of matrices and biases; gains are f32 always");
  parser.option("--max-shard", "SIZE", &maxShard,
                "bytes of tensors in a file (5000000000, 800M, 5G)");
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  ExportOptions options;
  options.bf16 = dtype == "bf16";
  std::optional<uint64_t> bytes = parseByteSize(maxShard);
  if (!bytes || *bytes == 0)
    return Status::usage(fmt::format("--max-shard: '{}' is no number of bytes; "
                                     "write for example 5000000000, 800M or "
                                     "5GB",
                                     maxShard));
  options.maxShard = *bytes;
  std::optional<PlanTexts> texts;
  if (!planPath.empty()) {
    Expected<PlanFile> plan = PlanFile::open(planPath);
    if (!plan)
      return plan.status();
    texts = PlanTexts{planPath, plan->identity(), plan->config()};
  }
  Expected<SourceModel> source = readSource(path, texts);
  if (!source)
    return source.status();
  Expected<ExportSummary> written = exportModel(*source, out, options);
  if (!written)
    return written.status();
  printNotes(written->notes);
  fmt::print(
      "{}: {}, {} tensors, {} in {} file{}{}\n", out, written->architecture,
      written->tensors, formatBytes(static_cast<double>(written->bytes)),
      written->files, written->files == 1 ? "" : "s",
      written->folded.empty() ? ""
                              : fmt::format(", '{}' folded", written->folded));
  return Status::success();
}

Status runImportHf(Arguments arguments) {
  std::string path, out, planPath;
  uint64_t seed = 0;
  bool force = false;
  ArgParser parser("lns ckpt import-hf",
                   "Makes a run with one checkpoint, at step 0, of Hugging "
                   "Face's files. Gains of an export of LayerNorm Scaling are "
                   "unfolded; other files are what their config.json says.");
  parser.positional("DIR", &path,
                    "folder with config.json and safetensors files");
  parser.option("-o", "RUN", &out, "run folder to be made");
  parser.required();
  parser.option("--plan", "PLAN", &planPath, "plan that goes on with it");
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
  Expected<ImportSummary> made = importModel(path, out, *model, seed, force);
  if (!made)
    return made.status();
  printNotes(made->notes);
  fmt::print("{}: {} parameters of {}{}\n", made->checkpoint,
             formatCount(static_cast<double>(made->elements)), path,
             made->isUnfolded ? ", gains unfolded" : "");
  return Status::success();
}

} // namespace lns::tool
