//===- commands.h - The subcommands -----------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_COMMANDS_COMMANDS_H
#define LNS_TOOLS_LNS_COMMANDS_COMMANDS_H

#include "tools/lns/base/status.h"

#include <span>
#include <string>

namespace lns::tool {

/// Each parses its own arguments (without the command's name), prints its
/// result to stdout and returns the first error.
using Arguments = std::span<const std::string>;

Status runDataPrepare(Arguments arguments);
Status runDataInfo(Arguments arguments);
Status runTokensEncode(Arguments arguments);
Status runTokensDecode(Arguments arguments);
Status runTokensInfo(Arguments arguments);
Status runTrain(Arguments arguments);
Status runEval(Arguments arguments);
Status runSample(Arguments arguments);
Status runPlanInfo(Arguments arguments);
Status runBench(Arguments arguments);
Status runGrads(Arguments arguments);
Status runDiagnose(Arguments arguments);
Status runDevices(Arguments arguments);
Status runCkptInfo(Arguments arguments);
Status runCkptVerify(Arguments arguments);
Status runCkptDiff(Arguments arguments);
Status runExportHf(Arguments arguments);
Status runImportHf(Arguments arguments);
Status runExportLora(Arguments arguments);
Status runImportLora(Arguments arguments);
Status runMerge(Arguments arguments);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_COMMANDS_COMMANDS_H
