//===- diagnosis.h - Everything about the depth of a model ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_DIAGNOSIS_H
#define LNS_TOOLS_LNS_DIAGNOSE_DIAGNOSIS_H

#include "tools/lns/base/status.h"
#include "tools/lns/diagnose/tracer.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace lns::tool {

struct DiagnosisOptions {
  std::set<std::string> measures;
  /// The measures were not asked for by name: what the model does not allow is
  /// left out with a note.
  bool byDefault = false;
  bool allPairs = false;      ///< permutation
  uint64_t lensTokens = 2048; ///< at most
};

/// The names that --measure takes, in the order of docs/depth.md.
const std::vector<std::string> &measureNames();

/// "variance,drop": a set of names, "default" and "all" among them. An error
/// proposes the nearest name.
Expected<DiagnosisOptions> parseMeasures(const std::string &text);

/// What the measures will cost, a line each.
std::vector<std::string> describeCosts(const Subject &subject,
                                       const TraceLayout &layout,
                                       const DiagnosisOptions &options);

/// Measures; the members of the result are the measures' and "loss". Remarks go
/// to `notes`. Parameters are what they were before, to the bit.
Expected<nlohmann::ordered_json> diagnose(const Subject &subject,
                                          const TraceLayout &layout,
                                          const DiagnosisOptions &options,
                                          std::vector<std::string> &notes);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_DIAGNOSIS_H
