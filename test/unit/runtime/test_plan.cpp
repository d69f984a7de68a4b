//===- test_plan.cpp - A plan made by hand --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test_plan.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

using namespace lns;
using namespace lns::test;
using namespace lns::plan;

/// Where blobs start: behind any table of these tests.
static constexpr uint64_t kConstantsOffset = 8 * kPlanBlobAlignment;
static constexpr uint64_t kCodeOffset = 9 * kPlanBlobAlignment;

static constexpr uint64_t kRowsBytes = kRows * 4;
static constexpr uint64_t kHiddenBytes = kRows * kWidth * 4;
static constexpr uint64_t kLogitsBytes = kRows * kVocabulary * 4;
static constexpr uint64_t kTensorBytes = kVocabulary * kWidth * 4;

static BufferRef arenaAt(uint64_t offset, uint64_t size) {
  return BufferRef(offset, size, Segment::arena);
}
static BufferRef ioAt(uint64_t offset, uint64_t size) {
  return BufferRef(offset, size, Segment::io);
}

static const BufferRef kTokens = ioAt(0, kRowsBytes);
static const BufferRef kTargets = ioAt(64, kRowsBytes);
static const BufferRef kOptimizer = ioAt(128, 32);
static const BufferRef kLoss = ioAt(192, 4);
static const BufferRef kNorm = ioAt(256, 4);
static const BufferRef kHidden = arenaAt(0, kHiddenBytes);
static const BufferRef kLogits = arenaAt(128, kLogitsBytes);
static const BufferRef kLogitsGrad = arenaAt(256, kLogitsBytes);
static const BufferRef kHiddenGrad = arenaAt(384, kHiddenBytes);
static const BufferRef kTable(kTableOffset, kTensorBytes, Segment::parameters);
static const BufferRef kHead(kHeadOffset, kTensorBytes, Segment::parameters);
static const BufferRef kTableGrad(kTableOffset, kTensorBytes,
                                  Segment::gradients);
static const BufferRef kHeadGrad(kHeadOffset, kTensorBytes, Segment::gradients);

template <typename Body>
static std::unique_ptr<CommandT> command(const char *name, Body body) {
  auto command = std::make_unique<CommandT>();
  command->name = name;
  command->body.Set(std::move(body));
  return command;
}

static LaunchT launchOf(uint32_t kernel, std::vector<BufferRef> buffers,
                        std::vector<float> floats, std::vector<int64_t> ints,
                        uint64_t items) {
  LaunchT launch;
  launch.kernel = kernel;
  launch.buffers = std::move(buffers);
  launch.floats = std::move(floats);
  launch.ints = std::move(ints);
  launch.items = items;
  return launch;
}

static MatmulT matmulOf(uint64_t m, uint64_t n, uint64_t k, bool transA,
                        bool transB, BufferRef a, BufferRef b, BufferRef c) {
  MatmulT matmul;
  matmul.m = m;
  matmul.n = n;
  matmul.k = k;
  matmul.trans_a = transA;
  matmul.trans_b = transB;
  matmul.a = std::make_unique<BufferRef>(a);
  matmul.b = std::make_unique<BufferRef>(b);
  matmul.c = std::make_unique<BufferRef>(c);
  return matmul;
}

static void addForward(EntryPointT &entry, bool loss) {
  entry.commands.push_back(command(
      "embed", launchOf(0, {kTokens, kTable, kHidden}, {}, {kWidth}, kRows)));
  entry.commands.push_back(
      command("head", matmulOf(kRows, kVocabulary, kWidth, false, true, kHidden,
                               kHead, kLogits)));
  if (loss)
    entry.commands.push_back(
        command("loss", launchOf(1, {kLogits, kTargets, kLogitsGrad, kLoss},
                                 {1.0f}, {kRows, kVocabulary}, 1)));
}

static void addBackward(EntryPointT &entry) {
  entry.commands.push_back(
      command("head.backward", matmulOf(kVocabulary, kWidth, kRows, true, false,
                                        kLogitsGrad, kHidden, kHeadGrad)));
  entry.commands.push_back(command(
      "hidden.backward", matmulOf(kRows, kWidth, kVocabulary, false, false,
                                  kLogitsGrad, kHead, kHiddenGrad)));
  FillT fill;
  fill.target = std::make_unique<BufferRef>(kTableGrad);
  entry.commands.push_back(command("table.zero", std::move(fill)));
  entry.commands.push_back(
      command("table.backward", launchOf(2, {kTokens, kHiddenGrad, kTableGrad},
                                         {}, {kRows, kWidth}, kWidth)));
}

static void addApply(EntryPointT &entry) {
  auto whole = [](Segment segment) {
    return BufferRef(0, kParameterBytes, segment);
  };
  entry.commands.push_back(command(
      "apply",
      launchOf(3,
               {kOptimizer, whole(Segment::gradients),
                whole(Segment::parameters), whole(Segment::exp_avg), kNorm},
               {}, {int64_t(kParameterBytes / 4)}, 1)));
  // The norm's square is copied once more, so that a copy is in the plan.
  CopyT copy;
  copy.source = std::make_unique<BufferRef>(kNorm);
  copy.target = std::make_unique<BufferRef>(arenaAt(512, 4));
  entry.commands.push_back(command("norm.copy", std::move(copy)));
}

static std::unique_ptr<BindingT> binding(const char *name, DType type,
                                         std::vector<int64_t> shape,
                                         BufferRef buffer) {
  auto binding = std::make_unique<BindingT>();
  binding->name = name;
  binding->dtype = type;
  binding->shape = std::move(shape);
  binding->buffer = std::make_unique<BufferRef>(buffer);
  return binding;
}

static EntryPointT &addEntry(PlanT &table, const char *name) {
  auto entry = std::make_unique<EntryPointT>();
  entry->name = name;
  entry->flops = 100;
  entry->arena_bytes = 576;
  entry->activation_bytes = 96;
  table.entry_points.push_back(std::move(entry));
  return *table.entry_points.back();
}

static void bind(EntryPointT &entry, std::vector<std::string> inputs,
                 std::vector<std::string> outputs) {
  auto make = [](const std::string &name) {
    if (name == "tokens")
      return binding("tokens", DType::i32, {kBatch, kSequence}, kTokens);
    if (name == "targets")
      return binding("targets", DType::i32, {kBatch, kSequence}, kTargets);
    if (name == "optimizer")
      return binding("optimizer", DType::f32, {8}, kOptimizer);
    if (name == "loss")
      return binding("loss", DType::f32, {}, kLoss);
    if (name == "gradient_norm")
      return binding("gradient_norm", DType::f32, {1}, kNorm);
    return binding("logits", DType::f32, {kBatch, kSequence, kVocabulary},
                   kLogits);
  };
  for (const std::string &name : inputs)
    entry.inputs.push_back(make(name));
  for (const std::string &name : outputs)
    entry.outputs.push_back(make(name));
}

static void addKernel(PlanT &table, const char *symbol, const char *kind,
                      uint32_t buffers, uint32_t floats, uint32_t ints) {
  auto kernel = std::make_unique<KernelT>();
  kernel->symbol = symbol;
  kernel->kind = kind;
  kernel->source = "by \"hand\"";
  kernel->buffers = buffers;
  kernel->floats = floats;
  kernel->ints = ints;
  kernel->scratch_bytes = 64;
  table.kernels.push_back(std::move(kernel));
}

static void addParameter(PlanT &table, const char *name, Role role,
                         uint64_t offset) {
  auto parameter = std::make_unique<ParameterT>();
  parameter->name = name;
  parameter->shape = {kVocabulary, kWidth};
  parameter->dtype = DType::f32;
  parameter->role = role;
  parameter->init = InitKind::normal;
  parameter->init_value = 0.5;
  parameter->decay = true;
  parameter->offset = offset;
  table.parameters.push_back(std::move(parameter));
}

Bytes lns::test::readFile(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

TestPlan::TestPlan() : code(readFile(LNS_TEST_KERNELS)), constants(64, 7) {
  table.compiler = "test";
  table.model_name = "toy";
  table.config_json = "{}";
  table.norm_scheme = "lns";
  table.identity = "lnsc model 1\nnorm: lns\ngraph:\noutput tokens\n";
  table.batch = kBatch;
  table.sequence = kSequence;
  table.vocabulary = kVocabulary;
  table.layers = 1;
  table.parameter_bytes = kParameterBytes;
  table.arena_bytes = 576;
  table.io_bytes = 320;
  table.constants_offset = kConstantsOffset;
  table.constants_size = constants.size();
  addParameter(table, "model.embed_tokens.weight", Role::embedding,
               kTableOffset);
  addParameter(table, "lm_head.weight", Role::matrix, kHeadOffset);
  addKernel(table, "test_embed", "gather", 3, 0, 1);
  addKernel(table, "test_loss", "loss", 4, 1, 2);
  addKernel(table, "test_scatter", "scatter", 3, 0, 2);
  addKernel(table, "test_apply", "optimizer", 5, 0, 1);
  table.kernels[1]->is_norm = true;

  EntryPointT &step = addEntry(table, "train_step");
  bind(step, {"tokens", "targets", "optimizer"}, {"loss", "gradient_norm"});
  addForward(step, true);
  addBackward(step);
  addApply(step);
  EntryPointT &grads = addEntry(table, "grads");
  bind(grads, {"tokens", "targets"}, {"loss"});
  addForward(grads, true);
  addBackward(grads);
  EntryPointT &apply = addEntry(table, "apply");
  bind(apply, {"optimizer"}, {"gradient_norm"});
  addApply(apply);
  EntryPointT &eval = addEntry(table, "eval");
  bind(eval, {"tokens", "targets"}, {"loss"});
  addForward(eval, true);
  EntryPointT &logits = addEntry(table, "logits");
  bind(logits, {"tokens"}, {"logits"});
  addForward(logits, false);

  auto blob = std::make_unique<CodeBlobT>();
  blob->level = "x86-64";
  blob->features = {"sse2"};
  blob->offset = kCodeOffset;
  blob->size = code.size();
  table.code.push_back(std::move(blob));
}

void TestPlan::splitBatch() {
  table.micro_batch = 1;
  table.io_bytes = 512;
  // Logits are of one part, too, which the toy's are not.
  table.entry_points.pop_back();
  const BufferRef tokens = ioAt(320, kSequence * 4);
  const BufferRef targets = ioAt(384, kSequence * 4);
  EntryPointT &micro = addEntry(table, "micro_grads");
  micro.inputs.push_back(binding("tokens", DType::i32, {1, kSequence}, tokens));
  micro.inputs.push_back(
      binding("targets", DType::i32, {1, kSequence}, targets));
  micro.inputs.push_back(binding("target_count", DType::i32, {}, ioAt(448, 4)));
  micro.outputs.push_back(binding("loss", DType::f32, {}, arenaAt(0, 4)));
  micro.arena_bytes = 64;
  micro.activation_bytes = 0;
  CopyT loss, gradient;
  loss.source = std::make_unique<BufferRef>(ioAt(320, 4));
  loss.target = std::make_unique<BufferRef>(arenaAt(0, 4));
  micro.commands.push_back(::command("loss", std::move(loss)));
  gradient.source = std::make_unique<BufferRef>(ioAt(384, 4));
  gradient.target = std::make_unique<BufferRef>(0, 4, Segment::gradients);
  micro.commands.push_back(::command("gradient", std::move(gradient)));

  RepeatT repeat;
  repeat.entry = uint32_t(table.entry_points.size() - 1);
  repeat.count = kBatch;
  repeat.tokens = std::make_unique<BufferRef>(kTokens);
  repeat.targets = std::make_unique<BufferRef>(kTargets);
  repeat.loss = std::make_unique<BufferRef>(kLoss);
  EntryPointT &grads = entry("grads");
  grads.commands.clear();
  grads.commands.push_back(::command("micro_batches", std::move(repeat)));
}

void TestPlan::takeDocuments() {
  features |= kPlanDocuments;
  const BufferRef starts = ioAt(table.io_bytes, kRowsBytes);
  const BufferRef part = ioAt(table.io_bytes + 64, kSequence * 4);
  table.io_bytes += 128;
  for (auto &entry : table.entry_points) {
    if (entry->inputs.empty() || entry->inputs[0]->name != "tokens")
      continue;
    bool isPart = entry->name == "micro_grads";
    entry->inputs.insert(
        entry->inputs.begin() + (entry->name == "logits" ? 1 : 2),
        binding("starts", DType::i32, {isPart ? 1 : kBatch, kSequence},
                isPart ? part : starts));
    CopyT copy;
    copy.source = std::make_unique<BufferRef>(isPart ? part : starts);
    copy.target = std::make_unique<BufferRef>(
        isPart ? BufferRef(64, kSequence * 4, Segment::gradients)
               : arenaAt(128, kRowsBytes));
    if (isPart || entry->name == "logits")
      entry->commands.push_back(::command("starts", std::move(copy)));
    for (auto &command : entry->commands)
      if (RepeatT *repeat = command->body.AsRepeat())
        repeat->starts = std::make_unique<BufferRef>(starts);
  }
}

EntryPointT &TestPlan::addTrace() {
  features |= kPlanTrace;
  EntryPointT &trace = addEntry(table, "trace");
  bind(trace, {"tokens"}, {});
  float value = 0;
  for (const char *name : {"stream", "branch", "stream"}) {
    BufferRef place = arenaAt(uint64_t(value) * 128, kRows * kWidth * 4);
    trace.outputs.push_back(
        binding(name, DType::f32, {kBatch, kSequence, kWidth}, place));
    FillT fill;
    fill.target = std::make_unique<BufferRef>(place);
    fill.value = ++value;
    trace.commands.push_back(::command("fill", std::move(fill)));
  }
  return trace;
}

EntryPointT &TestPlan::addDecode() {
  features |= kPlanDecode;
  const BufferRef tokens = ioAt(table.io_bytes, kBatch * 4);
  const BufferRef starts = ioAt(table.io_bytes + 64, kBatch * 4);
  const BufferRef hidden = arenaAt(0, kBatch * kWidth * 4);
  const BufferRef logits = arenaAt(128, kBatch * kVocabulary * 4);
  table.io_bytes += 128;
  table.cache_bytes = kCacheBytes;
  addKernel(table, "test_decode", "attention", 5, 0, 2);
  EntryPointT &decode = addEntry(table, "decode");
  decode.inputs.push_back(binding("tokens", DType::i32, {kBatch, 1}, tokens));
  decode.inputs.push_back(binding("starts", DType::i32, {kBatch, 1}, starts));
  decode.outputs.push_back(
      binding("logits", DType::f32, {kBatch, 1, kVocabulary}, logits));
  decode.commands.push_back(::command(
      "attend", launchOf(uint32_t(table.kernels.size() - 1),
                         {tokens, starts, kTable,
                          BufferRef(0, kCacheBytes, Segment::cache), hidden},
                         {}, {kWidth, kSequence}, kBatch)));
  decode.commands.push_back(
      ::command("head", matmulOf(kBatch, kVocabulary, kWidth, false, true,
                                 hidden, kHead, logits)));
  return decode;
}

RepeatT &TestPlan::repeat() {
  return *entry("grads").commands.front()->body.AsRepeat();
}

EntryPointT &TestPlan::entry(const std::string &name) {
  for (auto &entry : table.entry_points)
    if (entry->name == name)
      return *entry;
  std::abort();
}

CommandT &TestPlan::command(const std::string &name) {
  for (auto &command : entry("train_step").commands)
    if (command->name == name)
      return *command;
  std::abort();
}

LaunchT &TestPlan::launch(const std::string &name) {
  return *command(name).body.AsLaunch();
}

MatmulT &TestPlan::matmul(const std::string &name) {
  return *command(name).body.AsMatmul();
}

void lns::test::fixHeader(Bytes &file) {
  PlanHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  header.file_size = file.size();
  header.checksum =
      planChecksum(file.data() + sizeof(header), file.size() - sizeof(header));
  std::memcpy(file.data(), &header, sizeof(header));
}

uint64_t TestPlan::extraOffset() const {
  return (kCodeOffset + code.size() + kPlanBlobAlignment - 1) /
         kPlanBlobAlignment * kPlanBlobAlignment;
}

Bytes TestPlan::serialize() const {
  flatbuffers::FlatBufferBuilder builder;
  FinishPlanBuffer(builder, CreatePlan(builder, &table));
  if (sizeof(PlanHeader) + builder.GetSize() > kConstantsOffset)
    std::abort();
  Bytes file(extra.empty() ? kCodeOffset + code.size()
                           : extraOffset() + extra.size());
  PlanHeader header = {};
  std::memcpy(header.magic, kPlanMagic, sizeof(kPlanMagic));
  header.version = kPlanVersion;
  header.header_size = sizeof(header);
  header.table_size = builder.GetSize();
  header.feature_bits = features;
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), builder.GetBufferPointer(),
              builder.GetSize());
  std::memcpy(file.data() + kConstantsOffset, constants.data(),
              constants.size());
  std::memcpy(file.data() + kCodeOffset, code.data(), code.size());
  if (!extra.empty())
    std::memcpy(file.data() + extraOffset(), extra.data(), extra.size());
  fixHeader(file);
  return file;
}

lnsrt::Result<lnsrt::Plan> lns::test::open(const Bytes &file) {
  return lnsrt::Plan::openMemory(file.data(), file.size());
}
