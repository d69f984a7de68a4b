//===- plan_info.cpp - What a plan says about itself ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/json_writer.h"
#include "runtime/base/sha256.h"
#include "runtime/cuda/tuner.h"
#include "runtime/plan/plan_file.h"
#include "runtime/session/devices.h"

#include <algorithm>
#include <vector>

using namespace lns;

SessionMemory lns::planMemory(const lnsrt_plan &plan, uint32_t threads) {
  const plan::Plan &table = *plan.table;
  MemoryFacts facts;
  facts.parameters = table.parameter_bytes();
  facts.trainable = trainableBytes(table);
  facts.arena = table.arena_bytes();
  if (const plan::EntryPoint *step = plan.entryPoint("train_step"))
    facts.activations = step->activation_bytes();
  facts.io = table.io_bytes();
  facts.constants = table.constants_size();
  facts.caches = cacheBytes(table);
  for (const plan::Kernel *kernel : *table.kernels())
    facts.scratch = std::max(facts.scratch, kernel->scratch_bytes());
  return getSessionMemory(facts, threads);
}

SessionMemory lns::cudaPlanMemory(const lnsrt_plan &plan) {
  const plan::CudaProgram &program = *plan.cuda();
  MemoryFacts facts;
  facts.parameters = plan.table->parameter_bytes();
  facts.trainable = trainableBytes(*plan.table);
  facts.arena = program.arena_bytes();
  if (const plan::EntryPoint *step = plan.cudaEntryPoint("train_step"))
    facts.activations = step->activation_bytes();
  facts.io = plan.table->io_bytes();
  facts.constants = program.constants_size();
  facts.scratch = program.scratch_bytes();
  facts.compute = program.compute_bytes();
  facts.caches = cacheBytes(*plan.table);
  facts.tokens = uint64_t(plan.table->batch()) * plan.table->sequence();
  facts.documents = plan.documents;
  return getCudaSessionMemory(facts, cuda::wantsLibraryProducts(program));
}

namespace {
/// The entry points for one device, and the number of its kernels.
struct Program {
  const flatbuffers::Vector<flatbuffers::Offset<plan::EntryPoint>> &entries;
  flatbuffers::uoffset_t kernels;
  uint64_t arena;

  const plan::EntryPoint *step() const {
    for (const plan::EntryPoint *entry : entries)
      if (entry->name()->string_view() == "train_step")
        return entry;
    return nullptr;
  }
};
} // namespace

static Program cpuProgram(const lnsrt_plan &plan) {
  return {*plan.table->entry_points(), plan.table->kernels()->size(),
          plan.table->arena_bytes()};
}

static Program cudaProgram(const lnsrt_plan &plan) {
  return {*plan.cuda()->entry_points(), plan.cuda()->kernels()->size(),
          plan.cuda()->arena_bytes()};
}

void lns::fillPlanInfo(const lnsrt_plan &plan, lnsrt_plan_info &info) {
  const plan::Plan &table = *plan.table;
  info.batch = table.batch();
  info.sequence = table.sequence();
  info.micro_batch = table.micro_batch() ? table.micro_batch() : table.batch();
  info.vocabulary = table.vocabulary();
  info.schedules = table.schedules() ? table.schedules()->size() : 0;
  info.layers = table.layers();
  info.parameters = info.frozen_parameters = 0;
  for (const plan::Parameter *parameter : *table.parameters())
    (isFrozen(*parameter) ? info.frozen_parameters : info.parameters) +=
        elementCount(*parameter);
  bool onCpu = chooseDevice(plan, nullptr) == "cpu";
  Program program = onCpu ? cpuProgram(plan) : cudaProgram(plan);
  info.arena_bytes = program.arena;
  info.activation_bytes = 0;
  info.flops_per_step = 0;
  if (const plan::EntryPoint *step = program.step()) {
    info.activation_bytes = step->activation_bytes();
    info.flops_per_step = step->flops();
  }
  info.session_bytes =
      (onCpu ? planMemory(plan, 1) : cudaPlanMemory(plan)).total();
  info.model_name = table.model_name()->c_str();
  info.compiler = table.compiler()->c_str();
  info.documents = plan.documents;
  info.decode = plan.decode;
}

/// Which of the ways to compute something: the first one needs no library.
enum class Ways { First, All };

/// Calls visit(command, times) for every command that an entry point runs, and
/// for those of the alternatives that it holds.
template <typename Visit>
static void forEachCommand(
    const Program &program,
    const flatbuffers::Vector<flatbuffers::Offset<plan::Command>> &commands,
    Ways ways, Visit visit, uint64_t times = 1) {
  for (const plan::Command *command : commands) {
    visit(*command, times);
    if (const plan::Repeat *repeat = command->body_as_Repeat())
      forEachCommand(program, *program.entries.Get(repeat->entry())->commands(),
                     ways, visit, repeat->count());
    if (const plan::Alternatives *several = command->body_as_Alternatives())
      for (const plan::Alternative *option : *several->options()) {
        forEachCommand(program, *option->commands(), ways, visit, times);
        if (ways == Ways::First)
          break;
      }
  }
}

/// Launches of each kernel in one train_step, by the kernel's index.
static std::vector<uint64_t> launchesPerStep(const Program &program) {
  std::vector<uint64_t> launches(program.kernels);
  if (const plan::EntryPoint *step = program.step())
    forEachCommand(program, *step->commands(), Ways::First,
                   [&](const plan::Command &command, uint64_t times) {
                     if (const plan::Launch *launch = command.body_as_Launch())
                       launches[launch->kernel()] += times;
                   });
  return launches;
}

static void addEntryPoints(JsonWriter &json, const Program &program) {
  json.key("entry_points");
  json.open('{');
  for (const plan::EntryPoint *entry : program.entries) {
    // Matrix products; bf16 are those with a bf16 operand.
    uint64_t all = 0, bf16 = 0, gain = 0;
    forEachCommand(program, *entry->commands(), Ways::All,
                   [&](const plan::Command &command, uint64_t times) {
                     const plan::Matmul *matmul = command.body_as_Matmul();
                     if (!matmul)
                       return;
                     all += times;
                     if (matmul->dtype_a() == plan::DType::bf16 ||
                         matmul->dtype_b() == plan::DType::bf16)
                       bf16 += times;
                     if (matmul->gain())
                       gain += times;
                   });
    uint64_t launches = 0, bytes = 0;
    forEachCommand(program, *entry->commands(), Ways::First,
                   [&](const plan::Command &command, uint64_t times) {
                     launches += command.body_as_Launch() ? times : 0;
                     bytes += times * command.bytes();
                   });
    json.key(entry->name()->string_view());
    json.open('{');
    json.field("commands", entry->commands()->size());
    json.field("launches", launches);
    json.field("bytes", bytes);
    json.field("matmuls", all);
    json.field("bf16_matmuls", bf16);
    json.field("gain_matmuls", gain);
    json.field("flops", entry->flops());
    json.field("arena_bytes", entry->arena_bytes());
    json.close('}');
  }
  json.close('}');
}

static void addMemory(JsonWriter &json, const SessionMemory &memory) {
  json.key("memory");
  json.open('{');
  json.field("parameters", memory.parameters);
  json.field("gradients", memory.gradients);
  json.field("optimizer", memory.optimizer);
  json.field("activations", memory.activations);
  json.field("workspace", memory.workspace);
  json.field("io", memory.io);
  json.field("constants", memory.constants);
  if (memory.caches != 0)
    json.field("caches", memory.caches);
  json.field("matmul", memory.matmul);
  // A device has one scratch, whatever the threads.
  if (memory.staging == 0) {
    json.field("scratch_per_thread", memory.scratchPerThread);
  } else {
    json.field("scratch", memory.scratch());
    json.field("staging", memory.staging);
    json.field("compute_weights", memory.compute);
    json.field("total", memory.total());
  }
  json.close('}');
}

/// Kernels, either device's; `more` adds what only one of them has.
template <typename Kernels, typename More>
static void addKernels(JsonWriter &json, const Program &program,
                       const Kernels &kernels, More more) {
  std::vector<uint64_t> launches = launchesPerStep(program);
  uint64_t norms = 0;
  json.key("kernels");
  json.open('[');
  for (flatbuffers::uoffset_t i = 0; i < kernels.size(); ++i) {
    const auto &kernel = *kernels.Get(i);
    norms += kernel.is_norm();
    json.open('{');
    json.field("symbol", kernel.symbol()->string_view());
    json.field("kind", kernel.kind()->string_view());
    json.field("source", kernel.source() ? kernel.source()->string_view()
                                         : std::string_view());
    json.field("launches_per_step", launches[i]);
    json.field("is_norm", kernel.is_norm());
    more(kernel);
    json.close('}');
  }
  json.close(']');
  json.field("norm_kernels", norms);
}

static void addCuda(JsonWriter &json, const lnsrt_plan &plan) {
  const plan::CudaProgram &cuda = *plan.cuda();
  Program program = cudaProgram(plan);
  json.key("cuda");
  json.open('{');
  json.field("arena_bytes", cuda.arena_bytes());
  json.field("scratch_bytes", cuda.scratch_bytes());
  addMemory(json, cudaPlanMemory(plan));
  addEntryPoints(json, program);
  addKernels(json, program, *cuda.kernels(),
             [&](const plan::CudaKernel &kernel) {
               json.field("threads", kernel.threads());
               json.field("shared_bytes", kernel.shared_bytes());
             });
  json.key("headers");
  json.open('[');
  for (const plan::CudaHeader *header : *cuda.headers())
    json.string(header->name()->string_view());
  json.close(']');
  json.key("cubins");
  json.open('[');
  for (const plan::CudaCubin *cubin : *cuda.cubins()) {
    json.open('{');
    json.field("kernel",
               cuda.kernels()->Get(cubin->kernel())->symbol()->string_view());
    json.field("arch", cubin->arch()->string_view());
    json.field("bytes", cubin->size());
    json.close('}');
  }
  json.close(']');
  json.close('}');
}

/// The identity's facts, its digest and all of it; null without one.
static void addIdentity(JsonWriter &json, const plan::Plan &table) {
  json.key("identity");
  if (!table.identity() || table.identity()->size() == 0) {
    json.raw("null");
    return;
  }
  std::string_view text = table.identity()->string_view();
  json.open('{');
  json.field("sha256",
             std::string_view(toHex(sha256(text.data(), text.size()))));
  json.key("facts");
  json.open('{');
  std::string_view facts = text.substr(0, text.find("\ngraph:"));
  for (size_t begin = facts.find('\n'); begin != facts.npos;) {
    size_t end = facts.find('\n', ++begin);
    std::string_view line = facts.substr(begin, end - begin);
    size_t colon = line.find(": ");
    if (colon != line.npos)
      json.field(line.substr(0, colon), line.substr(colon + 2));
    begin = end;
  }
  json.close('}');
  json.field("text", text);
  json.close('}');
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
  addIdentity(json, table);
  json.field("dtype", plan::EnumNameDType(table.dtype()));
  json.field("batch", info.batch);
  json.field("micro_batch", info.micro_batch);
  json.field("sequence", info.sequence);
  json.field("documents", plan.documents);
  json.field("decode", plan.decode);
  json.field("vocabulary", info.vocabulary);
  json.field("layers", info.layers);
  json.field("parameters", info.parameters);
  json.field("frozen_parameters", info.frozen_parameters);
  json.field("arena_bytes", info.arena_bytes);
  json.field("activation_bytes", info.activation_bytes);
  json.field("session_bytes", info.session_bytes);
  json.field("flops_per_step", info.flops_per_step);

  Program program = cpuProgram(plan);
  addMemory(json, chooseDevice(plan, nullptr) == "cpu" ? planMemory(plan, 1)
                                                       : cudaPlanMemory(plan));

  json.key("cpu_levels");
  json.open('[');
  for (const plan::CodeBlob *code : *table.code())
    json.string(code->level()->string_view());
  json.close(']');

  addEntryPoints(json, program);
  addKernels(json, program, *table.kernels(), [](const plan::Kernel &) {});
  if (plan.cuda())
    addCuda(json, plan);

  if (plan.traceWidth != 0) {
    json.key("trace");
    json.open('{');
    json.field("width", plan.traceWidth);
    json.key("branches");
    json.open('[');
    for (uint32_t count : plan.traceBranches)
      json.number(count);
    json.close(']');
    json.close('}');
  }

  json.key("schedules");
  json.open('[');
  for (uint32_t i = 0; i < info.schedules; ++i) {
    const plan::Schedule &schedule = *table.schedules()->Get(i);
    json.open('{');
    json.field("kind",
               std::string_view(plan::EnumNameScheduleKind(schedule.kind())));
    json.field("steps", schedule.steps());
    json.close('}');
  }
  json.close(']');

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
    json.field("frozen", isFrozen(*parameter));
    json.close('}');
  }
  json.close(']');
  json.close('}');
  return std::move(json.text);
}
