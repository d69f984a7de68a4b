//===- plan_verifier.cpp - The semantic check of a plan -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What is not checked is what machine code does with the buffers that it gets:
// running a plan means trusting its kernels.
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/plan_verifier.h"

#include "runtime/plan/kernel_abi.h"
#include "runtime/plan/plan_limits.h"
#include "runtime/plan/plan_verifier_impl.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace lns;

Error PlanVerifier::checkName(const char *what, std::string_view name) const {
  if (name.size() <= kMaxNameBytes)
    return nullptr;
  return bad("the name of ", what, " '", name.substr(0, 40), "...' has ",
             name.size(), " bytes, at most ", kMaxNameBytes, " are possible");
}

Error PlanVerifier::checkSizes() {
  if (table.batch() == 0 || table.sequence() == 0 || table.vocabulary() == 0)
    return bad("batch ", table.batch(), ", sequence ", table.sequence(),
               ", vocabulary ", table.vocabulary(),
               ": each must be at least 1");
  if (table.dtype() != plan::DType::f32 && table.dtype() != plan::DType::bf16)
    return bad("activations have element type ", int(table.dtype()),
               ", expected f32 or bf16");
  if (table.vocabulary() > uint32_t(INT32_MAX))
    return bad("vocabulary ", table.vocabulary(), " exceeds ", INT32_MAX);
  if (table.micro_batch() != 0 && table.batch() % table.micro_batch() != 0)
    return bad("batch ", table.batch(), " is no multiple of micro_batch ",
               table.micro_batch());
  auto logits = checkedProduct(
      {table.batch(), table.sequence(), table.vocabulary(), sizeof(float)});
  if (!logits)
    return bad("batch ", table.batch(), " x sequence ", table.sequence(),
               " x vocabulary ", table.vocabulary(), " overflows");
  // With what else a session allocates, none of which comes near 2^62.
  auto parameters = checkedProduct({4, table.parameter_bytes()});
  if (!parameters ||
      !checkedSum({*parameters, table.arena_bytes(), cacheBytes(table),
                   table.io_bytes(), uint64_t(1) << 62}))
    return bad("four segments of ", table.parameter_bytes(),
               " bytes, an arena of ", table.arena_bytes(), ", a cache of ",
               cacheBytes(table), " and io of ", table.io_bytes(), " overflow");
  // A model without attention decodes, and keeps nothing.
  if (cacheBytes(table) != 0 && !canDecode(table))
    return bad("segment 'cache' has ", cacheBytes(table),
               " bytes, but there is no entry point 'decode'");
  if (uint64_t trainable = trainableBytes(table);
      trainable > table.parameter_bytes() || trainable % kBufferAlignment != 0)
    return bad("gradients and moments of ", trainable,
               " bytes each, but "
               "parameters of ",
               table.parameter_bytes(),
               ": expected a part "
               "of these, a multiple of ",
               kBufferAlignment);
  return nullptr;
}

Error PlanVerifier::checkBlobs() {
  std::vector<Blob> blobs;
  std::vector<std::string_view> levels;
  if (table.constants_size() != 0)
    blobs.push_back(
        {table.constants_offset(), table.constants_size(), "constants"});
  for (const plan::CodeBlob *code : *table.code()) {
    if (code->level()->size() == 0)
      return bad("a code blob has no instruction-set level");
    levels.push_back(code->level()->string_view());
    if (Error error = checkName("level", levels.back()))
      return error;
    blobs.push_back({code->offset(), code->size(),
                     concat("code for '", code->level()->string_view(), "'")});
  }
  if (std::string_view twin = findTwin(levels); !twin.empty())
    return bad("two code blobs for level '", twin, "'");
  if (Error error = addCudaBlobs(blobs))
    return error;
  for (const Blob &blob : blobs) {
    if (blob.offset % kPlanBlobAlignment != 0)
      return bad(blob.name, " at offset ", blob.offset,
                 ", which is not a multiple of ", kPlanBlobAlignment);
    if (blob.offset < tableEnd)
      return bad(blob.name, " at offset ", blob.offset,
                 " lies inside the table, which ends at ", tableEnd);
    if (!insideRange(blob.offset, blob.size, fileSize))
      return bad(blob.name, " of ", blob.size, " bytes at offset ", blob.offset,
                 " lies outside the file of ", fileSize, " bytes");
  }
  for (const plan::CodeBlob *code : *table.code())
    if (code->size() < 64 || std::memcmp(file + code->offset(),
                                         "\x7f"
                                         "ELF",
                                         4) != 0)
      return bad("code for '", code->level()->string_view(),
                 "' is not an ELF object");
  std::sort(blobs.begin(), blobs.end(),
            [](const Blob &a, const Blob &b) { return a.offset < b.offset; });
  for (size_t i = 1; i < blobs.size(); ++i)
    if (blobs[i - 1].offset + blobs[i - 1].size > blobs[i].offset)
      return bad(blobs[i - 1].name, " overlaps ", blobs[i].name);
  return nullptr;
}

Error PlanVerifier::checkParameters() {
  struct Range {
    uint64_t offset;
    uint64_t size;
    std::string_view name;
  };
  std::vector<Range> ranges;
  std::vector<std::string_view> names;
  for (const plan::Parameter *parameter : *table.parameters()) {
    std::string_view name = parameter->name()->string_view();
    if (name.empty())
      return bad("parameter ", ranges.size(), " has no name");
    if (Error error = checkName("parameter", name))
      return error;
    if (parameter->dtype() != plan::DType::f32)
      return bad("parameter '", name, "' has element type ",
                 int(parameter->dtype()), ", expected f32");
    if (plan::EnumNameRole(parameter->role())[0] == '\0')
      return bad("parameter '", name, "' has the unknown role ",
                 int(parameter->role()));
    if (plan::EnumNameInitKind(parameter->init())[0] == '\0')
      return bad("parameter '", name, "' has the unknown initializer ",
                 int(parameter->init()));
    if (!std::isfinite(parameter->init_value()))
      return bad("parameter '", name,
                 "' has an initial value that is not "
                 "finite");
    if (!isAligned(parameter->shape()) ||
        !isAligned(parameter->storage_shape()))
      return bad("the shape of parameter '", name, "' is misaligned");
    if (parameter->shape()->size() > kMaxRank)
      return bad("parameter '", name, "' has rank ", parameter->shape()->size(),
                 ", at most ", kMaxRank, " is possible");
    uint64_t bytes = sizeof(float);
    for (int64_t extent : *parameter->shape()) {
      if (extent < 1)
        return bad("parameter '", name, "' has extent ", extent,
                   ", expected at least 1");
      auto product = checkedProduct({bytes, uint64_t(extent)});
      if (!product)
        return bad("the shape of parameter '", name, "' overflows");
      bytes = *product;
    }
    if (const auto *storage = parameter->storage_shape();
        storage && storage->size() != 0) {
      if (storage->size() != parameter->shape()->size())
        return bad("parameter '", name, "' of rank ",
                   parameter->shape()->size(), " has storage of rank ",
                   storage->size());
      bytes = sizeof(float);
      for (flatbuffers::uoffset_t i = 0; i < storage->size(); ++i) {
        int64_t extent = storage->Get(i);
        if (extent < parameter->shape()->Get(i))
          return bad("parameter '", name, "' has storage of extent ", extent,
                     " for extent ", parameter->shape()->Get(i));
        auto product = checkedProduct({bytes, uint64_t(extent)});
        if (!product)
          return bad("the storage of parameter '", name, "' overflows");
        bytes = *product;
      }
    }
    if (parameter->offset() % kBufferAlignment != 0)
      return bad("parameter '", name, "' at offset ", parameter->offset(),
                 ", which is not a multiple of ", kBufferAlignment);
    if (!insideRange(parameter->offset(), bytes, table.parameter_bytes()))
      return bad("parameter '", name, "' of ", bytes, " bytes at offset ",
                 parameter->offset(), " lies outside the segment of ",
                 table.parameter_bytes(), " bytes");
    // Gradients and moments are there for what is trained, and for that alone.
    if (isFrozen(*parameter)
            ? parameter->offset() < trainableBytes(table)
            : !insideRange(parameter->offset(), bytes, trainableBytes(table)))
      return bad("parameter '", name, "' of ", bytes, " bytes at offset ",
                 parameter->offset(),
                 isFrozen(*parameter) ? " is frozen, but lies among the "
                                      : " is trained, but lies outside the ",
                 trainableBytes(table), " bytes that have gradients");
    ranges.push_back({parameter->offset(), bytes, name});
    names.push_back(name);
  }
  if (std::string_view twin = findTwin(names); !twin.empty())
    return bad("two parameters are named '", twin, "'");
  std::sort(ranges.begin(), ranges.end(),
            [](const Range &a, const Range &b) { return a.offset < b.offset; });
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i - 1].offset + ranges[i - 1].size > ranges[i].offset)
      return bad("parameter '", ranges[i - 1].name, "' overlaps '",
                 ranges[i].name, "'");
  return nullptr;
}

Error PlanVerifier::checkKernels() {
  std::vector<std::string_view> symbols;
  for (const plan::Kernel *kernel : *table.kernels()) {
    std::string_view symbol = kernel->symbol()->string_view();
    if (symbol.empty() || symbol == LNS_KERNEL_ABI_VERSION_SYMBOL)
      return bad("kernel ", symbols.size(), " has the impossible symbol '",
                 symbol, "'");
    if (Error error = checkName("kernel", symbol))
      return error;
    if (kernel->buffers() > kMaxKernelArguments ||
        kernel->floats() > kMaxKernelArguments ||
        kernel->ints() > kMaxKernelArguments)
      return bad("kernel '", symbol, "' takes ", kernel->buffers(),
                 " buffers, ", kernel->floats(), " floats and ", kernel->ints(),
                 " ints, at most ", kMaxKernelArguments,
                 " of each are possible");
    if (kernel->scratch_bytes() > kMaxCpuScratchBytes)
      return bad("kernel '", symbol, "' wants ", kernel->scratch_bytes(),
                 " bytes of scratch, at most ", kMaxCpuScratchBytes,
                 " are possible");
    symbols.push_back(symbol);
  }
  if (!symbols.empty() && table.code()->size() == 0)
    return bad(symbols.size(), " kernels, but no code for any processor");
  if (std::string_view twin = findTwin(symbols); !twin.empty())
    return bad("two kernels are named '", twin, "'");
  return nullptr;
}

/// They stand one behind the other in `io`, beside inputs and outputs.
Error PlanVerifier::checkSchedules() {
  const auto *schedules = table.schedules();
  if (!schedules || schedules->size() == 0)
    return nullptr;
  for (const plan::Schedule *schedule : *schedules) {
    if (plan::EnumNameScheduleKind(schedule->kind())[0] == '\0')
      return bad("a schedule is of the unknown kind ", int(schedule->kind()));
    if (!std::isfinite(schedule->steps()) || schedule->steps() < 1)
      return bad("a schedule takes ", schedule->steps(),
                 " steps, expected a finite number of at least 1");
  }
  uint64_t offset = table.schedules_offset();
  uint64_t bytes = uint64_t(schedules->size()) * kBufferAlignment;
  if (offset % kBufferAlignment != 0)
    return bad("schedules at offset ", offset, ", which is not a multiple of ",
               kBufferAlignment);
  if (!insideRange(offset, bytes, table.io_bytes()))
    return bad(schedules->size(), " schedules of ", bytes, " bytes at offset ",
               offset, " lie outside the segment 'io' of ", table.io_bytes());
  auto check = [&](const auto &entries) -> Error {
    for (const plan::EntryPoint *entry : entries)
      for (const auto *bindings : {entry->inputs(), entry->outputs()})
        for (const plan::Binding *binding : *bindings)
          if (binding->buffer()->segment() == plan::Segment::io &&
              rangesOverlap(offset, bytes, binding->buffer()->offset(),
                            binding->buffer()->size()))
            return bad("schedules overlap '", binding->name()->string_view(),
                       "' of '", entry->name()->string_view(), "'");
    return nullptr;
  };
  if (Error error = check(*table.entry_points()))
    return error;
  return table.cuda() ? check(*table.cuda()->entry_points()) : nullptr;
}

Error PlanVerifier::run() {
  if (Error error = checkSizes())
    return error;
  if (Error error = checkBlobs())
    return error;
  if (Error error = checkParameters())
    return error;
  if (Error error = checkKernels())
    return error;
  if (Error error = checkSchedules())
    return error;
  if (Error error = checkEntryPoints({.entries = *table.entry_points(),
                                      .arena = table.arena_bytes(),
                                      .constants = table.constants_size()}))
    return error;
  const plan::CudaProgram *cuda = table.cuda();
  if (!cuda)
    return nullptr;
  if (Error error = checkCudaSizes())
    return error;
  if (Error error = checkCudaKernels())
    return error;
  if (Error error = checkCudaHeaders())
    return error;
  if (Error error = checkRefresh())
    return error;
  if (Error error = checkEntryPoints({.cuda = cuda,
                                      .entries = *cuda->entry_points(),
                                      .arena = cuda->arena_bytes(),
                                      .constants = cuda->constants_size(),
                                      .scratch = cuda->scratch_bytes(),
                                      .compute = cuda->compute_bytes()}))
    return error;
  return checkTracesAgree();
}

static bool isOfToken(const plan::EntryPoint &entry) {
  const EntryPointRule *rule = findEntryPoint(entry.name()->string_view());
  return rule && rule->isOfToken;
}

/// Whether `is` holds for an entry point of either program.
template <typename Predicate>
static bool anyEntryPoint(const plan::Plan &table, Predicate is) {
  auto any = [&](const auto &entries) {
    return std::any_of(
        entries.begin(), entries.end(),
        [&](const plan::EntryPoint *entry) { return is(*entry); });
  };
  return any(*table.entry_points()) ||
         (table.cuda() && any(*table.cuda()->entry_points()));
}

bool lns::takesDocuments(const plan::Plan &table) {
  return anyEntryPoint(table, [](const plan::EntryPoint &entry) {
    // Decoding takes starts in any plan: they say where tokens are.
    if (isOfToken(entry))
      return false;
    for (const plan::Binding *binding : *entry.inputs())
      if (binding->name()->string_view() == getName(BindingKind::Starts))
        return true;
    return false;
  });
}

bool lns::canDecode(const plan::Plan &table) {
  return anyEntryPoint(table, isOfToken);
}

Error lns::verifyPlan(const plan::Plan &table, const unsigned char *file,
                      uint64_t fileSize, uint64_t tableSize,
                      std::string_view place) {
  return PlanVerifier(table, file, fileSize, tableSize, place).run();
}
