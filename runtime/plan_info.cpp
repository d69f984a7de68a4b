//===- plan_info.cpp - What a plan says about itself
//------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/json_writer.h"
#include "runtime/plan_file.h"

#include <algorithm>
#include <vector>

using namespace lns;

SessionMemory lns::planMemory(const lnsrt_plan &plan, uint32_t threads) {
  const plan::Plan &table = *plan.table;
  MemoryFacts facts;
  facts.parameters = table.parameter_bytes();
  facts.arena = table.arena_bytes();
  if (const plan::EntryPoint *step = plan.entryPoint("train_step"))
    facts.activations = step->activation_bytes();
  facts.io = table.io_bytes();
  facts.constants = table.constants_size();
  for (const plan::Kernel *kernel : *table.kernels())
    facts.scratch = std::max(facts.scratch, kernel->scratch_bytes());
  return getSessionMemory(facts, threads);
}

void lns::fillPlanInfo(const lnsrt_plan &plan, lnsrt_plan_info &info) {
  const plan::Plan &table = *plan.table;
  info.batch = table.batch();
  info.sequence = table.sequence();
  info.micro_batch = table.micro_batch() ? table.micro_batch() : table.batch();
  info.vocabulary = table.vocabulary();
  info.layers = table.layers();
  info.parameters = 0;
  for (const plan::Parameter *parameter : *table.parameters())
    info.parameters += elementCount(*parameter);
  info.arena_bytes = table.arena_bytes();
  info.activation_bytes = 0;
  info.flops_per_step = 0;
  if (const plan::EntryPoint *step = plan.entryPoint("train_step")) {
    info.activation_bytes = step->activation_bytes();
    info.flops_per_step = step->flops();
  }
  info.session_bytes = planMemory(plan, 1).total();
  info.model_name = table.model_name()->c_str();
  info.compiler = table.compiler()->c_str();
}

/// Calls visit(command, times) for every command that an entry point runs.
template <typename Visit>
static void forEachCommand(const lnsrt_plan &plan,
                           const plan::EntryPoint &entry, Visit visit,
                           uint64_t times = 1) {
  for (const plan::Command *command : *entry.commands())
    if (const plan::Repeat *repeat = command->body_as_Repeat())
      forEachCommand(plan, *plan.table->entry_points()->Get(repeat->entry()),
                     visit, repeat->count());
    else
      visit(*command, times);
}

/// Launches of each kernel in one train_step, by the kernel's index.
static std::vector<uint64_t> launchesPerStep(const lnsrt_plan &plan) {
  std::vector<uint64_t> launches(plan.table->kernels()->size());
  if (const plan::EntryPoint *step = plan.entryPoint("train_step"))
    forEachCommand(plan, *step,
                   [&](const plan::Command &command, uint64_t times) {
                     if (const plan::Launch *launch = command.body_as_Launch())
                       launches[launch->kernel()] += times;
                   });
  return launches;
}

namespace {
/// Matrix products of an entry point; bf16 are those with a bf16 operand.
struct MatmulCounts {
  uint64_t all = 0, bf16 = 0, gain = 0;
};
} // namespace

static MatmulCounts countMatmuls(const lnsrt_plan &plan,
                                 const plan::EntryPoint &entry) {
  MatmulCounts counts;
  forEachCommand(plan, entry,
                 [&](const plan::Command &command, uint64_t times) {
                   const plan::Matmul *matmul = command.body_as_Matmul();
                   if (!matmul)
                     return;
                   counts.all += times;
                   if (matmul->dtype_a() == plan::DType::bf16 ||
                       matmul->dtype_b() == plan::DType::bf16)
                     counts.bf16 += times;
                   if (matmul->gain())
                     counts.gain += times;
                 });
  return counts;
}

std::string lns::planJson(const lnsrt_plan &plan) {
  const plan::Plan &table = *plan.table;
  lnsrt_plan_info info = {};
  fillPlanInfo(plan, info);
  JsonWriter json;
  json.open('{');
  json.field("model", table.model_name()->string_view());
  json.field("compiler", table.compiler()->string_view());
  json.field("norm_scheme", table.norm_scheme()
                                ? table.norm_scheme()->string_view()
                                : std::string_view());
  json.field("dtype", plan::EnumNameDType(table.dtype()));
  json.field("batch", info.batch);
  json.field("micro_batch", info.micro_batch);
  json.field("sequence", info.sequence);
  json.field("vocabulary", info.vocabulary);
  json.field("layers", info.layers);
  json.field("parameters", info.parameters);
  json.field("arena_bytes", info.arena_bytes);
  json.field("activation_bytes", info.activation_bytes);
  json.field("session_bytes", info.session_bytes);
  json.field("flops_per_step", info.flops_per_step);

  SessionMemory memory = planMemory(plan, 1);
  json.key("memory");
  json.open('{');
  json.field("parameters", memory.parameters);
  json.field("gradients", memory.gradients);
  json.field("optimizer", memory.optimizer);
  json.field("activations", memory.activations);
  json.field("workspace", memory.workspace);
  json.field("io", memory.io);
  json.field("constants", memory.constants);
  json.field("matmul", memory.matmul);
  json.field("scratch_per_thread", memory.scratchPerThread);
  json.close('}');

  json.key("cpu_levels");
  json.open('[');
  for (const plan::CodeBlob *code : *table.code())
    json.string(code->level()->string_view());
  json.close(']');

  json.key("entry_points");
  json.open('{');
  for (const plan::EntryPoint *entry : *table.entry_points()) {
    json.key(entry->name()->string_view());
    json.open('{');
    json.field("commands", entry->commands()->size());
    MatmulCounts matmuls = countMatmuls(plan, *entry);
    json.field("matmuls", matmuls.all);
    json.field("bf16_matmuls", matmuls.bf16);
    json.field("gain_matmuls", matmuls.gain);
    json.field("flops", entry->flops());
    json.field("arena_bytes", entry->arena_bytes());
    json.close('}');
  }
  json.close('}');

  std::vector<uint64_t> launches = launchesPerStep(plan);
  uint64_t norms = 0;
  json.key("kernels");
  json.open('[');
  for (flatbuffers::uoffset_t i = 0; i < table.kernels()->size(); ++i) {
    const plan::Kernel &kernel = *table.kernels()->Get(i);
    norms += kernel.is_norm();
    json.open('{');
    json.field("symbol", kernel.symbol()->string_view());
    json.field("kind", kernel.kind()->string_view());
    json.field("source", kernel.source() ? kernel.source()->string_view()
                                         : std::string_view());
    json.field("launches_per_step", launches[i]);
    json.field("is_norm", kernel.is_norm());
    json.close('}');
  }
  json.close(']');
  json.field("norm_kernels", norms);

  json.key("tensors");
  json.open('[');
  for (const plan::Parameter *parameter : *table.parameters()) {
    json.open('{');
    json.field("name", parameter->name()->string_view());
    json.key("shape");
    json.open('[');
    for (int64_t extent : *parameter->shape())
      json.number(extent);
    json.close(']');
    if (isPadded(*parameter)) {
      json.key("storage_shape");
      json.open('[');
      for (int64_t extent : *parameter->storage_shape())
        json.number(extent);
      json.close(']');
    }
    json.field("role", std::string_view(plan::EnumNameRole(parameter->role())));
    json.field("init",
               std::string_view(plan::EnumNameInitKind(parameter->init())));
    json.field("init_value", parameter->init_value());
    json.field("decay", parameter->decay());
    json.close('}');
  }
  json.close(']');
  json.close('}');
  return std::move(json.text);
}
