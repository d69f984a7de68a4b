//===- kernel_cache_test.cpp - Where kernels' machine code comes from -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "cuda_test_plan.h"
#include "fakes.h"
#include "runtime/cuda/nvrtc.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace lns;
using namespace lns::test;
using testing::HasSubstr;

namespace {

/// Kernels of a session, by where they came from.
struct Origins {
  unsigned fromPlan = 0, fromCache = 0, compiled = 0;
  bool operator==(const Origins &) const = default;
};

void PrintTo(const Origins &origins, std::ostream *out) {
  *out << origins.fromPlan << " from the plan, " << origins.fromCache
       << " from the cache, " << origins.compiled << " compiled";
}

class KernelCache : public FakeCuda {
protected:
  KernelCache() { set("FAKE_NVRTC_LOG", folder / "compiled"); }

  lnsrt::Result<lnsrt::Session> create() {
    if (!plan) {
      auto opened = open(source.serialize());
      EXPECT_TRUE(opened) << opened.status().message();
      plan.emplace(std::move(*opened));
    }
    lnsrt::SessionOptions options;
    options.device = "cuda";
    return lnsrt::Session::create(*plan, options);
  }

  Origins start() {
    auto session = create();
    EXPECT_TRUE(session) << session.status().message();
    if (!session)
      return {};
    auto text = session->json();
    EXPECT_TRUE(text);
    auto json = nlohmann::json::parse(*text);
    return {json["kernels"]["from_plan"], json["kernels"]["from_cache"],
            json["kernels"]["compiled"]};
  }

  std::string problem() {
    auto session = create();
    EXPECT_FALSE(session);
    return session.status().message();
  }

  size_t compilations() const { return countLines(folder / "compiled"); }

  CudaTestPlan source;
  std::optional<lnsrt::Plan> plan;
};

} // namespace

TEST_F(KernelCache, EveryKernelOnce) {
  set("LNSRT_CUDA_PRODUCTS", "generated"); // No other entries.
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  EXPECT_EQ(compilations(), 5u);
  EXPECT_EQ(cacheEntries().size(), 5u);
  EXPECT_EQ(start(), (Origins{0, 5, 0}));
  EXPECT_EQ(compilations(), 5u);
}

TEST_F(KernelCache, TheKeyIsAllThatMatters) {
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  auto expectFresh = [&](Origins want) {
    plan.reset();
    EXPECT_EQ(start(), want);
  };
  source.kernel("test_loss").text += "// changed\n";
  expectFresh({0, 4, 1});
  source.cuda().headers[0]->text += "// changed\n";
  expectFresh({0, 0, 5});
  set("FAKE_CUDA_ARCH", "80");
  expectFresh({0, 0, 5});
  // Another version of the compiler, at another path as tables are kept.
  std::filesystem::create_symlink(LNS_FAKE_NVRTC, folder / "older.so");
  set("LNSRT_NVRTC", folder / "older.so");
  set("FAKE_NVRTC_VERSION", "12090");
  expectFresh({0, 0, 5});
  expectFresh({0, 5, 0});
  // What people are told does not matter.
  source.kernel("test_loss").source = "somebody else";
  expectFresh({0, 5, 0});
}

TEST_F(KernelCache, BrokenEntriesAreMadeAgain) {
  set("LNSRT_CUDA_PRODUCTS", "generated");
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  std::vector<std::string> entries = cacheEntries();
  ASSERT_EQ(entries.size(), 5u);
  std::filesystem::resize_file(entries[0], 100);
  std::ofstream(entries[1], std::ios::app) << "more";
  std::filesystem::rename(entries[2], entries[3]);
  EXPECT_EQ(start(), (Origins{0, 1, 4}));
  EXPECT_EQ(start(), (Origins{0, 5, 0}));
}

// Whole and of the right key, but no code that this driver takes.
TEST_F(KernelCache, EntriesThatDoNotLoadAreMadeAgain) {
  set("LNSRT_CUDA_PRODUCTS", "generated");
  set("FAKE_NVRTC_ARCHS", "90");
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  set("FAKE_NVRTC_POISON", "1");
  std::filesystem::remove_all(cacheFolder());
  EXPECT_THAT(problem(), HasSubstr("does not load kernel 'test_"));
  EXPECT_GT(cacheEntries().size(), 0u);
  unset("FAKE_NVRTC_POISON");
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  EXPECT_EQ(start(), (Origins{0, 5, 0}));
}

// What the real compiler made is found again, by a compiler of the same version
// that counts what it is asked for.
TEST_F(KernelCache, RealMachineCodeIsCompiledOnce) {
  set("LNSRT_CUDA_PRODUCTS", "generated");
  unset("LNSRT_NVRTC");
  const cuda::Nvrtc *nvrtc = nullptr;
  if (Error error = cuda::getNvrtc(/*driverVersion=*/13000, nvrtc))
    GTEST_SKIP() << messageOf(error);
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  EXPECT_EQ(cacheEntries().size(), 5u);
  set("FAKE_NVRTC_VERSION",
      std::to_string(nvrtc->major * 1000 + nvrtc->minor * 10));
  set("LNSRT_NVRTC", folder / "nvrtc.so");
  EXPECT_EQ(start(), (Origins{0, 5, 0}));
  EXPECT_EQ(compilations(), 0u);
  source.kernel("test_loss").text += "__device__ int changed;\n";
  plan.reset();
  EXPECT_EQ(start(), (Origins{0, 4, 1}));
  EXPECT_EQ(compilations(), 1u);
}

TEST_F(KernelCache, NoFolderCostsTimeOnly) {
  for (const char *cache : {"none", "/proc/nothing"}) {
    set("LNSRT_CACHE_DIR", cache);
    EXPECT_EQ(start(), (Origins{0, 0, 5}));
    EXPECT_EQ(start(), (Origins{0, 0, 5}));
  }
}

TEST_F(KernelCache, EightProcessesCompileEachKernelOnce) {
  auto opened = open(source.serialize());
  ASSERT_TRUE(opened);
  plan.emplace(std::move(*opened));
  constexpr int kProcesses = 8;
  for (int i = 0; i < kProcesses; ++i) {
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      _exit(create() ? 0 : 1);
  }
  for (int i = 0; i < kProcesses; ++i) {
    int status = 1;
    ASSERT_GT(wait(&status), 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(compilations(), 5u);
}

TEST_F(KernelCache, ThePlansOwnCodeComesFirst) {
  set("LNSRT_CACHE_DIR", "none");
  source.addCubin("test_loss", "sm_90a", "FAKE sm_90a\ntest_loss");
  EXPECT_EQ(start(), (Origins{1, 0, 4}));
  set("FAKE_CUDA_ARCH", "80");
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
}

TEST_F(KernelCache, ThePlansOwnCodeWithoutTheSuffix) {
  source.addCubin("test_loss", "sm_90", "FAKE sm_90\ntest_loss");
  EXPECT_EQ(start(), (Origins{1, 0, 4}));
}

// There is the text to make it from.
TEST_F(KernelCache, ThePlansOwnCodeThatDoesNotLoad) {
  source.addCubin("test_loss", "sm_90a", "damage");
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
}

TEST_F(KernelCache, WithoutACompiler) {
  set("LNSRT_NVRTC", "none");
  EXPECT_THAT(problem(), HasSubstr("LNSRT_NVRTC is 'none'"));
}

TEST_F(KernelCache, PtxForADeviceThatNvrtcDoesNotKnow) {
  set("FAKE_CUDA_ARCH", "120");
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  std::ifstream lines(folder / "compiled");
  std::string line;
  while (std::getline(lines, line))
    EXPECT_THAT(line, testing::EndsWith(" compute_90"));
}

TEST_F(KernelCache, AKernelThatDoesNotCompile) {
  source.kernel("test_loss").text += "#error no\n";
  std::string message = problem();
  EXPECT_THAT(message, HasSubstr("nvrtc 13.0 at " + folder / "nvrtc.so" +
                                 " does not compile kernel 'test_loss' for "
                                 "sm_90a: NVRTC_ERROR_COMPILATION: "
                                 "test_loss.cu(3): error: #error directive | 1 "
                                 "error detected"));
  EXPECT_THAT(message,
              HasSubstr("driver of CUDA 13.0 at " + folder / "driver.so"));
  EXPECT_THAT(message, HasSubstr("made from by \"hand\""));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST_F(KernelCache, Dump) {
  set("LNSRT_CUDA_DUMP", folder / "dump");
  source.addCubin("test_apply", "sm_90a", "FAKE sm_90a\ntest_apply");
  EXPECT_EQ(start(), (Origins{1, 0, 4}));
  auto read = [&](const std::string &name) {
    std::ifstream file(folder / ("dump/" + name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(read("test_loss.cu"), source.kernel("test_loss").text);
  EXPECT_EQ(read("toy.cuh"), "// nothing\n");
  EXPECT_THAT(read("test_loss.cubin"), HasSubstr("FAKE sm_90a\n"));
  EXPECT_THAT(read("test_apply.cubin"), HasSubstr("FAKE sm_90a\n"));
  std::ofstream(folder / "file") << "x";
  set("LNSRT_CUDA_DUMP", folder / "file");
  EXPECT_THAT(problem(), HasSubstr("LNSRT_CUDA_DUMP"));
}

TEST_F(KernelCache, StrictAboutSpills) {
  plan::CudaKernelT &kernel = source.kernel("test_product");
  kernel.symbol = "test_spills";
  kernel.text = "extern \"C\" __global__ void test_spills() {}\n";
  kernel.no_spills = true;
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  set("LNSRT_CUDA_STRICT", "1");
  EXPECT_THAT(problem(),
              HasSubstr("kernel 'test_spills' spills 16 bytes of registers on "
                        "cuda:0 (Fake Device), and promises not to; unset "
                        "LNSRT_CUDA_STRICT to run it"));
  kernel.no_spills = false;
  plan.reset();
  EXPECT_EQ(start(), (Origins{0, 5, 0}));
}

TEST_F(KernelCache, SharedMemory) {
  source.kernel("test_loss").shared_bytes = 227 << 10;
  EXPECT_EQ(start(), (Origins{0, 0, 5}));
  plan.reset();
  set("FAKE_CUDA_SHARED", "100000");
  EXPECT_EQ(problem(),
            "kernel 'test_loss' needs 232448 bytes of shared memory, "
            "a block on cuda:0 (Fake Device) may have 100000; "
            "compile the model for a smaller head or block size");
}
