//===- cpu_quota.h - Processors that a container may use ---------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A container's limit of CPU time is no affinity: its processes may run on
// every processor, but together only so long, and with more threads than that
// all of them stand still in turns.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_CPU_QUOTA_H
#define LNS_RUNTIME_BASE_CPU_QUOTA_H

#include <string>

namespace lns {

/// Processors' worth of time that the control groups of this process allow,
/// rounded up, at least 1; 0 if none of them limits it. The smallest of all
/// groups from the process's own up to the root counts: `cpu.max` of version 2,
/// `cpu.cfs_quota_us` of version 1. `root` stands before every path, for tests.
/// Files that are absent or damaged limit nothing.
unsigned cpuQuota(const std::string &root = "");

/// Processors that this process may use, at least 1: its affinity mask, and no
/// more than cpuQuota().
unsigned usableProcessors();

} // namespace lns

#endif // LNS_RUNTIME_BASE_CPU_QUOTA_H
