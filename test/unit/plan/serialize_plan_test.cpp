//===- serialize_plan_test.cpp - Commands as the file has them ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/Plan.h"
#include "runtime/plan/plan_format.h"
#include "runtime/plan/plan_generated.h"

#include <gtest/gtest.h>

using namespace lns;

static PlanMatmul someMatmul() {
  PlanMatmul matmul;
  matmul.m = 3, matmul.n = 4, matmul.k = 5;
  matmul.transB = true;
  matmul.alpha = 0.5, matmul.beta = 1;
  matmul.a = {PlanSegment::Arena, 64, 30};
  matmul.b = {PlanSegment::Parameters, 128, 80};
  matmul.c = {PlanSegment::Gradients, 192, 48};
  matmul.typeA = PlanDType::Bf16;
  return matmul;
}

TEST(SerializePlan, Repeat) {
  Plan plan;
  plan.batch = 8, plan.microBatch = 2;
  plan.entryPoints.resize(2);
  plan.entryPoints[0].name = "grads";
  plan.entryPoints[1].name = "micro_grads";
  PlanRepeat repeat;
  repeat.entry = "micro_grads";
  repeat.count = 4;
  repeat.tokens = {PlanSegment::Io, 0, 64};
  repeat.targets = {PlanSegment::Io, 64, 64};
  repeat.loss = {PlanSegment::Arena, 128, 4};
  plan.entryPoints[0].commands = {{"parts", repeat}};
  std::vector<char> bytes;
  std::string error;
  ASSERT_TRUE(serializePlan(plan, bytes, error)) << error;

  const plan::Plan *table = plan::GetPlan(bytes.data() + sizeof(PlanHeader));
  EXPECT_EQ(table->micro_batch(), 2u);
  const plan::Command &command =
      *table->entry_points()->Get(0)->commands()->Get(0);
  EXPECT_EQ(command.name()->str(), "parts");
  const plan::Repeat &written = *command.body_as_Repeat();
  EXPECT_EQ(written.entry(), 1u);
  EXPECT_EQ(written.count(), 4u);
  EXPECT_EQ(written.tokens()->offset(), 0u);
  EXPECT_EQ(written.targets()->offset(), 64u);
  EXPECT_EQ(written.loss()->segment(), plan::Segment::arena);
  EXPECT_EQ(written.loss()->offset(), 128u);
}

TEST(SerializePlan, Matmul) {
  PlanMatmul scaled = someMatmul();
  scaled.gain = PlanBuffer{PlanSegment::Parameters, 256, 20};
  scaled.beta = 0, scaled.typeC = PlanDType::Bf16;
  Plan plan;
  plan.entryPoints.emplace_back();
  plan.entryPoints[0].commands = {{"plain", someMatmul()}, {"scaled", scaled}};
  std::vector<char> bytes;
  std::string error;
  ASSERT_TRUE(serializePlan(plan, bytes, error)) << error;

  const plan::Plan *table = plan::GetPlan(bytes.data() + sizeof(PlanHeader));
  const auto &commands = *table->entry_points()->Get(0)->commands();
  ASSERT_EQ(commands.size(), 2u);
  const plan::Matmul &first = *commands.Get(0)->body_as_Matmul();
  EXPECT_EQ(first.m(), 3u);
  EXPECT_EQ(first.n(), 4u);
  EXPECT_EQ(first.k(), 5u);
  EXPECT_FALSE(first.trans_a());
  EXPECT_TRUE(first.trans_b());
  EXPECT_EQ(first.alpha(), 0.5f);
  EXPECT_EQ(first.beta(), 1.0f);
  EXPECT_EQ(first.b()->segment(), plan::Segment::parameters);
  EXPECT_EQ(first.b()->offset(), 128u);
  EXPECT_EQ(first.dtype_a(), plan::DType::bf16);
  EXPECT_EQ(first.dtype_b(), plan::DType::f32);
  EXPECT_EQ(first.dtype_c(), plan::DType::f32);
  EXPECT_EQ(first.gain(), nullptr);
  const plan::Matmul &second = *commands.Get(1)->body_as_Matmul();
  EXPECT_EQ(second.beta(), 0.0f);
  EXPECT_EQ(second.dtype_c(), plan::DType::bf16);
  ASSERT_NE(second.gain(), nullptr);
  EXPECT_EQ(second.gain()->segment(), plan::Segment::parameters);
  EXPECT_EQ(second.gain()->offset(), 256u);
  EXPECT_EQ(second.gain()->size(), 20u);
}

TEST(SerializePlan, Cuda) {
  Plan plan;
  PlanCuda &program = plan.cuda.emplace();
  program.arenaBytes = 640;
  program.scratchBytes = 256;
  program.computeBytes = 192;
  program.constants = {1, 2, 3, 4};
  cuda::KernelInfo kernel;
  kernel.symbol = "row_0";
  kernel.text = "#include \"device.cuh\"\n";
  kernel.buffers = 2, kernel.floats = 1, kernel.threads = 128;
  kernel.sharedBytes = 4096, kernel.noSpills = true;
  program.kernels = {kernel};
  program.headers = {{"device.cuh", "// text"}};
  program.cubins = {{0, "sm_90a", {5, 6, 7}}};
  program.entryPoints.emplace_back().name = "eval";
  PlanLaunch launch;
  launch.buffers = {{PlanSegment::Scratch, 64, 128}};
  launch.grid = {7, 5, 3};
  PlanAlternatives ways;
  ways.options = {{"generated", {{"product", launch}}},
                  {"library", {{"product", someMatmul()}}}};
  program.entryPoints[0].commands = {{"product", ways}};
  std::vector<char> bytes;
  std::string error;
  ASSERT_TRUE(serializePlan(plan, bytes, error)) << error;

  const plan::Plan *table = plan::GetPlan(bytes.data() + sizeof(PlanHeader));
  EXPECT_EQ(table->entry_points()->size(), 0u);
  const plan::CudaProgram *cuda = table->cuda();
  ASSERT_NE(cuda, nullptr);
  EXPECT_EQ(cuda->arena_bytes(), 640u);
  EXPECT_EQ(cuda->scratch_bytes(), 256u);
  EXPECT_EQ(cuda->compute_bytes(), 192u);
  ASSERT_EQ(cuda->constants_size(), 4u);
  EXPECT_EQ(bytes[cuda->constants_offset() + 3], 4);
  const plan::CudaKernel &written = *cuda->kernels()->Get(0);
  EXPECT_EQ(written.text()->str(), kernel.text);
  EXPECT_EQ(written.threads(), 128u);
  EXPECT_EQ(written.shared_bytes(), 4096u);
  EXPECT_TRUE(written.no_spills());
  EXPECT_EQ(cuda->headers()->Get(0)->name()->str(), "device.cuh");
  const plan::CudaCubin &cubin = *cuda->cubins()->Get(0);
  EXPECT_EQ(cubin.arch()->str(), "sm_90a");
  ASSERT_EQ(cubin.size(), 3u);
  EXPECT_EQ(bytes[cubin.offset()], 5);
  const auto &commands = *cuda->entry_points()->Get(0)->commands();
  const plan::Alternatives *both = commands.Get(0)->body_as_Alternatives();
  ASSERT_NE(both, nullptr);
  ASSERT_EQ(both->options()->size(), 2u);
  EXPECT_EQ(both->options()->Get(0)->name()->str(), "generated");
  const plan::Launch &first =
      *both->options()->Get(0)->commands()->Get(0)->body_as_Launch();
  EXPECT_EQ(first.grid_x(), 7u);
  EXPECT_EQ(first.grid_z(), 3u);
  EXPECT_EQ(first.buffers()->Get(0)->segment(), plan::Segment::scratch);
  const plan::Matmul &second =
      *both->options()->Get(1)->commands()->Get(0)->body_as_Matmul();
  EXPECT_EQ(second.n(), 4u);
}
