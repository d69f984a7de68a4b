//===- plan_verifier.cpp - The semantic check of a plan
//---------------------===//
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

#include "runtime/plan_verifier.h"

#include "runtime/checked_math.h"
#include "runtime/kernel_abi.h"
#include "runtime/plan_format.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using namespace lns;
using plan::Segment;

/// Private memory of one kernel on one thread; more is surely damage.
static constexpr uint64_t kMaxScratchBytes = uint64_t(1) << 30;
static constexpr unsigned kMaxRank = 8;

namespace {

struct BindingRule {
  const char *name;
  plan::DType type;
  uint64_t elements;
};

struct EntryRule {
  const char *name;
  std::vector<BindingRule> inputs;
  std::vector<BindingRule> outputs;
};

class PlanVerifier {
public:
  PlanVerifier(const plan::Plan &table, const unsigned char *file,
               uint64_t fileSize, uint64_t tableSize, std::string_view place)
      : table(table), file(file), fileSize(fileSize),
        tableEnd(sizeof(PlanHeader) + tableSize), place(place) {}

  Error run();

private:
  template <typename... Parts> Error bad(const Parts &...parts) const {
    return makeError(LNSRT_INVALID_PLAN, place, parts...,
                     "; the plan is damaged: compile the model again");
  }

  Error checkSizes();
  Error checkBlobs();
  Error checkParameters();
  Error checkKernels();
  Error checkEntryPoints();
  Error checkEntryPoint(const plan::EntryPoint &entry, const EntryRule &rule);
  Error checkBindings(
      const flatbuffers::Vector<flatbuffers::Offset<plan::Binding>> &bindings,
      const std::vector<BindingRule> &rules, const char *direction,
      std::string_view entry);
  Error checkBuffer(const plan::BufferRef &buffer, std::string_view user,
                    std::string_view entry);
  Error checkTarget(const plan::BufferRef &buffer, std::string_view user,
                    std::string_view entry);
  Error checkLaunch(const plan::Launch &launch, std::string_view name,
                    std::string_view entry);
  Error checkMatmul(const plan::Matmul &matmul, std::string_view name,
                    std::string_view entry);
  Error checkRepeat(const plan::Repeat &repeat, std::string_view name,
                    std::string_view entry);
  Error checkCommand(const plan::Command &command, std::string_view entry);

  const plan::Plan &table;
  const unsigned char *file;
  uint64_t fileSize;
  uint64_t tableEnd;
  std::string_view place;
};

} // namespace

static const char *segmentName(Segment segment) {
  return plan::EnumNameSegment(segment);
}

/// Entry points that only commands of others run.
static bool isMicro(std::string_view entry) {
  return entry == "micro_grads" || entry == "micro_eval";
}

static bool overlap(const plan::BufferRef &a, const plan::BufferRef &b) {
  return a.segment() == b.segment() &&
         rangesOverlap(a.offset(), a.size(), b.offset(), b.size());
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
  if (!parameters || !checkedSum({*parameters, table.arena_bytes(),
                                  table.io_bytes(), uint64_t(1) << 62}))
    return bad("four segments of ", table.parameter_bytes(),
               " bytes, an arena of ", table.arena_bytes(), " and io of ",
               table.io_bytes(), " overflow");
  return nullptr;
}

Error PlanVerifier::checkBlobs() {
  struct Blob {
    uint64_t offset;
    uint64_t size;
    std::string name;
  };
  std::vector<Blob> blobs;
  if (table.constants_size() != 0)
    blobs.push_back(
        {table.constants_offset(), table.constants_size(), "constants"});
  for (const plan::CodeBlob *code : *table.code()) {
    if (code->level()->size() == 0)
      return bad("a code blob has no instruction-set level");
    for (const plan::CodeBlob *other : *table.code()) {
      if (other == code)
        break;
      if (other->level()->string_view() == code->level()->string_view())
        return bad("two code blobs for level '", code->level()->string_view(),
                   "'");
    }
    blobs.push_back({code->offset(), code->size(),
                     concat("code for '", code->level()->string_view(), "'")});
  }
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
    ranges.push_back({parameter->offset(), bytes, name});
    names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  auto twin = std::adjacent_find(names.begin(), names.end());
  if (twin != names.end())
    return bad("two parameters are named '", *twin, "'");
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
    if (kernel->scratch_bytes() > kMaxScratchBytes)
      return bad("kernel '", symbol, "' wants ", kernel->scratch_bytes(),
                 " bytes of scratch, at most ", kMaxScratchBytes,
                 " are possible");
    symbols.push_back(symbol);
  }
  if (!symbols.empty() && table.code()->size() == 0)
    return bad(symbols.size(), " kernels, but no code for any processor");
  std::sort(symbols.begin(), symbols.end());
  auto twin = std::adjacent_find(symbols.begin(), symbols.end());
  if (twin != symbols.end())
    return bad("two kernels are named '", *twin, "'");
  return nullptr;
}

Error PlanVerifier::checkBuffer(const plan::BufferRef &buffer,
                                std::string_view user, std::string_view entry) {
  uint64_t limit = 0;
  switch (buffer.segment()) {
  case Segment::arena:
    limit = table.arena_bytes();
    break;
  case Segment::parameters:
  case Segment::gradients:
  case Segment::exp_avg:
  case Segment::exp_avg_sq:
    limit = table.parameter_bytes();
    break;
  case Segment::constants:
    limit = table.constants_size();
    break;
  case Segment::io:
    limit = table.io_bytes();
    break;
  default:
    return bad("'", user, "' in '", entry, "' uses the unknown segment ",
               int(buffer.segment()));
  }
  if (buffer.offset() % kBufferAlignment != 0)
    return bad("'", user, "' in '", entry, "' uses offset ", buffer.offset(),
               ", which is not a multiple of ", kBufferAlignment);
  if (!insideRange(buffer.offset(), buffer.size(), limit))
    return bad("'", user, "' in '", entry, "' uses ", buffer.size(),
               " bytes at offset ", buffer.offset(), " of segment '",
               segmentName(buffer.segment()), "', which has ", limit);
  return nullptr;
}

Error PlanVerifier::checkTarget(const plan::BufferRef &buffer,
                                std::string_view user, std::string_view entry) {
  if (Error error = checkBuffer(buffer, user, entry))
    return error;
  if (buffer.segment() == Segment::constants)
    return bad("'", user, "' in '", entry, "' writes to the constants");
  return nullptr;
}

Error PlanVerifier::checkLaunch(const plan::Launch &launch,
                                std::string_view name, std::string_view entry) {
  if (launch.kernel() >= table.kernels()->size())
    return bad("'", name, "' in '", entry, "' launches kernel ",
               launch.kernel(), ", the plan has ", table.kernels()->size());
  const plan::Kernel &kernel = *table.kernels()->Get(launch.kernel());
  auto arity = [&](const char *what, uint64_t has, uint64_t wants) -> Error {
    if (has == wants)
      return nullptr;
    return bad("'", name, "' in '", entry, "' passes ", has, " ", what,
               ", kernel '", kernel.symbol()->string_view(), "' takes ", wants);
  };
  if (Error error =
          arity("buffers", launch.buffers()->size(), kernel.buffers()))
    return error;
  if (Error error =
          arity("floats", launch.floats() ? launch.floats()->size() : 0,
                kernel.floats()))
    return error;
  if (Error error = arity("ints", launch.ints() ? launch.ints()->size() : 0,
                          kernel.ints()))
    return error;
  if (launch.items() > uint64_t(INT64_MAX) / 2)
    return bad("'", name, "' in '", entry, "' has ", launch.items(),
               " work items, at most ", INT64_MAX / 2, " are possible");
  for (const plan::BufferRef *buffer : *launch.buffers())
    if (Error error = checkBuffer(*buffer, name, entry))
      return error;
  return nullptr;
}

Error PlanVerifier::checkMatmul(const plan::Matmul &matmul,
                                std::string_view name, std::string_view entry) {
  uint64_t m = matmul.m(), n = matmul.n(), k = matmul.k();
  if (m == 0 || n == 0 || k == 0)
    return bad("'", name, "' in '", entry, "' multiplies ", m, " x ", k, " by ",
               k, " x ", n, ": each extent must be at least 1");
  if (!std::isfinite(matmul.alpha()) || !std::isfinite(matmul.beta()))
    return bad("'", name, "' in '", entry,
               "' has an alpha or beta that is not finite");
  using plan::DType;
  struct Operand {
    const char *name;
    const plan::BufferRef *buffer;
    DType type;
    uint64_t rows, columns;
  };
  const Operand operands[] = {
      {"a", matmul.a(), matmul.dtype_a(), m, k},
      {"b", matmul.b(), matmul.dtype_b(), k, n},
      {"c", matmul.c(), matmul.dtype_c(), m, n},
      {"gain", matmul.gain(), DType::f32, 1, matmul.trans_b() ? k : n}};
  for (const Operand &operand : operands) {
    if (!operand.buffer)
      continue;
    if (operand.type != DType::f32 && operand.type != DType::bf16)
      return bad("'", name, "' in '", entry, "': ", operand.name,
                 " has element type ", int(operand.type),
                 ", expected f32 or bf16");
    auto bytes = checkedProduct(
        {operand.rows, operand.columns, operand.type == DType::f32 ? 4u : 2u});
    if (!bytes || *bytes > uint64_t(INT64_MAX))
      return bad("'", name, "' in '", entry, "': ", operand.name, " of ",
                 operand.rows, " x ", operand.columns, " elements overflows");
    if (operand.buffer->size() != *bytes)
      return bad("'", name, "' in '", entry, "': ", operand.name, " has ",
                 operand.buffer->size(), " bytes, ", operand.rows, " x ",
                 operand.columns, " ", plan::EnumNameDType(operand.type),
                 " need ", *bytes);
  }
  if (matmul.dtype_c() == DType::bf16) {
    if (matmul.dtype_a() == DType::f32 && matmul.dtype_b() == DType::f32)
      return bad("'", name, "' in '", entry,
                 "' rounds a product of f32 operands to bf16; one of them must "
                 "be bf16");
    if (matmul.beta() != 0.0f)
      return bad("'", name, "' in '", entry, "' adds to a bf16 c; with beta ",
                 matmul.beta(), " it must be f32");
  }
  if (matmul.gain()) {
    if (Error error = checkBuffer(*matmul.gain(), name, entry))
      return error;
    if (overlap(*matmul.c(), *matmul.gain()))
      return bad("'", name, "' in '", entry, "' writes over its own gain");
  }
  if (Error error = checkBuffer(*matmul.a(), name, entry))
    return error;
  if (Error error = checkBuffer(*matmul.b(), name, entry))
    return error;
  if (Error error = checkTarget(*matmul.c(), name, entry))
    return error;
  if (overlap(*matmul.c(), *matmul.a()) || overlap(*matmul.c(), *matmul.b()))
    return bad("'", name, "' in '", entry, "' writes over its own operand");
  return nullptr;
}

/// The callee's own inputs and outputs are checked with its entry point.
Error PlanVerifier::checkRepeat(const plan::Repeat &repeat,
                                std::string_view name, std::string_view entry) {
  const auto &entries = *table.entry_points();
  if (repeat.entry() >= entries.size())
    return bad("'", name, "' in '", entry, "' repeats entry point ",
               repeat.entry(), ", the plan has ", entries.size());
  const plan::EntryPoint &callee = *entries.Get(repeat.entry());
  std::string_view calleeName = callee.name()->string_view();
  if (!isMicro(calleeName) || isMicro(entry))
    return bad(
        "'", name, "' in '", entry, "' repeats '", calleeName,
        "', but only micro_grads and micro_eval are repeated, and not by "
        "one another");
  if (repeat.count() == 0 ||
      uint64_t(repeat.count()) * table.micro_batch() != table.batch())
    return bad("'", name, "' in '", entry, "' repeats ", table.micro_batch(),
               " sequences ", repeat.count(), " times, a batch has ",
               table.batch());
  uint64_t bytes = uint64_t(table.batch()) * table.sequence() * sizeof(int32_t);
  for (const plan::BufferRef *input : {repeat.tokens(), repeat.targets()}) {
    if (Error error = checkBuffer(*input, name, entry))
      return error;
    if (input->size() != bytes)
      return bad("'", name, "' in '", entry, "' has inputs of ", input->size(),
                 " bytes, a batch has ", bytes);
  }
  if (Error error = checkTarget(*repeat.loss(), name, entry))
    return error;
  if (repeat.loss()->size() != sizeof(float) ||
      (repeat.loss()->segment() == Segment::arena &&
       repeat.loss()->offset() < callee.arena_bytes()))
    return bad("'", name, "' in '", entry, "' puts its loss into ",
               repeat.loss()->size(), " bytes at ", repeat.loss()->offset(),
               ", expected 4 behind the ", callee.arena_bytes(), " of '",
               calleeName, "'");
  return nullptr;
}

Error PlanVerifier::checkCommand(const plan::Command &command,
                                 std::string_view entry) {
  std::string_view name = command.name()->string_view();
  switch (command.body_type()) {
  case plan::CommandBody::Launch:
    return checkLaunch(*command.body_as_Launch(), name, entry);
  case plan::CommandBody::Matmul:
    return checkMatmul(*command.body_as_Matmul(), name, entry);
  case plan::CommandBody::Repeat:
    return checkRepeat(*command.body_as_Repeat(), name, entry);
  case plan::CommandBody::Fill:
    return checkTarget(*command.body_as_Fill()->target(), name, entry);
  case plan::CommandBody::Copy: {
    const plan::BufferRef &source = *command.body_as_Copy()->source();
    const plan::BufferRef &target = *command.body_as_Copy()->target();
    if (Error error = checkBuffer(source, name, entry))
      return error;
    if (Error error = checkTarget(target, name, entry))
      return error;
    if (source.size() != target.size())
      return bad("'", name, "' in '", entry, "' copies ", source.size(),
                 " bytes to ", target.size());
    if (overlap(source, target))
      return bad("'", name, "' in '", entry, "' copies onto its own source");
    return nullptr;
  }
  default:
    return bad("'", name, "' in '", entry, "' is of the unknown kind ",
               int(command.body_type()));
  }
}

Error PlanVerifier::checkBindings(
    const flatbuffers::Vector<flatbuffers::Offset<plan::Binding>> &bindings,
    const std::vector<BindingRule> &rules, const char *direction,
    std::string_view entry) {
  if (bindings.size() != rules.size())
    return bad("'", entry, "' has ", bindings.size(), " ", direction,
               "s, expected ", rules.size());
  for (const BindingRule &rule : rules) {
    const plan::Binding *found = nullptr;
    for (const plan::Binding *binding : bindings)
      if (binding->name()->string_view() == rule.name)
        found = binding;
    if (!found)
      return bad("'", entry, "' has no ", direction, " '", rule.name, "'");
    if (found->dtype() != rule.type)
      return bad(direction, " '", rule.name, "' of '", entry,
                 "' has element type ", int(found->dtype()), ", expected ",
                 plan::EnumNameDType(rule.type));
    uint64_t elements = 1;
    if (found->shape())
      for (int64_t extent : *found->shape())
        if (extent < 1 ||
            __builtin_mul_overflow(elements, uint64_t(extent), &elements))
          return bad(direction, " '", rule.name, "' of '", entry,
                     "' has an impossible shape");
    if (elements != rule.elements)
      return bad(direction, " '", rule.name, "' of '", entry, "' has ",
                 elements, " elements, expected ", rule.elements);
    // Both element types of bindings have four bytes.
    const plan::BufferRef &buffer = *found->buffer();
    if (buffer.size() != elements * sizeof(float))
      return bad(direction, " '", rule.name, "' of '", entry, "' has ",
                 buffer.size(), " bytes, ", elements, " elements need ",
                 elements * sizeof(float));
    if (buffer.segment() != Segment::io && buffer.segment() != Segment::arena)
      return bad(direction, " '", rule.name, "' of '", entry,
                 "' is in segment ", int(buffer.segment()),
                 ", expected io or arena");
    if (Error error = checkBuffer(buffer, rule.name, entry))
      return error;
    for (const plan::Binding *other : bindings)
      if (other != found && overlap(buffer, *other->buffer()))
        return bad(direction, " '", rule.name, "' of '", entry,
                   "' overlaps another ", direction);
  }
  return nullptr;
}

Error PlanVerifier::checkEntryPoint(const plan::EntryPoint &entry,
                                    const EntryRule &rule) {
  std::string_view name = entry.name()->string_view();
  if (entry.arena_bytes() > table.arena_bytes())
    return bad("'", name, "' uses an arena of ", entry.arena_bytes(),
               " bytes, the plan has ", table.arena_bytes());
  if (entry.activation_bytes() > entry.arena_bytes())
    return bad("'", name, "' keeps ", entry.activation_bytes(),
               " bytes of activations in an arena of ", entry.arena_bytes());
  if (Error error = checkBindings(*entry.inputs(), rule.inputs, "input", name))
    return error;
  if (Error error =
          checkBindings(*entry.outputs(), rule.outputs, "output", name))
    return error;
  for (const plan::Command *command : *entry.commands())
    if (Error error = checkCommand(*command, name))
      return error;
  return nullptr;
}

Error PlanVerifier::checkEntryPoints() {
  using plan::DType;
  uint64_t rows = uint64_t(table.batch()) * table.sequence();
  BindingRule tokens{"tokens", DType::i32, rows};
  BindingRule targets{"targets", DType::i32, rows};
  BindingRule optimizer{"optimizer", DType::f32, LNS_OPT_SLOTS};
  BindingRule loss{"loss", DType::f32, 1};
  BindingRule norm{"gradient_norm", DType::f32, 1};
  uint64_t partRows = table.micro_batch() == 0
                          ? rows
                          : uint64_t(table.micro_batch()) * table.sequence();
  BindingRule partTokens{"tokens", DType::i32, partRows};
  BindingRule partTargets{"targets", DType::i32, partRows};
  BindingRule logits{"logits", DType::f32, partRows * table.vocabulary()};
  const EntryRule rules[] = {
      {"train_step", {tokens, targets, optimizer}, {loss, norm}},
      {"grads", {tokens, targets}, {loss}},
      {"apply", {optimizer}, {norm}},
      {"eval", {tokens, targets}, {loss}},
      {"logits", {partTokens}, {logits}},
      {"micro_grads", {partTokens, partTargets}, {loss}},
      {"micro_eval", {partTokens, partTargets}, {loss}},
  };
  for (const plan::EntryPoint *entry : *table.entry_points()) {
    std::string_view name = entry->name()->string_view();
    for (const plan::EntryPoint *other : *table.entry_points()) {
      if (other == entry)
        break;
      if (other->name()->string_view() == name)
        return bad("two entry points are named '", name, "'");
    }
    const EntryRule *rule =
        std::find_if(std::begin(rules), std::end(rules),
                     [&](const EntryRule &rule) { return name == rule.name; });
    if (rule == std::end(rules))
      return bad("unknown entry point '", name, "'");
    if (Error error = checkEntryPoint(*entry, *rule))
      return error;
  }
  return nullptr;
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
  return checkEntryPoints();
}

Error lns::verifyPlan(const plan::Plan &table, const unsigned char *file,
                      uint64_t fileSize, uint64_t tableSize,
                      std::string_view place) {
  return PlanVerifier(table, file, fileSize, tableSize, place).run();
}
