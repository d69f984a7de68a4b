//===- session_options.h - Options shared by commands that run a plan -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_SESSION_OPTIONS_H
#define LNS_TOOLS_LNS_COMMANDS_SESSION_OPTIONS_H

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/data/data_loader.h"
#include "tools/lns/data/held_out.h"
#include "tools/lns/data/shard_set.h"
#include "tools/lns/train/plan_session.h"

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// Declares --device, --threads and --cpu-level.
inline void declareSessionOptions(ArgParser &parser,
                                  PlanSession::Options *options) {
  parser.option("--device", "DEVICE", &options->device,
                "cpu, cuda or cuda:N; by itself the CPU if the plan has code "
                "for it ('lns devices' lists them)");
  parser.option("--threads", "N", &options->threads,
                "threads, 0: all that the process may use", 4096);
  parser.option(
      "--cpu-level", "LEVEL", &options->cpuLevel,
      "instruction-set level, e.g. x86-64-v3; the best one by itself");
}

/// Declares --force for commands that take a checkpoint.
inline void declareForce(ArgParser &parser, bool *force) {
  parser.flag("--force", force,
              "take the parameters although they are of another model than the "
              "plan's");
}

/// Declares --token-type, which `name` holds if it is given.
inline void declareTokenType(ArgParser &parser, std::string *name) {
  parser.choice("--token-type", name, tokenTypeNames(),
                "type of the tokens in files without header");
}

inline std::optional<TokenType> chosenTokenType(const std::string &name) {
  return name.empty() ? std::nullopt : std::optional(parseTokenType(name));
}

/// Remarks that are neither results nor errors.
inline void printNotes(const std::vector<std::string> &notes) {
  for (const std::string &note : notes)
    std::fputs(("lns: note: " + note + "\n").c_str(), stderr);
}

/// Opens every path, and says on standard error what there is to say.
inline Expected<std::vector<Shard>>
openWithNotes(const std::vector<std::string> &paths,
              const std::string &tokenType) {
  std::vector<std::string> notes;
  Expected<std::vector<Shard>> shards =
      openShards(paths, chosenTokenType(tokenType), notes);
  printNotes(notes);
  return shards;
}

/// Opens `paths` to be read as a whole, in rows of the plan's length.
inline Expected<HeldOutRows> openHeldOut(const PlanFile &plan,
                                         const std::vector<std::string> &paths,
                                         const std::string &tokenType) {
  Expected<std::vector<Shard>> shards = openWithNotes(paths, tokenType);
  if (!shards)
    return shards.status();
  return HeldOutRows::create(std::move(*shards), plan.info().sequence,
                             plan.info().vocabulary);
}

/// Opens `paths` for batches of the plan's size.
inline Expected<DataLoader> openLoader(const PlanFile &plan,
                                       const std::vector<std::string> &paths,
                                       const std::string &tokenType) {
  Expected<std::vector<Shard>> shards = openWithNotes(paths, tokenType);
  if (!shards)
    return shards.status();
  Expected<DataLoader> loader =
      DataLoader::create(std::move(*shards), plan.info().batch,
                         plan.info().sequence, plan.info().vocabulary);
  if (loader)
    for (const std::string &line : loader->skipped())
      printNotes({line + "; it is skipped"});
  return loader;
}

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_SESSION_OPTIONS_H
