//===- row_commands_test.cpp - Subcommands on rows of documents -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "commands_test.h"

#include <nlohmann/json.hpp>

using namespace lns::tool;

namespace {
/// Rows to fine-tune on: 60 questions of one form.
class RowCommands : public Commands {
protected:
  void SetUp() override {
    Commands::SetUp();
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += "{\"prompt\": \"" + std::string(1 + i % 3, char('a' + i % 20)) +
              "=\", \"completion\": \"" + char('A' + i % 20) + "\"}\n";
    writeBytes(rows, text);
    Status status = run(runDataPrepare,
                        {"--jsonl", rows, "-o", prepared, "--held-out", "0.2"});
    ASSERT_TRUE(status.ok()) << status.message();
  }
  /// The last line's loss.
  double train(const std::string &run, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {plan,    "--data",     prepared,
                                          "--out", folder / run, "--lr",
                                          "0.05",  "--warmup",   "2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Status status = Commands::run(runTrain, arguments);
    EXPECT_TRUE(status.ok()) << status.message();
    size_t at = out.rfind("val_loss=");
    EXPECT_NE(at, std::string::npos) << out;
    return at == std::string::npos ? 0 : std::stod(out.substr(at + 9));
  }
  double evalLoss(const std::string &planText,
                  std::vector<std::string> more = {}) {
    writeBytes(folder / "other.plan", planText);
    std::vector<std::string> arguments = {folder / "other.plan",
                                          "--checkpoint",
                                          folder / "r",
                                          "--data",
                                          prepared,
                                          "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Status status = Commands::run(runEval, arguments);
    EXPECT_TRUE(status.ok()) << status.message();
    nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
    EXPECT_FALSE(json.contains("val_bpb")) << out;
    targets = json["targets"].get<uint64_t>();
    return json["val_loss"].get<double>();
  }
  std::string rows = folder / "rows.jsonl", prepared = folder / "prepared";
  uint64_t targets = 0;
};
} // namespace

// 50 rows of one document, in batches of 2: an epoch is 25 steps.
TEST_F(RowCommands, TrainsOnWholeDocumentsForEpochs) {
  std::string info = out;
  EXPECT_NE(info.find("documents of"), std::string::npos) << info;
  double loss = train("r", {"--epochs", "3"});
  EXPECT_LT(loss, 5.0);
  EXPECT_NE(out.find("training targets in"), std::string::npos) << out;
  EXPECT_NE(out.find("rows of one document each"), std::string::npos) << out;
  EXPECT_EQ(FakeRuntime::packedBatches, 0u);
  std::string metrics = readBytes(folder / "r/metrics.jsonl");
  // Two documents of an answer and its end each.
  EXPECT_NE(metrics.find(",\"targets\":4}"), std::string::npos) << metrics;
  size_t steps = 0;
  for (size_t at = 0; (at = metrics.find("grad_norm", at)) != std::string::npos;
       ++at)
    ++steps;
  nlohmann::json meta =
      nlohmann::json::parse(readBytes(prepared + "/meta.json"), nullptr, false);
  EXPECT_EQ(steps, (3 * meta["train_documents"].get<uint64_t>() + 1) / 2);
}

TEST_F(RowCommands, PacksWhereThePlanTakesStarts) {
  writeBytes(plan, FakeRuntime::plan(2, 8, 256, /*documents=*/true));
  train("r", {"--steps", "5"});
  EXPECT_NE(out.find("rows of packed documents ("), std::string::npos) << out;
  EXPECT_GT(FakeRuntime::packedBatches, 5u);
  FakeRuntime::packedBatches = 0;
  train("single", {"--steps", "5", "--no-packing"});
  EXPECT_EQ(FakeRuntime::packedBatches, 0u);
  train("aligned", {"--steps", "5", "--pack-align", "4"});
  EXPECT_NE(out.find("rows of packed documents at multiples of 4"),
            std::string::npos)
      << out;
}

// The mean over all held-out targets: whatever the batch, packed or not.
TEST_F(RowCommands, EvalMeasuresTheSameTargets) {
  train("r", {"--steps", "40"});
  double loss = evalLoss(FakeRuntime::plan(2, 8, 256));
  uint64_t measured = targets;
  EXPECT_GT(measured, 10u);
  for (unsigned batch : {1u, 3u, 7u})
    for (bool documents : {false, true}) {
      EXPECT_NEAR(evalLoss(FakeRuntime::plan(batch, 8, 256, documents)), loss,
                  1e-6);
      EXPECT_EQ(targets, measured);
    }
  EXPECT_NEAR(evalLoss(FakeRuntime::plan(2, 16, 256, true), {"--no-packing"}),
              loss, 1e-6);
}

TEST_F(RowCommands, ResumingIsExact) {
  writeBytes(plan, FakeRuntime::plan(2, 8, 256, /*documents=*/true));
  train("whole", {"--steps", "20"});
  FakeRuntime::trainSteps = 0;
  FakeRuntime::interruptAt = 7;
  Status status =
      run(runTrain, {plan, "--data", prepared, "--out", folder / "parts",
                     "--lr", "0.05", "--warmup", "2", "--steps", "20"});
  EXPECT_EQ(status.exitCode(), 75) << status.message();
  FakeRuntime::interruptAt = 0;
  train("parts", {"--steps", "20", "--resume", "auto"});
  EXPECT_EQ(readBytes(folder / "whole/step-000020/model.safetensors"),
            readBytes(folder / "parts/step-000020/model.safetensors"));
  // What a resume would train on otherwise is said.
  train("parts", {"--steps", "22", "--resume", "auto", "--no-packing"});
  EXPECT_NE(out.find("the form of rows is one document each, it was packed "
                     "documents"),
            std::string::npos)
      << out;
  std::string mask = readBytes(prepared + "/train.mask");
  run(runDataPrepare, {"--jsonl", rows, "-o", prepared, "--held-out", "0.2",
                       "--train-on-prompt", "--force"})
      .ok();
  EXPECT_NE(readBytes(prepared + "/train.mask"), mask);
  train("parts", {"--steps", "24", "--resume", "auto"});
  EXPECT_NE(out.find("other training data: train.mask has other tokens"),
            std::string::npos)
      << out;
}

TEST_F(RowCommands, ShardsOfBothKindsAreAnError) {
  std::filesystem::copy(data + "/train.bin", prepared + "/train2.bin");
  EXPECT_TRUE(failsWith(run(runTrain, {plan, "--data", prepared, "--out",
                                       folder / "r", "--steps", "5"}),
                        "train2.bin has none; give shards of one kind"));
  std::filesystem::remove(prepared + "/train2.bin");
  std::filesystem::copy_file(data + "/train.bin", prepared + "/train.bin",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(failsWith(run(runTrain, {plan, "--data", prepared, "--out",
                                       folder / "r", "--steps", "5"}),
                        "train.docs: is of a shard of"));
}

TEST_F(RowCommands, InfoTellsDocuments) {
  ASSERT_TRUE(run(runDataInfo, {prepared}).ok());
  EXPECT_NE(out.find(" documents of 4 to 6 tokens, half of them up to 5"),
            std::string::npos)
      << out;
  ASSERT_TRUE(run(runDataInfo, {prepared, "--json"}).ok());
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["targets"], 2 * json[0]["documents"].get<int>());
  EXPECT_EQ(json[0]["document_tokens"]["longest"], 6);
}

TEST_F(RowCommands, OptionsThatDoNotBelongTogether) {
  auto prepare = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"--jsonl", rows, "-o", folder / "x"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(runDataPrepare, arguments);
  };
  EXPECT_TRUE(failsWith(prepare({"--train-on-prompt", "--loss-on=last"}),
                        "give one of them"));
  EXPECT_TRUE(failsWith(prepare({"--too-long=cut"}), "give --max-tokens"));
  EXPECT_TRUE(failsWith(prepare({"--text", rows}), "give one of --set classic, "
                                                   "--text FILE..., --jsonl"));
  EXPECT_TRUE(failsWith(run(runDataPrepare, {"--text", rows, "-o", folder / "x",
                                             "--template=plain"}),
                        "--template: belongs to rows; give --jsonl FILE..."));
  EXPECT_TRUE(
      failsWith(run(runTrain, {plan, "--data", prepared, "--out", folder / "r",
                               "--steps", "5", "--epochs", "1"}),
                "--steps and --epochs both say how long the run is"));
}

// An answer is a letter and byte 0.
TEST_F(RowCommands, SampleEndsAtByteZero) {
  train("r", {"--steps", "60"});
  std::vector<std::string> arguments = {plan,         "--checkpoint",
                                        folder / "r", "--prompt",
                                        "a=",         "--bytes",
                                        "20",         "--temperature",
                                        "0"};
  ASSERT_TRUE(run(runSample, arguments).ok());
  EXPECT_GT(out.size(), 20u);
  arguments.push_back("--end-at-zero");
  ASSERT_TRUE(run(runSample, arguments).ok());
  ASSERT_EQ(out.size(), 4u) << out;
  EXPECT_TRUE(out.starts_with("a=") && out[2] >= 'A' && out[2] <= 'Z') << out;
  arguments.insert(arguments.end(), {"--tokenizer", folder / "none"});
  std::erase(arguments, "--bytes");
  std::erase(arguments, "20");
  EXPECT_TRUE(
      failsWith(run(runSample, arguments), "--end-at-zero: is about bytes"));
}

// An epoch of windows is all of them, too; a warm-up may be a share of it.
TEST_F(RowCommands, EpochsCountWindowsAsWell) {
  Status status = run(runTrain, {plan, "--data", data, "--out", folder / "w",
                                 "--epochs", "1", "--warmup", "50%"});
  ASSERT_TRUE(status.ok()) << status.message();
  // 600 tokens: 73 windows of 8, two a step.
  EXPECT_NE(out.find("step 37/37"), std::string::npos) << out;
}
