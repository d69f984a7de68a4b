//===- trainer_test.h - Runs on a fake runtime ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_TOOLS_TRAINER_TEST_H
#define LNS_TEST_UNIT_TOOLS_TRAINER_TEST_H

#include "fake_runtime.h"
#include "test_files.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/run_folder.h"
#include "tools/lns/data/data_loader.h"
#include "tools/lns/data/held_out.h"
#include "tools/lns/data/shard.h"
#include "tools/lns/train/trainer.h"

using Names = std::vector<std::string>;

class TrainerTest : public ::testing::Test {
protected:
  void SetUp() override {
    FakeRuntime::reset();
    writeBytes(folder / "p.plan", FakeRuntime::plan(2, 8, 256));
    std::vector<uint16_t> text;
    for (uint16_t i = 0; i < 2000; ++i)
      text.push_back("to be or not to be, that "[i * i % 25]);
    ASSERT_TRUE(lns::tool::writeShardFile(folder / "train.bin", text).ok());
    text.resize(100);
    ASSERT_TRUE(lns::tool::writeShardFile(folder / "val.bin", text).ok());
  }

  lns::tool::TrainerOptions makeOptions(const std::string &run,
                                        uint64_t steps) {
    lns::tool::TrainerOptions options;
    options.runFolder = folder / run;
    options.schedule.kind = lns::tool::LrSchedule::Kind::Cosine;
    options.schedule.peak = 0.05;
    options.schedule.warmupSteps = 5;
    options.schedule.totalSteps = steps;
    options.clip = 0.2;
    options.logEvery = 0;
    return options;
  }

  /// One process's life: a new session, then the loop.
  lns::tool::Status train(const lns::tool::TrainerOptions &options) {
    auto plan = lns::tool::PlanFile::open(folder / "p.plan");
    EXPECT_TRUE(plan);
    auto session = lns::tool::PlanSession::create(*plan, {});
    EXPECT_TRUE(session);
    auto open = [&](const std::string &name) {
      auto shard = lns::tool::Shard::open(folder / name);
      EXPECT_TRUE(shard);
      std::vector<lns::tool::Shard> shards;
      shards.push_back(std::move(*shard));
      return shards;
    };
    uint32_t vocabulary = plan->info().vocabulary;
    lns::tool::DataLoader data = std::move(
        *lns::tool::DataLoader::create(open("train.bin"), 2, 8, vocabulary));
    lns::tool::HeldOutRows heldOut = std::move(
        *lns::tool::HeldOutRows::create(open("val.bin"), 8, vocabulary));
    return lns::tool::Trainer(*plan, *session, data, &heldOut, options).run();
  }

  /// The same with standard output in `out`.
  lns::tool::Status trainAloud(const lns::tool::TrainerOptions &options) {
    ::testing::internal::CaptureStdout();
    lns::tool::Status status = train(options);
    std::fflush(stdout);
    out = ::testing::internal::GetCapturedStdout();
    return status;
  }

  void expectSameCheckpoint(const std::string &a, const std::string &b) {
    for (const char *name : {"/model.safetensors", "/optimizer.safetensors"}) {
      EXPECT_FALSE(readBytes(folder / a + name).empty());
      EXPECT_TRUE(readBytes(folder / a + name) == readBytes(folder / b + name))
          << a << " and " << b << " differ in " << name;
    }
  }

  Names checkpoints(const std::string &run) {
    Names names;
    for (const std::string &name : folder.list(run))
      if (name.starts_with("step-"))
        names.push_back(name);
    return names;
  }

  lns::tool::TrainerState stateOf(const std::string &checkpoint) {
    auto opened = lns::tool::Checkpoint::open(folder / checkpoint);
    EXPECT_TRUE(opened) << opened.status().message();
    return opened ? opened->state() : lns::tool::TrainerState();
  }

  TempFolder folder;
  std::string out;
};

#endif // LNS_TEST_UNIT_TOOLS_TRAINER_TEST_H
