//===- plan_verifier_program.cpp - The check of entry points --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/kernel_abi.h"
#include "runtime/plan/plan_verifier_impl.h"

#include <algorithm>
#include <cmath>

using namespace lns;
using plan::Segment;

static const char *segmentName(Segment segment) {
  return plan::EnumNameSegment(segment);
}

/// The one that the segment `cache` is for.
static constexpr std::string_view kDecode = "decode";

/// Entry points that only commands of others run.
static bool isMicro(std::string_view entry) {
  return entry == "micro_grads" || entry == "micro_eval";
}

Error PlanVerifier::checkBuffer(const Program &program,
                                const plan::BufferRef &buffer,
                                std::string_view user, std::string_view entry) {
  uint64_t limit = 0;
  switch (buffer.segment()) {
  case Segment::arena:
    limit = program.arena;
    break;
  case Segment::parameters:
    limit = table.parameter_bytes();
    break;
  case Segment::gradients:
  case Segment::exp_avg:
  case Segment::exp_avg_sq:
    limit = trainableBytes(table);
    break;
  case Segment::constants:
    limit = program.constants;
    break;
  case Segment::io:
    limit = table.io_bytes();
    break;
  case Segment::scratch:
    if (!program.cuda)
      return bad("'", user, "' in '", entry,
                 "' uses the segment 'scratch', which only CUDA has");
    limit = program.scratch;
    break;
  case Segment::compute:
    if (!program.cuda)
      return bad("'", user, "' in '", entry,
                 "' uses the segment 'compute', which only CUDA has");
    limit = program.compute;
    break;
  case Segment::cache:
    // What it holds is the rows' text only while nothing else writes there.
    if (entry != kDecode)
      return bad("'", user, "' in '", entry,
                 "' uses the segment 'cache', which only '", kDecode, "' has");
    limit = cacheBytes(table);
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

Error PlanVerifier::checkTarget(const Program &program,
                                const plan::BufferRef &buffer,
                                std::string_view user, std::string_view entry) {
  if (Error error = checkBuffer(program, buffer, user, entry))
    return error;
  if (buffer.segment() == Segment::constants)
    return bad("'", user, "' in '", entry, "' writes to the constants");
  if (buffer.segment() == Segment::parameters &&
      !insideRange(buffer.offset(), buffer.size(), trainableBytes(table)))
    return bad("'", user, "' in '", entry, "' writes to frozen parameters");
  return nullptr;
}

Error PlanVerifier::checkLaunch(const Program &program,
                                const plan::Launch &launch,
                                std::string_view name, std::string_view entry) {
  uint64_t kernels =
      program.cuda ? program.cuda->kernels()->size() : table.kernels()->size();
  if (launch.kernel() >= kernels)
    return bad("'", name, "' in '", entry, "' launches kernel ",
               launch.kernel(), ", the plan has ", kernels);
  struct Kernel {
    std::string_view symbol;
    uint32_t buffers, floats, ints;
  };
  auto describe = [](const auto &kernel) {
    return Kernel{kernel.symbol()->string_view(), kernel.buffers(),
                  kernel.floats(), kernel.ints()};
  };
  const Kernel kernel =
      program.cuda ? describe(*program.cuda->kernels()->Get(launch.kernel()))
                   : describe(*table.kernels()->Get(launch.kernel()));
  auto arity = [&](const char *what, uint64_t has, uint64_t wants) -> Error {
    if (has == wants)
      return nullptr;
    return bad("'", name, "' in '", entry, "' passes ", has, " ", what,
               ", kernel '", kernel.symbol, "' takes ", wants);
  };
  if (!isAligned(launch.buffers()) || !isAligned(launch.floats()) ||
      !isAligned(launch.ints()))
    return bad("an argument of '", name, "' in '", entry, "' is misaligned");
  if (Error error = arity("buffers", launch.buffers()->size(), kernel.buffers))
    return error;
  if (Error error =
          arity("floats", launch.floats() ? launch.floats()->size() : 0,
                kernel.floats))
    return error;
  if (Error error =
          arity("ints", launch.ints() ? launch.ints()->size() : 0, kernel.ints))
    return error;
  if (program.cuda) {
    if (Error error = checkGrid(launch, name, entry))
      return error;
  } else if (launch.grid_x() != 0 || launch.grid_y() != 0 ||
             launch.grid_z() != 0) {
    return bad("'", name, "' in '", entry, "' has a grid, which only CUDA has");
  }
  if (launch.items() > uint64_t(INT64_MAX) / 2)
    return bad("'", name, "' in '", entry, "' has ", launch.items(),
               " work items, at most ", INT64_MAX / 2, " are possible");
  for (const plan::BufferRef *buffer : *launch.buffers())
    if (Error error = checkBuffer(program, *buffer, name, entry))
      return error;
  return nullptr;
}

Error PlanVerifier::checkMatmul(const Program &program,
                                const plan::Matmul &matmul,
                                std::string_view name, std::string_view entry) {
  if (program.cuda)
    if (Error error = checkCudaMatmul(matmul, name, entry))
      return error;
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
    if (Error error = checkBuffer(program, *matmul.gain(), name, entry))
      return error;
    if (overlap(*matmul.c(), *matmul.gain()))
      return bad("'", name, "' in '", entry, "' writes over its own gain");
  }
  if (Error error = checkBuffer(program, *matmul.a(), name, entry))
    return error;
  if (Error error = checkBuffer(program, *matmul.b(), name, entry))
    return error;
  if (Error error = checkTarget(program, *matmul.c(), name, entry))
    return error;
  if (overlap(*matmul.c(), *matmul.a()) || overlap(*matmul.c(), *matmul.b()))
    return bad("'", name, "' in '", entry, "' writes over its own operand");
  return nullptr;
}

/// The callee's own inputs and outputs are checked with its entry point.
Error PlanVerifier::checkRepeat(const Program &program,
                                const plan::Repeat &repeat,
                                std::string_view name, std::string_view entry) {
  const auto &entries = program.entries;
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
  if (bool(repeat.starts()) != documents)
    return bad("'", name, "' in '", entry, "' hands on ",
               documents ? "no starts" : "starts", ", but entry points take ",
               documents ? "them" : "none");
  for (const plan::BufferRef *input :
       {repeat.tokens(), repeat.targets(), repeat.starts()}) {
    if (!input)
      continue;
    if (Error error = checkBuffer(program, *input, name, entry))
      return error;
    if (input->size() != bytes)
      return bad("'", name, "' in '", entry, "' has inputs of ", input->size(),
                 " bytes, a batch has ", bytes);
  }
  // A session checks what the entry point takes, and no part of it again.
  for (auto [kind, input] : {std::pair<BindingKind, const plan::BufferRef *>{
                                 BindingKind::Tokens, repeat.tokens()},
                             {BindingKind::Targets, repeat.targets()},
                             {BindingKind::Starts, repeat.starts()}}) {
    if (!input)
      continue;
    bool isOwn = false;
    for (const plan::EntryPoint *caller : entries)
      if (caller->name()->string_view() == entry)
        for (const plan::Binding *binding : *caller->inputs())
          isOwn |= binding->name()->string_view() == getName(kind) &&
                   binding->buffer()->segment() == input->segment() &&
                   binding->buffer()->offset() == input->offset() &&
                   binding->buffer()->size() == input->size();
    if (!isOwn)
      return bad("'", name, "' in '", entry, "' hands on as ", getName(kind),
                 " what the entry point does not take as such");
  }
  if (Error error = checkTarget(program, *repeat.loss(), name, entry))
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

Error PlanVerifier::checkCommand(const Program &program,
                                 const plan::Command &command,
                                 std::string_view entry) {
  std::string_view name = command.name()->string_view();
  switch (command.body_type()) {
  case plan::CommandBody::Launch:
    return checkLaunch(program, *command.body_as_Launch(), name, entry);
  case plan::CommandBody::Matmul:
    return checkMatmul(program, *command.body_as_Matmul(), name, entry);
  case plan::CommandBody::Repeat:
    return checkRepeat(program, *command.body_as_Repeat(), name, entry);
  case plan::CommandBody::Alternatives:
    return checkAlternatives(program, *command.body_as_Alternatives(), name,
                             entry);
  case plan::CommandBody::Fill:
    if (command.body_as_Fill()->target()->size() % sizeof(float) != 0)
      return bad("'", name, "' in '", entry, "' fills ",
                 command.body_as_Fill()->target()->size(),
                 " bytes, which is no multiple of ", sizeof(float));
    return checkTarget(program, *command.body_as_Fill()->target(), name, entry);
  case plan::CommandBody::Copy: {
    const plan::BufferRef &source = *command.body_as_Copy()->source();
    const plan::BufferRef &target = *command.body_as_Copy()->target();
    if (Error error = checkBuffer(program, source, name, entry))
      return error;
    if (Error error = checkTarget(program, target, name, entry))
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

/// Element type and number of elements of what an entry point takes or gives.
static std::pair<plan::DType, uint64_t> describe(BindingKind kind,
                                                 const EntryPointRule &rule,
                                                 const plan::Plan &table) {
  uint64_t batch = rule.isOfPart && table.micro_batch() != 0
                       ? table.micro_batch()
                       : table.batch();
  uint64_t rows = rule.isOfToken ? batch : batch * table.sequence();
  switch (kind) {
  case BindingKind::Tokens:
  case BindingKind::Targets:
  case BindingKind::Starts:
    return {plan::DType::i32, rows};
  case BindingKind::TargetCount:
    return {plan::DType::i32, 1};
  case BindingKind::Optimizer:
    return {plan::DType::f32, LNS_OPT_SLOTS};
  case BindingKind::Loss:
  case BindingKind::GradientNorm:
    return {plan::DType::f32, 1};
  case BindingKind::Logits:
    return {plan::DType::f32, rows * table.vocabulary()};
  case BindingKind::Stream:
  case BindingKind::Branch:
    break; // checkTrace
  }
  return {};
}

/// Whether a value of the right number of elements has one token a row.
static bool isOfTokens(const plan::Binding &binding, BindingKind kind,
                       const plan::Plan &table) {
  const auto *shape = binding.shape();
  return shape && shape->size() == (kind == BindingKind::Logits ? 3u : 2u) &&
         shape->Get(0) == int64_t(table.batch()) && shape->Get(1) == 1;
}

Error PlanVerifier::checkBindings(
    const Program &program,
    const flatbuffers::Vector<flatbuffers::Offset<plan::Binding>> &bindings,
    std::span<const BindingKind> expected, const char *direction,
    const EntryPointRule &rule) {
  std::string_view entry = rule.name;
  if (bindings.size() != expected.size())
    return bad("'", entry, "' has ", bindings.size(), " ", direction,
               "s, expected ", expected.size());
  for (BindingKind kind : expected) {
    std::string_view name = getName(kind);
    auto [type, wanted] = describe(kind, rule, table);
    const plan::Binding *found = nullptr;
    for (const plan::Binding *binding : bindings)
      if (binding->name()->string_view() == name)
        found = binding;
    if (!found)
      return bad("'", entry, "' has no ", direction, " '", name, "'");
    if (found->dtype() != type)
      return bad(direction, " '", name, "' of '", entry, "' has element type ",
                 int(found->dtype()), ", expected ", plan::EnumNameDType(type));
    if (!isAligned(found->shape()))
      return bad("the shape of ", direction, " '", name, "' of '", entry,
                 "' is misaligned");
    uint64_t elements = 1;
    if (found->shape())
      for (int64_t extent : *found->shape())
        if (extent < 1 ||
            __builtin_mul_overflow(elements, uint64_t(extent), &elements))
          return bad(direction, " '", name, "' of '", entry,
                     "' has an impossible shape");
    if (elements != wanted)
      return bad(direction, " '", name, "' of '", entry, "' has ", elements,
                 " elements, expected ", wanted);
    if (rule.isOfToken && !isOfTokens(*found, kind, table))
      return bad(direction, " '", name, "' of '", entry,
                 "' has an impossible shape, expected ", table.batch(),
                 " rows of one token");
    // Both element types of bindings have four bytes.
    const plan::BufferRef &buffer = *found->buffer();
    if (buffer.size() != elements * sizeof(float))
      return bad(direction, " '", name, "' of '", entry, "' has ",
                 buffer.size(), " bytes, ", elements, " elements need ",
                 elements * sizeof(float));
    if (buffer.segment() != Segment::io && buffer.segment() != Segment::arena)
      return bad(direction, " '", name, "' of '", entry, "' is in segment ",
                 int(buffer.segment()), ", expected io or arena");
    if (Error error = checkBuffer(program, buffer, name, entry))
      return error;
    for (const plan::Binding *other : bindings)
      if (other != found && overlap(buffer, *other->buffer()))
        return bad(direction, " '", name, "' of '", entry,
                   "' overlaps another ", direction);
  }
  return nullptr;
}

Error PlanVerifier::checkEntryPoint(const Program &program,
                                    const plan::EntryPoint &entry,
                                    const EntryPointRule &rule) {
  std::string_view name = rule.name;
  if (entry.arena_bytes() > program.arena)
    return bad("'", name, "' uses an arena of ", entry.arena_bytes(),
               " bytes, the plan has ", program.arena);
  if (entry.activation_bytes() > entry.arena_bytes())
    return bad("'", name, "' keeps ", entry.activation_bytes(),
               " bytes of activations in an arena of ", entry.arena_bytes());
  if (Error error = checkBindings(program, *entry.inputs(),
                                  rule.getInputs(documents), "input", rule))
    return error;
  if (Error error = rule.isTrace ? checkTrace(program, entry)
                                 : checkBindings(program, *entry.outputs(),
                                                 rule.outputs, "output", rule))
    return error;
  for (const plan::Command *command : *entry.commands())
    if (Error error = checkCommand(program, *command, name))
      return error;
  return program.cuda ? checkCudaRepeats(entry) : nullptr;
}

Error PlanVerifier::checkEntryPoints(const Program &program) {
  for (const plan::EntryPoint *entry : program.entries) {
    std::string_view name = entry->name()->string_view();
    for (const plan::EntryPoint *other : program.entries) {
      if (other == entry)
        break;
      if (other->name()->string_view() == name)
        return bad("two entry points are named '", name, "'");
    }
    const EntryPointRule *rule = findEntryPoint(name);
    if (!rule || (name == "refresh" && !program.cuda))
      return bad("unknown entry point '", name, "'");
    if (Error error = checkEntryPoint(program, *entry, *rule))
      return error;
  }
  return nullptr;
}
