//===- cpu_session.cpp - Making a session on the CPU ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cpu/cpu_session.h"

#include "runtime/base/json_writer.h"
#include "runtime/plan/init.h"
#include "runtime/plan/plan_format.h"

#include <algorithm>
#include <cstring>
#include <string_view>

using namespace lns;
using plan::Segment;

unsigned char *CpuSession::segment(Segment which) const {
  // Kernels get the constants through the same kind of pointer as everything
  // else; the pages are read-only.
  if (which == Segment::constants)
    return const_cast<unsigned char *>(plan.constants());
  return segments[size_t(which)].data();
}

void *CpuSession::address(const plan::BufferRef &buffer) const {
  return segment(buffer.segment()) + buffer.offset();
}

Error CpuSession::allocate() {
  predicted = planMemory(plan, pool.threads());
  struct Request {
    Segment segment;
    uint64_t bytes;
  };
  for (Request request : {Request{Segment::arena, predicted.arena()},
                          Request{Segment::parameters, predicted.parameters},
                          Request{Segment::gradients, predicted.gradients},
                          Request{Segment::exp_avg, predicted.optimizer / 2},
                          Request{Segment::exp_avg_sq, predicted.optimizer / 2},
                          Request{Segment::io, predicted.io},
                          Request{Segment::cache, predicted.caches}})
    if (Error error = PageMemory::allocate(
            request.bytes, plan::EnumNameSegment(request.segment),
            segments[size_t(request.segment)]))
      return error;
  return PageMemory::allocate(predicted.scratch(), "scratch", scratch);
}

void CpuSession::fillMemory(lnsrt_memory &memory) const {
  auto bytes = [&](Segment which) -> uint64_t {
    return segments[size_t(which)].size();
  };
  memory.threads = pool.threads();
  memory.parameters = bytes(Segment::parameters);
  memory.gradients = bytes(Segment::gradients);
  memory.optimizer = bytes(Segment::exp_avg) + bytes(Segment::exp_avg_sq);
  // One block; where it divides is the plan's to say.
  memory.activations = predicted.activations;
  memory.workspace = bytes(Segment::arena) - predicted.activations;
  memory.io = bytes(Segment::io);
  memory.constants = plan.table->constants_size();
  memory.matmul = products.workspaceBytes();
  memory.scratch = scratch.size();
  memory.caches = bytes(Segment::cache);
  memory.total = memory.parameters + memory.gradients + memory.optimizer +
                 bytes(Segment::arena) + memory.io + memory.constants +
                 memory.matmul + memory.scratch + memory.caches;
}

static MatmulType matmulType(plan::DType type) {
  return type == plan::DType::bf16 ? MatmulType::Bf16 : MatmulType::F32;
}

void CpuSession::resolve(Entry which, const plan::EntryPoint &entry) {
  ResolvedEntry &resolved = entries[size_t(which)];
  resolved.present = true;
  size_t buffers = 0;
  for (const plan::Command *command : *entry.commands())
    if (const plan::Launch *launch = command->body_as_Launch())
      buffers += launch->buffers()->size();
  // Reserved once: the commands point into it.
  resolved.buffers.reserve(buffers);
  resolved.commands.reserve(entry.commands()->size());
  for (const plan::Command *command : *entry.commands()) {
    ResolvedCommand out;
    out.kind = command->body_type();
    out.name = command->name()->c_str();
    out.cost = {command->bytes(), command->flops()};
    if (const plan::Launch *launch = command->body_as_Launch()) {
      out.group = plan.table->kernels()->Get(launch->kernel())->kind()->c_str();
      out.kernel = code.kernel(launch->kernel());
      out.buffers = resolved.buffers.data() + resolved.buffers.size();
      for (const plan::BufferRef *buffer : *launch->buffers())
        resolved.buffers.push_back(address(*buffer));
      out.floats = launch->floats() ? launch->floats()->data() : nullptr;
      out.ints = launch->ints() ? launch->ints()->data() : nullptr;
      out.items = int64_t(launch->items());
    } else if (const plan::Matmul *matmul = command->body_as_Matmul()) {
      out.group = "matmul";
      out.shape = {int64_t(matmul->m()),
                   int64_t(matmul->n()),
                   int64_t(matmul->k()),
                   matmul->trans_a(),
                   matmul->trans_b(),
                   matmul->alpha(),
                   matmul->beta(),
                   matmulType(matmul->dtype_a()),
                   matmulType(matmul->dtype_b()),
                   matmulType(matmul->dtype_c())};
      out.a = address(*matmul->a());
      out.b = address(*matmul->b());
      out.c = address(*matmul->c());
      if (matmul->gain())
        out.gain = static_cast<const float *>(address(*matmul->gain()));
    } else if (const plan::Repeat *repeat = command->body_as_Repeat()) {
      out.group = "repeat";
      const plan::EntryPoint &callee =
          *plan.table->entry_points()->Get(repeat->entry());
      for (size_t i = 0; i < kEntries; ++i)
        if (callee.name()->string_view() == entryName(Entry(i)))
          out.callee = &entries[i];
      out.items = int64_t(repeat->count());
      out.a = address(*repeat->tokens());
      out.b = address(*repeat->targets());
      if (repeat->starts())
        out.starts = address(*repeat->starts());
      out.c = address(*repeat->loss());
      out.bytes = repeat->tokens()->size() / repeat->count();
    } else if (const plan::Fill *fill = command->body_as_Fill()) {
      out.group = "fill";
      out.c = address(*fill->target());
      out.bytes = fill->target()->size();
      out.value = fill->value();
    } else if (const plan::Copy *copy = command->body_as_Copy()) {
      out.group = "copy";
      out.a = address(*copy->source());
      out.c = address(*copy->target());
      out.bytes = copy->target()->size();
    }
    resolved.commands.push_back(out);
  }
  auto bind = [&](const plan::Binding &binding) {
    std::string_view name = binding.name()->string_view();
    void *data = address(*binding.buffer());
    if (name == "tokens") {
      resolved.tokens = static_cast<int32_t *>(data);
      resolved.tokensBytes = binding.buffer()->size();
    } else if (name == "targets")
      resolved.targets = static_cast<int32_t *>(data);
    else if (name == "starts")
      resolved.starts = static_cast<int32_t *>(data);
    else if (name == "optimizer")
      resolved.optimizer = static_cast<float *>(data);
    else if (name == "loss")
      resolved.loss = static_cast<const float *>(data);
    else if (name == "gradient_norm")
      resolved.gradientNorm = static_cast<const float *>(data);
    else if (name == "logits") {
      resolved.logits = static_cast<const float *>(data);
      resolved.logitsBytes = binding.buffer()->size();
    } else if (name == "stream" || name == "branch") {
      resolved.trace.push_back(static_cast<const float *>(data));
      resolved.traceBytes = binding.buffer()->size();
    }
  };
  for (const plan::Binding *binding : *entry.inputs())
    bind(*binding);
  for (const plan::Binding *binding : *entry.outputs())
    bind(*binding);
}

Error CpuSession::create(const lnsrt_session_options &options) {
  uint32_t threads = options.threads;
  if (Error error = ThreadPool::choose(threads, plan.path))
    return error;
  if (Error error = code.load(plan, options.cpu_level))
    return error;
  if (Error error = pool.start(threads))
    return error;
  if (Error error = allocate())
    return error;
  if (Error error = products.create(options.matmul, code.level(), pool))
    return error;
  for (size_t i = 0; i < kEntries; ++i)
    if (const plan::EntryPoint *entry = plan.entryPoint(entryName(Entry(i))))
      resolve(Entry(i), *entry);
  return nullptr;
}

Error CpuSession::init(uint64_t seed) {
  for (Segment which :
       {Segment::parameters, Segment::exp_avg, Segment::exp_avg_sq})
    if (unsigned char *data = segment(which))
      std::memset(data, 0, segments[size_t(which)].size());
  for (const plan::Parameter *parameter : *plan.table->parameters()) {
    auto *data = reinterpret_cast<float *>(segment(Segment::parameters) +
                                           parameter->offset());
    initializeParameter(*parameter, seed, StoredTensor(*parameter, data), pool);
  }
  return nullptr;
}

StoredTensor CpuSession::tensor(Segment which,
                                const plan::Parameter &parameter) const {
  return StoredTensor(parameter, reinterpret_cast<float *>(segment(which) +
                                                           parameter.offset()));
}

Error CpuSession::read(Segment which, const plan::Parameter &parameter,
                       uint64_t first, uint64_t count, float *to) {
  tensor(which, parameter).read(first, count, to);
  return nullptr;
}

Error CpuSession::write(Segment which, const plan::Parameter &parameter,
                        const float *from) {
  tensor(which, parameter).write(from);
  return nullptr;
}

Error CpuSession::writeIo(uint64_t offset, const void *bytes, uint64_t size) {
  std::memcpy(segment(Segment::io) + offset, bytes, size);
  return nullptr;
}

std::string CpuSession::json() const {
  JsonWriter json;
  json.open('{');
  json.field("device", name());
  json.field("cpu_level", cpuLevel());
  json.field("threads", threads());
  json.field("matmul", matmul());
  json.close('}');
  return std::move(json.text);
}

Error lns::createCpuSession(const lnsrt_plan &plan,
                            const lnsrt_session_options &options,
                            std::unique_ptr<SessionDevice> &out) {
  auto session = std::make_unique<CpuSession>(plan);
  if (Error error = session->create(options))
    return error;
  out = std::move(session);
  return nullptr;
}
