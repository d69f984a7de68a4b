//===- cpu_quota_test.cpp - Processors that a container may use -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/cpu_quota.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

using lns::cpuQuota;
namespace fs = std::filesystem;

namespace {
/// A file system as a container sees it.
class CpuQuota : public ::testing::Test {
protected:
  CpuQuota() {
    std::string pattern =
        (fs::temp_directory_path() / "lns-quota-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
  }
  ~CpuQuota() override { fs::remove_all(root); }

  void write(const std::string &path, const std::string &text) {
    fs::create_directories(fs::path(root + path).parent_path());
    std::ofstream(root + path) << text;
  }
  void mountUnified(const std::string &group, const std::string &mountRoot) {
    write("/proc/self/cgroup", "0::" + group + "\n");
    write("/proc/self/mountinfo",
          "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
          "41 31 0:38 " +
              mountRoot +
              " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
  }
  std::string root;
};
} // namespace

TEST_F(CpuQuota, WithoutGroupsThereIsNone) {
  EXPECT_EQ(cpuQuota(root), 0u);
  mountUnified("/", "/");
  EXPECT_EQ(cpuQuota(root), 0u);
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cpuQuota(root), 0u);
}

TEST_F(CpuQuota, PartsOfAProcessorRoundUp) {
  mountUnified("/", "/");
  for (auto [text, expected] : {std::pair{"200000 100000\n", 2u},
                                {"200001 100000\n", 3u},
                                {"1000 100000\n", 1u},
                                {"150000 50000", 3u},
                                {"9223372036854775807 1\n", 2147483647u}}) {
    write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(cpuQuota(root), expected) << text;
  }
}

TEST_F(CpuQuota, DamagedFilesLimitNothing) {
  mountUnified("/", "/");
  for (const char *text : {"", "x", "200000", "200000 0", "0 100000",
                           "-1 100000", "99999999999999999999 100000"}) {
    write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(cpuQuota(root), 0u) << text;
  }
  write("/sys/fs/cgroup/cpu.max", "200000 100000");
  write("/proc/self/cgroup", "0:\n:\n\nx");
  EXPECT_EQ(cpuQuota(root), 0u);
}

// The smallest limit from the own group to the root counts.
TEST_F(CpuQuota, GroupsAboveLimitToo) {
  mountUnified("/kube/pod/app", "/");
  write("/sys/fs/cgroup/kube/pod/app/cpu.max", "max 100000");
  write("/sys/fs/cgroup/kube/pod/cpu.max", "400000 100000");
  write("/sys/fs/cgroup/kube/cpu.max", "1600000 100000");
  EXPECT_EQ(cpuQuota(root), 4u);
  write("/sys/fs/cgroup/kube/cpu.max", "300000 100000");
  EXPECT_EQ(cpuQuota(root), 3u);
  // A neighbour does not.
  write("/sys/fs/cgroup/kube/other/cpu.max", "100000 100000");
  EXPECT_EQ(cpuQuota(root), 3u);
}

// The host's name of the group, of which the container sees only its part.
TEST_F(CpuQuota, AMountedPart) {
  mountUnified("/docker/abc/worker", "/docker/abc");
  write("/sys/fs/cgroup/cpu.max", "500000 100000");
  EXPECT_EQ(cpuQuota(root), 5u);
  write("/sys/fs/cgroup/worker/cpu.max", "200000 100000");
  EXPECT_EQ(cpuQuota(root), 2u);
  mountUnified("/docker/abcd", "/docker/abc");
  EXPECT_EQ(cpuQuota(root), 5u);
  mountUnified("/../other", "/");
  EXPECT_EQ(cpuQuota(root), 5u);
}

TEST_F(CpuQuota, Version1) {
  write("/proc/self/cgroup", "5:memory:/docker/abc\n"
                             "4:cpu,cpuacct:/docker/abc\n0::/\n");
  write("/proc/self/mountinfo",
        "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
  EXPECT_EQ(cpuQuota(root), 0u);
  std::string folder = "/sys/fs/cgroup/cpu,cpuacct";
  write(folder + "/cpu.cfs_quota_us", "-1\n");
  write(folder + "/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpuQuota(root), 0u);
  write(folder + "/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(cpuQuota(root), 3u);
}
