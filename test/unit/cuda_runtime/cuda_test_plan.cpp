//===- cuda_test_plan.cpp - The plan made by hand, for CUDA ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "cuda_test_plan.h"

#include <cstdlib>

using namespace lns;
using namespace lns::test;
using namespace lns::plan;

static std::unique_ptr<CudaKernelT> makeKernel(const char *symbol,
                                               const char *kind,
                                               uint32_t buffers,
                                               uint32_t floats, uint32_t ints) {
  auto kernel = std::make_unique<CudaKernelT>();
  kernel->symbol = symbol;
  kernel->kind = kind;
  kernel->source = "by \"hand\"";
  kernel->text = std::string("#include \"toy.cuh\"\nextern \"C\" __global__ "
                             "void ") +
                 symbol + "() {}\n";
  kernel->buffers = buffers;
  kernel->floats = floats;
  kernel->ints = ints;
  kernel->threads = 32;
  return kernel;
}

/// The product's choice: kernel 4, or cuBLASLt.
static AlternativesT chooseProduct(const CommandT &command) {
  const MatmulT &matmul = *command.body.AsMatmul();
  auto inner = [&](auto body) {
    auto made = std::make_unique<CommandT>();
    made->name = command.name;
    made->body.Set(std::move(body));
    return made;
  };
  LaunchT launch;
  launch.kernel = 4;
  launch.buffers = {*matmul.a, *matmul.b, *matmul.c};
  launch.ints = {int64_t(matmul.m), int64_t(matmul.n), int64_t(matmul.k),
                 matmul.trans_a, matmul.trans_b};
  launch.grid_x = launch.grid_y = launch.grid_z = 1;
  AlternativesT all;
  for (const char *name : {"generated", "library"}) {
    auto option = std::make_unique<AlternativeT>();
    option->name = name;
    option->commands.push_back(name[0] == 'g' ? inner(launch) : inner(matmul));
    all.options.push_back(std::move(option));
  }
  return all;
}

static std::unique_ptr<EntryPointT> forCuda(const EntryPointT &entry) {
  auto made = std::make_unique<EntryPointT>(entry);
  for (auto &command : made->commands) {
    if (LaunchT *launch = command->body.AsLaunch()) {
      launch->grid_x = uint32_t(launch->items);
      launch->grid_y = launch->grid_z = 1;
      launch->items = 0;
    } else if (command->body.AsMatmul()) {
      command->flops = 7;
      command->body.Set(chooseProduct(*command));
    }
  }
  return made;
}

CudaTestPlan::CudaTestPlan() {
  table.cuda = std::make_unique<CudaProgramT>();
  CudaProgramT &program = cuda();
  program.kernels.push_back(makeKernel("test_embed", "gather", 3, 0, 1));
  program.kernels.push_back(makeKernel("test_loss", "loss", 4, 1, 2));
  program.kernels.push_back(makeKernel("test_scatter", "scatter", 3, 0, 2));
  program.kernels.push_back(makeKernel("test_apply", "optimizer", 5, 0, 1));
  program.kernels.push_back(makeKernel("test_product", "matmul", 3, 0, 5));
  auto header = std::make_unique<CudaHeaderT>();
  header->name = "toy.cuh";
  header->text = "// nothing\n";
  program.headers.push_back(std::move(header));
  program.arena_bytes = table.arena_bytes;
  program.scratch_bytes = 192;
  // The same bytes serve both devices here, which two blobs may not: so none.
  for (const auto &entry : table.entry_points)
    program.entry_points.push_back(forCuda(*entry));
}

CudaKernelT &CudaTestPlan::kernel(const std::string &symbol) {
  for (auto &kernel : cuda().kernels)
    if (kernel->symbol == symbol)
      return *kernel;
  std::abort();
}

EntryPointT &CudaTestPlan::cudaEntry(const std::string &name) {
  for (auto &entry : cuda().entry_points)
    if (entry->name == name)
      return *entry;
  std::abort();
}

CommandT &CudaTestPlan::cudaCommand(const std::string &name) {
  for (auto &command : cudaEntry("train_step").commands)
    if (command->name == name)
      return *command;
  std::abort();
}

LaunchT &CudaTestPlan::cudaLaunch(const std::string &name) {
  return *cudaCommand(name).body.AsLaunch();
}

AlternativesT &CudaTestPlan::alternatives(const std::string &name) {
  return *cudaCommand(name).body.AsAlternatives();
}

void CudaTestPlan::removeCpu() {
  table.kernels.clear();
  table.entry_points.clear();
  table.code.clear();
  table.arena_bytes = 0;
  table.constants_size = 0;
  code.clear();
}

void CudaTestPlan::addCubin(const std::string &symbol, const std::string &arch,
                            const std::string &bytes) {
  auto blob = std::make_unique<CudaCubinT>();
  while (cuda().kernels[blob->kernel]->symbol != symbol)
    ++blob->kernel;
  blob->arch = arch;
  extra.assign(bytes.begin(), bytes.end());
  extra.push_back(0);
  blob->offset = extraOffset();
  blob->size = extra.size();
  cuda().cubins.push_back(std::move(blob));
}

/// The CPU's entry points again, for CUDA.
static void copyEntryPoints(PlanT &table) {
  table.cuda->entry_points.clear();
  for (const auto &entry : table.entry_points)
    table.cuda->entry_points.push_back(forCuda(*entry));
}

void CudaTestPlan::splitCudaBatch() {
  splitBatch();
  copyEntryPoints(table);
}

void CudaTestPlan::takeCudaDocuments() {
  takeDocuments();
  copyEntryPoints(table);
}

void CudaTestPlan::addCudaDecode() {
  auto entry = forCuda(addDecode());
  LaunchT &attend = *entry->commands[0]->body.AsLaunch();
  attend.kernel = uint32_t(cuda().kernels.size());
  cuda().kernels.push_back(makeKernel("test_decode", "attention", 5, 0, 2));
  cuda().entry_points.push_back(std::move(entry));
}

void CudaTestPlan::keepTable() {
  const uint64_t bytes = uint64_t(kVocabulary) * kWidth * sizeof(float);
  const BufferRef kept(0, bytes, Segment::compute);
  auto copyTable = [&] {
    CopyT copy;
    copy.source =
        std::make_unique<BufferRef>(kTableOffset, bytes, Segment::parameters);
    copy.target = std::make_unique<BufferRef>(kept);
    auto made = std::make_unique<CommandT>();
    made->name = "table.keep";
    made->body.Set(std::move(copy));
    return made;
  };
  for (auto &entry : cuda().entry_points) {
    for (auto &command : entry->commands)
      if (command->name == "embed")
        command->body.AsLaunch()->buffers[1] = kept;
    if (entry->name == "train_step" || entry->name == "apply")
      entry->commands.push_back(copyTable());
  }
  auto refresh = std::make_unique<EntryPointT>();
  refresh->name = "refresh";
  refresh->commands.push_back(copyTable());
  cuda().entry_points.push_back(std::move(refresh));
  cuda().compute_bytes = 128;
}
