//===- commands_test.h - Subcommands on a fake runtime ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOOLS_COMMANDS_TEST_H
#define LNS_TEST_UNIT_TOOLS_COMMANDS_TEST_H

#include "fake_runtime.h"
#include "test_files.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/data/shard.h"

class Commands : public ::testing::Test {
protected:
  void SetUp() override {
    FakeRuntime::reset();
    writeBytes(plan, FakeRuntime::plan(2, 8, 256));
    std::vector<uint16_t> text;
    for (uint16_t i = 0; i < 600; ++i)
      text.push_back("the cat sat on the mat; "[i % 24]);
    std::filesystem::create_directory(data);
    ASSERT_TRUE(lns::tool::writeShardFile(data + "/train.bin", text).ok());
    ASSERT_TRUE(lns::tool::writeShardFile(data + "/val.bin", text).ok());
  }

  /// Runs a command; its standard output is in `out`.
  lns::tool::Status run(lns::tool::Status (*command)(lns::tool::Arguments),
                        std::vector<std::string> arguments) {
    ::testing::internal::CaptureStdout();
    lns::tool::Status status = command(arguments);
    std::fflush(stdout);
    out = ::testing::internal::GetCapturedStdout();
    return status;
  }

  void trainSome() {
    lns::tool::Status status =
        run(lns::tool::runTrain,
            {plan, "--data", data, "--out", runFolder, "--steps", "60", "--lr",
             "0.2", "--warmup", "10%", "--log-every", "30"});
    ASSERT_TRUE(status.ok()) << status.message();
  }

  TempFolder folder;
  std::string plan = folder / "p.plan", data = folder / "data",
              runFolder = folder / "run", out;
};

#endif // LNS_TEST_UNIT_TOOLS_COMMANDS_TEST_H
