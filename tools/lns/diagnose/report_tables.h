//===- report_tables.h - Numbers that open ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_REPORT_TABLES_H
#define LNS_TOOLS_LNS_DIAGNOSE_REPORT_TABLES_H

#include "tools/lns/diagnose/svg.h"

#include <string>
#include <vector>

namespace lns::tool {

/// Five digits; "-" for what is not finite.
std::string formatNumber(double value);

/// HTML of cells that are text; the first row is the head.
std::string makeTable(const std::vector<std::vector<std::string>> &rows);

/// HTML that shows `summary` until it is opened.
std::string foldAway(const std::string &summary, const std::string &content);

/// A row for each x of the lines, whose x go by ones.
std::string makeLineTable(const std::vector<BandLine> &lines);

std::string makeMapTable(const HeatMap &map);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_REPORT_TABLES_H
