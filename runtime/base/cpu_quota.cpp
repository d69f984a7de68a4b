//===- cpu_quota.cpp - Processors that a container may use ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/cpu_quota.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <sched.h>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

using namespace lns;

namespace {
/// Where one version's tree of groups stands and which part of it is ours.
struct Hierarchy {
  bool found = false; ///< this process has a group in it
  std::string group;  ///< path of the group, as the kernel names it
  std::string mount = "/sys/fs/cgroup";
  std::string mountRoot = "/"; ///< the group that is mounted there
};
} // namespace

static std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    parts.push_back(part);
  return parts;
}

static bool contains(const std::vector<std::string> &parts,
                     std::string_view part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

/// /proc/self/cgroup: "0::/a/b" for version 2, "4:cpu,cpuacct:/a/b" for 1.
static void readGroups(const std::string &path, Hierarchy &unified,
                       Hierarchy &cpu) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    size_t first = line.find(':');
    size_t second = line.find(':', first == line.npos ? first : first + 1);
    if (second == line.npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    Hierarchy *tree = controllers.empty()                        ? &unified
                      : contains(split(controllers, ','), "cpu") ? &cpu
                                                                 : nullptr;
    if (!tree)
      continue;
    tree->found = true;
    tree->group = line.substr(second + 1);
  }
}

/// /proc/self/mountinfo: "31 23 0:28 ROOT MOUNT rw ... - TYPE SOURCE OPTIONS".
static void readMounts(const std::string &path, Hierarchy &unified,
                       Hierarchy &cpu) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    size_t dash = line.find(" - ");
    if (dash == line.npos)
      continue;
    std::vector<std::string> left = split(line.substr(0, dash), ' ');
    std::vector<std::string> right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3)
      continue;
    Hierarchy *tree =
        right[0] == "cgroup2" ? &unified
        : right[0] == "cgroup" && contains(split(right[2], ','), "cpu")
            ? &cpu
            : nullptr;
    if (!tree)
      continue;
    tree->mountRoot = left[3];
    tree->mount = left[4];
  }
}

/// Numbers at the beginning of a file; what is no number ends them.
static std::vector<int64_t> readNumbers(const std::string &path) {
  std::ifstream file(path);
  std::vector<int64_t> numbers;
  for (std::string word; numbers.size() < 2 && file >> word;) {
    int64_t number = 0;
    const char *end = word.data() + word.size();
    auto [stop, error] = std::from_chars(word.data(), end, number);
    if (error != std::errc() || stop != end)
      break;
    numbers.push_back(number);
  }
  return numbers;
}

/// The smaller of `limit` (0: none) and what one group allows.
static unsigned narrow(unsigned limit, int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0)
    return limit;
  int64_t rounded = quota / period + (quota % period != 0);
  auto here = static_cast<unsigned>(
      std::min<int64_t>(rounded, std::numeric_limits<int>::max()));
  return limit == 0 ? here : std::min(limit, here);
}

static unsigned limitOf(const std::string &root, const Hierarchy &tree,
                        bool isUnified, unsigned limit) {
  if (!tree.found)
    return limit;
  // Of a group above the mounted one, or in a container that sees the host's
  // name of its group, only the mounted part can be read.
  std::string below = tree.group;
  if (tree.mountRoot != "/") {
    bool isInside = below.starts_with(tree.mountRoot) &&
                    (below.size() == tree.mountRoot.size() ||
                     below[tree.mountRoot.size()] == '/');
    below = isInside ? below.substr(tree.mountRoot.size()) : "";
  }
  if (below.find("/..") != below.npos || !below.starts_with('/'))
    below = "";
  while (below.ends_with('/'))
    below.pop_back();
  for (;;) {
    std::string folder = root + tree.mount + below;
    if (isUnified) {
      std::vector<int64_t> max = readNumbers(folder + "/cpu.max");
      if (max.size() == 2)
        limit = narrow(limit, max[0], max[1]);
    } else {
      std::vector<int64_t> quota = readNumbers(folder + "/cpu.cfs_quota_us");
      std::vector<int64_t> period = readNumbers(folder + "/cpu.cfs_period_us");
      if (!quota.empty() && !period.empty())
        limit = narrow(limit, quota[0], period[0]);
    }
    size_t slash = below.rfind('/');
    if (slash == below.npos)
      return limit;
    below.resize(slash);
  }
}

unsigned lns::cpuQuota(const std::string &root) {
  Hierarchy unified, cpu;
  readGroups(root + "/proc/self/cgroup", unified, cpu);
  readMounts(root + "/proc/self/mountinfo", unified, cpu);
  return limitOf(root, cpu, false, limitOf(root, unified, true, 0));
}

unsigned lns::usableProcessors() {
  cpu_set_t set;
  unsigned allowed = sched_getaffinity(0, sizeof(set), &set) == 0
                         ? unsigned(CPU_COUNT(&set))
                         : std::thread::hardware_concurrency();
  if (unsigned quota = cpuQuota())
    allowed = std::min(allowed, quota);
  return std::max(allowed, 1u);
}
