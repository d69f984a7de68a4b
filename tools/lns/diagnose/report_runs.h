//===- report_runs.h - Results that can stand side by side ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_REPORT_RUNS_H
#define LNS_TOOLS_LNS_DIAGNOSE_REPORT_RUNS_H

#include "tools/lns/base/status.h"
#include "tools/lns/diagnose/svg.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// One result of lns diagnose.
struct DiagnosedRun {
  std::string file;
  std::string name;
  std::optional<uint64_t> step, seed;
  uint64_t layers = 0;
  nlohmann::ordered_json json;
};

/// Runs of one name and step: seeds of one setting.
struct RunGroup {
  std::string label;
  std::vector<const DiagnosedRun *> runs;
  size_t colour = 0; ///< its number
};

/// Reads results of lns diagnose; bytes are untrusted. An error names two that
/// did not look at the same rows, or two seeds of different depth, or a seed
/// that is there twice.
Expected<std::vector<DiagnosedRun>>
readRuns(const std::vector<std::string> &files);

/// In the order in which their first run was given.
Expected<std::vector<RunGroup>>
groupRuns(const std::vector<DiagnosedRun> &runs);

/// A number at a JSON pointer ("/drop/3"); NaN where there is none.
double numberAt(const nlohmann::ordered_json &json, const std::string &path);

/// The array at a JSON pointer, NaN for what is no number; empty where there is
/// none.
std::vector<double> numbersAt(const nlohmann::ordered_json &json,
                              const std::string &path);

/// Mean and band over a group's runs of the array at `path`, x counted from
/// `first`; empty where no run has it.
BandLine bandOf(const RunGroup &group, const std::string &path, double first);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_REPORT_RUNS_H
