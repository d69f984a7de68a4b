//===- choice_metrics_test.cpp - Which questions are answered right -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/choice_metrics.h"

#include "test_files.h"
#include "tools/lns/eval/choice_report.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

using namespace lns::tool;

namespace {
ChoiceQuestion choose(std::vector<std::string> choices,
                      std::vector<uint32_t> gold,
                      const std::string &task = "t") {
  ChoiceQuestion question;
  question.task = task;
  question.contexts = {"c"};
  question.continuations = std::move(choices);
  question.gold = std::move(gold);
  return question;
}
QuestionScore score(std::vector<double> ll, std::vector<double> alone = {}) {
  QuestionScore made;
  made.cut.resize(ll.size());
  made.tokens.resize(ll.size(), 1);
  made.logLikelihoods = std::move(ll);
  made.alone = std::move(alone);
  return made;
}
using enum ChoiceMetric;
} // namespace

TEST(ChoiceMetrics, EachByItsOwnLength) {
  // Characters 2, 1, 4; bytes 2, 3, 4.
  ChoiceQuestion question = choose({"ab", "\xe4\xbd\xa0", "abcd"}, {0});
  QuestionScore scores = score({-2, -1.8, -4.4}, {-1, -1.5, -9});
  auto winner = [&](ChoiceMetric metric) {
    for (uint32_t gold : {0, 1, 2}) {
      question.gold = {gold};
      if (measureQuestion(question, scores, metric) == 1)
        return gold;
    }
    return 9u;
  };
  EXPECT_EQ(winner(Acc), 1u);
  EXPECT_EQ(winner(AccNorm), 0u);  // -1, -1.8, -1.1
  EXPECT_EQ(winner(AccBytes), 1u); // -1, -0.6, -1.1
  EXPECT_EQ(winner(AccMutualInfo), 2u);
  question.gold = {2};
  EXPECT_DOUBLE_EQ(measureQuestion(question, scores, BitsPerByteOfGold),
                   4.4 / (4 * std::numbers::ln2));
  // Of several right ones: any is right, and the fewest bits count.
  question.gold = {0, 1};
  EXPECT_EQ(measureQuestion(question, scores, Acc), 1);
  EXPECT_EQ(measureQuestion(question, scores, AccMutualInfo), 0);
  EXPECT_DOUBLE_EQ(measureQuestion(question, scores, BitsPerByteOfGold),
                   1.8 / (3 * std::numbers::ln2));
}

TEST(ChoiceMetrics, TheFirstOfEquals) {
  EXPECT_EQ(firstLargest(std::vector<double>{-2, -1, -1}), 1u);
  EXPECT_EQ(measureQuestion(choose({"a", "b"}, {0}), score({-1, -1}), Acc), 1);
  EXPECT_EQ(measureQuestion(choose({"a", "b"}, {1}), score({-1, -1}), Acc), 0);
}

TEST(ChoiceMetrics, OneTextBehindSeveralContextsHasAccAlone) {
  ChoiceQuestion question;
  question.contexts = {"a", "b"};
  question.continuations = {"c"};
  question.gold = {1};
  QuestionScore scores = score({-2, -1});
  EXPECT_EQ(measureQuestion(question, scores, Acc), 1);
  for (ChoiceMetric metric :
       {AccNorm, AccBytes, AccMutualInfo, BitsPerByteOfGold})
    EXPECT_TRUE(std::isnan(measureQuestion(question, scores, metric)));
}

TEST(ChoiceMetrics, MeansAndTheirErrors) {
  Estimate some = estimate(std::vector<double>{1, 0, 0, 1, 1});
  EXPECT_EQ(some.count, 5u);
  EXPECT_DOUBLE_EQ(some.mean, 0.6);
  EXPECT_DOUBLE_EQ(some.error, std::sqrt(0.3 / 5));
  Estimate one = estimate(std::vector<double>{1});
  EXPECT_EQ(one.mean, 1);
  EXPECT_TRUE(std::isnan(one.error));
  EXPECT_TRUE(std::isnan(estimate({}).mean));
}

TEST(ChoiceMetrics, TasksAndAll) {
  std::vector<ChoiceQuestion> questions = {choose({"a", "b"}, {0}, "one"),
                                           choose({"a", "b"}, {1}, "two"),
                                           choose({"a", "b"}, {1}, "one")};
  questions[1].contexts = {"a", "b"};
  questions[1].continuations = {"c"};
  std::vector<QuestionScore> scores = {score({-1, -2}, {-1, -1}),
                                       score({-2, -1}), score({-1, -2})};
  scores[2].cut = {false, true};
  std::vector<TaskMetrics> rows = measureTasks(questions, scores);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].task, "one");
  EXPECT_EQ(rows[0].questions, 2u);
  EXPECT_EQ(rows[0].cut, 1u);
  EXPECT_EQ(rows[0].metrics[0].mean, 0.5);
  EXPECT_EQ(rows[0].metrics[0].error, 0.5);
  EXPECT_EQ(rows[2].task, "all");
  EXPECT_NEAR(rows[2].metrics[0].mean, 2.0 / 3, 1e-15);
  EXPECT_EQ(rows[2].metrics[1].count, 2u);
  EXPECT_EQ(rows[2].metrics[3].count, 1u);

  std::string table = formatTable(rows);
  EXPECT_NE(table.find("one         2  0.5000 +- 0.5000  "), std::string::npos)
      << table;
  EXPECT_NE(table.find("two         1  1.0000             -  "),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("\nall         3  0.6667 +- 0.3333  "),
            std::string::npos)
      << table;
  EXPECT_NE(table.find("count in acc alone"), std::string::npos) << table;
  nlohmann::json json =
      nlohmann::json::parse(formatJson(rows, "q", 8, 10), nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["tasks"]["one"]["acc"], 0.5);
  EXPECT_EQ(json["tasks"]["one"]["cut"], 1);
  EXPECT_TRUE(json["tasks"]["two"]["acc_norm"].is_null());
  EXPECT_TRUE(json["tasks"]["two"]["acc_stderr"].is_null());
  EXPECT_EQ(json["all"]["acc_norm_n"], 2);
  EXPECT_EQ(json["sequence"], 8);
  EXPECT_EQ(json["prefix_token"], 10);

  // One task is all there is.
  questions.resize(1);
  scores.resize(1);
  table = formatTable(measureTasks(questions, scores));
  EXPECT_EQ(table.find("all"), std::string::npos) << table;
}

TEST(ChoiceMetrics, Samples) {
  TempFolder folder;
  std::vector<ChoiceQuestion> questions = {choose({"a", "b"}, {1})};
  questions[0].line = 3;
  questions[0].id = "x";
  ASSERT_TRUE(
      writeSamples(folder / "s.jsonl", questions, {score({-1, -2.5}, {-3, -4})})
          .ok());
  EXPECT_EQ(readBytes(folder / "s.jsonl"),
            "{\"task\":\"t\",\"id\":\"x\",\"line\":3,\"gold\":[1],\"choice\":0,"
            "\"ll\":[-1.0,-2.5],\"ll_alone\":[-3.0,-4.0],\"tokens\":[1,1],"
            "\"cut\":[false,false]}\n");
  EXPECT_TRUE(failsWith(
      writeSamples(folder / "none/s.jsonl", questions, {score({-1, -2})}),
      "none/s.jsonl: cannot create"));
}
