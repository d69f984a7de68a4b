//===- cuda_session.cpp - Making a session on a CUDA device ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/cuda_session.h"

#include "runtime/base/json_writer.h"
#include "runtime/base/thread_pool.h"
#include "runtime/cuda/noise.h"
#include "runtime/plan/init.h"
#include "runtime/plan/stored_tensor.h"

#include <algorithm>
#include <cstdlib>

using namespace lns;
using namespace lns::cuda;
using plan::Segment;

CudaSession::~CudaSession() {
  // Whatever runs must end before its memory goes; members are destroyed with
  // the context current.
  if (context.isOpen() && !context.makeCurrent() && stream)
    driver->streamSynchronize(stream);
}

Error CudaSession::allocate() {
  predicted = cudaPlanMemory(plan);
  struct Request {
    Segment segment;
    uint64_t bytes;
  };
  for (Request request : {Request{Segment::parameters, predicted.parameters},
                          Request{Segment::gradients, predicted.gradients},
                          Request{Segment::exp_avg, predicted.optimizer / 2},
                          Request{Segment::exp_avg_sq, predicted.optimizer / 2},
                          Request{Segment::arena, predicted.arena()},
                          Request{Segment::io, predicted.io},
                          Request{Segment::constants, predicted.constants},
                          Request{Segment::compute, predicted.compute},
                          Request{Segment::cache, predicted.caches},
                          Request{Segment::scratch, predicted.scratch()}})
    if (Error error =
            DeviceMemory::allocate(*driver, device, request.bytes,
                                   plan::EnumNameSegment(request.segment),
                                   segments[size_t(request.segment)]))
      return error;
  if (Error error = DeviceMemory::allocate(*driver, device, predicted.matmul,
                                           "workspace of cuBLASLt", workspace))
    return error;
  if (Error error =
          PinnedMemory::allocate(*driver, device, predicted.staging, staging))
    return error;
  const plan::CudaProgram &program = *plan.cuda();
  if (program.constants_size() == 0)
    return nullptr;
  return driver->check(
      driver->memcpyHtoDAsync(segments[size_t(Segment::constants)].address(),
                              plan.bytes.data() + program.constants_offset(),
                              program.constants_size(), stream),
      title, "cannot copy the constants");
}

/// Memory starts as zeros, as on the CPU, also after the tuner used it.
Error CudaSession::clearSegments() {
  for (size_t i = 0; i < segments.size(); ++i)
    if (Segment(i) != Segment::constants && segments[i].size() != 0)
      if (Error error =
              driver->check(driver->memsetD8Async(segments[i].address(), 0,
                                                  segments[i].size(), stream),
                            title, "cannot clear memory"))
        return error;
  return nullptr;
}

void CudaSession::fillMemory(lnsrt_memory &memory) const {
  auto bytes = [&](Segment which) { return segments[size_t(which)].size(); };
  memory.threads = hostThreads;
  memory.parameters = bytes(Segment::parameters);
  memory.gradients = bytes(Segment::gradients);
  memory.optimizer = bytes(Segment::exp_avg) + bytes(Segment::exp_avg_sq);
  // One block; where it divides is the plan's to say.
  memory.activations = predicted.activations;
  memory.workspace = bytes(Segment::arena) - predicted.activations;
  memory.io = bytes(Segment::io);
  memory.constants = bytes(Segment::constants);
  memory.matmul = workspace.size();
  memory.scratch = bytes(Segment::scratch);
  memory.staging = staging.size();
  memory.compute_weights = bytes(Segment::compute);
  memory.caches = bytes(Segment::cache);
  memory.total = memory.parameters + memory.gradients + memory.optimizer +
                 bytes(Segment::arena) + memory.io + memory.constants +
                 memory.matmul + memory.scratch + memory.staging +
                 memory.compute_weights + memory.caches;
}

/// What products read and write.
Error CudaSession::fillForTuner() {
  for (Segment which : {Segment::parameters, Segment::compute,
                        Segment::gradients, Segment::arena, Segment::scratch})
    if (Error error = fillWithNoise(*driver, segments[size_t(which)], stream))
      return error;
  return nullptr;
}

CudaEntry &CudaSession::callee(const plan::Repeat &repeat) {
  const plan::EntryPoint &entry =
      *plan.cuda()->entry_points()->Get(repeat.entry());
  for (size_t i = 0; i < kEntries; ++i)
    if (entry.name()->string_view() == entryName(Entry(i)))
      return entries[i];
  return entries.front(); // The verifier has seen to it that this is not so.
}

Error CudaSession::resolve(Entry which, const plan::EntryPoint &entry,
                           Tuner &tuner) {
  CudaEntry &resolved = entries[size_t(which)];
  resolved.present = true;
  for (const plan::Command *command : *entry.commands())
    if (Error error = tuner.add(*command, resolved.commands))
      return error;
  const std::vector<Command> &commands = resolved.commands.all();
  resolved.repeat = size_t(
      std::find_if(commands.begin(), commands.end(),
                   [](const Command &command) { return command.repeat; }) -
      commands.begin());
  auto bind = [&](const plan::Binding &binding) {
    std::string_view name = binding.name()->string_view();
    CuAddress data = commandContext->address(*binding.buffer());
    if (name == "tokens") {
      resolved.tokens = data;
      resolved.tokensBytes = binding.buffer()->size();
    } else if (name == "targets") {
      resolved.targets = data;
    } else if (name == "starts") {
      resolved.starts = data;
    } else if (name == "optimizer") {
      resolved.optimizer = data;
    } else if (name == "loss") {
      resolved.loss = data;
    } else if (name == "gradient_norm") {
      resolved.gradientNorm = data;
    } else if (name == "logits") {
      resolved.logits = data;
      resolved.logitsBytes = binding.buffer()->size();
    } else if (name == "stream" || name == "branch") {
      resolved.trace.push_back(data);
      resolved.traceBytes = binding.buffer()->size();
    }
  };
  for (const plan::Binding *binding : *entry.inputs())
    bind(*binding);
  for (const plan::Binding *binding : *entry.outputs())
    bind(*binding);
  return nullptr;
}

/// cuBLASLt that is not there is the tuner's business, not an error.
Error CudaSession::openProducts(Error &missing) {
  productTitle = "generated";
  if (!wantsLibraryProducts(*plan.cuda()))
    return nullptr;
  const CublasLt *found = nullptr;
  missing = getCublasLt(driver->version, found);
  if (missing)
    return nullptr;
  return library.open(*driver, device, cache, timer, workspace.address(),
                      workspace.size());
}

Error CudaSession::create(const lnsrt_session_options &options,
                          std::string_view deviceName) {
  int ordinal = 0;
  if (Error error = parseDevice(deviceName, ordinal))
    return error;
  hostThreads = options.threads;
  if (Error error = ThreadPool::choose(hostThreads, plan.path))
    return error;
  ProductChoice choice = ProductChoice::Auto;
  if (Error error = productChoice(choice))
    return error;
  const char *check = std::getenv("LNSRT_CUDA_CHECK");
  checks = check && std::string_view(check) == "1";
  if (Error error = getDriver(driver))
    return error;
  if (Error error = findDevice(*driver, ordinal, device))
    return error;
  title = concat("cuda:", ordinal);
  if (Error error = context.retain(*driver, device))
    return error;
  if (Error error = capturing.create(*driver))
    return error;
  stream = options.cuda_stream ? static_cast<CuStream>(options.cuda_stream)
                               : capturing.get();
  cache = DiskCache::fromEnvironment();
  if (Error error = kernels.load(plan, *driver, device, cache))
    return error;
  if (Error error = allocate())
    return error;
  if (Error error = clearSegments())
    return error;
  if (Error error = timer.create(*driver, stream))
    return error;
  Error missing;
  if (Error error = openProducts(missing))
    return error;
  commandContext.emplace(
      CommandContext{*plan.cuda(), *driver, segments, kernels, library});
  if (library.isOpen())
    if (Error error = fillForTuner())
      return error;
  Tuner tuner;
  if (Error error = tuner.create(plan, *commandContext, device, cache, timer,
                                 choice, std::move(missing)))
    return error;
  for (size_t i = 0; i < kEntries; ++i)
    if (const plan::EntryPoint *entry =
            plan.cudaEntryPoint(entryName(Entry(i))))
      if (Error error = resolve(Entry(i), *entry, tuner))
        return error;
  choices = tuner.choices();
  timedChoices = tuner.timed;
  rememberedChoices = tuner.remembered;
  if (library.isOpen())
    productTitle = concat("cublasLt ", library.library()->versionText());
  if (Error error = clearSegments())
    return error;
  return synchronize("creating the session");
}

std::string CudaSession::json() const {
  JsonWriter json;
  json.open('{');
  json.field("device", name());
  json.field("name", std::string_view(device.name));
  json.field("compute_capability",
             std::string_view(capabilityText(device.arch)));
  json.field("driver", std::string_view(versionText(driver->version)));
  json.field("nvrtc", std::string_view(kernels.compiler()
                                           ? kernels.compiler()->versionText()
                                           : std::string()));
  json.field("arch", std::string_view(kernels.arch()));
  json.field("cublaslt", std::string_view(library.isOpen()
                                              ? library.library()->versionText()
                                              : std::string()));
  json.field("cache", std::string_view(cache.folder()));
  json.key("kernels");
  json.open('{');
  json.field("from_plan", kernels.fromPlan);
  json.field("from_cache", kernels.fromCache);
  json.field("compiled", kernels.compiled);
  json.close('}');
  json.key("alternatives");
  json.open('{');
  json.field("timed", timedChoices);
  json.field("remembered", rememberedChoices);
  json.key("chosen");
  json.open('{');
  for (const auto &[name, count] : choices)
    json.field(name, count);
  json.close('}');
  json.close('}');
  json.close('}');
  return std::move(json.text);
}

Error CudaSession::init(uint64_t seed) {
  if (Error error = context.makeCurrent())
    return error;
  wasWritten = true;
  for (Segment which : {Segment::exp_avg, Segment::exp_avg_sq})
    if (const DeviceMemory &memory = segments[size_t(which)]; memory.size())
      if (Error error = driver->check(
              driver->memsetD8Async(memory.address(), 0, memory.size(), stream),
              title, "cannot clear the optimizer's state"))
        return error;
  // On the host, by the same code as for the CPU: both start from the same
  // bits.
  ThreadPool pool;
  if (Error error = pool.start(hostThreads))
    return error;
  uint64_t largest = 0;
  for (const plan::Parameter *parameter : *plan.table->parameters())
    largest = std::max(largest, storedBytes(*parameter));
  PageMemory host;
  if (Error error = PageMemory::allocate(largest, "initial parameters", host))
    return error;
  for (const plan::Parameter *parameter : *plan.table->parameters()) {
    auto *data = reinterpret_cast<float *>(host.data());
    initializeParameter(*parameter, seed, StoredTensor(*parameter, data), pool);
    CuAddress to =
        segments[size_t(Segment::parameters)].address() + parameter->offset();
    if (Error error = driver->check(
            driver->memcpyHtoDAsync(to, data, storedBytes(*parameter), stream),
            parameter->name()->string_view(), "cannot copy to the device"))
      return error;
    if (Error error = synchronize("copying the initial parameters"))
      return error;
  }
  return nullptr;
}

Error CudaSession::read(Segment segment, const plan::Parameter &parameter,
                        uint64_t first, uint64_t count, float *to) {
  if (count == 0)
    return nullptr;
  if (Error error = context.makeCurrent())
    return error;
  CuAddress from = segments[size_t(segment)].address() + parameter.offset();
  // What lies between the first and the last of them, padding included.
  StoredTensor places(parameter, nullptr);
  uint64_t begin = places.offset(first);
  uint64_t span = places.offset(first + count - 1) + 1 - begin;
  PageMemory host;
  float *target = to;
  if (span != count) {
    if (Error error = PageMemory::allocate(
            span * sizeof(float), parameter.name()->string_view(), host))
      return error;
    target = reinterpret_cast<float *>(host.data());
  }
  if (Error error = driver->check(
          driver->memcpyDtoHAsync(target, from + begin * sizeof(float),
                                  span * sizeof(float), stream),
          parameter.name()->string_view(), "cannot copy from the device"))
    return error;
  if (Error error = synchronize("reading a tensor"))
    return error;
  if (span != count)
    places.gather(first, count, target, to);
  return nullptr;
}

Error CudaSession::write(Segment segment, const plan::Parameter &parameter,
                         const float *from) {
  if (Error error = context.makeCurrent())
    return error;
  wasWritten |= segment == Segment::parameters;
  uint64_t bytes = storedBytes(parameter);
  PageMemory host;
  if (isPadded(parameter)) {
    if (Error error =
            PageMemory::allocate(bytes, parameter.name()->string_view(), host))
      return error;
    auto *data = reinterpret_cast<float *>(host.data());
    StoredTensor(parameter, data).write(from);
    from = data;
  }
  CuAddress to = segments[size_t(segment)].address() + parameter.offset();
  if (Error error = driver->check(
          driver->memcpyHtoDAsync(to, from, bytes, stream),
          parameter.name()->string_view(), "cannot copy to the device"))
    return error;
  return synchronize("writing a tensor");
}

Error CudaSession::writeIo(uint64_t offset, const void *bytes, uint64_t size) {
  if (Error error = context.makeCurrent())
    return error;
  return driver->check(
      driver->memcpyHtoDAsync(segments[size_t(Segment::io)].address() + offset,
                              bytes, size, stream),
      title, "cannot copy inputs to the device");
}

Error lns::cuda::createSession(const lnsrt_plan &plan,
                               const lnsrt_session_options &options,
                               std::string_view device,
                               std::unique_ptr<SessionDevice> &out) {
  auto session = std::make_unique<CudaSession>(plan);
  if (Error error = session->create(options, device))
    return error;
  out = std::move(session);
  return nullptr;
}
