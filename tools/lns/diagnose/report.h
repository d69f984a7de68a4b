//===- report.h - A page about diagnosed runs -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_REPORT_H
#define LNS_TOOLS_LNS_DIAGNOSE_REPORT_H

#include "tools/lns/base/status.h"

#include <string>
#include <vector>

namespace lns::tool {

/// One HTML file that needs nothing else: pictures are inline SVG, numbers
/// stand in tables that open, the results as they were read at the end. The
/// same bytes for the same files.
Expected<std::string> makeReport(const std::vector<std::string> &files);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_REPORT_H
