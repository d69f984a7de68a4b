//===- metrics_test.cpp - metrics.jsonl -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/train/metrics.h"

#include "test_files.h"

#include <cmath>

using namespace lns::tool;

TEST(Metrics, LinesAreThereAtOnceAndResumeDropsRepeatedSteps) {
  TempFolder folder;
  std::string path = folder / "metrics.jsonl";
  {
    MetricsHistory history;
    auto writer = MetricsWriter::open(path, 0, history);
    ASSERT_TRUE(writer) << writer.status().message();
    for (uint64_t step = 1; step <= 3; ++step)
      ASSERT_TRUE(writer
                      ->add(StepMetrics{step, 0.5 * static_cast<double>(step),
                                        1, 1e-3, 10, 100, false, 20 + step})
                      .ok());
    ASSERT_TRUE(writer->add(EvalMetrics{2, 4.25}).ok());
    std::string text = readBytes(path);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
  }
  // A killed run may leave half a line.
  writeBytes(path, readBytes(path) + "{\"step\": 2, \"lo");
  MetricsHistory history;
  auto writer = MetricsWriter::open(path, 2, history);
  ASSERT_TRUE(writer);
  ASSERT_EQ(history.steps.size(), 2u);
  EXPECT_EQ(history.steps[1].loss, 1.0);
  EXPECT_EQ(history.steps[1].targets, 22u);
  ASSERT_EQ(history.evals.size(), 1u);
  EXPECT_EQ(history.evals[0].loss, 4.25);
  std::string text = readBytes(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_EQ(text.find("\"lo\n"), std::string::npos);
}

TEST(Metrics, ErrorsNameTheFile) {
  MetricsHistory history;
  EXPECT_TRUE(failsWith(
      MetricsWriter::open("/proc/lns/metrics.jsonl", 0, history).status(),
      "/proc/lns/metrics.jsonl: cannot create"));
}

// JSON has no NaN; a reader that met one would give up on the file.
TEST(Metrics, WhatIsNotFiniteIsNull) {
  TempFolder folder;
  std::string path = folder / "metrics.jsonl";
  MetricsHistory history;
  {
    auto writer = MetricsWriter::open(path, 0, history);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(
        writer->add(StepMetrics{1, NAN, INFINITY, 1e-3, 10, 100, true}).ok());
    ASSERT_TRUE(writer->add(EvalMetrics{1, NAN}).ok());
    ASSERT_TRUE(writer->sync().ok());
  }
  EXPECT_EQ(readBytes(path),
            "{\"step\":1,\"loss\":null,\"grad_norm\":null,\"lr\":0.001,"
            "\"ms\":10.000,\"tokens_per_s\":100.0,\"targets\":0,"
            "\"skipped\":true}\n"
            "{\"step\":1,\"val_loss\":null,\"val_bits_per_token\":null}\n");
  ASSERT_TRUE(MetricsWriter::open(path, 1, history));
  ASSERT_EQ(history.steps.size(), 1u);
  EXPECT_TRUE(std::isnan(history.steps[0].loss));
  EXPECT_TRUE(history.steps[0].skipped);
}

TEST(Metrics, BitsPerToken) {
  EXPECT_DOUBLE_EQ(bitsPerToken(0.69314718055994530942), 1.0);
}
