//===- commands_test.cpp - The subcommands, on a fake runtime -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "commands_test.h"
#include "tokenizer/byte_symbols.h"
#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/tokens/end_tokens.h"

#include <nlohmann/json.hpp>

using namespace lns::tool;

TEST_F(Commands, TrainPrintsStepsAndEndsWithBitsPerByte) {
  trainSome();
  EXPECT_NE(out.find("step 30/60  loss "), std::string::npos) << out;
  EXPECT_NE(out.find("eta 0s"), std::string::npos) << out;
  size_t last = out.rfind('\n', out.size() - 2) + 1;
  EXPECT_TRUE(out.substr(last).starts_with("val_bpb=")) << out;
  EXPECT_LT(std::stod(out.substr(last + 8)), 6.0) << out;
}

TEST_F(Commands, EvalAgreesWithTraining) {
  trainSome();
  std::string line = out.substr(out.rfind("val_bpb="));
  Status status =
      run(runEval, {plan, "--checkpoint", runFolder, "--data", data});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NE(out.find(line), std::string::npos) << out;
  ASSERT_TRUE(
      run(runEval, {plan, "--checkpoint", runFolder, "--data", data, "--json"})
          .ok());
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << out;
  EXPECT_NEAR(json["val_bpb"].get<double>(), std::stod(line.substr(8)), 1e-4);
}

TEST_F(Commands, SampleContinuesThePrompt) {
  trainSome();
  auto sample = [&](const char *seed, const char *temperature) {
    Status status = run(runSample, {plan, "--checkpoint", runFolder, "--prompt",
                                    "the cat ", "--bytes", "30", "--seed", seed,
                                    "--temperature", temperature});
    EXPECT_TRUE(status.ok()) << status.message();
    return out;
  };
  // The likeliest bytes are those of the text.
  std::string likely = sample("1", "0");
  EXPECT_TRUE(likely.starts_with("the cat "));
  EXPECT_EQ(likely.size(), 8u + 30u + 1u);
  EXPECT_EQ(likely.find_first_not_of("thecasonm; \n"), std::string::npos);
  EXPECT_EQ(sample("1", "2"), sample("1", "2"));
  EXPECT_NE(sample("1", "2"), sample("2", "2"));

  // Several at once: the first is the one that comes alone.
  std::string alone = sample("1", "2");
  ASSERT_TRUE(run(runSample, {plan, "--checkpoint", runFolder, "--prompt",
                              "the cat ", "--bytes", "30", "--seed", "1",
                              "--temperature", "2", "--texts", "2"})
                  .ok());
  ASSERT_TRUE(out.starts_with(alone + "---\n")) << out;
  EXPECT_NE(out.substr(alone.size() + 4), alone);
  EXPECT_TRUE(failsWith(
      run(runSample, {plan, "--checkpoint", runFolder, "--texts", "3"}),
      "3 texts at once, the plan's batch is 2"));
}

namespace {
/// Byte-level, without merges: ids from 0 on are the bytes from 21 on, and 256
/// and 257 are added.
nlohmann::json byteTokenizer() {
  nlohmann::json vocab = nlohmann::json::object();
  for (unsigned i = 0; i < 256; ++i)
    vocab[lns::tokenizer::symbolsOfBytes(
        std::string(1, static_cast<char>((i + 0x21) & 255)))] = i;
  nlohmann::json byteLevel = {{"type", "ByteLevel"},
                              {"add_prefix_space", false},
                              {"trim_offsets", true},
                              {"use_regex", true}};
  nlohmann::json end = {
      {"id", 256},       {"content", "<end>"}, {"single_word", false},
      {"lstrip", false}, {"rstrip", false},    {"normalized", false},
      {"special", true}};
  return {{"added_tokens", {end}},
          {"pre_tokenizer", byteLevel},
          {"decoder", byteLevel},
          {"model", {{"vocab", vocab}, {"merges", nlohmann::json::array()}}}};
}
} // namespace

TEST_F(Commands, SampleWithATokenizer) {
  std::string tokenizer = folder / "tokenizer.json", tokens = folder / "tokens";
  writeBytes(tokenizer, byteTokenizer().dump());
  writeBytes(folder / "text", [] {
    std::string text;
    for (int i = 0; i < 40; ++i)
      text += "caf\xc3\xa9 <end>";
    return text;
  }());
  // More rows than the tokenizer has ids.
  writeBytes(plan, FakeRuntime::plan(2, 8, 300));
  Status status = run(runDataPrepare, {"--text", folder / "text", "--tokenizer",
                                       tokenizer, "-o", tokens});
  ASSERT_TRUE(status.ok()) << status.message();
  status = run(runTrain, {plan, "--data", tokens, "--out", runFolder, "--steps",
                          "200", "--lr", "0.3", "--save-every", "200"});
  ASSERT_TRUE(status.ok()) << status.message();

  std::vector<std::string> arguments = {
      plan,  "--checkpoint", runFolder, "--tokenizer",   tokenizer, "--prompt",
      "caf", "--tokens",     "9",       "--temperature", "0"};
  status = run(runSample, arguments);
  ASSERT_TRUE(status.ok()) << status.message();
  // Special tokens are not shown, and no end is known.
  EXPECT_EQ(out, "caf\xc3\xa9 caf\xc3\xa9\n");
  // Between the two bytes of a character: it is shown as broken once.
  arguments[8] = "1";
  ASSERT_TRUE(run(runSample, arguments).ok());
  EXPECT_EQ(out, "caf\xef\xbf\xbd\n");

  // The model's end.
  arguments[8] = "100";
  std::string newest = folder / "run/step-000200/generation_config.json";
  writeBytes(newest, R"({"eos_token_id": [299, 256]})");
  ASSERT_TRUE(run(runSample, arguments).ok());
  EXPECT_EQ(out, "caf\xc3\xa9 \n");
  writeBytes(newest, R"({"eos_token_id": "<end>"})");
  EXPECT_TRUE(failsWith(run(runSample, arguments),
                        "generation_config.json: eos_token_id is \"<end>\", "
                        "expected a token's id or a list of ids"));
  std::filesystem::remove(newest);
  // However hot, no row without a token is drawn: that would be an error.
  arguments[10] = "100";
  arguments.insert(arguments.end(), {"--top-k", "0", "--texts", "2"});
  status = run(runSample, arguments);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NE(out.find("\n---\ncaf"), std::string::npos) << out;
}

TEST_F(Commands, EndTokensComeFromTheNearestConfig) {
  std::string weights = folder / "model.safetensors";
  auto found = [&](const std::string &planConfig) {
    Expected<std::vector<uint32_t>> ends =
        findEndTokens(weights, plan, planConfig);
    EXPECT_TRUE(ends) << ends.status().message();
    return *ends;
  };
  using Ids = std::vector<uint32_t>;
  EXPECT_EQ(found(""), Ids{});
  EXPECT_EQ(found(R"({"eos_token_id": [1, 2]})"), (Ids{1, 2}));
  writeBytes(folder / "config.json", R"({"eos_token_id": 3})");
  EXPECT_EQ(found(R"({"eos_token_id": 1})"), Ids{3});
  writeBytes(folder / "generation_config.json", R"({"eos_token_id": null})");
  EXPECT_EQ(found(""), Ids{3});
  writeBytes(folder / "generation_config.json", R"({"eos_token_id": [4]})");
  EXPECT_EQ(found(""), Ids{4});
  writeBytes(folder / "generation_config.json", "{");
  EXPECT_TRUE(failsWith(findEndTokens(folder.path, plan, "").status(),
                        "generation_config.json: not a JSON object"));
}

TEST_F(Commands, ATokenizerLargerThanThePlan) {
  trainSome();
  std::string tokenizer = folder / "tokenizer.json";
  writeBytes(tokenizer, byteTokenizer().dump());
  EXPECT_TRUE(failsWith(
      run(runSample,
          {plan, "--checkpoint", runFolder, "--tokenizer", tokenizer}),
      "tokenizer.json: has a vocabulary of 257, " + plan +
          " has one of 256; give the tokenizer that the model was trained "
          "with"));
}

TEST_F(Commands, SampleNeedsBytes) {
  writeBytes(plan, FakeRuntime::plan(2, 8, 40));
  ASSERT_TRUE(
      run(runTrain, {plan, "--data", data, "--out", runFolder, "--steps", "0"})
          .ok() == false);
  EXPECT_TRUE(failsWith(run(runTrain, {plan, "--data", data, "--out", runFolder,
                                       "--steps", "1", "--sample-every", "1"}),
                        "vocabulary of 40"));
}

TEST_F(Commands, TokensBeyondTheVocabularyStopTraining) {
  writeBytes(plan, FakeRuntime::plan(2, 8, 40));
  EXPECT_TRUE(failsWith(
      run(runTrain, {plan, "--data", data, "--out", runFolder, "--steps", "1"}),
      "is beyond the plan's vocabulary of 40"));
}

TEST_F(Commands, GradsWritesEveryGradient) {
  trainSome();
  std::string file = folder / "g.safetensors";
  Status status = run(runGrads, {plan, "--checkpoint", runFolder, "--tokens",
                                 data + "/val.bin", "-o", file, "--json"});
  ASSERT_TRUE(status.ok()) << status.message();
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << out;
  EXPECT_EQ(json["tensors"], 1);
  auto grads = SafetensorsFile::open(file);
  ASSERT_TRUE(grads) << grads.status().message();
  const SafetensorsEntry *entry = grads->find("bigram.weight");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->shape, (std::vector<int64_t>{256, 256}));
  std::vector<float> values(entry->elements);
  ASSERT_TRUE(grads->readF32(*entry, values).ok());
  double sum = 0;
  for (float g : values)
    sum += static_cast<double>(g) * static_cast<double>(g);
  EXPECT_NEAR(std::sqrt(sum), json["grad_norm"].get<double>(), 1e-6);
  EXPECT_GT(sum, 0);
  EXPECT_EQ(grads->tensors().size(), 1u);

  ASSERT_TRUE(run(runGrads, {plan, "--checkpoint", runFolder, "--tokens",
                             data + "/val.bin", "-o", file, "--logits"})
                  .ok());
  auto more = SafetensorsFile::open(file);
  ASSERT_TRUE(more);
  ASSERT_TRUE(more->find("loss"));
  float loss = 0;
  ASSERT_TRUE(more->readF32(*more->find("loss"), std::span(&loss, 1)).ok());
  EXPECT_EQ(loss, json["loss"].get<float>());
  ASSERT_TRUE(more->find("logits"));
  EXPECT_EQ(more->find("logits")->shape, (std::vector<int64_t>{2, 8, 256}));
}

TEST_F(Commands, GradsIntoAnImpossiblePlace) {
  trainSome();
  EXPECT_TRUE(failsWith(
      run(runGrads, {plan, "--checkpoint", runFolder, "--tokens",
                     data + "/val.bin", "-o", plan + "/g.safetensors"}),
      "p.plan/g.safetensors: cannot create"));
}

// All 599 targets of 600 tokens, each as much as any other.
TEST_F(Commands, EvalDoesNotDependOnTheBatch) {
  trainSome();
  double first = 0;
  for (unsigned batch : {1, 2, 3, 8, 100}) {
    writeBytes(plan, FakeRuntime::plan(batch, 8, 256));
    Status status = run(
        runEval, {plan, "--checkpoint", runFolder, "--data", data, "--json"});
    ASSERT_TRUE(status.ok()) << status.message();
    nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
    ASSERT_TRUE(json.is_object()) << out;
    EXPECT_EQ(json["targets"], 599);
    double loss = json["val_loss"].get<double>();
    first = first != 0 ? first : loss;
    EXPECT_NEAR(loss / first, 1.0, 1e-6) << batch;
    // Without the last batch, there are fewer targets.
    ASSERT_TRUE(run(runEval, {plan, "--checkpoint", runFolder, "--data", data,
                              "--json", "--eval-batches", "1"})
                    .ok());
    json = nlohmann::json::parse(out, nullptr, false);
    EXPECT_EQ(json["targets"], std::min(599u, 8 * batch));
  }
}

TEST_F(Commands, AHeldOutShardMayBeShort) {
  ASSERT_TRUE(
      writeShardFile(data + "/val.bin", std::vector<uint16_t>(2, 65)).ok());
  Status status =
      run(runTrain, {plan, "--data", data, "--out", runFolder, "--steps", "1"});
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_NE(out.find(", 1 targets held out"), std::string::npos) << out;
  EXPECT_NE(out.find("val_bpb="), std::string::npos) << out;
}

TEST_F(Commands, AShardShorterThanABatch) {
  ASSERT_TRUE(
      writeShardFile(data + "/train.bin", std::vector<uint16_t>(16, 65)).ok());
  EXPECT_TRUE(failsWith(
      run(runTrain, {plan, "--data", data, "--out", runFolder, "--steps", "1"}),
      "train.bin: 16 tokens, a batch of 2 x 8 needs 17"));
  EXPECT_FALSE(std::filesystem::exists(runFolder));
}

TEST_F(Commands, PlanInfo) {
  ASSERT_TRUE(run(runPlanInfo, {plan}).ok());
  EXPECT_NE(out.find("bigram (1 layers), batch 2 x 8"), std::string::npos);
  EXPECT_NE(out.find("norm                            3  k0  layers.0"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("launches per step   3\n"
                     "matmuls per step    2 (1 in bf16, - with a gain)\n"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("entry points        train_step eval\n"),
            std::string::npos)
      << out;
  ASSERT_TRUE(run(runPlanInfo, {plan, "--threads", "3"}).ok());
  EXPECT_NE(out.find("memory                        1030 bytes  1.0 KiB on 3 "
                     "threads\n"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("  parameters                  1000        1000 B\n"),
            std::string::npos)
      << out;
  ASSERT_TRUE(run(runPlanInfo, {plan, "--json", "--threads", "2"}).ok());
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << out;
  EXPECT_EQ(json["memory"]["threads"], 2);
  EXPECT_EQ(json["memory"]["scratch"], 20);
  EXPECT_EQ(json["memory"]["total"], 1020);
  writeBytes(plan, "damaged");
  EXPECT_TRUE(failsWith(run(runPlanInfo, {plan}), "p.plan: not a plan"));
}

TEST_F(Commands, Devices) {
  EXPECT_TRUE(run(runDevices, {}).ok());
  EXPECT_NE(out.find("cpu        fake, 3 threads\n"), std::string::npos) << out;
  EXPECT_NE(out.find("no cuda:   the CUDA driver is not there"),
            std::string::npos);
  EXPECT_TRUE(failsWith(run(runDevices, {"--require-cuda"}),
                        "the CUDA driver is not there"));
  EXPECT_TRUE(run(runDevices, {"--json"}).ok());
  EXPECT_NE(out.find("\"cpu_level\": \"fake\""), std::string::npos) << out;
}

TEST_F(Commands, Bench) {
  Status status = run(runBench, {plan, "--steps", "3", "--json"});
  ASSERT_TRUE(status.ok()) << status.message();
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << out;
  EXPECT_GT(json["step_ms"].get<double>(), 0);
  EXPECT_NEAR(json["floor_ms"].get<double>(), 1e-3, 1e-9);
  EXPECT_NEAR(json["floor_ratio"].get<double>(),
              1e-3 / json["step_ms"].get<double>(), 1e-9);
  EXPECT_EQ(json["groups"][0]["group"], "norm");
  EXPECT_NEAR(json["groups"][0]["ms"].get<double>(), 5.0, 1e-9);
  EXPECT_TRUE(failsWith(run(runBench, {plan, "--steps", "0"}), "at least 1"));
}

TEST_F(Commands, DataInfo) {
  ASSERT_TRUE(run(runDataInfo, {data, "--json"}).ok());
  nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
  ASSERT_EQ(json.size(), 2u) << out;
  EXPECT_EQ(json[0]["tokens"], 600);
  EXPECT_EQ(json[0]["held_out"], false);
  EXPECT_EQ(json[1]["largest_token"], 't');
}

TEST_F(Commands, HelpOfEach) {
  for (auto command : {runTrain, runEval, runSample, runGrads, runBench,
                       runPlanInfo, runDataPrepare, runDataInfo, runDevices}) {
    EXPECT_TRUE(run(command, {"--help"}).ok());
    EXPECT_TRUE(out.starts_with("usage: lns "));
  }
}

TEST_F(Commands, MissingLength) {
  EXPECT_TRUE(
      failsWith(run(runTrain, {plan, "--data", data, "--out", runFolder}),
                "--steps, --epochs or --max-seconds is missing"));
}
