//===- session_options.h - Options shared by commands that run a plan -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_SESSION_OPTIONS_H
#define LNS_TOOLS_LNS_COMMANDS_SESSION_OPTIONS_H

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/data/shard.h"
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

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_SESSION_OPTIONS_H
