//===- eval_command_test.cpp - lns eval on a fake runtime -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "commands_test.h"
#include "tools/lns/eval/log_likelihood.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

using namespace lns::tool;

namespace {
/// On a bigram model of bytes: what a byte gives the next one is a number of a
/// file, so that every likelihood can be told.
class EvalCommand : public Commands {
protected:
  /// lns eval PLAN --checkpoint RUN, trained once.
  Status evaluate(std::vector<std::string> more) {
    if (!std::filesystem::exists(runFolder))
      EXPECT_TRUE(run(runTrain, {plan, "--data", data, "--out", runFolder,
                                 "--steps", "60", "--lr", "0.2"})
                      .ok());
    more.insert(more.begin(), {plan, "--checkpoint", runFolder});
    return run(runEval, more);
  }
  nlohmann::json evaluateJson(std::vector<std::string> more) {
    more.push_back("--json");
    Status status = evaluate(more);
    EXPECT_TRUE(status.ok()) << status.message();
    nlohmann::json json = nlohmann::json::parse(out, nullptr, false);
    EXPECT_TRUE(json.is_object()) << out;
    return json;
  }
  std::vector<nlohmann::json> samples(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--choices", questions, "--samples", file});
    Status status = evaluate(more);
    EXPECT_TRUE(status.ok()) << status.message();
    std::vector<nlohmann::json> lines;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);)
      lines.push_back(nlohmann::json::parse(line, nullptr, false));
    return lines;
  }
  /// The model's own numbers: natural logarithm of b behind a.
  double logProbability(unsigned char a, unsigned char b) {
    if (weights.empty()) {
      weights.resize(256 * 256);
      auto opened = PlanFile::open(plan);
      EXPECT_TRUE(opened);
      auto session = PlanSession::create(*opened, {});
      EXPECT_TRUE(session);
      EXPECT_TRUE(loadCheckpoint(runFolder + "/step-000060", *session));
      EXPECT_TRUE(session->read(TensorKind::Parameter, 0, 0, weights).ok());
    }
    std::span<const float> row(weights.data() + a * 256, 256);
    return static_cast<double>(row[b]) - logNormalizer(row);
  }
  double logProbability(const std::string &text) {
    double sum = 0;
    for (size_t i = 1; i < text.size(); ++i)
      sum += logProbability(static_cast<unsigned char>(text[i - 1]),
                            static_cast<unsigned char>(text[i]));
    return sum;
  }

  std::vector<float> weights;
  std::string questions = folder / "q.jsonl", file = folder / "samples.jsonl";
};
} // namespace

TEST(LogLikelihood, NormalizerDoesNotOverflow) {
  EXPECT_DOUBLE_EQ(logNormalizer(std::vector<float>{3, 3, 3, 3}),
                   3 + std::log(4));
  EXPECT_DOUBLE_EQ(logNormalizer(std::vector<float>{1000, 999}),
                   1000 + std::log1p(std::exp(-1)));
  EXPECT_DOUBLE_EQ(logNormalizer(std::vector<float>{-1e30f, 5}), 5);
}

TEST_F(EvalCommand, ChoicesAreScoredByTheModelsNumbers) {
  writeBytes(
      questions,
      R"({"context": "the ", "choices": ["cat", "dog"], "gold": 0})"
      "\n"
      R"({"context": "", "choices": ["the", "eht"], "gold": 1, "delimiter": ""})"
      "\n"
      R"({"contexts": ["ma", "sit sit sit"], "continuation": "t", "gold": 0,)"
      R"( "delimiter": "", "task": "two"})"
      "\n");
  std::vector<nlohmann::json> lines = samples();
  ASSERT_EQ(lines.size(), 3u);
  auto near = [&](size_t line, const char *key, size_t answer,
                  const std::string &text) {
    EXPECT_NEAR(lines[line][key][answer].get<double>(), logProbability(text),
                1e-5)
        << text;
  };
  near(0, "ll", 0, "e  cat"); // two blanks: the context's, and the delimiter
  near(0, "ll", 1, "e  dog");
  near(0, "ll_alone", 0, "\n cat");
  near(1, "ll", 0, "\nthe");
  near(1, "ll", 1, "\neht");
  near(2, "ll", 0, "at");
  near(2, "ll", 1, "tt");
  EXPECT_FALSE(lines[2].contains("ll_alone"));
  EXPECT_EQ(lines[0]["tokens"], nlohmann::json({5, 5}));
  EXPECT_EQ(lines[2]["cut"], nlohmann::json({false, true}));
  EXPECT_EQ(lines[0]["choice"], 0);
  EXPECT_NE(out.find("3 questions, T 8, in the place of an empty context byte "
                     "10\n"),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("\nall         3  "), std::string::npos) << out;

  nlohmann::json json = evaluateJson({"--choices", questions});
  EXPECT_EQ(json["tasks"]["q"]["n"], 2);
  EXPECT_EQ(json["tasks"]["two"]["cut"], 1);
  EXPECT_EQ(json["all"]["acc_n"], 3);
  EXPECT_EQ(json["all"]["acc_mutual_info_n"], 2);
  EXPECT_TRUE(json["tasks"]["two"]["bpb_gold"].is_null());
  double bits = (-logProbability("e  cat") / 3 - logProbability("\neht") / 3) /
                (2 * std::numbers::ln2);
  EXPECT_NEAR(json["tasks"]["q"]["bpb_gold"].get<double>(), bits, 1e-5);
  // Without what mutual information asks for.
  json = evaluateJson({"--choices", questions, "--no-mutual-info"});
  EXPECT_TRUE(json["all"]["acc_mutual_info"].is_null());
  EXPECT_EQ(json["all"]["acc_mutual_info_n"], 0);
  // Another beginning.
  lines = samples({"--prefix-token", "32"});
  near(1, "ll", 0, " the");
}

// Any batch, and any order of lines.
TEST_F(EvalCommand, ChoicesDoNotDependOnTheBatch) {
  std::vector<std::string> all;
  for (int i = 0; i < 23; ++i)
    all.push_back(nlohmann::json({{"context", std::string(i % 3 + 1, 'a' + i)},
                                  {"choices", {"at sat", "it", "at"}},
                                  {"delimiter", ""},
                                  {"id", i},
                                  {"gold", i % 3}})
                      .dump());
  auto write = [&] {
    std::string text;
    for (const std::string &line : all)
      text += line + "\n";
    writeBytes(questions, text);
  };
  write();
  std::vector<nlohmann::json> first = samples();
  ASSERT_EQ(first.size(), 23u);
  std::string table = out;
  EXPECT_EQ(FakeRuntime::packedBatches, 0u);
  uint64_t unpacked = FakeRuntime::logits;
  for (unsigned batch : {1, 3, 7, 100}) {
    writeBytes(plan, FakeRuntime::plan(batch, 8, 256));
    EXPECT_EQ(samples(), first) << batch;
    EXPECT_EQ(out, table) << batch;
  }
  // Nor on packing, which a plan without documents does not have.
  writeBytes(plan, FakeRuntime::plan(2, 8, 256, /*documents=*/true));
  for (const char *align : {"1", "4"}) {
    FakeRuntime::packedBatches = 0;
    EXPECT_EQ(samples({"--pack-align", align}), first);
    EXPECT_EQ(out, table);
    EXPECT_GT(FakeRuntime::packedBatches, 0u);
    EXPECT_LT(FakeRuntime::packedBatches, unpacked);
  }
  FakeRuntime::packedBatches = 0;
  EXPECT_EQ(samples({"--no-packing"}), first);
  EXPECT_EQ(FakeRuntime::packedBatches, 0u);
  std::reverse(all.begin(), all.end());
  write();
  std::vector<nlohmann::json> back = samples();
  for (size_t i = 0; i < back.size(); ++i)
    EXPECT_EQ(back[i]["ll"], first[back.size() - 1 - i]["ll"]);
}

TEST_F(EvalCommand, TextInRollingWindows) {
  std::string text = "the cat sat on\tthe mat; the end ";
  writeBytes(folder / "a.txt", text);
  nlohmann::json json = evaluateJson({"--text", folder / "a.txt"});
  double sum = logProbability("\n" + text);
  EXPECT_NEAR(json["log_likelihood"].get<double>(), sum, 1e-4);
  EXPECT_EQ(json["tokens"], 32);
  EXPECT_EQ(json["bytes"], 32);
  EXPECT_EQ(json["windows"], 4);
  EXPECT_EQ(json["words"], 9);
  EXPECT_NEAR(json["bits_per_byte"].get<double>(),
              -sum / 32 / std::numbers::ln2, 1e-5);
  EXPECT_NEAR(json["byte_perplexity"].get<double>(), std::exp(-sum / 32), 1e-4);
  EXPECT_NEAR(json["word_perplexity"].get<double>() / std::exp(-sum / 9), 1,
              1e-4);
  // Each text begins anew.
  writeBytes(folder / "b.txt", "mat");
  json = evaluateJson({"--text", folder / "a.txt", folder / "b.txt"});
  EXPECT_NEAR(json["log_likelihood"].get<double>(),
              sum + logProbability("\nmat"), 1e-4);
  EXPECT_EQ(json["texts"], 2);
  EXPECT_EQ(json["words"], 10);
  ASSERT_TRUE(evaluate({"--text", folder / "b.txt"}).ok());
  EXPECT_NE(out.find("rolling windows of 8 tokens, before a text byte 10: "),
            std::string::npos)
      << out;
  EXPECT_NE(out.find("\nbits_per_byte="), std::string::npos) << out;
  EXPECT_EQ(out.find("val_bpb"), std::string::npos) << out;
  // What is beyond a double has no number in JSON.
  writeBytes(folder / "w.txt", std::string(3000, '\xff'));
  json = evaluateJson({"--text", folder / "w.txt"});
  EXPECT_TRUE(json["word_perplexity"].is_null());
  writeBytes(folder / "empty.txt", "");
  EXPECT_TRUE(failsWith(evaluate({"--text", folder / "empty.txt"}),
                        "empty.txt: holds no text"));
}

TEST_F(EvalCommand, WhatIsNotFinite) {
  writeBytes(questions,
             R"({"context": "a", "choices": ["b", "c"], "gold": 0})");
  writeBytes(folder / "a.txt", "abc");
  ASSERT_TRUE(evaluate({"--choices", questions}).ok());
  FakeRuntime::badLogits = true;
  EXPECT_TRUE(failsWith(evaluate({"--choices", questions}),
                        "logits are not finite; the checkpoint is damaged or "
                        "has diverged"));
  EXPECT_TRUE(failsWith(evaluate({"--text", folder / "a.txt"}),
                        "p.plan: logits are not finite"));
}

TEST_F(EvalCommand, WhatIsAskedFor) {
  auto usage = [&](std::vector<std::string> more, const std::string &message) {
    Status status = evaluate(more);
    EXPECT_TRUE(failsWith(status, message));
    EXPECT_EQ(status.exitCode(), 2);
  };
  usage({}, "none of --data, --choices and --text is given; give one: token "
            "shards, questions or texts");
  usage({"--data", data, "--text", "a"},
        "several of --data, --choices and --text are given; give one");
  usage({"--choices", "q", "--token-type", "u16"},
        "--token-type: belongs to --data; leave it out");
  usage({"--text", "q", "--eval-batches", "1"},
        "--eval-batches: belongs to --data; leave it out");
  usage({"--text", "q", "--samples", "s"},
        "--samples: belongs to --choices; leave it out");
  usage({"--data", data, "--no-mutual-info"},
        "--no-mutual-info: belongs to --choices; leave it out");
  usage({"--data", data, "--tokenizer", "t"},
        "--tokenizer: belongs to --choices and --text, and --data is tokens "
        "already; leave it out");
  usage({"--data", data, "--prefix-token", "1"}, "--prefix-token: belongs to");
  for (const char *id : {"<s>", "-1", "4294967296", "1 ", ""})
    usage({"--choices", "q", "--prefix-token", id},
          std::string("--prefix-token: '") + id +
              "' is not a token's id; give a number ('lns tokens info' shows "
              "those of special tokens)");
}

TEST_F(EvalCommand, VocabulariesThatDisagree) {
  writeBytes(questions,
             R"({"context": "a", "choices": ["b", "c"], "gold": 0})");
  EXPECT_TRUE(
      failsWith(evaluate({"--choices", questions, "--prefix-token", "256"}),
                "--prefix-token: 256 is no byte, and without "
                "--tokenizer tokens are bytes; give 0 to 255"));
  std::string tokenizer = LNS_TEST_DIR "/golden/tokenizers/gpt2";
  EXPECT_TRUE(failsWith(
      evaluate({"--choices", questions, "--tokenizer", tokenizer}),
      "gpt2/tokenizer.json: has a vocabulary of 601, " + plan +
          " has one of 256; give the tokenizer that the model was trained "
          "with"));
  writeBytes(plan, FakeRuntime::plan(2, 8, 640));
  EXPECT_TRUE(failsWith(
      evaluate({"--text", questions}),
      plan + ": vocabulary of 640, texts can be evaluated by byte models (256) "
             "only; give the model's tokenizer (lns eval --tokenizer)"));
}

// Of a tokenizer's tokens, bits are by the bytes that meta.json tells.
TEST_F(EvalCommand, BitsPerByteOfTokens) {
  std::string tokenizer = LNS_TEST_DIR "/golden/tokenizers/gpt2",
              tokens = folder / "tokens";
  std::filesystem::copy_file(LNS_TEST_DIR "/../LICENSE", folder / "text");
  ASSERT_TRUE(run(runDataPrepare, {"--text", folder / "text", "--tokenizer",
                                   tokenizer, "-o", tokens})
                  .ok());
  nlohmann::json meta =
      nlohmann::json::parse(readBytes(tokens + "/meta.json"), nullptr, false);
  double perToken =
      meta["val_bytes"].get<double>() / meta["val_tokens"].get<double>();
  EXPECT_GT(perToken, 1.5);
  writeBytes(plan, FakeRuntime::plan(2, 8, 601));
  ASSERT_TRUE(run(runTrain, {plan, "--data", tokens, "--out", runFolder,
                             "--steps", "3", "--lr", "0.1"})
                  .ok());
  // The trainer's last two lines.
  size_t loss = out.rfind("val_loss="), bits = out.rfind("val_bpb=");
  ASSERT_NE(bits, std::string::npos) << out;
  EXPECT_EQ(out.find('\n', loss) + 1, bits) << out;
  nlohmann::json json = evaluateJson({"--data", tokens});
  double wanted = json["val_loss"].get<double>() / std::numbers::ln2 / perToken;
  EXPECT_NEAR(json["val_bpb"].get<double>(), wanted, 1e-9);
  EXPECT_NEAR(std::stod(out.substr(out.find("val_bpb\":") + 9)), wanted, 1e-4);
  ASSERT_TRUE(evaluate({"--data", tokens}).ok());
  EXPECT_NE(out.find("val_bpb="), std::string::npos) << out;
  // Of some of the targets the bytes are not known, nor of other shards.
  json = evaluateJson({"--data", tokens, "--eval-batches", "1"});
  EXPECT_FALSE(json.contains("val_bpb"));
  json = evaluateJson({"--data", tokens + "/train.bin"});
  EXPECT_FALSE(json.contains("val_bpb"));
  ASSERT_TRUE(evaluate({"--data", tokens + "/train.bin"}).ok());
  EXPECT_EQ(out.find("val_bpb="), std::string::npos) << out;
}
