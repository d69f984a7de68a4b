//===- build_plan_test.cpp - From fused form to commands ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/Plan.h"
#include "dialect/Register.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace {

const std::string kFacts =
    "lns.model = {name = \"m\", batch = 1 : i64, sequence = 2 : i64, "
    "vocabulary = 4 : i64, layers = 1 : i64, norm_scheme = \"pre\"}";
const std::string kWeight =
    "lns.parameter @w matrix init(ones) decay(true) : tensor<4x4xf32>\n";

class BuildPlan : public testing::Test {
protected:
  BuildPlan()
      : handler(&context, [this](Diagnostic &diagnostic) {
          errors += diagnostic.str() + "\n";
          return success();
        }) {
    DialectRegistry registry;
    lns::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context.printOpOnDiagnostic(false);
  }

  bool build(const std::string &facts, const std::string &body) {
    module = parseSourceString<ModuleOp>("module attributes {" + facts +
                                             "} {\n" + body + "}",
                                         ParserConfig(&context));
    EXPECT_TRUE(module) << errors;
    if (!module)
      return false;
    lns::cpu::KernelLowering kernels(&context);
    return succeeded(lns::buildPlan(*module, kernels, plan));
  }

  void expectError(const std::string &facts, const std::string &body,
                   const std::string &message) {
    EXPECT_FALSE(build(facts, body));
    EXPECT_NE(errors.find(message), std::string::npos) << errors;
  }

  MLIRContext context;
  std::string errors;
  ScopedDiagnosticHandler handler;
  OwningOpRef<ModuleOp> module;
  lns::Plan plan;
};

std::string function(const std::string &attributes, const std::string &body,
                     const std::string &arguments = "%t: tensor<1x2xi32>") {
  return "func.func @logits(" + arguments + ") attributes {" + attributes +
         "} {\n" + body + "\nreturn }\n";
}
const std::string kPlanned = "lns.arena_bytes = 128 : i64";

TEST_F(BuildPlan, MatmulsAndCopies) {
  ASSERT_TRUE(build(kFacts, kWeight + function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %y = lns.linear %w, %w {alpha = 0.5, lns.offsets = array<i64: 64>}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    lns.set %w, gradient @w : tensor<4x4xf32>)")))
      << errors;
  ASSERT_EQ(plan.entryPoints.size(), 1u);
  const auto &commands = plan.entryPoints[0].commands;
  ASSERT_EQ(commands.size(), 2u);
  const auto &matmul = std::get<lns::PlanMatmul>(commands[0].body);
  EXPECT_EQ(matmul.m, 4u);
  EXPECT_TRUE(matmul.transB);
  EXPECT_EQ(matmul.alpha, 0.5);
  EXPECT_EQ(matmul.c.offset, 64u);
  const auto &copy = std::get<lns::PlanCopy>(commands[1].body);
  EXPECT_EQ(copy.source.segment, lns::PlanSegment::Parameters);
  EXPECT_EQ(copy.target.segment, lns::PlanSegment::Gradients);
  EXPECT_EQ(plan.entryPoints[0].flops, 2u * 4 * 4 * 4);
  EXPECT_EQ(commands[0].flops, 2u * 4 * 4 * 4);
  // Both operands and the result, of 4 x 4 floats.
  EXPECT_EQ(commands[0].bytes, 3u * 64);
}

TEST_F(BuildPlan, ConstantsAreFills) {
  ASSERT_TRUE(build(kFacts, kWeight + function(kPlanned, R"(
    %c = lns.constant 2.5 {lns.offsets = array<i64: 64>} : tensor<4x4xf32>)")))
      << errors;
  const auto &commands = plan.entryPoints[0].commands;
  ASSERT_EQ(commands.size(), 1u);
  const auto &fill = std::get<lns::PlanFill>(commands[0].body);
  EXPECT_EQ(fill.value, 2.5);
  EXPECT_EQ(fill.target.offset, 64u);
  EXPECT_EQ(fill.target.size, 64u);
  expectError(kFacts, kWeight + function(kPlanned, R"(
    %c = lns.constant 1.0e200 {lns.offsets = array<i64: 64>} : tensor<4x4xf32>)"),
              "has a value that is not finite in f32");
}

const std::string kPartFacts =
    "lns.model = {batch = 6 : i64, micro_batch = 2 : i64, sequence = 2 : i64, "
    "vocabulary = 4 : i64}";
const std::string kParts = R"(
  func.func @eval(%t: tensor<6x2xi32>, %y: tensor<6x2xi32>) -> tensor<f32>
      attributes {lns.arena_bytes = 128 : i64} {
    %n = lns.target_count %y {lns.offsets = array<i64: 64>} : tensor<6x2xi32>
    %l = lns.repeat @micro_eval(%t, %y, %n) count(3) {lns.offsets = array<i64: 0>}
      : (tensor<6x2xi32>, tensor<6x2xi32>, tensor<i32>) -> tensor<f32>
    return %l : tensor<f32>
  }
  func.func @micro_eval(%t: tensor<2x2xi32>, %y: tensor<2x2xi32>, %n: tensor<i32>) -> tensor<f32>
      attributes {lns.arena_bytes = 192 : i64, lns.activation_bytes = 100 : i64} {
    %w = lns.get parameter @w : tensor<4x4xf32>
    %z = lns.linear %w, %w {lns.offsets = array<i64: 128>}
      : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    %l = lns.mean %z over(%n) {lns.offsets = array<i64: 0>}
      : (tensor<4x4xf32>, tensor<i32>) -> tensor<f32>
    return %l : tensor<f32>
  })";

// The caller's own values stand behind those of what it repeats, and its
// numbers contain them. The count of the whole batch is put where parts read
// it.
TEST_F(BuildPlan, Repeats) {
  ASSERT_TRUE(build(kPartFacts, kWeight + kParts)) << errors;
  EXPECT_EQ(plan.batch, 6u);
  EXPECT_EQ(plan.microBatch, 2u);
  ASSERT_EQ(plan.entryPoints.size(), 2u);
  const lns::PlanEntryPoint &part = plan.entryPoints[0];
  const lns::PlanEntryPoint &whole = plan.entryPoints[1];
  EXPECT_EQ(part.name, "micro_eval");
  EXPECT_EQ(part.arenaBytes, 192u);
  EXPECT_EQ(part.flops, 128u);
  EXPECT_EQ(part.inputs[0].buffer.size, 16u);
  EXPECT_EQ(whole.arenaBytes, 320u);
  EXPECT_EQ(whole.activationBytes, 100u);
  EXPECT_EQ(whole.flops, 3u * 128);
  EXPECT_EQ(plan.arenaBytes, 320u);
  ASSERT_EQ(whole.commands.size(), 3u);
  const auto &count = std::get<lns::PlanCopy>(whole.commands[1].body);
  EXPECT_EQ(count.source.offset, 256u);
  ASSERT_EQ(part.inputs.size(), 3u);
  EXPECT_EQ(part.inputs[2].name, "target_count");
  EXPECT_EQ(part.inputs[2].buffer.offset, count.target.offset);
  const auto &repeat = std::get<lns::PlanRepeat>(whole.commands[2].body);
  EXPECT_EQ(repeat.entry, "micro_eval");
  EXPECT_EQ(repeat.count, 3u);
  EXPECT_EQ(repeat.tokens.size, 48u);
  EXPECT_EQ(repeat.loss.offset, 192u);
  for (const lns::PlanBuffer &io :
       {part.inputs[0].buffer, part.inputs[1].buffer, count.target}) {
    EXPECT_EQ(io.segment, lns::PlanSegment::Io);
    EXPECT_GE(io.offset, repeat.targets.offset + repeat.targets.size);
    EXPECT_LE(io.offset + io.size, plan.ioBytes);
  }
}

// Starts are one more input of all that take tokens, with places of their own.
TEST_F(BuildPlan, DocumentsOfParts) {
  std::string facts = kPartFacts, parts = kParts;
  facts.insert(facts.find("batch"), "documents, ");
  auto replace = [&](const std::string &from, const std::string &to) {
    size_t at = parts.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    parts.replace(at, from.size(), to);
  };
  replace("%y: tensor<6x2xi32>)", "%y: tensor<6x2xi32>, %s: tensor<6x2xi32>)");
  replace("(%t, %y, %n)", "(%t, %y, %s, %n)");
  replace("(tensor<6x2xi32>, tensor<6x2xi32>, tensor<i32>)",
          "(tensor<6x2xi32>, tensor<6x2xi32>, tensor<6x2xi32>, tensor<i32>)");
  replace("%y: tensor<2x2xi32>,", "%y: tensor<2x2xi32>, %s: tensor<2x2xi32>,");
  ASSERT_TRUE(build(facts, kWeight + parts)) << errors;
  EXPECT_TRUE(plan.documents);
  const lns::PlanEntryPoint &part = plan.entryPoints[0];
  const lns::PlanEntryPoint &whole = plan.entryPoints[1];
  ASSERT_EQ(part.inputs.size(), 4u);
  EXPECT_EQ(part.inputs[2].name, "starts");
  EXPECT_EQ(part.inputs[2].buffer.size, 16u);
  EXPECT_EQ(part.inputs[3].name, "target_count");
  ASSERT_EQ(whole.inputs.size(), 3u);
  EXPECT_EQ(whole.inputs[2].name, "starts");
  const auto &repeat = std::get<lns::PlanRepeat>(whole.commands[2].body);
  ASSERT_TRUE(repeat.starts);
  EXPECT_EQ(repeat.starts->offset, whole.inputs[2].buffer.offset);
  EXPECT_EQ(repeat.starts->size, 48u);
  std::vector<lns::PlanBuffer> all;
  for (const lns::PlanEntryPoint *entry : {&part, &whole})
    for (const lns::PlanBinding &binding : entry->inputs)
      all.push_back(binding.buffer);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].segment, lns::PlanSegment::Io);
    EXPECT_LE(all[i].offset + all[i].size, plan.ioBytes);
    for (size_t j = 0; j < i; ++j)
      EXPECT_TRUE(all[i].offset + all[i].size <= all[j].offset ||
                  all[j].offset + all[j].size <= all[i].offset)
          << i << " and " << j;
  }
  // Without the fact, three inputs are one too many.
  expectError(kPartFacts, kWeight + parts,
              "argument 2 of entry point 'micro_eval' has type "
              "'tensor<2x2xi32>', but a plan takes target_count as "
              "'tensor<i32>'");
}

TEST_F(BuildPlan, PartsFillABatch) {
  std::string facts = kPartFacts;
  facts.replace(facts.find("batch = 6"), 9, "batch = 5");
  expectError(facts, "",
              "'lns.model' attribute has batch 5, which is no multiple of "
              "micro_batch 2");
}

TEST_F(BuildPlan, OnlyPartsAreRepeated) {
  expectError(kPartFacts, R"(
  func.func @eval(%t: tensor<6x2xi32>) attributes {lns.arena_bytes = 0 : i64} {
    lns.repeat @logits(%t) count(3) : (tensor<6x2xi32>) -> ()
    return
  }
  func.func @logits(%t: tensor<2x2xi32>) attributes {lns.arena_bytes = 0 : i64} {
    return
  })",
              "calls what a plan cannot repeat; make it with "
              "'lns-micro-batch'");
}

// The host adds up losses for CUDA, once, and gives the sum.
TEST_F(BuildPlan, CudaRepeatsGiveTheLoss) {
  std::string twice = kParts;
  twice.insert(twice.find("    %l = lns.repeat"),
               "    %k = lns.repeat @micro_eval(%t, %y, %n) count(3) "
               "{lns.offsets = array<i64: 0>} : (tensor<6x2xi32>, "
               "tensor<6x2xi32>, tensor<i32>) -> tensor<f32>\n");
  ASSERT_TRUE(build(kPartFacts, kWeight + twice)) << errors;
  lns::cuda::KernelLowering kernels(&context);
  EXPECT_FALSE(succeeded(lns::buildCudaPlan(*module, kernels, plan)));
  EXPECT_NE(errors.find("is not the only one of its function, or its result is "
                        "not the loss that the function returns first"),
            std::string::npos)
      << errors;
}

// An addend that stands elsewhere is copied to where rows are added.
TEST_F(BuildPlan, AddendsAreCopied) {
  ASSERT_TRUE(build(kFacts, kWeight + function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %d = lns.constant 1.0 {lns.offsets = array<i64: 0>} : tensor<1x2x4xf32>
    %y = lns.embedding_grad %d, %t addend(%w) {lns.offsets = array<i64: 64>}
      : (tensor<1x2x4xf32>, tensor<1x2xi32>, tensor<4x4xf32>) -> tensor<4x4xf32>)")))
      << errors;
  const auto &commands = plan.entryPoints[0].commands;
  ASSERT_EQ(commands.size(), 3u);
  const auto &copy = std::get<lns::PlanCopy>(commands[1].body);
  EXPECT_EQ(copy.source.segment, lns::PlanSegment::Parameters);
  EXPECT_EQ(copy.target.offset, 64u);
  const auto &launch = std::get<lns::PlanLaunch>(commands[2].body);
  EXPECT_EQ(launch.ints, (std::vector<int64_t>{2, 0}));
}

TEST_F(BuildPlan, NoGraphForm) {
  expectError("", "",
              "module has no 'lns.model' attribute, so it is no graph "
              "form; run 'lns-instantiate' first");
}

TEST_F(BuildPlan, FactsAreThere) {
  expectError("lns.model = {sequence = 2 : i64}", "",
              "'lns.model' attribute needs a positive 32-bit integer 'batch'");
}

TEST_F(BuildPlan, ParametersAreF32) {
  expectError(
      kFacts, "lns.parameter @w matrix init(ones) decay(true) : tensor<4xf64>",
      "has type 'tensor<4xf64>', but a plan's parameters are f32 with static "
      "shapes");
}

TEST_F(BuildPlan, MemoryIsPlanned) {
  expectError(kFacts, function("", ""),
              "memory is not planned; run 'lns-plan-memory' first");
}

TEST_F(BuildPlan, ArgumentsAreTokens) {
  expectError(kFacts, function(kPlanned, "", "%t: tensor<1x3xi32>"),
              "argument 0 of entry point 'logits' has type 'tensor<1x3xi32>', "
              "but a plan takes tokens as 'tensor<1x2xi32>'");
}

TEST_F(BuildPlan, EntryPointsTakeAndGiveWhatIsBound) {
  expectError(
      kFacts,
      function(kPlanned, "", "%t: tensor<1x2xi32>, %u: tensor<1x2xi32>"),
      "entry point 'logits' takes 2 arguments, expected 1");
  const std::string scalar =
      "lns.parameter @s gain init(ones) decay(false) : tensor<f32>\n"
      "func.func @eval(%t: tensor<1x2xi32>, %y: tensor<1x2xi32>) -> ";
  const std::string planned = " attributes {lns.arena_bytes = 128 : i64} {\n";
  expectError(kFacts,
              scalar + "tensor<f32>" + planned +
                  "%s = lns.get parameter @s : tensor<f32>\n"
                  "return %s : tensor<f32> }",
              "entry point 'eval' gives as loss what stands in memory of its "
              "inputs or of parameters; give a value that it computes");
  const std::string constant =
      "%c = lns.constant 1.0 {lns.offsets = array<i64: 0>} : tensor<f32>\n";
  expectError(kFacts,
              scalar + "(tensor<f32>, tensor<f32>)" + planned + constant +
                  "return %c, %c : tensor<f32>, tensor<f32> }",
              "entry point 'eval' gives 2 results, expected 1");
  expectError(kFacts,
              scalar + "tensor<1x2xi32>" + planned +
                  "return %t : tensor<1x2xi32> }",
              "result 0 of entry point 'eval' has type 'tensor<1x2xi32>', but "
              "a plan gives loss as 'tensor<f32>'");
}

// Numbers of products are f32; what is 1e30 in f64 still is one.
TEST_F(BuildPlan, AlphasAreFinite) {
  auto product = [](const std::string &op) {
    return kWeight +
           function(kPlanned, "%w = lns.get parameter @w : "
                              "tensor<4x4xf32>\n%y = " +
                                  op +
                                  ", lns.offsets = array<i64: 64>} : "
                                  "(tensor<4x4xf32>, tensor<4x4xf32>) "
                                  "-> tensor<4x4xf32>");
  };
  for (const std::string op : {"lns.linear", "lns.matmul"}) {
    EXPECT_TRUE(build(kFacts, product(op + " %w, %w {alpha = 1.0e30")));
    errors.clear();
    expectError(kFacts, product(op + " %w, %w {alpha = 1.0e300"),
                "has an alpha of 1.000000e+300, which is not finite in f32, "
                "the kernels' type");
  }
}

// Only CUDA's pipeline puts products into kernels of row ops.
TEST_F(BuildPlan, CpuKernelsHoldNoProducts) {
  expectError(kFacts, kWeight + function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %y = lns.cluster(%a = %w) attributes {lns.offsets = array<i64: 0>}
      : (tensor<4x4xf32>) -> tensor<4x4xf32> {
      %p = lns.linear %a, %a : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
      %s = lns.scale %p factor(2.0) : tensor<4x4xf32>
      lns.yield %s : tensor<4x4xf32>
    })"),
              "holds a product, but CPU kernels hold row ops only; compile "
              "without 'lns-fuse-products'");
}

TEST_F(BuildPlan, EveryValueHasAPlace) {
  expectError(kFacts, function(kPlanned, "%c = lns.constant 1.0 : tensor<f32>"),
              "result 0 has no place; run 'lns-plan-memory'");
}

TEST_F(BuildPlan, UnknownParameter) {
  // The verifier refuses this in a file; a pass may still erase a parameter.
  build(kFacts, kWeight + function(kPlanned, "%w = lns.get parameter @w : "
                                             "tensor<4x4xf32>"));
  module->lookupSymbol("w")->erase();
  lns::cpu::KernelLowering kernels(&context);
  lns::Plan again;
  EXPECT_FALSE(succeeded(lns::buildPlan(*module, kernels, again)));
  EXPECT_NE(errors.find("names 'w', but there is no such lns.parameter"),
            std::string::npos)
      << errors;
}

TEST_F(BuildPlan, NoKernelForModelOps) {
  expectError(kFacts, kWeight + function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %n = lns.norm rms %w {lns.offsets = array<i64: 0>} : tensor<4x4xf32>)"),
              "has no CPU kernel and is no matmul, so that it cannot stand in "
              "a plan");
}

TEST_F(BuildPlan, NoKernelForGainsOfWeights) {
  expectError(kFacts,
              kWeight +
                  "lns.parameter @g gain init(ones) decay(false) : "
                  "tensor<4xf32>\n" +
                  function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %g = lns.get parameter @g : tensor<4xf32>
    %dw, %dg = lns.weight_grad %w, %w weight(%w) gain(%g) {lns.offsets = array<i64: 0, 64>}
      : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> (tensor<4x4xf32>, tensor<4xf32>))"),
              "has no CPU kernel; leave out 'lns-gain-gradients', which is for "
              "CUDA");
}

TEST_F(BuildPlan, NoBias) {
  expectError(kFacts,
              kWeight +
                  "lns.parameter @b bias init(ones) decay(false) : "
                  "tensor<4xf32>\n" +
                  function(kPlanned, R"(
    %w = lns.get parameter @w : tensor<4x4xf32>
    %b = lns.get parameter @b : tensor<4xf32>
    %y = lns.linear %w, %w bias(%b) {lns.offsets = array<i64: 0>}
      : (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<4x4xf32>)"),
              "has a bias, but in a plan biases are row ops; run "
              "'lns-split-bias'");
}

// Compute weights lie one after another in memory of their own, where AdamW,
// sets and gets find them.
TEST_F(BuildPlan, ComputeWeights) {
  const std::string weights =
      kWeight +
      "lns.parameter @g gain init(ones) decay(false) : tensor<4xf32>\n"
      "lns.compute_weight @a of @w : tensor<4x4xbf16>\n"
      "lns.compute_weight @b of @w gain(@g) : tensor<4x4xf32>\n";
  const std::string body = weights + R"(
    func.func @refresh() attributes {lns.arena_bytes = 0 : i64} {
      %w = lns.get parameter @w : tensor<4x4xf32>
      %v = lns.cluster(%x = %w) : (tensor<4x4xf32>) -> (tensor<4x4xbf16>) {
        %y = lns.cast %x : tensor<4x4xf32> to tensor<4x4xbf16>
        lns.yield %y : tensor<4x4xbf16>
      }
      lns.set %v, compute @a : tensor<4x4xbf16>
      return
    }
    func.func @apply(%o: tensor<8xf32>) attributes {lns.arena_bytes = 64 : i64} {
      %d = lns.get gradient @w : tensor<4x4xf32>
      %f = lns.constant 1.0 {lns.offsets = array<i64: 0>} : tensor<f32>
      lns.adamw @w, %d, %f, %o decay(true) compute(@b)
        : tensor<4x4xf32>, tensor<f32>, tensor<8xf32>
      %b = lns.get compute @b : tensor<4x4xf32>
      lns.set %b, gradient @w : tensor<4x4xf32>
      return
    }
)";
  EXPECT_FALSE(build(kFacts, body));
  EXPECT_NE(errors.find("is kept for CUDA alone; compile without "
                        "'lns-keep-weights'"),
            std::string::npos)
      << errors;
  errors.clear();
  lns::cuda::KernelLowering kernels(&context);
  ASSERT_TRUE(succeeded(lns::buildCudaPlan(*module, kernels, plan))) << errors;
  // 4 x 4 bf16 take 32 bytes, the next begins on a multiple of 64.
  EXPECT_EQ(plan.cuda->computeBytes, 128u);
  EXPECT_EQ(lns::getCudaSessionMemory(plan).compute, 128u);
  auto expectBuffer = [](const lns::PlanBuffer &buffer, uint64_t offset,
                         uint64_t size) {
    EXPECT_EQ(buffer.segment, lns::PlanSegment::Compute);
    EXPECT_EQ(buffer.offset, offset);
    EXPECT_EQ(buffer.size, size);
  };
  const auto &refresh = plan.cuda->entryPoints[0];
  EXPECT_EQ(refresh.name, "refresh");
  // Computed where it is stored.
  ASSERT_EQ(refresh.commands.size(), 1u);
  expectBuffer(
      std::get<lns::PlanLaunch>(refresh.commands[0].body).buffers.back(), 0,
      32);
  const auto &apply = plan.cuda->entryPoints[1].commands;
  ASSERT_EQ(apply.size(), 3u);
  const auto &adamw = std::get<lns::PlanLaunch>(apply[1].body);
  ASSERT_EQ(adamw.buffers.size(), 8u);
  EXPECT_EQ(adamw.buffers[6].segment, lns::PlanSegment::Parameters);
  EXPECT_EQ(adamw.buffers[6].offset, 64u);
  expectBuffer(adamw.buffers[7], 64, 64);
  // The parameter, both moments, the gradient, and the compute weight.
  EXPECT_EQ(apply[1].bytes, 7u * 64 + 4 + 32 + 64);
  EXPECT_EQ(apply[1].flops, 16u * 16);
  expectBuffer(std::get<lns::PlanCopy>(apply[2].body).source, 64, 64);
}

// Without compute weights there is nothing to refresh.
TEST_F(BuildPlan, NothingToRefresh) {
  expectError(kFacts,
              kWeight + "func.func @refresh() attributes {lns.arena_bytes = 0 "
                        ": i64} { return }\n",
              "function 'refresh' is no entry point of a plan");
}

} // namespace
