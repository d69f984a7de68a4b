//===- eval_golden_test.cpp - lns eval against lm-evaluation-harness ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

// Compiles the model of test/golden/eval and compares what `lns eval` prints
// with what lm_eval made of the same questions and texts.

#include "tools/lns/commands/commands.h"

#include "test_files.h"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace lns::tool;

namespace {
constexpr const char *goldenFolder = LNS_TEST_DIR "/golden/eval";
/// Of log-likelihoods, in nats; of those of long texts, which are some thousand
/// nats of f32, for each thousand.
constexpr double tolerance = 1e-4;

nlohmann::json readJson(const std::string &path) {
  return nlohmann::json::parse(readBytes(path), nullptr, false);
}

class EvalGolden : public ::testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    if (::access(LNS_COMPILER_DIR "/lnsc", X_OK) != 0)
      GTEST_SKIP() << "there is no lnsc to make a plan with";
    golden = readJson(std::string(goldenFolder) + "/" + GetParam() + ".json");
    ASSERT_TRUE(golden.is_object());
    std::filesystem::copy_file(std::string(LNS_TEST_DIR "/golden/tokenizers/") +
                                   GetParam() + "/tokenizer.json",
                               folder / "tokenizer.json");
    writeBytes(folder / "tokenizer_config.json",
               golden["tokenizer_config"].dump());
  }

  void compile(unsigned batch, const std::string &more = "") {
    std::string command = std::string(LNS_COMPILER_DIR "/lnsc ") +
                          goldenFolder +
                          "/config.json --batch=" + std::to_string(batch) +
                          " --seq=" + golden["sequence"].dump() + more +
                          " -o " + (folder / "plan") + " > /dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  nlohmann::json evaluate(std::vector<std::string> more) {
    std::vector<std::string> arguments = {folder / "plan", "--checkpoint",
                                          goldenFolder,    "--tokenizer",
                                          folder.path,     "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    ::testing::internal::CaptureStdout();
    Status status = runEval(arguments);
    std::fflush(stdout);
    std::string out = ::testing::internal::GetCapturedStdout();
    EXPECT_TRUE(status.ok()) << status.message();
    return nlohmann::json::parse(out, nullptr, false);
  }

  void expectNear(const nlohmann::json &ours, const nlohmann::json &wanted,
                  const std::string &what) {
    ASSERT_EQ(ours.size(), wanted.size()) << what;
    for (size_t i = 0; i < ours.size(); ++i) {
      double stored = wanted[i].get<double>();
      double difference = ours[i].get<double>() - stored;
      EXPECT_LE(std::abs(difference),
                tolerance * std::max(1.0, std::abs(stored) / 1000))
          << what << " " << i;
      largest = std::max(largest, std::abs(difference));
    }
  }

  TempFolder folder;
  nlohmann::json golden;
  double largest = 0;
};
} // namespace

TEST_P(EvalGolden, Choices) {
  // One text a row, in two batches; and packed.
  for (auto [batch, more] :
       {std::pair(1, ""), std::pair(5, ""), std::pair(3, " --documents")}) {
    compile(batch, more);
    nlohmann::json metrics =
        evaluate({"--choices", std::string(goldenFolder) + "/choices.jsonl",
                  "--samples", folder / "samples"});
    ASSERT_TRUE(metrics.is_object());
    std::ifstream samples(folder / "samples");
    size_t count = 0, alone = 0;
    for (std::string line; std::getline(samples, line); ++count) {
      nlohmann::json ours = nlohmann::json::parse(line, nullptr, false);
      const nlohmann::json &wanted = golden["questions"].at(count);
      std::string id = wanted["id"];
      EXPECT_EQ(ours["id"], id);
      expectNear(ours["ll"], wanted["ll"], id);
      if (!wanted.contains("ll_alone"))
        continue;
      ++alone;
      expectNear(ours["ll_alone"], wanted["ll_alone"], id + " alone");
    }
    EXPECT_EQ(count, 50u);
    EXPECT_EQ(alone, 34u);
    size_t compared = 0;
    for (const auto &[task, wanted] : golden["tasks"].items())
      for (const auto &[name, value] : wanted.items()) {
        EXPECT_NEAR(metrics["tasks"][task][name].get<double>(),
                    value.get<double>(), 1e-12)
            << task << " " << name;
        ++compared;
      }
    EXPECT_EQ(compared, 24u);
    EXPECT_EQ(metrics["prefix_token"], golden["prefix_token"]);
    EXPECT_GT(metrics["all"]["cut"], 3);
  }
  RecordProperty("largest", std::to_string(largest));
}

TEST_P(EvalGolden, RollingTexts) {
  compile(3, " --documents");
  nlohmann::json texts = readJson(std::string(goldenFolder) + "/texts.json");
  ASSERT_EQ(texts.size(), 6u);
  for (const auto &[name, text] : texts.items()) {
    writeBytes(folder / name, text.get<std::string>());
    nlohmann::json ours = evaluate({"--text", folder / name});
    const nlohmann::json &wanted = golden["texts"][name];
    expectNear(nlohmann::json::array({ours["log_likelihood"]}),
               nlohmann::json::array({wanted["log_likelihood"]}), name);
    for (const char *key :
         {"bits_per_byte", "byte_perplexity", "word_perplexity"})
      EXPECT_NEAR(ours[key].get<double>() / wanted[key].get<double>(), 1, 1e-4)
          << name << " " << key;
  }
  RecordProperty("largest", std::to_string(largest));
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, EvalGolden,
                         ::testing::Values("gpt2", "llama3", "mistral"),
                         [](const auto &info) { return info.param; });
