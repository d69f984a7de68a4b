//===- cuda_session_test.cpp - Training on a fake CUDA device -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The same plan runs on the CPU beside it: what a session gives must not depend
// on the device.
//
//===----------------------------------------------------------------------===//

#include "cuda_session_test.h"

#include "runtime/base/session_memory.h"
#include "runtime/cuda/api_types.h"

#include <cmath>
#include <cstring>
#include <gmock/gmock.h>

using namespace lns;
using namespace lns::test;
using testing::HasSubstr;

static void expectNear(const std::vector<float> &got,
                       const std::vector<float> &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(std::isfinite(got[i]));
    EXPECT_NEAR(got[i], want[i], 1e-6f) << i;
  }
}

TEST_F(CudaSessionTest, SameAsOnTheCpu) {
  for (const char *products : {"generated", "library"}) {
    set("LNSRT_CUDA_PRODUCTS", products);
    Running cpu = start("cpu"), cuda = start();
    EXPECT_STREQ(cpu.session.device(), "cpu");
    EXPECT_STREQ(cuda.session.device(), "cuda:0");
    EXPECT_STREQ(cuda.session.cpuLevel(), "");
    EXPECT_EQ(json(cuda)["alternatives"]["chosen"],
              (nlohmann::json{{products, 8}}));
    ASSERT_TRUE(cpu.session.init(3));
    ASSERT_TRUE(cuda.session.init(3));
    // The same bits to start with.
    for (size_t index = 0; index < 2; ++index)
      EXPECT_EQ(cuda.read(LNSRT_PARAMETER, index),
                cpu.read(LNSRT_PARAMETER, index));
    auto cpuLoss = cpu.session.grads(kTokens, kTargets);
    auto cudaLoss = cuda.session.grads(kTokens, kTargets);
    ASSERT_TRUE(cpuLoss);
    ASSERT_TRUE(cudaLoss) << cudaLoss.status().message();
    EXPECT_NEAR(*cudaLoss, *cpuLoss, 1e-6);
    for (size_t index = 0; index < 2; ++index)
      expectNear(cuda.read(LNSRT_GRADIENT, index),
                 cpu.read(LNSRT_GRADIENT, index));
    auto eval = cuda.session.eval(kTokens, kTargets);
    ASSERT_TRUE(eval);
    EXPECT_EQ(*eval, *cudaLoss);
    std::vector<float> cpuLogits(kRows * kVocabulary), logits(cpuLogits.size());
    ASSERT_TRUE(cpu.session.logits(kTokens, cpuLogits.data()));
    ASSERT_TRUE(cuda.session.logits(kTokens, logits.data()));
    expectNear(logits, cpuLogits);
    for (int step = 0; step < 5; ++step) {
      auto one = cpu.session.trainStep(kTokens, kTargets, optimizer(0.3f));
      auto two = cuda.session.trainStep(kTokens, kTargets, optimizer(0.3f));
      ASSERT_TRUE(one);
      ASSERT_TRUE(two);
      EXPECT_NEAR(two->loss, one->loss, 1e-6);
      EXPECT_NEAR(two->gradient_norm, one->gradient_norm, 1e-6);
    }
    expectNear(cuda.read(LNSRT_PARAMETER, 0), cpu.read(LNSRT_PARAMETER, 0));
    EXPECT_EQ(cuda.read(LNSRT_EXP_AVG, 1), std::vector<float>(kElements, 5));
  }
}

TEST_F(CudaSessionTest, TrainStepIsGradsThenApply) {
  Running one = start(), two = start();
  ASSERT_TRUE(one.session.init(3));
  ASSERT_TRUE(two.session.init(3));
  for (int step = 0; step < 3; ++step) {
    // New values every time: the graph reads them anew.
    float lr = 0.1f * float(step + 1);
    int32_t tokens[kRows], targets[kRows];
    for (uint32_t i = 0; i < kRows; ++i) {
      tokens[i] = int32_t((i + uint32_t(step)) % kVocabulary);
      targets[i] = int32_t((2 * i + uint32_t(step)) % kVocabulary);
    }
    auto result = one.session.trainStep(tokens, targets, optimizer(lr));
    ASSERT_TRUE(result) << result.status().message();
    auto loss = two.session.grads(tokens, targets);
    auto norm = two.session.apply(optimizer(lr));
    ASSERT_TRUE(loss);
    ASSERT_TRUE(norm);
    EXPECT_EQ(result->loss, *loss);
    EXPECT_EQ(result->gradient_norm, *norm);
    EXPECT_GT(result->gradient_norm, 0);
  }
  EXPECT_EQ(one.read(LNSRT_PARAMETER, 0), two.read(LNSRT_PARAMETER, 0));
}

// Compute weights are those of the parameters that are there, whoever wrote
// them: the same bits as where nothing is kept.
TEST_F(CudaSessionTest, ComputeWeightsAreNeverStale) {
  CudaTestPlan keeping;
  keeping.keepTable();
  std::vector<float> table(kElements);
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = 0.5f - 0.05f * float(i);
  for (const char *checked : {"0", "1"}) {
    set("LNSRT_CUDA_CHECK", checked);
    Running plain = start(), kept = start("cuda", keeping);
    auto both = [&](auto call) {
      auto want = call(plain.session), got = call(kept.session);
      ASSERT_TRUE(want);
      ASSERT_TRUE(got) << got.status().message();
      EXPECT_EQ(*got, *want);
    };
    auto evaluate = [&] {
      both([](auto &session) { return session.eval(kTokens, kTargets); });
    };
    auto init = [&](uint64_t seed) {
      ASSERT_TRUE(plain.session.init(seed));
      ASSERT_TRUE(kept.session.init(seed));
    };
    auto write = [&](size_t index) {
      for (Running *run : {&plain, &kept})
        ASSERT_TRUE(run->session.write(LNSRT_PARAMETER, index, table.data(),
                                       kElements));
    };
    auto step = [&](float lr) {
      auto want = plain.session.trainStep(kTokens, kTargets, optimizer(lr));
      auto got = kept.session.trainStep(kTokens, kTargets, optimizer(lr));
      ASSERT_TRUE(want);
      ASSERT_TRUE(got);
      EXPECT_EQ(got->loss, want->loss);
      EXPECT_EQ(got->gradient_norm, want->gradient_norm);
    };
    // Before anything was written; behind init, and behind init again.
    evaluate();
    for (uint64_t seed : {3, 4}) {
      init(seed);
      step(0.3f);
      step(0.3f);
      evaluate();
    }
    // Between steps, and behind gradients.
    write(0);
    step(0.3f);
    step(0.3f);
    write(0);
    both([](auto &session) { return session.grads(kTokens, kTargets); });
    both([](auto &session) { return session.apply(optimizer(0.2f)); });
    evaluate();
    write(0);
    std::vector<float> want(kRows * kVocabulary), got(want.size());
    ASSERT_TRUE(plain.session.logits(kTokens, want.data()));
    ASSERT_TRUE(kept.session.logits(kTokens, got.data()));
    EXPECT_EQ(got, want);
    // Profiling is a step, too.
    write(0);
    for (Running *run : {&plain, &kept}) {
      const lnsrt::ProfileRow *rows = nullptr;
      size_t count = 0;
      ASSERT_TRUE(run->session.profileStep(1, rows, count));
    }
    evaluate();
    EXPECT_EQ(kept.read(LNSRT_PARAMETER, 0), plain.read(LNSRT_PARAMETER, 0));
  }
}

// What is not stale is not computed again: moments and gradients are no part of
// it, and steps keep it up themselves.
TEST_F(CudaSessionTest, ComputeWeightsAreRefreshedOnce) {
  CudaTestPlan source;
  source.keepTable();
  // A launch can be counted, a copy cannot.
  plan::CommandT &command = *source.cudaEntry("refresh").commands[0];
  plan::LaunchT launch = source.cudaLaunch("table.backward");
  launch.buffers[2] = plan::BufferRef(0, 80, plan::Segment::compute);
  command.body.Set(std::move(launch));
  Running run = start("cuda", source);
  ASSERT_TRUE(run.session.init(3));
  std::vector<float> data(kElements);
  auto launchesOfAnEval = [&] {
    long before = launches();
    EXPECT_TRUE(run.session.eval(kTokens, kTargets));
    return launches() - before;
  };
  long first = launchesOfAnEval(), second = launchesOfAnEval();
  EXPECT_EQ(first, second + 1);
  for (auto kind : {LNSRT_GRADIENT, LNSRT_EXP_AVG, LNSRT_EXP_AVG_SQ})
    ASSERT_TRUE(run.session.write(kind, 0, data.data(), kElements));
  EXPECT_EQ(launchesOfAnEval(), second);
  ASSERT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(0.1f)));
  EXPECT_EQ(launchesOfAnEval(), second);
  ASSERT_TRUE(run.session.write(LNSRT_PARAMETER, 1, data.data(), kElements));
  EXPECT_EQ(launchesOfAnEval(), first);
  EXPECT_EQ(launchesOfAnEval(), second);
}

TEST_F(CudaSessionTest, AStepIsOneGraph) {
  CudaTestPlan source;
  source.keepTable();
  Running run = start("cuda", source);
  ASSERT_TRUE(run.session.init(1));
  for (int step = 0; step < 3; ++step) {
    long before = graphLaunches();
    ASSERT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(0.1f)));
    EXPECT_EQ(graphLaunches() - before, 1);
  }
}

// The parts' losses are the bits of small integers, whose sums are exact.
TEST_F(CudaSessionTest, PartsOfABatch) {
  CudaTestPlan source;
  source.splitCudaBatch();
  for (const char *checked : {"0", "1"}) {
    set("LNSRT_CUDA_CHECK", checked);
    Running run = start("cuda", source);
    const int32_t tokens[kRows] = {1, 2, 3, 3, 4, 0};
    const int32_t targets[kRows] = {2, 1, 1, 4, 1, 1};
    for (int round = 0; round < 2; ++round) {
      auto loss = run.session.grads(tokens, targets);
      ASSERT_TRUE(loss) << loss.status().message();
      int32_t bits = 0;
      std::memcpy(&bits, &*loss, sizeof(bits));
      EXPECT_EQ(bits, 1 + 3);
      // In order: the last part's gradient is what stays.
      float gradient = run.read(LNSRT_GRADIENT, 0)[0];
      std::memcpy(&bits, &gradient, sizeof(bits));
      EXPECT_EQ(bits, 4);
    }
  }
}

// Starts come to where entry points read them, also those of parts; without any
// all are zero, whatever came before.
TEST_F(CudaSessionTest, StartsOfDocuments) {
  CudaTestPlan source, parts;
  source.takeCudaDocuments();
  parts.splitCudaBatch();
  parts.takeCudaDocuments();
  const int32_t starts[kRows] = {0, 1, 1, 0, 0, 2};
  for (const char *checked : {"0", "1"}) {
    set("LNSRT_CUDA_CHECK", checked);
    Running run = start("cuda", source);
    EXPECT_EQ(run.session.memory().staging, 3 * 64u + 64);
    EXPECT_EQ(run.plan.deviceMemory("cuda")->staging, 3 * 64u + 64);
    ASSERT_TRUE(run.session.init(1));
    auto read = [&](const int32_t *given) {
      std::vector<float> logits(kRows * kVocabulary);
      lnsrt::Status status = run.session.logits(
          lnsrt::Batch(kTokens, nullptr, given), logits.data());
      EXPECT_TRUE(status) << status.message();
      std::vector<int32_t> bits(kRows);
      std::memcpy(bits.data(), logits.data(), kRows * sizeof(int32_t));
      return bits;
    };
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(read(starts), std::vector<int32_t>(starts, starts + kRows));
      EXPECT_EQ(read(nullptr), std::vector<int32_t>(kRows, 0));
    }
    lnsrt::Batch batch(kTokens, kTargets, starts);
    auto loss = run.session.grads(batch);
    ASSERT_TRUE(loss) << loss.status().message();
    auto step = run.session.trainStep(batch, optimizer(0.1f));
    ASSERT_TRUE(step) << step.status().message();
    // What is behind the starts in staging is the optimizer's.
    EXPECT_EQ(step->loss, *loss);
    EXPECT_TRUE(std::isfinite(step->gradient_norm));
    const lnsrt::ProfileRow *rows = nullptr;
    size_t count = 0;
    EXPECT_TRUE(run.session.profileStep(1, rows, count));
    const int32_t wrong[kRows] = {0, 1, 0, 0, 0, 0};
    EXPECT_THAT(run.session.eval(lnsrt::Batch(kTokens, kTargets, wrong))
                    .status()
                    .message(),
                HasSubstr("starts[0][2] is 0, but"));

    Running split = start("cuda", parts);
    for (int round = 0; round < 2; ++round) {
      loss = split.session.grads(batch);
      ASSERT_TRUE(loss) << loss.status().message();
      std::vector<float> gradient = split.read(LNSRT_GRADIENT, 0);
      int32_t bits[kSequence];
      std::memcpy(bits, &gradient[16], sizeof(bits));
      for (uint32_t t = 0; t < kSequence; ++t)
        EXPECT_EQ(bits[t], starts[kSequence + t]);
    }
  }
}

// Tokens and starts come to where decode reads them, without documents, too,
// where staging has no place for starts; the cache outlives what runs between.
TEST_F(CudaSessionTest, DecodesAsOnTheCpu) {
  for (const char *checked : {"0", "1"})
    for (bool documents : {false, true})
      for (bool keeps : {false, true}) {
        set("LNSRT_CUDA_CHECK", checked);
        CudaTestPlan source;
        if (documents)
          source.takeCudaDocuments();
        source.addCudaDecode();
        if (keeps)
          source.keepTable();
        Running cpu = start("cpu", source), cuda = start("cuda", source);
        EXPECT_EQ(cuda.plan.info().decode, 1u);
        EXPECT_EQ(cuda.plan.info().documents, documents);
        ASSERT_TRUE(cpu.session.init(3));
        ASSERT_TRUE(cuda.session.init(3));
        const int32_t positions[][kBatch] = {{0, 0}, {1, 0}, {2, 1},
                                             {0, 2}, {1, 1}, {2, 2}};
        for (size_t i = 0; i < std::size(positions); ++i) {
          const int32_t tokens[kBatch] = {int32_t(i % kVocabulary),
                                          int32_t(2 * i % kVocabulary)};
          std::vector<float> want(kBatch * kVocabulary), got(want.size());
          ASSERT_TRUE(cpu.session.decode(tokens, positions[i], want.data()));
          lnsrt::Status status =
              cuda.session.decode(tokens, positions[i], got.data());
          ASSERT_TRUE(status) << status.message();
          expectNear(got, want);
          // A step would empty the rows; gradients use all that it does.
          ASSERT_TRUE(cuda.session.grads(kTokens, kTargets));
        }
        auto step = cuda.session.trainStep(kTokens, kTargets, optimizer(0.3f));
        ASSERT_TRUE(step) << step.status().message();
        EXPECT_TRUE(std::isfinite(step->gradient_norm));
        float logits[kBatch * kVocabulary];
        EXPECT_THAT(
            cuda.session.decode(kTokens, positions[5], logits).message(),
            HasSubstr("positions[0] is 2, but row 0 has 0 tokens decoded"));
      }
}

// What failed may have written where its tokens go, and nothing before that.
TEST_F(CudaSessionTest, DecodingAfterAFailure) {
  auto resetCalls = driverFunction<void()>("fakeCudaResetCalls");
  CudaTestPlan source;
  source.addCudaDecode();
  bool failed = true;
  long call = 0;
  for (; failed; ++call) {
    Running run = start("cuda", source);
    ASSERT_TRUE(run.session.init(3));
    float logits[kBatch * kVocabulary];
    auto decode = [&](int32_t first, int32_t second) {
      const int32_t positions[kBatch] = {first, second};
      return std::string(
          run.session.decode(kTokens, positions, logits).message());
    };
    ASSERT_EQ(decode(0, 0), "");
    ASSERT_EQ(decode(1, 1), "");
    ASSERT_EQ(decode(2, 2), "");
    resetCalls();
    set("FAKE_CUDA_FAIL_AT", std::to_string(call));
    failed = !decode(1, 2).empty();
    unset("FAKE_CUDA_FAIL_AT");
    EXPECT_EQ(decode(2, 2).empty(), !failed);
    EXPECT_EQ(decode(1, 2), "");
    EXPECT_EQ(decode(2, 2), "");
  }
  EXPECT_GT(call, 2);
}

TEST_F(CudaSessionTest, TensorsAreReadAndWritten) {
  Running run = start();
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), std::vector<float>(kElements, 0.0f));
  std::vector<float> data(kElements);
  for (int kind = LNSRT_PARAMETER; kind <= LNSRT_EXP_AVG_SQ; ++kind)
    for (size_t index = 0; index < 2; ++index) {
      for (size_t i = 0; i < data.size(); ++i)
        data[i] = float(100 * kind + 10 * int(index)) + float(i);
      ASSERT_TRUE(run.session.write(lnsrt_tensor_kind(kind), index, data.data(),
                                    kElements));
    }
  for (int kind = LNSRT_PARAMETER; kind <= LNSRT_EXP_AVG_SQ; ++kind)
    for (size_t index = 0; index < 2; ++index)
      EXPECT_EQ(run.read(lnsrt_tensor_kind(kind), index)[3],
                float(100 * kind + 10 * int(index) + 3));
  std::vector<float> part(3);
  ASSERT_TRUE(run.session.readPart(LNSRT_EXP_AVG, 1, 17, part.data(), 3));
  EXPECT_EQ(part, (std::vector<float>{227, 228, 229}));
  ASSERT_TRUE(run.session.readPart(LNSRT_EXP_AVG, 1, 17, part.data(), 0));
  lnsrt::Status beyond =
      run.session.readPart(LNSRT_EXP_AVG, 1, 18, part.data(), 3);
  EXPECT_STREQ(beyond.message(), "3 elements from 18 on, the tensor has 20");
}

// 5 x 4 stored as 6 x 5: rows apart, zeros between them.
TEST_F(CudaSessionTest, PaddedTensors) {
  CudaTestPlan source;
  source.table.parameters[0]->storage_shape = {kVocabulary + 1, kWidth + 1};
  Running cpu = start("cpu", source), cuda = start("cuda", source);
  ASSERT_TRUE(cpu.session.init(4));
  ASSERT_TRUE(cuda.session.init(4));
  EXPECT_EQ(cuda.read(LNSRT_PARAMETER, 0), cpu.read(LNSRT_PARAMETER, 0));
  std::vector<float> data(kElements);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = float(i + 1);
  for (Running *run : {&cpu, &cuda}) {
    ASSERT_TRUE(run->session.write(LNSRT_GRADIENT, 0, data.data(), kElements));
    EXPECT_EQ(run->read(LNSRT_GRADIENT, 0), data);
    std::vector<float> part(6);
    ASSERT_TRUE(run->session.readPart(LNSRT_GRADIENT, 0, 3, part.data(), 6));
    EXPECT_EQ(part, (std::vector<float>{4, 5, 6, 7, 8, 9}));
  }
  // The norm sees every float of the segment: the padding is zero.
  lnsrt::OptimizerOptions options = optimizer(0);
  auto cpuNorm = cpu.session.apply(options);
  auto cudaNorm = cuda.session.apply(options);
  ASSERT_TRUE(cpuNorm);
  ASSERT_TRUE(cudaNorm);
  EXPECT_EQ(*cudaNorm, *cpuNorm);
  EXPECT_EQ(*cudaNorm, 20.0f * 21 * 41 / 6);
}

TEST_F(CudaSessionTest, ConstantsAreOnTheDevice) {
  CudaTestPlan source;
  source.extra.assign(128, 0);
  float seven = 7;
  std::memcpy(&source.extra[64], &seven, sizeof(seven));
  source.cuda().constants_offset = source.extraOffset();
  source.cuda().constants_size = source.extra.size();
  plan::EntryPointT &eval = source.cudaEntry("eval");
  eval.commands.clear();
  plan::CopyT copy;
  copy.source =
      std::make_unique<plan::BufferRef>(64, 4, plan::Segment::constants);
  copy.target = std::make_unique<plan::BufferRef>(*eval.outputs[0]->buffer);
  eval.commands.push_back(std::make_unique<plan::CommandT>());
  eval.commands.back()->name = "constant";
  eval.commands.back()->body.Set(std::move(copy));
  Running run = start("cuda", source);
  auto loss = run.session.eval(kTokens, kTargets);
  ASSERT_TRUE(loss);
  EXPECT_EQ(*loss, 7.0f);
}

TEST_F(CudaSessionTest, BadArgumentsAreRefusedAsOnTheCpu) {
  Running run = start();
  int32_t tokens[kRows] = {0, 1, 2, 3, 9, 1};
  long before = launches();
  auto step = run.session.trainStep(tokens, kTargets, {});
  ASSERT_FALSE(step);
  EXPECT_STREQ(step.status().message(),
               "tokens[1][1] is 9, the vocabulary has 5 tokens; prepare the "
               "data for this model");
  EXPECT_EQ(launches(), before);
  CudaTestPlan source;
  std::erase_if(source.cuda().entry_points,
                [](const auto &entry) { return entry->name == "logits"; });
  Running other = start("cuda", source);
  float logits[kRows * kVocabulary];
  EXPECT_THAT(other.session.logits(kTokens, logits).message(),
              HasSubstr("the plan has no entry point 'logits'"));
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

TEST_F(CudaSessionTest, TheDeviceThatAPlanHasCodeFor) {
  EXPECT_STREQ(start(nullptr).session.device(), "cpu");
  CudaTestPlan cudaOnly;
  cudaOnly.removeCpu();
  EXPECT_STREQ(start(nullptr, cudaOnly).session.device(), "cuda:0");
  EXPECT_EQ(problem(cudaOnly, "cpu"),
            "the plan has code for cuda, not for device 'cpu'; compile the "
            "model with --target=cpu, or for both with --target=cpu,cuda");
  auto plan = open(TestPlan().serialize());
  ASSERT_TRUE(plan);
  lnsrt::SessionOptions options;
  options.device = "cuda:0";
  auto session = lnsrt::Session::create(*plan, options);
  ASSERT_FALSE(session);
  EXPECT_EQ(session.status().code(), LNSRT_UNSUPPORTED);
  EXPECT_STREQ(session.status().message(),
               "the plan has code for the cpu, not for device 'cuda:0'; "
               "compile the model with --target=cuda, or for both with "
               "--target=cpu,cuda");
}

TEST_F(CudaSessionTest, SecondDevice) {
  set("FAKE_CUDA_DEVICES", "2");
  Running run = start("cuda:1");
  EXPECT_STREQ(run.session.device(), "cuda:1");
  EXPECT_EQ(json(run)["device"], "cuda:1");
}

// However far a session came, it goes without a trace.
TEST_F(CudaSessionTest, SessionsThatCannotBeMade) {
  size_t device = allocated(), host = pinned();
  EXPECT_EQ(problem({}, "cuda:1"),
            "there is no device 1; there is cuda:0 (Fake Device)");
  EXPECT_EQ(problem({}, "cuda:x"),
            "unknown device 'cuda:x'; there are cpu, cuda and cuda:N");
  set("FAKE_CUDA_ARCH", "75");
  EXPECT_THAT(problem(), HasSubstr("compute capability 7.5"));
  unset("FAKE_CUDA_ARCH");
  // Every call of the driver, one after another. Of those that no session
  // needs, such as an algorithm's trial, the failure is no error.
  auto calls = driverFunction<long()>("fakeCudaCalls");
  long failures = 0, last = 0;
  set("LNSRT_CACHE_DIR", "none");
  for (long call = 0; call <= last; ++call) {
    set("FAKE_CUDA_FAIL_AT", std::to_string(call));
    driverFunction<void()>("fakeCudaResetCalls")();
    auto plan = open(CudaTestPlan().serialize());
    ASSERT_TRUE(plan);
    lnsrt::SessionOptions options;
    options.device = "cuda";
    {
      auto session = lnsrt::Session::create(*plan, options);
      failures += !session;
      last = std::max(last, calls());
    }
    EXPECT_EQ(allocated(), device) << call;
    EXPECT_EQ(pinned(), host) << call;
  }
  EXPECT_GT(failures, 50);
  unset("FAKE_CUDA_FAIL_AT");
  set("LNSRT_CUDA_DRIVER", "none");
  EXPECT_THAT(problem(), HasSubstr("LNSRT_CUDA_DRIVER is 'none'"));
}

TEST_F(CudaSessionTest, DevicesAsJson) {
  set("FAKE_CUDA_DEVICES", "2");
  auto text = lnsrt::devicesJson();
  ASSERT_TRUE(text);
  auto all = nlohmann::json::parse(*text);
  ASSERT_EQ(all["devices"].size(), 3u);
  EXPECT_EQ(all["devices"][0]["device"], "cpu");
  EXPECT_EQ(all["devices"][2], (nlohmann::json{{"device", "cuda:1"},
                                               {"name", "Fake Device"},
                                               {"compute_capability", "9.0"},
                                               {"memory_bytes", 1 << 30},
                                               {"multiprocessors", 4},
                                               {"usable", true},
                                               {"arch", "sm_90a"}}));
  EXPECT_EQ(all["cuda"]["driver"], "13.0");
  EXPECT_EQ(all["cuda"]["nvrtc"], "13.0");
  EXPECT_EQ(all["cuda"]["cublaslt"], "13.1.0");
  set("LNSRT_CUBLASLT", "none");
  set("LNSRT_CUDA_DRIVER", folder / "absent.so");
  text = lnsrt::devicesJson();
  ASSERT_TRUE(text);
  all = nlohmann::json::parse(*text);
  EXPECT_EQ(all["devices"].size(), 1u);
  EXPECT_THAT(all["cuda"]["problem"].get<std::string>(),
              HasSubstr("cannot open the CUDA driver"));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST_F(CudaSessionTest, TakesWhatThePlanSays) {
  for (const char *products : {"auto", "generated"}) {
    set("LNSRT_CUDA_PRODUCTS", products);
    CudaTestPlan source;
    source.keepTable();
    source.addCudaDecode();
    auto plan = open(source.serialize());
    ASSERT_TRUE(plan);
    auto predicted = plan->deviceMemory("cuda:7");
    ASSERT_TRUE(predicted) << predicted.status().message();
    EXPECT_EQ(predicted->matmul,
              products[0] == 'a' ? kLibraryWorkspaceBytes : 0);
    EXPECT_EQ(predicted->scratch, 192u);
    EXPECT_EQ(predicted->staging, 64u + 64 + 64);
    EXPECT_EQ(predicted->compute_weights, 128u);
    EXPECT_EQ(predicted->caches, kCacheBytes);
    size_t device = allocated(), host = pinned();
    {
      Running run = start("cuda", source);
      EXPECT_EQ(allocated() - device, predicted->total - predicted->staging);
      EXPECT_EQ(pinned() - host, predicted->staging);
      lnsrt::Memory memory = run.session.memory();
      EXPECT_EQ(memory.parameters, predicted->parameters);
      EXPECT_EQ(memory.gradients, predicted->gradients);
      EXPECT_EQ(memory.optimizer, predicted->optimizer);
      EXPECT_EQ(memory.activations, predicted->activations);
      EXPECT_EQ(memory.workspace, predicted->workspace);
      EXPECT_EQ(memory.io, predicted->io);
      EXPECT_EQ(memory.constants, predicted->constants);
      EXPECT_EQ(memory.matmul, predicted->matmul);
      EXPECT_EQ(memory.scratch, predicted->scratch);
      EXPECT_EQ(memory.staging, predicted->staging);
      EXPECT_EQ(memory.compute_weights, predicted->compute_weights);
      EXPECT_EQ(memory.caches, predicted->caches);
      EXPECT_EQ(memory.total, predicted->total);
    }
    EXPECT_EQ(allocated(), device);
    EXPECT_EQ(pinned(), host);
  }
}

TEST_F(CudaSessionTest, OutOfMemory) {
  set("LNSRT_CUDA_PRODUCTS", "generated");
  set("FAKE_CUDA_MEMORY", "1000");
  size_t before = allocated();
  std::string message = problem();
  EXPECT_EQ(message,
            "cannot allocate 256 bytes for the exp_avg_sq, 232 of 1000 are "
            "free: CUDA_ERROR_OUT_OF_MEMORY; compile with a smaller batch, "
            "--micro-batch or --memory-budget, or free the device's memory");
  EXPECT_EQ(allocated(), before);
  auto plan = open(CudaTestPlan().serialize());
  lnsrt::SessionOptions options;
  options.device = "cuda";
  EXPECT_EQ(lnsrt::Session::create(*plan, options).status().code(),
            LNSRT_OUT_OF_MEMORY);
}

// A plan for CUDA alone says of itself what is the device's; one for both says
// the CPU's, and the device's beside it.
TEST_F(CudaSessionTest, WhatAPlanSays) {
  CudaTestPlan source;
  source.cuda().arena_bytes = 640;
  source.keepTable();
  source.addCubin("test_loss", "sm_90a", "bytes");
  source.kernel("test_apply").is_norm = true;
  for (bool cudaOnly : {false, true}) {
    if (cudaOnly) {
      source.cuda().cubins.clear();
      source.extra.clear();
      source.removeCpu();
    }
    auto plan = open(source.serialize());
    ASSERT_TRUE(plan) << plan.status().message();
    auto predicted = plan->deviceMemory("cuda");
    ASSERT_TRUE(predicted);
    lnsrt::PlanInfo info = plan->info();
    EXPECT_EQ(info.arena_bytes, cudaOnly ? 640u : 576u);
    EXPECT_EQ(info.flops_per_step, 100u);
    EXPECT_EQ(info.session_bytes == predicted->total, cudaOnly);
    auto memory = plan->memory(1);
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->total, info.session_bytes);
    auto text = plan->json();
    ASSERT_TRUE(text);
    auto json = nlohmann::json::parse(*text);
    EXPECT_EQ(json["entry_points"].size(), cudaOnly ? 0u : 5u);
    auto cuda = json["cuda"];
    EXPECT_EQ(cuda["arena_bytes"], 640);
    EXPECT_EQ(cuda["scratch_bytes"], 192);
    EXPECT_EQ(cuda["norm_kernels"], 1);
    EXPECT_EQ(cuda["memory"]["total"], predicted->total);
    EXPECT_EQ(cuda["memory"]["staging"], predicted->staging);
    EXPECT_EQ(cuda["memory"]["compute_weights"], 128);
    EXPECT_EQ(cuda["entry_points"]["refresh"]["commands"], 1);
    EXPECT_EQ(cuda["headers"], (nlohmann::json{"toy.cuh"}));
    EXPECT_EQ(cuda["cubins"].size(), cudaOnly ? 0u : 1u);
    EXPECT_EQ(cuda["entry_points"]["train_step"]["launches"], 7);
    EXPECT_EQ(cuda["entry_points"]["train_step"]["matmuls"], 3);
    ASSERT_EQ(cuda["kernels"].size(), 5u);
    EXPECT_EQ(cuda["kernels"][4], (nlohmann::json{{"symbol", "test_product"},
                                                  {"kind", "matmul"},
                                                  {"source", "by \"hand\""},
                                                  {"launches_per_step", 3},
                                                  {"is_norm", false},
                                                  {"threads", 32},
                                                  {"shared_bytes", 0}}));
  }
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

TEST_F(CudaSessionTest, ALaunchThatIsRefused) {
  Running run = start();
  set("FAKE_CUDA_REFUSE", "test_scatter");
  auto step = run.session.trainStep(kTokens, kTargets, optimizer(0.1f));
  ASSERT_FALSE(step);
  EXPECT_EQ(step.status().code(), LNSRT_INTERNAL);
  EXPECT_STREQ(step.status().place(), "table.backward");
  EXPECT_STREQ(step.status().message(),
               "cannot launch kernel 'test_scatter' of 'table.backward' on 4 x "
               "1 x 1 blocks of 32 threads with 0 bytes of shared memory: "
               "CUDA_ERROR_INVALID_VALUE");
  // The capture has ended: the session works once the reason is gone.
  unset("FAKE_CUDA_REFUSE");
  EXPECT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(0.1f)));
}

TEST_F(CudaSessionTest, AKernelThatFails) {
  {
    Running run = start();
    set("FAKE_CUDA_FAULT", "test_scatter");
    auto step = run.session.trainStep(kTokens, kTargets, optimizer(0.1f));
    ASSERT_FALSE(step);
    EXPECT_STREQ(step.status().message(),
                 "train_step failed on the device: CUDA_ERROR_ILLEGAL_ADDRESS "
                 "(an illegal memory access was encountered); "
                 "LNSRT_CUDA_CHECK=1 names the command; the process must be "
                 "started again");
    EXPECT_FALSE(run.session.eval(kTokens, kTargets));
  }
  unset("FAKE_CUDA_FAULT");
  set("LNSRT_CUDA_CHECK", "1");
  Running run = start();
  set("FAKE_CUDA_FAULT", "test_scatter");
  auto step = run.session.trainStep(kTokens, kTargets, optimizer(0.1f));
  ASSERT_FALSE(step);
  EXPECT_STREQ(step.status().place(), "table.backward");
  EXPECT_THAT(step.status().message(),
              HasSubstr("'table.backward' (test_scatter) failed on cuda:0 "
                        "(Fake Device): CUDA_ERROR_ILLEGAL_ADDRESS"));
}

// Every call of a first step fails once; the next step is as if it had not.
TEST_F(CudaSessionTest, AStepAfterAFailure) {
  auto resetCalls = driverFunction<void()>("fakeCudaResetCalls");
  CudaTestPlan source;
  source.keepTable();
  Running reference = start();
  ASSERT_TRUE(reference.session.init(3));
  auto want = reference.session.grads(kTokens, kTargets);
  ASSERT_TRUE(want);
  bool failed = true;
  long call = 0;
  for (; failed; ++call) {
    Running run = start("cuda", source);
    ASSERT_TRUE(run.session.init(3));
    resetCalls();
    set("FAKE_CUDA_FAIL_AT", std::to_string(call));
    failed = !run.session.grads(kTokens, kTargets);
    unset("FAKE_CUDA_FAIL_AT");
    auto again = run.session.grads(kTokens, kTargets);
    ASSERT_TRUE(again) << again.status().message();
    EXPECT_EQ(*again, *want);
  }
  EXPECT_GT(call, 10);
}

TEST_F(CudaSessionTest, CheckedRunsGiveTheSameBits) {
  auto train = [&] {
    Running run = start();
    EXPECT_TRUE(run.session.init(3));
    for (int step = 0; step < 3; ++step)
      EXPECT_TRUE(run.session.trainStep(kTokens, kTargets, optimizer(0.3f)));
    return run.read(LNSRT_PARAMETER, 0);
  };
  std::vector<float> graphs = train();
  set("LNSRT_CUDA_CHECK", "1");
  EXPECT_EQ(train(), graphs);
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

TEST_F(CudaSessionTest, TheCallersStream) {
  // A context must be current to make one.
  Running other = start();
  cuda::CuStream stream = nullptr;
  ASSERT_EQ((driverFunction<cuda::CuResult(cuda::CuStream *, unsigned)>(
                "cuStreamCreate")(&stream, 0)),
            cuda::kCuSuccess);
  {
    auto plan = open(CudaTestPlan().serialize());
    ASSERT_TRUE(plan);
    lnsrt::SessionOptions options;
    options.device = "cuda";
    options.cuda_stream = stream;
    auto session = lnsrt::Session::create(*plan, options);
    ASSERT_TRUE(session) << session.status().message();
    ASSERT_TRUE(session->init(3));
    auto synchronizations = driverFunction<long(void *)>("fakeCudaSyncs");
    long before = synchronizations(stream);
    auto loss = session->grads(kTokens, kTargets);
    ASSERT_TRUE(loss);
    EXPECT_EQ(synchronizations(stream) - before, 1);
    ASSERT_TRUE(other.session.init(3));
    EXPECT_EQ(*loss, *other.session.grads(kTokens, kTargets));
  }
  // It is still the caller's.
  EXPECT_EQ(driverFunction<cuda::CuResult(cuda::CuStream)>(
                "cuStreamDestroy_v2")(stream),
            cuda::kCuSuccess);
}

//===----------------------------------------------------------------------===//
// Profiles
//===----------------------------------------------------------------------===//

TEST_F(CudaSessionTest, Profile) {
  set("FAKE_CUDA_COST", "test_embed=3,test_loss=4,test_product=1");
  CudaTestPlan source;
  source.cudaCommand("embed").bytes = 11;
  Running run = start("cuda", source);
  ASSERT_TRUE(run.session.init(1));
  auto before = run.read(LNSRT_PARAMETER, 0);
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  for (int round = 0; round < 2; ++round) {
    lnsrt::Status status = run.session.profileStep(1, rows, count);
    ASSERT_TRUE(status) << status.message();
    ASSERT_EQ(count, 9u);
    struct Want {
      const char *group, *name;
      double milliseconds;
      uint64_t bytes, flops;
    };
    const Want wants[] = {{"gather", "embed", 3, 11, 0},
                          {"matmul", "head", 1, 0, 7},
                          {"loss", "loss", 4, 0, 0},
                          {"matmul", "head.backward", 1, 0, 7},
                          {"matmul", "hidden.backward", 1, 0, 7},
                          {"fill", "table.zero", 0.001, 0, 0},
                          {"scatter", "table.backward", 1, 0, 0},
                          {"optimizer", "apply", 1, 0, 0},
                          {"copy", "norm.copy", 0.001, 0, 0}};
    for (size_t i = 0; i < count; ++i) {
      EXPECT_STREQ(rows[i].group, wants[i].group);
      EXPECT_STREQ(rows[i].name, wants[i].name);
      EXPECT_NEAR(rows[i].seconds * 1e3, wants[i].milliseconds, 1e-4);
      EXPECT_EQ(rows[i].bytes, wants[i].bytes);
      EXPECT_EQ(rows[i].flops, wants[i].flops);
    }
  }
  EXPECT_EQ(run.read(LNSRT_PARAMETER, 0), before);
  auto seconds = run.session.runMatmuls();
  ASSERT_TRUE(seconds);
  EXPECT_NEAR(*seconds * 1e3, 3, 1e-4);
}

TEST_F(CudaSessionTest, ProfileOfParts) {
  CudaTestPlan source;
  source.splitCudaBatch();
  // The step repeats: what grads does.
  plan::EntryPointT &step = source.cudaEntry("train_step");
  step.commands.clear();
  step.commands.push_back(std::make_unique<plan::CommandT>(
      *source.cudaEntry("grads").commands.front()));
  source.cudaEntry("micro_grads").commands[0]->bytes = 5;
  Running run = start("cuda", source);
  const lnsrt::ProfileRow *rows = nullptr;
  size_t count = 0;
  ASSERT_TRUE(run.session.profileStep(1, rows, count));
  ASSERT_EQ(count, 2u);
  EXPECT_STREQ(rows[0].name, "loss");
  EXPECT_NEAR(rows[0].seconds * 1e3, 0.002, 1e-6); // Both parts'.
  EXPECT_EQ(rows[0].bytes, 10u);
  EXPECT_TRUE(run.session.runMatmuls());
}
