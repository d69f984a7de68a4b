//===- alternatives_test.cpp - Which way a product is computed ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "cuda_session_test.h"

using namespace lns;
using namespace lns::test;

TEST_F(CudaSessionTest, TheFasterAlternativeIsTaken) {
  set("FAKE_LT_LOG", folder / "heuristics");
  // Three products: forward, and two gradients. All algorithms take 2 ms.
  set("FAKE_CUDA_COST", "test_product=1");
  auto first = json(start())["alternatives"];
  EXPECT_EQ(first["chosen"], (nlohmann::json{{"generated", 8}}));
  EXPECT_EQ(first["timed"], 3);
  EXPECT_EQ(first["remembered"], 0);
  EXPECT_EQ(countLines(folder / "heuristics"), 3u);
  // Remembered, whatever the times are now.
  set("FAKE_CUDA_COST", "test_product=9");
  auto second = json(start())["alternatives"];
  EXPECT_EQ(second["chosen"], first["chosen"]);
  EXPECT_EQ(second["timed"], 0);
  EXPECT_EQ(second["remembered"], 3);
  EXPECT_EQ(countLines(folder / "heuristics"), 3u);
  set("LNSRT_CACHE_DIR", folder / "another");
  EXPECT_EQ(json(start())["alternatives"]["chosen"],
            (nlohmann::json{{"library", 8}}));
  // Among equals the first.
  set("FAKE_CUDA_COST", "test_product=2");
  set("LNSRT_CACHE_DIR", folder / "third");
  EXPECT_EQ(json(start())["alternatives"]["chosen"],
            (nlohmann::json{{"generated", 8}}));
}

// The tuner writes what it likes; a session starts from zeros all the same.
TEST_F(CudaSessionTest, TuningLeavesNoTrace) {
  Running run = start();
  for (int kind = LNSRT_PARAMETER; kind <= LNSRT_EXP_AVG_SQ; ++kind)
    EXPECT_EQ(run.read(lnsrt_tensor_kind(kind), 1),
              std::vector<float>(kElements, 0.0f));
}

// Products are timed on numbers like those of training, compute weights too.
TEST_F(CudaSessionTest, TuningIsNotOnZeros) {
  set("FAKE_CUDA_COST", "test_product=9");
  set("FAKE_LT_PICKY", "1");
  EXPECT_EQ(json(start())["alternatives"]["chosen"],
            (nlohmann::json{{"library", 8}}));
  set("LNSRT_CACHE_DIR", folder / "another");
  CudaTestPlan source;
  for (auto &option : source.alternatives("head").options)
    for (auto &command : option->commands)
      if (auto *matmul = command->body.AsMatmul())
        *matmul->b =
            plan::BufferRef(0, matmul->b->size(), plan::Segment::compute);
  source.keepTable();
  EXPECT_EQ(json(start("cuda", source))["alternatives"]["chosen"],
            (nlohmann::json{{"library", 8}}));
}

TEST_F(CudaSessionTest, TheFastestAlgorithmIsTaken) {
  set("LNSRT_CUDA_PRODUCTS", "library");
  set("FAKE_LT_COST", "5,2,3");
  auto milliseconds = [&] {
    Running run = start();
    auto seconds = run.session.runMatmuls();
    EXPECT_TRUE(seconds);
    return *seconds * 1e3;
  };
  // Three products in a step.
  EXPECT_NEAR(milliseconds(), 3 * 2, 1e-3);
  set("FAKE_LT_COST", "1,2,3");
  EXPECT_NEAR(milliseconds(), 3 * 2, 1e-3); // As it is remembered.
  set("LNSRT_CACHE_DIR", "none");
  EXPECT_NEAR(milliseconds(), 3 * 1, 1e-3);
}

TEST_F(CudaSessionTest, WithoutCublasLt) {
  set("LNSRT_CUBLASLT", "none");
  Running run = start();
  EXPECT_STREQ(run.session.matmul(), "generated");
  EXPECT_EQ(json(run)["alternatives"]["chosen"],
            (nlohmann::json{{"generated", 8}}));
  // Even where it is preferred.
  set("LNSRT_CUDA_PRODUCTS", "library");
  EXPECT_EQ(json(start())["alternatives"]["chosen"],
            (nlohmann::json{{"generated", 8}}));
  // But when nothing else is left.
  CudaTestPlan source;
  auto &options = source.alternatives("head").options;
  options.erase(options.begin());
  EXPECT_EQ(problem(source),
            "no way to compute 'head' is left: 'library' is not possible: "
            "cuBLASLt is not used: LNSRT_CUBLASLT is 'none'; unset it");
}

TEST_F(CudaSessionTest, ProductsThatCublasLtCannot) {
  set("FAKE_LT_NONE", "1");
  EXPECT_EQ(json(start())["alternatives"]["chosen"],
            (nlohmann::json{{"generated", 8}}));
}

TEST_F(CudaSessionTest, GeneratedProductsOnly) {
  set("LNSRT_CUDA_PRODUCTS", "generated");
  CudaTestPlan source;
  auto &options = source.alternatives("head").options;
  options.erase(options.begin());
  EXPECT_EQ(problem(source),
            "no way to compute 'head' is left: 'library' is not possible: "
            "LNSRT_CUDA_PRODUCTS is 'generated'");
  set("LNSRT_CUDA_PRODUCTS", "quick");
  EXPECT_EQ(problem(), "LNSRT_CUDA_PRODUCTS is 'quick'; there are auto, "
                       "generated and library");
}

// A product outside of alternatives.
TEST_F(CudaSessionTest, PlainProducts) {
  CudaTestPlan source;
  plan::CommandT &head = source.cudaCommand("head");
  plan::MatmulT matmul =
      *head.body.AsAlternatives()->options[1]->commands[0]->body.AsMatmul();
  head.body.Set(std::move(matmul));
  Running run = start("cuda", source), reference = start();
  ASSERT_TRUE(run.session.init(3));
  ASSERT_TRUE(reference.session.init(3));
  auto one = run.session.trainStep(kTokens, kTargets, optimizer(0.3f));
  auto two = reference.session.trainStep(kTokens, kTargets, optimizer(0.3f));
  ASSERT_TRUE(one);
  ASSERT_TRUE(two);
  EXPECT_NEAR(one->loss, two->loss, 1e-6);
  set("LNSRT_CUBLASLT", "none");
  EXPECT_EQ(problem(source), "'head' is a product of cuBLASLt: cuBLASLt is not "
                             "used: LNSRT_CUBLASLT is 'none'; unset it");
}
